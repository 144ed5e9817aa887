// id-table.ts: looking up in an `IdTable` (`../id-table.ts`, which says how it works), for kernels.

import { TABLE_KEYS, TABLE_MASK, TABLE_ROWS } from '../id-table-layout.ts'

/** The row of an id in the table whose header lies at a position, or -1. */
export function findRow(header: usize, id: f64): i32 {
  const keys: usize = load<u32>(header, TABLE_KEYS)
  const mask = load<u32>(header, TABLE_MASK)
  let at = hashOf(id)
  for (;;) {
    at &= mask
    const held = load<f64>(keys + (at << 3))
    if (held === id) return load<i32>(load<u32>(header, TABLE_ROWS) + (at << 2))
    if (held === -1) break
    at++
  }
  return -1
}

/** As `hashId` there. Of 2^64 TypeScript sees no bit. */
export function hashOf(id: f64): u32 {
  if (id < 0x80000000) return (<u32>id * 0x9e3779b1) >>> 7
  const whole: u64 = id < 18446744073709551616.0 ? <u64>id : 0
  return ((<u32>whole * 0x9e3779b1) ^ (<u32>(whole >> 32) * 0x85ebca6b)) >>> 7
}
