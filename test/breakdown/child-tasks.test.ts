// child-tasks.test.ts: workers that say for whom they work by the tasks that they begin below those of who waits for them.

import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { emptyParts, groupParts, groupWindow, type GroupedParts } from '../../src/breakdown/groups.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { analyse } from '../support/fixtures.ts'

/** What is told of the tasks of a story. */
function told(story: CaptureStory): { readonly task: (id: number) => TaskRecord; readonly parts: GroupedParts } {
  const { tasks, tables, info } = analyse(story.bytes(), { timelines: true })
  expect(info.problems).toEqual([])
  const task = (id: number): TaskRecord => {
    const found = tasks.find((one) => one.id === id)
    if (found === undefined) throw new Error(`no task ${id}`)
    return found
  }
  const waiter = task(7)
  return { task, parts: groupWindow(waiter, tables, waiter.startNs ?? 0, waiter.endNs ?? 0) }
}

/** A worker, 3, waits for jobs. 1 begins task 7 at 100 ns, wakes it at 110 and waits from 120 on; 3 runs from 130 ns on. */
function handedOver(): CaptureStory {
  const story = new CaptureStory().found(1, 'running').found(3, 'runnable').at(10).stop()
  story.start(3).at(20).block('chan receive').at(30).start(1).at(100).taskBegin(7, 'pool.Ask')
  return story.at(110).unblock(3).at(120).block('chan receive').at(130).start(3)
}

/** 3 wakes 1 at 900 ns and waits from 910 on; 1 ends task 7 at 1000 ns. */
function answered(story: CaptureStory): CaptureStory {
  return story.at(900).unblock(1).at(910).block('chan receive').at(920).start(1).at(1000).taskEnd(7)
}

/** The task of the worker, 8, from 150 to 800 ns, of which it sleeps 600. */
function child(story: CaptureStory): CaptureStory {
  story.at(150).taskBegin(8, 'pool.Job', 7).at(160).block('sleep').at(760).unblock(3).at(770).start(3)
  return story.at(800).taskEnd(8)
}

test('a worker that was woken before a task began works for it from its first annotation: the task lay in a queue before', () => {
  const story = new CaptureStory().found(1, 'running').found(3, 'runnable').at(10).stop()
  story.start(3).at(20).block('chan receive').at(30).start(1).at(50).unblock(3).at(60).stop()
  // What it says nothing of.
  story.start(3).at(90).stop().start(1).at(100).taskBegin(7, 'pool.Ask').at(110).block('chan receive')
  story.at(120).start(3).at(500).regionBegin(7, 'job').at(700).regionEnd(7, 'job').at(720).unblock(1)
  story.at(730).block('chan receive').at(740).start(1).at(800).taskEnd(7).at(900).stop()
  expect(told(story).parts).toEqual({ ...emptyParts(), exec: 10 + 220 + 60, schedWait: 20, chan: 390 })
})

describe('a worker that begins a task below that of who waits', () => {
  test('works for that one from its pick-up until it waits after the end of its own', () => {
    const { task, parts } = told(answered(child(handedOver())).at(1100).stop())
    // Of 1: until it waited, and after it was woken. Of 3: all the time between.
    expect(parts).toEqual({ ...emptyParts(), exec: 20 + 30 + 130 + 80, schedWait: 10 + 10 + 20, sleep: 600 })
    expect(task(7).goroutines).toEqual([1, 3])
    expect(task(8).path).toMatchObject({ totalNs: 650, execNs: 40, blockNs: { sleep: 600 } })
  })

  test('works for nobody after that', () => {
    const story = child(handedOver()).at(900).unblock(1).at(910).block('chan receive').at(920).start(1)
    // Given another job, of which it says nothing, it is a worker like any other.
    story.at(930).unblock(3).at(940).block('chan receive').at(950).start(3).at(2000).unblock(1)
    story.at(2010).block('chan receive').at(2020).start(1).at(2100).taskEnd(7).at(2200).stop()
    const { task, parts } = told(story)
    expect(parts.chan).toBe(1060)
    const { work } = task(7)
    expect(work === null ? null : groupParts(work).exec).toBe(20 + 30 + 130 + 20 + 80 + 10)
  })

  test('also where it begins several, and waits within each', () => {
    const story = handedOver().at(150).taskBegin(8, 'pool.Job', 7).at(160).block('sleep').at(360).unblock(3).at(370)
    story.start(3).at(380).taskEnd(8).at(390).taskBegin(9, 'pool.Job', 7).at(400).block('sleep')
    story.at(700).unblock(3).at(710).start(3).at(720).taskEnd(9)
    const again = answered(story).at(1010).taskBegin(10, 'pool.Next').at(1020).unblock(3).at(1030).block('chan receive')
    again.at(1040).start(3).at(1900).unblock(1).at(1910).block('chan receive').at(1920).start(1).at(2000).taskEnd(10)
    const { task, parts } = told(again.at(2100).stop())
    expect(parts).toMatchObject({ sleep: 200 + 300, chan: 0, unknown: 0 })
    expect(task(10).goroutines).toEqual([1])
    expect(task(10).path?.blockNs).toEqual({ 'chan receive': 870 })
  })

  test('also where another ends it', () => {
    const story = handedOver().at(150).taskBegin(8, 'pool.Job', 7).at(160).create(4).at(170).stop()
    story.start(4).at(200).taskEnd(8).at(210).destroy().at(220).start(3)
    const { parts } = told(answered(story).at(1100).stop())
    expect(parts).toMatchObject({ chan: 0, unknown: 0 })
  })

  test('not once the one above is over', () => {
    const story = new CaptureStory().found(1, 'running').found(3, 'runnable').at(10).stop()
    story.start(3).at(20).block('chan receive').at(30).start(1).at(100).taskBegin(7, 'queue.Send')
    story.at(110).unblock(3).at(120).taskEnd(7).at(125).block('select').at(130).start(3)
    child(story).at(900).block('chan receive').at(1000)
    expect(told(story).task(7).goroutines).toEqual([1, 3])
    expect(told(story).task(7).work).toMatchObject({ totalNs: 20, execNs: 20 })
  })
})
