// id-table.ts: an `IdTable` (`../id-table.ts`, which says how it works), for kernels.

import {
  TABLE_FREE,
  TABLE_FREE_COUNT,
  TABLE_KEYS,
  TABLE_MASK,
  TABLE_ROW_COUNT,
  TABLE_ROWS,
  TABLE_USED,
} from '../id-table-layout.ts'
import { wholeOf } from './whole.ts'

/** What stands where no id is. */
const NO_ID: f64 = -1

/** The row of an id in the table whose header lies at a position, or -1. */
export function findRow(header: usize, id: f64): i32 {
  const keys: usize = load<u32>(header, TABLE_KEYS)
  const mask = load<u32>(header, TABLE_MASK)
  let at = hashOf(id)
  for (;;) {
    at &= mask
    const held = load<f64>(keys + (at << 3))
    if (held === id) return load<i32>(load<u32>(header, TABLE_ROWS) + (at << 2))
    if (held === NO_ID) break
    at++
  }
  return -1
}

/** As `findRow`, of an id that was read as a whole number: most are low, and lie at the first place that is looked at. */
/* @inline */ export function findRowOf(header: usize, id: u64): i32 {
  if (id < 0x80000000) {
    const at: u32 = hashOfLow(<u32>id) & load<u32>(header, TABLE_MASK)
    if (load<f64>(load<u32>(header, TABLE_KEYS) + (at << 3)) === <f64>(<i32>id)) {
      return load<i32>(load<u32>(header, TABLE_ROWS) + (at << 2))
    }
  }
  return findRow(header, <f64>id)
}

/** The row that the next id gets; -1 when the table has to grow first. */
export function nextRow(header: usize): i32 {
  if ((load<u32>(header, TABLE_USED) + 1) * 2 > load<u32>(header, TABLE_MASK) + 1) return -1
  const free = load<u32>(header, TABLE_FREE_COUNT)
  if (free === 0) return load<i32>(header, TABLE_ROW_COUNT)
  return load<i32>(load<u32>(header, TABLE_FREE) + ((free - 1) << 2))
}

/** Gives an id that is not there yet the row that `nextRow` told. */
export function insertRow(header: usize, id: f64, row: i32): void {
  const free = load<u32>(header, TABLE_FREE_COUNT)
  if (free === 0) store<u32>(header, load<u32>(header, TABLE_ROW_COUNT) + 1, TABLE_ROW_COUNT)
  else store<u32>(header, free - 1, TABLE_FREE_COUNT)
  store<u32>(header, load<u32>(header, TABLE_USED) + 1, TABLE_USED)
  const keys: usize = load<u32>(header, TABLE_KEYS)
  const mask = load<u32>(header, TABLE_MASK)
  let at = hashOf(id) & mask
  while (load<f64>(keys + (at << 3)) !== NO_ID) at = (at + 1) & mask
  store<f64>(keys + (at << 3), id)
  store<i32>(load<u32>(header, TABLE_ROWS) + (at << 2), row)
}

/** Forgets an id; its row may be given out again. Does nothing when it is absent. */
export function removeRow(header: usize, id: f64): void {
  const keys: usize = load<u32>(header, TABLE_KEYS)
  const rows: usize = load<u32>(header, TABLE_ROWS)
  const mask = load<u32>(header, TABLE_MASK)
  let hole = hashOf(id) & mask
  for (;;) {
    const held = load<f64>(keys + (hole << 3))
    if (held === id) break
    if (held === NO_ID) return
    hole = (hole + 1) & mask
  }
  const free = load<u32>(header, TABLE_FREE_COUNT)
  store<i32>(load<u32>(header, TABLE_FREE) + (free << 2), load<i32>(rows + (hole << 2)))
  store<u32>(header, free + 1, TABLE_FREE_COUNT)
  store<u32>(header, load<u32>(header, TABLE_USED) - 1, TABLE_USED)
  for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
    const key = load<f64>(keys + (next << 3))
    if (key === NO_ID) break
    const home = hashOf(key) & mask
    if (((next - home) & mask) < ((next - hole) & mask)) continue
    store<f64>(keys + (hole << 3), key)
    store<i32>(rows + (hole << 2), load<i32>(rows + (next << 2)))
    hole = next
  }
  store<f64>(keys + (hole << 3), NO_ID)
}

/** As `hashId` there of an id below 2^31. */
/* @inline */ export function hashOfLow(id: u32): u32 {
  return (id * 0x9e3779b1) >>> 7
}

/** As `hashId` there. Of 2^64 TypeScript sees no bit. */
export function hashOf(id: f64): u32 {
  if (id < 0x80000000) return hashOfLow(wholeOf(id))
  const whole: u64 = id < 18446744073709551616.0 ? <u64>id : 0
  return ((<u32>whole * 0x9e3779b1) ^ (<u32>(whole >> 32) * 0x85ebca6b)) >>> 7
}
