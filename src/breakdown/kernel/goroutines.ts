// goroutines.ts: goroutines that are created by others and end as they should. `../goroutines.ts` has the rules, and all that is odd.

import { wholeOf } from '../../base/kernel/whole.ts'
import { BLOCK_A, BLOCK_B, BLOCK_C, BLOCK_GOROUTINE, BLOCK_TIME } from '../../capture/block-layout.ts'
import {
  ABSENT,
  ASSIST_SINCE,
  BORN,
  BORN_BEFORE,
  BORN_HERE,
  BORN_INSIDE_REGION,
  COROUTINE,
  CREATED,
  ID,
  INNERMOST_REGION,
  KIND_OF_ENTRY,
  LAST_RANGE,
  LEAVING,
  LOG_PENDING,
  LOW_STACKS,
  MEMBER_OF,
  MEMBER_SINCE,
  MEMBERSHIP_CHANGES,
  ONLY_CREATED,
  PROGRAM,
  REASON,
  REASON_SLOT,
  REGIONS_OPEN,
  ROW_OF_STACK,
  ROW_ROOM,
  RUNTIME,
  SERVES_ALL,
  SINCE,
  STACKS,
  STATE,
  STAY,
  STAY_END,
  STAY_MASK,
  STAY_STACK,
  STAY_TAIL,
  STRIDE,
  STW_SINCE,
  SUMS,
  SWEEP_SINCE,
  SYSCALL_PROCESSOR,
  SYSTEM,
  TAKEN,
  TASK,
  TOLD,
  UNKNOWN_STACK,
  WAITING,
} from '../states-layout.ts'
import { addTime, leaveSyscall, openStay } from './stays.ts'
import { clearRow } from './sum-rows.ts'
import { addMember, currentTask, slotOfSerial } from './tasks.ts'

const NONE: i32 = -1

/**
 * Whether a goroutine of the program could be created by an event. Nothing is changed where it could not.
 *
 * @param stay its first one
 */
export function create(event: u32, state: u32, stay: i32): bool {
  const row = wholeOf(load<f64>(event << 3, BLOCK_A))
  const creator = load<u32>(event << 2, BLOCK_GOROUTINE)
  const entry = load<f64>(event << 3, BLOCK_B)
  const states: usize = load<u32>(STATE)
  const room = load<u32>(ROW_ROOM)
  if (row >= room || creator >= room || !(entry < LOW_STACKS)) return false
  if (load<u8>(states + row) !== ABSENT || load<u8>(states + creator) === ABSENT) return false
  if (state === WAITING && load<i32>(load<u32>(REASON_SLOT)) === 0) return false
  const kind: u32 = load<u8>(load<u32>(KIND_OF_ENTRY) + wholeOf(entry))
  if ((kind & ~SERVES_ALL) !== PROGRAM) return false
  let entryRow: i32 = NONE
  if (load<u32>(STACKS) !== 0 && entry !== 0) {
    entryRow = load<i32>(load<u32>(ROW_OF_STACK) + (wholeOf(entry) << 2))
    if (entryRow === UNKNOWN_STACK) return false
  }
  const current = currentTask(creator)
  const serial = (kind & SERVES_ALL) !== 0 ? 0 : current
  const id = load<f64>(event << 3, BLOCK_C)
  if (serial !== 0) {
    const slot = slotOfSerial(serial)
    if (slot < 0 || !addMember(slot, id, stay)) return false
  }

  // ---- It is created. ----
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const of4 = row << 2
  const of8 = row << 3
  store<u8>(states + row, state)
  store<f64>(load<u32>(ID) + of8, id)
  store<f64>(load<u32>(SINCE) + of8, timeNs)
  store<f64>(load<u32>(CREATED) + of8, timeNs)
  store<f64>(load<u32>(TOLD) + of8, timeNs)
  store<u16>(load<u32>(REASON) + (row << 1), 0)
  store<u8>(load<u32>(SYSTEM) + row, PROGRAM)
  store<f64>(load<u32>(ASSIST_SINCE) + of8, -1)
  store<f64>(load<u32>(SWEEP_SINCE) + of8, -1)
  store<f64>(load<u32>(STW_SINCE) + of8, -1)
  store<i32>(load<u32>(LAST_RANGE) + of4, NONE)
  store<i32>(load<u32>(SYSCALL_PROCESSOR) + of4, NONE)
  clearRow(load<u32>(SUMS) + ((row * load<u32>(STRIDE)) << 3))
  forgetAnnotations(row)
  const inside = load<i32>(load<u32>(INNERMOST_REGION) + (creator << 2)) !== NONE
  store<u8>(load<u32>(BORN) + row, inside ? BORN_INSIDE_REGION : BORN_HERE)
  store<u8>(load<u32>(COROUTINE) + row, state === WAITING ? 1 : 0)
  store<i32>(load<u32>(TASK) + of4, serial)
  store<u8>(load<u32>(ONLY_CREATED) + row, serial === 0 ? 0 : 1)
  store<i32>(load<u32>(MEMBER_OF) + of4, serial)
  store<i32>(load<u32>(MEMBER_SINCE) + of4, load<i32>(MEMBERSHIP_CHANGES))
  store<i32>(load<u32>(STAY) + of4, stay)
  const at = openStay(stay, row, NONE, state, timeNs, 0, serial, load<i32>(load<u32>(STAY) + (creator << 2)), serial)
  if (entryRow !== NONE) store<i32>(load<u32>(STAY_STACK) + (at << 2), entryRow)
  return true
}

/** Whether a goroutine without anything open could be ended by its event. Nothing is changed where it could not. */
export function destroy(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const of4 = row << 2
  const of8 = row << 3
  if (timeNs < load<f64>(load<u32>(TOLD) + of8) || load<i32>(load<u32>(INNERMOST_REGION) + of4) !== NONE) return false
  const kind: u32 = load<u8>(load<u32>(SYSTEM) + row)
  if (kind >= <u32>RUNTIME) return false
  if (load<f64>(load<u32>(ASSIST_SINCE) + of8) >= 0) return false
  if (load<f64>(load<u32>(SWEEP_SINCE) + of8) >= 0 || load<f64>(load<u32>(STW_SINCE) + of8) >= 0) return false

  // ---- It is ended. ----
  store<f64>(load<u32>(TOLD) + of8, timeNs)
  addTime(row, timeNs)
  leaveSyscall(row)
  const last = load<i32>(load<u32>(STAY) + of4)
  if (last >= load<i32>(STAY_TAIL) && last >= 0) {
    store<f64>(load<u32>(STAY_END) + ((last & load<u32>(STAY_MASK)) << 3), timeNs)
  }
  store<u8>(load<u32>(STATE) + row, ABSENT)
  store<u8>(load<u32>(BORN) + row, BORN_BEFORE)
  store<i32>(load<u32>(TASK) + of4, 0)
  store<u8>(load<u32>(ONLY_CREATED) + row, 0)
  store<u8>(load<u32>(COROUTINE) + row, 0)
  store<i32>(load<u32>(MEMBER_OF) + of4, 0)
  forgetAnnotations(row)
  return true
}

/** Nothing is annotated by the goroutine of a row. */
function forgetAnnotations(row: u32): void {
  const of4 = row << 2
  store<u8>(load<u32>(LEAVING) + row, 0)
  store<i32>(load<u32>(TAKEN) + of4, 0)
  store<u8>(load<u32>(LOG_PENDING) + row, 0)
  store<i32>(load<u32>(INNERMOST_REGION) + of4, NONE)
  store<i32>(load<u32>(REGIONS_OPEN) + of4, 0)
}
