// kernel.test.ts: what the kernel does of events and what TypeScript does of them is the same: all of a capture by TypeScript, and by both.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import {
  EXACT_DURATIONS,
  HANDED_OVER,
  STATES_REGISTERS_END,
  SUMMED_REGIONS,
} from '../../src/breakdown/states-layout.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { alikeStory, chainStory, fanOutStory } from '../support/fan-out-story.ts'
import { addUp, captureFixtures } from '../support/fixtures.ts'
import { LockStacks } from '../support/lock-stacks.ts'
import { mutate } from '../support/mutations.ts'
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

/** From now on the kernel hands back every event that it is given. */
function withoutKernel(): void {
  handedBack = 0
  changeKernel(() => ({ run: (from: number) => (handedBack++, from), settle: () => undefined }))
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
  const analysis = new CaptureAnalysis({ timelines: true, stacks }, { task: (task) => tasks.push(task) })
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

const REASONS = ['chan receive', 'select', 'network', 'sync', 'sleep', 'chan send'] as const
const ENTRIES = ['main.work', 'main.serve', 'main.work', 'main.fetch'] as const

/** Goroutines, tasks and regions that come and go by chance, on one processor; few ids, so that rows and tasks are soon those of others. */
function storyOf(random: Random, events: number): Uint8Array {
  const story = new CaptureStory()
  const runnable: number[] = []
  const waiting: number[] = []
  const tasks: number[] = [0]
  const regions = new Map<number, [number, string][]>()
  // Ids that tables see as numbers of 32 bits, and some that they do not.
  const first = random.pick([0, 0, 2 ** 31 - 10, 2 ** 32 - 5, 2 ** 45])
  // Of long waits more is told, and of those for locks most.
  const stepNs = random.pick([1_000, 30_000])
  const reasons = random.pick([REASONS, ['sync']] as const)
  let lastGoroutine = first + 3
  let lastTask = 0
  let running = 0
  for (const goroutine of [first + 1, first + 2, first + 3]) {
    story.found(goroutine, 'runnable')
    runnable.push(goroutine)
  }
  const assisting = new Set<number>()
  /** Goroutine that sweeps; 0 none. */
  let sweeping = 0
  const locks = new LockStacks(random)
  const takeFrom = (list: number[]): number => list.splice(random.below(list.length), 1)[0]
  for (let event = 0; event < events; event++) {
    story.at((event + 1) * stepNs + random.below(500))
    if (running === 0) {
      if (runnable.length === 0) {
        // Nobody is left to wake anybody.
        if (waiting.length === 0) break
        runnable.push(takeFrom(waiting))
        story.unblock(runnable[0], ...locks.wakeAt(running, runnable[0]))
      } else {
        running = takeFrom(runnable)
        story.start(running)
      }
      continue
    }
    const open = regions.get(running) ?? []
    switch (random.below(18)) {
      case 0:
      case 1:
        story.block(random.pick(reasons), ...locks.waitAt(running))
        waiting.push(running)
        running = 0
        break
      case 2:
        story.stop()
        runnable.push(running)
        running = 0
        break
      case 3:
        if (assisting.delete(running)) story.assistEnd()
        story.destroy()
        regions.delete(running)
        running = 0
        break
      case 4:
      case 5:
        story.create(++lastGoroutine, random.pick(ENTRIES))
        runnable.push(lastGoroutine)
        break
      case 6:
        story.taskBegin(++lastTask, random.pick(['get', 'put']), random.pick(tasks))
        tasks.push(lastTask)
        break
      case 7:
        if (tasks.length > 1) story.taskEnd(tasks.splice(1 + random.below(tasks.length - 1), 1)[0])
        break
      case 8:
      case 9: {
        const region: [number, string] = [random.pick(tasks), random.pick(['a', 'b'])]
        story.regionBegin(...region)
        regions.set(running, [...open, region])
        break
      }
      case 10: {
        const region = open.pop()
        if (region !== undefined) story.regionEnd(...region)
        break
      }
      case 11: {
        if (waiting.length === 0) break
        const next = takeFrom(waiting)
        story.switchTo(next)
        waiting.push(running)
        running = next
        break
      }
      case 12:
        if (assisting.delete(running)) {
          story.assistEnd()
        } else {
          story.assistBegin()
          assisting.add(running)
        }
        break
      case 13:
        // Most end on the goroutine that began them.
        if (sweeping === running || (sweeping !== 0 && random.below(4) === 0)) {
          story.sweepEnd()
          sweeping = 0
        } else if (sweeping === 0) {
          story.sweepBegin()
          sweeping = running
        }
        break
      case 14:
        story.syscallBlocked(100)
        runnable.push(running)
        running = 0
        break
      default:
        if (waiting.length === 0) break
        runnable.push(takeFrom(waiting))
        story.unblock(runnable[runnable.length - 1], ...locks.wakeAt(running, runnable[runnable.length - 1]))
    }
  }
  return story.bytes()
}

/**
 * Requests as servers have them: goroutines that begin tasks one after the other, some below those of others, with regions, logs and system
 * calls, and end them; a tenth of what they do is odd. Long enough for tasks to be handed over while the capture goes on.
 */
function serverStoryOf(random: Random, events: number): Uint8Array {
  const story = new CaptureStory()
  const runnable: number[] = []
  const waiting: number[] = []
  /** By goroutine: its open tasks, and the regions in each, the innermost last; and that of its creator. */
  const open = new Map<number, { readonly task: number; readonly regions: string[] }[]>()
  const below = new Map<number, number>()
  /** Lately begun, by whomever, and whether open or not. */
  const seen: number[] = []
  const first = random.pick([0, 0, 2 ** 31 - 10, 2 ** 52])
  const stepNs = random.pick([2_000, 20_000, 200_000])
  let lastGoroutine = 3
  let lastTask = first
  let running = 0
  for (const goroutine of [1, 2, 3]) {
    story.found(goroutine, 'runnable')
    runnable.push(goroutine)
  }
  const takeFrom = (list: number[]): number => list.splice(random.below(list.length), 1)[0]
  const begin = (parent: number): void => {
    story.taskBegin(++lastTask, random.pick(['get', 'put', `list ${lastTask}`]), parent)
    const tasks = open.get(running) ?? []
    tasks.push({ task: lastTask, regions: [] })
    open.set(running, tasks)
    seen.push(lastTask)
    if (seen.length > 20) seen.shift()
  }
  for (let event = 0; event < events; event++) {
    story.at((event + 1) * stepNs + random.below(stepNs >> 1))
    if (running === 0) {
      if (runnable.length === 0) {
        if (waiting.length === 0) break
        runnable.push(takeFrom(waiting))
        story.unblock(runnable[0])
      } else {
        running = takeFrom(runnable)
        story.start(running)
      }
      continue
    }
    const tasks = open.get(running) ?? []
    const innermost = tasks.at(-1)
    if (random.below(10) === 0) {
      const task = seen.length > 0 && random.below(4) > 0 ? random.pick(seen) : random.pick([0, lastTask + 5, 7])
      const odd = random.below(5)
      if (odd === 0) story.taskEnd(task)
      else if (odd === 1) story.log(task, 'note', 'odd')
      else if (odd === 2) story.regionBegin(task, 'odd')
      else if (odd === 3) story.taskBegin(task, 'again', random.pick([0, ...seen]))
      else story.regionEnd(task, random.pick(['odd', 'read']))
      continue
    }
    switch (random.below(innermost === undefined ? 8 : 16)) {
      case 0:
        story.block(random.pick(REASONS))
        waiting.push(running)
        running = 0
        break
      case 1:
        if (random.below(3) === 0) {
          story.stop()
          runnable.push(running)
          running = 0
          break
        }
        story.syscall().syscallEnd()
        if (random.below(3) > 0) break
        story.block('select')
        waiting.push(running)
        running = 0
        break
      case 2:
      case 3:
        if (waiting.length === 0) break
        runnable.push(takeFrom(waiting))
        story.unblock(runnable[runnable.length - 1])
        break
      case 4:
        if (runnable.length + waiting.length > 12) {
          story.destroy()
          open.delete(running)
          running = 0
          break
        }
        story.create(++lastGoroutine, random.pick(ENTRIES))
        if (innermost !== undefined) below.set(lastGoroutine, innermost.task)
        runnable.push(lastGoroutine)
        break
      case 5:
      case 6:
      case 7:
        if (tasks.length < 3) begin(random.pick([0, innermost?.task ?? below.get(running) ?? 0]))
        break
      case 8:
      case 9:
        story.log(innermost?.task ?? 0, 'note', random.pick(['a', 'b']))
        break
      case 10:
      case 11:
      case 12: {
        if (innermost === undefined) break
        const name = random.pick(['read', 'write', 'wait'])
        innermost.regions.push(name)
        story.regionBegin(innermost.task, name)
        break
      }
      case 13:
      case 14: {
        const name = innermost?.regions.pop()
        if (innermost !== undefined && name !== undefined) story.regionEnd(innermost.task, name)
        break
      }
      default: {
        const done = tasks.pop()
        if (done === undefined) break
        while (done.regions.length > 0) story.regionEnd(done.task, done.regions.pop() ?? '')
        story.taskEnd(done.task)
      }
    }
  }
  return story.bytes()
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
      const capture = storyOf(new Random(seed), 60 + (seed % 7) * 60)
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

describe('the kernel adds up as TypeScript does', () => {
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
})
