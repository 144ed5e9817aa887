// tasks.ts: tasks by their ids and serials, which lies below which, and the goroutines that count for them. `../tasks.ts` and `../lineage.ts` have
// the rules.

import { findRow, findRowOf } from '../../base/kernel/id-table.ts'
import { takeRow } from '../../base/kernel/rows.ts'
import {
  ENDED,
  ENDED_ROOM,
  FIRST_MEMBER,
  LAST_MEMBER,
  LAST_SERIAL,
  LEAST_MEMBERS,
  LINEAGE_END,
  LINEAGE_ID,
  LINEAGE_OUTER,
  LINEAGE_PARENT,
  LINEAGE_ROOM,
  MEMBER_COUNT,
  MEMBER_FREE,
  MEMBER_FREE_COUNT,
  MEMBER_GOROUTINE,
  MEMBER_NEXT,
  MEMBER_ROOM,
  MEMBER_ROWS,
  MEMBER_STAY,
  MEMBERS_LOOKED_THROUGH,
  MOST_GENERATIONS,
  ONLY_CREATED,
  SLOT_OF_ID,
  TAKEN,
  TASK,
  TASK_ID,
  TASK_IDS,
  TASK_PARENT,
  TASK_SERIALS,
  TASK_START,
} from '../states-layout.ts'

const NONE: i32 = -1

/** Tasks above one that goroutines are counted for here; of more TypeScript takes care. */
const MOST_ABOVE: u32 = 16

/** Slot of a task by its id; -1 when there is none. */
export function slotOfTask(id: f64): i32 {
  const row = findRow(TASK_IDS, id)
  return row < 0 ? NONE : load<i32>(load<u32>(SLOT_OF_ID) + (row << 2))
}

/** Slot of a task by its serial; -1 when it was handed on. */
export function slotOfSerial(serial: i32): i32 {
  return findRowOf(TASK_SERIALS, <u32>serial)
}

/** Whether a task ended, so that whoever works for it works for another one now. */
/* @inline */ export function hasEnded(serial: i32): bool {
  return serial !== 0 && <u32>serial < load<u32>(ENDED_ROOM) && load<u8>(load<u32>(ENDED) + serial) !== 0
}

/** Serial of the task that a goroutine works for now, the innermost that has not ended; 0 none. As `serialOf` in `../membership.ts`. */
/* @inline */ export function currentTask(row: u32): i32 {
  const serial = load<i32>(load<u32>(TASK) + (row << 2))
  return hasEnded(serial) ? taskAround(row, serial) : serial
}

/** The task that a goroutine works for instead of one that ended, from now on. */
function taskAround(row: u32, ended: i32): i32 {
  let serial = ended
  const created = load<u8>(load<u32>(ONLY_CREATED) + row) !== 0
  const taken = load<i32>(load<u32>(TAKEN) + (row << 2))
  let generations: i32 = 0
  do {
    const isOthers = created || (taken !== 0 && descendsFrom(taken, serial))
    serial = lineage(isOthers ? LINEAGE_PARENT : LINEAGE_OUTER, serial)
    if (isOthers && ((!hasEnded(serial) && !hasBegun(serial)) || ++generations > MOST_GENERATIONS)) serial = 0
  } while (hasEnded(serial))
  store<i32>(load<u32>(TASK) + (row << 2), serial)
  return serial
}

/** Whether a task, which was not handed on yet, began. */
function hasBegun(serial: i32): bool {
  const slot = slotOfSerial(serial)
  // A number, so that it began.
  return slot >= 0 && load<f64>(load<u32>(TASK_START) + (slot << 3)) >= 0
}

/** Whether a task is another one or descends from it; both may have been handed on. */
export function descendsFrom(serial: i32, above: i32): bool {
  for (let at = serial, depth: i32 = 0; at !== 0 && depth < MOST_GENERATIONS; depth++) {
    if (at === above) return true
    at = lineage(LINEAGE_PARENT, at)
  }
  return false
}

/** Whether a task, or one that it descends from, began and was not handed on yet. */
export function isOpenOrBelow(serial: i32): bool {
  for (let at = serial, depth: i32 = 0; at !== 0 && depth < MOST_GENERATIONS; depth++) {
    if (hasBegun(at)) return true
    at = lineage(LINEAGE_PARENT, at)
  }
  return false
}

/** Id of the task of a serial, also when it was handed on; -1 when that is not remembered. */
export function idOfSerial(serial: i32): f64 {
  const latest = load<i32>(LAST_SERIAL)
  const room = load<i32>(LINEAGE_ROOM)
  if (serial <= 0 || serial > latest || latest - serial >= room) return -1
  return load<f64>(load<u32>(LINEAGE_ID) + ((serial & (room - 1)) << 3))
}

/** When the task of a serial ended; Infinity while it has not, or when that is not remembered. */
export function endOfSerial(serial: i32): f64 {
  const latest = load<i32>(LAST_SERIAL)
  const room = load<i32>(LINEAGE_ROOM)
  if (serial <= 0 || serial > latest || latest - serial >= room) return Infinity
  return load<f64>(load<u32>(LINEAGE_END) + ((serial & (room - 1)) << 3))
}

export function setEndOfSerial(serial: i32, timeNs: f64): void {
  const room = load<i32>(LINEAGE_ROOM)
  if (load<i32>(LAST_SERIAL) - serial < room) store<f64>(load<u32>(LINEAGE_END) + ((serial & (room - 1)) << 3), timeNs)
}

/** What a column of the lineage says of a serial; 0 when that is not remembered. */
export function lineage(column: usize, serial: i32): i32 {
  const latest = load<i32>(LAST_SERIAL)
  const room = load<i32>(LINEAGE_ROOM)
  if (serial <= 0 || serial > latest || latest - serial >= room) return 0
  return load<i32>(load<u32>(column) + ((serial & (room - 1)) << 2))
}

/**
 * Whether a goroutine could be noted to work for the task of a slot and for those above it, each with few goroutines. Nothing is changed where
 * it could not.
 *
 * @param stay its stay now
 */
export function addMember(slot: i32, goroutine: f64, stay: i32): bool {
  let needed: u32 = 0
  let depth: u32 = 0
  for (let up = slot; up >= 0; up = slotAbove(up)) {
    if (depth++ > MOST_ABOVE) return false
    if (load<f64>(load<u32>(TASK_ID) + (up << 3)) === 0) return false
    if (load<i32>(load<u32>(MEMBER_COUNT) + (up << 2)) >= MEMBERS_LOOKED_THROUGH) return false
    if (!isMember(up, goroutine)) needed++
  }
  const used = load<u32>(MEMBER_ROWS) - load<u32>(MEMBER_FREE_COUNT)
  if (used + needed > load<u32>(MEMBER_ROOM) || (depth > 1 && used + needed > <u32>LEAST_MEMBERS)) return false
  if (needed === 0) return true
  for (let up = slot; up >= 0; up = slotAbove(up)) if (!isMember(up, goroutine)) addOwnMember(up, goroutine, stay)
  return true
}

/** Slot of the task whose id one names as its parent; -1 when it names none, or none that is known. */
function slotAbove(slot: i32): i32 {
  const parent = load<f64>(load<u32>(TASK_PARENT) + (slot << 3))
  return parent > 0 ? slotOfTask(parent) : NONE
}

function isMember(slot: i32, goroutine: f64): bool {
  let member = load<i32>(load<u32>(FIRST_MEMBER) + (slot << 2))
  while (member !== NONE) {
    if (load<f64>(load<u32>(MEMBER_GOROUTINE) + (member << 3)) === goroutine) return true
    member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))
  }
  return false
}

/** There must be a row for it. */
function addOwnMember(slot: i32, goroutine: f64, stay: i32): void {
  const row = takeRow(MEMBER_ROWS, load<u32>(MEMBER_ROOM), MEMBER_FREE, MEMBER_FREE_COUNT)
  store<f64>(load<u32>(MEMBER_GOROUTINE) + (row << 3), goroutine)
  store<i32>(load<u32>(MEMBER_STAY) + (row << 2), stay)
  store<i32>(load<u32>(MEMBER_NEXT) + (row << 2), NONE)
  const count: usize = load<u32>(MEMBER_COUNT) + (slot << 2)
  const last: usize = load<u32>(LAST_MEMBER) + (slot << 2)
  if (load<i32>(count) === 0) store<i32>(load<u32>(FIRST_MEMBER) + (slot << 2), row)
  else store<i32>(load<u32>(MEMBER_NEXT) + (load<i32>(last) << 2), row)
  store<i32>(last, row)
  store<i32>(count, load<i32>(count) + 1)
}
