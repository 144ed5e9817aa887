// chance-stories.ts: captures of what goroutines, tasks and regions do by chance.

import { CaptureStory } from './capture-story.ts'
import { LockStacks } from './lock-stacks.ts'
import type { Random } from './random.ts'

const REASONS = ['chan receive', 'select', 'network', 'sync', 'sleep', 'chan send'] as const
const ENTRIES = ['main.work', 'main.serve', 'main.work', 'main.fetch'] as const

/** Goroutines, tasks and regions that come and go by chance, on one processor; few ids, so that rows and tasks are soon those of others. */
export function storyOf(
  random: Random,
  events: number,
  // Of long waits more is told, and of those for locks most.
  stepNs: number = random.pick([1_000, 30_000]),
  coroutines = false,
): Uint8Array {
  const story = new CaptureStory()
  const runnable: number[] = []
  const waiting: number[] = []
  const tasks: number[] = [0]
  const regions = new Map<number, [number, string][]>()
  // Ids that tables see as numbers of 32 bits, and some that they do not.
  const first = random.pick([0, 0, 2 ** 31 - 10, 2 ** 32 - 5, 2 ** 45])
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
        if (coroutines && random.below(3) === 0) {
          story.createBlocked(++lastGoroutine, 'runtime.corostart')
          waiting.push(lastGoroutine)
          break
        }
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
export function serverStoryOf(
  random: Random,
  events: number,
  stepNs: number = random.pick([2_000, 20_000, 200_000]),
): Uint8Array {
  const story = new CaptureStory()
  const runnable: number[] = []
  const waiting: number[] = []
  /** By goroutine: its open tasks, and the regions in each, the innermost last; and that of its creator. */
  const open = new Map<number, { readonly task: number; readonly regions: string[] }[]>()
  const below = new Map<number, number>()
  /** Lately begun, by whomever, and whether open or not. */
  const seen: number[] = []
  const first = random.pick([0, 0, 2 ** 31 - 10, 2 ** 52])
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
