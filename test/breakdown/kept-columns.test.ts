import { describe, expect, test } from 'vitest'
import type { RangeTable, Timeline } from '../../src/breakdown/breakdown.ts'
import { KeptRoom } from '../../src/breakdown/kept-columns.ts'

/** Numbers of a column, told apart by column and table; more of them than the table has rows. */
function numbers(table: number, column: number, rows: number): number[] {
  return Array.from({ length: rows + 3 }, (_, row) => (table + column * 31 + row) % 200)
}

function timelineOf(table: number, length: number): Timeline {
  const bounds = Float64Array.from({ length: length + 4 }, (_, row) => table + row * 0.5)
  return {
    length,
    startNs: bounds.subarray(0, -1),
    endNs: bounds.subarray(1),
    state: Uint8Array.from(numbers(table, 1, length)),
    reason: Uint16Array.from(numbers(table, 2, length)),
    via: Uint16Array.from(numbers(table, 3, length)),
    goroutine: Float64Array.from(numbers(table, 4, length)),
    wakerGoroutine: Float64Array.from(numbers(table, 5, length)),
    wakerTask: Float64Array.from(numbers(table, 6, length)),
    stack: Int32Array.from(numbers(table, 7, length)),
  }
}

function rangesOf(table: number, length: number): RangeTable {
  return {
    length,
    startNs: Float64Array.from(numbers(table, 8, length)),
    endNs: Float64Array.from(numbers(table, 9, length)),
    name: Uint16Array.from(numbers(table, 10, length)),
    goroutine: Float64Array.from(numbers(table, 11, length)),
  }
}

const TIMELINE = [
  'startNs',
  'endNs',
  'state',
  'reason',
  'via',
  'goroutine',
  'wakerGoroutine',
  'wakerTask',
  'stack',
] as const
const RANGES = ['startNs', 'endNs', 'name', 'goroutine'] as const

describe('tables as tasks keep them', () => {
  test('keep what they were copied from, whatever comes after, across buffers and larger than one', () => {
    const room = new KeptRoom()
    const lengths = Array.from({ length: 3_000 }, (_, table) => (table % 1_000 === 999 ? 10_000 : table % 17))
    const kept = lengths.map((length, table) => ({
      timeline: room.timeline(timelineOf(table, length)),
      ranges: room.ranges(rangesOf(table, length)),
    }))
    kept.forEach(({ timeline, ranges }, table) => {
      const length = lengths[table]
      const wholeTimeline = timelineOf(table, length)
      const wholeRanges = rangesOf(table, length)
      expect([timeline.length, ranges.length]).toEqual([length, length])
      for (const name of TIMELINE) {
        if (timeline[name].toString() !== wholeTimeline[name].subarray(0, length).toString())
          expect.fail(`${name} of ${table}`)
      }
      for (const name of RANGES) {
        if (ranges[name].toString() !== wholeRanges[name].subarray(0, length).toString())
          expect.fail(`${name} of ${table}`)
      }
    })
    expect(new Set(kept.map(({ timeline }) => timeline.block.buffer)).size).toBeLessThan(100)
  })

  test('have blocks that are equal where their rows are', () => {
    const room = new KeptRoom()
    const [one, same, other] = [1, 1, 2].map((table) => room.timeline(timelineOf(table, 5)))
    expect(same).toEqual(one)
    expect(other).not.toEqual(one)
  })
})
