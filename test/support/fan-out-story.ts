// fan-out-story.ts: captures of servers whose requests go from goroutine to goroutine, by chance.

import { CaptureStory } from './capture-story.ts'
import { LockStacks } from './lock-stacks.ts'
import type { Random } from './random.ts'

const REASONS = ['chan receive', 'select', 'network', 'sync', 'sleep', 'chan send'] as const
const ENTRIES = ['main.work', 'main.serve', 'main.fetch'] as const

/** A task that a goroutine works for, and the regions of it that are open there, the innermost last. One goroutine ends it. */
interface Open {
  readonly task: number
  readonly regions: string[]
  readonly ends: boolean
}

/** What a goroutine that works for a task may do, and how often. */
const DEEDS = [
  ...(['begin', 'begin', 'end', 'end', 'end', 'create', 'create', 'wake', 'wake', 'wake', 'wait', 'wait'] as const),
  ...(['region', 'region', 'leave', 'leave', 'log', 'stop', 'syscall', 'lose', 'assist', 'sweep', 'world'] as const),
  ...(['switch', 'collect', 'exit', 'take'] as const),
]
export type Deed = (typeof DEEDS)[number]
/** What one does that works for none. */
const IDLE_DEEDS: readonly Deed[] = [
  ...(['begin', 'begin', 'begin', 'begin', 'wake', 'wait'] as const),
  ...(['exit', 'assist', 'sweep', 'create', 'take'] as const),
]

/** A task with so many after it was handed over, mostly, when its id is taken again. */
const LONG_AGO = 150

/** What such a server is like. */
export interface FanOut {
  readonly events: number
  /** Nanoseconds from one event to the next, half as much again at most. */
  readonly stepNs: number
  /** Kinds of its tasks, whose names have ids behind them. */
  readonly kinds: readonly string[]
  /** Whether ends of what the collector does are lost, so that it begins anew while it is open. */
  readonly losesEnds?: boolean
  /** What is done more often than elsewhere. */
  readonly often?: readonly Deed[]
}

/**
 * Requests of a server: tasks, some below others, that are begun on one goroutine and handed to those which it creates or wakes, to go on there or
 * to be ended there. In between regions, logs, waits of all kinds, system calls, and the collector.
 */
export function fanOutStory(
  random: Random,
  { events, stepNs, kinds, losesEnds = false, often = [] }: FanOut,
): Uint8Array {
  const story = new CaptureStory()
  const deeds = [...DEEDS, ...often]
  const idleDeeds = [...IDLE_DEEDS, ...often]
  const locks = new LockStacks(random)
  const runnable: number[] = []
  const waiting: number[] = []
  const open = new Map<number, Open[]>()
  const assisting = new Set<number>()
  const stopping = new Set<number>()
  let sweeping = 0
  let collecting = false
  let collections = 0
  let lastGoroutine = 6
  let lastTask = 0
  let running = 0
  for (let goroutine = 1; goroutine <= lastGoroutine; goroutine++) {
    const waits = goroutine % 2 === 0
    story.found(goroutine, waits ? 'waiting' : 'runnable')
    const list = waits ? waiting : runnable
    list.push(goroutine)
  }
  const takeFrom = (list: number[]): number => list.splice(random.below(list.length), 1)[0]
  const tasksOf = (goroutine: number): Open[] => {
    const known = open.get(goroutine)
    if (known !== undefined) return known
    const tasks: Open[] = []
    open.set(goroutine, tasks)
    return tasks
  }
  const leaveRun = (list: number[]): void => {
    list.push(running)
    running = 0
  }
  /** A goroutine is given the innermost task of another one: to end it, or only to work for it as well. */
  const hand = (from: number, to: number): void => {
    const tasks = tasksOf(from)
    const innermost = tasks.at(-1)
    if (from === to || innermost === undefined) return
    if (random.below(2) === 0) {
      tasksOf(to).push({ task: innermost.task, regions: [], ends: false })
    } else if (innermost.regions.length === 0) {
      tasks.pop()
      tasksOf(to).push(innermost)
    }
  }
  const wake = (goroutine: number): void => {
    story.unblock(goroutine, ...locks.wakeAt(running, goroutine))
    runnable.push(goroutine)
  }
  const endAll = ({ task, regions, ends }: Open): void => {
    while (regions.length > 0) story.regionEnd(task, regions.pop() ?? '')
    if (ends) story.taskEnd(task)
  }
  for (let event = 0; event < events; event++) {
    story.at((event + 1) * stepNs + random.below(stepNs >> 1))
    if (running === 0) {
      if (random.below(12) === 0 && runnable.length + waiting.length <= 16) {
        // By a timer, for one that waits.
        story.create(++lastGoroutine, random.pick(ENTRIES))
        if (waiting.length > 0) hand(random.pick(waiting), lastGoroutine)
        runnable.push(lastGoroutine)
      } else if (runnable.length === 0) wake(takeFrom(waiting))
      else story.start((running = takeFrom(runnable)))
      continue
    }
    const tasks = tasksOf(running)
    const innermost = tasks.at(-1)
    switch (random.pick(innermost === undefined ? idleDeeds : deeds)) {
      case 'begin':
        if (tasks.length >= 3) break
        if (lastTask > LONG_AGO && random.below(20) === 0) {
          story.taskBegin(lastTask - LONG_AGO, 'again')
          break
        }
        story.taskBegin(++lastTask, `${random.pick(kinds)} ${lastTask}`, random.pick([0, innermost?.task ?? 0]))
        tasks.push({ task: lastTask, regions: [], ends: true })
        break
      case 'end': {
        const done = tasks.pop()
        if (done !== undefined) endAll(done)
        break
      }
      case 'create':
        if (runnable.length + waiting.length > 16) break
        story.create(++lastGoroutine, random.pick(ENTRIES))
        hand(running, lastGoroutine)
        runnable.push(lastGoroutine)
        break
      case 'wake': {
        if (waiting.length === 0) break
        const woken = takeFrom(waiting)
        wake(woken)
        hand(running, woken)
        break
      }
      case 'wait':
        story.block(random.pick(REASONS), ...locks.waitAt(running))
        leaveRun(waiting)
        break
      case 'region': {
        if (innermost === undefined) break
        const name = random.pick(['read', 'write', 'wait'])
        innermost.regions.push(name)
        story.regionBegin(innermost.task, name)
        break
      }
      case 'leave': {
        const name = innermost?.regions.pop()
        if (innermost !== undefined && name !== undefined) story.regionEnd(innermost.task, name)
        break
      }
      case 'log':
        story.log(innermost?.task ?? 0, 'note', 'a')
        break
      case 'stop':
        story.stop()
        leaveRun(runnable)
        break
      case 'syscall':
        story.syscall().syscallEnd()
        break
      case 'lose':
        story.syscallBlocked(stepNs >> 3)
        leaveRun(runnable)
        break
      case 'assist':
        if (assisting.has(running) && !(losesEnds && random.below(2) === 0)) {
          story.assistEnd()
          assisting.delete(running)
        } else {
          story.assistBegin()
          assisting.add(running)
        }
        break
      case 'sweep':
        if (sweeping === running && !(losesEnds && random.below(2) === 0)) {
          story.sweepEnd()
          sweeping = 0
        } else if (sweeping === 0 || losesEnds) {
          story.sweepBegin()
          sweeping = running
        }
        break
      case 'world':
        if (stopping.delete(running)) story.startTheWorld()
        else if (stopping.size === 0) {
          story.stopTheWorld(random.pick(['GC mark termination', 'read mem stats']))
          stopping.add(running)
        }
        break
      case 'collect':
        if (random.below(4) > 0) break
        if (collecting) story.gcEnd(++collections)
        else story.gcBegin(++collections)
        collecting = !collecting
        break
      case 'switch': {
        if (waiting.length === 0) break
        const next = takeFrom(waiting)
        story.switchTo(next)
        waiting.push(running)
        running = next
        break
      }
      case 'take':
        // As from a queue.
        if (open.size > 0) hand(random.pick([...open.keys()]), running)
        break
      case 'exit':
        if (runnable.length + waiting.length < 8 || sweeping === running || stopping.has(running)) break
        while (tasks.length > 0) endAll(tasks.pop() as Open)
        if (assisting.delete(running)) story.assistEnd()
        story.destroy()
        open.delete(running)
        running = 0
    }
  }
  return story.bytes()
}

/** Tasks of one kind, each with a region, one after the other; their durations lie in all orders of magnitude up to ten seconds. */
export function alikeStory(random: Random, tasks: number): Uint8Array {
  const story = new CaptureStory().found(1, 'runnable').start(1)
  let nowNs = 0
  for (let task = 1; task <= tasks; task++) {
    story
      .at((nowNs += 1_000))
      .taskBegin(task, 'get')
      .regionBegin(task, 'read')
    // Few of seconds: all of a generation has to lie within some minutes.
    const seconds = random.below(200) === 0
    nowNs += Math.floor(2 ** (seconds ? 31 + 2 * random.next() : 27 * random.next()))
    story.at(nowNs).regionEnd(task, 'read').taskEnd(task)
  }
  return story.bytes()
}

/**
 * Tasks one after the other, of two shapes. Goroutines each of which waits for the next, more of them than a path follows; and one that was created
 * by whoever worked for no task yet, and ends the task that this one takes up only then.
 */
export function chainStory(random: Random, tasks: number): Uint8Array {
  const story = new CaptureStory()
  let nowNs = 0
  const later = (): CaptureStory => story.at((nowNs += 20_000 + random.below(20_000)))
  later().found(1, 'runnable').found(2, 'runnable').start(1)
  let last = 2
  for (let task = 1; task <= tasks; task++) {
    later().taskBegin(task, 'get')
    if (random.below(2) === 0) {
      const first = last
      for (const end = last + 1 + random.below(40); last < end;) {
        later().create(++last)
        later().block('sync')
        later().start(last)
      }
      for (let at = last; at > first; at--) {
        const before = at - 1 === first ? 1 : at - 1
        later().unblock(before)
        later().destroy()
        later().start(before)
      }
      later().taskEnd(task)
    } else {
      later().block('chan receive')
      later().start(2)
      later().create(++last)
      later().log(task, 'note', 'taken up')
      later().stop()
      later().start(last)
      later().log(task, 'note', 'taken up')
      later().taskEnd(task)
      later().unblock(1)
      later().destroy()
      later().start(2)
      later().block('select')
      later().start(1)
      later().unblock(2)
    }
  }
  return story.bytes()
}
