// scheduler-state.ts: what is known of goroutines (G), processors (P) and threads (M), as columns by row which the kernel reads and writes too.
//
// Rows are small numbers that stay with a goroutine, processor or thread while it lives: ids are looked up once, columns are read by row. All of
// this is carried over from generation to generation, but for sequence numbers, which count anew in each.

import { grown, NO_BYTES, NO_DOUBLES, NO_NUMBERS, ownColumns } from '../../base/columns.ts'
import { IdTable } from '../../base/id-table.ts'
import type { OrderKernel } from './order-kernel.ts'
import {
  G_GENERATION,
  G_ID,
  G_OPEN,
  G_ROOM,
  G_SEQUENCE,
  G_STATUS,
  M_G,
  M_P,
  P_GENERATION,
  P_SEQUENCE,
  P_STATUS,
  P_SWEEPING,
} from './order-layout.ts'

/** Rows that there is room for at first. */
const GOROUTINE_ROOM = 1024
const PROCESSOR_ROOM = 64
const THREAD_ROOM = 64

/** Threads looked at for contradictions, over a whole capture: a fixed number and so many for each. */
const LEAST_LOOKS = 1 << 24
const LOOKS_PER_UNBINDING = 256

/** What goroutines and processors have in common: a status, and a number that says which event changes it next. */
abstract class Sequenced {
  /** Row by id. */
  readonly ids: IdTable
  /** A `GoStatus` or `ProcStatus`. */
  status: Uint8Array = NO_BYTES
  /** Ordinal of the generation in which the row was last announced, and its sequence number there. */
  protected generation: Int32Array = NO_NUMBERS
  sequence: Float64Array = NO_DOUBLES
  /** Of the generation in hand, counted from 1. */
  ordinal = 0

  constructor(
    protected readonly kernel: OrderKernel,
    ids: Int32Array,
    room: number,
    private readonly registers: { readonly status: number; readonly generation: number; readonly sequence: number },
  ) {
    this.ids = new IdTable(room, kernel.memory, ids)
    this.makeRoom(room)
  }

  /** The row of an id; -1 when it is unknown. */
  find(id: number): number {
    return this.ids.find(id)
  }

  /** Whether an event with this number is the one after the last of the row, in this generation. */
  follows(row: number, sequence: number): boolean {
    return this.generation[row] === this.ordinal && this.sequence[row] + 1 === sequence
  }

  /** Brings a row into a status by an event with a number: 0 where the event is its first in the generation. */
  set(row: number, status: number, sequence: number): void {
    this.status[row] = status
    this.generation[row] = this.ordinal
    this.sequence[row] = sequence
  }

  protected makeRoom(rows: number): void {
    const { kernel, registers } = this
    const { memory } = kernel
    this.status = kernel.place(this.status, memory.uint8(rows), registers.status)
    this.generation = kernel.place(this.generation, memory.int32(rows), registers.generation)
    this.sequence = kernel.place(this.sequence, memory.float64(rows), registers.sequence)
  }
}

/** Goroutines, by row. */
export class Goroutines extends Sequenced {
  id: Float64Array
  /** Ranges that are open on it: bits `OPEN_ASSIST` and `OPEN_STW`. */
  open: Uint8Array
  /** String that says why it stops the world, while it does. */
  stopKind = new Float64Array(GOROUTINE_ROOM)

  constructor(kernel: OrderKernel) {
    super(kernel, kernel.goroutines, GOROUTINE_ROOM, {
      status: G_STATUS,
      generation: G_GENERATION,
      sequence: G_SEQUENCE,
    })
    const { memory, words } = kernel
    this.id = kernel.place(NO_DOUBLES, memory.float64(GOROUTINE_ROOM), G_ID)
    this.open = kernel.place(NO_BYTES, memory.uint8(GOROUTINE_ROOM), G_OPEN)
    words[G_ROOM >> 2] = GOROUTINE_ROOM
  }

  /** The row of a new goroutine. */
  add(id: number): number {
    const row = this.ids.insert(id)
    if (row >= this.status.length) {
      const { kernel } = this
      const { memory } = kernel
      this.makeRoom(row * 2)
      this.id = kernel.place(this.id, memory.float64(row * 2), G_ID)
      this.open = kernel.place(this.open, memory.uint8(row * 2), G_OPEN)
      this.stopKind = grown(ownColumns, this.stopKind, new Float64Array(row * 2))
      kernel.words[G_ROOM >> 2] = row * 2
    }
    this.id[row] = id
    this.open[row] = 0
    return row
  }

  /** The goroutine is gone; its row may be given to another. */
  remove(row: number): void {
    this.ids.remove(this.id[row])
  }
}

/** Processors, by row. */
export class Processors extends Sequenced {
  /** Whether a sweep is open on it: 0 or 1. */
  sweeping: Uint8Array

  constructor(kernel: OrderKernel) {
    super(kernel, kernel.processors, PROCESSOR_ROOM, {
      status: P_STATUS,
      generation: P_GENERATION,
      sequence: P_SEQUENCE,
    })
    this.sweeping = kernel.place(NO_BYTES, kernel.memory.uint8(PROCESSOR_ROOM), P_SWEEPING)
  }

  /** The row of a new processor. */
  add(id: number): number {
    const row = this.ids.insert(id)
    if (row >= this.status.length) {
      const { kernel } = this
      this.makeRoom(row * 2)
      this.sweeping = kernel.place(this.sweeping, kernel.memory.uint8(row * 2), P_SWEEPING)
    }
    this.sweeping[row] = 0
    return row
  }
}

/** Threads, by row: what each holds. */
export class Threads {
  private readonly ids = new IdTable(THREAD_ROOM)
  /** Row of the goroutine that runs on it; -1 none. */
  goroutine: Int32Array
  /** Row of its processor; -1 none. */
  processor: Int32Array
  /** How often something was taken off all threads, and how many threads were looked at for it. */
  private unbound = 0
  private looked = 0

  constructor(private readonly kernel: OrderKernel) {
    const { memory } = kernel
    this.goroutine = kernel.place(NO_NUMBERS, memory.int32(THREAD_ROOM).fill(-1), M_G)
    this.processor = kernel.place(NO_NUMBERS, memory.int32(THREAD_ROOM).fill(-1), M_P)
  }

  /** The row of an id; -1 when it is unknown. */
  find(id: number): number {
    return this.ids.find(id)
  }

  /** The row of a thread, made when it is new. */
  rowOf(id: number): number {
    const known = this.ids.find(id)
    if (known >= 0) return known
    const row = this.ids.insert(id)
    if (row >= this.goroutine.length) {
      const { kernel } = this
      const { memory } = kernel
      this.goroutine = kernel.place(this.goroutine, memory.int32(row * 2), M_G)
      this.processor = kernel.place(this.processor, memory.int32(row * 2), M_P)
    }
    this.forget(row)
    return row
  }

  /** Nothing is known of what a thread (-1: none) holds. */
  forget(row: number): void {
    if (row < 0) return
    this.goroutine[row] = -1
    this.processor[row] = -1
  }

  /** Takes a goroutine off whatever thread runs it. */
  unbindGoroutine(row: number): void {
    this.unbind(this.goroutine, row)
  }

  /** Takes a processor off whatever thread holds it. */
  unbindProcessor(row: number): void {
    this.unbind(this.processor, row)
  }

  /**
   * Takes a row off all threads that hold it. In a capture of thousands of threads and as many contradictions, which no program makes, some may
   * keep it; what they do next contradicts that in turn.
   */
  private unbind(held: Int32Array, row: number): void {
    const { rowCount } = this.ids
    this.unbound++
    this.looked += rowCount
    if (this.looked > LEAST_LOOKS + LOOKS_PER_UNBINDING * this.unbound) return
    for (let thread = 0; thread < rowCount; thread++) if (held[thread] === row) held[thread] = -1
  }
}

/** What the collector's cycle is known to be. */
export const CollectorState = { undetermined: 0, notRunning: 1, running: 2 } as const

/** The garbage collector: its cycles carry a number that every begin, end and "active" raises by one. */
export class Collector {
  state: number = CollectorState.undetermined
  sequence = 0
}
