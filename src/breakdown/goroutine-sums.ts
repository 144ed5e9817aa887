// goroutine-sums.ts: how long each goroutine was in which state so far, as Go's Summarizer sums it, and such sums as breakdowns.
//
// Sums are columns that are given out as they are needed, `slots`: some states have theirs from the start, each block reason and range name gets one
// when it first appears. A region's breakdown is the difference of the sums at its end and at its begin.

import { NO_BYTES, NO_DOUBLES, NO_NUMBERS } from '../base/columns.ts'
import { type Breakdown, emptyBreakdown, type TaskTables } from './breakdown.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  EXEC,
  GROUP_OF_SLOT,
  MAX_NAMES,
  NO_GROUP,
  RANGE_SLOT,
  REASON_SLOT,
  SCHED_WAIT,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
  SLOT_UNKNOWN,
  SLOTS,
  STRIDE,
  SUMS,
  SYSCALL_TIME,
  UNKNOWN_TIME,
} from './states-layout.ts'
import { addTo } from './window.ts'

const FIXED_SLOTS = SLOT_UNKNOWN + 1

/** Sums of all goroutines, by row. */
export class GoroutineSums {
  /**
   * `stride` per goroutine row, nanoseconds. Places are computed by `Math.imul`: a product by `*` may be too large for a whole number, or -0, and is
   * computed as a double.
   */
  values = NO_DOUBLES
  stride = 32
  private rows = 0
  /** Slots given out. */
  slots = FIXED_SLOTS
  /** Slot of each reason and range name, by row; 0 not given yet. */
  readonly reasonSlot: Int32Array
  private readonly rangeSlot: Int32Array
  /** Column in parts by group of each slot; `NO_GROUP` for ranges, and for time of which nothing is known. */
  private readonly groupOfSlot: Uint8Array

  /**
   * @param tables names of reasons and ranges, by row
   * @param groupOfReason column in parts by group, by reason row
   */
  constructor(
    private readonly kernel: StatesKernel,
    private readonly tables: TaskTables,
    private readonly groupOfReason: Uint8Array,
    private readonly goTimes: boolean,
  ) {
    const { memory } = kernel
    this.reasonSlot = kernel.place(NO_NUMBERS, memory.int32(MAX_NAMES), REASON_SLOT)
    this.rangeSlot = kernel.place(NO_NUMBERS, memory.int32(MAX_NAMES), RANGE_SLOT)
    const groupOfSlot = memory.uint8(FIXED_SLOTS + 2 * MAX_NAMES).fill(NO_GROUP)
    this.groupOfSlot = kernel.place(NO_BYTES, groupOfSlot, GROUP_OF_SLOT)
    groupOfSlot[SLOT_EXEC] = EXEC
    groupOfSlot[SLOT_SCHED_WAIT] = SCHED_WAIT
    groupOfSlot[SLOT_SYSCALL] = groupOfSlot[SLOT_SYSCALL_BLOCK] = SYSCALL_TIME
  }

  /** Makes room for so many goroutines. */
  makeRoom(rows: number): void {
    const { kernel, stride, slots } = this
    this.rows = rows
    this.values = kernel.place(this.values, kernel.memory.float64(rows * stride), SUMS)
    kernel.words[STRIDE >> 2] = stride
    kernel.words[SLOTS >> 2] = slots
  }

  /** Slot of a block reason, by its row. */
  slotOfReason(row: number): number {
    const known = this.reasonSlot[row]
    if (known !== 0) return known
    const slot = this.newSlot()
    this.groupOfSlot[slot] = this.groupOfReason[row]
    return (this.reasonSlot[row] = slot)
  }

  /** Slot of a range name, by its row. */
  slotOfRange(row: number): number {
    const known = this.rangeSlot[row]
    if (known !== 0) return known
    return (this.rangeSlot[row] = this.newSlot())
  }

  private newSlot(): number {
    if (this.slots === this.stride) this.widen()
    this.kernel.words[SLOTS >> 2] = this.slots + 1
    return this.slots++
  }

  private widen(): void {
    const { kernel, rows, stride, values } = this
    const wider = kernel.memory.float64(rows * stride * 2)
    for (let row = 0; row < rows; row++) wider.set(values.subarray(row * stride, (row + 1) * stride), row * stride * 2)
    kernel.memory.release(values)
    this.values = kernel.place(NO_DOUBLES, wider, SUMS)
    this.stride = kernel.words[STRIDE >> 2] = stride * 2
  }

  /** The row is a new goroutine's. Slots that were not given out were never written to, in no row. */
  clear(row: number): void {
    const from = Math.imul(row, this.stride)
    this.values.fill(0, from, from + this.slots)
  }

  add(row: number, slot: number, ns: number): void {
    this.values[Math.imul(row, this.stride) + slot] += ns
  }

  /** Copies the sums of a goroutine. */
  copy(row: number, to: Float64Array, at: number): void {
    const { values, slots } = this
    const from = Math.imul(row, this.stride)
    for (let slot = 0; slot < slots; slot++) to[at + slot] = values[from + slot]
  }

  /** As `copy`, minus what is there: what came in since. */
  copyMinus(row: number, to: Float64Array, at: number): void {
    const { values, slots } = this
    const from = Math.imul(row, this.stride)
    for (let slot = 0; slot < slots; slot++) to[at + slot] = values[from + slot] - to[at + slot]
  }

  /** Adds sums (a difference of two snapshots) up by group. */
  groupSums(sums: Float64Array, offset: number, totalNs: number, parts: Float64Array): void {
    const { groupOfSlot, slots } = this
    let sum = 0
    for (let slot = 0; slot < slots; slot++) {
      const group = groupOfSlot[slot]
      if (group === NO_GROUP) continue
      const ns = sums[offset + slot]
      parts[group] += ns
      sum += ns
    }
    if (totalNs > sum) parts[UNKNOWN_TIME] += totalNs - sum
  }

  /** Sums (a difference of two snapshots) as a breakdown. */
  breakdownOf(sums: Float64Array, offset: number, totalNs: number): Breakdown {
    const { reasons, rangeNames } = this.tables
    const result = emptyBreakdown()
    result.totalNs = totalNs
    result.execNs = sums[offset + SLOT_EXEC]
    result.schedWaitNs = sums[offset + SLOT_SCHED_WAIT]
    result.syscallNs = sums[offset + SLOT_SYSCALL]
    result.syscallBlockNs = sums[offset + SLOT_SYSCALL_BLOCK]
    let sum = result.execNs + result.schedWaitNs + result.syscallNs + result.syscallBlockNs
    for (let row = 0; row < reasons.length; row++) {
      const slot = this.reasonSlot[row]
      if (slot === 0) continue
      const ns = sums[offset + slot]
      if (ns !== 0) {
        addTo(result.blockNs, reasons[row], ns)
        sum += ns
      }
    }
    for (let row = 0; row < rangeNames.length; row++) {
      const slot = this.rangeSlot[row]
      if (slot === 0) continue
      const ns = sums[offset + slot]
      // A sweep that ended on another goroutine counts for nobody, though its beginning was in the sums when a region began.
      if (ns > 0 || (ns < 0 && this.goTimes)) addTo(result.rangeNs, rangeNames[row], ns)
    }
    result.unknownNs = Math.max(0, totalNs - sum)
    return result
  }
}
