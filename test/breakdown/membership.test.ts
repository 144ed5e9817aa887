// membership.test.ts: which goroutines count for a task is the same whether the kernel is at work or not, and however ids are used again.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { CaptureStory } from '../support/capture-story.ts'
import { addUp, analyse } from '../support/fixtures.ts'
import { withAndWithoutKernel } from '../support/without-kernel.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** So many events that tell of no task, and the time after them: what ended before them was handed over. */
function pass(story: CaptureStory, fromNs: number): number {
  let now = fromNs
  for (let n = 0; n < 2_100; n++)
    story
      .at((now += 10_000))
      .stop()
      .at((now += 10_000))
      .start(1)
  return now
}

describe('goroutines of tasks', () => {
  test.each(['records', 'added up'])(
    'of a task whose id is used again, long after others took its place in what is remembered: %s',
    (way) => {
      const story = new CaptureStory()
      const [parent, child] = [5, 6]
      story.at(10).found(1, 'runnable').found(2, 'runnable')
      story.at(20).start(1)
      story.at(30).taskBegin(parent, 'parent').taskBegin(child, 'child', parent)
      story.at(40).regionBegin(child, 'part').regionEnd(child, 'part')
      story.at(50).taskEnd(parent)
      let now = pass(story, 60)
      // Both are remembered at one place once they are handed over.
      const other = parent + 65_536
      story.at((now += 10)).taskBegin(other, 'other')
      story.at((now += 10)).taskEnd(other)
      now = pass(story, now)
      story
        .at((now += 10))
        .regionBegin(child, 'part')
        .regionEnd(child, 'part')
      story.at((now += 10)).stop()
      story.at((now += 10)).start(2)
      story.at((now += 10)).taskBegin(parent, 'parent again')
      story.at((now += 10)).stop()
      story.at((now += 10)).start(1)
      story
        .at((now += 10))
        .regionBegin(child, 'part')
        .regionEnd(child, 'part')
      story.at((now += 10)).taskEnd(child)
      story.at((now += 10)).stop()
      story.at((now += 10)).start(2)
      story.at((now += 10)).taskEnd(parent)
      const capture = story.bytes()
      if (way === 'added up') {
        const [both, alone] = withAndWithoutKernel(() => addUp(capture))
        expect(both).toEqual(alone)
        return
      }
      const [both, alone] = withAndWithoutKernel(() => analyse(capture).tasks)
      expect(both).toEqual(alone)
      for (const tasks of [both, alone]) {
        expect(tasks.filter(({ id }) => id === parent).map(({ name, goroutines }) => [name, goroutines])).toEqual([
          ['parent', [1]],
          ['parent again', [1, 2]],
        ])
      }
    },
  )

  test('which count already are not told to be too many again', () => {
    const story = new CaptureStory()
    const innermost = 250
    story.at(10).found(1, 'runnable').at(20).start(1)
    for (let task = 1; task <= innermost; task++) story.at(20 + task).taskBegin(task, 'nested', task - 1)
    // Each counts for all of them.
    for (let goroutine = 2; goroutine <= 450; goroutine++) story.at(1_000 + goroutine).create(goroutine)
    for (let n = 1; n <= 10; n++)
      story
        .at(2_000 + n)
        .regionBegin(innermost, 'part')
        .regionEnd(innermost, 'part')
    const capture = story.bytes()
    for (const analysis of [() => analyse(capture).info.problems, () => addUp(capture)]) {
      const [both, alone] = withAndWithoutKernel(analysis)
      expect(both).toEqual(alone)
      vi.restoreAllMocks()
    }
    expect(new Set(analyse(capture).info.problems.map(({ code }) => code))).toEqual(new Set(['LIMIT']))
  })
})
