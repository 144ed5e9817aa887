// touch.ts: stays are read before what they say is asked for.
//
// The log of stays is larger than the caches, and the stays of a task lie far from each other in it, each in a dozen columns. Who looks at them one by one,
// and goes on by what they say, waits for each; where nothing hangs on what is read, the processor waits for many at once. A third of the time of a
// timeline was such waiting.

import {
  PIECE_STAY,
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
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
} from '../states-layout.ts'

/** Stays in each direction from a task's begin and end. */
const TOUCHED_AROUND: i32 = 8

/** What was read, added up: so that it is read. */
export let touched: u32 = 0

/** Reads what a walk asks first of the stays before a task's begin, and before and after its end: three lines of stays, each of which leads to the next. */
export function touchAround(startStay: i32, endStay: i32): void {
  const mask = load<u32>(STAY_MASK)
  const starts: usize = load<u32>(STAY_START)
  const ends: usize = load<u32>(STAY_END)
  const previous: usize = load<u32>(STAY_PREVIOUS)
  const following: usize = load<u32>(STAY_NEXT)
  // None is taken for one of some place.
  let before: u32 = startStay & mask
  let end: u32 = endStay & mask
  let after: u32 = end
  let sum: u32 = 0
  for (let step: i32 = 0; step < TOUCHED_AROUND; step++) {
    sum += load<u32>(starts + (before << 3)) + load<u32>(ends + (before << 3))
    sum += load<u32>(starts + (end << 3)) + load<u32>(ends + (end << 3))
    sum += load<u32>(starts + (after << 3)) + load<u32>(ends + (after << 3)) + load<u32>(previous + (after << 2))
    before = load<u32>(previous + (before << 2)) & mask
    end = load<u32>(previous + (end << 2)) & mask
    after = load<u32>(following + (after << 2)) & mask
  }
  touched = sum
}

/** Reads of the stays of the pieces of a path what is told of them. */
export function touchPieces(count: i32): void {
  const mask = load<u32>(STAY_MASK)
  const states: usize = load<u32>(STAY_STATE)
  const reasons: usize = load<u32>(STAY_REASON)
  const vias: usize = load<u32>(STAY_VIA)
  const wakers: usize = load<u32>(STAY_WAKER)
  const wakerTasks: usize = load<u32>(STAY_WAKER_TASK)
  const stacks: usize = load<u32>(STAY_STACK)
  const ranges: usize = load<u32>(STAY_RANGE)
  const goroutines: usize = load<u32>(STAY_GOROUTINE)
  const stays: usize = load<u32>(PIECE_STAY)
  let sum: u32 = 0
  for (let piece: i32 = 0; piece < count; piece++) {
    // That of none is one of some place.
    const at = load<u32>(stays + (piece << 2)) & mask
    sum += load<u32>(ranges + (at << 2)) + load<u32>(goroutines + (at << 3)) + load<u8>(states + at)
    sum += load<u32>(wakers + (at << 2)) + load<u32>(wakerTasks + (at << 2)) + load<u32>(stacks + (at << 2))
    sum += load<u16>(vias + (at << 1)) + load<u16>(reasons + (at << 1))
  }
  touched = sum
}
