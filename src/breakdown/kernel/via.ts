// via.ts: why a goroutine that ends a wait had been waiting itself. `../via.ts` says what for.

import {
  FOR_COLLECTOR,
  IN_BETWEEN,
  NETWORK,
  SLEEP,
  STAY_END,
  STAY_MASK,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  SYSCALL,
  SYSCALL_BLOCKED,
  SYSCALL_CAUSE,
  UNKNOWN,
  VIA_UNSETTLED,
  WAITING,
} from '../states-layout.ts'
import { endOfSerial } from './tasks.ts'

const NONE: i32 = -1

/** Stays that are looked back over. */
const MOST_BACK: u32 = 64

/**
 * Between two causes the one that took longer counts (a read from the network, say, and the system call that follows it), and none where the
 * goroutine was longer on CPU, or ready to be: then that is what it was waited for. Waits for the collector and for locks after it are passed
 * over while they were shorter. Where they were longer, and mostly for the collector, that is the cause.
 *
 * @param waker its stay now
 * @param ownReason reason of the wait
 * @param sinceNs start of the wait
 * @param nowNs its end
 * @param annotates whether the goroutine says itself for whom it works: what it did for a task is that one's doing, also where it ends the wait a moment
 *   after the task's end, as one does that gives a slot back
 * @returns a reason row, `VIA_UNSETTLED`, or 0. The three rows of causes have to be made.
 */
export function ofWaker(waker: i32, ownReason: u32, sinceNs: f64, nowNs: f64, annotates: bool): u32 {
  const tail = load<i32>(STAY_TAIL)
  const mask = load<u32>(STAY_MASK)
  const syscall = load<u32>(SYSCALL_CAUSE)
  let at = waker
  let callNs: f64 = 0
  let otherNs: f64 = 0
  let betweenNs: f64 = 0
  let collectorNs: f64 = 0
  let collector: u32 = 0
  // Of one that created another only what it did before that.
  let untilNs = nowNs
  for (let steps: u32 = 0; steps < MOST_BACK && at >= tail && at >= 0; steps++) {
    const slot = at & mask
    const state: u32 = load<u8>(load<u32>(STAY_STATE) + slot)
    if (state === UNKNOWN) return 0
    const startNs = load<f64>(load<u32>(STAY_START) + (slot << 3))
    const endNs = load<f64>(load<u32>(STAY_END) + (slot << 3))
    const from = startNs > sinceNs ? startNs : sinceNs
    const to = endNs < untilNs ? endNs : untilNs
    const ns = to > from ? to - from : 0
    if (annotates && wasForTask(slot, endNs)) {
      const beforeNs = to > sinceNs ? to - sinceNs : 0
      return callNs * 2 > otherNs && callNs > beforeNs ? other(syscall, ownReason) : 0
    }
    const previous = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
    const via: u32 = load<u16>(load<u32>(STAY_VIA) + (slot << 1))
    if (state === WAITING) {
      const reason: u32 = via > 0 ? via : load<u16>(load<u32>(STAY_REASON) + (slot << 1))
      const found = reason === 0 && load<i32>(load<u32>(STAY_WAKER) + (slot << 2)) === NONE ? VIA_UNSETTLED : reason
      if (found === VIA_UNSETTLED || isCause(found)) {
        if (betweenNs > ns && betweenNs > callNs) return collectorNs * 2 > betweenNs ? collector : 0
        const ownNs = otherNs - callNs
        if (callNs > ns && callNs >= ownNs) return other(syscall, ownReason)
        return ownNs > ns ? 0 : other(found, ownReason)
      }
      if (load<u8>(load<u32>(IN_BETWEEN) + found) === 0) {
        if (collectorNs * 2 > otherNs + betweenNs + ns) return collector
        return callNs * 2 > otherNs && callNs > ns ? other(syscall, ownReason) : 0
      }
      betweenNs += ns
      if (load<u8>(load<u32>(FOR_COLLECTOR) + found) !== 0) {
        // Of several the earliest is told: they are of one group.
        collectorNs += ns
        collector = found
      }
      if (previous === NONE) return 0
    } else {
      if (state === SYSCALL || state === SYSCALL_BLOCKED) callNs += ns
      otherNs += ns
      const creator = previous === NONE && via === 0 ? creatorOf(slot) : NONE
      if (creator !== NONE) {
        untilNs = startNs
        at = creator
        continue
      }
      if (previous === NONE) {
        // Its first stay: a goroutine that a timer had started says so. Before that nothing is known of it.
        const beforeNs = startNs > sinceNs ? startNs - sinceNs : 0
        if (callNs * 2 > otherNs && callNs > beforeNs) return other(syscall, ownReason)
        return otherNs - callNs > beforeNs ? 0 : other(via, ownReason)
      }
    }
    at = previous
  }
  return 0
}

/** Whether a stay was for a task to its end: one goes on where its task ends. */
function wasForTask(slot: u32, endNs: f64): bool {
  const task = load<i32>(load<u32>(STAY_TASK) + (slot << 2))
  return task > 0 && endNs <= endOfSerial(task)
}

/** Stay of the goroutine that created the one whose first stay lies at a slot, where it worked for no task; else none. */
function creatorOf(slot: u32): i32 {
  const creator = load<i32>(load<u32>(STAY_WAKER) + (slot << 2))
  if (creator < load<i32>(STAY_TAIL) || creator < 0 || load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2)) !== 0)
    return NONE
  return load<i32>(load<u32>(STAY_TASK) + ((creator & load<u32>(STAY_MASK)) << 2)) === 0 ? creator : NONE
}

/**
 * Whether the goroutine of a stay is one that a timer had started, as those of deadlines are, or was created by such a one, and has waited for nothing
 * but locks and the collector since. A loop that was woken by somebody who had slept is none.
 */
export function isTimers(stay: i32): bool {
  const tail = load<i32>(STAY_TAIL)
  const mask = load<u32>(STAY_MASK)
  let at = stay
  for (let steps: u32 = 0; steps < MOST_BACK && at >= tail && at >= 0; steps++) {
    const slot = at & mask
    const reason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
    if (load<u8>(load<u32>(STAY_STATE) + slot) === WAITING && load<u8>(load<u32>(IN_BETWEEN) + reason) === 0)
      return false
    at = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
    if (at !== NONE) continue
    const via: u32 = load<u16>(load<u32>(STAY_VIA) + (slot << 1))
    if (via !== 0) return via === load<u32>(SLEEP)
    at = creatorOf(slot)
    if (at === NONE) return false
  }
  return false
}

/** Whether a reason is one of the causes that a wait may be shown under. */
export function isCause(reason: u32): bool {
  return reason === load<u32>(NETWORK) || reason === load<u32>(SLEEP) || reason === load<u32>(SYSCALL_CAUSE)
}

function other(cause: u32, ownReason: u32): u32 {
  return cause === ownReason ? 0 : cause
}
