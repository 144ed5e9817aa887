// kernel.test.ts: what the kernel does of events and what TypeScript does of them is the same: all of a capture by TypeScript, and by both.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import { emptyBreakdown, type TaskRecord } from '../../src/breakdown/breakdown.ts'
import {
  EXACT_DURATIONS,
  HANDED_OVER,
  STATES_REGISTERS_END,
  SUMMED_REGIONS,
} from '../../src/breakdown/states-layout.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { serverStoryOf, storyOf } from '../support/chance-stories.ts'
import { alikeStory, chainStory, fanOutStory } from '../support/fan-out-story.ts'
import { addUp, captureFixtures, plainTask } from '../support/fixtures.ts'
import { mutate } from '../support/mutations.ts'
import { queueStory } from '../support/queue-story.ts'
import { Random } from '../support/random.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** What the kernel of goroutines' states exports, of which tests change some. */
interface KernelExports {
  readonly ofWaker?: unknown
  readonly settle: (beforeNs: number) => void
}

/** From now on the kernel of goroutines' states is started with other exports. */
function changeKernel(change: (exports: KernelExports, memory: KernelMemory) => object): void {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as KernelExports
    return exports.ofWaker === undefined ? exports : { ...exports, ...change(exports, this) }
  })
}

/** Events that the kernel was given and handed back. */
let handedBack = 0

/** From now on the kernel hands back every event that it is given, and every task. */
function withoutKernel(): void {
  handedBack = 0
  changeKernel(() => ({
    run: (from: number) => (handedBack++, from),
    settle: () => undefined,
    findKinds: (_: number, to: number) => to + 1,
    kindOfName: () => -1,
    keepTask: () => -1,
    keepSettled: () => 0,
  }))
}

/** Tasks, and regions of them, that the kernel handed over. */
const handedOver = { tasks: 0, regions: 0 }

/** From now on it is counted what the kernel hands over. */
function countHandedOver(): void {
  changeKernel(({ settle }, { buffer }) => {
    const words = new Int32Array(buffer, 0, STATES_REGISTERS_END >> 2)
    return {
      settle: (beforeNs: number) => {
        handedOver.tasks -= words[HANDED_OVER >> 2]
        handedOver.regions -= words[SUMMED_REGIONS >> 2]
        settle(beforeNs)
        handedOver.tasks += words[HANDED_OVER >> 2]
        handedOver.regions += words[SUMMED_REGIONS >> 2]
      },
    }
  })
}

/** For each stack that is about a lock the first that is about the same one. */
function locksOf({ lockPlaces: places, tables }: CaptureAnalysis): number[][] {
  const stacks = tables.stacks.length
  const held = Array.from({ length: stacks }, (_, row) => row).filter((row) => places.isHeld(row))
  return held.map((row) => [row, held.findIndex((first) => places.same(first, row))])
}

/** What records tell. */
function records(capture: Uint8Array, stacks: boolean): unknown {
  const tasks: TaskRecord[] = []
  const analysis = new CaptureAnalysis({ timelines: true, stacks }, { task: (task) => tasks.push(plainTask(task)) })
  analysis.push(capture)
  const info = analysis.end()
  return { info, tasks, tables: analysis.tables, locks: locksOf(analysis) }
}

/** How a capture is analysed. */
const WAYS = {
  'with stacks': (capture: Uint8Array): unknown => records(capture, true),
  'without stacks': (capture: Uint8Array): unknown => records(capture, false),
  'added up': (capture: Uint8Array): unknown => addUp(capture),
} as const

/** Of what an analysis tells, where tasks are added up. */
interface Summed {
  readonly taskCount?: number
  readonly regionCount?: number
}

/** What an analysis tells, as values whose order says nothing; what a refusal says. */
function told(capture: Uint8Array, way: keyof typeof WAYS): unknown {
  try {
    return JSON.parse(
      JSON.stringify(WAYS[way](capture), (_, value: unknown) =>
        typeof value === 'bigint'
          ? value.toString()
          : value instanceof Uint8Array
            ? Buffer.from(value).toString('hex')
            : ArrayBuffer.isView(value)
              ? [...(value as Float64Array)].map(String)
              : value,
      ),
    )
  } catch (thrown) {
    return String(thrown)
  }
}

/** As `told`, by kernel and TypeScript; what the kernel hands over is counted. */
function toldAndCounted(capture: Uint8Array, way: keyof typeof WAYS): Summed {
  countHandedOver()
  const analysed = told(capture, way)
  vi.restoreAllMocks()
  return analysed as Summed
}

/** Problems that speak of events out of order, or of goroutines that are not known. */
function lostIn(analysed: unknown): string[] {
  const { info } = analysed as { info: { problems: { code: string }[] } }
  return info.problems.map(({ code }) => code).filter((code) => !code.endsWith('_MISUSE'))
}

const fixtures = ['captures', 'damaged', 'joins'].flatMap((folder) => captureFixtures(folder))
const small = fixtures.filter((fixture) => fixture.bytes().length < 200_000)

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('%s the kernel tells what TypeScript tells', (way) => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('of %s', (_, { bytes }) => {
    const capture = bytes()
    const byBoth = told(capture, way)
    withoutKernel()
    expect(byBoth).toEqual(told(capture, way))
  })

  test('whatever goroutines and tasks do', () => {
    let all = 0
    for (let seed = 1; seed <= 400; seed++) {
      const capture = storyOf(new Random(seed), 60 + (seed % 7) * 60, undefined, seed % 2 === 0)
      const byBoth = told(capture, way)
      expect(lostIn(byBoth), `seed ${seed}`).toEqual([])
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(told(capture, way))
      all += handedBack
      vi.restoreAllMocks()
    }
    expect(all).toBeGreaterThan(20_000)
  })

  test('whatever requests do', () => {
    handedOver.tasks = handedOver.regions = 0
    for (let seed = 1; seed <= (way === 'added up' ? 60 : 30); seed++) {
      const capture = serverStoryOf(new Random(seed), seed % 10 === 0 ? 5_500 : 1_500)
      const byBoth = toldAndCounted(capture, way)
      expect(lostIn(byBoth), `seed ${seed}`).toEqual([])
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(told(capture, way))
      vi.restoreAllMocks()
    }
    if (way === 'added up') expect(handedOver.tasks).toBeGreaterThan(1_000)
  })

  test('whatever goroutines that share tasks do', () => {
    handedOver.tasks = handedOver.regions = 0
    let tasks = 0
    let regions = 0
    for (let seed = 1; seed <= (way === 'added up' ? 40 : 16); seed++) {
      const random = new Random(seed)
      const losesEnds = seed % 10 === 9
      const assists = seed === 12
      const capture = fanOutStory(random, {
        events: seed % 8 === 0 || assists ? 10_000 : 3_000,
        stepNs: random.pick([100_000, 400_000]),
        kinds: ['get', 'put', 'list'],
        losesEnds,
        // More than there is room for at first.
        often: assists ? new Array<'assist'>(20).fill('assist') : [],
      })
      const byBoth = toldAndCounted(capture, way)
      if (!losesEnds) expect(lostIn(byBoth), `seed ${seed}`).toEqual([])
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(told(capture, way))
      vi.restoreAllMocks()
      if (losesEnds) continue
      tasks += byBoth.taskCount ?? 0
      regions += byBoth.regionCount ?? 0
    }
    if (way !== 'added up') return
    // The others are the first of their kinds, the slowest, or end too late.
    expect(tasks).toBeGreaterThan(10_000)
    expect(handedOver.tasks / tasks).toBeGreaterThan(0.6)
    expect(handedOver.regions / regions).toBeGreaterThan(0.4)
  })

  test('whatever lies in queues', () => {
    for (let seed = 101; seed <= 112; seed++) {
      const capture = queueStory(new Random(seed), { tasks: 300, most: 20 + 80 * (seed % 3) })
      const byBoth = told(capture, way)
      expect(lostIn(byBoth), `seed ${seed}`).toEqual([])
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(told(capture, way))
      vi.restoreAllMocks()
    }
  })

  test('where times of a goroutine run back, in ranges too', () => {
    const story = new CaptureStory().found(1, 'runnable').start(1).taskBegin(1, 'get')
    let atNs = 0
    for (const range of ['assist', 'sweep'] as const) {
      for (const backNs of [0, 700, 5_000]) {
        // Once for what the kernel hands back the first time.
        story.at((atNs += 10_000))
        story[`${range}Begin`]().at((atNs += 1_000))
        story[`${range}End`]()
          .at((atNs += 1_000))
          .stop()
          .start(1)
        story.at((atNs += 500)).clockBack(backNs)
        story[`${range}Begin`]().clockBack(200)
        story[`${range}End`]()
          .at((atNs += 10_000))
          .stop()
          .start(1)
      }
    }
    const capture = story.taskEnd(1).bytes()
    const byBoth = told(capture, way)
    expect(lostIn(byBoth)).toEqual(['CLOCK_STEP'])
    withoutKernel()
    expect(byBoth).toEqual(told(capture, way))
  })

  test('however a capture is broken', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed)
      const capture = mutate(random.pick(small).bytes(), random, () => random.pick(small).bytes())
      const byBoth = told(capture, way)
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(told(capture, way))
      vi.restoreAllMocks()
    }
  })
})

/** Tasks with one region each that was at work, and then, before they are handed over, so many waits for new reasons on another goroutine. */
function regionsBeforeReasons(tasks: number): Uint8Array {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').start(1)
  let atNs = 1_000
  for (let task = 1; task <= tasks; task++) {
    story.at((atNs += 1_000)).taskBegin(task, 'get')
    story.at((atNs += 100)).regionBegin(task, 'parse')
    story.at((atNs += 10_000)).regionEnd(task, 'parse')
    story.at((atNs += 100)).taskEnd(task)
  }
  story
    .at((atNs += 1_000))
    .stop()
    .start(2)
  for (let reason = 0; reason < 60; reason++) {
    story.at((atNs += 1_000)).block(`reason ${reason}`)
    story.at((atNs += 1_000)).start(1)
    story.at((atNs += 500)).unblock(2)
    story
      .at((atNs += 500))
      .stop()
      .start(2)
  }
  // Tasks are handed over some milliseconds after their end.
  for (let turn = 0; turn < 3_000; turn++)
    story
      .at((atNs += 10_000))
      .stop()
      .start(2)
  return story.bytes()
}

describe('the kernel writes tasks as TypeScript makes them', () => {
  /** Regions of no task for a while, in which all that ended before is handed over. @returns when they are over */
  function passTime(story: CaptureStory, fromNs: number): number {
    const toNs = fromNs + 30_000_000
    for (let atNs = fromNs; atNs < toNs; atNs += 10_000)
      story
        .at(atNs)
        .regionBegin(0, 'r')
        .at(atNs + 5_000)
        .regionEnd(0, 'r')
    return toNs
  }

  test('of an id that was handed on and begins again as its own parent', () => {
    const story = new CaptureStory().found(1, 'runnable').start(1)
    story.at(1_000).taskBegin(5, 'first').at(2_000).taskEnd(5)
    const atNs = passTime(story, 30_000_000)
    const capture = story
      .at(atNs)
      .taskBegin(5, 'again', 5)
      .at(atNs + 1_000)
      .taskEnd(5)
      .bytes()
    const byBoth = told(capture, 'with stacks') as { info: { problems: { code: string }[] }; tasks: TaskRecord[] }
    expect(byBoth.tasks.map(({ name, parentId }) => [name, parentId])).toContainEqual(['again', null])
    expect(byBoth.info.problems.map(({ code }) => code)).toEqual(['TASK_MISUSE'])
    withoutKernel()
    expect(byBoth).toEqual(told(capture, 'with stacks'))
  })

  test('in as many steps: those that the kernel took of a path too long for it count for nothing', () => {
    const nested = 100
    const story = new CaptureStory().found(1, 'runnable').start(1)
    let atNs = 1_000
    for (let task = 1; task <= nested; task++) story.at((atNs += 10)).taskBegin(task, 'get', task - 1)
    for (let n = 0; n < 6_000; n++)
      story
        .at((atNs += 100))
        .stop()
        .at((atNs += 50))
        .start(1)
    for (let task = nested; task > 0; task--) story.at((atNs += 10)).taskEnd(task)
    const capture = story.bytes()
    const unknown = (): unknown[] => {
      const found: unknown[] = []
      const analysis = new CaptureAnalysis({}, { task: ({ id, path }) => found.push([id, path?.unknownNs]) })
      analysis.push(capture)
      const { problems } = analysis.end()
      return [...problems, ...found]
    }
    const byBoth = unknown()
    expect(byBoth).toEqual(Array.from({ length: nested }, (_, row) => [row + 1, 0]))
    changeKernel(() => ({ keepTask: () => -1, keepSettled: () => 0 }))
    expect(byBoth).toEqual(unknown())
  })

  // There is room for 256 regions at first: the last of them has no neighbour.
  test.each([3, 256])('with %d regions that ended before reasons came that there was no room for', (count) => {
    const capture = regionsBeforeReasons(count)
    for (const withKernel of [true, false]) {
      if (!withKernel) withoutKernel()
      const { tasks } = records(capture, true) as { tasks: TaskRecord[] }
      const regions = tasks.filter(({ id }) => id > 0).flatMap((task) => task.regions)
      expect(regions).toHaveLength(count)
      for (const { breakdown } of regions)
        expect(breakdown).toEqual({ ...emptyBreakdown(), totalNs: 10_000, execNs: 10_000 })
    }
  })

  test('with a region whose waits are for reasons that are told alike', () => {
    const story = new CaptureStory().found(1, 'runnable').start(1)
    let atNs = 1_000
    for (let task = 1; task <= 3; task++) {
      story.at((atNs += 1_000)).taskBegin(task, 'get')
      story.at((atNs += 100)).regionBegin(task, 'parse')
      for (const reason of ['toString', '(toString)']) {
        story.at((atNs += 100)).block(reason)
        story.at((atNs += 50)).start(1)
      }
      story.at((atNs += 100)).regionEnd(task, 'parse')
      story.at((atNs += 100)).taskEnd(task)
    }
    const capture = story.bytes()
    const byBoth = told(capture, 'with stacks') as { tasks: TaskRecord[] }
    for (const { regions, path } of byBoth.tasks.filter(({ id }) => id > 0)) {
      expect(regions[0].breakdown.blockNs).toEqual({ '(toString)': 100 })
      expect(path?.blockNs).toEqual({ '(toString)': 100 })
    }
    withoutKernel()
    expect(byBoth).toEqual(told(capture, 'with stacks'))
  })
})

describe('the kernel adds up as TypeScript does', () => {
  test('regions that ended before reasons came that there was no room for', () => {
    const capture = regionsBeforeReasons(40)
    handedOver.regions = 0
    const byBoth = toldAndCounted(capture, 'added up')
    expect(handedOver.regions).toBeGreaterThan(10)
    const nothing = new Array<string>(9).fill('0')
    expect(byBoth).toMatchObject({ regions: [{ name: 'parse', totalNs: 400_000, parts: ['400000', ...nothing] }] })
    withoutKernel()
    expect(byBoth).toEqual(told(capture, 'added up'))
  })

  test.each([
    [
      'more tasks of one kind than are kept one by one',
      alikeStory(new Random(1), 3 * EXACT_DURATIONS),
      2 * EXACT_DURATIONS,
    ],
    ['chains of waits, and what their goroutines were created by', chainStory(new Random(1), 200), 100],
  ])('%s', (_, capture, least) => {
    handedOver.tasks = handedOver.regions = 0
    const byBoth = toldAndCounted(capture, 'added up')
    expect(lostIn(byBoth)).toEqual([])
    withoutKernel()
    expect(byBoth).toEqual(told(capture, 'added up'))
    expect(handedOver.tasks).toBeGreaterThan(least)
  })

  /** Tasks one after the other, each below one of an id. */
  function tasksBelow(count: number, parentOf: (task: number) => number): Uint8Array {
    const story = new CaptureStory().found(1, 'runnable').start(1)
    for (let task = 1; task <= count; task++) {
      story.at(task * 100_000).taskBegin(task, 'get', parentOf(task))
      story.at(task * 100_000 + 50_000).taskEnd(task)
    }
    return story.bytes()
  }

  test('tasks below those that were handed on, which are no tasks anew, and below some that nobody began, which are', () => {
    const capture = tasksBelow(2_000, (task) => (task % 3 === 0 ? 5_000 + task : Math.max(0, task - 400)))
    handedOver.tasks = 0
    const byBoth = toldAndCounted(capture, 'added up')
    expect(byBoth.taskCount).toBe(2_000 + 666)
    expect(handedOver.tasks).toBeGreaterThan(500)
    withoutKernel()
    expect(byBoth).toEqual(told(capture, 'added up'))
  })

  test('in no more memory, however many tasks come and go', () => {
    const capture = tasksBelow(5_000, () => 0)
    const bytesOf = (): number => {
      const analysis = new CaptureAnalysis({}, { kindOf: () => ({ kind: 'get', ofShape: true }) })
      analysis.push(capture)
      analysis.end()
      return analysis.kernelBytes
    }
    handedOver.tasks = 0
    countHandedOver()
    const bytes = bytesOf()
    vi.restoreAllMocks()
    expect(handedOver.tasks).toBeGreaterThan(4_000)
    withoutKernel()
    expect(bytes).toBe(bytesOf())
  })
})
