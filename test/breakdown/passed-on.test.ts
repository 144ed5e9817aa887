// passed-on.test.ts: waits that one without a task ended, with what the task's own goroutines had given it, and chains of those that wait for each other.

import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { emptyParts, groupWindow, type GroupedParts } from '../../src/breakdown/groups.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { analyse } from '../support/fixtures.ts'

/** What is told of the task 7 of a story. */
function told(story: CaptureStory): { readonly task: TaskRecord; readonly parts: GroupedParts } {
  const { tasks, tables, info } = analyse(story.bytes(), { timelines: true, stacks: true })
  expect(info.problems).toEqual([])
  const task = tasks.find(({ id }) => id === 7)
  if (task === undefined || task.startNs === null || task.endNs === null) throw new Error('the task is not whole')
  return { task, parts: groupWindow(task, tables, task.startNs, task.endNs) }
}

/** A goroutine of nobody, 3, which waits, and 4 too where there are two; 1 begins task 7 at 100 ns and creates 2 for it, which is asleep from 200 to 900 ns. */
function begun(ofNobody: readonly number[]): CaptureStory {
  const story = new CaptureStory().found(1, 'running')
  for (const goroutine of ofNobody) story.found(goroutine, 'runnable')
  story.at(10).stop()
  for (const goroutine of ofNobody) story.start(goroutine).block('chan receive')
  story.at(30).start(1).at(100).taskBegin(7, 'bus.Publish').at(110).create(2)
  story.at(120).block('chan receive').at(130).start(2).at(200).block('sleep')
  return story.at(900).unblock(2).at(910).start(2)
}

/** 1 goes on at 1010 ns, and ends the task at 1100 ns. */
function ended(story: CaptureStory): CaptureStory {
  return story.at(1010).start(1).at(1100).taskEnd(7).at(1200).stop()
}

describe('a wait that one without a task ended', () => {
  test('is what a goroutine of the task did, from before that one gave what was passed on', () => {
    const story = begun([3]).at(950).unblock(3).at(960).destroy()
    story.at(970).start(3).at(990).unblock(1).at(1000).block('chan receive')
    const { parts, task } = told(ended(story))
    expect(parts).toEqual({ ...emptyParts(), exec: 20 + 70 + 40 + 90, schedWait: 10 + 10 + 20, sleep: 700, chan: 40 })
    expect(task.goroutines).toEqual([1, 2])
  })

  test('also where two without one passed it on', () => {
    const story = begun([3, 4]).at(950).unblock(4).at(960).destroy()
    story.at(965).start(4).at(970).unblock(3).at(975).block('chan receive')
    story.at(980).start(3).at(990).unblock(1).at(1000).block('select')
    expect(told(ended(story)).parts).toMatchObject({ sleep: 700, chan: 40, exec: 20 + 70 + 40 + 90 })
  })

  test('also where that one had to wait for a lock meanwhile', () => {
    const story = begun([3]).at(950).unblock(3).at(955).stop()
    story.at(960).start(3).at(965).block('sync').at(970).start(2).at(975).unblock(3).at(978).destroy()
    story.at(980).start(3).at(990).unblock(1).at(1000).block('chan receive')
    expect(told(ended(story)).parts).toMatchObject({ sleep: 700, chan: 40 })
  })

  test('not where the one that waits had given it before', () => {
    const story = new CaptureStory().found(1, 'running').found(3, 'runnable').at(10).stop()
    story.start(3).at(20).block('chan receive').at(30).start(1).at(100).taskBegin(7, 'actor.Ask')
    story
      .at(110)
      .unblock(3)
      .at(120)
      .block('chan receive')
      .at(130)
      .start(3)
      .at(990)
      .unblock(1)
      .at(1000)
      .block('chan receive')
    expect(told(ended(story)).parts).toEqual({ ...emptyParts(), exec: 20 + 90, schedWait: 20, chan: 870 })
  })

  test('not where another task gave it', () => {
    const story = new CaptureStory().found(1, 'running').found(3, 'runnable').found(5, 'runnable').at(10).stop()
    story.start(3).at(20).block('chan receive').at(30).start(1).at(100).taskBegin(7, 'bus.Wait')
    story.at(120).block('chan receive').at(130).start(5).taskBegin(8, 'bus.Other').at(950).unblock(3).at(960).taskEnd(8)
    story.block('select').at(970).start(3).at(990).unblock(1).at(1000).block('chan receive')
    expect(told(ended(story)).parts).toEqual({ ...emptyParts(), exec: 20 + 90, schedWait: 20, chan: 870 })
  })
})

test('stages with a queue before each are on the path of who waits for the last', () => {
  const story = new CaptureStory().found(1, 'running').found(3, 'runnable').found(4, 'runnable').at(10).stop()
  // 3 works for task 7 from 110 to 400 ns, while 4 is busy for task 8; 4 takes up 7 at 600 ns, out of a queue.
  story.start(4).at(20).taskBegin(8, 'stages.Other').at(30).stop().start(3).at(40).block('chan receive').at(50).start(1)
  story.at(100).taskBegin(7, 'stages.Ask').at(105).unblock(3).at(108).block('chan receive').at(110).start(3)
  story.at(120).regionBegin(7, 'first').at(380).regionEnd(7, 'first').at(400).block('chan receive')
  story.at(410).start(4).at(590).taskEnd(8).at(600).regionBegin(7, 'second').at(880).regionEnd(7, 'second')
  story.at(990).unblock(1).at(1000).block('chan receive')
  expect(told(ended(story)).parts).toEqual({
    ...emptyParts(),
    // Of 1, of 3, of 4, and of 1 again.
    exec: 8 + 290 + 390 + 90,
    schedWait: 2 + 20,
    chan: 200,
  })
})

test('a chain of two hundred that wait for each other is followed to who does the work', () => {
  const last = 200
  const story = new CaptureStory().found(1, 'running').at(100).taskBegin(7, 'chain.Call')
  for (let goroutine = 2; goroutine <= last; goroutine++) story.create(goroutine).block('chan receive').start(goroutine)
  story.at(10_000).block('sleep').at(20_000).unblock(last).start(last)
  for (let goroutine = last; goroutine > 1; goroutine--)
    story
      .unblock(goroutine - 1)
      .destroy()
      .start(goroutine - 1)
  const { parts } = told(story.at(30_000).taskEnd(7).at(31_000).stop())
  expect(parts.sleep).toBe(10_000)
  expect(parts.chan).toBe(0)
})
