// goroutine-table.ts: the table of `base/id-table.ts` from ids of goroutines to their rows, which says how it works. It is made and grows there.

import { findRow, hashOf } from '../../../base/kernel/id-table.ts'
import { takeRow } from '../../../base/kernel/rows.ts'
import { GOROUTINES } from '../order-layout.ts'
import {
  TABLE_FREE,
  TABLE_FREE_COUNT,
  TABLE_KEYS,
  TABLE_MASK,
  TABLE_ROW_COUNT,
  TABLE_ROWS,
  TABLE_USED,
} from '../../../base/id-table-layout.ts'

/** The row of an id, or -1. */
export function find(id: u64): i32 {
  return findRow(GOROUTINES, <f64>id)
}

/** A row for an id that is not present; -1 when the table, or the model's columns for `room` rows, have to grow first. */
export function insert(id: u64, room: u32): i32 {
  const used = load<u32>(GOROUTINES + TABLE_USED)
  const mask = load<u32>(GOROUTINES + TABLE_MASK)
  if ((used + 1) * 2 > mask + 1) return -1
  const row = takeRow(GOROUTINES + TABLE_ROW_COUNT, room, GOROUTINES + TABLE_FREE, GOROUTINES + TABLE_FREE_COUNT)
  if (row < 0) return -1
  store<u32>(GOROUTINES + TABLE_USED, used + 1)
  const keys: usize = load<u32>(GOROUTINES + TABLE_KEYS)
  const key = <f64>id
  let at = hashOf(key) & mask
  while (load<f64>(keys + (at << 3)) !== -1) at = (at + 1) & mask
  store<f64>(keys + (at << 3), key)
  store<i32>(load<u32>(GOROUTINES + TABLE_ROWS) + (at << 2), row)
  return row
}

/** Forgets an id; its row may be given out again. */
export function remove(key: f64): void {
  const keys: usize = load<u32>(GOROUTINES + TABLE_KEYS)
  const rows: usize = load<u32>(GOROUTINES + TABLE_ROWS)
  const mask = load<u32>(GOROUTINES + TABLE_MASK)
  let at = hashOf(key) & mask
  for (;;) {
    const held = load<f64>(keys + (at << 3))
    if (held === key) break
    if (held === -1) return
    at = (at + 1) & mask
  }
  const freeCount = load<u32>(GOROUTINES + TABLE_FREE_COUNT)
  store<u32>(load<u32>(GOROUTINES + TABLE_FREE) + (freeCount << 2), load<u32>(rows + (at << 2)))
  store<u32>(GOROUTINES + TABLE_FREE_COUNT, freeCount + 1)
  store<u32>(GOROUTINES + TABLE_USED, load<u32>(GOROUTINES + TABLE_USED) - 1)
  let hole = at
  let next = (at + 1) & mask
  for (;;) {
    const moved = load<f64>(keys + (next << 3))
    if (moved === -1) break
    const home = hashOf(moved) & mask
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      store<f64>(keys + (hole << 3), moved)
      store<u32>(rows + (hole << 2), load<u32>(rows + (next << 2)))
      hole = next
    }
    next = (next + 1) & mask
  }
  store<f64>(keys + (hole << 3), -1)
}
