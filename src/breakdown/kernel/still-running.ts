// still-running.ts: which goroutines still ran where a block of stays begins, so that who ran at a time is found without a look at all stays before it.
//
// The log has stays by their starts: one that lasts at a time may lie anywhere before. For each block of stays that is asked for, those that run
// and end after its first stay begins are found once, of the block before and of those of that one. A stay that lasts still ends later than anything: it
// is among them. What leaves the log or ends meanwhile is for who asks to see; stays that moved (`past.ts`) nobody asks for (`STAY_WHOLE_FROM`).

import {
  MOST_STAYS_BEFORE,
  RUNNING,
  STAY_BLOCK,
  STAY_BLOCK_BITS,
  STAY_END,
  STAY_MASK,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STILL_RUNNING,
  STILL_RUNNING_BITS,
  STILL_RUNNING_BLOCK,
  STILL_RUNNING_COUNT,
  STILL_RUNNING_ROOM,
  STILL_RUNNING_STAYS,
} from '../states-layout.ts'

const BYTES_BITS: u32 = 2 + STILL_RUNNING_BITS
const RUNNING_IN_EACH: u64 = 0x0101010101010101 * RUNNING
const LOW_BITS: u64 = 0x7f7f7f7f7f7f7f7f
const LOWEST_BITS: u64 = 0x0101010101010101
const TO_TOP_BYTE: u64 = 0x0102040810204080

/** Stays that a row has room for. */
const MOST: i32 = (1 << STILL_RUNNING_BITS) - STILL_RUNNING_STAYS

/** In place of their number: there are more than there is room for. */
export const TOO_MANY: i32 = -1

/** Of the stays of a block a bit each: whether it is one of who runs. */
export function runningIn(block: i32): u64 {
  const from: usize = load<u32>(STAY_STATE) + ((block * STAY_BLOCK) & load<u32>(STAY_MASK))
  let running: u64 = 0
  for (let byte: i32 = 0; byte < STAY_BLOCK; byte += 8) running |= runningOf(load<u64>(from + byte)) << byte
  return running
}

/** Of eight states a bit each. No state has a top bit, so that a sum stays in its byte. */
/* @inline */ function runningOf(states: u64): u64 {
  return (((~((states ^ RUNNING_IN_EACH) + LOW_BITS) >> 7) & LOWEST_BITS) * TO_TOP_BYTE) >> 56
}

/** Of the stays of a block from one on up to before another a bit each. */
export function within(block: i32, from: i32, to: i32): u64 {
  const first = block * STAY_BLOCK
  let bits: u64 = -1
  if (from > first) bits = (bits >> (from - first)) << (from - first)
  const beyond = first + STAY_BLOCK - to
  return beyond > 0 ? (bits << beyond) >> beyond : bits
}

/**
 * Finds those that ran where a block of stays begins, the earliest first, of the latest `MOST_STAYS_BEFORE` stays before it.
 *
 * @param block number of the block, of which the first stay is in the log
 * @returns a row: the block plus 1, how many there are or `TOO_MANY`, the stays
 */
export function stillRunning(block: i32): usize {
  const row = rowOf(block)
  if (load<i32>(row, STILL_RUNNING_BLOCK << 2) === block + 1) return row
  const first = block * STAY_BLOCK
  const firstNs = load<f64>(load<u32>(STAY_START) + ((first & load<u32>(STAY_MASK)) << 3))
  const oldest = max(max(first - MOST_STAYS_BEFORE, load<i32>(STAY_TAIL)), 0)
  store<i32>(row, block + 1, STILL_RUNNING_BLOCK << 2)
  store<i32>(row, 0, STILL_RUNNING_COUNT << 2)
  const before = rowOf(block - 1)
  let from = oldest
  if (leadsTo(before, block, firstNs)) {
    const end = before + ((STILL_RUNNING_STAYS + load<i32>(before, STILL_RUNNING_COUNT << 2)) << 2)
    for (let at = before + (STILL_RUNNING_STAYS << 2); at < end; at += 4) {
      const stay = load<i32>(at)
      if (stay >= oldest) addIfLasts(row, stay, firstNs)
    }
    from = max(first - STAY_BLOCK, oldest)
  }
  addThose(row, from, first, firstNs)
  return row
}

/** Whether those that ran where the block before begins are known, and none is missing there that runs where this one does. */
function leadsTo(before: usize, block: i32, firstNs: f64): bool {
  if (load<i32>(before, STILL_RUNNING_BLOCK << 2) !== block) return false
  const stay = (block - 1) * STAY_BLOCK
  if (block === 0 || stay < load<i32>(STAY_TAIL)) return false
  const beginsNs = load<f64>(load<u32>(STAY_START) + ((stay & load<u32>(STAY_MASK)) << 3))
  return beginsNs <= firstNs && load<i32>(before, STILL_RUNNING_COUNT << 2) !== TOO_MANY
}

/* @inline */ function rowOf(block: i32): usize {
  return load<u32>(STILL_RUNNING) + ((block & (STILL_RUNNING_ROOM - 1)) << BYTES_BITS)
}

/** Adds those of a stretch of the log that run and end after a time. */
function addThose(row: usize, from: i32, to: i32, ns: f64): void {
  for (let block = from >> STAY_BLOCK_BITS; block * STAY_BLOCK < to; block++) {
    for (let running = runningIn(block) & within(block, from, to); running !== 0; running &= running - 1) {
      addIfLasts(row, block * STAY_BLOCK + <i32>ctz(running), ns)
    }
  }
}

/* @inline */ function addIfLasts(row: usize, stay: i32, ns: f64): void {
  if (load<f64>(load<u32>(STAY_END) + ((stay & load<u32>(STAY_MASK)) << 3)) <= ns) return
  const count = load<i32>(row, STILL_RUNNING_COUNT << 2)
  if (count === TOO_MANY) return
  if (count === MOST) {
    store<i32>(row, TOO_MANY, STILL_RUNNING_COUNT << 2)
    return
  }
  store<i32>(row + (count << 2), stay, STILL_RUNNING_STAYS << 2)
  store<i32>(row, count + 1, STILL_RUNNING_COUNT << 2)
}
