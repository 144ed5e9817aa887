// kept.ts: a task that is complete, written as it is kept (`../compact-task.ts` reads it): its timeline and ranges, the goroutines that worked for
// it, what its path, its work and its regions come to, its name and logs. `../task-records.ts` has the rules, and all that is odd.

import {
  CAUSE_SUMS,
  FIRST_LOG,
  FIRST_MEMBER,
  FIRST_REGION,
  HANDED_OVER,
  HEAD_BLAMED,
  HEAD_BYTES,
  HEAD_END,
  HEAD_GOROUTINE,
  HEAD_ID,
  HEAD_MEMBERS,
  HEAD_PARENT,
  HEAD_PARTS,
  HEAD_RANGE_ROWS,
  HEAD_REGIONS,
  HEAD_ROWS,
  HEAD_START,
  HEAD_WAITS,
  HEAD_WORKS,
  KEPT_BREAKDOWN,
  KEPT_GC_OVERLAP,
  KEPT_PART,
  KEPT_PARTS,
  KEPT_REGION,
  KEPT_REGION_START,
  KEPT_TOTAL,
  KEPT_UNKNOWN,
  LEAST_NS,
  LOG_FREE,
  LOG_FREE_COUNT,
  LOG_NEXT,
  MEMBER_COUNT,
  MEMBER_GOROUTINE,
  MEMBER_NEXT,
  MOST_EXACT_ID,
  MOST_NS,
  MOST_STEPS,
  NAMED_SLOTS,
  OPEN_REGIONS,
  PART_BLOCK,
  PART_KIND_SHIFT,
  PART_RANGE,
  PART_STOP,
  PART_VIA,
  PATH_RANGE_COUNT,
  PATH_RANGES,
  RANGE_NAME_COUNT,
  RANGE_ROW_BYTES,
  RANGE_SLOT,
  RANGE_SUMS,
  REASON_COUNT,
  REASON_SLOT,
  REASON_SUMS,
  REGION_END,
  REGION_FREE,
  REGION_FREE_COUNT,
  REGION_GC_OVERLAP,
  REGION_GOROUTINE,
  REGION_NAME,
  REGION_NEXT,
  REGION_STACK,
  REGION_START,
  REGION_STRIDE,
  REGION_SUMS,
  REGION_TOTAL,
  RUNNABLE,
  RUNNING,
  SETTLING,
  SETTLING_COUNT,
  SETTLING_FIRST,
  SLOT_EXEC,
  SLOT_ROOM,
  SLOT_SCHED_WAIT,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
  SLOTS,
  STATE_SUMS,
  STEPS,
  STOP_SUMS,
  SYSCALL,
  SYSCALL_BLOCKED,
  TASK_BATCH_BYTES,
  TASK_BLOCK,
  TASK_BLOCK_BYTES,
  TASK_END,
  TASK_END_GOROUTINE,
  TASK_END_STAY,
  TASK_ID,
  TASK_MADE,
  TASK_NAME,
  TASK_PARENT,
  TASK_SERIAL,
  TASK_START,
  TASK_START_GOROUTINE,
  TASK_START_STAY,
  UNKNOWN,
  WAITING,
  WAITS_FOR_REGIONS,
} from '../states-layout.ts'
import { at, beginBreakdown, goTo, MOST_BREAKDOWN_BYTES, put, putCodedPart, putPart } from './block.ts'
import { blamedWaits, keepBlamed } from './blame.ts'
import { keepReadyWaits, MOST_WAIT_BYTES, readyWaits } from './long-waits.ts'
import { gcOverlap } from './gc-phases.ts'
import { forget } from './sums.ts'
import { isReadable, keepTexts } from './texts.ts'
import { tellPath, tellWork } from './timeline.ts'
import { touchRegions, touchUpTo } from './touch.ts'

const NONE: i32 = -1
/** Goroutines that are put in order here. */
const MOST_MEMBERS: i32 = 1_024

/**
 * Writes tasks that ended before a time one after the other, as `keepTask` does, and forgets them: up to the first of which something is told that is not
 * here, or that is for TypeScript, and as many as make a batch. Those with open regions wait for these.
 *
 * @returns how many were written
 */
export function keepSettled(beforeNs: f64, tells: bool, explains: bool, signed: bool, knownNs: f64): i32 {
  const block = load<u32>(TASK_BLOCK)
  const most = load<f64>(MOST_STEPS)
  const settling: usize = load<u32>(SETTLING)
  const mask = load<u32>(SLOT_ROOM) - 1
  let settled = load<u32>(SETTLING_COUNT)
  let first = load<u32>(SETTLING_FIRST)
  let count: i32 = 0
  goTo(block)
  for (; settled > 0; settled--) {
    const slot = load<i32>(settling + (first << 2))
    if (load<f64>(load<u32>(TASK_END) + (slot << 3)) > beforeNs) break
    if (load<i32>(load<u32>(OPEN_REGIONS) + (slot << 2)) !== 0) {
      store<u8>(load<u32>(WAITS_FOR_REGIONS) + slot, 1)
    } else {
      if (load<u8>(load<u32>(TASK_MADE) + slot) !== 0 || !isReadable(load<f64>(load<u32>(TASK_NAME) + (slot << 3))))
        break
      const steps = load<f64>(STEPS)
      const end = at
      if (<u32>end - block >= <u32>TASK_BATCH_BYTES || steps > most) break
      store<u32>(TASK_BLOCK, <u32>end)
      if (keepTask(slot, tells, explains, signed, knownNs) < 0) {
        // It takes the same steps once more.
        store<f64>(STEPS, steps)
        goTo(end)
        break
      }
      count++
    }
    first = (first + 1) & mask
  }
  store<u32>(TASK_BLOCK, block)
  store<u32>(SETTLING_COUNT, settled)
  store<u32>(SETTLING_FIRST, first)
  return count
}

/**
 * Writes a task that began and ended as it is kept, in `TASK_BLOCK`, and forgets it. Where it could not, nothing is changed but the steps taken, which
 * `TaskRecords.keep` leaves uncounted then.
 *
 * Only regions and texts are looked at for whether the block has room: before the first of them at most 136 of head, 167,944 bytes of timeline
 * (`PIECE_ROOM` rows), 6,656 of ranges, 8,192 of members and twice 12,864 of a breakdown are written, 208,656 of 524,288. A region takes 6,504 at most,
 * and 12,904 are left where one is begun, besides the 59,136 that waits take.
 *
 * @param tells whether with its timeline
 * @param explains whether with what lay behind its long waits
 * @param signed whether ranges of a region may come to less than nothing, as Go's own reader tells them
 * @returns rows of its timeline; -1 where the task is for TypeScript, `ASKS` where a stack has to be told of first
 */
export function keepTask(slot: i32, tells: bool, explains: bool, signed: bool, knownNs: f64): i32 {
  const of4 = slot << 2
  const of8 = slot << 3
  const id = load<f64>(load<u32>(TASK_ID) + of8)
  const startNs = load<f64>(load<u32>(TASK_START) + of8)
  const endNs = load<f64>(load<u32>(TASK_END) + of8)
  if (!(endNs >= startNs) || !(id > 0 && id <= <f64>MOST_EXACT_ID)) return NONE
  const members = load<i32>(load<u32>(MEMBER_COUNT) + of4)
  if (members > MOST_MEMBERS) return NONE
  const starter = load<f64>(load<u32>(TASK_START_GOROUTINE) + of8)
  const own = starter === load<f64>(load<u32>(TASK_END_GOROUTINE) + of8)
  const startStay = load<i32>(load<u32>(TASK_START_STAY) + of4)
  const endStay = load<i32>(load<u32>(TASK_END_STAY) + of4)
  const serial = load<i32>(load<u32>(TASK_SERIAL) + of4)
  const first = load<i32>(load<u32>(FIRST_MEMBER) + of4)
  const firstRegion = load<i32>(load<u32>(FIRST_REGION) + of4)
  touchUpTo(endStay)
  touchRegions(firstRegion)
  const rows = tellPath(serial, startNs, endNs, startStay, endStay, own, starter, first, tells, knownNs)
  if (rows < 0) return NONE

  const head: usize = load<u32>(TASK_BLOCK)
  goTo(load<u32>(PATH_RANGES) + (tells ? rangesBytes() : 0))
  store<f64>(head, (at - head) >>> 3, HEAD_PARTS << 3)
  keepMembers(first)
  const path = at
  let work = path
  keepSums(endNs - startNs)
  const works = members !== 1
  if (works) {
    // The collector marked while it marked, however many goroutines ran meanwhile: that is the path's.
    if (!tellWork(serial, startNs, endNs, first, starter, own)) return NONE
    work = at
    keepSums(-1)
  }
  store<f64>(LEAST_NS, startNs)
  store<f64>(MOST_NS, endNs)
  const end: usize = head + TASK_BLOCK_BYTES - MOST_WAIT_BYTES - MOST_BREAKDOWN_BYTES - (KEPT_REGION << 3)
  const regionsAt = at
  let regions: u32 = 0
  listNamedSlots()
  for (let region = firstRegion; region !== NONE; region = load<i32>(load<u32>(REGION_NEXT) + (region << 2))) {
    if (at > end || !keepRegion(region, signed)) return NONE
    regions++
  }
  if (explains) {
    keepReadyWaits()
    const odd = keepBlamed(serial)
    if (odd !== 0) return odd
  }
  tellGcOverlap(path, work, regionsAt, regions, startNs, endNs)
  const firstLog = load<i32>(load<u32>(FIRST_LOG) + of4)
  if (!keepTexts(head, slot, firstLog)) return NONE
  store<f64>(head, id, HEAD_ID << 3)
  store<f64>(head, load<f64>(load<u32>(TASK_PARENT) + of8), HEAD_PARENT << 3)
  store<f64>(head, startNs, HEAD_START << 3)
  store<f64>(head, endNs, HEAD_END << 3)
  store<f64>(head, starter, HEAD_GOROUTINE << 3)
  store<f64>(head, tells ? rows : NONE, HEAD_ROWS << 3)
  store<f64>(head, load<u32>(PATH_RANGE_COUNT), HEAD_RANGE_ROWS << 3)
  store<f64>(head, at - head, HEAD_BYTES << 3)
  store<f64>(head, members, HEAD_MEMBERS << 3)
  store<f64>(head, regions, HEAD_REGIONS << 3)
  store<f64>(head, works ? 1 : 0, HEAD_WORKS << 3)
  store<f64>(head, explains ? readyWaits : 0, HEAD_WAITS << 3)
  store<f64>(head, explains ? blamedWaits : 0, HEAD_BLAMED << 3)

  // ---- It is written. ----
  store<u32>(HANDED_OVER, load<u32>(HANDED_OVER) + 1)
  let freeCount = load<u32>(REGION_FREE_COUNT)
  for (let region = firstRegion; region !== NONE; region = load<i32>(load<u32>(REGION_NEXT) + (region << 2))) {
    store<i32>(load<u32>(REGION_FREE) + (freeCount++ << 2), region)
  }
  store<u32>(REGION_FREE_COUNT, freeCount)
  freeCount = load<u32>(LOG_FREE_COUNT)
  for (let log = firstLog; log !== NONE; log = load<i32>(load<u32>(LOG_NEXT) + (log << 2))) {
    store<i32>(load<u32>(LOG_FREE) + (freeCount++ << 2), log)
  }
  store<u32>(LOG_FREE_COUNT, freeCount)
  forget(slot, serial, id)
  return rows
}

/** Fills in how much of the path, the work and the regions mark phases overlap, which are few: most tasks lie between them. */
function tellGcOverlap(path: usize, work: usize, regionsAt: usize, regions: u32, startNs: f64, endNs: f64): void {
  if (gcOverlap(load<f64>(LEAST_NS), load<f64>(MOST_NS)) === 0) return
  const overlapNs = gcOverlap(startNs, endNs)
  store<f64>(path, overlapNs, KEPT_GC_OVERLAP << 3)
  store<f64>(work, overlapNs, KEPT_GC_OVERLAP << 3)
  let region = regionsAt
  for (let left = regions; left > 0; left--) {
    const breakdown = region + (KEPT_REGION << 3)
    const fromNs = load<f64>(region, KEPT_REGION_START << 3)
    // What is told already is a number.
    if (!(load<f64>(breakdown, KEPT_GC_OVERLAP << 3) >= 0)) {
      const toNs = fromNs + load<f64>(breakdown, KEPT_TOTAL << 3)
      store<f64>(breakdown, gcOverlap(fromNs, toNs), KEPT_GC_OVERLAP << 3)
    }
    region = breakdown + (KEPT_BREAKDOWN << 3) + <usize>load<f64>(breakdown, KEPT_PARTS << 3) * (KEPT_PART << 3)
  }
}

/** Slots that there were when those with a name were listed; the first that is a range's, and the end of all. */
let slotsListed: u32 = 0
let rangeSlots: usize = 0
let namedSlotsEnd: usize = 0

/** Lists the slots of sums that have a name: a region has a sum for each, and most names have none. */
function listNamedSlots(): void {
  const slots = load<u32>(SLOTS)
  if (slots === slotsListed) return
  slotsListed = slots
  rangeSlots = listSlots(load<u32>(NAMED_SLOTS), REASON_SLOT, load<u32>(REASON_COUNT), PART_BLOCK)
  namedSlotsEnd = listSlots(rangeSlots, RANGE_SLOT, load<u32>(RANGE_NAME_COUNT), PART_RANGE)
}

/** Lists the slots of names in order. @returns where the list ends */
function listSlots(list: usize, slotOfName: usize, names: u32, kind: u32): usize {
  let end = list
  for (let row: u32 = 0; row < names; row++) {
    const slot = load<u32>(load<u32>(slotOfName) + (row << 2))
    if (slot === 0) continue
    store<u32>(end, slot)
    store<u32>(end, (kind << PART_KIND_SHIFT) | row, 4)
    end += 8
  }
  return end
}

/** Bytes of the ranges found, with those up to the next double. */
function rangesBytes(): u32 {
  const found = load<u32>(PATH_RANGE_COUNT)
  return (found * RANGE_ROW_BYTES + 7) & ~7
}

/** End of what was written. */
export function keptEnd(): usize {
  return at
}

/** Writes the goroutines that worked for a task, by their ids. */
function keepMembers(first: i32): void {
  const from = at
  for (let member = first; member !== NONE; member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))) {
    const goroutine = load<f64>(load<u32>(MEMBER_GOROUTINE) + (member << 3))
    let place = at
    for (; place > from && load<f64>(place - 8) > goroutine; place -= 8) store<f64>(place, load<f64>(place - 8))
    store<f64>(place, goroutine)
    goTo(at + 8)
  }
}

/** Writes what was added up. @param totalNs what is more than the parts is unknown; below 0: all of it is in the sums */
function keepSums(totalNs: f64): void {
  const sums: usize = load<u32>(STATE_SUMS)
  const execNs = load<f64>(sums + (RUNNING << 3))
  const schedWaitNs = load<f64>(sums + (RUNNABLE << 3))
  const syscallNs = load<f64>(sums + (SYSCALL << 3))
  const syscallBlockNs = load<f64>(sums + (SYSCALL_BLOCKED << 3))
  const knownNs = execNs + schedWaitNs + syscallNs + syscallBlockNs + load<f64>(sums + (WAITING << 3))
  const total = totalNs < 0 ? knownNs + load<f64>(sums + (UNKNOWN << 3)) : totalNs
  const head = beginBreakdown(total, execNs, schedWaitNs, syscallNs, syscallBlockNs, total - knownNs, NaN)
  const reasons = load<u32>(REASON_COUNT)
  for (let row: u32 = 0; row < reasons; row++) {
    const ns = load<f64>(load<u32>(REASON_SUMS) + (row << 3))
    if (ns > 0) putPart(head, PART_BLOCK, row, ns)
    const viaNs = load<f64>(load<u32>(CAUSE_SUMS) + (row << 3))
    if (viaNs > 0) putPart(head, PART_VIA, row, viaNs)
  }
  const ranges = load<u32>(RANGE_NAME_COUNT)
  for (let row: u32 = 0; row < ranges; row++) {
    const ns = load<f64>(load<u32>(RANGE_SUMS) + (row << 3))
    if (ns >= 0) putPart(head, PART_RANGE, row, ns)
    const stopNs = load<f64>(load<u32>(STOP_SUMS) + (row << 3))
    if (stopNs >= 0) putPart(head, PART_STOP, row, stopNs)
  }
}

/** Writes a region, as `breakdownOf` in `../goroutine-states.ts` tells it. @returns whether its name is one that recurs */
function keepRegion(region: i32, signed: bool): bool {
  const of4 = region << 2
  const of8 = region << 3
  const name = load<i32>(load<u32>(REGION_NAME) + of4)
  if (name < 0) return false
  const startNs = load<f64>(load<u32>(REGION_START) + of8)
  const totalNs = load<f64>(load<u32>(REGION_TOTAL) + of8)
  put(name)
  put(load<f64>(load<u32>(REGION_GOROUTINE) + of8))
  put(startNs)
  put(load<f64>(load<u32>(REGION_END) + of8))
  put(load<i32>(load<u32>(REGION_STACK) + of4))
  if (startNs < load<f64>(LEAST_NS)) store<f64>(LEAST_NS, startNs)
  if (startNs + totalNs > load<f64>(MOST_NS)) store<f64>(MOST_NS, startNs + totalNs)
  const sums: usize = load<u32>(REGION_SUMS) + ((region * load<i32>(REGION_STRIDE)) << 3)
  const execNs = load<f64>(sums, SLOT_EXEC << 3)
  const schedWaitNs = load<f64>(sums, SLOT_SCHED_WAIT << 3)
  const syscallNs = load<f64>(sums, SLOT_SYSCALL << 3)
  const syscallBlockNs = load<f64>(sums, SLOT_SYSCALL_BLOCK << 3)
  const gcOverlapNs = load<f64>(load<u32>(REGION_GC_OVERLAP) + of8)
  const head = beginBreakdown(totalNs, execNs, schedWaitNs, syscallNs, syscallBlockNs, 0, gcOverlapNs)
  let sumNs = execNs + schedWaitNs + syscallNs + syscallBlockNs
  const ranges = rangeSlots
  const end = namedSlotsEnd
  let named: usize = load<u32>(NAMED_SLOTS)
  for (; named < ranges; named += 8) {
    const ns = load<f64>(sums + (load<u32>(named) << 3))
    if (ns === 0) continue
    putCodedPart(head, load<u32>(named, 4), ns)
    sumNs += ns
  }
  for (; named < end; named += 8) {
    const ns = load<f64>(sums + (load<u32>(named) << 3))
    // A sweep that ended on another goroutine counts for nobody, though its beginning was in the sums when a region began.
    if (ns > 0 || (signed && ns < 0)) putCodedPart(head, load<u32>(named, 4), ns)
  }
  store<f64>(head, max(0, totalNs - sumNs), KEPT_UNKNOWN << 3)
  return true
}
