// blame.ts: who is to blame for the long waits of a task that were not for a processor, and what that one did meanwhile, written as it is kept.
// `../long-waits.ts` has the rules.

import { hashOf } from '../../base/kernel/id-table.ts'
import {
  ASKED_STACK,
  ASKS,
  HANDS_OVER,
  HOLDER_FIELDS,
  HOLDER_PLACES,
  HOLDERS,
  HOLDS,
  HOLDS_ROOM,
  KEPT_BLAME,
  KEPT_BLAME_DID,
  KEPT_BLAME_ENTRY,
  KEPT_BLAME_HOLDERS,
  KEPT_BLAME_ROW,
  KEPT_BLAME_STACK,
  KEPT_BLAME_TASK,
  KEPT_BREAKDOWN,
  KEPT_EXEC,
  KEPT_PART,
  KEPT_SCHED_WAIT,
  KEPT_SYSCALL,
  KEPT_SYSCALL_BLOCK,
  KEPT_TOTAL,
  KEPT_UNKNOWN,
  LONG_PIECE_COUNT,
  LONG_PIECE_FIELDS,
  LONG_PIECES,
  MOST_HOLDERS_TOLD,
  MOST_LOCK_STAYS,
  MOST_SERVED_STAYS,
  MOST_SHARE_PASSING,
  MOST_STAYS_GIVEN,
  MOST_STAYS_NAMING,
  MOST_STAYS_PASSING,
  MOST_WAKER_STAYS,
  NETWORK,
  PART_BLOCK,
  PART_KIND_SHIFT,
  RUNNABLE,
  RUNNING,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_STATE,
  STAY_WAKER,
  STAY_WAKER_TASK,
  SYSCALL,
  SYSCALL_BLOCKED,
  TELLS_SERVING,
  TELLS_WHOLE,
  UNKNOWN,
  WAITING,
} from '../states-layout.ts'
import { at, beginBreakdown, goTo, putPart } from './block.ts'
import {
  beginHolders,
  findLockHolders,
  findServedBefore,
  findSlotHolders,
  HOLD_BYTES,
  holds,
  isChannel,
  noHolds,
  taskDuring,
} from './holders.ts'
import { isHeld, tells } from './locks.ts'
import { causeOf } from './path.ts'
import { endOf, has } from './stay.ts'
import { descendsFrom, idOfSerial } from './tasks.ts'
import { isOnlyCreated } from './workers.ts'

const NONE: i32 = -1
const PIECE_BYTES: u32 = LONG_PIECE_FIELDS << 3
const HOLDER_BYTES: u32 = HOLDER_FIELDS << 3

/** How many waits `keepBlamed` wrote. */
export let blamedWaits: u32 = 0

/** Rows of `HOLDERS`, and the one that held longest. */
let holders: i32 = 0
let most: i32 = 0
/** Places of `HOLDER_PLACES` that are used for the wait in hand, a power of two. */
let placeCount: u32 = 0
const LEAST_HOLDER_PLACES: u32 = 64
/** Breakdown of what the one to blame did, its time that is known, and steps over its stays. */
let did: usize = 0
let coveredNs: f64 = 0
let steps: i32 = 0
/** The longest that it waited, and the stack there. */
let longestNs: f64 = 0
let longestStack: i32 = NONE

/**
 * Writes the waits among the columns of long pieces with who is to blame for them.
 *
 * @param serial that of the task that waits
 * @returns 0; what `keepTask` returns where it cannot be done
 */
export function keepBlamed(serial: i32): i32 {
  const pieces: usize = load<u32>(LONG_PIECES)
  const end = pieces + load<u32>(LONG_PIECE_COUNT) * PIECE_BYTES
  blamedWaits = 0
  store<i32>(ASKED_STACK, NONE)
  beginHolders()
  for (let piece = pieces; piece < end; piece += PIECE_BYTES) {
    const stay = <i32>load<f64>(piece, 16)
    const fromNs = load<f64>(piece)
    const toNs = load<f64>(piece, 8)
    const row = load<f64>(piece, 24)
    const isKept =
      load<f64>(piece, 40) !== 0
        ? keepQueue(serial, stay, fromNs, toNs, row)
        : keepWait(serial, stay, fromNs, toNs, row, <u32>load<f64>(piece, 32))
    if (!isKept) return NONE
    if (load<i32>(ASKED_STACK) !== NONE) return ASKS
  }
  return 0
}

/**
 * Writes a time in a queue, unless nobody else is known to have been served first.
 *
 * @param taker stay of the goroutine that took the task up
 * @returns whether there was room for those that were
 */
function keepQueue(walked: i32, taker: i32, fromNs: f64, toNs: f64, row: f64): bool {
  noHolds()
  findServedBefore(taker, fromNs, toNs, walked, MOST_SERVED_STAYS)
  if (holds > HOLDS_ROOM) return false
  if (holds > 0) keepBlame(NONE, 0, fromNs, toNs, row)
  return true
}

/** Writes one wait, unless nobody is known to have ended it. @returns whether there was room for those that held what it was for */
function keepWait(walked: i32, stay: i32, fromNs: f64, toNs: f64, row: f64, via: u32): bool {
  const slot: u32 = stay & load<u32>(STAY_MASK)
  const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
  let waker = load<i32>(load<u32>(STAY_WAKER) + (slot << 2))
  const wokenFor = via === 0 ? load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2)) : 0
  let serial = wokenFor
  if (via === 0) {
    if (serial === 0 || isAbove(serial, walked)) {
      const during = taskDuring(waker, fromNs, toNs)
      if (during !== 0) serial = during
    }
  }
  if (load<u8>(load<u32>(HANDS_OVER) + reason) !== 0) {
    if (serial > 0 && !descendsFrom(serial, walked)) {
      if (isOthers(waker, serial, walked)) serial = 0
    } else if (serial === 0 && via !== load<u32>(NETWORK)) {
      const passedOn = waitOfPasser(waker, fromNs, toNs)
      const giver = passedOn === NONE ? NONE : giverOf(passedOn, fromNs, toNs)
      if (giver !== NONE && !descendsFrom(giver, walked)) {
        serial = giver
        waker = load<i32>(load<u32>(STAY_WAKER) + ((passedOn & load<u32>(STAY_MASK)) << 2))
      }
    }
  }
  noHolds()
  const isInside = toNs < endOf(stay)
  if (via === 0 && isInside && isChannel(reason) && tookUp(waker, wokenFor, walked, toNs, endOf(stay))) {
    findServedBefore(waker, fromNs, toNs, walked, MOST_LOCK_STAYS)
  } else if (isHeld(load<i32>(load<u32>(STAY_STACK) + (slot << 2)))) findLockHolders(stay, fromNs, toNs)
  else if (via === 0 && isChannel(reason)) findSlotHolders(stay, fromNs, toNs)
  if (holds > HOLDS_ROOM) return false
  if (holds > 0 || has(waker)) keepBlame(waker, serial > 0 ? idOfSerial(serial) : 0, fromNs, toNs, row)
  return true
}

/** Whether who ended a wait took the task up in the middle of it, as in `../long-waits.ts`. */
function tookUp(waker: i32, serial: i32, walked: i32, toNs: f64, endNs: f64): bool {
  if (descendsFrom(serial, walked)) return true
  return (serial === 0 || isAbove(serial, walked)) && descendsFrom(taskDuring(waker, toNs, endNs), walked)
}

/** Whether a task is another one, which the one that waits descends from. */
function isAbove(serial: i32, walked: i32): bool {
  return serial !== 0 && serial !== walked && descendsFrom(walked, serial)
}

/** Writes who held what was waited for, or else ended the wait, and what that one did. @param task id of the task that ended it; 0 none */
function keepBlame(waker: i32, task: f64, fromNs: f64, toNs: f64, row: f64): void {
  const head = at
  goTo(head + (KEPT_BLAME << 3))
  let told: i32 = 0
  let last = waker
  if (holds > 0) {
    groupHolds()
    told = tellHolders()
    last = lastStayOfMost()
  }
  const isKnown = last >= 0
  longestStack = NONE
  if (isKnown) {
    beginDone()
    if (holds === 0) addDone(waker, fromNs, toNs)
    for (let row: i32 = 0; row < holds; row++) {
      const hold = holdAt(row)
      if (load<f64>(hold, 32) === most) addDone(<i32>load<f64>(hold), load<f64>(hold, 16), load<f64>(hold, 24))
    }
    store<f64>(did, load<f64>(did, KEPT_TOTAL << 3) - coveredNs, KEPT_UNKNOWN << 3)
  }
  store<f64>(head, row, KEPT_BLAME_ROW << 3)
  store<f64>(head, task, KEPT_BLAME_TASK << 3)
  store<f64>(head, longestStack, KEPT_BLAME_STACK << 3)
  store<f64>(head, isKnown ? entryOf(last) : NONE, KEPT_BLAME_ENTRY << 3)
  store<f64>(head, told, KEPT_BLAME_HOLDERS << 3)
  store<f64>(head, isKnown ? 1 : 0, KEPT_BLAME_DID << 3)
  blamedWaits++
}

/** As `waitOfPasser` of `../long-waits.ts`. */
function waitOfPasser(waker: i32, fromNs: f64, toNs: f64): i32 {
  const mask = load<u32>(STAY_MASK)
  let stay = waker
  for (let n: i32 = 0; n < MOST_STAYS_PASSING && has(stay); n++) {
    const slot: u32 = stay & mask
    if (load<u8>(load<u32>(STAY_STATE) + slot) === WAITING) {
      const endNs = load<f64>(load<u32>(STAY_END) + (slot << 3))
      if (!(endNs > fromNs && toNs - endNs <= MOST_SHARE_PASSING * (toNs - fromNs))) return NONE
      const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
      return load<u8>(load<u32>(HANDS_OVER) + reason) !== 0 ? stay : NONE
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  return NONE
}

/** The task of who gave a goroutine what it waited for, 0 none; -1 where it does not serve whoever comes, or nobody is known to have given it. */
function giverOf(wait: i32, fromNs: f64, toNs: f64): i32 {
  const slot: u32 = wait & load<u32>(STAY_MASK)
  if (!tells(load<i32>(load<u32>(STAY_STACK) + (slot << 2)), TELLS_SERVING)) return NONE
  const giver = load<i32>(load<u32>(STAY_WAKER) + (slot << 2))
  if (!has(giver)) return NONE
  const task = load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2))
  return task !== 0 ? task : taskDuring(giver, fromNs, toNs)
}

/**
 * Whether a goroutine works for a task only since it was created in it, and what it was given last, by a channel, came from another request: where it is over,
 * from the one that waits.
 */
function isOthers(waker: i32, task: i32, walked: i32): bool {
  const mask = load<u32>(STAY_MASK)
  let giver: i32 = 0
  let stay = waker
  for (let n: i32 = 0; n < MOST_STAYS_GIVEN && has(stay); n++) {
    const slot: u32 = stay & mask
    const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
    if (load<u8>(load<u32>(STAY_STATE) + slot) === WAITING && load<u8>(load<u32>(HANDS_OVER) + reason) !== 0) {
      giver = load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2))
      break
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  return giver > 0 && !descendsFrom(giver, task) && isOnlyCreated(waker, task, descendsFrom(giver, walked))
}

// ---- Holders. ----

/* @inline */ function holdAt(row: i32): usize {
  return load<u32>(HOLDS) + <u32>row * HOLD_BYTES
}

/* @inline */ function holderAt(row: i32): usize {
  return load<u32>(HOLDERS) + <u32>row * HOLDER_BYTES
}

/** Adds the stretches of each holder up; goroutine -1 where it is not known who held. */
function groupHolds(): void {
  holders = 0
  placeCount = LEAST_HOLDER_PLACES
  while (placeCount < <u32>holds * 2) placeCount *= 2
  memory.fill(load<u32>(HOLDER_PLACES), 0, placeCount << 2)
  for (let row: i32 = 0; row < holds; row++) {
    const hold = holdAt(row)
    const stay = <i32>load<f64>(hold)
    const slot: u32 = stay & load<u32>(STAY_MASK)
    const goroutine: f64 = stay < 0 ? -1 : load<f64>(load<u32>(STAY_GOROUTINE) + (slot << 3))
    const task = load<f64>(hold, 8)
    const one = holderOf(goroutine, task)
    const holder = holderAt(one)
    store<f64>(holder, load<f64>(holder, 16) + load<f64>(hold, 24) - load<f64>(hold, 16), 16)
    store<f64>(hold, one, 32)
  }
}

/** Row of a holder, a new one where there is none yet. */
function holderOf(goroutine: f64, task: f64): i32 {
  const places: usize = load<u32>(HOLDER_PLACES)
  let at: u32 = hashOf(goroutine) + hashOf(task)
  for (;;) {
    at &= placeCount - 1
    const one = load<i32>(places + (at << 2)) - 1
    if (one < 0) break
    if (load<f64>(holderAt(one)) === goroutine && load<f64>(holderAt(one), 8) === task) return one
    at++
  }
  const holder = holderAt(holders)
  store<f64>(holder, goroutine)
  store<f64>(holder, task, 8)
  store<f64>(holder, 0, 16)
  store<i32>(places + (at << 2), ++holders)
  return holders - 1
}

/** Writes those that held longest, of which the latest comes first where they are alike. @returns how many */
function tellHolders(): i32 {
  const room = <u32>min(holders, MOST_HOLDERS_TOLD) * HOLDER_BYTES
  const told: usize = at
  goTo(told + room)
  let end = told
  for (let row: i32 = 0; row < holders; row++) {
    const holder = holderAt(row)
    const ns = load<f64>(holder, 16)
    const full = end === told + room
    if (full && load<f64>(end - HOLDER_BYTES, 16) >= ns) continue
    // The last of those is the one that falls out.
    let to = full ? end - HOLDER_BYTES : end
    if (!full) end += HOLDER_BYTES
    for (; to > told && load<f64>(to - HOLDER_BYTES, 16) < ns; to -= HOLDER_BYTES)
      memory.copy(to, to - HOLDER_BYTES, HOLDER_BYTES)
    memory.copy(to, holder, HOLDER_BYTES)
    if (to === told) most = row
  }
  for (let holder = told; holder < end; holder += HOLDER_BYTES) {
    const task = <i32>load<f64>(holder, 8)
    store<f64>(holder, task > 0 ? idOfSerial(task) : 0, 8)
  }
  return (end - told) / HOLDER_BYTES
}

/** Stay of the one that held longest, at the end of the last time; -1 where nobody knows who that was. */
function lastStayOfMost(): i32 {
  let row: i32 = 0
  while (load<f64>(holdAt(row), 32) !== most) row++
  return <i32>load<f64>(holdAt(row))
}

// ---- What the one to blame did. ----

function beginDone(): void {
  did = beginBreakdown(0, 0, 0, 0, 0, 0, 0)
  coveredNs = longestNs = 0
  steps = 0
}

/** Adds what a goroutine did in a stretch that ended when it was in a stay, as `doneMeanwhile` of `../long-waits.ts`. */
function addDone(last: i32, fromNs: f64, toNs: f64): void {
  const mask = load<u32>(STAY_MASK)
  addTo(KEPT_TOTAL, toNs - fromNs)
  let stay = last
  for (; steps < MOST_WAKER_STAYS && has(stay); steps++) {
    const slot: u32 = stay & mask
    const endNs = load<f64>(load<u32>(STAY_END) + (slot << 3))
    if (endNs <= fromNs) break
    const ns = min(endNs, toNs) - max(load<f64>(load<u32>(STAY_START) + (slot << 3)), fromNs)
    const state: u32 = load<u8>(load<u32>(STAY_STATE) + slot)
    if (ns > 0 && state !== UNKNOWN) {
      coveredNs += ns
      if (state === RUNNING) addTo(KEPT_EXEC, ns)
      else if (state === RUNNABLE) addTo(KEPT_SCHED_WAIT, ns)
      else {
        if (state === SYSCALL) addTo(KEPT_SYSCALL, ns)
        else if (state === SYSCALL_BLOCKED) addTo(KEPT_SYSCALL_BLOCK, ns)
        else addReason(slot, ns)
        if (ns > longestNs) {
          longestNs = ns
          longestStack = load<i32>(load<u32>(STAY_STACK) + (slot << 2))
        }
      }
    }
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
}

/* @inline */ function addTo(part: u32, ns: f64): void {
  store<f64>(did + (part << 3), load<f64>(did + (part << 3)) + ns)
}

/** Adds to the part of the reason under which people are shown a wait. */
function addReason(slot: u32, ns: f64): void {
  const via = causeOf(slot)
  const reason: u32 = via !== 0 ? via : load<u16>(load<u32>(STAY_REASON) + (slot << 1))
  for (let part = did + (KEPT_BREAKDOWN << 3); part < at; part += KEPT_PART << 3) {
    if (load<f64>(part) !== <f64>((PART_BLOCK << PART_KIND_SHIFT) | reason)) continue
    store<f64>(part, load<f64>(part, 8) + ns, 8)
    return
  }
  putPart(did, PART_BLOCK, reason, ns)
}

/** As `entryOf` of `../long-waits.ts`. */
function entryOf(stay: i32): i32 {
  const before = wholeStackFrom(stay, STAY_PREVIOUS)
  return before !== NONE ? before : wholeStackFrom(stay, STAY_NEXT)
}

function wholeStackFrom(from: i32, side: usize): i32 {
  const mask = load<u32>(STAY_MASK)
  let stay = from
  for (let n: i32 = 0; n < MOST_STAYS_NAMING && has(stay); n++) {
    const slot: u32 = stay & mask
    const stack = load<i32>(load<u32>(STAY_STACK) + (slot << 2))
    if (tells(stack, TELLS_WHOLE)) return stack
    stay = load<i32>(load<u32>(side) + (slot << 2))
  }
  return NONE
}
