import { describe, expect, test } from 'vitest'
import type { StackFrame } from '../../src/breakdown/breakdown.ts'
import { entryFunction, programFrame } from '../../src/enrich/stack-text.ts'

const stack = (...functions: string[]): StackFrame[] =>
  functions.map((name) => ({ function: name, file: 'a.go', line: 1 }))
/** One of as many frames as the runtime writes. */
const cut = (...functions: string[]): StackFrame[] => {
  const rest = Array.from({ length: 128 - functions.length }, () => 'encoding/json.(*encodeState).reflectValue')
  return stack(...functions, ...rest)
}

describe('the function that a goroutine runs', () => {
  test.each([
    ['main.run', ['time.Sleep', 'main.run']],
    ['main.run', ['time.Sleep', 'main.run', 'main.start.gowrap1']],
    ['iter.Pull[...].func1', ['runtime.coroswitch_m', 'main.all', 'iter.Pull[...].func1', 'runtime.corostart']],
    ['runtime.corostart', ['runtime.corostart']],
    ['runtime.gcBgMarkWorker', ['runtime.gopark', 'runtime.gcBgMarkWorker']],
  ])('is %s in %j', (name, functions) => {
    expect(entryFunction(stack(...functions))).toBe(name)
  })

  test('is not known of no stack, nor of one that the runtime cut', () => {
    expect(entryFunction([])).toBeNull()
    expect(entryFunction(cut('main.deep'))).toBeNull()
  })

  test('is not known where the outermost frame names nothing, as in some stacks of Go 1.21', () => {
    expect(entryFunction([{ function: '', file: '', line: 0 }])).toBeNull()
    expect(entryFunction(stack('main.run', ''))).toBeNull()
  })
})

describe('the frame that tells what for', () => {
  test.each([
    [
      'main.handle',
      ['internal/poll.(*FD).Write', 'os.(*File).Write', 'log.(*Logger).output', 'log.Printf', 'main.handle'],
    ],
    ['main.handle', ['os.(*File).Write', 'log/slog.(*commonHandler).handle', 'log/slog.Info', 'main.handle']],
    ['main.handle', ['os.(*File).Write', 'fmt.Fprintf', 'main.handle', 'net/http.HandlerFunc.ServeHTTP']],
    ['example.com/log.Write', ['os.(*File).Write', 'example.com/log.Write', 'main.main']],
    [
      'main.ask',
      ['net/http.(*Client).Do', 'go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.Get', 'main.ask'],
    ],
    ['main.ask', ['net.(*conn).Read', 'bytes.(*Buffer).ReadFrom', 'crypto/tls.(*Conn).Handshake', 'main.ask']],
    ['net/http.(*conn).serve', ['runtime.gopark', 'bufio.(*Reader).Read', 'net/http.(*conn).serve']],
  ])("is the program's own nearest to the leaf, else the outermost: %s of %j", (name, functions) => {
    expect(programFrame(stack(...functions)).function).toBe(name)
  })

  test('of a stack that the runtime cut it is the nearest to the leaf, where none is of the program', () => {
    expect(programFrame(cut('runtime.gopark', 'sync.(*Mutex).Lock')).function).toBe('sync.(*Mutex).Lock')
    expect(programFrame(cut('runtime.gopark', 'sync.(*Mutex).Lock', 'main.encode')).function).toBe('main.encode')
  })
})
