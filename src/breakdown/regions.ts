// regions.ts: user regions, open and ended, as columns with rows that are used again.
//
// A busy program begins and ends tens of thousands of regions a second. As objects they were most of the garbage of an analysis; as rows
// of a pool a region costs no allocation until somebody asks for it as a record.

import { grown } from '../base/columns.ts'
import { OWN_NAME, RecurringNames } from './recurring-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
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
} from './states-layout.ts'

/** No region. */
export const NO_REGION = -1

/** Regions of goroutines and tasks, in columns that the kernel fills as well. A row is in use from its begin until its task is handed over. */
export class RegionTable {
  /** Row of the name among those that recur, or `OWN_NAME`. */
  nameRow: Int32Array
  private readonly names = new RecurringNames()
  private readonly ownNames = new Map<number, string>()
  /** Nanoseconds from the origin; NaN when it began before the capture. */
  startNs: Float64Array
  /** NaN while open, and when the capture ended first. */
  endNs: Float64Array
  /** Goroutine id. */
  goroutine: Float64Array
  /** Serial of its task. */
  task: Int32Array
  stack: Int32Array
  /** Region that was the innermost of the goroutine when this one began. */
  outer: Int32Array
  /** Next region of the same task, in the order of their begins. */
  nextOfTask: Int32Array
  totalNs: Float64Array
  /** Time of mark phases within it; NaN when nobody has asked yet. */
  gcOverlapNs: Float64Array
  /** `stride` sums per row: those of the goroutine at the begin while open, the difference after. */
  sums: Float64Array
  /** Rows to be given out again. */
  private free: Int32Array

  constructor(
    public stride: number,
    private readonly kernel: StatesKernel,
  ) {
    const { memory } = kernel
    this.nameRow = memory.int32(256)
    this.startNs = memory.float64(256)
    this.endNs = memory.float64(256)
    this.goroutine = memory.float64(256)
    this.task = memory.int32(256)
    this.stack = memory.int32(256)
    this.outer = memory.int32(256)
    this.nextOfTask = memory.int32(256)
    this.totalNs = memory.float64(256)
    this.gcOverlapNs = memory.float64(256)
    this.sums = memory.float64(256 * stride)
    this.free = memory.int32(256)
    this.tellKernel()
  }

  /** A row for a new region; its sums are not cleared. */
  take(name: string, task: number, goroutine: number, startNs: number, stack: number, outer: number): number {
    const row = this.kernel.takeRow(REGION_ROWS, REGION_FREE_COUNT, this.free)
    if (row === this.task.length) this.grow()
    const nameRow = this.nameRowOf(name)
    this.nameRow[row] = nameRow
    if (nameRow === OWN_NAME) this.ownNames.set(row, name)
    this.startNs[row] = startNs
    this.endNs[row] = NaN
    this.goroutine[row] = goroutine
    this.task[row] = task
    this.stack[row] = stack
    this.outer[row] = outer
    this.nextOfTask[row] = NO_REGION
    this.gcOverlapNs[row] = NaN
    return row
  }

  name(row: number): string {
    const nameRow = this.nameRow[row]
    return nameRow === OWN_NAME ? (this.ownNames.get(row) ?? '') : this.names.nameOf(nameRow)
  }

  /** Row of a name that recurs; -1 when there are too many already. */
  nameRowOf(name: string): number {
    return this.names.rowOf(name)
  }

  /** Gives a row back. */
  release(row: number): void {
    if (this.nameRow[row] === OWN_NAME) this.ownNames.delete(row)
    this.free[this.kernel.words[REGION_FREE_COUNT >> 2]++] = row
  }

  /** Makes room for more sums per row. */
  widen(stride: number): void {
    if (stride <= this.stride) return
    const { memory, words } = this.kernel
    const wide = memory.float64((this.sums.length / this.stride) * stride)
    for (let row = 0; row < words[REGION_ROWS >> 2]; row++) {
      wide.set(this.sums.subarray(row * this.stride, (row + 1) * this.stride), row * stride)
    }
    memory.release(this.sums)
    this.sums = wide
    this.stride = stride
    this.tellKernel()
  }

  private grow(): void {
    const { memory } = this.kernel
    const size = this.task.length * 2
    const f64 = (old: Float64Array) => grown(memory, old, memory.float64(size))
    const i32 = (old: Int32Array) => grown(memory, old, memory.int32(size))
    this.nameRow = i32(this.nameRow)
    this.startNs = f64(this.startNs)
    this.endNs = f64(this.endNs)
    this.goroutine = f64(this.goroutine)
    this.task = i32(this.task)
    this.stack = i32(this.stack)
    this.outer = i32(this.outer)
    this.nextOfTask = i32(this.nextOfTask)
    this.totalNs = f64(this.totalNs)
    this.gcOverlapNs = f64(this.gcOverlapNs)
    this.sums = grown(memory, this.sums, memory.float64(size * this.stride))
    this.free = i32(this.free)
    this.tellKernel()
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[REGION_NAME >> 2] = this.nameRow.byteOffset
    words[REGION_START >> 2] = this.startNs.byteOffset
    words[REGION_END >> 2] = this.endNs.byteOffset
    words[REGION_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[REGION_TASK >> 2] = this.task.byteOffset
    words[REGION_STACK >> 2] = this.stack.byteOffset
    words[REGION_OUTER >> 2] = this.outer.byteOffset
    words[REGION_NEXT >> 2] = this.nextOfTask.byteOffset
    words[REGION_TOTAL >> 2] = this.totalNs.byteOffset
    words[REGION_GC_OVERLAP >> 2] = this.gcOverlapNs.byteOffset
    words[REGION_SUMS >> 2] = this.sums.byteOffset
    words[REGION_STRIDE >> 2] = this.stride
    words[REGION_ROOM >> 2] = this.task.length
    words[REGION_FREE >> 2] = this.free.byteOffset
  }
}
