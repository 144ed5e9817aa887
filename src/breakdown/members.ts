// members.ts: the goroutines that worked for tasks, as rows of columns that the kernel fills as well.

import { grown } from '../base/columns.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  MEMBER_FREE,
  MEMBER_FREE_COUNT,
  MEMBER_GOROUTINE,
  MEMBER_NEXT,
  MEMBER_ROOM,
  MEMBER_ROWS,
  MEMBER_STAY,
} from './states-layout.ts'

/** No goroutine. */
export const NO_MEMBER = -1

/** One row for each goroutine of each task, linked in the order in which they were first seen working for it. */
export class MemberTable {
  /** Goroutine id. */
  goroutine: Float64Array
  /** Its stay when it was first seen working for the task. */
  firstStay: Int32Array
  next: Int32Array
  /** Rows to be given out again. */
  private free: Int32Array

  constructor(private readonly kernel: StatesKernel) {
    const { memory } = kernel
    this.goroutine = memory.float64(256)
    this.firstStay = memory.int32(256)
    this.next = memory.int32(256)
    this.free = memory.int32(256)
    this.tellKernel()
  }

  /** Rows in use. */
  get size(): number {
    const { words } = this.kernel
    return words[MEMBER_ROWS >> 2] - words[MEMBER_FREE_COUNT >> 2]
  }

  /** A row for a goroutine, without a next one. */
  take(goroutine: number, firstStay: number): number {
    const row = this.kernel.takeRow(MEMBER_ROWS, MEMBER_FREE_COUNT, this.free)
    if (row === this.next.length) this.grow()
    this.goroutine[row] = goroutine
    this.firstStay[row] = firstStay
    this.next[row] = NO_MEMBER
    return row
  }

  /** Gives back a row and all after it. */
  release(first: number): void {
    const { words } = this.kernel
    for (let row = first; row !== NO_MEMBER; row = this.next[row]) this.free[words[MEMBER_FREE_COUNT >> 2]++] = row
  }

  private grow(): void {
    const { memory } = this.kernel
    const size = this.next.length * 2
    this.goroutine = grown(memory, this.goroutine, memory.float64(size))
    this.firstStay = grown(memory, this.firstStay, memory.int32(size))
    this.next = grown(memory, this.next, memory.int32(size))
    this.free = grown(memory, this.free, memory.int32(size))
    this.tellKernel()
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[MEMBER_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[MEMBER_STAY >> 2] = this.firstStay.byteOffset
    words[MEMBER_NEXT >> 2] = this.next.byteOffset
    words[MEMBER_FREE >> 2] = this.free.byteOffset
    words[MEMBER_ROOM >> 2] = this.next.length
  }
}
