// kernel-memory.test.ts: columns in a memory that kernels see as well.

import { describe, expect, test } from 'vitest'
import { NO_DOUBLES } from '../../src/base/columns.ts'
import { Failure } from '../../src/base/failure.ts'
import { IdTable } from '../../src/base/id-table.ts'
import { KernelMemory } from '../../src/base/kernel-memory.ts'

describe('a memory for kernels', () => {
  test('keeps what its columns hold when it grows', () => {
    const memory = new KernelMemory(100)
    const first = memory.float64(1000).fill(7)
    const large = memory.uint8(64 << 20)
    large[large.length - 1] = 9
    expect(memory.buffer.byteLength).toBeGreaterThan(64 << 20)
    expect(first.every((value) => value === 7)).toBe(true)
    expect(new Float64Array(memory.buffer, first.byteOffset, 1000).every((value) => value === 7)).toBe(true)
    expect(large[large.length - 1]).toBe(9)
  })

  test('hands out columns of zeros that do not overlap, those given back among them', () => {
    const memory = new KernelMemory(100)
    const held = [memory.uint8(100), memory.int32(30), memory.float64(5), memory.uint16(64)]
    for (const [i, column] of held.entries()) column.fill(i + 1)
    expect(Math.min(...held.map(({ byteOffset }) => byteOffset))).toBeGreaterThanOrEqual(100)
    for (const [i, column] of held.entries()) expect(column.every((value) => value === i + 1)).toBe(true)
    memory.release(held[1])
    const again = memory.uint8(128)
    expect(again.byteOffset).toBe(held[1].byteOffset)
    expect(again.every((value) => value === 0)).toBe(true)
  })

  test('hands out nothing of its begin, though columns of nothing were given back', () => {
    const memory = new KernelMemory(100)
    memory.release(NO_DOUBLES)
    memory.release(memory.uint8(0))
    for (const column of [memory.uint8(64), memory.int32(2), memory.float64(8)])
      expect(column.byteOffset).toBeGreaterThanOrEqual(100)
  })

  test('is as new when it is cleared, and still tells what it takes of the machine', () => {
    const memory = new KernelMemory(100)
    const make = (): (Uint8Array | Int32Array | Float64Array)[] => [
      memory.uint8(100),
      memory.int32(3000),
      memory.float64(7),
    ]
    const first = make()
    for (const column of first) column.fill(255)
    memory.release(first[1])
    new Uint8Array(memory.buffer, 0, 100).fill(255)
    const { usedBytes } = memory
    memory.clear()
    expect(memory.usedBytes).toBe(usedBytes)
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true)
    expect(make().map(({ byteOffset }) => byteOffset)).toEqual(first.map(({ byteOffset }) => byteOffset))
    expect(memory.usedBytes).toBe(usedBytes)
    memory.uint8(1 << 20)
    expect(memory.usedBytes).toBeGreaterThan(1 << 20)
  })

  test('lengthens a column where it lies when nothing lies behind it, and no other', () => {
    const memory = new KernelMemory(100)
    const before = memory.uint8(1_000).fill(3)
    const last = memory.uint8(1_000).fill(5)
    expect(memory.lengthened(before, 5_000)).toBeNull()
    const longer = memory.lengthened(last, 5_000_000)
    expect(longer?.byteOffset).toBe(last.byteOffset)
    expect(longer?.length).toBe(5_000_000)
    expect(longer?.subarray(0, 1_000)).toEqual(last)
    expect(longer?.subarray(1_000).every((byte) => byte === 0)).toBe(true)
    const behind = memory.uint8(64).fill(9)
    expect(behind.byteOffset).toBeGreaterThanOrEqual(last.byteOffset + 5_000_000)
    expect(before.every((byte) => byte === 3)).toBe(true)
    // As others are, it is given out again once it is given back, as long as it has become.
    if (longer !== null) memory.release(longer)
    expect(memory.uint8(5_000_000).byteOffset).toBe(last.byteOffset)
  })

  test('refuses to lengthen a column beyond what can be had, and leaves it as it is', () => {
    const memory = new KernelMemory(100)
    const column = memory.uint8(1_000).fill(5)
    expect(() => memory.lengthened(column, 2 ** 32)).toThrow(Failure)
    expect(column.every((byte) => byte === 5)).toBe(true)
    expect(memory.lengthened(column, 2_000)?.byteOffset).toBe(column.byteOffset)
  })

  test('of two threads hands out columns to both that do not overlap, and tells both what it takes', () => {
    const one = new KernelMemory(100)
    const other = new KernelMemory(100, one.shared)
    const held = [one.uint8(100), other.int32(3000), one.float64(5), other.uint8(8 << 20), one.uint8(8 << 20)]
    for (const [i, column] of held.entries()) column.fill(i + 1)
    for (const [i, column] of held.entries()) expect(column.every((value) => value === i + 1)).toBe(true)
    expect(one.usedBytes).toBe(other.usedBytes)
    const last = other.uint8(64)
    expect(other.lengthened(last, 128)?.byteOffset).toBe(last.byteOffset)
    one.uint8(64)
    expect(other.lengthened(last, 256)).toBeNull()
    other.release(last)
    expect(one.uint8(64).byteOffset).not.toBe(last.byteOffset)
    expect(other.uint8(64).byteOffset).toBe(last.byteOffset)
    expect(() => other.uint8(2 ** 31 - 1)).toThrow(/at most 2,147,483,648 can be had/)
    expect(one.uint8(64).byteOffset).toBeLessThan(17 << 20)
  })

  test('refuses what it has no room for, and goes on', () => {
    const memory = new KernelMemory(1)
    for (const bytes of [2 ** 31, 2 ** 32, 2 ** 32 + 8, 2 ** 40]) {
      expect(() => memory.uint8(bytes)).toThrow(/bytes for columns, at most 2,147,483,648 can be had/)
    }
    expect(() => memory.float64(2 ** 29)).toThrow(Failure)
    expect(memory.int32(4)).toEqual(new Int32Array(4))
  })

  test('holds a table of ids as the engine does', () => {
    const memory = new KernelMemory(1)
    const table = new IdTable(8, memory)
    const rows = new Map<number, number>()
    for (let id = 1; id <= 5000; id++) {
      rows.set(id, table.insert(id))
      if (id % 3 === 0) {
        table.remove(id - 1)
        rows.delete(id - 1)
      }
    }
    expect(table.size).toBe(rows.size)
    expect(table.rowCount).toBeLessThan(3400)
    for (const [id, row] of rows) expect(table.find(id)).toBe(row)
    expect(new Set(rows.values()).size).toBe(rows.size)
  })
})
