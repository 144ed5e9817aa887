// regions.ts: user regions, open and ended, as columns with rows that are used again.
//
// A busy program begins and ends tens of thousands of regions a second. As objects they were most of the garbage of an analysis; as rows
// of a pool a region costs no allocation until somebody asks for it as a record.

import { NO_DOUBLES, NO_NUMBERS } from '../base/columns.ts'
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
  nameRow = NO_NUMBERS
  private readonly names = new RecurringNames()
  private readonly ownNames = new Map<number, string>()
  /** Nanoseconds from the origin; NaN when it began before the capture. */
  startNs = NO_DOUBLES
  /** NaN while open, and when the capture ended first. */
  endNs = NO_DOUBLES
  /** Goroutine id. */
  goroutine = NO_DOUBLES
  /** Serial of its task. */
  task = NO_NUMBERS
  stack = NO_NUMBERS
  /** Region that was the innermost of the goroutine when this one began. */
  outer = NO_NUMBERS
  /** Next region of the same task, in the order of their begins. */
  nextOfTask = NO_NUMBERS
  totalNs = NO_DOUBLES
  /** Time of mark phases within it; NaN when nobody has asked yet. */
  gcOverlapNs = NO_DOUBLES
  /** `stride` sums per row: those of the goroutine at the begin while open, the difference after. */
  sums = NO_DOUBLES
  /** Rows to be given out again. */
  private free = NO_NUMBERS

  constructor(
    public stride: number,
    private readonly kernel: StatesKernel,
  ) {
    this.lay(256)
  }

  /** A row for a new region; its sums are not cleared. */
  take(name: string, task: number, goroutine: number, startNs: number, stack: number, outer: number): number {
    const row = this.kernel.takeRow(REGION_ROWS, REGION_FREE_COUNT, this.free)
    if (row === this.task.length) this.lay(row * 2)
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

  /** Names that recur, by their rows; it grows. */
  get recurringNames(): readonly string[] {
    return this.names.names
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
    words[REGION_SUMS >> 2] = wide.byteOffset
    words[REGION_STRIDE >> 2] = stride
  }

  /** Makes the columns, or longer ones. */
  private lay(size: number): void {
    const { kernel } = this
    const { memory, words } = kernel
    const f64 = (old: Float64Array, register: number) => kernel.place(old, memory.float64(size), register)
    const i32 = (old: Int32Array, register: number) => kernel.place(old, memory.int32(size), register)
    this.nameRow = i32(this.nameRow, REGION_NAME)
    this.startNs = f64(this.startNs, REGION_START)
    this.endNs = f64(this.endNs, REGION_END)
    this.goroutine = f64(this.goroutine, REGION_GOROUTINE)
    this.task = i32(this.task, REGION_TASK)
    this.stack = i32(this.stack, REGION_STACK)
    this.outer = i32(this.outer, REGION_OUTER)
    this.nextOfTask = i32(this.nextOfTask, REGION_NEXT)
    this.totalNs = f64(this.totalNs, REGION_TOTAL)
    this.gcOverlapNs = f64(this.gcOverlapNs, REGION_GC_OVERLAP)
    this.free = i32(this.free, REGION_FREE)
    this.sums = kernel.place(this.sums, memory.float64(size * this.stride), REGION_SUMS)
    words[REGION_STRIDE >> 2] = this.stride
    words[REGION_ROOM >> 2] = size
  }
}
