// tasks.ts: tasks by their ids and serials.

import { findRow } from '../../base/kernel/id-table.ts'
import { ENDED, ENDED_ROOM, HAS_PARENT, SLOT_OF_ID, TASK_IDS, TASK_SERIALS } from '../states-layout.ts'

/** Slot of a task by its id; -1 when there is none. */
export function slotOfTask(id: f64): i32 {
  const row = findRow(TASK_IDS, id)
  return row < 0 ? -1 : load<i32>(load<u32>(SLOT_OF_ID) + (row << 2))
}

/** Slot of a task by its serial; -1 when it was handed on. */
export function slotOfSerial(serial: i32): i32 {
  return findRow(TASK_SERIALS, <f64>serial)
}

/** Whether a task ended, so that whoever works for it works for another one now. */
export function hasEnded(serial: i32): bool {
  return serial !== 0 && <u32>serial < load<u32>(ENDED_ROOM) && load<u8>(load<u32>(ENDED) + serial) !== 0
}

/** Whether a task may lie below another one; which, TypeScript knows. */
export function mayLieBelow(serial: i32): bool {
  if (serial === 0) return false
  const slot = slotOfSerial(serial)
  return slot < 0 || load<u8>(load<u32>(HAS_PARENT) + slot) !== 0
}
