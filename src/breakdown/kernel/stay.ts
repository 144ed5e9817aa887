// stay.ts: what the log says of a stay: each is a place of the ring, whose columns are read here.

import {
  STAY_END,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
} from '../states-layout.ts'

/** Whether a stay is in the log, and not older. */
/* @inline */ export function has(stay: i32): bool {
  return stay >= load<i32>(STAY_TAIL) && stay >= 0
}

/* @inline */ export function slotOf(stay: i32): u32 {
  return stay & load<u32>(STAY_MASK)
}

/* @inline */ export function startOf(stay: i32): f64 {
  return load<f64>(load<u32>(STAY_START) + (slotOf(stay) << 3))
}

/* @inline */ export function endOf(stay: i32): f64 {
  return load<f64>(load<u32>(STAY_END) + (slotOf(stay) << 3))
}

/* @inline */ export function stateOf(stay: i32): u32 {
  return load<u8>(load<u32>(STAY_STATE) + slotOf(stay))
}

/* @inline */ export function taskOf(stay: i32): i32 {
  return load<i32>(load<u32>(STAY_TASK) + (slotOf(stay) << 2))
}

/** The next stay of its goroutine, of those that are left. */
/* @inline */ export function nextOf(stay: i32): i32 {
  return load<i32>(load<u32>(STAY_NEXT) + (slotOf(stay) << 2))
}

/** The one before it of its goroutine; one that is not in the log where that left it. */
/* @inline */ export function previousOf(stay: i32): i32 {
  return load<i32>(load<u32>(STAY_PREVIOUS) + (slotOf(stay) << 2))
}
