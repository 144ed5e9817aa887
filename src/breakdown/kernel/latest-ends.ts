// latest-ends.ts: which goroutines ran at a time, found in the log of stays without a look at all before it.
//
// The log has stays by their starts: one that lasts at a time may lie anywhere before. Of blocks of 64 stays, and of 64 such blocks each, it is written
// down when the latest of those that run in them ends: whoever looks back goes by all that are over. What lasts still ends later than anything; a block of
// it is looked at again when it is come by, and is written down anew.

import {
  LATEST_ENDS,
  LATEST_ENDS_KNOWN,
  MOST_RUNS_FOUND,
  RUNNING,
  RUNS_FOUND,
  STAY_BLOCK_BITS,
  STAY_END,
  STAY_MASK,
  STAY_STATE,
} from '../states-layout.ts'

/** Stays of a block, which are looked at at once: the log's ring is made of whole ones. */
export const STAY_BLOCK: i32 = 1 << STAY_BLOCK_BITS
const RUNNING_IN_EACH: u64 = 0x0101010101010101 * RUNNING
const LOW_BITS: u64 = 0x7f7f7f7f7f7f7f7f
const LOWEST_BITS: u64 = 0x0101010101010101
const TO_TOP_BYTE: u64 = 0x0102040810204080
/** Latest blocks of those that are looked at which are looked through: much of them ran on, and would be written down again. */
const NEAR_BLOCKS: i32 = 2

/** How many were found. */
let found: u32 = 0

/**
 * Finds stays that run and end after a time, the latest first, and writes them in `RUNS_FOUND`: the latest `MOST_RUNS_FOUND` of them.
 *
 * @param from of those from this one on, which are all in the log
 * @param before and before this one
 * @returns how many
 */
export function runsBefore(from: i32, before: i32, ns: f64): u32 {
  found = 0
  if (from >= before) return 0
  const first = from >> STAY_BLOCK_BITS
  let block = (before - 1) >> STAY_BLOCK_BITS
  for (let near: i32 = 0; near < NEAR_BLOCKS && block >= first; near++) findIn(block--, from, before, ns)
  if (block >= first) noteEnds(first, block)
  while (block >= first) {
    const group = block >> STAY_BLOCK_BITS
    const ofGroup = endOfGroup(group)
    const lowest = max(group << STAY_BLOCK_BITS, first)
    if (load<f64>(ofGroup) <= ns) {
      block = lowest - 1
      continue
    }
    const whole = block === (group << STAY_BLOCK_BITS) + STAY_BLOCK - 1
    let latestNs: f64 = -Infinity
    for (; block >= lowest; block--) {
      const ofBlock = endOfBlock(block)
      if (load<f64>(ofBlock) > ns) {
        store<f64>(ofBlock, latestEndIn(block))
        findIn(block, from, before, ns)
        if (found === MOST_RUNS_FOUND) return found
      }
      latestNs = max(latestNs, load<f64>(ofBlock))
    }
    if (whole) store<f64>(ofGroup, latestNs)
  }
  return found
}

/** Notes when the latest of each block ends, from the last that was noted on. */
function noteEnds(first: i32, last: i32): void {
  const known = load<i32>(LATEST_ENDS_KNOWN)
  const from = max(known, first)
  for (let block = from; block <= last; block++) {
    const endNs = latestEndIn(block)
    const ofGroup = endOfGroup(block >> STAY_BLOCK_BITS)
    const begins = (block & (STAY_BLOCK - 1)) === 0 || (block === from && from > known)
    store<f64>(endOfBlock(block), endNs)
    store<f64>(ofGroup, begins ? endNs : max(load<f64>(ofGroup), endNs))
  }
  if (last >= known) store<i32>(LATEST_ENDS_KNOWN, last + 1)
}

/** When the latest of those that run in a block ends. */
function latestEndIn(block: i32): f64 {
  const ends: usize = load<u32>(STAY_END) + (((block * STAY_BLOCK) & load<u32>(STAY_MASK)) << 3)
  let latestNs: f64 = -Infinity
  for (let running = runningIn(block); running !== 0; running &= running - 1) {
    latestNs = max(latestNs, load<f64>(ends + ((<usize>ctz(running)) << 3)))
  }
  return latestNs
}

/** Adds those of a block that lie within a stretch of the log and end after a time. */
function findIn(block: i32, from: i32, before: i32, ns: f64): void {
  const ends: usize = load<u32>(STAY_END) + (((block * STAY_BLOCK) & load<u32>(STAY_MASK)) << 3)
  for (let running = runningIn(block) & within(block, from, before); running !== 0;) {
    const top: u64 = 63 - clz(running)
    running ^= (<u64>1) << top
    if (load<f64>(ends + ((<usize>top) << 3)) <= ns) continue
    if (found === MOST_RUNS_FOUND) return
    store<i32>(load<u32>(RUNS_FOUND) + (found << 2), block * STAY_BLOCK + <i32>top)
    found++
  }
}

/** A double for each block of the ring; behind them those of groups of blocks, of which there are two for each that the ring has whole. */
/* @inline */ function endOfBlock(block: i32): usize {
  return load<u32>(LATEST_ENDS) + ((block & (load<u32>(STAY_MASK) >> STAY_BLOCK_BITS)) << 3)
}

/* @inline */ function endOfGroup(group: i32): usize {
  const stays = load<u32>(STAY_MASK) + 1
  const groups = (stays >> (2 * STAY_BLOCK_BITS)) << 1
  return load<u32>(LATEST_ENDS) + (((stays >> STAY_BLOCK_BITS) + (group & (groups - 1))) << 3)
}

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
  if (from >= first + STAY_BLOCK || to <= first) return 0
  let bits: u64 = -1
  if (from > first) bits = (bits >> (from - first)) << (from - first)
  const beyond = first + STAY_BLOCK - to
  return beyond > 0 ? (bits << beyond) >> beyond : bits
}
