// batches.test.ts: workers that were started in the task of a batch, and are handed tasks below it.

import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Breakdown } from '../../src/breakdown/breakdown.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { analyse } from '../support/fixtures.ts'
import { withAndWithoutKernel } from '../support/without-kernel.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const BATCH = 1
const US = 1_000
const MS = 1_000_000

interface Told {
  readonly path: Readonly<Record<string, number>> | null
  readonly work: Readonly<Record<string, number>> | null
  /** Tasks that ended its long waits, and those that were served before it, waits one after the other. */
  readonly heldBy: readonly number[]
  readonly wokenBy: readonly number[]
}

/** What is told of each task of a capture: without the kernel the same. */
function toldOf(story: CaptureStory): (task: number) => Told {
  const capture = story
    .at(100 * MS)
    .stop()
    .bytes()
  const [both, alone] = withAndWithoutKernel(() => analyse(capture, { timelines: true, stacks: true }))
  expect(both.info.problems).toEqual([])
  expect(both.tasks).toEqual(alone.tasks)
  return (task) => {
    const told = both.tasks.find(({ id }) => id === task)
    if (told === undefined) throw new Error('no such task is told')
    return {
      path: told.path === null ? null : partsOf(told.path),
      work: told.work === null ? null : partsOf(told.work),
      heldBy: told.longWaits.flatMap(({ holders }) => holders.map(({ taskId }) => taskId)),
      wokenBy: told.longWaits.map(({ wakerTask }) => wakerTask),
    }
  }
}

/** Its parts that are not zero, by their names. */
function partsOf({ execNs, schedWaitNs, blockNs, unknownNs }: Breakdown): Record<string, number> {
  const parts = Object.entries({ exec: execNs, sched: schedWaitNs, ...blockNs, unknown: unknownNs })
  return Object.fromEntries(parts.filter(([, ns]) => ns > 0))
}

/** Goroutine 1 begins the task of a batch and starts goroutine 2, which waits for what it is handed; at 1 ms goroutine 1 goes on. */
function batch(): CaptureStory {
  const story = new CaptureStory().found(1, 'runnable').at(US).start(1).taskBegin(BATCH, 'batch').create(2)
  story
    .at(2 * US)
    .block('sleep')
    .start(2)
  story.at(3 * US).block('chan receive')
  return story.at(MS).unblock(1).start(1)
}

/** Puts jobs in the queue, each a task below that of the batch, one each microsecond; goroutine 2 has a processor from 1.01 ms on. */
function put(story: CaptureStory, jobs: readonly number[]): CaptureStory {
  for (const [n, job] of jobs.entries()) story.at(MS + (n + 1) * US).taskBegin(job, 'job', BATCH)
  return story
    .at(MS + 9 * US)
    .unblock(2)
    .at(MS + 10 * US)
    .block('chan receive')
    .start(2)
}

/** Goroutine 2 is at a job up to a time, the last half millisecond but one of it asleep. */
function workAt(story: CaptureStory, job: number, toNs: number): CaptureStory {
  story.regionBegin(job, 'work')
  story.at(toNs - MS).block('sleep')
  story
    .at(toNs - MS / 2)
    .unblock(2)
    .start(2)
  return story.at(toNs).regionEnd(job, 'work').taskEnd(job)
}

describe('workers that were started in the task of a batch', () => {
  const story = put(batch(), [2, 3, 4])
  for (const job of [2, 3, 4]) workAt(story, job, (job - 1) * 10 * MS)
  story
    .unblock(1)
    .at(30 * MS + US)
    .block('chan receive')
    .start(1)
  story.at(30 * MS + 2 * US).taskEnd(BATCH)
  const told = toldOf(story)

  test('take each child up by its regions', () => {
    expect(told(2).work).toEqual({ exec: 8.5 * MS - 9 * US, sleep: MS / 2 })
    expect(told(3).work).toEqual({ exec: 9.5 * MS + US, sleep: MS / 2 })
    expect(told(3).path).toEqual({ exec: 9.5 * MS + US, sleep: MS / 2, queue: 9 * MS - 3 * US })
    expect(told(4).path).toEqual({ exec: 9.5 * MS + 7 * US, sleep: MS / 2, 'chan receive': 19 * MS - 10 * US })
  })

  test('have served other children before one, and not their own parent', () => {
    expect(told(3).heldBy).toEqual([2])
    expect(told(2).heldBy).toEqual([])
    // The last one, whose dispatcher waits until all are done.
    expect(told(4).heldBy).toEqual([3, 2])
  })

  test('work for the parent all the time', () => {
    const { path, work } = told(BATCH)
    // Goroutine 1 from the begin to the end, and goroutine 2 from its start on.
    expect(work?.exec).toBe(27.5 * MS + 4 * US)
    expect(path).toEqual({ sleep: 2.5 * MS - 2 * US, exec: 27.5 * MS + 2 * US, sched: US })
  })
})

test('a worker that is done with a task goes on with the one above that it is in the middle of', () => {
  const step = 20
  const story = batch()
    .at(MS + US)
    .taskBegin(2, 'job', BATCH)
    .taskBegin(step, 'step', 2)
  story
    .at(MS + 9 * US)
    .unblock(2)
    .block('chan receive')
    .start(2)
  story.at(2 * MS).regionBegin(2, 'work')
  story
    .at(3 * MS)
    .regionBegin(step, 'work')
    .block('sleep')
  story
    .at(5 * MS)
    .unblock(2)
    .start(2)
    .regionEnd(step, 'work')
  // Still in the region of the job, and then in none.
  story
    .at(6 * MS)
    .block('sleep')
    .at(9 * MS)
    .unblock(2)
    .start(2)
  story.at(10 * MS).regionEnd(2, 'work')
  story.at(11 * MS).block('chan receive')
  story
    .at(31 * MS)
    .unblock(1)
    .start(1)
    .taskEnd(step)
  story
    .at(31 * MS + US)
    .taskEnd(2)
    .taskEnd(BATCH)
  const told = toldOf(story)
  expect(told(step).work?.sleep).toBe(2 * MS)
  expect(told(2).work?.sleep).toBe(5 * MS)
  // Goroutine 1 had begun them, and worked for them while it waited; not so goroutine 2.
  expect(told(2).work?.['chan receive']).toBe(30 * MS - 9 * US)
  expect(told(BATCH).work?.['chan receive']).toBe(51 * MS - 2 * US)
})

test('who began a batch goes on with it after what it says of a job that another had begun', () => {
  const story = batch()
  story
    .at(MS + US)
    .unblock(2)
    .at(MS + 2 * US)
    .block('sleep')
    .start(2)
  story
    .at(2 * MS)
    .taskBegin(2, 'job', BATCH)
    .at(3 * MS)
    .block('sleep')
  story
    .at(4 * MS)
    .unblock(1)
    .start(1)
  // Two milliseconds that it ran for the batch, as it says before and after.
  story
    .at(6 * MS)
    .stop()
    .start(1)
    .log(2, 'state', 'seen')
  story
    .at(7 * MS)
    .block('sleep')
    .at(17 * MS)
    .unblock(1)
    .start(1)
  story
    .at(18 * MS)
    .stop()
    .start(1)
    .log(2, 'state', 'seen again')
    .block('chan receive')
  story
    .at(20 * MS)
    .unblock(2)
    .start(2)
    .taskEnd(2)
  story
    .at(21 * MS)
    .unblock(1)
    .block('chan receive')
    .start(1)
    .taskEnd(BATCH)
  const told = toldOf(story)
  expect(told(2).work).toEqual({ exec: 2 * MS, sleep: 17 * MS })
  expect(told(BATCH).work?.sleep).toBe(10 * MS + 17 * MS + MS - 2 * US + 3 * MS - 3 * US + US)
})

test('after a job a worker works for none that is still in the queue', () => {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').at(US).start(1)
  story.taskBegin(2, 'job').taskBegin(3, 'job').at(MS).block('chan receive').start(2)
  // The latest comes first.
  story
    .regionBegin(3, 'work')
    .at(2 * MS)
    .regionEnd(3, 'work')
    .taskEnd(3)
  story
    .at(3 * MS)
    .unblock(1)
    .at(4 * MS)
    .block('sleep')
    .start(1)
    .block('chan receive')
  story
    .at(14 * MS)
    .unblock(2)
    .start(2)
    .regionBegin(2, 'work')
  story
    .at(15 * MS)
    .regionEnd(2, 'work')
    .taskEnd(2)
  const told = toldOf(story)
  expect(told(2).work?.sleep).toBeUndefined()
  expect(told(2).work?.exec).toBe(MS)
})
