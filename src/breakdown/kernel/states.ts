// states.ts: the loop that brings goroutines from state to state, in WebAssembly (AssemblyScript).
//
// Five events of six only do that. `../analysis.ts` and the files beside it say what they mean and have the loop for all that is odd or has to be looked up: this
// one stops before such an event and has changed nothing for it.
//
// Memory is reached by bare positions: whatever comes out of a block of events (rows of goroutines and processors, numbers of strings and
// stacks) is looked at against the room that there is, stays go round the ring, serials are looked at against their column.

import { wholeOf } from '../../base/kernel/whole.ts'
import {
  BLOCK_A,
  BLOCK_GOROUTINE,
  BLOCK_KIND,
  BLOCK_PROCESSOR,
  BLOCK_STACK,
  BLOCK_TIME,
} from '../../capture/block-layout.ts'
import * as Ev from '../../capture/event-numbers.ts'
import {
  ABSENT,
  ASKS_STACK,
  CAUSE_OF_STACK,
  COROUTINE,
  HANDS_OVER,
  LOW_STACKS,
  LOW_STRINGS,
  NETWORK,
  OF_NOBODY,
  ONLY_CREATED,
  PROCESSOR_ROOM,
  REASON,
  REASON_OF_STRING,
  REASON_SLOT,
  REASON_SPECIAL,
  ROW_OF_STACK,
  ROW_ROOM,
  RUNNABLE,
  RUNNING,
  SINCE,
  SLEEP,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  STACKS,
  STATE,
  STAY,
  STAY_MASK,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_TAIL,
  STAY_TOP,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STRIDE,
  SUMS,
  SYSCALL,
  SYSCALL_BLOCKED,
  SYSCALL_CAUSE,
  SYSCALL_GOROUTINE,
  SYSCALL_PROCESSOR,
  SYSTEM,
  TASK,
  TIMERS,
  TOLD,
  UNKNOWN_STACK,
  UNNAMED,
  WAITING,
  WAITS_FOREVER,
} from '../states-layout.ts'
import { beginTask, endTask, log } from './annotations.ts'
import { create, destroy } from './goroutines.ts'
import { keepSettled, keepTask, keptEnd } from './kept.ts'
import { noteRelease } from './locks.ts'
import { runsBefore } from './latest-ends.ts'
import { findKinds, keepShape, kindOfName } from './name-kinds.ts'
import { beginOrEndRange } from './ranges.ts'
import { beginRegion, endRegion } from './regions.ts'
import { thin } from './past.ts'
import { beginRunners, runnersOf } from './runners.ts'
import { addTime, closeStay, leaveSyscall, openStay } from './stays.ts'
import { settle } from './sums.ts'
import { currentTask, descendsFrom, hasEnded } from './tasks.ts'
import { isTimers, ofWaker } from './via.ts'
import { giverOf, lastGivenNs } from './passed-on.ts'
import { before, beforeOthers, forgetVisits, isFar, stayAt, stepsTaken } from './visits.ts'
import { isOnlyCreated, letsGo } from './workers.ts'

export {
  before,
  beforeOthers,
  beginRunners,
  findKinds,
  forgetVisits,
  isFar,
  isOnlyCreated,
  isTimers,
  keepSettled,
  keepShape,
  keepTask,
  keptEnd,
  kindOfName,
}
export { giverOf, lastGivenNs, ofWaker, runnersOf, runsBefore, settle, stayAt, stepsTaken, thin }

const NONE: i32 = -1

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
      case Ev.GoStart:
        row = wholeOf(load<f64>(i << 3, BLOCK_A))
        if (row < room && top - tail <= <i32>mask && turn(i, row, RUNNABLE, RUNNING, SLOT_SCHED_WAIT, top)) {
          top++
          continue
        }
        state = RUNNING
        break
      case Ev.GoUnblock:
        row = wholeOf(load<f64>(i << 3, BLOCK_A))
        state = RUNNABLE
        break
      case Ev.GoStop:
        if (!stacks && row < room && top - tail <= <i32>mask && turn(i, row, RUNNING, RUNNABLE, SLOT_EXEC, top)) {
          top++
          continue
        }
        state = RUNNABLE
        break
      case Ev.GoSyscallEndBlocked:
        state = RUNNABLE
        break
      case Ev.GoBlock:
        state = WAITING
        break
      case Ev.GoSyscallBegin:
        state = SYSCALL
        break
      case Ev.GoSyscallEnd:
        state = RUNNING
        break
      case Ev.HeapAlloc:
      case Ev.ProcStart:
        continue
      case Ev.UserRegionBegin:
      case Ev.UserRegionEnd:
      case Ev.UserTaskBegin:
      case Ev.UserTaskEnd:
      case Ev.UserLog:
        if (row >= room || load<u8>(states + row) === ABSENT) continue
        store<i32>(STAY_TOP, top)
        if (takeAnnotation(i, row, kind)) {
          // The goroutine may have gone on in another stay.
          top = load<i32>(STAY_TOP)
          continue
        }
        state = ABSENT
        break
      case Ev.GoDestroy:
        if (row >= room || load<u8>(states + row) === ABSENT || destroy(i, row)) continue
        state = ABSENT
        break
      case Ev.GCMarkAssistBegin:
      case Ev.GCMarkAssistEnd:
      case Ev.GCSweepBegin:
      case Ev.GCSweepEnd:
        if (row < room && load<u8>(states + row) !== ABSENT && beginOrEndRange(i, row, kind)) continue
        state = ABSENT
        break
      case Ev.ProcStop:
        row = inSyscallOn(load<i32>(i << 2, BLOCK_PROCESSOR))
        if (<i32>row === NONE) continue
        // Most likely: its goroutine lost the processor.
        state = row < room && load<u8>(states + row) === SYSCALL ? SYSCALL_BLOCKED : ABSENT
        break
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
        state = ABSENT
        if (top - tail > <i32>mask || !create(i, kind === Ev.GoCreate ? RUNNABLE : WAITING, top)) break
        top++
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
    // A worker that is done with its task lets go of it first.
    if (kind === Ev.GoBlock && letsGo(row)) break
    const task = currentTask(row)
    const stay = load<i32>(stayOf + (row << 2))
    let reason: u32 = 0
    let stackRow: i32 = NONE
    let cause: i32 = 0
    let by: i32 = NONE
    let wakerTask: i32 = 0
    const stack = load<f64>(i << 3, BLOCK_STACK)
    if (kind === Ev.GoUnblock) {
      const waker = load<u32>(i << 2, BLOCK_GOROUTINE)
      if (waker < room) {
        wakerTask = currentTask(waker)
        if (load<u8>(states + waker) !== ABSENT && load<u8>(load<u32>(SYSTEM) + waker) !== TIMERS) {
          by = load<i32>(stayOf + (waker << 2))
        }
      }
      const waits = before === WAITING && stay >= tail && stay >= 0
      const slot = stay & mask
      let via: i32 = 0
      if (waits) {
        via = load<u16>(load<u32>(STAY_VIA) + (slot << 1))
        const waitReason: u32 = load<u16>(load<u32>(STAY_REASON) + (slot << 1))
        // A coroutine works for whoever calls it.
        if (load<u8>(load<u32>(COROUTINE) + row) !== 0 && waitReason === 0 && changesTask(row, task, wakerTask)) break
        if (by !== NONE && stack !== 0 && waitReason === <u32>load<i32>(NETWORK)) {
          // Ended by the poller, which the runtime asks on a goroutine of anybody's.
          if (!(stack < LOW_STACKS)) break
          const asked = load<i32>(load<u32>(CAUSE_OF_STACK) + (wholeOf(stack) << 2))
          if (asked < 0) break
          if (asked !== 0) {
            by = NONE
            wakerTask = 0
          }
        }
        const place = via
        if (place === 0 || place === load<i32>(NETWORK)) {
          if (by === NONE) {
            const ended = load<i32>(load<u32>(OF_NOBODY) + (waitReason << 2))
            if (ended < 0) break
            if (ended !== 0) via = ended
          } else if (wakerTask === 0 || servesOthers(waker, task, wakerTask)) {
            if (load<u8>(load<u32>(HANDS_OVER) + waitReason) !== 0) {
              if (min(load<i32>(NETWORK), load<i32>(SLEEP)) < 0 || load<i32>(SYSCALL_CAUSE) < 0) break
              const annotates = load<u8>(load<u32>(ONLY_CREATED) + waker) === 0
              const sinceNs = load<f64>(load<u32>(STAY_START) + (slot << 3))
              const ended: i32 = ofWaker(by, waitReason, sinceNs, timeNs, annotates)
              if (place === 0 || (ended === load<i32>(SLEEP) && isTimers(by))) via = ended
            } else if (waitReason === <u32>load<i32>(NETWORK) && isTimers(by)) via = load<i32>(SLEEP)
          }
        }
      }
      if (stacks && stack !== 0 && by !== NONE && !noteRelease(stay, by, stack)) break
      if (waits) {
        store<i32>(load<u32>(STAY_WAKER) + (slot << 2), by)
        store<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2), wakerTask)
        store<u16>(load<u32>(STAY_VIA) + (slot << 1), via)
      }
    } else {
      if (stack !== 0 && load<u8>(load<u32>(SYSTEM) + row) === 0) break
      if (stacks && stack !== 0 && (kind === Ev.GoBlock || kind === Ev.GoSyscallBegin || kind === Ev.GoStop)) {
        if (!(stack < LOW_STACKS)) break
        stackRow = load<i32>(load<u32>(ROW_OF_STACK) + (wholeOf(stack) << 2))
        if (stackRow === UNKNOWN_STACK) break
      }
      if (kind === Ev.GoBlock) {
        const name = load<f64>(i << 3, BLOCK_A)
        if (!(name < LOW_STRINGS)) break
        const known = load<i32>(load<u32>(REASON_OF_STRING) + (wholeOf(name) << 2))
        if (known < 0) break
        reason = known
        const special: u32 = load<u8>(load<u32>(REASON_SPECIAL) + reason)
        if (special === WAITS_FOREVER) break
        // Where neither reason nor stack says more, the analysis asks whose goroutine it is: stack 0 never has a cause here. A switch to a coroutine has
        // neither too.
        if (special === ASKS_STACK && (stack !== 0 || (reason === 0 && !isSwitch(i)))) {
          if (!(stack < LOW_STACKS)) break
          cause = load<i32>(load<u32>(CAUSE_OF_STACK) + (wholeOf(stack) << 2))
          if (cause < 0) break
        }
        if (load<i32>(load<u32>(REASON_SLOT) + (reason << 2)) === 0) break
      } else if (kind === Ev.GoSyscallBegin) {
        const processor = load<i32>(i << 2, BLOCK_PROCESSOR)
        if (processor >= load<i32>(PROCESSOR_ROOM)) break
        store<i32>(load<u32>(SYSCALL_PROCESSOR) + (row << 2), processor)
        if (processor >= 0) store<u32>(load<u32>(SYSCALL_GOROUTINE) + (processor << 2), row)
      } else if (kind === Ev.ProcStop) {
        store<i32>(load<u32>(SYSCALL_GOROUTINE) + (load<i32>(i << 2, BLOCK_PROCESSOR) << 2), NONE)
      } else if (kind === Ev.GoSyscallEnd || kind === Ev.GoSyscallEndBlocked) {
        leaveSyscall(row)
      }
    }

    // ---- Its state so far is over. ----
    store<f64>(told + (row << 3), timeNs)
    addTime(row, timeNs)
    store<u8>(states + row, state)
    store<f64>(since + (row << 3), timeNs)
    store<u16>(reasons + (row << 1), reason)
    store<i32>(stayOf + (row << 2), top)

    // ---- A new stay. ----
    const at = openStay(top, row, stay, state, timeNs, reason, task, by, wakerTask)
    if (stackRow !== NONE) store<i32>(load<u32>(STAY_STACK) + (at << 2), stackRow)
    if (cause !== 0) store<u16>(load<u32>(STAY_VIA) + (at << 1), cause)
    closeStay(stay, top, timeNs)
    top++
  }
  store<i32>(STAY_TOP, top)
  return i
}

/**
 * Whether a goroutine could go from one state to another, neither of them a wait, with nothing else to be seen to: two events of three. Nothing is
 * changed where it could not.
 *
 * @param slot in which the time of the state before is summed
 */
/* @inline */ function turn(event: u32, row: u32, before: u32, after: u32, slot: u32, top: i32): bool {
  const state: usize = load<u32>(STATE) + row
  if (load<u8>(state) !== before) return false
  // What it is may be told by the stack of the event.
  if (load<u8>(load<u32>(SYSTEM) + row) === UNNAMED) return false
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const told: usize = load<u32>(TOLD) + (row << 3)
  if (timeNs < load<f64>(told)) return false
  const task = load<i32>(load<u32>(TASK) + (row << 2))
  if (hasEnded(task)) return false
  store<f64>(told, timeNs)
  const sum: usize = load<u32>(SUMS) + ((row * load<u32>(STRIDE) + slot) << 3)
  const since: usize = load<u32>(SINCE) + (row << 3)
  store<f64>(sum, load<f64>(sum) + (timeNs - load<f64>(since)))
  store<f64>(since, timeNs)
  store<u8>(state, after)
  const stayOf: usize = load<u32>(STAY) + (row << 2)
  const stay = load<i32>(stayOf)
  store<i32>(stayOf, top)
  openStay(top, row, stay, after, timeNs, 0, task, NONE, 0)
  closeStay(stay, top, timeNs)
  return true
}

/** Whether a coroutine works for another task from now on, as `called` of `../membership.ts`. */
function changesTask(row: u32, task: i32, caller: i32): bool {
  if (caller === task || descendsFrom(task, caller)) return false
  return caller !== 0 || load<u8>(load<u32>(ONLY_CREATED) + row) !== 0
}

/** Whether a waker works for nobody as far as a goroutine's task goes. */
function servesOthers(waker: u32, task: i32, wakerTask: i32): bool {
  return load<u8>(load<u32>(ONLY_CREATED) + waker) !== 0 && task !== 0 && !descendsFrom(wakerTask, task)
}

/** Whether a region, task or log could be taken. */
function takeAnnotation(event: u32, row: u32, kind: u32): bool {
  if (kind === Ev.UserRegionBegin) return beginRegion(event, row)
  if (kind === Ev.UserRegionEnd) return endRegion(event, row)
  if (kind === Ev.UserTaskBegin) return beginTask(event, row)
  return kind === Ev.UserTaskEnd ? endTask(event, row) : log(event, row)
}

/** Row of the goroutine in a system call on a processor; -1 when there is none. */
function inSyscallOn(processor: i32): i32 {
  if (processor < 0 || processor >= load<i32>(PROCESSOR_ROOM)) return NONE
  return load<i32>(load<u32>(SYSCALL_GOROUTINE) + (processor << 2))
}

/** As `isCoroutineSwitch` of `../../capture/event-block.ts`. */
function isSwitch(i: u32): bool {
  if (i === 0 || load<u8>(i - 1, BLOCK_KIND) !== Ev.GoUnblock) return false
  const sameGoroutine = load<u32>((i - 1) << 2, BLOCK_GOROUTINE) === load<u32>(i << 2, BLOCK_GOROUTINE)
  return sameGoroutine && load<f64>((i - 1) << 3, BLOCK_TIME) === load<f64>(i << 3, BLOCK_TIME)
}
