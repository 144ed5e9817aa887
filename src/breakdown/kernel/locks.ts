// locks.ts: where locks are waited for and let go of. `../locks.ts` has the rules, and finds what a stack is about.

import { findRow } from '../../base/kernel/id-table.ts'
import { wholeOf } from '../../base/kernel/whole.ts'
import {
  ASKED_STACK,
  CHANNEL_PLACE_OF_STACK,
  FUNCTION_OF_PLACE,
  LOCK_OF_STACK,
  LOCK_RW_MUTEX,
  LOCK_STACK_ROOM,
  LOCK_UNHELD,
  LOCK_UNKNOWN,
  LOW_STACKS,
  MOST_STAYS_BEFORE_RELEASE,
  PLACE_OF_STACK,
  RELEASE_STACK,
  RELEASES,
  ROW_OF_STACK,
  SAME_PLACE_AS,
  STACK_TELLS,
  STAY_MASK,
  STAY_PREVIOUS,
  STAY_REASON,
  STAY_STACK,
  STAY_STATE,
  STAY_TAIL,
  UNKNOWN_STACK,
  WAITING,
} from '../states-layout.ts'

const NONE: i32 = -1

/**
 * Whether it could be noted what the stack at which a goroutine is woken says of locks. Nothing is changed where it could not.
 *
 * @param stay of the one that is woken
 * @param by stay of the one that wakes it
 */
export function noteRelease(stay: i32, by: i32, stack: f64): bool {
  const slot = stay & load<u32>(STAY_MASK)
  const waited = load<i32>(load<u32>(STAY_STACK) + (slot << 2))
  // One that had waited since before the capture: TypeScript remembers the stack.
  if (waited < 0) return load<u16>(load<u32>(STAY_REASON) + (slot << 1)) !== 0
  const kind = kindOf(waited)
  if (kind <= <u32>LOCK_UNHELD) return kind !== LOCK_UNKNOWN
  if (!(stack < LOW_STACKS)) return false
  const released = load<i32>(load<u32>(ROW_OF_STACK) + (wholeOf(stack) << 2))
  if (released < 0) return released !== UNKNOWN_STACK
  const releasedKind = kindOf(released)
  if (releasedKind !== kind) return releasedKind !== LOCK_UNKNOWN
  const earlier = kind === LOCK_RW_MUTEX ? lockBefore(by) : NONE
  if (earlier === UNKNOWN_STACK) return false

  // ---- It is noted. ----
  const releasedPlace = placeOf(released)
  if (releasedPlace < 0) return true
  unite(placeOf(waited), releasedPlace)
  if (earlier < 0 || kindOf(earlier) !== LOCK_RW_MUTEX) return true
  const takenPlace = placeOf(earlier)
  if (takenPlace >= 0 && functionOf(takenPlace) === functionOf(releasedPlace)) unite(takenPlace, releasedPlace)
  return true
}

/** Where a goroutine had last waited for a lock; none when it had not lately, `UNKNOWN_STACK` when TypeScript has to say what a stack is about. */
function lockBefore(stay: i32): i32 {
  const tail = load<i32>(STAY_TAIL)
  const mask = load<u32>(STAY_MASK)
  let at = stay
  for (let n = 0; n < MOST_STAYS_BEFORE_RELEASE && at >= tail && at >= 0; n++) {
    const slot = at & mask
    const stack = load<i32>(load<u32>(STAY_STACK) + (slot << 2))
    if (stack >= 0 && load<u8>(load<u32>(STAY_STATE) + slot) === WAITING) {
      const kind = kindOf(stack)
      if (kind === LOCK_UNKNOWN) return UNKNOWN_STACK
      if (kind !== LOCK_UNHELD) return stack
    }
    at = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
  }
  return NONE
}

// ---- What stacks tell where waits are explained. Where TypeScript has to say it first, its row is in `ASKED_STACK`, and the answer says nothing. ----

/** Whether a stack row, if there is one, tells something (`TELLS_…`). */
export function tells(stack: i32, what: u32): bool {
  return stack >= 0 && isTold(stack) && (load<u8>(load<u32>(STACK_TELLS) + stack) & what) !== 0
}

/** Whether a stack row is about a lock that has a holder. */
export function isHeld(stack: i32): bool {
  return stack >= 0 && isTold(stack) && kindOf(stack) > <u32>LOCK_UNHELD
}

/** Whether two waits are for one lock, as far as it is known. */
export function isSameLock(one: i32, other: i32): bool {
  if (!isHeld(one) || other < 0 || !isTold(other) || kindOf(one) !== kindOf(other)) return false
  if (one === other) return true
  const onePlace = placeOf(one)
  const otherPlace = placeOf(other)
  return onePlace >= 0 && otherPlace >= 0 && root(onePlace) === root(otherPlace)
}

/** Whether two waits for channels are at one place of the program. */
export function sameChannelPlace(one: i32, other: i32): bool {
  if (one < 0 || other < 0) return false
  if (one === other) return true
  if (!isTold(one) || !isTold(other)) return false
  const places: usize = load<u32>(CHANNEL_PLACE_OF_STACK)
  const place = load<i32>(places + (one << 2))
  return place >= 0 && place === load<i32>(places + (other << 2))
}

/** Stack row at which a goroutine was woken from a wait that nothing else is known of; -1 when none. */
export function releaseOf(wait: i32): i32 {
  const row = findRow(RELEASES, wait)
  return row < 0 ? NONE : load<i32>(load<u32>(RELEASE_STACK) + (row << 2))
}

/** Whether it is known what a stack row tells; else it is asked for. */
function isTold(stack: i32): bool {
  if (kindOf(stack) !== LOCK_UNKNOWN) return true
  store<i32>(ASKED_STACK, stack)
  return false
}

/** Kind of lock of a stack row. */
function kindOf(stack: i32): u32 {
  return <u32>stack < load<u32>(LOCK_STACK_ROOM) ? load<u8>(load<u32>(LOCK_OF_STACK) + stack) : LOCK_UNKNOWN
}

function placeOf(stack: i32): i32 {
  return load<i32>(load<u32>(PLACE_OF_STACK) + (stack << 2))
}

function functionOf(place: i32): i32 {
  return load<i32>(load<u32>(FUNCTION_OF_PLACE) + (place << 2))
}

function unite(one: i32, other: i32): void {
  if (one < 0) return
  const same: usize = load<u32>(SAME_PLACE_AS)
  store<i32>(same + (root(one) << 2), root(other))
}

/** The place that stands for the class of one. */
function root(place: i32): i32 {
  const same: usize = load<u32>(SAME_PLACE_AS)
  let at = place
  let next = load<i32>(same + (at << 2))
  while (next !== at) {
    const after = load<i32>(same + (next << 2))
    store<i32>(same + (at << 2), after)
    at = after
    next = load<i32>(same + (at << 2))
  }
  return at
}
