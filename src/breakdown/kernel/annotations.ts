// annotations.ts: tasks that begin and end as they should, and their logs. `../annotations.ts` has the rules, and all that is odd.

import { findRow, insertRow, nextRow } from '../../base/kernel/id-table.ts'
import { hasRow, takeRow } from '../../base/kernel/rows.ts'
import { wholeOf } from '../../base/kernel/whole.ts'
import { BLOCK_A, BLOCK_B, BLOCK_C, BLOCK_TIME } from '../../capture/block-layout.ts'
import {
  ADDED_UP,
  DENSE_STRINGS,
  ENDED,
  ENDED_ROOM,
  FIRST_LOG,
  FIRST_MEMBER,
  FIRST_REGION,
  HANDED_ON,
  HANDED_ON_ROOM,
  HIGHEST_HANDED_ON,
  ID,
  LAST_LOG,
  LAST_MEMBER,
  LAST_REGION,
  LAST_SERIAL,
  LINEAGE_END,
  LINEAGE_ID,
  LINEAGE_OUTER,
  LINEAGE_PARENT,
  LINEAGE_ROOM,
  LOG_CATEGORY,
  LOG_FREE,
  LOG_FREE_COUNT,
  LOG_GOROUTINE,
  LOG_MESSAGE,
  LOG_NEXT,
  LOG_PENDING,
  LOG_ROOM,
  LOG_ROWS,
  LOG_TIME,
  MEMBER_COUNT,
  MEMBERSHIP_CHANGES,
  MOST_EXACT_ID,
  MOST_SERIALS,
  OPEN_REGIONS,
  PENDING_CATEGORY,
  PENDING_MESSAGE,
  PENDING_NUMBERS,
  PENDING_TIME,
  SETTLING,
  SETTLING_COUNT,
  SETTLING_FIRST,
  SLOT_OF_ID,
  SLOT_ROOM,
  STAY,
  TASK,
  TASK_END,
  TASK_END_GOROUTINE,
  TASK_END_STAY,
  TASK_ID,
  TASK_IDS,
  TASK_KIND,
  TASK_NAME,
  TASK_PARENT,
  TASK_SERIAL,
  TASK_SERIALS,
  TASK_START,
  TASK_START_GOROUTINE,
  TASK_START_STAY,
  TOLD,
  WAITS_FOR_REGIONS,
} from '../states-layout.ts'
import { currentTask, descendsFrom, setEndOfSerial, slotOfTask } from './tasks.ts'
import { isReadable } from './texts.ts'
import { annotate, join, worksFor } from './workers.ts'

const NONE: i32 = -1

/** Whether a task of an id that no other has now could be begun by an event. Nothing is changed where it could not. */
export function beginTask(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const id = load<f64>(event << 3, BLOCK_A)
  const parent = load<f64>(event << 3, BLOCK_B)
  const name = load<f64>(event << 3, BLOCK_C)
  // A log right before it is told with it, which only TypeScript does.
  if (load<u8>(load<u32>(LOG_PENDING) + row) !== 0 || timeNs < load<f64>(load<u32>(TOLD) + (row << 3))) return false
  if (!(id > 0 && id <= <f64>MOST_EXACT_ID && parent <= <f64>MOST_EXACT_ID && isKnown(name))) return false
  // One that says it is its own parent is TypeScript's, also where one of its id was handed on.
  if (parent === id || findRow(TASK_IDS, id) >= 0) return false
  const above = parent === 0 ? NONE : slotOfTask(parent)
  if (parent !== 0 && above < 0 && !isHandedOn(parent)) return false
  // Nor does the kernel have workers take up the task above.
  const outer = currentTask(row)
  if (above >= 0 && isOpen(above) && !descendsFrom(outer, load<i32>(load<u32>(TASK_SERIAL) + (above << 2))))
    return false
  const serial = load<i32>(LAST_SERIAL) + 1
  const room = load<i32>(LINEAGE_ROOM)
  if (serial >= room && room < MOST_SERIALS) return false
  const slot = nextRow(TASK_SERIALS)
  const idRow = nextRow(TASK_IDS)
  const slots = load<i32>(SLOT_ROOM)
  if (slot < 0 || idRow < 0 || slot >= slots || idRow >= slots) return false
  const stay = load<i32>(load<u32>(STAY) + (row << 2))
  const of4 = slot << 2
  const of8 = slot << 3
  // What joining asks: nobody looks here before the task is in the tables.
  store<i32>(LAST_SERIAL, serial)
  const at = (serial & (room - 1)) << 2
  store<i32>(load<u32>(LINEAGE_PARENT) + at, above < 0 ? 0 : load<i32>(load<u32>(TASK_SERIAL) + (above << 2)))
  store<f64>(load<u32>(TASK_ID) + of8, id)
  store<f64>(load<u32>(TASK_PARENT) + of8, parent === 0 ? NaN : parent)
  store<i32>(load<u32>(FIRST_MEMBER) + of4, NONE)
  store<i32>(load<u32>(LAST_MEMBER) + of4, NONE)
  store<i32>(load<u32>(MEMBER_COUNT) + of4, 0)
  // Its id may have been another task's, as in `TaskTable.mention`; that is counted there as well where it is not begun here.
  if (id <= load<f64>(HIGHEST_HANDED_ON)) store<i32>(MEMBERSHIP_CHANGES, load<i32>(MEMBERSHIP_CHANGES) + 1)
  if (!join(row, serial, slot, timeNs)) {
    store<i32>(LAST_SERIAL, serial - 1)
    return false
  }

  // ---- It is begun. ----
  insertRow(TASK_SERIALS, serial, slot)
  insertRow(TASK_IDS, id, idRow)
  store<i32>(load<u32>(SLOT_OF_ID) + (idRow << 2), slot)
  store<f64>(load<u32>(LINEAGE_ID) + (at << 1), id)
  store<i32>(load<u32>(LINEAGE_OUTER) + at, outer)
  store<f64>(load<u32>(LINEAGE_END) + (at << 1), Infinity)
  store<i32>(load<u32>(TASK_SERIAL) + of4, serial)
  store<f64>(load<u32>(TASK_START) + of8, timeNs)
  store<f64>(load<u32>(TASK_END) + of8, NaN)
  store<f64>(load<u32>(TASK_START_GOROUTINE) + of8, load<f64>(load<u32>(ID) + (row << 3)))
  store<f64>(load<u32>(TASK_END_GOROUTINE) + of8, NaN)
  store<i32>(load<u32>(TASK_START_STAY) + of4, stay)
  store<i32>(load<u32>(TASK_END_STAY) + of4, NONE)
  store<i32>(load<u32>(TASK_KIND) + of4, NONE)
  store<f64>(load<u32>(TASK_NAME) + of8, name)
  store<i32>(load<u32>(FIRST_LOG) + of4, NONE)
  store<i32>(load<u32>(LAST_LOG) + of4, NONE)
  store<i32>(load<u32>(FIRST_REGION) + of4, NONE)
  store<i32>(load<u32>(LAST_REGION) + of4, NONE)
  store<i32>(load<u32>(OPEN_REGIONS) + of4, 0)
  store<u8>(load<u32>(WAITS_FOR_REGIONS) + slot, 0)
  store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  store<i32>(load<u32>(TASK) + (row << 2), serial)
  return true
}

/** Whether the task that a goroutine works for could be ended by an event. Nothing is changed where it could not. */
export function endTask(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const id = load<f64>(event << 3, BLOCK_A)
  if (id === 0 || timeNs < load<f64>(load<u32>(TOLD) + (row << 3))) return false
  const slot = slotOfTask(id)
  if (slot < 0) return false
  const serial = load<i32>(load<u32>(TASK_SERIAL) + (slot << 2))
  if (<u32>serial >= load<u32>(ENDED_ROOM) || !worksFor(row, serial) || !join(row, serial, slot, timeNs)) return false

  // ---- It is ended. ----
  store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  store<u8>(load<u32>(LOG_PENDING) + row, 0)
  const startNs = load<f64>(load<u32>(TASK_START) + (slot << 3))
  store<f64>(load<u32>(TASK_END) + (slot << 3), startNs > timeNs ? startNs : timeNs)
  store<f64>(load<u32>(TASK_END_GOROUTINE) + (slot << 3), load<f64>(load<u32>(ID) + (row << 3)))
  store<i32>(load<u32>(TASK_END_STAY) + (slot << 2), load<i32>(load<u32>(STAY) + (row << 2)))
  store<u8>(load<u32>(ENDED) + serial, 1)
  setEndOfSerial(serial, timeNs)
  const count = load<u32>(SETTLING_COUNT)
  const place = (load<u32>(SETTLING_FIRST) + count) & (load<u32>(SLOT_ROOM) - 1)
  store<i32>(load<u32>(SETTLING) + (place << 2), slot)
  store<u32>(SETTLING_COUNT, count + 1)
  return true
}

/**
 * Whether a log of the task that a goroutine works for, or of none, could be noted: as the strings that it consists of. Where tasks are added up
 * nobody reads it.
 */
export function log(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const id = load<f64>(event << 3, BLOCK_A)
  const category = load<f64>(event << 3, BLOCK_B)
  const message = load<f64>(event << 3, BLOCK_C)
  if (timeNs < load<f64>(load<u32>(TOLD) + (row << 3)) || !isKnown(category) || !isKnown(message)) return false
  const notes = load<u32>(ADDED_UP) === 0
  if (
    notes &&
    (!isReadable(category) || !isReadable(message) || !hasRow(LOG_ROWS, load<u32>(LOG_ROOM), LOG_FREE_COUNT))
  )
    return false
  const slot = slotOfTask(id)
  if (slot < 0) return false
  const serial = load<i32>(load<u32>(TASK_SERIAL) + (slot << 2))
  if (id === 0 ? !annotate(row, slot) : !(worksFor(row, serial) && join(row, serial, slot, timeNs))) return false
  store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  if (notes) noteLog(row, slot, timeNs, wholeOf(category), wholeOf(message))
  return true
}

/** Adds a log to those of a task, for which there is a row, and remembers it as the last of its goroutine. */
function noteLog(row: u32, slot: i32, timeNs: f64, category: i32, message: i32): void {
  const at = takeRow(LOG_ROWS, load<u32>(LOG_ROOM), LOG_FREE, LOG_FREE_COUNT)
  store<f64>(load<u32>(LOG_TIME) + (at << 3), timeNs)
  store<f64>(load<u32>(LOG_GOROUTINE) + (at << 3), load<f64>(load<u32>(ID) + (row << 3)))
  store<i32>(load<u32>(LOG_CATEGORY) + (at << 2), category)
  store<i32>(load<u32>(LOG_MESSAGE) + (at << 2), message)
  store<i32>(load<u32>(LOG_NEXT) + (at << 2), NONE)
  const last: usize = load<u32>(LAST_LOG) + (slot << 2)
  const first: usize = load<u32>(FIRST_LOG) + (slot << 2)
  if (load<i32>(first) === NONE) store<i32>(first, at)
  else store<i32>(load<u32>(LOG_NEXT) + (load<i32>(last) << 2), at)
  store<i32>(last, at)
  store<u8>(load<u32>(LOG_PENDING) + row, PENDING_NUMBERS)
  store<f64>(load<u32>(PENDING_TIME) + (row << 3), timeNs)
  store<i32>(load<u32>(PENDING_CATEGORY) + (row << 2), category)
  store<i32>(load<u32>(PENDING_MESSAGE) + (row << 2), message)
}

/** Whether the task of a slot began, and did not end. */
function isOpen(slot: i32): bool {
  return load<f64>(load<u32>(TASK_START) + (slot << 3)) >= 0 && isNaN(load<f64>(load<u32>(TASK_END) + (slot << 3)))
}

/** Whether a string is in the table of the generation in hand. */
function isKnown(string: f64): bool {
  return string <= load<i32>(DENSE_STRINGS)
}

/** Whether a task of an id was handed on lately. */
function isHandedOn(id: f64): bool {
  return load<f64>(load<u32>(HANDED_ON) + ((<u32>((<u64>id) & (HANDED_ON_ROOM - 1))) << 3)) === id
}
