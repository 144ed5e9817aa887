// known-capture.test.ts: which span gets which task while spans come one by one, and whose capture it is.

import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import { type CpuSample, emptyBreakdown, type TaskRecord } from '../../src/breakdown/breakdown.ts'
import { CompactTask } from '../../src/breakdown/compact-task.ts'
import { KeptChunk } from '../../src/breakdown/kept-columns.ts'
import { HEAD_BYTES } from '../../src/breakdown/states-layout.ts'
import { KnownCapture, mayBeOf } from '../../src/bridge/known-capture.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import type { JoinSpan } from '../../src/join/match.ts'
import type { ProcessIdentity } from '../../src/span/span.ts'
import { CaptureStory } from '../support/capture-story.ts'

const TRACE = 'a'.repeat(32)
const ORIGIN = 1_800_000_000_000_000_000n

function task(id: number, name: string, startNs: number, endNs: number, parentId: number | null = null): TaskRecord {
  return {
    id,
    parentId,
    name,
    startNs,
    endNs,
    startGoroutine: 1,
    goroutines: [1],
    logs: [],
    precedingLog: null,
    regions: [],
    path: emptyBreakdown(),
    work: emptyBreakdown(),
    timeline: null,
    ranges: null,
    longWaits: [],
    samples: [],
    partial: false,
  }
}

function span(spanId: string, startNs: number, endNs: number): JoinSpan {
  return {
    traceId: TRACE,
    spanId,
    parentSpanId: '',
    name: 'x',
    startUnixNs: ORIGIN + BigInt(startNs),
    endUnixNs: ORIGIN + BigInt(endNs),
    kind: 1,
    processKey: 'p',
    processShared: false,
  }
}

const id = (n: number): string => n.toString(16).padStart(16, '0')
const named = (n: number): string => `work traceID=${TRACE} spanID=${id(n)}`

function capture(
  tasks: readonly TaskRecord[],
  snapshot = true,
  lost: readonly { startNs: number; endNs: number }[] = [],
): KnownCapture {
  const known = new KnownCapture('c', { service: '', instance: '' }, { by: 'upload', from: '', seconds: null }, 0, {})
  known.take(
    {
      tasks,
      newReasons: [''],
      newRangeNames: [],
      newStacks: [],
      decodedUntilNs: 1_000_000,
      gcPhases: { startNs: [], endNs: [], beforeNs: [] },
      clockSnapshots: snapshot ? [{ traceNs: 0, unixNs: ORIGIN, monotonicNs: 0n }] : [],
      originNs: 0n,
      lost,
    },
    Infinity,
  )
  return known
}

const INFO: CaptureInfo = {
  header: 'go 1.26 trace',
  bytes: 1,
  events: 1,
  originNs: 0n,
  ticksPerSecond: 15_625_000,
  durationNs: 2_000_000,
  wallOffsetNs: ORIGIN,
  clockSnapshots: [],
  problems: [],
}

describe('the task of a span', () => {
  test('is the one that names it', () => {
    const known = capture([task(1, named(1), 0, 100_000), task(2, named(2), 0, 100_000)])
    expect(known.match([span(id(2), 0, 100_000)])).toMatchObject([{ task: 1, evidence: 'task-name' }])
  })

  test('is given to one span only, and to that span as often as it comes', () => {
    const byId = capture([task(1, `work ${id(1)}`, 0, 100_000)])
    const first = span(id(1), 0, 100_000)
    byId.own(0, first, 'task-name', 'now')
    expect(byId.match([first])).toMatchObject([{ task: 0 }])
    const other = { ...first, traceId: 'b'.repeat(32) }
    expect(byId.match([other])).toEqual(['no-task'])
    expect(byId.spanOfTask(1)).toEqual({ traceId: TRACE, spanId: id(1), name: 'x' })
    expect(byId.spanOfTask(99)).toBeNull()
  })

  test('is refused when two spans claim it equally, and goes to the clearly better fit otherwise', () => {
    const known = capture([task(1, `work ${id(1)}`, 1_000, 100_000)])
    const near = span(id(1), 0, 100_000)
    const equal = { ...near, traceId: 'b'.repeat(32) }
    expect(known.match([near, equal])).toEqual(['ambiguous', 'ambiguous'])
    const far = { ...equal, startUnixNs: ORIGIN - 200_000n, endUnixNs: ORIGIN + 300_000n }
    expect(known.match([near, far])).toMatchObject([{ task: 0 }, 'ambiguous'])
  })

  test('cannot be told without a clock; a pair by ids is one', () => {
    const known = capture([task(1, named(1), 5_000, 100_000)], false)
    expect(known.clock.method).toBe('none')
    expect(known.hasPassed(ORIGIN)).toBe(false)
    expect(known.match([span(id(1), 4_000, 100_500)])).toMatchObject([{ task: 0, clock: { method: 'id-pairs' } }])
    expect(known.hasPassed(ORIGIN + 500_000n)).toBe(true)
  })
})

describe('a span without a task', () => {
  const known = capture([task(1, named(1), 0, 100_000)])

  test.each([
    ['before', -900_000, -500_000, 'not-in-capture'],
    ['after', 1_500_000, 1_600_000, 'not-in-capture'],
    ['inside', 100_000, 200_000, 'no-task'],
    ['reaching in', -500_000, 200_000, 'no-task'],
  ])('%s the capture', (_where, startNs, endNs, reason) => {
    expect(known.match([span(id(9), startNs, endNs)])).toEqual([reason])
  })

  test('where part of the capture is lost', () => {
    const damaged = capture([task(1, named(1), 0, 100_000)], true, [{ startNs: 300_000, endNs: 400_000 }])
    expect(damaged.match([span(id(9), 350_000, 380_000)])).toEqual(['capture-damaged'])
    expect(damaged.match([span(id(9), 100_000, 250_000)])).toEqual(['no-task'])
  })

  test('of a capture whose clock is not known', () => {
    expect(capture([task(1, named(1), 0, 1)], false).match([span(id(9), 0, 1)])).toEqual(['no-clock'])
  })
})

test('a clock is found by the spans that come last, however often it was looked for before', () => {
  // Each task takes a time of its own, and none of the hundred spans that come first took any of these.
  const beginsNs = (i: number): number => 1_000 * (2_025 * i + Math.floor((i * i) / 2))
  const took = (i: number): number => 20_000 + 997 * ((i * 11) % 30)
  const tasks = Array.from({ length: 30 }, (_, i) => task(i + 1, 'x', beginsNs(i) + 1_500, beginsNs(i) + took(i) + 300))
  const known = capture(tasks, false)
  known.end({ ...INFO, durationNs: 100_000_000 })
  for (let i = 0; i < 100; i++) {
    known.match([span(id(i), -1e9, -1e9 + 900_000 + 1_000 * i)])
    known.tryAgain()
  }
  expect(known.clock.method).toBe('none')
  const spans = tasks.map((_, i) => span(id(1_000 + i), beginsNs(i), beginsNs(i) + took(i)))
  known.match(spans)
  known.tryAgain()
  expect(known.match(spans)).toMatchObject(spans.map((_, i) => ({ task: i, evidence: 'name-time' })))
})

test('spans that left without a task are looked at once more when a clock is known and others may have come that tell of them', () => {
  const beginsNs = (i: number): number => 1_000 * (2_025 * i + Math.floor((i * i) / 2))
  const took = (i: number): number => 20_000 + 997 * ((i * 11) % 30)
  const tasks = Array.from({ length: 30 }, (_, i) => task(i + 1, 'x', beginsNs(i) + 1_500, beginsNs(i) + took(i) + 300))
  const known = capture(tasks, false)
  known.end({ ...INFO, durationNs: 100_000_000 })
  known.leftBehind('no-clock')
  known.match(tasks.map((_, i) => span(id(1_000 + i), beginsNs(i), beginsNs(i) + took(i))))
  expect(known.clock.method).toBe('name-time')
  known.leftBehind('not-in-capture')
  expect(known.isLookDue).toBe(false)
  for (const reason of ['no-task', 'ambiguous'] as const) {
    known.leftBehind(reason)
    expect(known.isLookDue).toBe(true)
    known.followed()
    expect(known.isLookDue).toBe(false)
  }
})

test('tasks below a task that name spans, at any depth', () => {
  const known = capture([
    task(1, named(1), 0, 100),
    task(2, 'helper', 0, 50, 1),
    task(3, named(3), 0, 20, 2),
    task(4, named(4), 0, 20, 9),
  ])
  expect(known.innerTasks(1).map((inner) => inner.id)).toEqual([3])
})

describe('tasks below a task are looked at once', () => {
  /** A task that says how often it was looked at, and throws when that never ends. */
  function counted(id: number, parentId: number | null): { readonly task: TaskRecord; looks(): number } {
    let looks = 0
    const of = task(id, 'helper', 0, 50, parentId)
    Object.defineProperty(of, 'id', {
      get: () => {
        if (++looks > 1_000) throw new Error(`task ${id} is looked at for ever`)
        return id
      },
    })
    return { task: of, looks: () => looks }
  }

  test.each([
    ['its own parent', [[5, 5]]],
    [
      'below a task that is below it, for its id was given out again',
      [
        [5, null],
        [6, 5],
        [5, 6],
      ],
    ],
  ] as const)('where one is %s', (_, ids) => {
    const tasks = ids.map(([own, parent]) => counted(own, parent))
    const known = capture([...tasks.map((one) => one.task), task(7, named(7), 0, 20, 5)])
    const before = tasks.map((one) => one.looks())
    expect(known.innerTasks(5).map((inner) => inner.id)).toEqual([7])
    tasks.forEach((one, row) => expect(one.looks() - before[row]).toBeLessThan(10))
  })

  test('where a hundred and fifty thousand lie below one of them: some thousands', () => {
    const base = task(3, 'helper', 0, 20, 2)
    let looks = 0
    const many = Array.from({ length: 150_000 }, (_, row) => ({
      ...base,
      get id() {
        looks++
        return row + 3
      },
    }))
    const known = capture([task(1, named(1), 0, 100), task(2, 'helper', 0, 50, 1), ...many])
    expect(known.innerTasks(99)).toEqual([])
    looks = 0
    expect(known.innerTasks(1)).toEqual([])
    expect(looks).toBeLessThan(10_000)
    expect(looks).toBeGreaterThan(1_000)
  })
})

test('tasks beyond the memory for tasks are not kept, and counted', () => {
  const known = new KnownCapture('c', { service: '', instance: '' }, { by: 'upload', from: '', seconds: null }, 0, {})
  const batch = {
    tasks: [task(1, named(1), 0, 1), task(2, named(2), 0, 1), task(3, named(3), 0, 1)],
    newReasons: [''],
    newRangeNames: [],
    newStacks: [],
    decodedUntilNs: 1,
    gcPhases: { startNs: [], endNs: [], beforeNs: [] },
    clockSnapshots: [],
    originNs: 0n,
    lost: [],
  }
  known.take(batch, 3_000)
  expect(known.tasks.tasks.length).toBeLessThan(3)
  expect(known.tasks.tasks.length + known.tasksDropped).toBe(3)
  expect(known.taskCount).toBe(3)
})

test('long waits and samples count as memory, of tasks in objects, and of those in blocks as bytes of these', () => {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'waiting').start(1)
  let atNs = 1_000
  story.at(atNs).taskBegin(1, 'get')
  for (let wait = 0; wait < 16; wait++) {
    story.at((atNs += 10)).unblock(2)
    story.at((atNs += 10)).block('sync', 'sync.(*Mutex).Lock', 'main.f')
    story.at((atNs += 5_000)).start(2)
    story.at((atNs += 50_000)).unblock(1, 'sync.(*Mutex).Unlock', 'main.g')
    story.at((atNs += 10)).block('select')
    story.at((atNs += 10)).start(1)
  }
  story.at((atNs += 10)).taskEnd(1)
  const kept: CompactTask[] = []
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    { task: (one) => one instanceof CompactTask && kept.push(one) },
  )
  analysis.push(story.bytes())
  analysis.end()
  const [compact] = kept
  const waits = compact.longWaits.length
  expect(waits).toBeGreaterThanOrEqual(16)
  const samples = new Array<CpuSample>(100).fill({ timeNs: 1, goroutine: 1, stack: -1, region: -1 })
  const names = { reasons: [], rangeNames: [], regionNames: [] }
  const more = { name: null, logs: [], precedingLog: null, samples, partial: false, stops: null }
  const sampled = new CompactTask(more, names, compact.chunk, compact.from)
  const large = new KeptChunk(new Float64Array(compact.chunk.f64))
  large.f64[(compact.from >> 3) + HEAD_BYTES] += 800
  const bytesOf = (one: TaskRecord): number => capture([one]).bytes
  const plain = task(1, 'get', 0, 1)
  expect(bytesOf({ ...plain, longWaits: compact.longWaits }) - bytesOf(plain)).toBe(waits * 700)
  expect(bytesOf({ ...plain, samples }) - bytesOf(plain)).toBe(100 * 80)
  expect(bytesOf(sampled) - bytesOf(compact)).toBe(100 * 80)
  expect(bytesOf(new CompactTask(null, names, large, compact.from)) - bytesOf(compact)).toBe(800)
  // What it was waited for, who held it, and what that one did.
  expect(compact.bytes).toBeGreaterThan(waits * (6 + 3 + 8) * 8)
})

test('a capture without tasks is empty, one with tasks done; dropping them ends the joining', () => {
  const none = capture([task(0, '', 0, 1)])
  none.end(INFO)
  expect(none.state).toBe('empty')
  const some = capture([task(1, named(1), 0, 1)])
  some.end(INFO)
  expect(some.state).toBe('done')
  expect(some.names(TRACE, id(1))).toBe(true)
  some.dropTasks()
  expect(some.joinable).toBe(false)
  expect(some.names(TRACE, id(1))).toBe(false)
})

describe('whose capture it is', () => {
  const process: ProcessIdentity = {
    key: 'auth/auth-1',
    service: 'auth',
    instance: 'auth-1',
    aliases: ['auth-1', 'node-7', 'node-7:42'],
    shared: false,
  }

  test.each([
    ['', '', true],
    ['auth', '', true],
    ['auth', 'auth-1', true],
    ['auth', 'node-7:42', true],
    ['', 'node-7', true],
    ['auth', 'auth-2', false],
    ['cache', '', false],
    ['cache', 'auth-1', false],
  ])('service %j, instance %j: %s', (service, instance, expected) => {
    expect(mayBeOf({ service, instance }, process)).toBe(expected)
  })

  test('a process that nothing tells apart from its replicas may be any instance', () => {
    const shared = { ...process, key: 'auth', instance: '', aliases: [], shared: true }
    expect(mayBeOf({ service: 'auth', instance: 'auth-2' }, shared)).toBe(true)
  })
})

test('a clock that is looked for again and again without an end in sight is not looked for after 64 times', () => {
  const known = capture([task(1, 'a', 1_000, 2_000)], false)
  known.end(INFO)
  let looks = 0
  for (let n = 1; n <= 100; n++) {
    known.match([{ ...span(id(n), 500_000_000 * n, 500_000_100 * n), name: 'a' }])
    if (!known.isUntried) continue
    known.tryAgain()
    looks++
  }
  expect(looks).toBe(64)
})
