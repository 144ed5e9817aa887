// pulls.test.ts: recordings on demand: who may be asked, how often at a time, what is answered when.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CaptureName, CaptureOrigin, LiveCapture, Recorder } from '../../src/bridge/ports.ts'
import { Pulls, type PullsSetup } from '../../src/pull/pulls.ts'
import { MemoryCounters } from '../support/fake-clock.ts'
import { goError, Pprof, streamed } from '../support/pprof.ts'

/** Takes recordings to their end. */
class MemoryRecorder implements Recorder {
  readonly recordings: { readonly name: CaptureName; readonly origin: CaptureOrigin; bytes: number }[] = []

  record(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): LiveCapture {
    const recording = { name, origin, bytes: 0 }
    this.recordings.push(recording)
    let received: Promise<void> = Promise.resolve()
    const began = new Promise<void>((resolve, reject) => {
      received = (async () => {
        try {
          for await (const chunk of chunks) {
            recording.bytes += chunk.length
            resolve()
          }
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)))
        }
      })()
    })
    began.catch(() => undefined)
    return { id: `c${this.recordings.length}`, began, received }
  }
}

let program: Pprof
let recorder: MemoryRecorder
let counters: MemoryCounters
beforeEach(async () => {
  program = await Pprof.open(streamed(Buffer.alloc(10_000), 2))
  recorder = new MemoryRecorder()
  counters = new MemoryCounters()
})
afterEach(() => program.close())

function pulls(overrides: Partial<PullsSetup> = {}): Pulls {
  return new Pulls({
    targets: [program.target('auth', 'auth-0')],
    recorder: () => recorder,
    limits: { timeoutMs: 2_000, maxBytes: 1 << 20 },
    maxSeconds: 60,
    maxAtATime: 2,
    version: '1',
    counters,
    ...overrides,
  })
}

test('a pull is answered when its recording is under way; the capture is that of the target', async () => {
  const under = pulls()
  expect(await under.begin('program', 0.1)).toEqual({
    id: 'c1',
    target: 'program',
    service: 'auth',
    instance: 'auth-0',
    seconds: 0.1,
  })
  await under.stop()
  expect(recorder.recordings).toMatchObject([
    {
      name: { service: 'auth', instance: 'auth-0' },
      origin: { by: 'pull', from: program.url, seconds: 0.1 },
    },
  ])
})

test('a target that says nothing yet is recording', async () => {
  program.answer = () => undefined
  const under = pulls()
  expect(await under.begin('program', 30)).toMatchObject({ id: 'c1' })
  await under.stop()
  expect(counters.of('subspan_pulls_total', { result: 'TARGET' })).toBe(1)
})

test('a target that refuses is told at once', async () => {
  program.answer = goError(500, 'Could not enable tracing: tracing is already enabled')
  await expect(pulls().begin('program', 5)).rejects.toMatchObject({ code: 'TARGET_BUSY' })
  expect(counters.of('subspan_pulls_total', { result: 'TARGET_BUSY' })).toBe(1)
})

test('a target that answers without a byte is not counted as recorded', async () => {
  program.answer = streamed(Buffer.alloc(0), 1)
  const under = pulls()
  void under.begin('program', 0.1).catch(() => undefined)
  await expect.poll(() => counters.of('subspan_pulls_total', { result: 'CAPTURE_EMPTY' })).toBe(1)
  expect(counters.of('subspan_pulls_total', { result: 'whole' })).toBe(0)
  await under.stop()
})

test('what is no target, or too long, is never asked', async () => {
  const under = pulls()
  await expect(under.begin('http://169.254.169.254/', 5)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  for (const seconds of [0, -1, NaN, 60.5, Infinity]) {
    await expect(under.begin('program', seconds)).rejects.toMatchObject({ code: 'REQUEST' })
  }
  expect(program.requests).toEqual([])
})

describe('at a time', () => {
  test('a target is recorded once, others beside it up to the limit', async () => {
    program.answer = () => undefined
    const targets = ['a', 'b', 'c'].map((name) => ({ ...program.target(), name }))
    const under = pulls({ targets })
    const first = under.begin('a', 30)
    await expect(under.begin('a', 30)).rejects.toMatchObject({
      code: 'TARGET_BUSY',
      message: expect.stringMatching(/being recorded already, as capture c1/) as unknown,
    })
    const second = under.begin('b', 30)
    await expect(under.begin('c', 30)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterSeconds: 5 })
    await Promise.all([first, second])
    await under.stop()
  })

  test('the next recording may begin when one has ended', async () => {
    const under = pulls({ maxAtATime: 1 })
    await under.begin('program', 0.1)
    await expect.poll(() => counters.of('subspan_pulls_total', { result: 'whole' })).toBe(1)
    expect(await under.begin('program', 0.1)).toMatchObject({ id: 'c2' })
    await under.stop()
  })
})
