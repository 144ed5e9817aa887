// past.test.ts: the past is kept as far as open tasks reach; what leaves it meanwhile nobody misses.

import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Breakdown, emptyBreakdown, type Runner } from '../../src/breakdown/breakdown.ts'
import { GoroutineStates } from '../../src/breakdown/goroutine-states.ts'
import type { PastLimits } from '../../src/breakdown/past.ts'
import { MOST_RUNNER_STAYS, MOST_STAYS_RETURNED, MOST_STAYS_TAKEN_UP } from '../../src/breakdown/states-layout.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { storyOf } from '../support/chance-stories.ts'
import { addUp, analyse, captureFixtures, sumOf } from '../support/fixtures.ts'
import { Random } from '../support/random.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** The log is thinned out as often as is looked at it, and little of it is kept whole. */
const THINNED: Partial<PastLimits> = { beforeForgetting: 0, beforeThinning: 0, keptWhole: 16 }

/** Stays that left the log while open tasks reached beyond them. */
let gone = 0

/** From now on it is counted what is thinned out. */
function countGone(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
  const { thinOut } = GoroutineStates.prototype
  vi.spyOn(GoroutineStates.prototype, 'thinOut').mockImplementation(function (this: GoroutineStates, ...args) {
    const { size } = this.stays
    thinOut.apply(this, args)
    gone += size - this.stays.size
  })
}

/** Values in which typed arrays are lists, and nothing else tells two that are told alike apart. */
function plain(analysed: unknown): unknown {
  return JSON.parse(
    JSON.stringify(analysed, (_, value: unknown) =>
      typeof value === 'bigint'
        ? String(value)
        : ArrayBuffer.isView(value)
          ? [...(value as Float64Array)].map(String)
          : value,
    ),
  )
}

/** How a capture is analysed. */
const WAYS = {
  timelines: (capture: Uint8Array, pastLimits: Partial<PastLimits>): unknown =>
    analyse(capture, { timelines: true, pastLimits }),
  // What waits are blamed on lies in the time that is kept whole.
  'timelines with stacks': (capture: Uint8Array, pastLimits: Partial<PastLimits>): unknown =>
    analyse(capture, { timelines: true, stacks: true, pastLimits }).tasks.map((task) => ({ ...task, longWaits: [] })),
  sums: (capture: Uint8Array, pastLimits: Partial<PastLimits>): unknown => addUp(capture, { pastLimits }),
} as const

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
  'of a log that is thinned out %s are those of a whole one',
  (way) => {
    test('whatever goroutines and tasks do', () => {
      gone = 0
      for (let seed = 1; seed <= 4; seed++) {
        // Shorter than what lies around tasks is kept: nothing but thinning has any of it go.
        const capture = storyOf(new Random(seed), 33_000, 1_000)
        const whole = plain(WAYS[way](capture, {}))
        countGone()
        expect(plain(WAYS[way](capture, THINNED)), `seed ${seed}`).toEqual(whole)
        vi.restoreAllMocks()
      }
      expect(gone).toBeGreaterThan(10_000)
    })

    test('in recorded captures', () => {
      gone = 0
      for (const { name, bytes } of captureFixtures().filter((one) => one.bytes().length > 50_000)) {
        const whole = plain(WAYS[way](bytes(), {}))
        countGone()
        expect(plain(WAYS[way](bytes(), THINNED)), name).toEqual(whole)
        vi.restoreAllMocks()
      }
      expect(gone).toBeGreaterThan(20_000)
    })
  },
)

test('who ran during a wait is told as of a whole log, or not at all', () => {
  let alike = 0
  let untold = 0
  for (let seed = 1; seed <= 4; seed++) {
    const capture = storyOf(new Random(seed), 33_000, 1_000)
    const runnersOf = (pastLimits: Partial<PastLimits>): Map<number, Map<number, readonly Runner[]>> =>
      new Map(
        analyse(capture, { timelines: true, stacks: true, pastLimits }).tasks.map(({ longWaits }, at) => [
          at,
          new Map(longWaits.filter((wait) => wait.runners.length > 0).map(({ row, runners }) => [row, runners])),
        ]),
      )
    const thinnedOf = runnersOf({ ...THINNED, keptWhole: 1_024 })
    for (const [task, whole] of runnersOf({})) {
      const thinned = thinnedOf.get(task)
      const lacking = [...whole.keys()].filter((row) => thinned?.get(row) === undefined).length
      untold += lacking
      for (const [row, runners] of whole) {
        const told = thinned?.get(row)
        if (told === undefined) continue
        if (lacking === 0) expect(told, `seed ${seed}, task ${task}, ${row}`).toEqual(runners)
        // A task is explained by so many stays and no more: those of a wait of which nothing is told are left for another.
        else expect(totalNs(told), `seed ${seed}, task ${task}, ${row}`).toBeGreaterThanOrEqual(totalNs(runners))
        if (lacking === 0 || isDeepStrictEqual(told, runners)) alike++
      }
    }
  }
  expect(alike).toBeGreaterThan(100)
  expect(untold).toBeGreaterThan(0)
})

/** Time of all that ran. */
function totalNs(runners: readonly Runner[]): number {
  return runners.reduce((sum, { ns }) => sum + ns, 0)
}

test('who ran during a wait is told alike however soon the past is let go of', () => {
  let told = 0
  for (let seed = 1; seed <= 4; seed++) {
    const capture = storyOf(new Random(seed), 33_000, 30_000)
    const runnersOf = (pastLimits: Partial<PastLimits>): unknown =>
      plain(
        analyse(capture, { timelines: true, stacks: true, pastLimits }).tasks.map(({ id, longWaits }) => [
          id,
          longWaits.map(({ row, runners }) => {
            told += runners.length
            return [row, runners]
          }),
        ]),
      )
    expect(runnersOf({ beforeForgetting: 64 }), `seed ${seed}`).toEqual(runnersOf({}))
  }
  expect(told).toBeGreaterThan(100)
})

test('who ran during a wait is told alike however many goroutines wait, which are carried over when the past is let go of', () => {
  const story = new CaptureStory()
  // More than stays are looked through for who ran.
  for (let goroutine = 10; goroutine < 10 + MOST_RUNNER_STAYS; goroutine++) story.found(goroutine, 'waiting')
  story.found(1, 'runnable').found(2, 'runnable').found(3, 'runnable').at(1_000).start(3)
  let atNs = 1_000_000
  for (let task = 1; task <= 40; task += 2) {
    story
      .at((atNs += 50_000_000))
      .stop()
      .start(2)
      .taskBegin(task, 'runs')
    story
      .at((atNs += 1_000))
      .stop()
      .start(1)
      .taskBegin(task + 1, 'waits')
    story.at((atNs += 1_000)).stop()
    for (let n = 0; n < 1_000; n++) {
      story
        .start(n % 2 === 0 ? 2 : 3)
        .at((atNs += 100_000))
        .stop()
    }
    story
      .start(1)
      .at((atNs += 1_000))
      .taskEnd(task + 1)
    story
      .at((atNs += 1_000))
      .stop()
      .start(2)
      .taskEnd(task)
    story
      .at((atNs += 1_000))
      .stop()
      .start(3)
  }
  const capture = story
    .at((atNs += 30_000_000))
    .stop()
    .bytes()
  const runnersOf = (pastLimits: Partial<PastLimits>): unknown =>
    analyse(capture, { timelines: true, stacks: true, pastLimits })
      .tasks.filter(({ name }) => name === 'waits')
      .map(({ longWaits }) => longWaits.map(({ runners }) => runners.map(({ ns }) => ns)))
  expect(runnersOf({ beforeForgetting: 64 })).toEqual(new Array(20).fill([[50_000_000, 50_000_000]]))
})

test('is let go of once so much more is kept than was left, however much that was', () => {
  const story = new CaptureStory().found(1, 'runnable').start(1)
  let atNs = 0
  for (let task = 1; task <= 4; task++) {
    story.taskBegin(task, 'long')
    for (let turn = 0; turn < 15_000; turn++)
      story
        .at((atNs += 100_000))
        .stop()
        .at((atNs += 100_000))
        .start(1)
    story.taskEnd(task)
  }
  const capture = story.bytes()
  const kept: { before: number; after: number }[] = []
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
  const { forgetBefore } = GoroutineStates.prototype
  vi.spyOn(GoroutineStates.prototype, 'forgetBefore').mockImplementation(function (this: GoroutineStates, index) {
    const before = this.stays.size
    forgetBefore.call(this, index)
    kept.push({ before, after: this.stays.size })
  })
  const beforeForgetting = 4_096
  analyse(capture, { timelines: true, stacks: true, pastLimits: { beforeForgetting } })
  expect(Math.max(...kept.map(({ after }) => after))).toBeGreaterThan(4 * beforeForgetting)
  // Looked at after as many events as make so many stays at most.
  const more = kept.slice(1).map(({ before }, at) => before - kept[at].after)
  expect(Math.max(...more)).toBeLessThanOrEqual(2 * beforeForgetting)
})

describe('a task that is open for the whole capture', () => {
  /** It sleeps and runs in turn, while requests come and go on other goroutines. */
  function story(turns: number): CaptureStory {
    const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable')
    story.start(1).taskBegin(1, 'whole').block('sleep')
    let task = 1
    for (let turn = 1; turn <= turns; turn++) {
      story.at(turn * 1_000_000).start(2)
      for (let request = 1; request <= 40; request++) {
        story.at(turn * 1_000_000 + request * 20_000).taskBegin(++task, 'request')
        story.stop().start(2).taskEnd(task)
      }
      story
        .at(turn * 1_000_000 + 900_000)
        .block('select')
        .unblock(1)
      story
        .start(1)
        .at(turn * 1_000_000 + 950_000)
        .block('sleep')
      story.unblock(2)
    }
    return story.start(2).block('select').unblock(1).start(1)
  }
  const capture = (turns: number): Uint8Array => story(turns).taskEnd(1).bytes()
  const pathOf = (limits: Partial<PastLimits>): Breakdown | null | undefined =>
    analyse(capture(600), { pastLimits: limits }).tasks.find(({ id }) => id === 1)?.path

  test('has a path that nothing is missing from, though little of its time is kept', () => {
    countGone()
    gone = 0
    expect(pathOf({ beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most: 20_000 })).toEqual(pathOf({}))
    expect(gone).toBeGreaterThan(40_000)
    expect(pathOf({})?.unknownNs).toBe(0)
  })

  test('is unknown where it began once its own goroutines changed their states more often than is kept', () => {
    const path = pathOf({ beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most: 1_000 })
    const whole = pathOf({})
    expect(path?.totalNs).toBe(whole?.totalNs)
    expect(path?.unknownNs).toBeGreaterThan(0)
    expect(path?.execNs).toBeGreaterThan(0)
    expect(sumOf(path ?? emptyBreakdown())).toBe(path?.totalNs)
  })

  test('is known where it was lately when it is open at the end as well', () => {
    const open = story(600).bytes()
    const timelineOf = (pastLimits: Partial<PastLimits>) => {
      const { timeline } = analyse(open, { timelines: true, pastLimits }).tasks.find(({ id }) => id === 1) ?? {}
      if (timeline === undefined || timeline === null) throw new Error('no timeline')
      return Array.from({ length: timeline.length }, (_, row) => [
        timeline.startNs[row],
        timeline.endNs[row],
        timeline.state[row],
        timeline.reason[row],
      ])
    }
    const whole = timelineOf({})
    const rest = timelineOf({ beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most: 1_000 })
    // What is left of it is its end, as it is in the whole one, and before that one piece that is unknown.
    expect(rest.length).toBeGreaterThan(10)
    expect(rest.length).toBeLessThan(whole.length)
    expect(rest.slice(1)).toEqual(whole.slice(1 - rest.length))
    expect(rest[0]).toEqual([whole[0][0], rest[1][0], 0, 0])
  })

  test('is known where it waits when it has waited since what was let go of', () => {
    const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').found(3, 'runnable')
    story.start(1).taskBegin(1, 'whole').at(5_000).block('sleep').start(3).taskBegin(2, 'other')
    for (let turn = 1; turn <= 3_000; turn++)
      story
        .at(10_000 + turn * 1_000)
        .stop()
        .start(3)
    const tasks = analyse(story.bytes(), {
      timelines: true,
      pastLimits: { beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most: 1_000 },
    }).tasks
    const timeline = tasks.find(({ id }) => id === 1)?.timeline
    expect([timeline?.startNs.at(-1), timeline?.state.at(-1)]).toEqual([5_000, 3])
  })
})

describe('a task that is open beside thousands of goroutines, each with a past of its own', () => {
  const GOROUTINES = 3_000

  /** It sleeps and runs in turn, while one after another of many goroutines is woken, runs, and waits again. */
  const capture = (() => {
    const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable')
    story.start(1).taskBegin(1, 'whole').block('sleep').start(2)
    for (let other = 0; other < GOROUTINES; other++) story.create(3 + other)
    let next = 0
    for (let turn = 1; turn <= 3_000; turn++) {
      story.at(turn * 1_000_000).block('select')
      for (let n = 0; n < 20; n++) {
        const other = 3 + (next++ % GOROUTINES)
        story.start(other).block('chan receive').unblock(other)
      }
      story
        .unblock(1)
        .start(1)
        .at(turn * 1_000_000 + 900_000)
      story.block('sleep').unblock(2).start(2)
    }
    return story.block('select').unblock(1).start(1).taskEnd(1).bytes()
  })()

  /** The path of the task, and by how many stays of each goroutine were kept the most stays that were left then. */
  function toldWith(limits: Partial<PastLimits>): { path: Breakdown; left: ReadonlyMap<number, number> } {
    const left = new Map<number, number>()
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
    const { thinOut } = GoroutineStates.prototype
    vi.spyOn(GoroutineStates.prototype, 'thinOut').mockImplementation(function (this: GoroutineStates, ...args) {
      thinOut.apply(this, args)
      left.set(args[1], Math.max(left.get(args[1]) ?? 0, this.stays.size))
    })
    const path = analyse(capture, { pastLimits: limits }).tasks.find(({ id }) => id === 1)?.path
    vi.restoreAllMocks()
    return { path: path ?? emptyBreakdown(), left }
  }
  const whole = toldWith({})

  test('has its whole path, though of each goroutine no more is kept than a worker that takes a task up may be asked for', () => {
    expect(whole.left.size).toBe(0)
    const most = 90_000
    const { path, left } = toldWith({ beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most })
    expect(path).toEqual(whole.path)
    expect(path.unknownNs).toBe(0)
    expect([...left.keys()]).toEqual([MOST_STAYS_RETURNED, MOST_STAYS_TAKEN_UP])
    expect(left.get(MOST_STAYS_RETURNED)).toBeGreaterThan(0.75 * most)
    expect(left.get(MOST_STAYS_TAKEN_UP)).toBeLessThan(0.75 * most)
  })

  test('is unknown where it began when there are more goroutines than stays are kept, and its parts add up', () => {
    const most = GOROUTINES / 2
    const { path, left } = toldWith({ beforeForgetting: 500, beforeThinning: 500, keptWhole: 100, most })
    expect(left.get(MOST_STAYS_TAKEN_UP)).toBeGreaterThan(0.75 * most)
    expect(path.totalNs).toBe(whole.path.totalNs)
    expect(path.unknownNs).toBeGreaterThan(0)
    expect(sumOf(path)).toBe(path.totalNs)
  })
})
