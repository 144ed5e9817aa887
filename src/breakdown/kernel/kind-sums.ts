// kind-sums.ts: adds to tasks or regions of a kind (`../kind-sums.ts`).

import { wholeOf } from '../../base/kernel/whole.ts'
import {
  DOUBLINGS,
  DURATION_RANGES,
  DURATION_RANGES_BITS,
  EXACT_DURATIONS,
  KIND_COUNT,
  KIND_EXACT,
  KIND_EXACT_ROOM,
  KIND_LONGEST,
  KIND_RANGES,
  KIND_TOTAL,
} from '../states-layout.ts'

/** Longer durations are halved before they are taken for whole numbers of 32 bits. */
const MOST_BY_BITS: f64 = 2147483648

/** Range of the duration that was asked for last. */
let range: i32 = 0

/** Whether there is room for a duration of the kind whose row lies at a position, after some more of it. */
export function hasRoom(kind: usize, ns: f64, more: u32): bool {
  if (!(ns >= 0)) return false
  const count = load<f64>(kind, KIND_COUNT)
  const last = count + <f64>more
  if (last < EXACT_DURATIONS) return last < <f64>load<u32>(kind, KIND_EXACT_ROOM)
  // What was kept exactly is counted in ranges when the first comes that is not.
  if (count <= EXACT_DURATIONS) return false
  return rangesOf(kind, ns) !== 0
}

/** Adds a duration that there is room for. */
export function addDuration(kind: usize, ns: f64): void {
  const count = load<f64>(kind, KIND_COUNT)
  store<f64>(kind, count + 1, KIND_COUNT)
  store<f64>(kind, load<f64>(kind, KIND_TOTAL) + ns, KIND_TOTAL)
  if (ns > load<f64>(kind, KIND_LONGEST)) store<f64>(kind, ns, KIND_LONGEST)
  if (count < EXACT_DURATIONS) {
    store<f64>(load<u32>(kind, KIND_EXACT) + (wholeOf(count) << 3), ns)
    return
  }
  const at: usize = rangesOf(kind, ns) + (range << 2)
  store<i32>(at, load<i32>(at) + 1)
}

/** Position of the counts of the doubling that a duration lies in, 0 none, or none yet; and the range. */
function rangesOf(kind: usize, ns: f64): u32 {
  let doubling: i32 = 0
  let left = ns
  while (left >= MOST_BY_BITS) {
    left /= 2
    doubling++
  }
  range = wholeOf(Math.floor(left))
  const halvings = max(0, 31 - DURATION_RANGES_BITS - clz<i32>(range))
  range >>= halvings
  doubling += halvings
  if (range >= DURATION_RANGES) doubling++
  range &= DURATION_RANGES - 1
  return doubling < DOUBLINGS ? load<u32>(kind + (doubling << 2), KIND_RANGES) : 0
}
