// queues.test.ts: tasks that lie in a queue for as long as hundreds or thousands of others take, behind one who begins them all.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import type { Breakdown, TaskRecord } from '../../src/breakdown/breakdown.ts'
import { GROUPS } from '../../src/breakdown/groups.ts'
import { MOST_SERVED_STAYS } from '../../src/breakdown/states-layout.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { addUp, type Analysed, analyse } from '../support/fixtures.ts'
import { queueStory } from '../support/queue-story.ts'
import { Random } from '../support/random.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const JOB_NS = 50_000
const BEGIN_NS = 1_000

/**
 * Goroutine 1 begins so many tasks, one each microsecond, and puts each in a queue, from which goroutine 2 takes one after the other, each for 50 us; 1 waits for
 * the last.
 *
 * @param above how many tasks all lie below, each below the one before
 */
function burst(tasks: number, above = 0): Uint8Array {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').at(100).start(2)
  story
    .at(200)
    .taskBegin(tasks + 2, 'before')
    .at(300)
    .stop()
    .at(400)
    .start(1)
    .at(500)
  // The innermost of those above has the highest id.
  const outer = tasks + 2
  for (let task = outer + 1; task <= outer + above; task++)
    story.taskBegin(task, 'all', task === outer + 1 ? 0 : task - 1)
  const parent = above === 0 ? 0 : outer + above
  for (let task = 1; task <= tasks; task++) story.at(task * BEGIN_NS).taskBegin(task, 'job', parent)
  let atNs = (tasks + 1) * BEGIN_NS
  // The next one after the last, which nobody takes up.
  story
    .at(atNs)
    .taskBegin(tasks + 1, 'next')
    .at((atNs += 500))
    .block('chan receive')
    .at((atNs += 500))
    .start(2)
    .taskEnd(tasks + 2)
  for (let task = 1; task <= tasks; task++) {
    story.at(atNs).regionBegin(task, 'work')
    story
      .at((atNs += JOB_NS))
      .regionEnd(task, 'work')
      .taskEnd(task)
  }
  story
    .at(atNs + 10)
    .unblock(1)
    .at(atNs + 20)
    .block('chan receive')
    .at(atNs + 30)
    .start(1)
  for (let task = outer + above; task > outer; task--) story.taskEnd(task)
  return story
    .taskEnd(tasks + 1)
    .at(atNs + 30_000_000)
    .stop()
    .bytes()
}

/** A part of a task, which has it. */
function known(part: Breakdown | null): Breakdown {
  if (part === null) throw new Error('a task is not whole')
  return part
}

function analysed(capture: Uint8Array): Analysed {
  return analyse(capture, { timelines: true, stacks: true })
}

describe.each([
  [300, 0],
  [1_000, 1],
  [5_000, 0],
  [6_000, 13],
  // More than there is room for at first: of visits, and of tasks that are mentioned with them.
  [40_000, 0],
  [12_000, 13],
])('of %i tasks in a queue, below %i others', (count, above) => {
  const capture = burst(count, above)
  const { info, tasks } = analysed(capture)
  const jobs = tasks.filter(({ name }) => name === 'job')

  test('each knows when it was begun, how long it lay there, and what was done for it', () => {
    expect(info.problems).toEqual([])
    expect(jobs).toHaveLength(count)
    const ownNs = BEGIN_NS + JOB_NS
    const wrong = jobs.filter(({ id, path, work }) => {
      const queueNs = (count + 2) * BEGIN_NS + (id - 1) * JOB_NS - (id + 1) * BEGIN_NS
      const { totalNs, execNs, blockNs, unknownNs } = known(path)
      const isPath = totalNs === ownNs + queueNs && execNs === ownNs && blockNs.queue === queueNs && unknownNs === 0
      // What its dispatcher did for the others is not its own.
      return !isPath || known(work).totalNs !== ownNs || known(work).execNs !== ownNs
    })
    expect(wrong).toEqual([])
  })

  test('those that were served before are to blame', () => {
    const wrong = jobs.slice(1).filter(({ id, longWaits }) => {
      const before = longWaits[0]?.holders.find(({ taskId }) => taskId === id - 1)
      return longWaits.length !== 1 || before?.goroutine !== 2 || before.ns !== JOB_NS
    })
    expect(wrong).toEqual([])
  })

  test('added up they are as many, and as long', () => {
    const { types } = addUp(capture) as {
      readonly types: readonly {
        readonly name: string
        readonly count: number
        readonly totalNs: number
        readonly parts: ArrayLike<number>
      }[]
    }
    const type = types.find(({ name }) => name === 'job')
    expect(type).toMatchObject({ count, totalNs: jobs.reduce((sum, { path }) => sum + known(path).totalNs, 0) })
    expect(type?.parts[GROUPS.indexOf('unknown')]).toBe(0)
  })
})

test('nobody is to blame for what lies before the latest that are looked at', () => {
  const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(100).taskBegin(1, 'report')
  // The report takes longer than all that come after it.
  const count = MOST_SERVED_STAYS + 100
  for (let job = 2; job <= count; job++) story.at(100 + job).taskBegin(job, 'job')
  const nextNs = 400 + count
  let atNs = nextNs + 110
  story
    .at(nextNs)
    .taskBegin(count + 1, 'next')
    .at(nextNs + 100)
    .block('chan receive')
    .at(atNs)
    .start(2)
  for (let job = 1; job <= count; job++) {
    story.at(atNs).regionBegin(job, 'work')
    story
      .at((atNs += job === 1 ? 90_000_000 : 50_000))
      .regionEnd(job, 'work')
      .taskEnd(job)
  }
  const { tasks } = analysed(
    story
      .at(atNs + 10)
      .block('sleep')
      .bytes(),
  )
  const [last] = tasks.filter(({ id }) => id === count)
  const [unknown, known] = last.longWaits[0].holders
  expect(unknown).toEqual({ goroutine: -1, taskId: 0, ns: 90_000_000 + 99 * 50_000 + 110 })
  expect(known).toEqual({ goroutine: 2, taskId: count - 1, ns: 50_000 })
  // Of one that the report is known to have held up it is.
  const [early] = tasks.filter(({ id }) => id === 100)
  expect(early.longWaits[0].holders[0]).toMatchObject({ goroutine: 2, taskId: 1 })
})

test('a task whose dispatcher ended lies in the queue until it is taken up', () => {
  const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(100).taskBegin(7, 'job')
  story.at(200).destroy().at(300).start(2).at(310).taskBegin(8, 'before').at(90_000).taskEnd(8)
  story.at(90_000).log(7, 'job', 'begun').at(95_000).taskEnd(7).at(96_000).block('chan receive')
  const [task] = analysed(story.bytes()).tasks.filter(({ id }) => id === 7)
  expect(task.path).toMatchObject({ execNs: 100 + 5_000, blockNs: { queue: 89_800 }, unknownNs: 0 })
  expect(task.longWaits[0].holders).toEqual([{ goroutine: 2, taskId: 8, ns: 89_700 }])
})

/** From now on a dispatcher's past is walked stay by stay. */
function stepByStep(): void {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as object
    return 'beforeOthers' in exports
      ? { ...exports, beforeOthers: () => -1, keepTask: () => -1, keepSettled: () => 0 }
      : exports
  })
}

test('what is passed over is what a walk stay by stay would find to be for others', () => {
  let queued = 0
  const told = ({ id, path, work, timeline, longWaits }: TaskRecord): unknown => {
    const rows = timeline === null ? [] : [...timeline.startNs, ...timeline.state, ...timeline.goroutine]
    return { id, path, work, rows: rows.join(), longWaits }
  }
  const stories = Array.from({ length: 20 }, (_, at) => ({ seed: at + 1, tasks: 400, most: 40 * (1 + ((at + 1) % 5)) }))
  // One below the other, and so long that some are told while others are worked at.
  const more = [
    { seed: 1, tasks: 800, most: 200, nested: true },
    { seed: 2, tasks: 3_000, most: 200, stepNs: 20_000 },
  ]
  for (const { seed, ...options } of [...stories, ...more]) {
    const capture = queueStory(new Random(seed), options)
    const { tasks } = analysed(capture)
    queued += tasks.filter(({ path }) => (path?.blockNs.queue ?? 0) > 0).length
    stepByStep()
    expect(tasks.map(told), `seed ${seed}`).toEqual(analysed(capture).tasks.map(told))
    vi.restoreAllMocks()
  }
  expect(queued).toBeGreaterThan(3_000)
})

test('between the stages of a pipeline a task lies in a queue, and in each it is worked at', () => {
  const count = 200
  const story = new CaptureStory().found(1, 'runnable').at(100).start(1)
  for (const stage of [2, 3, 4]) story.found(stage, 'runnable')
  // All are worked at in one stage, and then in the next: each stage takes 10, 20 and 30 us for one.
  for (let task = 1; task <= count; task++) story.at(task * BEGIN_NS).taskBegin(task, 'job')
  let atNs = (count + 1) * BEGIN_NS
  story
    .at(atNs)
    .taskBegin(count + 1, 'next')
    .at(atNs + 100)
    .block('chan receive')
  const begunNs = [2, 3, 4].map((stage) => {
    const stageNs = (atNs += 1_000)
    story
      .at(stageNs)
      .start(stage)
      .taskBegin(count + stage, 'before')
      .taskEnd(count + stage)
    for (let task = 1; task <= count; task++) {
      story
        .at(atNs)
        .regionBegin(task, 'stage')
        .at((atNs += (stage - 1) * 10_000))
        .regionEnd(task, 'stage')
      if (stage === 4) story.taskEnd(task)
    }
    // It works for the last one until it waits.
    story.at((atNs += 10)).block('sleep')
    return stageNs
  })
  const capture = story
    .at(atNs + 30_000_000)
    .found(9, 'runnable')
    .start(9)
    .bytes()
  const jobs = analysed(capture).tasks.filter(({ name }) => name === 'job')
  expect(jobs).toHaveLength(count)
  const wrong = jobs.filter(({ id, path, work }) => {
    // The end of a stage's last one is that of the next begin.
    const takenUpNs = begunNs.map((stageNs, stage) => stageNs + (id - 1) * (stage + 1) * 10_000)
    const ownNs = BEGIN_NS + 60_000 + (id === count ? 20 : 0)
    const totalNs = takenUpNs[2] + 30_000 - id * BEGIN_NS
    const { execNs, blockNs, unknownNs } = known(path)
    return execNs !== ownNs || blockNs.queue !== totalNs - ownNs || unknownNs !== 0 || known(work).execNs !== ownNs
  })
  expect(wrong).toEqual([])
})
