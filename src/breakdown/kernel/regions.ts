// regions.ts: regions that begin and end as they should, with the sums between. `../annotations.ts` has the rules, and all that is odd.

import { hasRow, takeRow } from '../../base/kernel/rows.ts'
import { wholeOf } from '../../base/kernel/whole.ts'
import { BLOCK_A, BLOCK_B, BLOCK_STACK, BLOCK_TIME } from '../../capture/block-layout.ts'
import {
  ASSIST_SINCE,
  FIRST_REGION,
  ID,
  INNERMOST_REGION,
  LAST_REGION,
  LEAVING,
  LOG_PENDING,
  LOW_NAMES,
  LOW_STACKS,
  MAX_OPEN_REGIONS,
  NAME_OF_STRING,
  OPEN_REGIONS,
  REGION_END,
  REGION_FREE,
  REGION_FREE_COUNT,
  REGION_GC_OVERLAP,
  REGION_GOROUTINE,
  REGION_NAME,
  REGION_NEXT,
  REGION_OUTER,
  REGION_ROOM,
  REGION_ROWS,
  REGION_STACK,
  REGION_START,
  REGION_STRIDE,
  REGION_SUMS,
  REGION_TASK,
  REGION_TOTAL,
  REGIONS_OPEN,
  ROW_OF_STACK,
  SINCE,
  STACKS,
  STATE,
  STOPPED_UNTIL,
  STRIDE,
  STW_SINCE,
  SUMS,
  SWEEP_SINCE,
  SYSCALL_BLOCKED,
  TAKEN,
  TASK_SERIAL,
  TOLD,
  UNKNOWN_STACK,
  WAITS_FOR_REGIONS,
} from '../states-layout.ts'
import { slotOfState } from './stays.ts'
import { copyRow, subtractFrom } from './sum-rows.ts'
import { slotOfTask } from './tasks.ts'
import { annotate, join, worksFor } from './workers.ts'

const NONE: i32 = -1

/** Whether a region of a goroutine's own task, or of none, could be begun by an event. Nothing is changed where it could not. */
export function beginRegion(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const id = load<f64>(event << 3, BLOCK_A)
  const name = nameOf(event)
  if (name < 0 || timeNs < load<f64>(load<u32>(TOLD) + (row << 3)) || !isPlain(row)) return false
  const slot = slotOfTask(id)
  if (slot < 0) return false
  const serial = load<i32>(load<u32>(TASK_SERIAL) + (slot << 2))
  const open: usize = load<u32>(REGIONS_OPEN) + (row << 2)
  if (load<i32>(open) >= MAX_OPEN_REGIONS) return false
  const stackRow = rowOfStack(load<f64>(event << 3, BLOCK_STACK))
  if (stackRow === UNKNOWN_STACK) return false
  if (!hasRow(REGION_ROWS, load<u32>(REGION_ROOM), REGION_FREE_COUNT)) return false
  if (id === 0 ? !annotate(row, slot) : !(worksFor(row, serial) && join(row, serial, slot, timeNs))) return false
  const region = takeRow(REGION_ROWS, load<u32>(REGION_ROOM), REGION_FREE, REGION_FREE_COUNT)

  // ---- It is begun. ----
  const of4 = region << 2
  const of8 = region << 3
  store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  store<u8>(load<u32>(LOG_PENDING) + row, 0)
  store<i32>(load<u32>(REGION_NAME) + of4, name)
  store<f64>(load<u32>(REGION_START) + of8, timeNs)
  store<f64>(load<u32>(REGION_END) + of8, NaN)
  store<f64>(load<u32>(REGION_GOROUTINE) + of8, load<f64>(load<u32>(ID) + (row << 3)))
  store<i32>(load<u32>(REGION_TASK) + of4, serial)
  store<i32>(load<u32>(REGION_STACK) + of4, stackRow)
  store<f64>(load<u32>(REGION_GC_OVERLAP) + of8, NaN)
  store<i32>(load<u32>(REGION_NEXT) + of4, NONE)
  const last: usize = load<u32>(LAST_REGION) + (slot << 2)
  const before = load<i32>(last)
  if (before === NONE) store<i32>(load<u32>(FIRST_REGION) + (slot << 2), region)
  else store<i32>(load<u32>(REGION_NEXT) + (before << 2), region)
  store<i32>(last, region)
  const innermost: usize = load<u32>(INNERMOST_REGION) + (row << 2)
  store<i32>(load<u32>(REGION_OUTER) + of4, load<i32>(innermost))
  store<i32>(innermost, region)
  store<i32>(open, load<i32>(open) + 1)
  addOpenRegion(slot, 1)
  const to: usize = load<u32>(REGION_SUMS) + ((<u32>region * load<u32>(REGION_STRIDE)) << 3)
  const from: usize = load<u32>(SUMS) + ((row * load<u32>(STRIDE)) << 3)
  copyRow(to, from)
  addPending(row, timeNs, from, to)
  return true
}

/** Whether the innermost region of a goroutine could be ended by an event that is about it. Nothing is changed where it could not. */
export function endRegion(event: u32, row: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  const name = nameOf(event)
  if (name < 0 || timeNs < load<f64>(load<u32>(TOLD) + (row << 3)) || !isPlain(row)) return false
  const slot = slotOfTask(load<f64>(event << 3, BLOCK_A))
  if (slot < 0) return false
  const serial = load<i32>(load<u32>(TASK_SERIAL) + (slot << 2))
  const innermost: usize = load<u32>(INNERMOST_REGION) + (row << 2)
  const region = load<i32>(innermost)
  if (region === NONE) return false
  const of4 = region << 2
  const of8 = region << 3
  if (load<i32>(load<u32>(REGION_TASK) + of4) !== serial || load<i32>(load<u32>(REGION_NAME) + of4) !== name)
    return false
  const startNs = load<f64>(load<u32>(REGION_START) + of8)
  if (load<f64>(STOPPED_UNTIL) > startNs) return false
  if (load<i32>(load<u32>(OPEN_REGIONS) + (slot << 2)) <= 1 && load<u8>(load<u32>(WAITS_FOR_REGIONS) + slot) !== 0) {
    return false
  }

  // ---- It is ended. ----
  store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  store<u8>(load<u32>(LOG_PENDING) + row, 0)
  const endNs = timeNs > startNs ? timeNs : startNs
  const outer = load<i32>(load<u32>(REGION_OUTER) + of4)
  store<i32>(innermost, outer)
  const sums: usize = load<u32>(REGION_SUMS) + ((region * load<u32>(REGION_STRIDE)) << 3)
  subtractFrom(load<u32>(SUMS) + ((row * load<u32>(STRIDE)) << 3), sums)
  addPending(row, endNs, sums, sums)
  store<f64>(load<u32>(REGION_END) + of8, endNs)
  store<f64>(load<u32>(REGION_TOTAL) + of8, endNs - startNs)
  const open: usize = load<u32>(REGIONS_OPEN) + (row << 2)
  store<i32>(open, load<i32>(open) - 1)
  addOpenRegion(slot, -1)
  if (load<i32>(load<u32>(TAKEN) + (row << 2)) === serial) {
    let other = outer
    while (other !== NONE && load<i32>(load<u32>(REGION_TASK) + (other << 2)) !== serial) {
      other = load<i32>(load<u32>(REGION_OUTER) + (other << 2))
    }
    if (other === NONE) store<u8>(load<u32>(LEAVING) + row, 1)
  }
  return true
}

/** Row of the name of an event's region; -1 when it is not known. */
function nameOf(event: u32): i32 {
  const name = load<f64>(event << 3, BLOCK_B)
  return name < LOW_NAMES ? load<i32>(load<u32>(NAME_OF_STRING) + (wholeOf(name) << 2)) : NONE
}

/** Row of a stack; `UNKNOWN_STACK` when it is not known. */
function rowOfStack(stack: f64): i32 {
  if (stack === 0 || load<u32>(STACKS) === 0) return NONE
  return stack < LOW_STACKS ? load<i32>(load<u32>(ROW_OF_STACK) + (wholeOf(stack) << 2)) : UNKNOWN_STACK
}

/** Whether nothing special goes on: no range is open, and there is a place for each sum. */
function isPlain(row: u32): bool {
  const of8 = row << 3
  return (
    load<u32>(REGION_STRIDE) === load<u32>(STRIDE) &&
    load<f64>(load<u32>(ASSIST_SINCE) + of8) < 0 &&
    load<f64>(load<u32>(SWEEP_SINCE) + of8) < 0 &&
    load<f64>(load<u32>(STW_SINCE) + of8) < 0 &&
    load<u8>(load<u32>(STATE) + row) !== SYSCALL_BLOCKED
  )
}

function addOpenRegion(slot: i32, count: i32): void {
  const open: usize = load<u32>(OPEN_REGIONS) + (slot << 2)
  store<i32>(open, load<i32>(open) + count)
}

/** Adds what the state of a goroutine has come to until a time to sums. @param from what is there already: where they were copied from is near, and read sooner */
function addPending(row: u32, timeNs: f64, from: usize, to: usize): void {
  const sinceNs = load<f64>(load<u32>(SINCE) + (row << 3))
  const place: usize = slotOfState(row) << 3
  if (timeNs > sinceNs) store<f64>(to + place, load<f64>(from + place) + (timeNs - sinceNs))
}
