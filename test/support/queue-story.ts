// queue-story.ts: captures drawn by chance in which tasks lie in queues: goroutines begin them, and others take them up and end them.

import { CaptureStory } from './capture-story.ts'
import type { Random } from './random.ts'

/** How many of what there are. */
export interface QueueStoryOptions {
  readonly tasks: number
  /** Tasks that lie in the queue at most. */
  readonly most: number
  /** Time from one event to the next at most. */
  readonly stepNs?: number
  /** Whether each task lies below another, and that below others. */
  readonly nested?: boolean
}

/** What a task knows of itself. */
interface Queued {
  readonly id: number
  /** Whether it is to be handed to another worker once it was worked at. */
  readonly again: boolean
}

/**
 * Goroutines 1 to 3 begin tasks, some below others, and put them in a queue; 11 to 13 take them out, from either end or anywhere, now and then twice. Those
 * who begin tasks also wait for the network, for a timer and for others, say again that they work for one that they began, and end, so that others come.
 */
export function queueStory(
  random: Random,
  { tasks, most, stepNs = 500, nested = false }: QueueStoryOptions,
): Uint8Array {
  const story = new CaptureStory()
  let atNs = 1_000
  const later = (): CaptureStory => story.at((atNs += 1 + random.below(stepNs)))
  let nextGoroutine = 100
  const dispatchers = [1, 2, 3].slice(0, 1 + random.below(3))
  const workers = [11, 12, 13].slice(0, 1 + random.below(3))
  for (const one of [...dispatchers, ...workers]) story.found(one, 'runnable')
  const queue: Queued[] = []
  const begun: number[] = []
  const order = random.pick(['first', 'last', 'any'] as const)
  let count = 0
  let above = 0

  const take = (): Queued => {
    const at = order === 'first' ? 0 : order === 'last' ? queue.length - 1 : random.below(queue.length)
    return queue.splice(at, 1)[0]
  }
  /** Begins some tasks, at most so many as there is room for. */
  const dispatch = (goroutine: number): void => {
    later().start(goroutine)
    for (let n = random.below(6); n >= 0 && count < tasks && queue.length < most; n--) {
      const id = ++count
      const parent = nested || random.below(3) === 0 ? above : 0
      later().taskBegin(id, 'job', parent)
      if (random.below(20) === 0) above = id
      if (random.below(4) === 0) {
        later().regionBegin(id, 'put')
        later().regionEnd(id, 'put')
      }
      if (random.below(8) === 0) {
        later().syscall()
        later().syscallEnd()
      }
      queue.push({ id, again: random.below(5) === 0 })
      begun.push(id)
    }
    if (begun.length > 0 && random.below(12) === 0) later().log(begun[random.below(begun.length)], 'queue', 'is long')
    later().block(random.pick(['network', 'sleep', 'chan receive', 'chan send', 'sync']))
    later().start(workers[0]).unblock(goroutine)
    later().stop()
  }
  /** One that had a life ends it, and another begins. */
  const replace = (at: number): void => {
    later().start(dispatchers[at])
    later().create(nextGoroutine, 'main.dispatch')
    later().destroy()
    dispatchers[at] = nextGoroutine++
  }
  const work = (goroutine: number): void => {
    later().start(goroutine)
    for (let n = random.below(6); n >= 0 && queue.length > 0; n--) {
      const job = take()
      later().regionBegin(job.id, 'work')
      if (random.below(3) === 0) {
        later().stop()
        later().start(goroutine)
      }
      later().regionEnd(job.id, 'work')
      if (job.again) queue.push({ ...job, again: false })
      else later().taskEnd(job.id)
    }
    if (random.below(4) !== 0) {
      later().stop()
      return
    }
    later().block('chan receive')
    const by = random.pick(dispatchers)
    later().start(by).unblock(goroutine)
    later().stop()
  }
  while (count < tasks || queue.length > 0) {
    // So that the queue gets long, and then short again.
    const fills = count < tasks && (count % (2 * most) < most ? random.below(4) > 0 : random.below(4) === 0)
    if (fills) dispatch(random.pick(dispatchers))
    else work(random.pick(workers))
    if (random.below(40) === 0) replace(random.below(dispatchers.length))
  }
  return later().start(workers[0]).bytes()
}
