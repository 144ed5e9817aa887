// runners.test.ts: who ran while a goroutine waited for a processor, beside the same said plainly.

import { describe, expect, test } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { GoState, type Runner } from '../../src/breakdown/breakdown.ts'
import { Lineage } from '../../src/breakdown/lineage.ts'
import { LeftRuns } from '../../src/breakdown/left-runs.ts'
import type { PastLimits } from '../../src/breakdown/past.ts'
import { Runners } from '../../src/breakdown/runners.ts'
import { StatesKernel } from '../../src/breakdown/states-kernel.ts'
import { StayLog } from '../../src/breakdown/stay-log.ts'
import { BLOCK_END } from '../../src/capture/block-layout.ts'
import { batch, CaptureStory, wire } from '../support/capture-story.ts'
import { analyse } from '../support/fixtures.ts'
import { Random } from '../support/random.ts'

const isRuntime = (goroutine: number): boolean => goroutine % 5 === 0
const taskIdOf = (serial: number): number => serial * 10

/** A log without a stay, who ran in it, and tasks, of which there are none. */
function emptyLog(): { readonly stays: StayLog; readonly runners: Runners; readonly lineage: Lineage } {
  const memory = new KernelMemory(BLOCK_END)
  const kernel = new StatesKernel(memory)
  new LeftRuns(kernel)
  return {
    stays: new StayLog(memory, kernel.words, true),
    runners: new Runners(kernel),
    lineage: new Lineage(kernel),
  }
}

/**
 * All stays before the wait, and those after it that begin before its end, while there are any left to look through; none where those that are not looked
 * through lie in more than half of the wait.
 */
function plainly(stays: StayLog, waiting: number, fromNs: number, toNs: number, left: { stays: number }): Runner[] {
  const sums = new Map<number, number>()
  const add = (stay: number): void => {
    const at = stay & stays.mask
    const ns = Math.min(stays.endNs[at], toNs) - Math.max(stays.startNs[at], fromNs)
    if (stays.state[at] !== GoState.running || ns <= 0) return
    const key = stays.task[at] === 0 && isRuntime(stays.goroutine[at]) ? -1 : stays.task[at]
    sums.set(key, (sums.get(key) ?? 0) + ns)
  }
  for (let stay = waiting - 1; stays.has(stay); stay--) add(stay)
  for (let stay = waiting + 1; stay < stays.top; stay++, left.stays--) {
    const startNs = stays.startNs[stay & stays.mask]
    if (startNs >= toNs) break
    if (left.stays === 0) {
      if (startNs - fromNs < (toNs - fromNs) / 2) return []
      break
    }
    add(stay)
  }
  return [...sums]
    .map(([task, ns]) => ({ taskId: task > 0 ? taskIdOf(task) : 0, runtime: task < 0, ns }))
    .sort((one, other) => other.ns - one.ns)
    .slice(0, 4)
}

test('those that ran are told as they are counted plainly, the longest first', () => {
  let told = 0
  let untold = 0
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed)
    const { stays, runners, lineage } = emptyLog()
    // Few tasks and goroutines, and many of both.
    const who = random.pick([3, 40, 10_000])
    const count = random.pick([50, 1_000, 9_000])
    for (let serial = 1; serial < who; serial++) lineage.add(taskIdOf(serial))
    for (let goroutine = 0; goroutine < who; goroutine++) if (isRuntime(goroutine)) runners.addRuntime(goroutine)
    for (let stay = 0; stay < count; stay++) {
      const state = random.pick([GoState.running, GoState.running, GoState.runnable, GoState.waiting])
      const task = random.below(3) === 0 ? 0 : random.below(who)
      // Starts that run back a little, and ends that lie before, within and after; few lengths, so that several are the same.
      const startNs = Math.max(0, stay * 10 - random.below(15))
      stays.open(random.below(who), -1, state, startNs, 0, task, -1)
      stays.endNs[stay & stays.mask] = random.below(20) === 0 ? Infinity : startNs + random.below(8) * 50
    }
    stays.forgetBefore(random.below(count))
    const left = { stays: 4_096 }
    runners.beginTask()
    for (let wait = 0; wait < 4; wait++) {
      const waiting = stays.tail + random.below(count - stays.tail)
      const fromNs = stays.startNs[waiting & stays.mask]
      const toNs = fromNs + random.pick([30, 700, 60_000])
      const expected = plainly(stays, waiting, fromNs, toNs, left)
      expect(runners.of(stays, waiting, fromNs, toNs), `seed ${seed}`).toEqual(expected)
      told += expected.length
      if (expected.length === 0 && left.stays === 0) untold++
    }
  }
  expect(told).toBeGreaterThan(1_000)
  expect(untold).toBeGreaterThan(20)
})

test('those that ran are told while the log goes on, however many run at once and however long', () => {
  let told = 0
  for (let seed = 1; seed <= 150; seed++) {
    const random = new Random(seed)
    const { stays, runners, lineage } = emptyLog()
    for (let serial = 1; serial < 50; serial++) lineage.add(taskIdOf(serial))
    // Numbers above those that bits are kept of, and above 32 bits.
    const goroutines = random.pick([0, 65_536 * 3, 2 ** 31 - 20, 2 ** 40])
    for (let id = 0; id < 50; id++) if (isRuntime(goroutines + id)) runners.addRuntime(goroutines + id)
    const most = random.pick([2, 20, 29, 31, 60])
    const running: number[] = []
    const waits: number[] = []
    const end = (which: number, ns: number): void => {
      const [stay] = running.splice(which, 1)
      stays.endNs[stay & stays.mask] = Math.max(ns, stays.startNs[stay & stays.mask])
    }
    for (let stay = 0; stay < 4_000; stay++) {
      const startNs = Math.max(0, stay * 10 - random.below(15))
      const runs = random.below(2) === 0
      if (runs && running.length === most) end(random.below(2) === 0 ? running.length - 1 : random.below(most), startNs)
      const state = runs ? GoState.running : random.pick([GoState.runnable, GoState.waiting, GoState.syscall])
      const task = random.pick([0, 1 + random.below(49)])
      stays.open(goroutines + random.below(50), -1, state, startNs, 0, task, -1)
      if (runs) running.push(stay)
      else stays.endNs[stay & stays.mask] = startNs + random.below(900)
      if (state === GoState.runnable) waits.push(stay)
      if (random.below(1_000) === 0) stays.forgetBefore(stay - random.below(700))
      if (random.below(20) !== 0 || waits.length === 0) continue
      const waiting = waits[Math.max(0, waits.length - 1 - random.below(150))]
      if (!stays.has(waiting)) continue
      const fromNs = stays.startNs[waiting & stays.mask]
      const toNs = stays.endNs[waiting & stays.mask]
      runners.beginTask()
      const expected = plainly(stays, waiting, fromNs, toNs, { stays: 4_096 })
      expect(runners.of(stays, waiting, fromNs, toNs), `seed ${seed}, stay ${stay}`).toEqual(expected)
      told += expected.length
    }
  }
  expect(told).toBeGreaterThan(10_000)
})

test.each([
  ['are told where it is for the larger part of the wait', 90_000, 1],
  ['are not told where it is for the smaller part, which says little of all of it', 70_000, 0],
])('those that ran while 4,096 changes of state went by %s', (_, knownNs, told) => {
  const { stays, runners, lineage } = emptyLog()
  lineage.add(taskIdOf(1))
  stays.open(1, -1, GoState.runnable, 0, 0, 0, -1)
  // More than are looked through begin at once, in the wait's first part; one more late in it.
  for (let stay = 0; stay < 4_096; stay++) {
    stays.open(2, -1, GoState.running, 0, 0, 1, -1)
    stays.endNs[(stay + 1) & stays.mask] = 10
  }
  stays.open(3, -1, GoState.running, knownNs, 0, 0, -1)
  runners.beginTask()
  expect(runners.of(stays, 0, 0, 160_000)).toEqual(
    told === 0 ? [] : [{ taskId: taskIdOf(1), runtime: false, ns: 40_960 }],
  )
})

describe('a goroutine that runs on one processor for long, while thousands run on another,', () => {
  const TURN_NS = 4_000
  const WAIT_NS = 1_000_000

  /** Goroutine 9 runs from 0.1 ms on. Later 1, for a task, waits for a processor for a millisecond, in which others run in turns for all of it. */
  const captureOf = (longNs: number, waitFromNs: number): Uint8Array => {
    const story = new CaptureStory().found(1, 'runnable')
    for (let id = 2; id <= 5; id++) story.found(id, 'runnable')
    let atNs = 200_000
    let turn = 0
    const take = (untilNs: number): void => {
      for (; atNs + TURN_NS <= untilNs; atNs += TURN_NS)
        story
          .at(atNs)
          .start(2 + (turn++ % 4))
          .at(atNs + TURN_NS)
          .stop()
    }
    take(waitFromNs)
    story.at(atNs).start(1).taskBegin(1, 'waits').stop()
    take(atNs + WAIT_NS)
    story.at(atNs).start(1).taskEnd(1).block('select')
    // Tasks leave 20 ms after their end.
    take(atNs + 30_000_000)
    const long = batch(1, 2, 1_000_000, [
      ...wire('ProcStatus', 100_000, 1, 1),
      ...wire('GoStatus', 0, 9, 2, 2),
      ...wire('GoStop', longNs, 0, 0),
    ])
    return Uint8Array.from([...story.bytes(), ...long])
  }

  const WAYS: Record<string, Partial<PastLimits>> = {
    'of a whole log': {},
    'of one that is let go of often': { beforeForgetting: 64 },
    'of one that is thinned out': { beforeForgetting: 512, beforeThinning: 14_000, keptWhole: 12_000 },
  }
  test.each(Object.keys(WAYS))('is told with its whole share %s', (way) => {
    for (const [longNs, waitFromNs] of [
      [8_000_000, 1_000_000],
      [8_000_000, 3_000_000],
      [8_000_000, 6_500_000],
      // It ends before what it began in is let go of, and after.
      [91_500_000, 90_000_000],
      [140_000_000, 90_000_000],
    ]) {
      const capture = captureOf(longNs, waitFromNs)
      const { tasks } = analyse(capture, { timelines: true, stacks: true, pastLimits: WAYS[way] })
      const runners = tasks.find(({ id }) => id === 1)?.longWaits.flatMap((wait) => wait.runners)
      expect(runners, `${waitFromNs}`).toEqual([{ taskId: 0, runtime: false, ns: 2 * WAIT_NS }])
    }
  })
})
