import { describe, expect, test } from 'vitest'
import { ColumnRoom } from '../../src/breakdown/column-room.ts'

describe('room for columns', () => {
  test('columns keep what they were copied from, whatever comes after, across buffers and larger than one', () => {
    const room = new ColumnRoom()
    const kept: { column: ArrayLike<number>; first: number; length: number }[] = []
    for (let i = 0; i < 4_000; i++) {
      const length = i % 1_000 === 999 ? 10_000 : i % 17
      const numbers = Array.from({ length: length + 3 }, (_, row) => (i + row) % 200)
      const columns = [
        room.f64(Float64Array.from(numbers), length),
        room.i32(Int32Array.from(numbers), length),
        room.u16(Uint16Array.from(numbers), length),
        room.u8(Uint8Array.from(numbers), length),
      ]
      for (const column of columns) kept.push({ column, first: i, length })
    }
    for (const { column, first, length } of kept) {
      expect(column.length).toBe(length)
      for (let row = 0; row < length; row++)
        if (column[row] !== (first + row) % 200) expect(column[row]).toBe((first + row) % 200)
    }
  })
})
