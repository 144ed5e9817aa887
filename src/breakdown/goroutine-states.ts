// goroutine-states.ts: what each goroutine is doing now, and the sums of what it did.
//
// In: ordered events. Out: per goroutine the sums that Go's Summarizer keeps (execution, scheduler wait, block by reason, system calls,
// ranges), and its stays in a `StayLog`. Region breakdowns are differences of two snapshots of the sums, as in Go; paths are walked
// over the stays.
// Source of the rules: internal/trace/summary.go, Go 1.26. Two of its quirks are reproduced only with `goTimes`: a goroutine parked in
// a system call before the capture counts as executing the call, and a snapshot taken while the processor is away counts twice.

import {
  emptyBreakdown,
  GoState as goStates,
  type Breakdown,
  type GcPhases,
  type StackFrame,
  type TaskTables,
} from './breakdown.ts'
import { grown, ownColumns } from '../base/columns.ts'
import { columnOfReason } from './groups.ts'
import { beginPhase, endPhase, gcOverlap } from './gc-phases.ts'
import type { RegionTable } from './regions.ts'
import {
  ABSENT,
  ASKS_STACK,
  ASSIST_RANGE,
  ASSIST_SINCE,
  CREATED,
  EXEC,
  GROUP_OF_REASON,
  GROUP_OF_SLOT,
  ID,
  LAST_RANGE,
  MAX_NAMES,
  NO_GROUP,
  PROCESSOR_ROOM,
  PROGRAM,
  RANGE_ASSIST,
  RANGE_NAME_COUNT,
  RANGE_SLOT,
  RANGE_SWEEP,
  REASON,
  REASON_COUNT,
  REASON_SLOT,
  REASON_SPECIAL,
  ROW_ROOM,
  RUNTIME,
  SCHED_WAIT,
  SINCE,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
  SLOT_UNKNOWN,
  SLOTS,
  STATE,
  STAY,
  STRIDE,
  STW_SINCE,
  SUMS,
  SWEEP_GOROUTINE,
  SWEEP_RANGE,
  SWEEP_SINCE,
  SYSCALL_GOROUTINE,
  SYSCALL_PROCESSOR,
  SYSCALL_TIME,
  SYSTEM,
  TIMERS,
  TOLD,
  UNKNOWN_TIME,
  UNNAMED,
  WAITS_FOREVER,
} from './states-layout.ts'
import { Runners } from './runners.ts'
import type { StatesKernel } from './states-kernel.ts'
import { type Moves, NONE as none, RangeLog, StayLog, StopLog } from './stay-log.ts'
import { Causes } from './via.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const NONE = none

const FIXED_SLOTS = SLOT_UNKNOWN + 1

/** By `GoState`; a wait's slot is that of its reason. */
const SLOT_OF_STATE = Uint8Array.of(
  SLOT_UNKNOWN,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  SLOT_UNKNOWN,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
)

/** Whose a goroutine is. */
export const SystemKind = {
  unnamed: UNNAMED,
  program: PROGRAM,
  /** One of the runtime's own. */
  runtime: RUNTIME,
  /** The runtime's own that runs timers. */
  timers: TIMERS,
} as const
export type SystemKind = (typeof SystemKind)[keyof typeof SystemKind]

/** Rows of `rangeNames` that exist from the start. */
export const RangeName = { assist: RANGE_ASSIST, sweep: RANGE_SWEEP } as const

/** Largest backward step of a goroutine's time that was seen, and how many there were. */
export interface BackwardSteps {
  count: number
  largestNs: number
}

/** A name as a key of the parts of a breakdown: those that every object has from its start are told otherwise. */
function keyOf(name: string): string {
  return name in Object.prototype ? `(${name})` : name
}

export class GoroutineStates {
  readonly stays: StayLog
  readonly ranges: RangeLog
  readonly stops: StopLog
  readonly tables: TaskTables & { readonly gcPhases: GcPhases }
  readonly backward: BackwardSteps = { count: 0, largestNs: 0 }

  // --- by goroutine row ---
  /** Rows that there is room for: the length of the columns, as a small whole number. */
  private rows = 256
  id: Float64Array
  state: Uint8Array
  /** Start of the current state. */
  sinceNs: Float64Array
  createdNs: Float64Array
  /** Latest time told of the goroutine: its states, annotations and ranges never run backwards. */
  private toldNs: Float64Array
  /** Row of the current wait's reason. */
  private reason: Uint16Array
  /** Current stay. */
  stay: Int32Array
  /** A `SystemKind`. */
  system: Uint8Array
  /** Starts of open ranges, -1 none; and their index in `ranges`. */
  private assistNs: Float64Array
  private sweepNs: Float64Array
  private stwNs: Float64Array
  private stwName: Uint16Array = new Uint16Array(256)
  private assistRange: Int32Array
  private sweepRange: Int32Array
  private stwRange: Int32Array = new Int32Array(256).fill(NONE)
  private lastRange: Int32Array
  /** Processor it entered its system call with; -1 none. */
  private syscallProcessor: Int32Array
  /**
   * Sums, `stride` per row: the fixed slots, then one per reason or range name as they appear. Places are computed by `Math.imul`: a product by
   * `*` may be too large for a whole number, or -0, and is computed as a double.
   */
  private sums: Float64Array
  stride = 32

  // --- by processor row ---
  /** Goroutine in a system call on it. */
  private syscallGoroutine: Int32Array
  /** Goroutine that began the sweep open on it. */
  private sweepGoroutine: Int32Array

  // --- names ---
  private readonly reasonRows = new Map<string, number>([['', 0]])
  private readonly rangeRows = new Map<string, number>([
    ['GC mark assist', RangeName.assist],
    ['GC incremental sweep', RangeName.sweep],
  ])
  /** Slot of each reason and range name; 0 not given yet. */
  private readonly reasonSlot: Int32Array
  /** What more becomes of a wait of the reason than a stay. */
  private readonly reasonSpecial: Uint8Array
  private readonly rangeSlot: Int32Array
  private slots = FIXED_SLOTS
  /** Column in parts by group of each reason row. */
  readonly groupOfReason: Uint8Array
  /** As that, by slot of sums; `NO_GROUP` for ranges, and for time of which nothing is known. */
  private readonly groupOfSlot: Uint8Array
  private readonly stackRows = new Map<string, number>()
  /** Row of the reason "forever", which ends a goroutine for accounting. */
  foreverReason = -1
  /** Row of the reason "sync", under which the runtime's own semaphores are too. */
  syncReason = -1
  readonly causes: Causes
  readonly runners: Runners

  /**
   * @param kernel which brings goroutines from state to state as well (`kernel/states.ts`)
   * @param staysTold whether stays are told of one by one
   */
  constructor(
    private readonly goTimes: boolean,
    private readonly kernel: StatesKernel,
    staysTold: boolean,
  ) {
    const { memory, words } = kernel
    this.stays = new StayLog(memory, words, staysTold)
    this.ranges = new RangeLog(memory, words)
    this.stops = new StopLog(kernel)
    this.id = memory.float64(256)
    this.state = memory.uint8(256).fill(ABSENT)
    this.sinceNs = memory.float64(256)
    this.toldNs = memory.float64(256)
    this.createdNs = memory.float64(256)
    this.reason = memory.uint16(256)
    this.stay = memory.int32(256)
    this.system = memory.uint8(256)
    this.lastRange = memory.int32(256)
    this.assistNs = memory.float64(256)
    this.sweepNs = memory.float64(256)
    this.stwNs = memory.float64(256)
    this.syscallProcessor = memory.int32(256)
    this.sums = memory.float64(256 * this.stride)
    this.syscallGoroutine = memory.int32(64).fill(NONE)
    this.reasonSlot = memory.int32(MAX_NAMES)
    this.reasonSpecial = memory.uint8(MAX_NAMES)
    // No reason, of which the runtime has several.
    this.reasonSpecial[0] = ASKS_STACK
    this.rangeSlot = memory.int32(MAX_NAMES)
    this.assistRange = memory.int32(256).fill(NONE)
    this.sweepRange = memory.int32(256).fill(NONE)
    this.sweepGoroutine = memory.int32(64).fill(NONE)
    words[RANGE_SLOT >> 2] = this.rangeSlot.byteOffset
    this.groupOfReason = memory.uint8(MAX_NAMES)
    this.groupOfReason[0] = columnOfReason('')
    this.groupOfSlot = memory.uint8(FIXED_SLOTS + 2 * MAX_NAMES).fill(NO_GROUP)
    this.groupOfSlot[SLOT_EXEC] = EXEC
    this.groupOfSlot[SLOT_SCHED_WAIT] = SCHED_WAIT
    this.groupOfSlot[SLOT_SYSCALL] = this.groupOfSlot[SLOT_SYSCALL_BLOCK] = SYSCALL_TIME
    words[GROUP_OF_REASON >> 2] = this.groupOfReason.byteOffset
    words[GROUP_OF_SLOT >> 2] = this.groupOfSlot.byteOffset
    words[REASON_SLOT >> 2] = this.reasonSlot.byteOffset
    words[REASON_SPECIAL >> 2] = this.reasonSpecial.byteOffset
    this.tables = {
      reasons: [''],
      rangeNames: ['GC mark assist', 'GC incremental sweep'],
      stacks: [],
      gcPhases: { startNs: [], endNs: [], beforeNs: [] },
    }
    words[REASON_COUNT >> 2] = this.tables.reasons.length
    words[RANGE_NAME_COUNT >> 2] = this.tables.rangeNames.length
    this.causes = new Causes((text) => this.reasonRow(text), this.tables.reasons, kernel)
    this.runners = new Runners(kernel)
    // Grown once at once, as `StayLog` is.
    this.growGoroutines(this.state.length)
    this.growProcessors()
  }

  // ---- names ----

  /** Row of a block reason. */
  reasonRow(text: string): number {
    const known = this.reasonRows.get(text)
    if (known !== undefined) return known
    const { reasons } = this.tables
    if (reasons.length >= MAX_NAMES) return MAX_NAMES - 1
    const row = reasons.length
    reasons.push(row === MAX_NAMES - 1 ? '(other reasons)' : keyOf(text))
    this.kernel.words[REASON_COUNT >> 2] = reasons.length
    this.groupOfReason[row] = columnOfReason(reasons[row])
    this.reasonRows.set(text, row)
    this.causes.note(row)
    if (text === 'forever' && reasons[row] === text) this.foreverReason = row
    if (text === 'sync' && reasons[row] === text) this.syncReason = row
    if (row === this.foreverReason) this.reasonSpecial[row] = WAITS_FOREVER
    if (row === this.syncReason) this.reasonSpecial[row] = ASKS_STACK
    return row
  }

  /** Row of a range name. */
  rangeRow(text: string): number {
    const known = this.rangeRows.get(text)
    if (known !== undefined) return known
    const { rangeNames } = this.tables
    if (rangeNames.length >= MAX_NAMES) return MAX_NAMES - 1
    const row = rangeNames.length
    rangeNames.push(row === MAX_NAMES - 1 ? '(other ranges)' : keyOf(text))
    this.kernel.words[RANGE_NAME_COUNT >> 2] = rangeNames.length
    this.rangeRows.set(text, row)
    return row
  }

  /** Row of a stack in the tables: equal stacks of all generations share one. */
  stackRow(frames: readonly StackFrame[]): number {
    if (frames.length === 0) return NONE
    let key = ''
    for (const frame of frames) key += `${frame.function}\n${frame.file}:${frame.line}\n`
    const known = this.stackRows.get(key)
    if (known !== undefined) return known
    const row = this.tables.stacks.length
    this.tables.stacks.push(frames)
    this.stackRows.set(key, row)
    return row
  }

  private slotOfReason(row: number): number {
    const known = this.reasonSlot[row]
    if (known !== 0) return known
    const slot = this.newSlot()
    this.groupOfSlot[slot] = this.groupOfReason[row]
    return (this.reasonSlot[row] = slot)
  }

  private slotOfRange(row: number): number {
    const known = this.rangeSlot[row]
    if (known !== 0) return known
    return (this.rangeSlot[row] = this.newSlot())
  }

  private newSlot(): number {
    if (this.slots === this.stride) {
      const { memory } = this.kernel
      const rows = this.state.length
      const wider = memory.float64(rows * this.stride * 2)
      for (let row = 0; row < rows; row++) {
        wider.set(this.sums.subarray(row * this.stride, (row + 1) * this.stride), row * this.stride * 2)
      }
      memory.release(this.sums)
      this.sums = wider
      this.stride *= 2
      this.tellKernel()
    }
    this.kernel.words[SLOTS >> 2] = this.slots + 1
    return this.slots++
  }

  // ---- life of a goroutine ----

  /**
   * A goroutine is seen for the first time: created (`atNs` its creation) or found (`atNs` the start of the generation, its
   * state counted from there).
   */
  begin(row: number, id: number, state: number, atNs: number, reason: number, task: number): void {
    if (row >= this.state.length) this.growGoroutines(row)
    this.id[row] = id
    this.state[row] = state
    this.sinceNs[row] = atNs
    this.createdNs[row] = atNs
    this.toldNs[row] = atNs
    this.reason[row] = reason
    if (state === GoState.waiting) this.slotOfReason(reason)
    this.system[row] = 0
    this.assistNs[row] = this.sweepNs[row] = this.stwNs[row] = -1
    this.assistRange[row] = this.sweepRange[row] = this.stwRange[row] = NONE
    this.lastRange[row] = NONE
    this.syscallProcessor[row] = NONE
    // Slots that were not given out were never written to, in no row.
    const { sums, slots } = this
    const from = Math.imul(row, this.stride)
    for (let slot = 0; slot < slots; slot++) sums[from + slot] = 0
    this.stay[row] = this.stays.open(id, NONE, state, atNs, reason, task, NONE)
  }

  /** Rows that are looked at to let go of the past. */
  get rowCount(): number {
    return this.state.length
  }

  /** Whether a goroutine row is in use. */
  has(row: number): boolean {
    return row >= 0 && row < this.rows && this.state[row] !== ABSENT
  }

  /** A time for this goroutine that does not run backwards: held still where the clocks of two processors cross. */
  hold(row: number, timeNs: number): number {
    const told = this.toldNs[row]
    if (timeNs >= told) return (this.toldNs[row] = timeNs)
    this.backward.count++
    if (told - timeNs > this.backward.largestNs) this.backward.largestNs = told - timeNs
    return told
  }

  /** The start of a range that was open before the goroutine was heard of: not before what it is known to have done already. */
  notBefore(row: number, timeNs: number): number {
    return this.goTimes ? timeNs : Math.max(timeNs, this.toldNs[row])
  }

  /** The goroutine leaves its state and enters another. Returns the time used. */
  enter(row: number, state: number, timeNs: number, reason: number, task: number): number {
    const t = this.hold(row, timeNs)
    this.credit(row, t)
    this.state[row] = state
    this.sinceNs[row] = t
    this.reason[row] = reason
    if (state === GoState.waiting) this.slotOfReason(reason)
    this.stay[row] = this.stays.open(this.id[row], this.stay[row], state, t, reason, task, this.lastRange[row])
    return t
  }

  /** The goroutine goes on with what it does, from now on for another task. */
  split(row: number, timeNs: number, task: number): void {
    this.enter(row, this.state[row], timeNs, this.reason[row], task)
  }

  /** Adds the time since the state began to its sum. */
  private credit(row: number, timeNs: number): void {
    const dt = timeNs - this.sinceNs[row]
    if (dt === 0) return
    this.sums[Math.imul(row, this.stride) + this.slotOfState(row)] += dt
  }

  /** Slot that the time of the present state is summed in. */
  private slotOfState(row: number): number {
    const state = this.state[row]
    return state === GoState.waiting ? this.reasonSlot[this.reason[row]] : SLOT_OF_STATE[state]
  }

  /** The goroutine is gone; its row may be used again. */
  finish(row: number, timeNs: number): void {
    const t = this.hold(row, timeNs)
    this.credit(row, t)
    this.leaveSyscall(row)
    const { stays } = this
    const last = this.stay[row]
    if (stays.has(last)) stays.endNs[last & stays.mask] = t
    for (const range of [this.assistRange[row], this.sweepRange[row], this.stwRange[row]]) {
      if (range !== NONE) this.ranges.close(range, t)
    }
    this.assistRange[row] = this.sweepRange[row] = this.stwRange[row] = NONE
    this.state[row] = ABSENT
  }

  /**
   * Events of the goroutine were lost: what it did since cannot be known.
   *
   * @param sinceNs start of the generation: what was known before it still holds
   */
  distrust(row: number, sinceNs: number): void {
    // What it was heard of in its state counts: regions that began there have it in their sums.
    this.enter(row, GoState.unknown, Math.max(sinceNs, this.toldNs[row]), 0, 0)
  }

  /** Lets go of stays before `index`; those that are still open are carried over, their start kept. */
  forgetBefore(index: number): void {
    const { stays } = this
    if (index <= stays.tail) return
    for (let row = 0; row < this.state.length; row++) {
      if (this.state[row] === ABSENT || this.stay[row] >= index) continue
      const old = this.stay[row]
      const at = old & stays.mask
      const kept = stays.has(old)
      const copy = stays.open(
        this.id[row],
        NONE,
        this.state[row],
        this.sinceNs[row],
        this.reason[row],
        kept ? stays.task[at] : 0,
        this.lastRange[row],
      )
      if (kept) {
        stays.stack[copy & stays.mask] = stays.stack[old & stays.mask]
        stays.via[copy & stays.mask] = stays.via[old & stays.mask]
      }
      this.stay[row] = copy
    }
    stays.forgetBefore(index)
  }

  /**
   * Has stays leave the log that nobody can ask for any more.
   *
   * @param whole those from this on stay all
   * @param mostReturned as many of the latest stays of each goroutine that lives as are kept
   * @param moved adjusts what tells of stays by their indices elsewhere
   */
  thinOut(whole: number, mostReturned: number, moved: (moves: Moves) => void): void {
    this.stays.thinOut(whole, (column, scratch) => this.kernel.thin(whole, mostReturned, column, scratch), moved)
  }

  // ---- system calls and processors ----

  /** Ties a goroutine in a system call to a processor, so that the loss of the processor is seen. */
  bindSyscall(row: number, processor: number): void {
    this.syscallProcessor[row] = processor
    if (processor < 0) return
    while (processor >= this.syscallGoroutine.length) this.growProcessors()
    this.syscallGoroutine[processor] = row
  }

  leaveSyscall(row: number): void {
    const processor = this.syscallProcessor[row]
    if (processor >= 0) this.syscallGoroutine[processor] = NONE
    this.syscallProcessor[row] = NONE
  }

  /** A processor went idle: the goroutine in a system call on it, if any, lost it. */
  processorIdle(processor: number, timeNs: number, taskOf: (row: number) => number): void {
    if (processor < 0 || processor >= this.syscallGoroutine.length) return
    const row = this.syscallGoroutine[processor]
    if (row === NONE) return
    this.syscallGoroutine[processor] = NONE
    if (this.state[row] === GoState.syscall) this.enter(row, GoState.syscallBlocked, timeNs, 0, taskOf(row))
  }

  // ---- ranges ----

  beginAssist(row: number, timeNs: number): void {
    // Begun while open: the end was lost, or this is the announcement of a range that goes on in a new generation.
    const from = Math.max(timeNs, this.assistNs[row])
    this.endAssist(row, from)
    this.assistNs[row] = from
    this.assistRange[row] = this.openRange(row, RangeName.assist, from)
  }

  endAssist(row: number, timeNs: number): void {
    if (this.assistNs[row] < 0) return
    this.addRange(row, RangeName.assist, timeNs - this.assistNs[row])
    this.assistNs[row] = -1
    this.ranges.close(this.assistRange[row], timeNs)
    this.assistRange[row] = NONE
  }

  beginStw(row: number, name: number, timeNs: number): void {
    this.endStw(row, timeNs)
    this.stwNs[row] = timeNs
    this.stwName[row] = name
    this.stwRange[row] = this.openRange(row, name, timeNs)
  }

  endStw(row: number, timeNs: number): void {
    if (this.stwNs[row] < 0) return
    this.addRange(row, this.stwName[row], timeNs - this.stwNs[row])
    this.stops.add(this.stwNs[row], timeNs, this.stwName[row], this.id[row])
    this.stwNs[row] = -1
    this.ranges.close(this.stwRange[row], timeNs)
    this.stwRange[row] = NONE
  }

  /** A sweep belongs to a processor; it is credited to the goroutine on it when that one is still there at its end. */
  beginSweep(row: number, processor: number, timeNs: number): void {
    if (processor < 0 || row < 0) return
    while (processor >= this.sweepGoroutine.length) this.growProcessors()
    const before = this.sweepGoroutine[processor]
    if (before !== NONE && this.has(before) && this.sweepNs[before] >= 0) {
      // Still the same sweep, announced again in a new generation; or its end was lost.
      if (before === row) return
      this.ranges.close(this.sweepRange[before], timeNs)
      this.sweepRange[before] = NONE
      if (!this.goTimes) this.sweepNs[before] = -1
    }
    if (this.sweepRange[row] !== NONE) this.ranges.close(this.sweepRange[row], timeNs)
    this.sweepGoroutine[processor] = row
    this.sweepNs[row] = timeNs
    this.sweepRange[row] = this.openRange(row, RangeName.sweep, timeNs)
  }

  endSweep(row: number, processor: number, timeNs: number): void {
    if (processor < 0 || processor >= this.sweepGoroutine.length) return
    const began = this.sweepGoroutine[processor]
    this.sweepGoroutine[processor] = NONE
    if (began === NONE || !this.has(began) || this.sweepNs[began] < 0) return
    this.ranges.close(this.sweepRange[began], began === row ? timeNs : this.sweepNs[began])
    this.sweepRange[began] = NONE
    if (began === row) this.addRange(row, RangeName.sweep, timeNs - this.sweepNs[row])
    // Go's Summarizer leaves a sweep that ended elsewhere open on its first goroutine, where it grows for ever.
    if (began === row || !this.goTimes) this.sweepNs[began] = -1
  }

  private openRange(row: number, name: number, timeNs: number): number {
    const index = this.ranges.open(name, timeNs, this.lastRange[row])
    this.lastRange[row] = index
    const { stays } = this
    const stay = this.stay[row]
    if (stays.has(stay)) stays.range[stay & stays.mask] = index
    return index
  }

  private addRange(row: number, name: number, ns: number): void {
    const slot = this.slotOfRange(name)
    if (ns > 0) this.sums[row * this.stride + slot] += ns
  }

  // ---- garbage collection ----

  gcBegin(timeNs: number): void {
    beginPhase(this.tables.gcPhases, timeNs)
  }

  gcEnd(timeNs: number): void {
    endPhase(this.tables.gcPhases, timeNs)
  }

  /** Time of concurrent mark phases within a stretch. */
  gcOverlap(fromNs: number, toNs: number): number {
    return gcOverlap(this.tables.gcPhases, fromNs, toNs)
  }

  // ---- snapshots ----

  /** Copies the sums of a goroutine as they stand at a time, open state and ranges included, to the row of a region. */
  snapshot(row: number, timeNs: number, regions: RegionTable, region: number): void {
    this.makeSlots(row, regions)
    const { sums, stride, slots } = this
    const to = regions.sums
    const from = Math.imul(row, stride)
    const at = Math.imul(region, regions.stride)
    for (let slot = 0; slot < slots; slot++) to[at + slot] = sums[from + slot]
    this.addPending(row, timeNs, to, at)
  }

  /** As `snapshot`, minus what the row of the region held: what happened since. */
  snapshotMinus(row: number, timeNs: number, regions: RegionTable, region: number): void {
    this.makeSlots(row, regions)
    const { sums, stride, slots } = this
    const to = regions.sums
    const from = Math.imul(row, stride)
    const at = Math.imul(region, regions.stride)
    for (let slot = 0; slot < slots; slot++) to[at + slot] = sums[from + slot] - to[at + slot]
    this.addPending(row, timeNs, to, at)
  }

  /** Gives out the slots that the open ranges need, before sums are copied: a new slot may move them all. */
  private makeSlots(row: number, regions: RegionTable): void {
    if (this.assistNs[row] >= 0) this.slotOfRange(RangeName.assist)
    if (this.sweepNs[row] >= 0) this.slotOfRange(RangeName.sweep)
    if (this.stwNs[row] >= 0) this.slotOfRange(this.stwName[row])
    if (regions.stride < this.stride) regions.widen(this.stride)
  }

  /** Adds what the open state and ranges have come to. */
  private addPending(row: number, timeNs: number, to: Float64Array, at: number): void {
    const t = timeNs > this.sinceNs[row] ? timeNs : this.sinceNs[row]
    const pending = t - this.sinceNs[row]
    if (this.goTimes && this.state[row] === GoState.syscallBlocked) {
      to[at + SLOT_SCHED_WAIT] += pending
      to[at + SLOT_SYSCALL] += pending
    } else {
      to[at + this.slotOfState(row)] += pending
    }
    if (this.assistNs[row] >= 0) to[at + this.slotOfRange(RangeName.assist)] += t - this.assistNs[row]
    if (this.sweepNs[row] >= 0) to[at + this.slotOfRange(RangeName.sweep)] += t - this.sweepNs[row]
    if (this.stwNs[row] >= 0) to[at + this.slotOfRange(this.stwName[row])] += t - this.stwNs[row]
  }

  /** Sums in use; those of a row beyond are 0. */
  get slotCount(): number {
    return this.slots
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
    const result = emptyBreakdown()
    result.totalNs = totalNs
    result.execNs = sums[offset + SLOT_EXEC]
    result.schedWaitNs = sums[offset + SLOT_SCHED_WAIT]
    result.syscallNs = sums[offset + SLOT_SYSCALL]
    result.syscallBlockNs = sums[offset + SLOT_SYSCALL_BLOCK]
    let sum = result.execNs + result.schedWaitNs + result.syscallNs + result.syscallBlockNs
    const { reasons, rangeNames } = this.tables
    for (let row = 0; row < reasons.length; row++) {
      const slot = this.reasonSlot[row]
      if (slot === 0) continue
      const ns = sums[offset + slot]
      if (ns !== 0) {
        result.blockNs[reasons[row]] = ns
        sum += ns
      }
    }
    for (let row = 0; row < rangeNames.length; row++) {
      const slot = this.rangeSlot[row]
      if (slot === 0) continue
      const ns = sums[offset + slot]
      // A sweep that ended on another goroutine counts for nobody, though its beginning was in the sums when a region began.
      if (ns > 0 || (ns < 0 && this.goTimes)) result.rangeNs[rangeNames[row]] = ns
    }
    result.unknownNs = Math.max(0, totalNs - sum)
    return result
  }

  // ---- why a wait ended ----

  /**
   * The goroutine's wait is about to end: notes who ends it and, when that one works for no task, the cause under which people are shown the
   * wait (`via.ts`).
   *
   * @param by stay of the goroutine that ends it, or none
   * @param wakerTask serial of the task that one works for, 0 none
   * @param servesOthers whether it works for nobody as far as this goroutine's task goes
   */
  endWait(row: number, by: number, wakerTask: number, servesOthers: boolean): void {
    const { stays } = this
    const wait = this.stay[row]
    if (this.state[row] !== GoState.waiting || !stays.has(wait)) return
    const at = wait & stays.mask
    stays.waker[at] = by
    stays.wakerTask[at] = wakerTask
    // The runtime's own.
    if (stays.via[at] !== 0) return
    if (by === NONE) stays.via[at] = this.causes.ofWaitEndedByNobody(stays.reason[at])
    else if ((wakerTask === 0 || servesOthers) && this.causes.isHandOver(stays.reason[at]))
      stays.via[at] = this.causes.ofWaker(by, stays.reason[at], stays.startNs[at])
  }

  /** Notes in the present stay who brought it about; as in `endWait`. */
  noteWaker(row: number, by: number, wakerTask: number): void {
    const { stays } = this
    const now = this.stay[row] & stays.mask
    stays.waker[now] = by
    stays.wakerTask[now] = wakerTask
  }

  // ---- growth ----

  private growGoroutines(row: number): void {
    let size = this.state.length
    while (size <= row) size *= 2
    const { memory } = this.kernel
    const f64 = (old: Float64Array) => grown(memory, old, memory.float64(size))
    const i32 = (old: Int32Array) => grown(memory, old, memory.int32(size))
    const ranges = (old: Int32Array) => grown(memory, old, memory.int32(size).fill(NONE))
    this.rows = size
    this.sums = grown(memory, this.sums, memory.float64(size * this.stride))
    this.state = grown(memory, this.state, memory.uint8(size).fill(ABSENT))
    this.reason = grown(memory, this.reason, memory.uint16(size))
    this.stwName = grown(ownColumns, this.stwName, new Uint16Array(size))
    this.system = grown(memory, this.system, memory.uint8(size))
    this.id = f64(this.id)
    this.sinceNs = f64(this.sinceNs)
    this.createdNs = f64(this.createdNs)
    this.toldNs = f64(this.toldNs)
    this.assistNs = f64(this.assistNs)
    this.sweepNs = f64(this.sweepNs)
    this.stwNs = f64(this.stwNs)
    this.stay = i32(this.stay)
    this.assistRange = ranges(this.assistRange)
    this.sweepRange = ranges(this.sweepRange)
    this.stwRange = grown(ownColumns, this.stwRange, new Int32Array(size).fill(NONE))
    this.lastRange = i32(this.lastRange)
    this.syscallProcessor = i32(this.syscallProcessor)
    this.tellKernel()
  }

  private growProcessors(): void {
    const { memory } = this.kernel
    const size = this.syscallGoroutine.length * 2
    this.syscallGoroutine = grown(memory, this.syscallGoroutine, memory.int32(size).fill(NONE))
    this.sweepGoroutine = grown(memory, this.sweepGoroutine, memory.int32(size).fill(NONE))
    this.tellKernel()
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[STATE >> 2] = this.state.byteOffset
    words[SINCE >> 2] = this.sinceNs.byteOffset
    words[CREATED >> 2] = this.createdNs.byteOffset
    words[TOLD >> 2] = this.toldNs.byteOffset
    words[REASON >> 2] = this.reason.byteOffset
    words[STAY >> 2] = this.stay.byteOffset
    words[ID >> 2] = this.id.byteOffset
    words[LAST_RANGE >> 2] = this.lastRange.byteOffset
    words[SYSTEM >> 2] = this.system.byteOffset
    words[ASSIST_SINCE >> 2] = this.assistNs.byteOffset
    words[SWEEP_SINCE >> 2] = this.sweepNs.byteOffset
    words[STW_SINCE >> 2] = this.stwNs.byteOffset
    words[ASSIST_RANGE >> 2] = this.assistRange.byteOffset
    words[SWEEP_RANGE >> 2] = this.sweepRange.byteOffset
    words[SWEEP_GOROUTINE >> 2] = this.sweepGoroutine.byteOffset
    words[SLOTS >> 2] = this.slots
    words[SYSCALL_PROCESSOR >> 2] = this.syscallProcessor.byteOffset
    words[SUMS >> 2] = this.sums.byteOffset
    words[STRIDE >> 2] = this.stride
    words[ROW_ROOM >> 2] = this.rows
    words[SYSCALL_GOROUTINE >> 2] = this.syscallGoroutine.byteOffset
    words[PROCESSOR_ROOM >> 2] = this.syscallGoroutine.length
  }
}
