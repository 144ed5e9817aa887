// touch.ts: stays and regions are read before what they say is asked for.
//
// A task is told 20 ms after its end. By then what was written of it has left the cache next to the processor, and who looks at its stays one by one, each
// in a dozen columns, and goes on by what they say, waits for each of them; where nothing hangs on what is read, the processor waits for many at once. A tenth
// of an analysis with records was such waiting.

import {
  REGION_NEXT,
  REGION_STRIDE,
  REGION_SUMS,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_RANGE,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_STATE,
  STAY_TASK,
  STAY_TOP,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STAYS_TOLD,
} from '../states-layout.ts'

const NONE: i32 = -1

/** Bytes of a line of the cache. */
const LINE: u32 = 64
/** Stays whose columns of bytes fill a line; those of wider ones as many lines as they have bytes. */
const GROUP: i32 = 64
/** Stays that are read ahead of the end of a task. */
const AHEAD: i32 = 1_024
/** Stays that are read at most at once: those before them are taken to have been read long ago, or to have left the caches since. */
const MOST_AT_ONCE: i32 = 8_192

/** What was read, added up: so that it is read. */
export let touched: u32 = 0

/** The stay up to which all were read. */
let touchedTo: i32 = 0

/**
 * Reads the stays up to a little after one. Tasks are told in the order of their ends, so that together they ask for nearly all stays there are, about in
 * the order of these: read line by line they cost a fraction of what each costs that is come to by way of another.
 */
export function touchUpTo(stay: i32): void {
  const to = min(stay + AHEAD, load<i32>(STAY_TOP))
  // Numbers are given anew when the log is thinned out.
  if (touchedTo > to + AHEAD) touchedTo = to - AHEAD
  let from = max(touchedTo, to - MOST_AT_ONCE)
  if (to - from < GROUP) return
  const mask = load<u32>(STAY_MASK)
  const told = load<u32>(STAYS_TOLD) !== 0
  let sum: u32 = 0
  for (; to - from >= GROUP; from += GROUP) {
    const at: u32 = from & -GROUP & mask
    sum += lines(load<u32>(STAY_STATE) + at, 1)
    sum += lines(load<u32>(STAY_REASON) + (at << 1), 2) + lines(load<u32>(STAY_VIA) + (at << 1), 2)
    sum += lines(load<u32>(STAY_START) + (at << 3), 8) + lines(load<u32>(STAY_END) + (at << 3), 8)
    sum += lines(load<u32>(STAY_PREVIOUS) + (at << 2), 4) + lines(load<u32>(STAY_NEXT) + (at << 2), 4)
    sum += lines(load<u32>(STAY_WAKER) + (at << 2), 4) + lines(load<u32>(STAY_WAKER_TASK) + (at << 2), 4)
    sum += lines(load<u32>(STAY_TASK) + (at << 2), 4)
    if (told) {
      sum += lines(load<u32>(STAY_RANGE) + (at << 2), 4) + lines(load<u32>(STAY_STACK) + (at << 2), 4)
      sum += lines(load<u32>(STAY_GOROUTINE) + (at << 3), 8)
    }
  }
  touchedTo = from
  touched = sum
}

/** Reads the sums of the regions of a task. */
export function touchRegions(first: i32): void {
  const next: usize = load<u32>(REGION_NEXT)
  const sums: usize = load<u32>(REGION_SUMS)
  const bytes: u32 = load<u32>(REGION_STRIDE) << 3
  let sum: u32 = 0
  for (let region = first; region !== NONE; region = load<i32>(next + (region << 2))) {
    const row = sums + <u32>region * bytes
    for (let at: u32 = 0; at < bytes; at += LINE) sum += load<u32>(row + at)
  }
  touched = sum
}

/** Reads so many lines. */
/* @inline */ function lines(from: usize, count: u32): u32 {
  let sum: u32 = 0
  for (let at: usize = from; at < from + count * LINE; at += LINE) sum += load<u32>(at)
  return sum
}
