// holders.ts: who held a lock or a slot while a goroutine waited for it, in the rows of `HOLDS`, latest first. `../locks.ts` and `../long-waits.ts` have
// the rules.

import {
  FOR_CHANNEL,
  HOLD_FIELDS,
  HOLDS,
  HOLDS_ROOM,
  MOST_HOLDER_STAYS,
  MOST_HOLDERS,
  MOST_LOCK_STAYS,
  MOST_QUEUED_AGAIN,
  MOST_STAYS_BETWEEN,
  QUEUE_SLACK_NS,
  RUNNABLE,
  RUNNING,
  STAY_END,
  STAY_MASK,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_STATE,
  STAY_TASK,
  STAY_WAKER,
  STAY_WAKER_TASK,
  TELLS_ANY_ORDER,
  UNKNOWN,
  WAITING,
} from '../states-layout.ts'
import { isSameLock, releaseOf, sameChannelPlace, tells } from './locks.ts'
import { endOf, has } from './stay.ts'
import { descendsFrom, endOfSerial } from './tasks.ts'

const NONE: i32 = -1

export const HOLD_BYTES: u32 = HOLD_FIELDS << 3

/** Rows of `HOLDS`: more than there is room for where not all of them could be written. */
export let holds: i32 = 0
/** Stays that may still be looked through for the waits of the task in hand. */
let left: i32 = 0

/** The wait whose holders are looked for: its place, stack and reason, and when it ended as far as the path goes. */
let first: u32 = 0
let firstStack: i32 = NONE
let firstReason: u32 = 0
let fromNs: f64 = 0
let toNs: f64 = 0
/** Whether it is for a lock, where one that was woken may find that it has to queue again; else it is for a slot. */
let forLock: bool = false
/** Whether who queued first is served first. */
let inTurn: bool = false
/** Since when a holder held it, and its own wait for it; none where there was none. */
let sinceNs: f64 = 0
let ownWait: i32 = NONE

/** The waits of another task come next. */
export function beginHolders(): void {
  left = MOST_LOCK_STAYS
}

/** Of another wait nobody is known to hold anything. */
export function noHolds(): void {
  holds = 0
}

/** As `holdersOf` of `../locks.ts`. */
export function findLockHolders(wait: i32, from: f64, to: f64): void {
  begin(wait, from, to)
  forLock = inTurn = true
  findChain(wait)
}

/** As `slotHoldersOf` of `../locks.ts`. */
export function findSlotHolders(wait: i32, from: f64, to: f64): void {
  begin(wait, from, to)
  forLock = false
  inTurn = !tells(firstStack, TELLS_ANY_ORDER)
  findChain(wait)
  if (holds < 2 || <i32>load<f64>(load<u32>(HOLDS) + HOLD_BYTES) === NONE) holds = 0
}

function begin(wait: i32, from: f64, to: f64): void {
  first = wait & load<u32>(STAY_MASK)
  firstStack = load<i32>(load<u32>(STAY_STACK) + (first << 2))
  firstReason = load<u16>(load<u32>(STAY_REASON) + (first << 1))
  fromNs = from
  toNs = to
}

/** As `chainOf` of `../locks.ts`. */
function findChain(wait: i32): void {
  const mask = load<u32>(STAY_MASK)
  let waiting = wait
  let hiNs = toNs
  for (let hops: i32 = 0; hops < MOST_HOLDERS && hiNs > fromNs; hops++) {
    const of4 = (waiting & mask) << 2
    const holder = load<i32>(load<u32>(STAY_WAKER) + of4)
    if (!has(holder)) break
    findSince(holder)
    const before = waiting === wait ? NONE : queuedBefore(waiting)
    const beforeNs = before === NONE ? fromNs : endOf(before)
    const loNs = max(fromNs, min(hiNs, max(sinceNs, beforeNs)))
    if (loNs < hiNs) {
      const task = load<i32>(load<u32>(STAY_WAKER_TASK) + of4)
      addHold(holder, task !== 0 ? task : taskDuring(holder, loNs, hiNs), loNs, hiNs)
    }
    hiNs = loNs
    waiting = sinceNs >= beforeNs ? ownWait : before
    if (waiting === NONE) break
  }
  if (hiNs > fromNs) addHold(NONE, 0, fromNs, hiNs)
}

/** Finds since when a holder held it: from the end of its own wait for it, if there was one. */
function findSince(holder: i32): void {
  const mask = load<u32>(STAY_MASK)
  let stay = holder
  sinceNs = toNs
  ownWait = NONE
  for (let n: i32 = 0; n < MOST_HOLDER_STAYS && left > 0 && has(stay); n++, left--) {
    const slot: u32 = stay & mask
    const startNs = load<f64>(load<u32>(STAY_START) + (slot << 3))
    if (isForSame(stay)) {
      const earlier = !inTurn || queuedNs(stay) <= load<f64>(load<u32>(STAY_START) + (first << 3)) + QUEUE_SLACK_NS
      sinceNs = earlier ? endOf(stay) : fromNs
      if (earlier) ownWait = stay
      return
    }
    const state: u32 = load<u8>(load<u32>(STAY_STATE) + slot)
    // A wait since before the capture, which may have been for this lock, and events that were lost.
    if (state === UNKNOWN || (state === WAITING && load<u16>(load<u32>(STAY_REASON) + (slot << 1)) === 0)) {
      sinceNs = endOf(stay)
      return
    }
    if (startNs <= fromNs) {
      sinceNs = fromNs
      return
    }
    sinceNs = startNs
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
}

/** When a goroutine queued first whose wait it is: it may have been woken for nothing in between. */
function queuedNs(wait: i32): f64 {
  const mask = load<u32>(STAY_MASK)
  let startNs = load<f64>(load<u32>(STAY_START) + ((wait & mask) << 3))
  let again = queuedBefore(wait)
  for (let n: i32 = 0; again !== NONE && n < MOST_QUEUED_AGAIN; n++) {
    startNs = load<f64>(load<u32>(STAY_START) + ((again & mask) << 3))
    again = queuedBefore(again)
  }
  return startNs
}

/** The wait from which a goroutine had been woken for nothing before it queued again; none when it had not. */
function queuedBefore(wait: i32): i32 {
  if (!forLock) return NONE
  const mask = load<u32>(STAY_MASK)
  let stay = load<i32>(load<u32>(STAY_PREVIOUS) + ((wait & mask) << 2))
  for (let n: i32 = 0; n < MOST_STAYS_BETWEEN && has(stay); n++) {
    const slot: u32 = stay & mask
    const state: u32 = load<u8>(load<u32>(STAY_STATE) + slot)
    if (state === WAITING) return isForSame(stay) ? stay : NONE
    if (state !== RUNNING && state !== RUNNABLE) return NONE
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  return NONE
}

/** Whether a stay waits for the same lock or slot. */
function isForSame(stay: i32): bool {
  const slot: u32 = stay & load<u32>(STAY_MASK)
  if (load<u8>(load<u32>(STAY_STATE) + slot) !== WAITING) return false
  const stack = load<i32>(load<u32>(STAY_STACK) + (slot << 2))
  if (forLock) return isSameLock(stack < 0 ? releaseOf(stay) : stack, firstStack)
  return load<u16>(load<u32>(STAY_REASON) + (slot << 1)) === firstReason && sameChannelPlace(stack, firstStack)
}

/** Whether a reason is that of a wait for a channel. */
export function isChannel(reason: u32): bool {
  return load<u8>(load<u32>(FOR_CHANNEL) + reason) !== 0
}

/** As `servedBefore` of `../long-waits.ts`. @param serial that of the task that waits @param most stays looked at */
export function findServedBefore(worker: i32, from: f64, to: f64, serial: i32, most: i32): void {
  const mask = load<u32>(STAY_MASK)
  let stay = worker
  let servedNs: f64 = 0
  let lastTask: i32 = 0
  let lastFromNs: f64 = 0
  let lookedFromNs = to
  for (let n: i32 = 0; n < most && left > 0 && has(stay); n++, left--) {
    const slot: u32 = stay & mask
    const endNs = endOf(stay)
    if (endNs <= from) break
    const startNs = max(load<f64>(load<u32>(STAY_START) + (slot << 3)), from)
    lookedFromNs = min(to, startNs)
    const untilNs = min(endNs, to)
    const task = load<i32>(load<u32>(STAY_TASK) + (slot << 2))
    if (untilNs > startNs && task > 0 && !descendsFrom(task, serial) && !descendsFrom(serial, task)) {
      servedNs += untilNs - startNs
      if (holds > 0 && lastTask === task && lastFromNs === untilNs) lengthenHold(startNs)
      else addHold(stay, task, startNs, untilNs)
      lastTask = task
      lastFromNs = startNs
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  const isKnown = !has(stay)
  if (servedNs * 2 <= to - (isKnown ? from : lookedFromNs)) holds = 0
  else if (!isKnown && lookedFromNs > from) addHold(NONE, 0, from, lookedFromNs)
}

/** As `taskDuring` of `../locks.ts`: that who had most of a stretch is the one that is left when the time of each is taken from that of others. */
export function taskDuring(last: i32, from: f64, to: f64): i32 {
  const mask = load<u32>(STAY_MASK)
  let stay = last
  let candidate: i32 = 0
  let moreNs: f64 = 0
  let looked: i32 = 0
  for (let n: i32 = 0; n < MOST_HOLDER_STAYS && left > 0 && has(stay); n++, left--) {
    const slot: u32 = stay & mask
    const endNs = endOf(stay)
    if (endNs <= from) break
    looked++
    const task = load<i32>(load<u32>(STAY_TASK) + (slot << 2))
    const ns = heldFor(slot, task, from, to)
    if (ns > 0) {
      if (task === candidate) moreNs += ns
      else if (ns <= moreNs) moreNs -= ns
      else {
        candidate = task
        moreNs = ns - moreNs
      }
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  if (candidate === 0) return 0
  let sumNs: f64 = 0
  stay = last
  for (; looked > 0; looked--) {
    const slot: u32 = stay & mask
    if (load<i32>(load<u32>(STAY_TASK) + (slot << 2)) === candidate) {
      sumNs += heldFor(slot, candidate, from, to)
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  return sumNs * 2 > to - from ? candidate : 0
}

/** For how long a stay was for its task in a stretch: it goes on where the task ends, and what came after that was left behind. */
function heldFor(slot: u32, task: i32, from: f64, to: f64): f64 {
  const startNs = max(load<f64>(load<u32>(STAY_START) + (slot << 3)), from)
  const endNs = min(load<f64>(load<u32>(STAY_END) + (slot << 3)), to)
  return task === 0 ? endNs - startNs : max(startNs, min(endNs, endOfSerial(task))) - startNs
}

function addHold(stay: i32, task: i32, from: f64, to: f64): void {
  if (holds < HOLDS_ROOM) {
    const hold: usize = load<u32>(HOLDS) + holds * HOLD_BYTES
    store<f64>(hold, stay)
    store<f64>(hold, task, 8)
    store<f64>(hold, from, 16)
    store<f64>(hold, to, 24)
  }
  holds++
}

/** The last stretch begins earlier. */
function lengthenHold(from: f64): void {
  if (holds <= HOLDS_ROOM) store<f64>(load<u32>(HOLDS) + (holds - 1) * HOLD_BYTES, from, 16)
}
