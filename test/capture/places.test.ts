// places.test.ts: where the strings and stacks of a generation lie, by ids that need not be dense.

import { describe, expect, test } from 'vitest'
import { Places } from '../../src/capture/places.ts'

describe('places', () => {
  test('are those that were added first, whatever their ids', () => {
    const places = new Places()
    for (const id of [1, 2, 3, 1_000_000, 2 ** 60, 4]) places.add(id, id % 1_000, 7)
    places.add(2, 999, 9)
    places.add(2 ** 60, 999, 9)
    expect(places.size).toBe(6)
    expect([1, 2, 1_000_000, 2 ** 60].map((id) => places.fromOf(id))).toEqual([1, 2, 0, 2 ** 60 % 1_000])
    expect([2, 2 ** 60].map((id) => places.extentOf(id))).toEqual([7, 7])
    expect([places.has(5), places.fromOf(5), places.extentOf(5)]).toEqual([false, -1, 0])
    expect(places.denseTo).toBe(4)
  })

  test('of ids beyond the columns are a million at most; those of the columns still come', () => {
    const places = new Places()
    const far = 2 ** 40
    const most = 1 << 20
    for (let id = far; id < far + most + 10; id++) places.add(id, 1, 2)
    expect(places.size).toBe(most)
    expect([places.has(far), places.has(far + most - 1), places.has(far + most)]).toEqual([true, true, false])
    expect(places.fromOf(far + most + 5)).toBe(-1)
    places.add(1, 3, 4)
    expect([places.size, places.fromOf(1), places.extentOf(1)]).toEqual([most + 1, 3, 4])
  })

  test('in columns of a kernel go no further than these', () => {
    const columns = { from: new Int32Array(8), extent: new Int32Array(8) }
    const places = new Places(columns)
    for (const id of [7, 8, 9]) places.add(id, id, 1)
    expect([...columns.from]).toEqual([0, 0, 0, 0, 0, 0, 0, 8])
    expect([7, 8, 9].map((id) => places.fromOf(id))).toEqual([7, 8, 9])
    expect(places.columns).toBe(columns)
  })
})
