// passed-on.ts: who gave something to those without a task that ended a wait with it: the task's own goroutines, over a bus, a queue or a connection's
// loop that is nobody's.

import {
  HANDS_OVER,
  IN_BETWEEN,
  MOST_STAYS_PASSED_ON,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_STATE,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  SYSCALL_CAUSE,
  WAITING,
} from '../states-layout.ts'
import { endOf, has, previousOf, slotOf, startOf } from './stay.ts'
import { descendsFrom } from './tasks.ts'

const NONE: i32 = -1

let givenNs: f64 = 0

/**
 * The stay at which one that works for a task, or for one below it, gave what others without a task passed on to end a wait; -1 where none did, or before
 * the wait.
 *
 * @param at place of the wait in the ring
 * @param sinceNs its start
 */
export function giverOf(at: u32, sinceNs: f64, serial: i32): i32 {
  if (!isPassedOn(at)) return NONE
  let stay = wakerAt(at)
  for (let n: i32 = 0; n < MOST_STAYS_PASSED_ON && has(stay); n++) {
    const slot = slotOf(stay)
    if (isGiven(slot) && descendsFrom(load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2)), serial)) {
      const giver = wakerAt(slot)
      givenNs = isWait(slot) ? endOf(stay) : startOf(stay)
      return givenNs > sinceNs && has(giver) ? giver : NONE
    }
    stay = stayBefore(stay, sinceNs)
  }
  return NONE
}

/** When the last answer of `giverOf` was given. */
export function lastGivenNs(): f64 {
  return givenNs
}

/**
 * Whether a wait was ended by one that works for no task, and is shown under no other cause, or for a system call in which that one was meanwhile: longer than
 * it had waited last, which says nothing of who had given it what.
 */
export function isPassedOn(at: u32): bool {
  if (load<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2)) !== 0) return false
  const via: u32 = load<u16>(load<u32>(STAY_VIA) + (at << 1))
  return via === 0 || via === load<u32>(SYSCALL_CAUSE)
}

/** The stay from which the way back to who gave something goes on; -1 where it ends. */
export function stayBefore(stay: i32, sinceNs: f64): i32 {
  const slot = slotOf(stay)
  if (startOf(stay) <= sinceNs && !(isWait(slot) && endOf(stay) > sinceNs)) return NONE
  if (isGiven(slot)) return isPassedOn(slot) ? wakerAt(slot) : NONE
  if (isWait(slot) && load<u8>(load<u32>(IN_BETWEEN) + reasonAt(slot)) === 0) return NONE
  return previousOf(stay)
}

/** Whether a stay began or ended with something that was handed over: a wait for that, or the first of a goroutine. */
function isGiven(slot: u32): bool {
  if (isWait(slot)) return load<u8>(load<u32>(HANDS_OVER) + reasonAt(slot)) !== 0
  return load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2)) === NONE
}

/* @inline */ function isWait(slot: u32): bool {
  return load<u8>(load<u32>(STAY_STATE) + slot) === WAITING
}

/* @inline */ function reasonAt(slot: u32): u32 {
  return load<u16>(load<u32>(STAY_REASON) + (slot << 1))
}

/* @inline */ function wakerAt(slot: u32): i32 {
  return load<i32>(load<u32>(STAY_WAKER) + (slot << 2))
}
