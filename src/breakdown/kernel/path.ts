// path.ts: the path of a task, added up by group while it is walked. `../path.ts` has the rules, and says what for; the two walk alike.

import {
  EXEC,
  GROUP_BYTES,
  GROUP_OF_REASON,
  HANDS_OVER,
  MAX_DEPTH,
  MAX_PIECES,
  MOST_FORWARD,
  MOST_STEPS,
  PARTS,
  RUNNABLE,
  RUNNING,
  SCHED_WAIT,
  STAY_END,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STEPS,
  SYSCALL,
  SYSCALL_BLOCKED,
  SYSCALL_TIME,
  UNKNOWN_TIME,
  VIA_UNSETTLED,
  WAITING,
} from '../states-layout.ts'
import { descendsFrom } from './tasks.ts'
import { isCause } from './via.ts'

const NONE: i32 = -1

/** As `Counts` in `../path.ts`. */
const ALL: u32 = 0
const OF_TASK: u32 = 1
const NOT_OF_OTHERS: u32 = 2

/** Serial of the task whose path is walked. */
let walked: i32 = 0
let steps: f64 = 0
/** Pieces so far, and the last of them: two of one stay that touch are one. */
let pieces: i32 = 0
let lastStay: i32 = NONE
let lastFromNs: f64 = 0
/** Where a walk along a goroutine goes on; -1: nowhere known. */
let next: i32 = NONE

/**
 * Walks the path of a task and adds it up in `PARTS`.
 *
 * @param startStay stay of the goroutine that began it then, and `endStay` of the one that ended it
 * @param own whether they are one goroutine
 * @returns whether it could be walked to its end within the steps that are allowed
 */
export function walkPath(serial: i32, startNs: f64, endNs: f64, startStay: i32, endStay: i32, own: bool): bool {
  walked = serial
  steps = load<f64>(STEPS)
  pieces = 0
  memory.fill(PARTS, 0, GROUP_BYTES)
  let hi = endNs
  let stay = endStay
  let counts: u32 = own ? ALL : OF_TASK
  let triedStart = own
  while (hi > startNs) {
    hi = walkGoroutine(stay, startNs, hi, counts, 0)
    if (hi <= startNs) break
    if (next >= 0) {
      stay = next
      counts = OF_TASK
      continue
    }
    if (triedStart || steps > load<f64>(MOST_STEPS)) break
    triedStart = true
    stay = stayAt(startStay, hi)
    if (stay < 0) break
    counts = NOT_OF_OTHERS
  }
  addPiece(NONE, startNs, hi)
  if (steps > load<f64>(MOST_STEPS) || pieces > MAX_PIECES) return false
  store<f64>(STEPS, steps)
  return true
}

/** Walks back along one goroutine. @returns the earliest time that was reached */
function walkGoroutine(from: i32, lo: f64, until: f64, counts: u32, depth: i32): f64 {
  const mask = load<u32>(STAY_MASK)
  const mostSteps = load<f64>(MOST_STEPS)
  let hi = until
  let stay = from
  while (hi > lo) {
    if (!has(stay) || pieces > MAX_PIECES || ++steps > mostSteps) {
      next = NONE
      return hi
    }
    const at: u32 = stay & mask
    const of4 = at << 2
    const startNs = load<f64>(load<u32>(STAY_START) + (at << 3))
    if (startNs < hi) {
      const waits = load<u8>(load<u32>(STAY_STATE) + at) === WAITING
      const begin = startNs > lo ? startNs : lo
      const task = load<i32>(load<u32>(STAY_TASK) + of4)
      if (counts === NOT_OF_OTHERS && task !== 0 && !worksFor(task)) {
        addPiece(NONE, begin, hi)
      } else if (counts === OF_TASK && !worksFor(task)) {
        const handedBy = waits && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4))
        const waker = handedBy ? load<i32>(load<u32>(STAY_WAKER) + of4) : NONE
        next = has(waker) ? waker : NONE
        return hi
      } else if (waits && depth < MAX_DEPTH && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4))) {
        const waker = load<i32>(load<u32>(STAY_WAKER) + of4)
        addPiece(stay, begin, has(waker) ? followWaker(waker, begin, hi, depth + 1) : hi)
      } else {
        addPiece(stay, begin, hi)
      }
      hi = begin
      if (hi <= lo) break
    }
    const previous = load<i32>(load<u32>(STAY_PREVIOUS) + of4)
    if (previous < 0) {
      const creator = load<i32>(load<u32>(STAY_WAKER) + of4)
      next = has(creator) && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4)) ? creator : NONE
      return hi
    }
    stay = previous
  }
  next = NONE
  return hi
}

/** Follows whoever ended a wait. @returns the earliest time that was reached */
function followWaker(waker: i32, lo: f64, hi: f64, depth: i32): f64 {
  let stay = waker
  let low = hi
  for (let hops: i32 = 0; hops < MAX_DEPTH && low > lo && stay >= 0; hops++) {
    low = walkGoroutine(stay, lo, low, OF_TASK, depth)
    stay = next
  }
  return low
}

/** The stay of a goroutine at a time, found forward from an earlier one; -1 when it had ended or is forgotten. */
function stayAt(from: i32, timeNs: f64): i32 {
  const mask = load<u32>(STAY_MASK)
  let stay = from
  while (has(stay)) {
    const at: u32 = stay & mask
    if (load<f64>(load<u32>(STAY_END) + (at << 3)) >= timeNs) return stay
    stay = load<i32>(load<u32>(STAY_NEXT) + (at << 2))
  }
  return NONE
}

function has(stay: i32): bool {
  return stay >= load<i32>(STAY_TAIL) && stay >= 0
}

function worksFor(serial: i32): bool {
  return serial === walked || descendsFrom(serial, walked)
}

function addPiece(stay: i32, fromNs: f64, toNs: f64): void {
  if (toNs <= fromNs) return
  const group = groupOf(stay, toNs)
  if (pieces === 0 || lastFromNs !== toNs || lastStay !== stay) pieces++
  lastFromNs = fromNs
  lastStay = stay
  const part: usize = PARTS + (group << 3)
  store<f64>(part, load<f64>(part) + (toNs - fromNs))
}

/** Group that a piece of a stay is told under: of waits that of the cause that ended them, where one is known. */
function groupOf(stay: i32, toNs: f64): u32 {
  if (!has(stay)) return UNKNOWN_TIME
  const at: u32 = stay & load<u32>(STAY_MASK)
  const state: u32 = load<u8>(load<u32>(STAY_STATE) + at)
  if (state === RUNNING) return EXEC
  if (state === RUNNABLE) return SCHED_WAIT
  if (state === SYSCALL || state === SYSCALL_BLOCKED) return SYSCALL_TIME
  if (state !== WAITING) return UNKNOWN_TIME
  const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (at << 1))
  let via = causeOf(at)
  if (via === 0 && load<u8>(load<u32>(HANDS_OVER) + reason) !== 0) via = causeOfNext(toNs)
  return load<u8>(load<u32>(GROUP_OF_REASON) + (via !== 0 ? via : reason))
}

/** What had started the goroutine that the last piece, which begins at a time, is the beginning of; 0 for another goroutine. As `causeOfPiece`. */
function causeOfNext(beginNs: f64): u32 {
  if (pieces === 0 || lastFromNs !== beginNs || !has(lastStay)) return 0
  const at: u32 = lastStay & load<u32>(STAY_MASK)
  if (load<u8>(load<u32>(STAY_STATE) + at) !== RUNNABLE) return 0
  return load<f64>(load<u32>(STAY_START) + (at << 3)) === beginNs ? load<u16>(load<u32>(STAY_VIA) + (at << 1)) : 0
}

/** Cause of the wait in a place of the ring; as `Causes.settled`. */
function causeOf(at: u32): u32 {
  const via: u32 = load<u16>(load<u32>(STAY_VIA) + (at << 1))
  if (via !== VIA_UNSETTLED) return via
  const mask = load<u32>(STAY_MASK)
  const own: u32 = load<u16>(load<u32>(STAY_REASON) + (at << 1))
  let stay = load<i32>(load<u32>(STAY_WAKER) + (at << 2))
  for (let step: i32 = 0; step < MOST_FORWARD && has(stay); step++) {
    const there: u32 = stay & mask
    const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (there << 1))
    if (load<u8>(load<u32>(STAY_STATE) + there) === WAITING && reason !== own && isCause(reason)) return reason
    stay = load<i32>(load<u32>(STAY_NEXT) + (there << 2))
  }
  return 0
}
