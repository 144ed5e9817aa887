// open-ranges.ts: what is open on each goroutine now of ranges that overlap its states: mark assists, sweeps and stops of the world.
//
// An end adds to the goroutine's sums, as Go's Summarizer does, and closes the range in the `RangeLog`, from which paths are told.

import { grown, NO_DOUBLES, NO_NUMBERS, ownColumns } from '../base/columns.ts'
import type { GoroutineSums } from './goroutine-sums.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  ASSIST_RANGE,
  ASSIST_SINCE,
  LAST_RANGE,
  RANGE_ASSIST,
  RANGE_SWEEP,
  STW_SINCE,
  SWEEP_GOROUTINE,
  SWEEP_RANGE,
  SWEEP_SINCE,
} from './states-layout.ts'
import { NONE as none, type RangeLog, type StayLog, type StopLog } from './stay-log.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time.
const NONE = none

/** Rows of `rangeNames` that exist from the start. */
export const RangeName = { assist: RANGE_ASSIST, sweep: RANGE_SWEEP } as const

/** What ranges ask of the goroutines that they are open on. */
interface Goroutines {
  readonly stays: StayLog
  readonly stops: StopLog
  /** By row: id and current stay. */
  readonly id: Float64Array
  readonly stay: Int32Array
  has(row: number): boolean
  roomForProcessor(processor: number): void
}

/** Open ranges by goroutine row, and sweeps by processor row. */
export class OpenRanges {
  /** Starts, below 0 none; and their index in the log. */
  private assistNs = NO_DOUBLES
  private sweepNs = NO_DOUBLES
  private stwNs = NO_DOUBLES
  private stwName = new Uint16Array(0)
  private assistRange = NO_NUMBERS
  private sweepRange = NO_NUMBERS
  private stwRange = NO_NUMBERS
  /** The range that began last, open or not. */
  last = NO_NUMBERS
  /** By processor row: the goroutine that began the sweep open on it. */
  private sweepGoroutine = NO_NUMBERS

  constructor(
    private readonly states: Goroutines,
    private readonly log: RangeLog,
    private readonly sums: GoroutineSums,
    private readonly kernel: StatesKernel,
    private readonly goTimes: boolean,
  ) {}

  /** Makes room for so many goroutines. */
  makeRoom(rows: number): void {
    const { kernel } = this
    const { memory } = kernel
    const f64 = (old: Float64Array, register: number) => kernel.place(old, memory.float64(rows), register)
    const ranges = (old: Int32Array, register: number) => kernel.place(old, memory.int32(rows).fill(NONE), register)
    this.assistNs = f64(this.assistNs, ASSIST_SINCE)
    this.sweepNs = f64(this.sweepNs, SWEEP_SINCE)
    this.stwNs = f64(this.stwNs, STW_SINCE)
    this.stwName = grown(ownColumns, this.stwName, new Uint16Array(rows))
    this.assistRange = ranges(this.assistRange, ASSIST_RANGE)
    this.sweepRange = ranges(this.sweepRange, SWEEP_RANGE)
    this.stwRange = grown(ownColumns, this.stwRange, new Int32Array(rows).fill(NONE))
    this.last = kernel.place(this.last, memory.int32(rows), LAST_RANGE)
  }

  /** Makes room for so many processors. */
  makeProcessorRoom(rows: number): void {
    const { kernel } = this
    this.sweepGoroutine = kernel.place(this.sweepGoroutine, kernel.memory.int32(rows).fill(NONE), SWEEP_GOROUTINE)
  }

  /** The row is a new goroutine's: nothing is open. */
  clear(row: number): void {
    this.assistNs[row] = this.sweepNs[row] = this.stwNs[row] = -1
    this.assistRange[row] = this.sweepRange[row] = this.stwRange[row] = this.last[row] = NONE
  }

  /** The goroutine is gone, and what was open on it with it. */
  close(row: number, timeNs: number): void {
    for (const range of [this.assistRange[row], this.sweepRange[row], this.stwRange[row]]) {
      if (range !== NONE) this.log.close(range, timeNs)
    }
    this.assistRange[row] = this.sweepRange[row] = this.stwRange[row] = NONE
  }

  /** The goroutine helps the collector to mark, since it allocates. */
  beginAssist(row: number, timeNs: number): void {
    // Begun while open: the end was lost, or this is the announcement of a range that goes on in a new generation.
    const from = Math.max(timeNs, this.assistNs[row])
    this.endAssist(row, from)
    this.assistNs[row] = from
    this.assistRange[row] = this.openRange(row, RangeName.assist, from)
  }

  /** As `beginAssist`, the end; nothing where none is open. */
  endAssist(row: number, timeNs: number): void {
    if (this.assistNs[row] < 0) return
    this.addRange(row, RangeName.assist, timeNs - this.assistNs[row])
    this.assistNs[row] = -1
    this.log.close(this.assistRange[row], timeNs)
    this.assistRange[row] = NONE
  }

  /** The goroutine stops the world; `name` is a row of `rangeNames`. */
  beginStw(row: number, name: number, timeNs: number): void {
    this.endStw(row, timeNs)
    this.stwNs[row] = timeNs
    this.stwName[row] = name
    this.stwRange[row] = this.openRange(row, name, timeNs)
  }

  /** As `beginStw`, the end; nothing where none is open. */
  endStw(row: number, timeNs: number): void {
    if (this.stwNs[row] < 0) return
    this.addRange(row, this.stwName[row], timeNs - this.stwNs[row])
    this.states.stops.add(this.stwNs[row], timeNs, this.stwName[row], this.states.id[row])
    this.stwNs[row] = -1
    this.log.close(this.stwRange[row], timeNs)
    this.stwRange[row] = NONE
  }

  /** A sweep belongs to a processor; it is credited to the goroutine on it when that one is still there at its end. */
  beginSweep(row: number, processor: number, timeNs: number): void {
    if (processor < 0 || row < 0) return
    this.states.roomForProcessor(processor)
    const before = this.sweepGoroutine[processor]
    if (before !== NONE && this.states.has(before) && this.sweepNs[before] >= 0) {
      // Still the same sweep, announced again in a new generation; or its end was lost.
      if (before === row) return
      this.log.close(this.sweepRange[before], timeNs)
      this.sweepRange[before] = NONE
      if (!this.goTimes) this.sweepNs[before] = -1
    }
    if (this.sweepRange[row] !== NONE) this.log.close(this.sweepRange[row], timeNs)
    this.sweepGoroutine[processor] = row
    this.sweepNs[row] = timeNs
    this.sweepRange[row] = this.openRange(row, RangeName.sweep, timeNs)
  }

  /** As `beginSweep`, the end. */
  endSweep(row: number, processor: number, timeNs: number): void {
    if (processor < 0 || processor >= this.sweepGoroutine.length) return
    const began = this.sweepGoroutine[processor]
    this.sweepGoroutine[processor] = NONE
    if (began === NONE || !this.states.has(began) || this.sweepNs[began] < 0) return
    this.log.close(this.sweepRange[began], began === row ? timeNs : this.sweepNs[began])
    this.sweepRange[began] = NONE
    if (began === row) this.addRange(row, RangeName.sweep, timeNs - this.sweepNs[row])
    // Go's Summarizer leaves a sweep that ended elsewhere open on its first goroutine, where it grows for ever.
    if (began === row || !this.goTimes) this.sweepNs[began] = -1
  }

  private openRange(row: number, name: number, timeNs: number): number {
    const index = this.log.open(name, timeNs, this.last[row])
    this.last[row] = index
    const { stays, stay: stayOf } = this.states
    const stay = stayOf[row]
    if (stays.has(stay)) stays.range[stay & stays.mask] = index
    return index
  }

  private addRange(row: number, name: number, ns: number): void {
    const slot = this.sums.slotOfRange(name)
    if (ns > 0) this.sums.add(row, slot, ns)
  }

  // ---- In sums that are copied while a range is open. ----

  /** Gives out the slots that the open ranges need, before sums are copied: a new slot may move them all. */
  makeSlots(row: number): void {
    const { sums } = this
    if (this.assistNs[row] >= 0) sums.slotOfRange(RangeName.assist)
    if (this.sweepNs[row] >= 0) sums.slotOfRange(RangeName.sweep)
    if (this.stwNs[row] >= 0) sums.slotOfRange(this.stwName[row])
  }

  /** Adds what the open ranges have come to by a time. */
  addPending(row: number, timeNs: number, to: Float64Array, at: number): void {
    const { sums } = this
    if (this.assistNs[row] >= 0) to[at + sums.slotOfRange(RangeName.assist)] += timeNs - this.assistNs[row]
    if (this.sweepNs[row] >= 0) to[at + sums.slotOfRange(RangeName.sweep)] += timeNs - this.sweepNs[row]
    if (this.stwNs[row] >= 0) to[at + sums.slotOfRange(this.stwName[row])] += timeNs - this.stwNs[row]
  }
}
