// sum-rows.ts: rows of sums (`../goroutine-sums.ts`, `../regions.ts`), two sums at a time. A row has an even number of places, and what lies behind the last
// sum is 0. They are too short for `memory.copy` and `memory.fill`, which call the engine.

import { SLOTS } from '../states-layout.ts'

/** Bytes that are taken at a time. */
const PAIR: usize = 16

/** Where a row ends, as far as there are sums. */
/* @inline */ function endOf(row: usize): usize {
  return row + (((load<u32>(SLOTS) << 3) + 15) & ~15)
}

export function clearRow(row: usize): void {
  const end = endOf(row)
  for (let at = row; at < end; at += PAIR) v128.store(at, i64x2.splat(0))
}

export function copyRow(to: usize, from: usize): void {
  const end = endOf(to)
  for (let at = to, source = from; at < end; at += PAIR, source += PAIR) v128.store(at, v128.load(source))
}

/** Has a row hold the difference of another one to it. */
export function subtractFrom(from: usize, row: usize): void {
  const end = endOf(row)
  for (let at = row, source = from; at < end; at += PAIR, source += PAIR) {
    v128.store(at, f64x2.sub(v128.load(source), v128.load(at)))
  }
}
