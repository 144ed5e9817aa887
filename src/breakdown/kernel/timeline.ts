// timeline.ts: the path of a task that is told by itself: its timeline and ranges as tasks keep them (`../kept-columns.ts`), its long waits, and what its
// time comes to; and the time of all goroutines that worked for it. `../path.ts`, `../window.ts` and `../task-records.ts` have the rules, and all that is odd.

import {
  CAUSE_SUMS,
  FOUND_FIELDS,
  FOUND_RANGES,
  HANDS_OVER,
  KEPT_HEAD,
  LAST_END_BYTES,
  LEAST_LONG_NS,
  LEAST_LONG_SHARE,
  LONG_NS,
  LONG_PIECE_COUNT,
  MAX_NAMES,
  MEMBER_GOROUTINE,
  MEMBER_NEXT,
  MEMBER_STAY,
  MOST_BEFORE_READY,
  MOST_STAYS_UNNOTED,
  MOST_STEPS,
  PATH_RANGE_COUNT,
  PATH_RANGES,
  STATE_SUMS,
  PIECE_FROM,
  PIECE_STAY,
  PIECE_TO,
  QUEUE_REASON,
  QUEUED,
  RANGE_END,
  RANGE_LOOKBACK,
  RANGE_MASK,
  RANGE_NAME,
  RANGE_PREVIOUS,
  RANGE_START,
  RANGE_SUMS,
  RANGE_SWEEP,
  RANGE_TAIL,
  RANGES_ROOM,
  RANGE_NAME_COUNT,
  REASON_COUNT,
  REASON_SUMS,
  RUNNABLE,
  RUNNING,
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
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STATE_ROOM,
  STEPS,
  STOP_COUNT,
  STOP_END,
  STOP_GOROUTINE,
  STOP_NAME,
  STOP_START,
  STOP_SUMS,
  TASK_BLOCK,
  TIMELINE_ROW_BYTES,
  UNKNOWN,
  WAITING,
  WALKED_FIELDS,
  WALKED_RANGES,
  WALKED_ROOM,
} from '../states-layout.ts'
import { addLongPiece } from './long-waits.ts'
import { causeOf, walkPieces } from './path.ts'
import { has } from './stay.ts'
import { descendsFrom, idOfSerial } from './tasks.ts'
import { before, beforeOthers, lackedRoom, lacksRoom, stayAt, stepsTaken } from './visits.ts'

const NONE: i32 = -1

const FOUND_BYTES: u32 = FOUND_FIELDS << 3
const WALKED_BYTES: u32 = WALKED_FIELDS << 3

/** Steps over the past, and how many are allowed. */
let steps: f64 = 0
let mostSteps: f64 = 0

/**
 * Tells of the path of a task: fills the columns of pieces and the sums, and with its timeline what is kept of that.
 *
 * @param starter id of the goroutine that began it
 * @param member first of those that worked for it
 * @param tells whether its timeline is told, with what lies a little before and after the task
 * @returns rows of the timeline; -1 where the task is for TypeScript
 */
export function tellPath(
  serial: i32,
  startNs: f64,
  endNs: f64,
  startStay: i32,
  endStay: i32,
  own: bool,
  starter: f64,
  member: i32,
  tells: bool,
  knownNs: f64,
): i32 {
  const count = walkPieces(serial, startNs, endNs, startStay, endStay, own, starter, member, tells, knownNs)
  if (count < 0) return NONE
  beginSteps()
  if (!findRanges(count)) return NONE
  clearSums()
  store<u32>(LONG_PIECE_COUNT, 0)
  const timelineBytes = tells && count > 0 ? (count * TIMELINE_ROW_BYTES + LAST_END_BYTES + 7) & ~7 : 0
  store<u32>(PATH_RANGES, load<u32>(TASK_BLOCK) + (KEPT_HEAD << 3) + timelineBytes)
  for (let i: i32 = 0; i < count; i++) tellPiece(i, count, startNs, endNs, tells)
  sumRanges(count, startNs, endNs)
  if (tells) keepRanges()
  store<f64>(STEPS, steps)
  return count
}

/**
 * Adds up the time of all goroutines that worked for a task while they did, in the sums.
 *
 * @param member first of them
 * @param starter id of the one that began it
 * @param own whether that one ended it: then it worked for it all along
 * @returns whether it could be done
 */
export function tellWork(serial: i32, startNs: f64, endNs: f64, member: i32, starter: f64, own: bool): bool {
  const mask = load<u32>(STAY_MASK)
  beginSteps()
  clearSums()
  for (; member !== NONE; member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))) {
    const goroutine = load<f64>(load<u32>(MEMBER_GOROUTINE) + (member << 3))
    const all = own && goroutine === starter
    let others: i32 = 0
    let stay = load<i32>(load<u32>(MEMBER_STAY) + (member << 2))
    for (; has(stay); stay = load<i32>(load<u32>(STAY_NEXT) + ((stay & mask) << 2))) {
      if (++steps > mostSteps) return false
      const at: u32 = stay & mask
      if (load<f64>(load<u32>(STAY_START) + (at << 3)) >= endNs) break
      if (all || descendsFrom(load<i32>(load<u32>(STAY_TASK) + (at << 2)), serial)) {
        addWork(at, startNs, endNs)
        others = 0
      } else if (++others > MOST_STAYS_UNNOTED) {
        if (!tellWorkAfter(serial, startNs, endNs, stay, goroutine)) return false
        break
      }
    }
  }
  store<f64>(STEPS, steps)
  return true
}

/** Adds up the time after a stay of a goroutine that does many things for others as well. @returns whether it could be done */
function tellWorkAfter(serial: i32, startNs: f64, endNs: f64, from: i32, goroutine: f64): bool {
  const mask = load<u32>(STAY_MASK)
  if (lacksRoom(from, endNs)) return false
  let stay = stayAt(from, endNs, goroutine)
  if (lackedRoom()) return false
  while (has(stay) && stay > from) {
    if (++steps > mostSteps) return false
    const at: u32 = stay & mask
    if (load<f64>(load<u32>(STAY_END) + (at << 3)) <= startNs) break
    let ofTask: i32 = NONE
    if (descendsFrom(load<i32>(load<u32>(STAY_TASK) + (at << 2)), serial)) addWork(at, startNs, endNs)
    else ofTask = beforeOthers(stay, serial, false)
    stay = ofTask !== NONE ? ofTask : before(stay, from)
  }
  steps += stepsTaken()
  return true
}

/** Adds the part of the stay in a place of the ring that lies within a task. */
function addWork(at: u32, startNs: f64, endNs: f64): void {
  const fromNs = max(load<f64>(load<u32>(STAY_START) + (at << 3)), startNs)
  const toNs = min(load<f64>(load<u32>(STAY_END) + (at << 3)), endNs)
  if (toNs <= fromNs) return
  addStayTime(at, toNs - fromNs)
  const cause = causeOf(at)
  if (cause !== 0) add(load<u32>(CAUSE_SUMS) + (cause << 3), toNs - fromNs)
  sumRangesOf(at, fromNs, toNs)
}

function beginSteps(): void {
  steps = load<f64>(STEPS)
  mostSteps = load<f64>(MOST_STEPS)
}

function clearSums(): void {
  for (let state: i32 = 0; state < STATE_ROOM; state++) store<f64>(load<u32>(STATE_SUMS) + (state << 3), 0)
  const reasons = load<u32>(REASON_COUNT)
  for (let row: u32 = 0; row < reasons; row++) {
    store<f64>(load<u32>(REASON_SUMS) + (row << 3), 0)
    store<f64>(load<u32>(CAUSE_SUMS) + (row << 3), 0)
  }
  // A number below 0: there was none.
  const ranges = load<u32>(RANGE_NAME_COUNT)
  for (let row: u32 = 0; row < ranges; row++) {
    store<f64>(load<u32>(RANGE_SUMS) + (row << 3), -1)
    store<f64>(load<u32>(STOP_SUMS) + (row << 3), -1)
  }
}

/* @inline */ function add(sum: usize, ns: f64): void {
  store<f64>(sum, load<f64>(sum) + ns)
}

/** Adds time in the stay in a place of the ring to the sums of its state and of its reason. */
/* @inline */ function addStayTime(at: u32, ns: f64): void {
  const state: u32 = load<u8>(load<u32>(STAY_STATE) + at)
  add(load<u32>(STATE_SUMS) + (state << 3), ns)
  if (state === WAITING) add(load<u32>(REASON_SUMS) + ((<u32>load<u16>(load<u32>(STAY_REASON) + (at << 1))) << 3), ns)
}

/** Adds time to one of the sums of which some are of nothing. */
function addRange(sums: usize, name: u32, ns: f64): void {
  const sum: usize = load<u32>(sums) + (name << 3)
  store<f64>(sum, max(load<f64>(sum), 0) + ns)
}

/** Tells of one piece: adds it up, and writes its row of the timeline. */
function tellPiece(i: i32, count: i32, startNs: f64, endNs: f64, tells: bool): void {
  const fromNs = load<f64>(load<u32>(PIECE_FROM) + (i << 3))
  const toNs = load<f64>(load<u32>(PIECE_TO) + (i << 3))
  const stay = load<i32>(load<u32>(PIECE_STAY) + (i << 2))
  const known = has(stay)
  const at: u32 = stay & load<u32>(STAY_MASK)
  const state: u32 = known ? load<u8>(load<u32>(STAY_STATE) + at) : UNKNOWN
  const waits = state === WAITING
  const via = waits ? causeOfPiece(i, at, toNs) : 0
  if (stay === QUEUED) {
    tellQueue(i, count, startNs, endNs, tells)
    return
  }
  const insideFromNs = max(fromNs, startNs)
  const insideToNs = min(toNs, endNs)
  const ns = insideToNs - insideFromNs
  if (ns > 0 && known) {
    addStayTime(at, ns)
    if (via !== 0) add(load<u32>(CAUSE_SUMS) + (via << 3), ns)
  }
  if (!tells) return
  const row: u32 = count - 1 - i
  let waker: f64 = -1
  let wakerTask: f64 = -1
  if (waits || state === RUNNABLE) {
    const by = load<i32>(load<u32>(STAY_WAKER) + (at << 2))
    if (has(by)) waker = load<f64>(load<u32>(STAY_GOROUTINE) + ((by & load<u32>(STAY_MASK)) << 3))
    const serial = load<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2))
    // What came from elsewhere is no other task's doing.
    if (serial > 0 && via === 0) wakerTask = idOfSerial(serial)
  }
  const goroutine: f64 = known ? load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3)) : -1
  const reason: u32 = waits ? load<u16>(load<u32>(STAY_REASON) + (at << 1)) : 0
  keepPiece(i, count, goroutine, waker, wakerTask, known ? stackOf(at) : NONE, reason, via, state)
  if ((waits || state === RUNNABLE) && isLong(ns, endNs - startNs))
    addLongPiece(insideFromNs, insideToNs, stay, row, via, false)
}

/** As `isLong` in `../long-waits.ts`. */
/* @inline */ function isLong(ns: f64, taskNs: f64): bool {
  return ns >= LEAST_LONG_NS && ns >= min(LEAST_LONG_SHARE * taskNs, LONG_NS)
}

/** Tells of a piece in which the task lay in a queue: it has the goroutine that took it up. */
function tellQueue(i: i32, count: i32, startNs: f64, endNs: f64, tells: bool): void {
  const reason = load<u32>(QUEUE_REASON)
  const fromNs = max(load<f64>(load<u32>(PIECE_FROM) + (i << 3)), startNs)
  const toNs = min(load<f64>(load<u32>(PIECE_TO) + (i << 3)), endNs)
  if (toNs > fromNs) {
    add(load<u32>(STATE_SUMS) + (WAITING << 3), toNs - fromNs)
    add(load<u32>(REASON_SUMS) + (reason << 3), toNs - fromNs)
  }
  if (!tells) return
  const taker: i32 = i === 0 ? NONE : load<i32>(load<u32>(PIECE_STAY) + ((i - 1) << 2))
  const known = has(taker)
  const at: u32 = taker & load<u32>(STAY_MASK)
  const goroutine: f64 = known ? load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3)) : -1
  keepPiece(i, count, goroutine, -1, -1, NONE, reason, 0, WAITING)
  if (known && isLong(toNs - fromNs, endNs - startNs)) addLongPiece(fromNs, toNs, taker, count - 1 - i, 0, true)
}

/** Writes the row of a piece of the timeline. */
function keepPiece(
  i: i32,
  count: i32,
  goroutine: f64,
  waker: f64,
  wakerTask: f64,
  stack: i32,
  reason: u32,
  via: u32,
  state: u32,
): void {
  const row: u32 = count - 1 - i
  let column: usize = load<u32>(TASK_BLOCK) + (KEPT_HEAD << 3)
  store<f64>(column + (row << 3), load<f64>(load<u32>(PIECE_FROM) + (i << 3)))
  if (i === 0) store<f64>(column + (count << 3), load<f64>(load<u32>(PIECE_TO)))
  column += (count + 1) << 3
  store<f64>(column + (row << 3), goroutine)
  column += count << 3
  store<f64>(column + (row << 3), waker)
  column += count << 3
  store<f64>(column + (row << 3), wakerTask)
  column += count << 3
  store<i32>(column + (row << 2), stack)
  column += count << 2
  store<u16>(column + (row << 1), <u16>reason)
  column += count << 1
  store<u16>(column + (row << 1), <u16>via)
  column += count << 1
  store<u8>(column + row, <u8>state)
}

/** As `causeOfPiece` in `../path-timeline.ts`. @param at place of the piece's stay */
function causeOfPiece(i: i32, at: u32, toNs: f64): u32 {
  const via = causeOf(at)
  if (via !== 0 || i === 0 || load<f64>(load<u32>(PIECE_FROM) + ((i - 1) << 3)) !== toNs) return via
  const later = load<i32>(load<u32>(PIECE_STAY) + ((i - 1) << 2))
  if (!has(later)) return 0
  const after: u32 = later & load<u32>(STAY_MASK)
  if (load<u8>(load<u32>(STAY_STATE) + after) !== RUNNABLE) return 0
  if (load<f64>(load<u32>(STAY_START) + (after << 3)) !== toNs) return 0
  const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (at << 1))
  return load<u8>(load<u32>(HANDS_OVER) + reason) !== 0 ? load<u16>(load<u32>(STAY_VIA) + (after << 1)) : 0
}

/** As `stackOf` in `../path-timeline.ts`. */
function stackOf(slot: u32): i32 {
  const stacks: usize = load<u32>(STAY_STACK)
  const states: usize = load<u32>(STAY_STATE)
  let at = slot
  for (let n: i32 = 0; n < MOST_BEFORE_READY && load<i32>(stacks + (at << 2)) < 0; n++) {
    const state: u32 = load<u8>(states + at)
    const before = load<i32>(load<u32>(STAY_PREVIOUS) + (at << 2))
    if (state === RUNNING || state === WAITING || !has(before)) break
    at = before & load<u32>(STAY_MASK)
  }
  return load<i32>(stacks + ((load<u8>(states + at) === RUNNING ? slot : at) << 2))
}

/** Finds the special ranges that touch the pieces, on their goroutines or, of stops of the world, while these waited, by start. @returns whether those are all */
function findRanges(count: i32): bool {
  store<u32>(PATH_RANGE_COUNT, 0)
  if (count === 0) return true
  const tail = load<i32>(RANGE_TAIL)
  const mask = load<u32>(RANGE_MASK)
  const fromNs = load<f64>(load<u32>(PIECE_FROM) + ((count - 1) << 3))
  const toNs = load<f64>(load<u32>(PIECE_TO))
  let walkedCount: u32 = 0
  for (let i: i32 = 0; i < count; i++) {
    const stay = load<i32>(load<u32>(PIECE_STAY) + (i << 2))
    if (!has(stay)) continue
    const at: u32 = stay & load<u32>(STAY_MASK)
    let range = load<i32>(load<u32>(STAY_RANGE) + (at << 2))
    if (range < tail || range < 0) continue
    const goroutine = load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3))
    let walked: usize = load<u32>(WALKED_RANGES)
    const end: usize = walked + walkedCount * WALKED_BYTES
    while (walked < end && load<f64>(walked) !== goroutine) walked += WALKED_BYTES
    if (walked < end) {
      if (range >= load<i32>(walked + 8)) continue
    } else {
      if (walkedCount === WALKED_ROOM) return false
      store<f64>(walked, goroutine)
      walkedCount++
    }
    for (let before: i32 = 0; before < RANGE_LOOKBACK && range >= tail && range >= 0;) {
      if (++steps > mostSteps) return false
      const slot: u32 = range & mask
      const startNs = load<f64>(load<u32>(RANGE_START) + (slot << 3))
      const endNs = load<f64>(load<u32>(RANGE_END) + (slot << 3))
      if (endNs <= fromNs) before++
      else if (startNs < toNs) {
        // They come latest first: before those that begin at the same time.
        const name: u32 = load<u16>(load<u32>(RANGE_NAME) + (slot << 1))
        if (isThere(startNs, goroutine, name) || !insertRange(startNs, min(endNs, toNs), goroutine, name, false))
          return false
      }
      store<i32>(walked + 8, range)
      range = load<i32>(load<u32>(RANGE_PREVIOUS) + (slot << 2))
    }
  }
  for (let stop = load<i32>(STOP_COUNT) - 1; stop >= 0; stop--) {
    const endNs = load<f64>(load<u32>(STOP_END) + (stop << 3))
    if (endNs <= fromNs) break
    const startNs = load<f64>(load<u32>(STOP_START) + (stop << 3))
    if (startNs >= toNs) continue
    if (++steps > mostSteps) return false
    const stopper = load<f64>(load<u32>(STOP_GOROUTINE) + (stop << 3))
    const name: u32 = load<u16>(load<u32>(STOP_NAME) + (stop << 1))
    if (!heldUp(count, startNs, min(endNs, toNs), stopper) || isThere(startNs, stopper, name)) continue
    if (!insertRange(startNs, min(endNs, toNs), stopper, name, true)) return false
  }
  return true
}

/** Whether the path waited for a processor during a stop of the world by another goroutine. */
function heldUp(count: i32, startNs: f64, endNs: f64, stopper: f64): bool {
  for (let i = count - 1; i >= 0; i--) {
    if (load<f64>(load<u32>(PIECE_TO) + (i << 3)) <= startNs) continue
    if (load<f64>(load<u32>(PIECE_FROM) + (i << 3)) >= endNs) return false
    const stay = load<i32>(load<u32>(PIECE_STAY) + (i << 2))
    if (!has(stay)) continue
    const at: u32 = stay & load<u32>(STAY_MASK)
    const waits = load<u8>(load<u32>(STAY_STATE) + at) === RUNNABLE
    if (waits && load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3)) !== stopper) return true
  }
  return false
}

/** Whether a range is among those found. */
function isThere(startNs: f64, goroutine: f64, name: u32): bool {
  const end: usize = load<u32>(FOUND_RANGES) + RANGES_ROOM * FOUND_BYTES
  for (let at: usize = end - load<u32>(PATH_RANGE_COUNT) * FOUND_BYTES; at < end; at += FOUND_BYTES) {
    if (load<f64>(at) === startNs && load<f64>(at + 16) === goroutine && load<f64>(at + 24) === <f64>name) return true
  }
  return false
}

/**
 * Puts a range among those found, by start: they lie at the end of their room.
 *
 * @param behind whether it comes after those that begin at the same time
 * @returns whether there was room
 */
function insertRange(startNs: f64, endNs: f64, goroutine: f64, name: u32, behind: bool): bool {
  const found = load<u32>(PATH_RANGE_COUNT)
  // The last of the names stands for several.
  if (found === RANGES_ROOM || name >= <u32>MAX_NAMES - 1) return false
  const end: usize = load<u32>(FOUND_RANGES) + RANGES_ROOM * FOUND_BYTES
  let at: usize = end - (found + 1) * FOUND_BYTES
  for (; at + FOUND_BYTES < end; at += FOUND_BYTES) {
    const nextNs = load<f64>(at + FOUND_BYTES)
    if (behind ? nextNs > startNs : nextNs >= startNs) break
    memory.copy(at, at + FOUND_BYTES, FOUND_BYTES)
  }
  store<f64>(at, startNs)
  store<f64>(at + 8, endNs)
  store<f64>(at + 16, goroutine)
  store<f64>(at + 24, name)
  store<u32>(PATH_RANGE_COUNT, found + 1)
  return true
}

/** Adds up the ranges found where they overlap pieces within the task, as `breakDownWindow`. */
function sumRanges(count: i32, startNs: f64, endNs: f64): void {
  const found = load<u32>(PATH_RANGE_COUNT)
  let first: usize = load<u32>(FOUND_RANGES) + (RANGES_ROOM - found) * FOUND_BYTES
  const end: usize = load<u32>(FOUND_RANGES) + RANGES_ROOM * FOUND_BYTES
  for (let i = count - 1; i >= 0 && first < end; i--) {
    const fromNs = max(load<f64>(load<u32>(PIECE_FROM) + (i << 3)), startNs)
    const toNs = min(load<f64>(load<u32>(PIECE_TO) + (i << 3)), endNs)
    const stay = load<i32>(load<u32>(PIECE_STAY) + (i << 2))
    if (toNs <= fromNs || !has(stay)) continue
    const at: u32 = stay & load<u32>(STAY_MASK)
    const state: u32 = load<u8>(load<u32>(STAY_STATE) + at)
    if (state === UNKNOWN) continue
    const goroutine = load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3))
    while (first < end && load<f64>(first + 8) <= fromNs) first += FOUND_BYTES
    for (let range = first; range < end && load<f64>(range) < toNs; range += FOUND_BYTES) {
      if (load<f64>(range + 8) <= fromNs) continue
      const own = load<f64>(range + 16) === goroutine
      const name = <u32>load<f64>(range + 24)
      // Of other goroutines only stops of the world hold it up.
      if (!own && (state !== RUNNABLE || name <= <u32>RANGE_SWEEP)) continue
      const ns = min(load<f64>(range + 8), toNs) - max(load<f64>(range), fromNs)
      addRange(own ? RANGE_SUMS : STOP_SUMS, name, ns)
    }
  }
}

/** Writes the ranges found as tasks keep them. */
function keepRanges(): void {
  const found = load<u32>(PATH_RANGE_COUNT)
  const ranges: usize = load<u32>(PATH_RANGES)
  let range: usize = load<u32>(FOUND_RANGES) + (RANGES_ROOM - found) * FOUND_BYTES
  for (let row: u32 = 0; row < found; row++, range += FOUND_BYTES) {
    store<f64>(ranges + (row << 3), load<f64>(range))
    store<f64>(ranges + ((found + row) << 3), load<f64>(range + 8))
    store<f64>(ranges + ((2 * found + row) << 3), load<f64>(range + 16))
    store<u16>(ranges + ((3 * found) << 3) + (row << 1), <u16>load<f64>(range + 24))
  }
}

/** Adds up the special ranges of the goroutine of a stay within a stretch of it, as `forRangesOf` in `../path-ranges.ts`. */
function sumRangesOf(at: u32, fromNs: f64, toNs: f64): void {
  const tail = load<i32>(RANGE_TAIL)
  let range = load<i32>(load<u32>(STAY_RANGE) + (at << 2))
  for (let before: i32 = 0; before < RANGE_LOOKBACK && range >= tail && range >= 0;) {
    const slot: u32 = range & load<u32>(RANGE_MASK)
    const startNs = load<f64>(load<u32>(RANGE_START) + (slot << 3))
    const endNs = load<f64>(load<u32>(RANGE_END) + (slot << 3))
    if (endNs <= fromNs) before++
    else if (startNs < toNs) {
      addRange(RANGE_SUMS, load<u16>(load<u32>(RANGE_NAME) + (slot << 1)), min(endNs, toNs) - max(startNs, fromNs))
    }
    range = load<i32>(load<u32>(RANGE_PREVIOUS) + (slot << 2))
  }
}
