// stays.ts: stays in a state, and the sums of their times (`../stay-log.ts`, `../goroutine-states.ts`).

import {
  ID,
  LAST_RANGE,
  REASON,
  REASON_SLOT,
  RUNNABLE,
  RUNNING,
  SINCE,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
  SLOT_UNKNOWN,
  STATE,
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
  STAY_TAIL,
  STAY_TASK,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STAYS_TOLD,
  STRIDE,
  SUMS,
  SYSCALL,
  SYSCALL_BLOCKED,
  SYSCALL_GOROUTINE,
  SYSCALL_PROCESSOR,
  WAITING,
} from '../states-layout.ts'

const NONE: i32 = -1

/** Fills the next place of the ring, which must have one. */
/* @inline */ export function openStay(
  stay: i32,
  row: u32,
  previous: i32,
  state: u32,
  timeNs: f64,
  reason: u32,
  task: i32,
  waker: i32,
  wakerTask: i32,
): u32 {
  const at: u32 = stay & load<u32>(STAY_MASK)
  const of2 = at << 1
  const of4 = at << 2
  const of8 = at << 3
  store<f64>(load<u32>(STAY_START) + of8, timeNs)
  store<f64>(load<u32>(STAY_END) + of8, Infinity)
  store<u8>(load<u32>(STAY_STATE) + at, state)
  store<u16>(load<u32>(STAY_REASON) + of2, reason)
  store<u16>(load<u32>(STAY_VIA) + of2, 0)
  store<i32>(load<u32>(STAY_PREVIOUS) + of4, previous)
  store<i32>(load<u32>(STAY_NEXT) + of4, NONE)
  store<i32>(load<u32>(STAY_WAKER) + of4, waker)
  store<i32>(load<u32>(STAY_WAKER_TASK) + of4, wakerTask)
  store<i32>(load<u32>(STAY_TASK) + of4, task)
  if (load<u32>(STAYS_TOLD) !== 0) {
    store<i32>(load<u32>(STAY_RANGE) + of4, load<i32>(load<u32>(LAST_RANGE) + (row << 2)))
    store<i32>(load<u32>(STAY_STACK) + of4, NONE)
    store<f64>(load<u32>(STAY_GOROUTINE) + of8, load<f64>(load<u32>(ID) + (row << 3)))
  }
  return at
}

/** Ends a stay, as far as it is still kept, where the next one of its goroutine begins. */
/* @inline */ export function closeStay(stay: i32, next: i32, timeNs: f64): void {
  if (stay < load<i32>(STAY_TAIL)) return
  const at: u32 = stay & load<u32>(STAY_MASK)
  store<i32>(load<u32>(STAY_NEXT) + (at << 2), next)
  store<f64>(load<u32>(STAY_END) + (at << 3), timeNs)
}

/** Adds the time since the state of a goroutine began to its sum. */
/* @inline */ export function addTime(row: u32, timeNs: f64): void {
  const sum = load<u32>(SUMS) + ((row * load<u32>(STRIDE) + slotOfState(row)) << 3)
  store<f64>(sum, load<f64>(sum) + (timeNs - load<f64>(load<u32>(SINCE) + (row << 3))))
}

/** Slot that the time of the present state of a goroutine is summed in. */
/* @inline */ export function slotOfState(row: u32): u32 {
  const state: u32 = load<u8>(load<u32>(STATE) + row)
  if (state === WAITING) return load<u32>(load<u32>(REASON_SLOT) + (load<u16>(load<u32>(REASON) + (row << 1)) << 2))
  if (state === RUNNING) return SLOT_EXEC
  if (state === RUNNABLE) return SLOT_SCHED_WAIT
  if (state === SYSCALL) return SLOT_SYSCALL
  return state === SYSCALL_BLOCKED ? SLOT_SYSCALL_BLOCK : SLOT_UNKNOWN
}

/** A goroutine is not in a system call any more. */
export function leaveSyscall(row: u32): void {
  const left: usize = load<u32>(SYSCALL_PROCESSOR) + (row << 2)
  const processor = load<i32>(left)
  if (processor >= 0) store<i32>(load<u32>(SYSCALL_GOROUTINE) + (processor << 2), NONE)
  store<i32>(left, NONE)
}
