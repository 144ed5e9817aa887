// states.ts: the loop that brings goroutines from state to state, in WebAssembly (AssemblyScript).
//
// Five events of six only do that. `../analysis.ts` says what they mean and has the loop for all that is odd or has to be looked up: this
// one stops before such an event and has changed nothing for it.
//
// Memory is reached by bare positions: whatever comes out of a block of events (rows of goroutines and processors, numbers of strings and
// stacks) is looked at against the room that there is, stays go round the ring, serials are looked at against their column.

import {
  BLOCK_A,
  BLOCK_GOROUTINE,
  BLOCK_KIND,
  BLOCK_PROCESSOR,
  BLOCK_STACK,
  BLOCK_TIME,
} from '../../capture/block-layout.ts'
import {
  GO_BLOCK,
  GO_START,
  GO_STOP,
  GO_SYSCALL_BEGIN,
  GO_SYSCALL_END,
  GO_SYSCALL_END_BLOCKED,
  GO_UNBLOCK,
  HEAP_ALLOC,
  PROC_START,
} from '../../capture/event-numbers.ts'
import {
  ENDED,
  ENDED_ROOM,
  HANDS_OVER,
  ID,
  LAST_RANGE,
  LEAVING,
  LOW_STACKS,
  LOW_STRINGS,
  OF_NOBODY,
  ONLY_CREATED,
  PROCESSOR_ROOM,
  REASON,
  REASON_OF_STRING,
  REASON_SLOT,
  REASON_SPECIAL,
  ROW_OF_STACK,
  ROW_ROOM,
  SINCE,
  STACKS,
  STATE,
  STAY,
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
  STAY_TOP,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STRIDE,
  SUMS,
  SYSCALL_GOROUTINE,
  SYSCALL_PROCESSOR,
  SYSTEM,
  TASK,
  TOLD,
  UNKNOWN_STACK,
} from '../states-layout.ts'

const NONE: i32 = -1

// `GoState`, and what stands for no goroutine.
const RUNNING: u32 = 1
const RUNNABLE: u32 = 2
const WAITING: u32 = 3
const SYSCALL: u32 = 4
const SYSCALL_BLOCKED: u32 = 5
const ABSENT: u32 = 255

// Slots of sums, as in `../goroutine-states.ts`.
const SLOT_EXEC: u32 = 0
const SLOT_SCHED_WAIT: u32 = 1
const SLOT_SYSCALL: u32 = 2
const SLOT_SYSCALL_BLOCK: u32 = 3
const SLOT_UNKNOWN: u32 = 4

/** `SystemKind.timers`. */
const TIMERS: u32 = 3

/**
 * Goes through events of the block while they are ordinary.
 *
 * @returns the place of the first event that is for TypeScript; `to` when none is
 */
export function run(from: u32, to: u32): u32 {
  const states: usize = load<u32>(STATE)
  const since: usize = load<u32>(SINCE)
  const told: usize = load<u32>(TOLD)
  const reasons: usize = load<u32>(REASON)
  const stayOf: usize = load<u32>(STAY)
  const room = load<u32>(ROW_ROOM)
  const taskOf: usize = load<u32>(TASK)
  const sums: usize = load<u32>(SUMS)
  const stride = load<u32>(STRIDE)
  const mask = load<u32>(STAY_MASK)
  const tail = load<i32>(STAY_TAIL)
  const stacks = load<u32>(STACKS) !== 0
  let top = load<i32>(STAY_TOP)
  let i = from
  for (; i < to; i++) {
    const kind: u32 = load<u8>(i, BLOCK_KIND)
    let row: u32 = load<u32>(i << 2, BLOCK_GOROUTINE)
    let state: u32
    switch (kind) {
      case GO_START:
        row = <u32>(<i32>load<f64>(i << 3, BLOCK_A))
        state = RUNNING
        break
      case GO_UNBLOCK:
        row = <u32>(<i32>load<f64>(i << 3, BLOCK_A))
        state = RUNNABLE
        break
      case GO_STOP:
      case GO_SYSCALL_END_BLOCKED:
        state = RUNNABLE
        break
      case GO_BLOCK:
        state = WAITING
        break
      case GO_SYSCALL_BEGIN:
        state = SYSCALL
        break
      case GO_SYSCALL_END:
        state = RUNNING
        break
      case HEAP_ALLOC:
      case PROC_START:
        continue
      default:
        state = ABSENT
    }
    if (state === ABSENT) break
    if (row >= room) continue
    const before: u32 = load<u8>(states + row)
    if (before === ABSENT) continue

    // ---- Whether anything is odd, before anything is changed. ----
    const timeNs = load<f64>(i << 3, BLOCK_TIME)
    if (timeNs < load<f64>(told + (row << 3)) || top - tail > <i32>mask) break
    const task = load<i32>(taskOf + (row << 2))
    if (hasEnded(task)) break
    const stay = load<i32>(stayOf + (row << 2))
    let reason: u32 = 0
    let stackRow: i32 = NONE
    let by: i32 = NONE
    let wakerTask: i32 = 0
    const stack = load<f64>(i << 3, BLOCK_STACK)
    if (kind === GO_UNBLOCK) {
      const waker = load<u32>(i << 2, BLOCK_GOROUTINE)
      if (waker < room) {
        wakerTask = load<i32>(taskOf + (waker << 2))
        if (hasEnded(wakerTask)) break
        if (load<u8>(states + waker) !== ABSENT && load<u8>(load<u32>(SYSTEM) + waker) !== TIMERS) {
          by = load<i32>(stayOf + (waker << 2))
        }
      }
      // TypeScript finds out who lets go of what, and what a waker without a task had waited for.
      if (stacks && stack !== 0 && by !== NONE) break
      if (before === WAITING && stay >= tail && stay >= 0) {
        const slot = stay & mask
        let via: i32 = load<u16>(load<u32>(STAY_VIA) + (slot << 1))
        if (via === 0) {
          const waitReason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
          if (by === NONE) {
            via = load<i32>(load<u32>(OF_NOBODY) + (waitReason << 2))
            if (via < 0) break
          } else if (wakerTask === 0 || servesOthers(waker, task, wakerTask)) {
            if (load<i32>(load<u32>(HANDS_OVER) + (waitReason << 2)) !== 0) break
          }
        }
        store<i32>(load<u32>(STAY_WAKER) + (slot << 2), by)
        store<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2), wakerTask)
        store<u16>(load<u32>(STAY_VIA) + (slot << 1), via)
      }
    } else {
      if (stack !== 0 && load<u8>(load<u32>(SYSTEM) + row) === 0) break
      if (stacks && stack !== 0 && (kind === GO_BLOCK || kind === GO_SYSCALL_BEGIN || kind === GO_STOP)) {
        if (!(stack < LOW_STACKS)) break
        stackRow = load<i32>(load<u32>(ROW_OF_STACK) + ((<u32>stack) << 2))
        if (stackRow === UNKNOWN_STACK) break
      }
      if (kind === GO_BLOCK) {
        const name = load<f64>(i << 3, BLOCK_A)
        if (!(name < LOW_STRINGS) || load<u8>(load<u32>(LEAVING) + row) !== 0) break
        const known = load<i32>(load<u32>(REASON_OF_STRING) + ((<u32>name) << 2))
        if (known < 0) break
        reason = known
        if (load<u8>(load<u32>(REASON_SPECIAL) + reason) !== 0) break
        if (load<i32>(load<u32>(REASON_SLOT) + (reason << 2)) === 0) break
      } else if (kind === GO_SYSCALL_BEGIN) {
        const processor = load<i32>(i << 2, BLOCK_PROCESSOR)
        if (processor >= load<i32>(PROCESSOR_ROOM)) break
        store<i32>(load<u32>(SYSCALL_PROCESSOR) + (row << 2), processor)
        if (processor >= 0) store<u32>(load<u32>(SYSCALL_GOROUTINE) + (processor << 2), row)
      } else if (kind === GO_SYSCALL_END || kind === GO_SYSCALL_END_BLOCKED) {
        const left: usize = load<u32>(SYSCALL_PROCESSOR) + (row << 2)
        const processor = load<i32>(left)
        if (processor >= 0) store<i32>(load<u32>(SYSCALL_GOROUTINE) + (processor << 2), NONE)
        store<i32>(left, NONE)
      }
    }

    // ---- Its state so far is over. ----
    store<f64>(told + (row << 3), timeNs)
    const spentNs = timeNs - load<f64>(since + (row << 3))
    const slot = slotOf(before, load<u16>(reasons + (row << 1)))
    const sum = sums + ((row * stride + slot) << 3)
    store<f64>(sum, load<f64>(sum) + spentNs)
    store<u8>(states + row, state)
    store<f64>(since + (row << 3), timeNs)
    store<u16>(reasons + (row << 1), reason)
    store<i32>(stayOf + (row << 2), top)

    // ---- A new stay. ----
    const at = top & mask
    store<f64>(load<u32>(STAY_START) + (at << 3), timeNs)
    store<f64>(load<u32>(STAY_END) + (at << 3), Infinity)
    store<u8>(load<u32>(STAY_STATE) + at, state)
    store<u16>(load<u32>(STAY_REASON) + (at << 1), reason)
    store<u16>(load<u32>(STAY_VIA) + (at << 1), 0)
    store<i32>(load<u32>(STAY_PREVIOUS) + (at << 2), stay)
    store<i32>(load<u32>(STAY_NEXT) + (at << 2), NONE)
    store<i32>(load<u32>(STAY_WAKER) + (at << 2), by)
    store<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2), wakerTask)
    store<i32>(load<u32>(STAY_TASK) + (at << 2), task)
    store<i32>(load<u32>(STAY_RANGE) + (at << 2), load<i32>(load<u32>(LAST_RANGE) + (row << 2)))
    store<i32>(load<u32>(STAY_STACK) + (at << 2), stackRow)
    store<f64>(load<u32>(STAY_GOROUTINE) + (at << 3), load<f64>(load<u32>(ID) + (row << 3)))
    if (stay >= tail) {
      store<i32>(load<u32>(STAY_NEXT) + ((stay & mask) << 2), top)
      store<f64>(load<u32>(STAY_END) + ((stay & mask) << 3), timeNs)
    }
    top++
  }
  store<i32>(STAY_TOP, top)
  return i
}

/** Whether a waker may work for nobody as far as a goroutine's task goes. */
function servesOthers(waker: u32, task: i32, wakerTask: i32): bool {
  return load<u8>(load<u32>(ONLY_CREATED) + waker) !== 0 && task !== 0 && task !== wakerTask
}

/** Whether a task ended, so that whoever works for it works for another one now. */
function hasEnded(serial: i32): bool {
  return serial !== 0 && <u32>serial < load<u32>(ENDED_ROOM) && load<u8>(load<u32>(ENDED) + serial) !== 0
}

/** Slot that the time of a state is summed in. */
function slotOf(state: u32, reason: u32): u32 {
  if (state === WAITING) return load<u32>(load<u32>(REASON_SLOT) + (reason << 2))
  if (state === RUNNING) return SLOT_EXEC
  if (state === RUNNABLE) return SLOT_SCHED_WAIT
  if (state === SYSCALL) return SLOT_SYSCALL
  return state === SYSCALL_BLOCKED ? SLOT_SYSCALL_BLOCK : SLOT_UNKNOWN
}
