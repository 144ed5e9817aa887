// workers.ts: goroutines that are seen working for tasks. `join` of `../membership.ts` has the rules.

import {
  ID,
  LEAVING,
  MEMBER_OF,
  MEMBER_SINCE,
  MEMBERSHIP_CHANGES,
  ONLY_CREATED,
  REASON,
  SINCE,
  STATE,
  STAY,
  STAY_MASK,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  TASK_PARENT,
} from '../states-layout.ts'
import { addTime, closeStay, openStay } from './stays.ts'
import { addMember, currentTask, descendsFrom, slotOfSerial } from './tasks.ts'

const NONE: i32 = -1

/** Whether a goroutine works for a task now, and is not about to let go of it: before that nobody may ask what it works for. */
export function worksFor(row: u32, serial: i32): bool {
  return load<u8>(load<u32>(LEAVING) + row) === 0 && currentTask(row) === serial
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
