// name-time.test.ts: joins by name and time, over generated processes whose true pairs are known. `truth.test.ts` has recorded ones.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinTasks } from '../../src/join/join.ts'
import type { JoinCapture, JoinResult, JoinSpan, JoinTask } from '../../src/join/match.ts'
import { pairByNameAndTime } from '../../src/join/name-time.ts'
import { fitNameTimeClock } from '../../src/join/name-time-clock.ts'
import { spanColumns, taskColumns } from '../../src/join/time-columns.ts'
import {
  GENERATED_ORIGIN,
  type GeneratedProcess,
  generateBursts,
  generateFans,
  generateNested,
  generateProcess,
} from '../support/generated-process.ts'

const MS = 1_000_000n
const usual = { seed: 1, tasks: 1_500, perSecond: 600 }

function captureOf(process: GeneratedProcess, given: Partial<JoinCapture> = {}): JoinCapture {
  return { tasks: process.tasks, clockSnapshots: [], durationNs: process.durationNs, ...given }
}

const snapshot = (traceNs: number, offset = GENERATED_ORIGIN): JoinCapture['clockSnapshots'][number] => ({
  traceNs,
  unixNs: offset + BigInt(traceNs),
  monotonicNs: BigInt(traceNs),
})

/** Right and wrong pairs. */
function judged(result: JoinResult, spans: readonly JoinSpan[], { tasks, truth }: GeneratedProcess) {
  const wrong = result.matches.filter(({ span, task }) => truth.get(spans[span].spanId) !== tasks[task].id)
  return { right: result.matches.length - wrong.length, wrong: wrong.length }
}

function shifted(spans: readonly JoinSpan[], ns: bigint): JoinSpan[] {
  return spans.map((span) => ({ ...span, startUnixNs: span.startUnixNs + ns, endUnixNs: span.endUnixNs + ns }))
}

function cut(spans: readonly JoinSpan[], unit: bigint): JoinSpan[] {
  return spans.map((span) => {
    const startUnixNs = span.startUnixNs - (span.startUnixNs % unit)
    const duration = span.endUnixNs - span.startUnixNs
    return { ...span, startUnixNs, endUnixNs: startUnixNs + duration - (duration % unit) }
  })
}

describe.each(['opentelemetry', 'opencensus'] as const)('a stock %s process', (sdk) => {
  const process = generateProcess({ ...usual, sdk })
  const { spans } = process

  test.each([0n, 3_000n, -3_000n, 600_000n, -600_000n, 86_400_000n])('clocks %d ms apart', (ms) => {
    for (const clockSnapshots of [[], [snapshot(0)]]) {
      const moved = shifted(spans, ms * MS)
      const result = joinTasks(moved, captureOf(process, { clockSnapshots }))
      const { right, wrong } = judged(result, moved, process)
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThanOrEqual(0.99 * spans.length)
      const apart = Math.abs(Number((result.clock.offsetNs ?? 0n) - GENERATED_ORIGIN - ms * MS))
      expect(apart).toBeLessThanOrEqual(result.clock.errorNs ?? 0)
      expect(result.clock.method).toBe(clockSnapshots.length > 0 && ms === 0n ? 'snapshot' : 'name-time')
    }
  })

  test.each([0.5, 0.05])('of whose traces %d are kept', (sampled) => {
    const some = generateProcess({ ...usual, tasks: 8_000, sdk, sampled })
    const { right, wrong } = judged(joinTasks(some.spans, captureOf(some)), some.spans, some)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.985 * some.spans.length)
  })

  test('whose times are whole microseconds', () => {
    const coarse = cut(spans, 1_000n)
    const { right, wrong } = judged(joinTasks(coarse, captureOf(process)), coarse, process)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.99 * spans.length)
  })

  test.each([-900, -600, -400, -150, 150, 400, 600, 900])('whose snapshot is %i ns off', (ns) => {
    const clockSnapshots = [snapshot(0, GENERATED_ORIGIN + BigInt(ns))]
    const { right, wrong } = judged(joinTasks(spans, captureOf(process, { clockSnapshots })), spans, process)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.99 * spans.length)
  })

  test.each([-400, -150, 150, 400])('whose spans follow one another closely, and whose snapshot is %i ns off', (ns) => {
    const short = generateBursts({ seed: 7, seconds: 10, sdk })
    const clockSnapshots = [snapshot(0, GENERATED_ORIGIN + BigInt(ns))]
    const { right, wrong } = judged(joinTasks(short.spans, captureOf(short, { clockSnapshots })), short.spans, short)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.98 * short.spans.length)
  })

  test.each([2, 50, 1_000])('whose times are whole microseconds but for one span in %i', (every) => {
    const mixed = cut(spans, 1_000n).map((span, row) => (row % every === 0 ? spans[row] : span))
    for (const clockSnapshots of [[], [snapshot(0)]]) {
      const { right, wrong } = judged(joinTasks(mixed, captureOf(process, { clockSnapshots })), mixed, process)
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThanOrEqual(0.99 * spans.length)
    }
  })

  test.each([4, 40])(
    'whose spans last a microsecond and follow one another as closely, in whole microseconds, for %i s',
    (seconds) => {
      const short = generateBursts({ seed: 21, seconds, sdk })
      const coarse = cut(short.spans, 1_000n)
      for (const clockSnapshots of [[], [snapshot(0)]]) {
        const { right, wrong } = judged(joinTasks(coarse, captureOf(short, { clockSnapshots })), coarse, short)
        expect(wrong).toBeLessThanOrEqual(right / 1_000)
        expect(right).toBeGreaterThanOrEqual(0.85 * coarse.length)
      }
    },
  )

  test('whose times are whole milliseconds is refused, and told so', () => {
    const { matches, nameTime } = joinTasks(cut(spans, MS), captureOf(process))
    expect(matches).toEqual([])
    expect(nameTime?.refused).toContain('milliseconds')
  })

  test('whose capture’s clock drifts for a minute', () => {
    const drift = 200e-9
    const originUnixNs = (atNs: number): bigint => GENERATED_ORIGIN + BigInt(Math.round(atNs * drift))
    const long = generateProcess({ seed: 5, tasks: 12_000, perSecond: 200, sdk, originUnixNs })
    const result = joinTasks(long.spans, captureOf(long))
    const { right, wrong } = judged(result, long.spans, long)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.99 * long.spans.length)
    for (const { task, clock } of result.matches) {
      const apart = Math.abs(Number((clock.offsetNs ?? 0n) - originUnixNs(long.tasks[task].startNs ?? 0)))
      expect(apart).toBeLessThanOrEqual(clock.errorNs ?? 0)
    }
  })

  test.each([250n, -250n, 3_600_000n])('whose wall clock is set by %d ms meanwhile', (ms) => {
    const originUnixNs = (atNs: number): bigint => GENERATED_ORIGIN + (atNs > 2e9 ? ms * MS : 0n)
    const set = generateProcess({ seed: 6, tasks: 3_000, perSecond: 800, sdk, originUnixNs })
    const seen = [snapshot(0), snapshot(1e9), snapshot(2e9, originUnixNs(2e9)), snapshot(3e9, originUnixNs(3e9))]
    for (const clockSnapshots of [[], seen]) {
      const result = joinTasks(set.spans, captureOf(set, { clockSnapshots }))
      const { right, wrong } = judged(result, set.spans, set)
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThanOrEqual(0.98 * set.spans.length)
    }
  })
})

describe('a saturated process', () => {
  test('a hundred thousand spans, hundreds at a time', () => {
    const busy = generateProcess({ seed: 7, tasks: 100_000, perSecond: 100_000, names: 4 })
    const { right, wrong } = judged(joinTasks(busy.spans, captureOf(busy)), busy.spans, busy)
    expect(wrong).toBeLessThanOrEqual(right / 10_000)
    expect(right).toBeGreaterThanOrEqual(0.99 * busy.spans.length)
  })
})

test('a span that began before the first task finds none that began somewhat later: its own came before the tracer', () => {
  const process = generateProcess(usual)
  const early: JoinSpan = {
    ...process.spans[0],
    spanId: 'eeeeeeeeeeeeeeee',
    parentSpanId: 'dddddddddddddddd',
    name: 'early',
    kind: 1,
    startUnixNs: GENERATED_ORIGIN + 100_000_000n,
    endUnixNs: GENERATED_ORIGIN + 100_263_000n,
  }
  const lags = { startNs: 100_088_000, endNs: 100_295_000 }
  const late = { ...process.tasks[0], id: 90_001, parentId: null, name: 'early', ...lags }
  const joined = (tracedFromNs: number): boolean => {
    const tasks = [...process.tasks.filter(({ startNs }) => (startNs ?? 0) >= tracedFromNs), late]
    const { matches } = joinTasks([...process.spans, early], captureOf(process, { tasks }))
    return matches.some(({ span }) => span === process.spans.length)
  }
  // Where the tracer was on before it, as late a task is its own.
  expect(joined(0)).toBe(true)
  expect(joined(100_010_000)).toBe(false)
})

test('a few spans are held against the tasks near them, not against all that the capture has', () => {
  const busy = generateProcess({ seed: 8, tasks: 20_000, perSecond: 2_000, sampled: 0.5 })
  const tasks = taskColumns(busy.tasks, () => true, busy.durationNs)
  const clock = fitNameTimeClock(
    spanColumns(busy.spans, tasks.names),
    tasks,
    [],
    new Int32Array(busy.spans.length).fill(-1),
  )
  if ('refused' in clock) throw new Error(clock.refused ?? 'no clock')
  let looked = 0
  const isFree = (): boolean => {
    looked++
    return true
  }
  const ask = (request: readonly JoinSpan[]): number => {
    looked = 0
    const knownTask = new Int32Array(request.length).fill(-1)
    const input = { spans: request, tasks, knownTask, isFree, known: [] }
    const { task } = pairByNameAndTime(input, clock, spanColumns(request, tasks.names))
    return [...task].filter((row) => row >= 0).length
  }
  const [first] = busy.spans
  const request = busy.spans.filter(({ traceId }) => traceId === first.traceId)
  expect(ask(request)).toBe(request.length)
  expect(looked).toBeLessThan(200)
  ask(request.map((span) => ({ ...span, name: 'renamed' })))
  expect(looked).toBeLessThan(200)
})

describe('spans of others', () => {
  const process = generateProcess(usual)
  const other = generateProcess({ ...usual, seed: 2, processKey: 'generated/2' })

  test('of another run find nothing, whatever the clock says', () => {
    const spans = other.spans
    expect(joinTasks(spans, captureOf(process)).matches).toEqual([])
    expect(joinTasks(spans, captureOf(process, { clockSnapshots: [snapshot(0)] })).matches).toEqual([])
  })

  test('of another program are told to share no name with the tasks', () => {
    const spans = other.spans.map((span) => ({ ...span, name: `other ${span.name}` }))
    const { matches, nameTime } = joinTasks(spans, captureOf(process))
    expect(matches).toEqual([])
    expect(nameTime?.refused).toContain('none of the')
  })

  test('the process that fits is found among others', () => {
    const spans = [...other.spans, ...process.spans]
    const result = joinTasks(spans, captureOf(process))
    expect(judged(result, spans, process)).toMatchObject({ wrong: 0 })
    expect(result.matches.length).toBeGreaterThanOrEqual(0.99 * process.spans.length)
    const reasons = new Set(
      result.unmatched.filter(({ span }) => span < other.spans.length).map(({ reason }) => reason),
    )
    expect([...reasons]).toEqual(['other-process'])
  })

  test.each(['opentelemetry', 'opencensus'] as const)(
    'of another run under the same process find no task of an unsampled trace: %s',
    (sdk) => {
      const busy = { tasks: 30_000, perSecond: 11_000, sdk }
      const own = generateProcess({ ...busy, seed: 11, sampled: 0.9 })
      const foreign = generateProcess({ ...busy, seed: 111 })
      const spans = [...own.spans, ...foreign.spans]
      const { matches } = joinTasks(spans, captureOf(own))
      const strangers = matches.filter(({ span }) => span >= own.spans.length)
      const right = matches.filter(({ span, task }) => own.truth.get(spans[span].spanId) === own.tasks[task].id)
      // Times alone let in some fifteen, one span at a time.
      expect(strangers).toEqual([])
      expect(right.length).toBe(matches.length - strangers.length)
      expect(right.length).toBeGreaterThan(0.99 * own.spans.length)
    },
  )

  test('two processes that fit equally: the capture is of neither', () => {
    const twin = process.spans.map((span) => ({
      ...span,
      processKey: 'generated/twin',
      spanId: `f${span.spanId.slice(1)}`,
    }))
    const { matches, unmatched, nameTime } = joinTasks([...process.spans, ...twin], captureOf(process))
    expect(matches).toEqual([])
    expect(nameTime?.refused).toContain('generated/twin')
    const told = unmatched.filter(({ reason }) => reason === 'ambiguous')
    expect(told.length).toBeGreaterThan(0.99 * 2 * process.spans.length)
  })

  test('without an instance id: joined where nearly all tasks, or all of some requests, find their spans, else not', () => {
    const shared = process.spans.map((span) => ({ ...span, processShared: true }))
    const replica = other.spans.map((span) => ({ ...span, processKey: shared[0].processKey, processShared: true }))
    expect(joinTasks(shared, captureOf(process)).matches.length).toBeGreaterThan(0.99 * shared.length)
    const both = joinTasks([...shared, ...replica], captureOf(process))
    expect(judged(both, [...shared, ...replica], process).wrong).toBe(0)
    expect(both.matches.length).toBeGreaterThan(0.99 * shared.length)
    const some = [...shared.filter(({ traceId }) => /[0-9a-c]$/.test(traceId)), ...replica]
    const sampled = joinTasks(some, captureOf(process))
    expect(judged(sampled, some, process).wrong).toBe(0)
    expect(sampled.matches.length).toBeGreaterThan(0.99 * (some.length - replica.length))
    const torn = [...shared.filter(({ spanId }) => /[0-9a-c]$/.test(spanId)), ...replica]
    const { matches, unmatched, nameTime } = joinTasks(torn, captureOf(process, { clockSnapshots: [snapshot(0)] }))
    expect(matches).toEqual([])
    expect(nameTime?.refused).toContain('instance')
    const fitting = unmatched.filter(({ span }) => process.truth.has(torn[span].spanId))
    expect(fitting.filter(({ reason }) => reason === 'ambiguous').length).toBeGreaterThan(0.95 * fitting.length)
    expect(nameTime?.disbelieved).toBeGreaterThan(0.95 * fitting.length)
  })

  test('without an instance id, spans that all might be a replica’s find nothing, and it is told what to do', () => {
    const [like] = process.spans
    const tasks = Array.from({ length: 1_000 }, (_, i) => ({
      ...process.tasks[0],
      id: i + 1,
      parentId: null,
      name: 'short',
      startNs: 30_000 * i + 1_500,
      endNs: 30_000 * i + 10_300 + 7 * (i % 1_000),
    }))
    const spans = Array.from({ length: 1_010 }, (_, i): JoinSpan => {
      // The last ten find no task.
      const startUnixNs = GENERATED_ORIGIN + BigInt(i < 1_000 ? 30_000 * i : 30_000 * 10 * (i - 1_000) + 17_000)
      const endUnixNs = startUnixNs + BigInt(10_000 + 7 * (i % 1_000))
      const ids = { traceId: i.toString(16).padStart(32, 'a'), spanId: i.toString(16).padStart(16, 'a') }
      return { ...like, ...ids, parentSpanId: '', kind: 2, name: 'short', startUnixNs, endUnixNs, processShared: true }
    })
    const shared = joinTasks(spans, { tasks, clockSnapshots: [snapshot(0)], durationNs: 31_000_000 })
    expect(shared.matches).toEqual([])
    expect(shared.nameTime?.refused).toMatch(/^\d+ spans fit a task, .* service\.instance\.id/)
    const ambiguous = shared.unmatched.filter(({ reason }) => reason === 'ambiguous')
    expect(ambiguous.length).toBeGreaterThan(900)
    expect(shared.nameTime?.disbelieved).toBe(ambiguous.length)
    const told = spans.map((span) => ({ ...span, processShared: false }))
    expect(
      joinTasks(told, { tasks, clockSnapshots: [snapshot(0)], durationNs: 31_000_000 }).matches.length,
    ).toBeGreaterThan(900)
  })

  describe('without an instance id, among three replicas of which nothing was captured', () => {
    const replica = (seed: number, perSecond: number, spansEach = Infinity): GeneratedProcess => {
      const all = generateProcess({ seed, tasks: 3_000, perSecond, processKey: 'p', processShared: true })
      const seen = new Map<string, number>()
      const isKept = all.spans.map(({ traceId }) => {
        const before = seen.get(traceId) ?? 0
        seen.set(traceId, before + 1)
        return before < spansEach
      })
      return { ...all, spans: all.spans.filter((_, i) => isKept[i]), tasks: all.tasks.filter((_, i) => isKept[i]) }
    }
    const others = (perSecond: number, spansEach?: number): JoinSpan[] =>
      [2, 3, 4].flatMap((seed) => replica(seed, perSecond, spansEach).spans)
    const joined = (me: GeneratedProcess, spans: JoinSpan[]): { right: number; wrong: number } => {
      const { matches } = joinTasks(spans, { tasks: me.tasks, clockSnapshots: [], durationNs: me.durationNs })
      const right = matches.filter(({ span, task }) => me.truth.get(spans[span].spanId) === me.tasks[task].id).length
      return { right, wrong: matches.length - right }
    }

    test.each([1_000, 4_000])('parts of their requests find no task, at %i tasks a second', (perSecond) => {
      const me = replica(1, perSecond)
      const half = me.spans.filter(({ traceId }) => parseInt(traceId.slice(-4), 16) % 2 === 0)
      const parts = others(perSecond).filter(({ parentSpanId }) => parentSpanId !== '')
      const { right, wrong } = joined(me, [...half, ...parts])
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThan(0.9 * half.length)
    })

    test('requests of two spans are believed, for few tasks are left that theirs could come upon', () => {
      const me = replica(1, 1_000, 2)
      const { right, wrong } = joined(me, [...me.spans, ...others(1_000, 2)])
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThan(0.99 * me.spans.length)
    })
  })

  test('without an instance id, a few spans that all find a task are not enough: twenty are', () => {
    const clockSnapshots = [snapshot(0)]
    const shared = process.spans.slice(400, 460).map((span) => ({ ...span, processShared: true }))
    const few = joinTasks(shared.slice(0, 19), captureOf(process, { clockSnapshots }))
    expect(few.matches).toEqual([])
    expect(few.nameTime?.refused).toContain('90 % of 20 spans or more')
    const enough = joinTasks(shared, captureOf(process, { clockSnapshots }))
    expect(enough.matches.length).toBeGreaterThanOrEqual(54)
    expect(judged(enough, shared, process).wrong).toBe(0)
  })
})

describe('names', () => {
  const process = generateProcess(usual)

  test('spans renamed at their end are found by the names that others were renamed to', () => {
    const spans = process.spans.map((span) => (span.name === 'work.3' ? { ...span, name: 'renamed' } : span))
    const { right, wrong } = judged(joinTasks(spans, captureOf(process)), spans, process)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.99 * spans.length)
  })

  test('a span renamed to what no other was is found where its task hangs under the task of its parent', () => {
    const spans = process.spans.map((span, row) => (row === 501 ? { ...span, name: 'once' } : span))
    expect(spans[501].parentSpanId).not.toBe('')
    const { matches } = joinTasks(spans, captureOf(process))
    const task = matches.find(({ span }) => span === 501)?.task ?? -1
    expect(process.tasks[task]?.id).toBe(process.truth.get(spans[501].spanId))
  })

  test('a span renamed to what no other was stays without a task where only a common time speaks for one', () => {
    const busy = generateProcess({ ...usual, perSecond: 30_000, names: 1 })
    // A short one: many tasks began within microseconds of each other and took about as long.
    const row = busy.spans.findIndex(
      ({ parentSpanId, startUnixNs, endUnixNs }) => parentSpanId !== '' && endUnixNs - startUnixNs < 5_050n,
    )
    const spans = busy.spans.map((span, at) =>
      at === row ? { ...span, name: 'once', parentSpanId: 'cccccccccccccccc' } : span,
    )
    const { matches, unmatched } = joinTasks(spans, captureOf(busy))
    expect(matches.some(({ span }) => span === row)).toBe(false)
    expect(unmatched.find(({ span }) => span === row)?.reason).toBe('no-task')
  })

  test('where every name was changed, times alone tell', () => {
    const spans = process.spans.map((span) => ({ ...span, name: `op ${span.name}` }))
    const { right, wrong } = judged(joinTasks(spans, captureOf(process)), spans, process)
    expect(wrong).toBe(0)
    expect(right).toBeGreaterThanOrEqual(0.9 * spans.length)
  })
})

describe('structure', () => {
  const at = (fromNs: number, toNs: number, given: Partial<JoinSpan>): JoinSpan => ({
    ...generateProcess({ seed: 1, tasks: 1, perSecond: 1 }).spans[0],
    startUnixNs: GENERATED_ORIGIN + BigInt(fromNs),
    endUnixNs: GENERATED_ORIGIN + BigInt(toNs),
    ...given,
  })
  const task = (id: number, parentId: number | null, name: string, startNs: number, endNs: number) => ({
    id,
    parentId,
    name,
    startNs,
    endNs,
    logs: [],
    precedingLog: null,
  })
  const filler = generateProcess(usual)
  const parents = [
    at(1_000, 90_000, { name: 'p', spanId: 'aaaaaaaaaaaaaaa1', kind: 2 }),
    at(5_000, 95_000, { name: 'q', spanId: 'aaaaaaaaaaaaaaa2', kind: 2 }),
  ]
  // Two children of one name at the same time: only what they hang under tells them apart.
  const children = parents.map(({ spanId, traceId }, i) =>
    at(20_000, 40_000, { name: 'c', spanId: `bbbbbbbbbbbbbbb${i}`, parentSpanId: spanId, traceId, kind: 1 }),
  )
  const tasks = [
    ...filler.tasks,
    task(9_001, null, 'p', 2_000, 90_300),
    task(9_002, null, 'q', 6_000, 95_300),
    task(9_003, 9_002, 'c', 21_300, 40_300),
    task(9_004, 9_001, 'c', 21_300, 40_300),
  ]

  test('of two tasks that fit equally a span has the one whose parent is the task of its parent', () => {
    const spans = [...filler.spans, ...parents, ...children]
    const { matches } = joinTasks(spans, captureOf(filler, { tasks }))
    const found = new Map(matches.map(({ span, task }) => [spans[span].spanId, tasks[task].id]))
    expect(found.get('bbbbbbbbbbbbbbb0')).toBe(9_004)
    expect(found.get('bbbbbbbbbbbbbbb1')).toBe(9_003)
  })

  test('without that they are ambiguous', () => {
    const orphans = children.map((span) => ({ ...span, parentSpanId: 'cccccccccccccccc' }))
    const spans = [...filler.spans, ...parents, ...orphans]
    const { unmatched } = joinTasks(spans, captureOf(filler, { tasks }))
    const reasons = unmatched.filter(({ span }) => spans[span].name === 'c').map(({ reason }) => reason)
    expect(reasons).toEqual(['ambiguous', 'ambiguous'])
  })
})

describe.each(['opentelemetry', 'opencensus'] as const)('tasks begun by hand, of the names of spans of %s', (sdk) => {
  /** Each internal span's task with one more, made of both. */
  function withHandTasks(
    process: GeneratedProcess,
    make: (task: JoinTask, spanStartNs: number, spanEndNs: number) => readonly JoinTask[],
  ): JoinCapture {
    const spanOf = new Map(process.spans.map((span) => [process.truth.get(span.spanId), span]))
    const tasks = process.tasks.flatMap((task) => {
      const span = spanOf.get(task.id)
      if (task.parentId === null || span === undefined) return [task]
      return make(task, Number(span.startUnixNs - GENERATED_ORIGIN), Number(span.endUnixNs - GENERATED_ORIGIN))
    })
    return captureOf(process, { tasks })
  }
  const around = (process: GeneratedProcess, gapNs: number, tailNs: number): JoinCapture =>
    withHandTasks(process, (task, spanStartNs, spanEndNs) => {
      const id = task.id + 1_000_000
      const endNs = Math.max(task.endNs ?? 0, spanEndNs) + tailNs
      return [
        { ...task, id, startNs: spanStartNs - gapNs, endNs },
        { ...task, parentId: id },
      ]
    })
  const within = (process: GeneratedProcess): JoinCapture =>
    withHandTasks(process, (task, _, spanEndNs) => {
      const startNs = (task.startNs ?? 0) + 400
      const endNs = Math.max(startNs, Math.min(task.endNs ?? 0, spanEndNs) - 700)
      return [task, { ...task, id: task.id + 1_000_000, parentId: task.id, startNs, endNs }]
    })
  const clocks = [[], [snapshot(0)]]

  const gaps = [100, 200, 300, 400, 500, 700, 1_000]
  test.each(gaps.flatMap((gapNs) => [100, 300].map((tailNs) => [gapNs, tailNs] as const)))(
    'around them, from %i ns before to %i ns after: hardly a span has one, and from 700 ns on nearly all have their own',
    (gapNs, tailNs) => {
      for (const seed of [1, 3, 4]) {
        const process = generateProcess({ ...usual, seed, sdk })
        for (const clockSnapshots of clocks) {
          const capture = { ...around(process, gapNs, tailNs), clockSnapshots }
          const { right, wrong } = judged(joinTasks(process.spans, capture), process.spans, {
            ...process,
            tasks: [...capture.tasks],
          })
          // Of 1,500: spans that were preempted before their tasks began.
          expect(wrong).toBeLessThanOrEqual(gapNs < 1_000 ? 3 : 7)
          if (gapNs >= 700) expect(right).toBeGreaterThanOrEqual(0.95 * process.spans.length)
        }
      }
    },
  )

  test('within them: no span has one; of OpenTelemetry, whose tasks end after their spans, nearly all have their own', () => {
    for (const seed of [1, 3, 4]) {
      const process = generateProcess({ ...usual, seed, sdk })
      for (const clockSnapshots of clocks) {
        const capture = { ...within(process), clockSnapshots }
        const { right, wrong } = judged(joinTasks(process.spans, capture), process.spans, {
          ...process,
          tasks: [...capture.tasks],
        })
        expect(wrong).toBe(0)
        // In OpenCensus nothing tells which of the two is the span's.
        if (sdk === 'opentelemetry') expect(right).toBeGreaterThanOrEqual(0.95 * process.spans.length)
      }
    }
  })
})

describe.each(['opentelemetry', 'opencensus'] as const)('spans within spans of one name, of %s', (sdk) => {
  test.each([3, 4].flatMap((depth) => [false, true].map((strangers) => [depth, strangers] as const)))(
    '%i deep, in whole microseconds, strangers among them: %s',
    (depth, strangers) => {
      const nested = generateNested({ seed: 31, requests: 1_000, depth, sdk })
      const others = strangers ? generateNested({ seed: 131, requests: 1_000, depth, sdk }).spans : []
      const spans = cut([...nested.spans, ...others], 1_000n)
      const { right, wrong } = judged(
        joinTasks(spans, captureOf(nested, { clockSnapshots: [snapshot(0)] })),
        spans,
        nested,
      )
      // Spans of OpenCensus outlast their tasks by as much as those within them: these are told less well.
      expect(wrong).toBeLessThanOrEqual(sdk === 'opentelemetry' ? 0 : right / 1_000)
      expect(right).toBeGreaterThanOrEqual(0.99 * nested.spans.length)
    },
  )
})

describe.each(['opentelemetry', 'opencensus'] as const)('spans of one name that begin by the hundred, of %s', (sdk) => {
  /** Some of the spans in the order of their ends, as they leave a process. */
  function inOrderOfEnds({ spans }: GeneratedProcess, from: number, count: number): JoinSpan[] {
    const inOrder = [...spans].sort((x, y) => Number(x.endUnixNs - y.endUnixNs))
    return inOrder.slice(from, from + count)
  }
  const seeds = [1, 2]

  test.each([16, 64])(
    '%i of them, all begun together, do not tell the clocks: another hundred fit as well',
    (count) => {
      for (const seed of seeds) {
        const process = generateFans({ seed, requests: 14, sdk })
        for (const request of [3, 20, 33]) {
          const spans = inOrderOfEnds(process, request * 100 + 10, count)
          const { matches, nameTime } = joinTasks(spans, captureOf(process))
          expect(matches).toEqual([])
          expect(nameTime?.refused).not.toBeNull()
        }
      }
    },
  )

  test('those of ten requests do, and each finds its own', () => {
    for (const seed of seeds) {
      const process = generateFans({ seed, requests: 14, sdk })
      const spans = [1, 2, 3, 5, 6, 7, 9, 10, 11, 12].flatMap((request) =>
        inOrderOfEnds(process, request * 100 + 20, 30),
      )
      const { right, wrong } = judged(joinTasks(spans, captureOf(process)), spans, process)
      expect(wrong).toBe(0)
      expect(right).toBeGreaterThanOrEqual(0.95 * spans.length)
    }
  })
})

describe('the order of trust', () => {
  const process = generateProcess(usual)

  test('ids are believed first, and tasks that name a span are nobody else’s', () => {
    const named = process.tasks.map((task, row) => {
      if (row % 2 === 1) return task
      const span = process.spans[row]
      return { ...task, name: `${task.name} ${span.traceId}/${span.spanId}` }
    })
    const spans = process.spans.filter((_, row) => row % 4 !== 0)
    const result = joinTasks(spans, captureOf(process, { tasks: named }))
    expect(judged(result, spans, process).wrong).toBe(0)
    expect(result.matches.length).toBeGreaterThanOrEqual(0.98 * spans.length)
    expect(new Set(result.matches.map(({ evidence }) => evidence))).toEqual(new Set(['task-name', 'name-time']))
  })

  test('it can be switched off', () => {
    const { matches, nameTime } = joinTasks(process.spans, captureOf(process), { nameTime: false })
    expect(matches).toEqual([])
    expect(nameTime).toBeNull()
  })
})

test('few spans and no snapshot: refused, or right', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 25 }), (seed, count) => {
      const process = generateProcess({ seed, tasks: 400, perSecond: 500 })
      const spans = process.spans.slice(100, 100 + count)
      const { wrong } = judged(joinTasks(spans, captureOf(process)), spans, process)
      expect(wrong).toBe(0)
    }),
    { numRuns: 60 },
  )
})

test('the order in which spans and tasks come changes nothing', () => {
  const process = generateProcess({ ...usual, tasks: 600 })
  const pairs = (spans: readonly JoinSpan[], tasks: GeneratedProcess['tasks']): string[] =>
    joinTasks(spans, captureOf(process, { tasks }))
      .matches.map((match) => `${spans[match.span].spanId} ${tasks[match.task].id}`)
      .sort()
  const forwards = pairs(process.spans, process.tasks)
  expect(forwards.length).toBeGreaterThan(590)
  expect(pairs([...process.spans].reverse(), [...process.tasks].reverse())).toEqual(forwards)
})
