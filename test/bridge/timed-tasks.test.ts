// timed-tasks.test.ts: what one capture makes of spans without ids that come request by request: when it has learned something that
// earlier spans are to be asked by, and how surely a request must be the captured replica's.

import { describe, expect, test } from 'vitest'
import { type TimedContext, TimedTasks } from '../../src/bridge/timed-tasks.ts'
import type { JoinSpan } from '../../src/join/match.ts'
import { GENERATED_ORIGIN, type GeneratedProcess, generateProcess } from '../support/generated-process.ts'

/** A capture with these tasks, decoded to its end or all but that. */
function timedTasks({ tasks, durationNs }: GeneratedProcess, given: Partial<TimedContext> = {}): TimedTasks {
  return new TimedTasks(Number(GENERATED_ORIGIN / 1_000_000n), {
    tasks: () => tasks,
    namesNone: () => true,
    isNamedTask: () => false,
    isTaken: () => false,
    taskOfSpan: () => -1,
    isOtherParent: () => false,
    known: () => [],
    decodedUntilNs: () => durationNs,
    done: () => true,
    idMatches: () => 0,
    ...given,
  })
}

function found(timed: TimedTasks, spans: readonly JoinSpan[]): number {
  const matches = timed.match(spans, new Int32Array(spans.length).fill(-1))
  return matches.filter((match) => match !== null && typeof match === 'object').length
}

describe('spans that left without a task are asked for again', () => {
  const process = generateProcess({ seed: 1, tasks: 1_500, perSecond: 600 })

  test('when a clock is found, and not when more spans tell the same', () => {
    const timed = timedTasks(process)
    found(timed, process.spans.slice(0, 2))
    expect(timed.learned).toBe(0)
    found(timed, process.spans.slice(2, 300))
    expect(timed.learned).toBe(1)
    for (const until of [400, 600, 900, 1_400]) found(timed, process.spans.slice(300, until))
    expect(timed.learned).toBe(1)
  })

  test('when a name is learned', () => {
    const timed = timedTasks(process)
    found(timed, process.spans.slice(0, 300))
    expect(timed.learned).toBe(1)
    found(
      timed,
      process.spans.slice(300, 900).map((span) => (span.name === 'work.3' ? { ...span, name: 'renamed' } : span)),
    )
    expect(timed.learned).toBe(2)
  })
})

describe('while a capture without snapshots is being decoded', () => {
  const process = generateProcess({ seed: 1, tasks: 1_500, perSecond: 600 })

  test.each([
    [30, false, 0],
    [30, true, 30],
    [300, false, 300],
  ])('of %d spans, decoded to its end: %s, nearly as many as %d are joined', (spans, done, most) => {
    const timed = timedTasks(process, { done: () => done })
    const joined = found(timed, process.spans.slice(600, 600 + spans))
    expect(joined).toBeLessThanOrEqual(most)
    expect(joined).toBeGreaterThanOrEqual(0.95 * most)
  })
})

describe('without an instance id, among replicas', () => {
  /** Requests of two spans each. */
  const replica = (seed: number): GeneratedProcess => {
    const all = generateProcess({ seed, tasks: 3_000, perSecond: 2_000, processKey: 'p', processShared: true })
    const seen = new Map<string, number>()
    const isKept = all.spans.map(({ traceId }) => {
      const before = seen.get(traceId) ?? 0
      seen.set(traceId, before + 1)
      return before < 2
    })
    return { ...all, spans: all.spans.filter((_, i) => isKept[i]), tasks: all.tasks.filter((_, i) => isKept[i]) }
  }
  const me = replica(1)
  const all = [me, ...[2, 3, 4].map(replica)].flatMap(({ spans }) => spans)
  const requests = new Map<string, JoinSpan[]>()
  for (const span of me.spans) requests.set(span.traceId, [...(requests.get(span.traceId) ?? []), span])

  /** How many of the captured replica's spans find a task, each request by itself, after all spans were seen. */
  function foundOneByOne(done: boolean): number {
    const timed = timedTasks(me, { done: () => done })
    found(timed, all)
    return [...requests.values()].slice(0, 200).reduce((sum, request) => sum + found(timed, request), 0)
  }

  test('a request of two spans is believed once the capture’s end tells that hardly a task is without its span', () => {
    expect(foundOneByOne(true)).toBeGreaterThan(0.98 * 400)
    // Of the last tasks that are decoded so far no span has come: theirs might be anybody's.
    expect(foundOneByOne(false)).toBeLessThan(0.9 * 400)
  })
})

describe('without an instance id, parts of other replicas’ requests', () => {
  const replica = (seed: number): GeneratedProcess =>
    generateProcess({ seed, tasks: 3_000, perSecond: 4_000, processKey: 'p', processShared: true })
  const me = replica(1)
  const half = me.spans.filter(({ traceId }) => parseInt(traceId.slice(-4), 16) % 2 === 0)
  const others = [2, 3, 4].flatMap((seed) => replica(seed).spans).filter(({ parentSpanId }) => parentSpanId !== '')

  /** How many spans find a task, so many of one parent at a time, once half of the captured replica's have told whose capture it is. */
  function foundInParts(spans: readonly JoinSpan[], spansEach: number, given: Partial<TimedContext> = {}): number {
    const timed = timedTasks(me, given)
    found(timed, [...half, ...others])
    const parts = new Map<string, JoinSpan[]>()
    for (const span of spans) parts.set(span.parentSpanId, [...(parts.get(span.parentSpanId) ?? []), span])
    let sum = 0
    for (const part of parts.values()) {
      for (let at = 0; at < part.length; at += spansEach) sum += found(timed, part.slice(at, at + spansEach))
    }
    return sum
  }

  test('find no task where spans of the same parent find none', () => {
    expect(foundInParts(others, Infinity)).toBe(0)
  })

  test('find no task that hangs under another span’s than their parent', () => {
    // One by one nothing else speaks against them.
    expect(foundInParts(others, 1)).toBeGreaterThan(0)
    expect(foundInParts(others, 1, { isOtherParent: () => true })).toBe(0)
  })

  test('are no reason to leave out the captured one’s', () => {
    const own = half.filter(({ parentSpanId }) => parentSpanId !== '')
    expect(foundInParts(own, Infinity)).toBeGreaterThan(0.95 * own.length)
    expect(foundInParts(own, 1)).toBeGreaterThan(0.95 * own.length)
  })
})
