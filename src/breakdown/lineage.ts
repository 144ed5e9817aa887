// lineage.ts: which task lies below which, also of tasks that were handed on.

import { NO_NUMBERS } from '../base/columns.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  LAST_SERIAL,
  LINEAGE_END,
  LINEAGE_ID,
  LINEAGE_OUTER,
  LINEAGE_PARENT,
  LINEAGE_ROOM,
  MOST_SERIALS,
} from './states-layout.ts'

/**
 * Id, parent, surroundings and end of the latest tasks by serial, those handed on included: a long task still asks which of its descendants a
 * goroutine worked for, and whose goroutine ended a wait, when these are long gone. The kernel asks and adds as well (`kernel/tasks.ts`).
 */
export class Lineage {
  private ids: Float64Array = new Float64Array(0)
  private parents = NO_NUMBERS
  private outers = NO_NUMBERS
  private endsNs: Float64Array = new Float64Array(0)

  constructor(private readonly kernel: StatesKernel) {
    this.grow(256)
  }

  /** Serial of the task that was seen last: they come in order, from 1. */
  get latest(): number {
    return this.kernel.words[LAST_SERIAL >> 2]
  }

  /** Gives the next serial to the task of an id. */
  add(id: number): number {
    const serial = ++this.kernel.words[LAST_SERIAL >> 2]
    if (serial >= this.ids.length && this.ids.length < MOST_SERIALS) this.grow(this.ids.length * 2)
    const at = serial & (this.ids.length - 1)
    this.ids[at] = id
    this.parents[at] = 0
    this.outers[at] = 0
    this.endsNs[at] = Infinity
    return serial
  }

  /** Id of the task; -1 when it is not remembered. */
  idOf(serial: number): number {
    return this.has(serial) ? this.ids[serial & (this.ids.length - 1)] : -1
  }

  /** Serial of the parent; 0 when it has none or none is remembered. */
  parentOf(serial: number): number {
    return this.has(serial) ? this.parents[serial & (this.ids.length - 1)] : 0
  }

  setParent(serial: number, parent: number): void {
    if (this.has(serial)) this.parents[serial & (this.ids.length - 1)] = parent
  }

  /** Serial of the task that the goroutine which began this one worked for before; 0 none. */
  outerOf(serial: number): number {
    return this.has(serial) ? this.outers[serial & (this.ids.length - 1)] : 0
  }

  setOuter(serial: number, outer: number): void {
    if (this.has(serial)) this.outers[serial & (this.ids.length - 1)] = outer
  }

  /** When a task ended; Infinity while it has not, or when that is not remembered. */
  endNsOf(serial: number): number {
    return this.has(serial) ? this.endsNs[serial & (this.ids.length - 1)] : Infinity
  }

  setEnd(serial: number, endNs: number): void {
    if (this.has(serial)) this.endsNs[serial & (this.ids.length - 1)] = endNs
  }

  private has(serial: number): boolean {
    const { latest } = this
    return serial > 0 && serial <= latest && latest - serial < this.ids.length
  }

  private grow(size: number): void {
    const { kernel } = this
    const { memory, words } = kernel
    this.ids = kernel.place(this.ids, memory.float64(size), LINEAGE_ID)
    this.parents = kernel.place(this.parents, memory.int32(size), LINEAGE_PARENT)
    this.outers = kernel.place(this.outers, memory.int32(size), LINEAGE_OUTER)
    this.endsNs = kernel.place(this.endsNs, memory.float64(size), LINEAGE_END)
    words[LINEAGE_ROOM >> 2] = size
  }
}
