import { describe, expect, test } from 'vitest'
import { emptyParts, type Group } from '../../src/breakdown/groups.ts'
import { isPipeWait } from '../../src/breakdown/runtime-names.ts'
import { rangeName, regionName, summaryName, waitName } from '../../src/enrich/child-names.ts'

const stack = (...functions: string[]): { function: string; file: string; line: number }[] =>
  functions.map((name) => ({ function: name, file: 'a.go', line: 1 }))

test.each<[Group, string]>([
  ['schedWait', 'sched wait'],
  ['network', 'network wait'],
  ['lock', 'lock wait'],
  ['chan', 'chan wait'],
  ['syscall', 'syscall'],
  ['gcWait', 'GC wait'],
  ['sleep', 'sleep'],
  ['other', 'wait'],
])('a wait of group %s is called %s', (group, name) => {
  expect(waitName(group, null)).toBe(name)
})

describe('a wait for a lock says which kind the leaf frames show', () => {
  test.each([
    ['mutex wait', ['sync.(*Mutex).Lock', 'main.work']],
    ['mutex wait', ['runtime.semacquire1', 'internal/sync.(*Mutex).lockSlow', 'sync.(*Mutex).Lock', 'main.work']],
    ['RWMutex wait', ['sync.(*RWMutex).RLock', 'main.work']],
    ['WaitGroup wait', ['sync.(*WaitGroup).Wait', 'main.work']],
    ['Cond wait', ['sync.(*Cond).Wait', 'net/http.(*connReader).abortPendingRead']],
    ['Once wait', ['sync.(*Mutex).Lock', 'sync.(*Once).doSlow', 'sync.(*Once).Do', 'main.work']],
    ['file lock wait', ['internal/poll.(*fdMutex).rwlock', 'internal/poll.(*FD).Write', 'os.(*File).Write']],
    ['lock wait', ['runtime.semacquire', 'main.work']],
    ['lock wait', ['main.a', 'main.b', 'main.c', 'main.d', 'main.e', 'main.f', 'sync.(*Mutex).Lock']],
  ])('%s', (name, functions) => {
    expect(waitName('lock', stack(...functions))).toBe(name)
  })

  test("and one for a semaphore of the runtime's own that it is the runtime's", () => {
    expect(waitName('other', stack('runtime.stopTheWorld', 'runtime.ReadMemStats', 'main.work'))).toBe('runtime wait')
    expect(waitName('other', stack('main.work'))).toBe('wait')
  })

  test('and only a wait for a lock', () => {
    expect(waitName('network', stack('sync.(*Mutex).Lock'))).toBe('network wait')
  })
})

test('sleep that was none of its own is not called sleep, nor a wait for another goroutine a system call', () => {
  expect(waitName('sleep', null, 'timer')).toBe('timer wait')
  expect(waitName('sleep', null, 'deadline')).toBe('network wait until deadline')
  expect(waitName('chan', null, 'givenUp')).toBe('network wait until given up')
  expect(waitName('sleep', null, 'goroutine')).toBe('goroutine wait')
  expect(waitName('sleep', null, 'timerOrGoroutine')).toBe('timer or goroutine wait')
  expect(waitName('syscall', null, 'goroutine')).toBe('goroutine wait')
  expect(waitName('network', null, 'givenUp')).toBe('network wait until given up')
  expect(waitName('network', null, 'stream')).toBe('stream wait')
  expect(waitName('chan', null, 'queue')).toBe('queue wait')
  expect(waitName('sleep', null, 'connection')).toBe('connection wait until deadline')
  expect(waitName('syscall', null, 'process')).toBe('process wait')
  expect(waitName('network', null, 'late')).toBe('network wait')
})

test.each([
  ['pipe wait', ['internal/poll.(*FD).Read', 'os.(*File).read', 'os.(*File).Read', 'io.Copy']],
  ['pipe wait', ['runtime.netpollblock', 'internal/poll.(*FD).Write', 'os.(*File).Write', 'log.(*Logger).output']],
  // A connection copied to a file, a file to a connection, and one spliced to the other: the network.
  ['network wait', ['internal/poll.(*FD).Read', 'net.(*conn).Read', 'io.copyBuffer', 'os.(*File).ReadFrom', 'io.Copy']],
  ['network wait', ['internal/poll.SendFile', 'os.(*File).writeTo.func1', 'os.(*File).WriteTo', 'io.Copy']],
  ['network wait', ['internal/poll.(*FD).RawRead', 'os.(*File).spliceToFile', 'os.(*File).ReadFrom', 'io.Copy']],
  ['network wait', []],
])('%s: who called the poller tells whether it waited for a pipe, %j', (name, functions) => {
  expect(waitName('network', null, isPipeWait(stack(...functions)) ? 'pipe' : null)).toBe(name)
})

test.each([
  ['GC mark assist', 'GC assist'],
  ['GC incremental sweep', 'GC sweep'],
  ['stop-the-world (GC mark termination)', 'stop the world'],
])('the range %s is called %s', (range, name) => {
  expect(rangeName(range)).toBe(name)
})

test('a region keeps its own name', () => {
  expect(regionName('connection.init')).toBe('region connection.init')
  expect(regionName('')).toBe('region')
})

test('a summary is called by what took more than half of the time', () => {
  expect(summaryName({ ...emptyParts(), lock: 51, exec: 49 })).toBe('runtime: mostly lock wait')
  expect(summaryName({ ...emptyParts(), exec: 51, lock: 49 })).toBe('runtime: mostly on CPU')
  expect(summaryName({ ...emptyParts(), exec: 50, lock: 50 })).toBe('runtime: mixed')
  expect(summaryName(emptyParts())).toBe('runtime: mixed')
})

test('a summary says what was waited for where it is not what the part is called, as the verdict does', () => {
  expect(summaryName({ ...emptyParts(), sleep: 51, exec: 49 }, () => 'timer')).toBe('runtime: mostly timer wait')
  expect(summaryName({ ...emptyParts(), sleep: 51, exec: 49 }, (group) => (group === 'sleep' ? null : 'pipe'))).toBe(
    'runtime: mostly sleep',
  )
  expect(summaryName({ ...emptyParts(), syscall: 51, exec: 49 }, () => 'goroutine')).toBe(
    'runtime: mostly goroutine wait',
  )
})
