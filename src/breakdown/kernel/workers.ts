// workers.ts: goroutines that are seen working for tasks. `join` of `../membership.ts` has the rules.

import { hashOf } from '../../base/kernel/id-table.ts'
import {
  ABSENT,
  ID,
  LEAST_ROWS_LOOKED_THROUGH,
  LEAVING,
  MEMBER_OF,
  MEMBER_SINCE,
  MEMBERSHIP_CHANGES,
  MOST_STAYS_GIVEN,
  ONLY_CREATED,
  REASON,
  ROW_ROOM,
  ROWS_FOUND,
  ROWS_FOUND_ROOM,
  ROWS_LOOKED_THROUGH_PER_STAY,
  SINCE,
  STATE,
  STAY,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  STAY_WAKER_TASK,
  TAKEN,
  TASK_PARENT,
} from '../states-layout.ts'
import { addTime, closeStay, openStay } from './stays.ts'
import { addMember, currentTask, descendsFrom, hasEnded, slotOfSerial } from './tasks.ts'

const NONE: i32 = -1

/** Rows that were looked through for goroutines by their ids. */
let lookedThrough: f64 = 0

/** Whether a goroutine works for a task now, and is not about to let go of it: before that nobody may ask what it works for. */
export function worksFor(row: u32, serial: i32): bool {
  const leaves = load<u8>(load<u32>(LEAVING) + row) !== 0 && load<i32>(load<u32>(TAKEN) + (row << 2)) === serial
  return !leaves && currentTask(row) === serial
}

/** Whether a goroutine that is about to wait lets go of the task that it had taken up. As `letGo` of `../membership.ts`. */
export function letsGo(row: u32): bool {
  if (load<u8>(load<u32>(LEAVING) + row) === 0) return false
  const taken = load<i32>(load<u32>(TAKEN) + (row << 2))
  const current = currentTask(row)
  return current === 0 || descendsFrom(taken, current) || hasEnded(taken)
}

/**
 * Whether an annotation of no task could be noted: it says only that its goroutine annotates. A broken capture may let the background task lie
 * below another, for which its goroutines count then.
 *
 * @param slot that of the background task
 */
export function annotate(row: u32, slot: i32): bool {
  if (load<f64>(load<u32>(TASK_PARENT) + (slot << 3)) > 0) return false
  currentTask(row)
  store<u8>(load<u32>(ONLY_CREATED) + row, 0)
  return true
}

/**
 * Whether a goroutine could be noted to work for a task. What it did so far for another one stays that one's. Nothing is changed where it could
 * not.
 *
 * @param slot that of the task
 */
export function join(row: u32, serial: i32, slot: i32, timeNs: f64): bool {
  const of4 = row << 2
  const stay = load<i32>(load<u32>(STAY) + of4)
  const tail = load<i32>(STAY_TAIL)
  const mask = load<u32>(STAY_MASK)
  if (stay < tail || stay < 0) return false
  const heldBy: usize = load<u32>(STAY_TASK) + ((stay & mask) << 2)
  const held = load<i32>(heldBy)
  let marks: bool = held === 0 || held === serial
  let splits: bool = false
  if (!marks && !descendsFrom(held, serial)) {
    marks = slotOfSerial(held) >= 0 && descendsFrom(serial, held)
    splits = !marks
  }
  const top = load<i32>(STAY_TOP)
  if (splits && top - tail > <i32>mask) return false
  const counts =
    load<i32>(load<u32>(MEMBER_OF) + of4) === serial &&
    load<i32>(load<u32>(MEMBER_SINCE) + of4) === load<i32>(MEMBERSHIP_CHANGES)
  if (!counts && !addMember(slot, load<f64>(load<u32>(ID) + (row << 3)), splits ? top : stay)) return false

  // ---- It works for it. ----
  store<u8>(load<u32>(ONLY_CREATED) + row, 0)
  store<i32>(load<u32>(MEMBER_OF) + of4, serial)
  store<i32>(load<u32>(MEMBER_SINCE) + of4, load<i32>(MEMBERSHIP_CHANGES))
  if (marks) store<i32>(heldBy, serial)
  if (splits) split(row, timeNs, serial, top)
  return true
}

/** A goroutine goes on with what it does, from now on for another task. */
function split(row: u32, timeNs: f64, serial: i32, top: i32): void {
  addTime(row, timeNs)
  store<f64>(load<u32>(SINCE) + (row << 3), timeNs)
  const stayOf: usize = load<u32>(STAY) + (row << 2)
  const stay = load<i32>(stayOf)
  store<i32>(stayOf, top)
  const state: u32 = load<u8>(load<u32>(STATE) + row)
  const reason: u32 = load<u16>(load<u32>(REASON) + (row << 1))
  openStay(top, row, stay, state, timeNs, reason, serial, NONE, 0)
  closeStay(stay, top, timeNs)
  store<i32>(STAY_TOP, top + 1)
}

/**
 * Whether the goroutine of a stay, which is in the log, works for a task only because it was created for it. Of one that is over it is not known whether it
 * annotated anything.
 *
 * @param otherwise whether one that is over is taken for such a one, where it was created for the task
 */
export function isOnlyCreated(stay: i32, task: i32, otherwise: bool): bool {
  const row = endsSoonAfter(stay)
    ? NONE
    : rowOf(load<f64>(load<u32>(STAY_GOROUTINE) + ((stay & load<u32>(STAY_MASK)) << 3)))
  return row === NONE ? otherwise && wasCreatedFor(stay, task) : load<u8>(load<u32>(ONLY_CREATED) + row) !== 0
}

/** Whether the goroutine of a stay was created, not many stays ago, by one that worked for a task. */
function wasCreatedFor(last: i32, task: i32): bool {
  const mask = load<u32>(STAY_MASK)
  const tail = load<i32>(STAY_TAIL)
  let stay = last
  for (let n: i32 = 0; n < MOST_STAYS_GIVEN && stay >= tail && stay >= 0; n++) {
    const slot: u32 = stay & mask
    stay = load<i32>(load<u32>(STAY_PREVIOUS) + (slot << 2))
    if (stay === NONE) return descendsFrom(load<i32>(load<u32>(STAY_WAKER_TASK) + (slot << 2)), task)
  }
  return false
}

/** Whether a goroutine ended within few stays of one. */
function endsSoonAfter(stay: i32): bool {
  const mask = load<u32>(STAY_MASK)
  let last = stay
  for (let n: i32 = 0; n < MOST_STAYS_GIVEN; n++) {
    const next = load<i32>(load<u32>(STAY_NEXT) + ((last & mask) << 2))
    if (next < 0) return load<f64>(load<u32>(STAY_END) + ((last & mask) << 3)) < Infinity
    last = next
  }
  return false
}

/**
 * Row of a goroutine that lives, by its id. Few are asked for, so that nothing is kept of the others; a program may have a hundred thousand of them, which
 * are not looked through for each wait: none is where too many were.
 */
function rowOf(id: f64): i32 {
  const found: usize = load<u32>(ROWS_FOUND) + ((hashOf(id) & (ROWS_FOUND_ROOM - 1)) << 2)
  const before = load<u32>(found)
  if (isAt(before, id)) return before
  const rows = load<u32>(ROW_ROOM)
  if (lookedThrough > LEAST_ROWS_LOOKED_THROUGH + <f64>ROWS_LOOKED_THROUGH_PER_STAY * load<i32>(STAY_TOP)) return NONE
  lookedThrough += rows
  for (let row: u32 = 0; row < rows; row++) {
    if (!isAt(row, id)) continue
    store<u32>(found, row)
    return row
  }
  return NONE
}

/* @inline */ function isAt(row: u32, id: f64): bool {
  return load<f64>(load<u32>(ID) + (row << 3)) === id && load<u8>(load<u32>(STATE) + row) !== ABSENT
}
