// sums.ts: tasks that are complete, added up by kind with their regions, and forgotten. `../task-records.ts` has the rules, and all that is odd.

import { findRow, removeRow } from '../../base/kernel/id-table.ts'
import {
  FIRST_MEMBER,
  FIRST_REGION,
  GROUP_BYTES,
  GROUP_OF_SLOT,
  HANDED_ON,
  HANDED_ON_ROOM,
  HANDED_OVER,
  HIGHEST_HANDED_ON,
  KIND_BYTES,
  KIND_OF_REGION_NAME,
  KIND_OF_TYPE,
  KIND_PARTS,
  LOST_COUNT,
  MEMBER_FREE,
  MEMBER_FREE_COUNT,
  MEMBER_NEXT,
  MOST_EXACT_ID,
  NO_GROUP,
  OPEN_REGIONS,
  PARTS,
  REGION_FREE,
  REGION_FREE_COUNT,
  REGION_KINDS,
  REGION_NAME,
  REGION_NEXT,
  REGION_STRIDE,
  REGION_SUMS,
  REGION_TOTAL,
  SETTLING,
  SETTLING_COUNT,
  SETTLING_FIRST,
  SLOT_OF_ID,
  SLOT_ROOM,
  SLOTS,
  SLOWEST_NS,
  SUMMED_REGIONS,
  SUMMED_WHOLE,
  TASK_END,
  TASK_END_GOROUTINE,
  TASK_END_STAY,
  TASK_ID,
  TASK_IDS,
  TASK_KIND,
  TASK_SERIAL,
  TASK_SERIALS,
  TASK_START,
  TASK_START_GOROUTINE,
  TASK_START_STAY,
  TYPE_KINDS,
  UNKNOWN_TIME,
  WAITS_FOR_REGIONS,
} from '../states-layout.ts'
import { addDuration, hasRoom } from './kind-sums.ts'
import { walkPath } from './path.ts'
import { touchRegions, touchUpTo } from './touch.ts'

const NONE: i32 = -1

/** Hands over the tasks that ended before a time, up to the first that is for TypeScript. Those with open regions wait for these. */
export function settle(beforeNs: f64): void {
  let count = load<u32>(SETTLING_COUNT)
  let first = load<u32>(SETTLING_FIRST)
  const settling: usize = load<u32>(SETTLING)
  const mask = load<u32>(SLOT_ROOM) - 1
  for (; count > 0; count--) {
    const slot = load<i32>(settling + (first << 2))
    if (load<f64>(load<u32>(TASK_END) + (slot << 3)) > beforeNs) break
    if (load<i32>(load<u32>(OPEN_REGIONS) + (slot << 2)) !== 0) store<u8>(load<u32>(WAITS_FOR_REGIONS) + slot, 1)
    else if (!handOver(slot)) break
    first = (first + 1) & mask
  }
  store<u32>(SETTLING_COUNT, count)
  store<u32>(SETTLING_FIRST, first)
}

/** Whether a task could be added up and forgotten. Nothing is changed where it could not. */
function handOver(slot: i32): bool {
  const of4 = slot << 2
  const of8 = slot << 3
  const id = load<f64>(load<u32>(TASK_ID) + of8)
  const startNs = load<f64>(load<u32>(TASK_START) + of8)
  const endNs = load<f64>(load<u32>(TASK_END) + of8)
  const durationNs = endNs - startNs
  // What begins before the capture, lies in lost stretches or is one of the slowest.
  if (load<u32>(LOST_COUNT) !== 0 || !(durationNs <= load<f64>(SLOWEST_NS)) || !(id > 0 && id <= <f64>MOST_EXACT_ID))
    return false
  const type = kindOf(TYPE_KINDS, KIND_OF_TYPE, load<i32>(load<u32>(TASK_KIND) + of4))
  if (type === 0 || !hasRoom(type, durationNs, 0)) return false
  const firstRegion = load<i32>(load<u32>(FIRST_REGION) + of4)
  touchRegions(firstRegion)
  let regions: u32 = 0
  for (let region = firstRegion; region !== NONE; region = nextRegion(region)) {
    const kind = kindOfRegion(region)
    if (kind === 0 || !hasRoom(kind, load<f64>(load<u32>(REGION_TOTAL) + (region << 3)), regions++)) return false
  }
  const began = load<f64>(load<u32>(TASK_START_GOROUTINE) + of8)
  const own = began === load<f64>(load<u32>(TASK_END_GOROUTINE) + of8)
  const startStay = load<i32>(load<u32>(TASK_START_STAY) + of4)
  const endStay = load<i32>(load<u32>(TASK_END_STAY) + of4)
  const serial = load<i32>(load<u32>(TASK_SERIAL) + of4)
  const member = load<i32>(load<u32>(FIRST_MEMBER) + of4)
  touchUpTo(endStay)
  if (!walkPath(serial, startNs, endNs, startStay, endStay, own, began, member)) return false

  // ---- It is added up. ----
  store<u32>(HANDED_OVER, load<u32>(HANDED_OVER) + 1)
  store<u32>(SUMMED_WHOLE, load<u32>(SUMMED_WHOLE) + 1)
  store<u32>(SUMMED_REGIONS, load<u32>(SUMMED_REGIONS) + regions)
  addDuration(type, durationNs)
  addParts(type)
  const free: usize = load<u32>(REGION_FREE)
  let freeCount = load<u32>(REGION_FREE_COUNT)
  for (let region = firstRegion; region !== NONE; region = nextRegion(region)) {
    const kind = kindOfRegion(region)
    const totalNs = load<f64>(load<u32>(REGION_TOTAL) + (region << 3))
    addDuration(kind, totalNs)
    groupSums(region, totalNs)
    addParts(kind)
    store<i32>(free + (freeCount++ << 2), region)
  }
  store<u32>(REGION_FREE_COUNT, freeCount)
  forget(slot, serial, id)
  return true
}

/** The task of a slot is known no more. */
export function forget(slot: i32, serial: i32, id: f64): void {
  const free: usize = load<u32>(MEMBER_FREE)
  let freeCount = load<u32>(MEMBER_FREE_COUNT)
  let member = load<i32>(load<u32>(FIRST_MEMBER) + (slot << 2))
  while (member !== NONE) {
    store<i32>(free + (freeCount++ << 2), member)
    member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))
  }
  store<u32>(MEMBER_FREE_COUNT, freeCount)
  // Another task may have its id by now.
  const row = findRow(TASK_IDS, id)
  if (row >= 0 && load<i32>(load<u32>(SLOT_OF_ID) + (row << 2)) === slot) removeRow(TASK_IDS, id)
  removeRow(TASK_SERIALS, serial)
  store<i32>(load<u32>(TASK_SERIAL) + (slot << 2), 0)
  store<f64>(load<u32>(HANDED_ON) + ((<u32>((<u64>id) & (HANDED_ON_ROOM - 1))) << 3), id)
  if (id > load<f64>(HIGHEST_HANDED_ON)) store<f64>(HIGHEST_HANDED_ON, id)
}

function nextRegion(region: i32): i32 {
  return load<i32>(load<u32>(REGION_NEXT) + (region << 2))
}

function kindOfRegion(region: i32): usize {
  return kindOf(REGION_KINDS, KIND_OF_REGION_NAME, load<i32>(load<u32>(REGION_NAME) + (region << 2)))
}

/** Position of the row of a kind, by the row of its name among those that recur; 0 when none was made for it yet. */
function kindOf(kinds: usize, kindOfName: usize, name: i32): usize {
  if (name < 0) return 0
  const row = load<i32>(load<u32>(kindOfName) + (name << 2))
  return row < 0 ? 0 : load<u32>(kinds) + row * KIND_BYTES
}

/** Adds the parts of a region up in `PARTS`: the sums between its begin and its end. */
function groupSums(region: i32, totalNs: f64): void {
  memory.fill(PARTS, 0, GROUP_BYTES)
  const sums: usize = load<u32>(REGION_SUMS) + ((region * load<i32>(REGION_STRIDE)) << 3)
  const groups: usize = load<u32>(GROUP_OF_SLOT)
  const slots = load<u32>(SLOTS)
  let sum: f64 = 0
  for (let slot: u32 = 0; slot < slots; slot++) {
    const group: u32 = load<u8>(groups + slot)
    if (group === NO_GROUP) continue
    const ns = load<f64>(sums + (slot << 3))
    if (ns === 0) continue
    const part: usize = PARTS + (group << 3)
    store<f64>(part, load<f64>(part) + ns)
    sum += ns
  }
  const unknown: usize = PARTS + (UNKNOWN_TIME << 3)
  if (totalNs > sum) store<f64>(unknown, load<f64>(unknown) + (totalNs - sum))
}

/** Adds `PARTS` to those of a kind. */
function addParts(kind: usize): void {
  for (let at: i32 = 0; at < GROUP_BYTES; at += 8) {
    store<f64>(kind + at, load<f64>(kind + at, KIND_PARTS) + load<f64>(at, PARTS), KIND_PARTS)
  }
}
