// path.ts: the path of a task, added up by group while it is walked, or as pieces. `../path.ts` has the rules, and says what for; the two walk alike.

import {
  CHAN_TIME,
  EXEC,
  GROUP_BYTES,
  GROUP_OF_REASON,
  HANDS_OVER,
  MARGIN_NEAR_NS,
  MARGIN_NS,
  MARGIN_STAYS,
  MARGIN_STAYS_ANYWHERE,
  MAX_DEPTH,
  MAX_NAMES,
  MAX_PIECES,
  MEMBER_GOROUTINE,
  MEMBER_NEXT,
  MEMBER_STAY,
  MOST_FORWARD,
  MOST_MEMBERS_ASKED,
  MOST_STAGES,
  MOST_STEPS,
  NETWORK_TIME,
  PARTS,
  PIECE_FROM,
  PIECE_ROOM,
  PIECE_STAY,
  PIECE_TO,
  QUEUED,
  RUNNABLE,
  RUNNING,
  SCHED_WAIT,
  SLEEP_TIME,
  QUEUE_REASON,
  QUEUE_SLACK_NS,
  STAY_END,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_START,
  STAY_STATE,
  STAY_TASK,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STEPS,
  SYSCALL,
  SYSCALL_BLOCKED,
  SYSCALL_TIME,
  UNKNOWN,
  UNKNOWN_TIME,
  VIA_UNSETTLED,
  WAITING,
} from '../states-layout.ts'
import { giverOf, lastGivenNs } from './passed-on.ts'
import { endOf, has, previousOf, startOf, stateOf, taskOf } from './stay.ts'
import { descendsFrom } from './tasks.ts'
import { isCause } from './via.ts'
import { before, beforeOthers, lackedRoom, lacksRoom, stayAt, stepsTaken } from './visits.ts'

const NONE: i32 = -1

/** As `Counts` in `../path.ts`. */
const ALL: u32 = 0
const OF_TASK: u32 = 1
const NOT_OF_OTHERS: u32 = 2
const AFTER_LOSS: u32 = 3

/** Whether pieces are kept, instead of being added up. */
let keeps: bool = false
/** Serial of the task whose path is walked. */
let walked: i32 = 0
let steps: f64 = 0
/** Pieces so far, and the last of them: two of one stay that touch are one. */
let pieces: i32 = 0
let lastStay: i32 = NONE
let lastFromNs: f64 = 0
/** Where a walk along a goroutine goes on; -1: nowhere known. */
let next: i32 = NONE
/** Whether it is not known what was before the end of such a walk. */
let lost: bool = false
/** Whether it is for TypeScript: it makes what is needed for the first task that lay in a queue. */
let lacks: bool = false
/** First of the goroutines that worked for the task, and the id of the one that began it. */
let firstMember: i32 = NONE
let began: f64 = 0
/** Whether waits are followed over those that the task was handed to before. */
let stages: bool = false

/**
 * Walks the path of a task and adds it up in `PARTS`.
 *
 * @param startStay stay of the goroutine that began it then, and `endStay` of the one that ended it
 * @param own whether they are one goroutine
 * @param starter id of the one that began it
 * @param member first of those that worked for it
 * @returns whether it could be walked to its end within the steps that are allowed
 */
export function walkPath(
  serial: i32,
  startNs: f64,
  endNs: f64,
  startStay: i32,
  endStay: i32,
  own: bool,
  starter: f64,
  member: i32,
): bool {
  begin(serial)
  memory.fill(PARTS, 0, GROUP_BYTES)
  return walk(startNs, endNs, startStay, endStay, own, starter, member)
}

/**
 * Walks the path of a task into the columns of pieces, latest first.
 *
 * @param margin whether what lies a little before and after the task is shown
 * @param knownNs end of what the capture shows so far
 * @returns pieces; -1 where they are for TypeScript, as for `walkPath`
 */
export function walkPieces(
  serial: i32,
  startNs: f64,
  endNs: f64,
  startStay: i32,
  endStay: i32,
  own: bool,
  starter: f64,
  member: i32,
  margin: bool,
  knownNs: f64,
): i32 {
  begin(serial)
  keeps = true
  if (margin) addMarginAfter(endStay, endNs, knownNs)
  const done = walk(startNs, endNs, startStay, endStay, own, starter, member)
  if (done && margin) addMarginBefore(startStay, startNs)
  keeps = false
  return done && pieces <= PIECE_ROOM ? pieces : NONE
}

function begin(serial: i32): void {
  walked = serial
  steps = load<f64>(STEPS)
  pieces = 0
  lacks = false
}

function walk(startNs: f64, endNs: f64, startStay: i32, endStay: i32, own: bool, starter: f64, member: i32): bool {
  let hi = endNs
  let stay = endStay
  let counts: u32 = own ? ALL : OF_TASK
  let triedStart = own
  let hops: i32 = 0
  firstMember = member
  began = starter
  while (hi > startNs) {
    stages = counts < NOT_OF_OTHERS
    hi = walkGoroutine(stay, startNs, hi, counts, 0)
    steps += stepsTaken()
    if (lacks) return false
    if (hi <= startNs) break
    if (next >= 0) {
      stay = next
      counts = OF_TASK
      continue
    }
    if (triedStart || steps > load<f64>(MOST_STEPS)) break
    const earlier = lost || hops++ >= MOST_STAGES ? NONE : lastToWork(hi)
    if (lacks) return false
    if (earlier !== NONE) {
      const reachedNs = min(hi, endOf(earlier))
      stay = stayAt(startStay, hi, starter)
      if (!isAtIt(stay, reachedNs, hi)) {
        if (reachedNs < hi) addPiece(nobodys(NOT_OF_OTHERS), reachedNs, hi)
        hi = reachedNs
        stay = earlier
        counts = OF_TASK
        continue
      }
    }
    triedStart = true
    counts = lost ? AFTER_LOSS : NOT_OF_OTHERS
    if (lacksRoom(startStay, hi)) return false
    stay = stayAt(startStay, hi, starter)
    if (stay < 0) break
    hi = addOthers(counts, stay, startNs, hi)
  }
  addPiece(NONE, startNs, hi)
  if (lacks || lackedRoom() || steps > load<f64>(MOST_STEPS) || pieces > MAX_PIECES) return false
  store<f64>(STEPS, steps)
  return true
}

/**
 * The last stay of the goroutine that worked for the task last before a time, at which another took it up, of those that had it handed to them; -1 where there is
 * none, or one that worked on. As `lastToWork` of `../path.ts`.
 */
function lastToWork(hi: f64): i32 {
  let latest: i32 = NONE
  let latestNs: f64 = -1
  let member = firstMember
  for (let n: i32 = 0; n < MOST_MEMBERS_ASKED && member !== NONE; n++) {
    const goroutine = load<f64>(load<u32>(MEMBER_GOROUTINE) + (member << 3))
    const from = load<i32>(load<u32>(MEMBER_STAY) + (member << 2))
    member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))
    if (goroutine === began || !has(from) || startOf(from) >= hi || wasCreatedForIt(from)) continue
    if (lacksRoom(from, hi)) {
      lacks = true
      return NONE
    }
    const last = lastVisit(from, hi, goroutine)
    if (last === NONE || min(hi, endOf(last)) <= latestNs) continue
    latest = last
    latestNs = min(hi, endOf(last))
  }
  return latest
}

/** The last stay before a time at which a goroutine worked for the task; -1 where there is none, or where it worked on for more than a moment. */
function lastVisit(from: i32, hi: f64, goroutine: f64): i32 {
  let stay = stayAt(from, hi, goroutine)
  const mostSteps = load<f64>(MOST_STEPS)
  while (stay >= from && has(stay) && ++steps <= mostSteps) {
    if (startOf(stay) < hi && worksFor(taskOf(stay))) return endOf(stay) <= hi + QUEUE_SLACK_NS ? stay : NONE
    const ofTask = beforeOthers(stay, walked, false)
    stay = ofTask !== NONE ? ofTask : before(stay, from)
  }
  return NONE
}

/** Whether a goroutine whose first stay it is was created by one that worked for the task. */
function wasCreatedForIt(stay: i32): bool {
  const of4 = (stay & load<u32>(STAY_MASK)) << 2
  return previousOf(stay) < 0 && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4))
}

/** Whether the goroutine that began the task was at it between two times, or at something else for no other task. @param at its stay at the later one */
function isAtIt(at: i32, fromNs: f64, toNs: f64): bool {
  const mostSteps = load<f64>(MOST_STEPS)
  let stay = at
  while (has(stay) && endOf(stay) > fromNs) {
    if (++steps > mostSteps) return true
    const task = taskOf(stay)
    let before: i32 = NONE
    if (task !== 0 && !worksFor(task)) before = beforeOthers(stay, walked, true)
    else if (startOf(stay) < toNs && !isElsewhere(stay & load<u32>(STAY_MASK))) return true
    stay = before !== NONE ? before : previousOf(stay)
  }
  return false
}

/** Adds the time from the end of a stay on, in which nobody worked for the task. @returns when it began */
function addOthers(counts: u32, stay: i32, lo: f64, hi: f64): f64 {
  const endNs = max(endOf(stay), lo)
  if (endNs >= hi) return hi
  addPiece(nobodys(counts), endNs, hi)
  return endNs
}

/** What a piece has instead of a stay in which nobody worked for the task. */
function nobodys(counts: u32): i32 {
  if (counts !== NOT_OF_OTHERS) return NONE
  // Pieces have the row of a reason, of its own; what is added up has none.
  if (keeps && load<u32>(QUEUE_REASON) >= <u32>MAX_NAMES - 1) lacks = true
  return QUEUED
}

/** As in `../path.ts`. */
function isFromOutside(at: u32): bool {
  const state: u32 = load<u8>(load<u32>(STAY_STATE) + at)
  if (state !== WAITING) return state === UNKNOWN
  const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (at << 1))
  return reason === 0 || load<u8>(load<u32>(GROUP_OF_REASON) + reason) === NETWORK_TIME
}

/** As in `../path.ts`. */
function isElsewhere(at: u32): bool {
  const state: u32 = load<u8>(load<u32>(STAY_STATE) + at)
  if (state !== WAITING) return state === SYSCALL || state === SYSCALL_BLOCKED
  const group: u32 = load<u8>(load<u32>(GROUP_OF_REASON) + <u32>load<u16>(load<u32>(STAY_REASON) + (at << 1)))
  return (
    (group === NETWORK_TIME || group === SLEEP_TIME) && !worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2)))
  )
}

/** Walks back along one goroutine. @returns the earliest time that was reached */
function walkGoroutine(from: i32, lo: f64, until: f64, counts: u32, depth: i32): f64 {
  const mask = load<u32>(STAY_MASK)
  const mostSteps = load<f64>(MOST_STEPS)
  let hi = until
  let stay = from
  let forNext: bool = counts === NOT_OF_OTHERS
  let sawOthers: bool = false
  while (hi > lo) {
    if (!has(stay) || pieces > MAX_PIECES || ++steps > mostSteps) {
      next = NONE
      lost = true
      return hi
    }
    const at: u32 = stay & mask
    const of4 = at << 2
    // Read first: where the walk goes on does not hang on what is found here.
    const previous = load<i32>(load<u32>(STAY_PREVIOUS) + of4)
    const startNs = load<f64>(load<u32>(STAY_START) + (at << 3))
    if (startNs < hi) {
      const waits = load<u8>(load<u32>(STAY_STATE) + at) === WAITING
      const begin = startNs > lo ? startNs : lo
      const task = load<i32>(load<u32>(STAY_TASK) + of4)
      const ofOther: bool = counts >= NOT_OF_OTHERS && task !== 0 && !worksFor(task)
      const isNext: bool = forNext && !ofOther && isElsewhere(at)
      if (ofOther) forNext = sawOthers = counts === NOT_OF_OTHERS
      else if (forNext) forNext = !waits && (sawOthers || isNext)
      if (ofOther || isNext) {
        addPiece(nobodys(counts), begin, hi)
        const before = ofOther && begin > lo ? beforeOthers(stay, walked, true) : NONE
        if (before !== NONE) {
          hi = addOthers(counts, before, lo, begin)
          stay = before
          continue
        }
      } else if (counts === OF_TASK && !worksFor(task)) {
        const handedBy = waits && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4))
        const waker = handedBy ? load<i32>(load<u32>(STAY_WAKER) + of4) : NONE
        next = has(waker) ? waker : NONE
        lost = isFromOutside(at)
        return hi
      } else if (waits && depth < MAX_DEPTH && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4))) {
        const waker = load<i32>(load<u32>(STAY_WAKER) + of4)
        addPiece(stay, begin, has(waker) ? followWaker(stay, waker, begin, hi, depth + 1) : hi)
      } else {
        const giver = waits && depth < MAX_DEPTH ? giverOf(at, begin, walked) : NONE
        if (giver === NONE) addPiece(stay, begin, hi)
        else {
          // What those did that passed it on is waited for; before that it is what the task's own did.
          const givenNs = min(lastGivenNs(), hi)
          addPiece(stay, givenNs, hi)
          addPiece(stay, begin, followWaker(stay, giver, begin, givenNs, depth + 1))
        }
      }
      hi = begin
      if (hi <= lo) break
    }
    if (previous < 0) {
      const creator = load<i32>(load<u32>(STAY_WAKER) + of4)
      next = has(creator) && worksFor(load<i32>(load<u32>(STAY_WAKER_TASK) + of4)) ? creator : NONE
      lost = creator === NONE
      return hi
    }
    stay = previous
  }
  next = NONE
  lost = false
  return hi
}

/** Follows whoever ended a wait. @returns the earliest time that was reached */
function followWaker(wait: i32, waker: i32, lo: f64, hi: f64, depth: i32): f64 {
  let stay = waker
  let low = hi
  for (let hops: i32 = 0; hops < MAX_DEPTH && low > lo && stay >= 0; hops++) {
    low = walkGoroutine(stay, lo, low, OF_TASK, depth)
    stay = next
    if (stay >= 0 || low <= lo || lost || !stages) continue
    const earlier = lastToWork(low)
    steps += stepsTaken()
    if (earlier === NONE || stateOf(earlier) === WAITING || endOf(earlier) <= lo) continue
    const endNs = min(low, endOf(earlier))
    addPiece(wait, endNs, low)
    low = endNs
    stay = earlier
  }
  return low
}

/** The ending goroutine's states for a little while after the end. */
function addMarginAfter(endStay: i32, endNs: f64, knownNs: f64): void {
  const mask = load<u32>(STAY_MASK)
  const starts: usize = load<u32>(STAY_START)
  let last: i32 = NONE
  let count: i32 = 0
  for (let stay = endStay; has(stay) && count < MARGIN_STAYS; count++) {
    const at: u32 = stay & mask
    const following = load<i32>(load<u32>(STAY_NEXT) + (at << 2))
    const beyondNs = load<f64>(starts + (at << 3)) - endNs
    if (beyondNs > MARGIN_NS || (count >= MARGIN_STAYS_ANYWHERE && beyondNs > MARGIN_NEAR_NS)) break
    last = stay
    stay = following
  }
  for (; count > 0; count--) {
    const at: u32 = last & mask
    const toNs = min(min(load<f64>(load<u32>(STAY_END) + (at << 3)), endNs + MARGIN_NS), knownNs)
    addPiece(last, max(load<f64>(starts + (at << 3)), endNs), toNs)
    last = load<i32>(load<u32>(STAY_PREVIOUS) + (at << 2))
  }
}

/** The starting goroutine's states for a little while before the start. */
function addMarginBefore(startStay: i32, startNs: f64): void {
  const lo = startNs - MARGIN_NS
  let hi = startNs
  let stay = startStay
  for (let count: i32 = 0; count < MARGIN_STAYS && hi > lo && has(stay); count++) {
    if (count >= MARGIN_STAYS_ANYWHERE && startNs - hi > MARGIN_NEAR_NS) break
    const at: u32 = stay & load<u32>(STAY_MASK)
    const previous = load<i32>(load<u32>(STAY_PREVIOUS) + (at << 2))
    const fromNs = max(load<f64>(load<u32>(STAY_START) + (at << 3)), lo)
    addPiece(stay, fromNs, hi)
    hi = min(hi, fromNs)
    stay = previous
  }
}

function worksFor(serial: i32): bool {
  return serial === walked || descendsFrom(serial, walked)
}

function addPiece(stay: i32, fromNs: f64, toNs: f64): void {
  if (toNs <= fromNs) return
  const group: u32 = keeps ? 0 : groupOf(stay, toNs)
  const isNext = pieces === 0 || lastFromNs !== toNs || lastStay !== stay
  if (isNext) pieces++
  lastFromNs = fromNs
  lastStay = stay
  if (keeps) {
    const row = pieces - 1
    if (row >= PIECE_ROOM) return
    store<f64>(load<u32>(PIECE_FROM) + (row << 3), fromNs)
    if (!isNext) return
    store<f64>(load<u32>(PIECE_TO) + (row << 3), toNs)
    store<i32>(load<u32>(PIECE_STAY) + (row << 2), stay)
    return
  }
  const part: usize = PARTS + (group << 3)
  store<f64>(part, load<f64>(part) + (toNs - fromNs))
}

/** Group that a piece of a stay is told under: of waits that of the cause that ended them, where one is known. */
function groupOf(stay: i32, toNs: f64): u32 {
  if (stay === QUEUED) return CHAN_TIME
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
export function causeOf(at: u32): u32 {
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
