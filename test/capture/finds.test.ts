// finds.test.ts: what fuzzing found, each as the smallest capture that shows it.

import { describe, expect, test } from 'vitest'
import { analyse, sumOf } from '../support/fixtures.ts'
import { checkGoTimes, checkInvariants } from '../support/invariants.ts'
import {
  joinBatches,
  joinEvents,
  headerBytes,
  NONE,
  stringsPayload,
  type WireEvent,
  wireEvent,
} from '../support/v2-wire.ts'

/** Generations of Go 1.22: for each the events of each thread, from a clock reading on. */
type Story = readonly { readonly at: number; readonly threads: readonly (readonly WireEvent[])[] }[]

/** A capture in which goroutine n (from 1) runs on processor n - 1 of thread n when it begins, unless told otherwise. */
function captureOf(story: Story): Uint8Array {
  return joinBatches(
    headerBytes(22),
    story.flatMap(({ at, threads }, index) => {
      const generation = BigInt(index + 1)
      const batch = { experiment: -1, generation, time: BigInt(at), endsGeneration: false }
      return [
        ...threads.map((events, i) => ({ ...batch, thread: BigInt(i + 1), payload: joinEvents(events) })),
        { ...batch, thread: NONE, payload: stringsPayload([[1, 'a name'], [2, 'sync']]) },
        { ...batch, thread: NONE, payload: Uint8Array.from([8, 0xa8, 0xd6, 0xb9, 0x07]) },
      ]
    }),
  ) // prettier-ignore
}

/** The events that put a goroutine on a thread of the same number. */
function runs(goroutine: number): WireEvent[] {
  return [wireEvent('ProcStatus', 1, goroutine - 1, 1), wireEvent('GoStatus', 1, goroutine, goroutine, 2)]
}

describe('what fuzzing found', () => {
  test('a task that logs before it begins, and ends: its goroutine then works for what it did before, and for no ring of tasks', () => {
    const { tasks } = analyse(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserTaskBegin', 1, 7, 0, 1, 0),
              wireEvent('UserLog', 1, 8, 1, 1, 0),
              wireEvent('UserTaskBegin', 1, 8, 0, 1, 0),
              wireEvent('UserTaskEnd', 1, 8, 0),
              wireEvent('UserTaskEnd', 1, 7, 0),
              wireEvent('UserLog', 1, 9, 1, 1, 0),
              wireEvent('GoBlock', 1, 2, 0),
            ],
          ],
        },
      ]),
    )
    expect(tasks.map(({ id }) => id).sort()).toEqual([7, 8, 9])
  })

  test('a goroutine said to wait while it runs, with a region open: the time before the region is not taken off again', () => {
    const { tasks } = analyse(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserRegionBegin', 50, 7, 1, 0),
              wireEvent('GoStatus', 10, 1, 1, 4),
              wireEvent('HeapAlloc', 50, 1),
            ],
          ],
        },
      ]),
    )
    const [region] = tasks.flatMap(({ regions }) => regions)
    expect(region.breakdown.execNs).toBeGreaterThanOrEqual(0)
  })

  test('a goroutine that ends, by the clock of its thread, before its last state began: its open region adds up', () => {
    checkInvariants(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserRegionBegin', 1, 0, 1, 0),
              wireEvent('GoBlock', 100, 2, 0),
              wireEvent('ProcStop', 1),
            ],
            [wireEvent('ProcStatus', 5, 1, 1), wireEvent('GoUnblock', 1, 1, 1, 0), wireEvent('GoStart', 1, 1, 2)],
          ],
        },
        { at: 1010, threads: [[], [wireEvent('ProcStatus', 1, 1, 1), wireEvent('GoStatus', 1, 1, 2, 2), wireEvent('GoDestroy', 1)]] },
      ]),
    ) // prettier-ignore
  })

  test('mark phases that overlap by the clocks of two processors do not', () => {
    const capture = captureOf([
      {
        at: 1000,
        threads: [
          [...runs(1), wireEvent('GCBegin', 1, 1, 0), wireEvent('GCEnd', 500, 2), wireEvent('UserTaskBegin', 1, 1, 0, 1, 0)],
        ],
      },
      {
        at: 1100,
        threads: [
          [...runs(1), wireEvent('GCBegin', 1, 3, 0), wireEvent('GCEnd', 800, 4), wireEvent('UserTaskEnd', 1, 1, 0)],
        ],
      },
    ]) // prettier-ignore
    const { tables } = analyse(capture)
    const { startNs, endNs } = tables.gcPhases
    expect(startNs).toHaveLength(2)
    expect(startNs[1]).toBeGreaterThanOrEqual(endNs[0])
    checkInvariants(capture)
  })

  test('a sweep that a region begins in, and that ends on another goroutine, takes nothing from the region', () => {
    checkInvariants(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('GoCreate', 1, 2, 0, 0),
              wireEvent('GCSweepBegin', 1, 0),
              wireEvent('UserRegionBegin', 100, 0, 1, 0),
              wireEvent('GoBlock', 1, 2, 0),
              wireEvent('GoStart', 1, 2, 1),
              wireEvent('GCSweepEnd', 1, 0, 0),
              wireEvent('GoUnblock', 1, 1, 1, 0),
              wireEvent('GoBlock', 1, 2, 0),
              wireEvent('GoStart', 1, 1, 2),
              wireEvent('UserRegionEnd', 1, 0, 1, 0),
            ],
          ],
        },
      ]),
    )
  })

  test('a generation that claims to lie before the first: no time is negative', () => {
    const { tasks } = analyse(
      captureOf([
        { at: 1000, threads: [runs(1)] },
        { at: 10, threads: [[...runs(1), wireEvent('UserTaskBegin', 1, 3, 0, 1, 0), wireEvent('STWBegin', 1, 1, 0)]] },
      ]),
    )
    expect(tasks.map(({ startNs }) => startNs)).toEqual([192])
  })

  test('a mark assist told as open since before its goroutine did anything else: it is no longer than the region around it', () => {
    checkInvariants(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserRegionBegin', 50, 0, 1, 0),
              wireEvent('GCMarkAssistActive', 1, 1),
              wireEvent('GCMarkAssistEnd', 1),
              wireEvent('UserRegionEnd', 1, 0, 1, 0),
            ],
          ],
        },
      ]),
    )
  })

  test('two words on the state of a goroutine that contradict each other, in a region: what was heard of it before them counts', () => {
    const { tasks } = analyse(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserRegionBegin', 50, 0, 1, 0),
              wireEvent('GoStatus', 20, 1, NONE, 4),
              wireEvent('GoStatus', 10, 1, 1, 2),
              wireEvent('UserRegionEnd', 5, 0, 1, 0),
            ],
          ],
        },
      ]),
    )
    const [{ breakdown }] = tasks[0].regions
    expect(breakdown.execNs).toBeGreaterThanOrEqual(0)
    expect(sumOf(breakdown)).toBe(breakdown.totalNs)
  })

  test('a goroutine that is created while it lives, by a clock that is behind: its time goes on where it was', () => {
    const { tasks } = analyse(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('GoCreate', 1, 9, 0, 0),
              wireEvent('GoBlock', 1, 2, 0),
              wireEvent('GoStart', 100, 9, 1),
              wireEvent('UserLog', 100, 5, 1, 1, 0),
            ],
          ],
        },
        {
          at: 1010,
          threads: [
            [],
            [
              ...runs(2),
              wireEvent('GoCreate', 1, 9, 0, 0),
              wireEvent('GoBlock', 1, 2, 0),
              wireEvent('GoStart', 1, 9, 1),
              wireEvent('UserLog', 1, 5, 1, 1, 0),
            ],
          ],
        },
      ]),
    )
    const [first, second] = tasks[0].logs
    expect(second.timeNs).toBeGreaterThanOrEqual(first.timeNs)
  })

  test('a generation that claims to lie years after the first: nothing is told later than numbers can say exactly, and it is told what was left out', () => {
    const capture = captureOf([
      { at: 1000, threads: [runs(1)] },
      { at: 2 ** 50, threads: [[...runs(1), wireEvent('UserTaskBegin', 1, 3, 0, 1, 0), wireEvent('UserTaskEnd', 1, 3, 0)]] },
    ]) // prettier-ignore
    checkGoTimes(capture)
    checkInvariants(capture)
    const { info } = analyse(capture)
    expect(info.durationNs).toBeLessThan(2 ** 53)
    expect(info.problems.map(({ message }) => message).join()).toMatch(/its time is out of reach/)
  })

  test('tasks that begin and end with the id that stands for no task: they are left out and told, what is of no task is one', () => {
    const { tasks, info } = analyse(
      captureOf([
        {
          at: 1000,
          threads: [
            [
              ...runs(1),
              wireEvent('UserRegionBegin', 1, 0, 1, 0),
              wireEvent('UserTaskBegin', 1, 0, 0, 1, 0),
              wireEvent('UserTaskEnd', 1, 0, 0),
              wireEvent('UserTaskBegin', 1, 0, 0, 1, 0),
              wireEvent('UserRegionEnd', 1, 0, 1, 0),
            ],
          ],
        },
      ]),
    )
    expect(tasks.map(({ id, startNs, regions }) => [id, startNs, regions.length])).toEqual([[0, null, 1]])
    expect(info.problems.map(({ code }) => code)).toEqual(['TASK_MISUSE', 'TASK_MISUSE', 'TASK_MISUSE'])
  })
})
