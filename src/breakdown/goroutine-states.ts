// goroutine-states.ts: what each goroutine is doing now, and the sums of what it did.
//
// In: ordered events. Out: per goroutine the sums that Go's Summarizer keeps (execution, scheduler wait, block by reason, system calls,
// ranges), and its stays in a `StayLog`. Region breakdowns are differences of two snapshots of the sums, as in Go; paths are walked
// over the stays.
// Source of the rules: internal/trace/summary.go, Go 1.26. Two of its quirks are reproduced only with `goTimes`: a goroutine parked in
// a system call before the capture counts as executing the call, and a snapshot taken while the processor is away counts twice.

import { type GcPhases, GoState as goStates, type StackFrame, type TaskTables } from './breakdown.ts'
import { NO_BYTES, NO_DOUBLES, NO_NUMBERS } from '../base/columns.ts'
import { columnOfReason } from './groups.ts'
import { GoroutineSums } from './goroutine-sums.ts'
import { OpenRanges, RangeName } from './open-ranges.ts'
import { beginPhase, endPhase, gcOverlap, PhaseColumns } from './gc-phases.ts'
import type { RegionTable } from './regions.ts'
import {
  ABSENT,
  ASKS_STACK,
  CREATED,
  GROUP_OF_REASON,
  ID,
  MAX_NAMES,
  PROCESSOR_ROOM,
  PROGRAM,
  RANGE_NAME_COUNT,
  REASON,
  REASON_COUNT,
  REASON_SPECIAL,
  ROW_ROOM,
  RUNTIME,
  SINCE,
  SLOT_EXEC,
  SLOT_SCHED_WAIT,
  SLOT_SYSCALL,
  SLOT_SYSCALL_BLOCK,
  SLOT_UNKNOWN,
  STATE,
  STAY,
  SYSCALL_GOROUTINE,
  SYSCALL_PROCESSOR,
  SYSTEM,
  TIMERS,
  TOLD,
  UNNAMED,
  WAITS_FOREVER,
} from './states-layout.ts'
import { LeftRuns } from './left-runs.ts'
import { Runners } from './runners.ts'
import type { StatesKernel } from './states-kernel.ts'
import { type Moves, NONE as none, RangeLog, StayLog, StopLog } from './stay-log.ts'
import { Causes } from './via.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const NONE = none

/** Rows that there is room for at first. */
const GOROUTINE_ROOM = 512
const PROCESSOR_ROWS = 128

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

/** Largest backward step of a goroutine's time that was seen, and how many there were. */
export interface BackwardSteps {
  count: number
  largestNs: number
}

/** A name as a key of the parts of a breakdown: those that every object has from its start are told otherwise. */
function keyOf(name: string): string {
  return name in Object.prototype ? `(${name})` : name
}

/** States of all goroutines, by row. */
export class GoroutineStates {
  readonly stays: StayLog
  readonly ranges: RangeLog
  readonly stops: StopLog
  readonly tables: TaskTables & { readonly gcPhases: GcPhases }
  private readonly phases: PhaseColumns
  readonly backward: BackwardSteps = { count: 0, largestNs: 0 }
  readonly sums: GoroutineSums
  readonly open: OpenRanges
  /** Where it is told who ran during waits. */
  private readonly leftRuns: LeftRuns | null

  // --- by goroutine row ---
  /** Rows that there is room for: the length of the columns, as a small whole number. */
  private rows = 0
  id = NO_DOUBLES
  /** A `GoState`; `ABSENT` where the row is not in use. */
  state = NO_BYTES
  /** Start of the current state. */
  sinceNs = NO_DOUBLES
  createdNs = NO_DOUBLES
  /** Latest time told of the goroutine: its states, annotations and ranges never run backwards. */
  private toldNs = NO_DOUBLES
  /** Row of the current wait's reason. */
  private reason: Uint16Array = new Uint16Array(0)
  /** Current stay. */
  stay = NO_NUMBERS
  /** A `SystemKind`. */
  system = NO_BYTES
  /** Processor it entered its system call with; -1 none. */
  private syscallProcessor = NO_NUMBERS

  // --- by processor row ---
  /** Goroutine in a system call on it. */
  private syscallGoroutine = NO_NUMBERS

  // --- names ---
  private readonly reasonRows = new Map<string, number>([['', 0]])
  private readonly rangeRows = new Map<string, number>([
    ['GC mark assist', RangeName.assist],
    ['GC incremental sweep', RangeName.sweep],
  ])
  /** What more becomes of a wait of the reason than a stay. */
  private readonly reasonSpecial: Uint8Array
  /** Column in parts by group of each reason row. */
  readonly groupOfReason: Uint8Array
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
    this.reasonSpecial = kernel.place(NO_BYTES, memory.uint8(MAX_NAMES), REASON_SPECIAL)
    // No reason, of which the runtime has several.
    this.reasonSpecial[0] = ASKS_STACK
    this.groupOfReason = kernel.place(NO_BYTES, memory.uint8(MAX_NAMES), GROUP_OF_REASON)
    this.groupOfReason[0] = columnOfReason('')
    this.tables = {
      reasons: [''],
      rangeNames: ['GC mark assist', 'GC incremental sweep'],
      stacks: [],
      gcPhases: { startNs: [], endNs: [], beforeNs: [] },
    }
    words[REASON_COUNT >> 2] = this.tables.reasons.length
    words[RANGE_NAME_COUNT >> 2] = this.tables.rangeNames.length
    this.phases = new PhaseColumns(kernel)
    this.sums = new GoroutineSums(kernel, this.tables, this.groupOfReason, goTimes)
    this.open = new OpenRanges(this, this.ranges, this.sums, kernel, goTimes)
    this.causes = new Causes((text) => this.reasonRow(text), this.tables.reasons, kernel)
    this.runners = new Runners(kernel)
    this.leftRuns = staysTold ? new LeftRuns(kernel) : null
    this.makeRoom(GOROUTINE_ROOM)
    this.makeProcessorRoom(PROCESSOR_ROWS)
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
    if (row === this.syncReason || this.causes.mayBeNetwork(row)) this.reasonSpecial[row] = ASKS_STACK
    return row
  }

  /** Whether the stack of a wait of a reason says whose it is, or what for. */
  asksStack(reason: number): boolean {
    return this.reasonSpecial[reason] === ASKS_STACK
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

  // ---- life of a goroutine ----

  /**
   * A goroutine is seen for the first time: created (`atNs` its creation) or found (`atNs` the start of the generation, its
   * state counted from there).
   */
  begin(row: number, id: number, state: number, atNs: number, reason: number, task: number): void {
    if (row >= this.rows) this.makeRoom(roomFor(row, this.rows))
    this.id[row] = id
    this.state[row] = state
    this.sinceNs[row] = atNs
    this.createdNs[row] = atNs
    this.toldNs[row] = atNs
    this.reason[row] = reason
    if (state === GoState.waiting) this.sums.slotOfReason(reason)
    this.system[row] = 0
    this.open.clear(row)
    this.syscallProcessor[row] = NONE
    this.sums.clear(row)
    this.stay[row] = this.stays.open(id, NONE, state, atNs, reason, task, NONE)
  }

  /** Rows that are looked at to let go of the past. */
  get rowCount(): number {
    return this.rows
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
    if (state === GoState.waiting) this.sums.slotOfReason(reason)
    this.stay[row] = this.stays.open(this.id[row], this.stay[row], state, t, reason, task, this.open.last[row])
    return t
  }

  /** The goroutine goes on with what it does, from now on for another task. */
  split(row: number, timeNs: number, task: number): void {
    this.enter(row, this.state[row], timeNs, this.reason[row], task)
  }

  /** Adds the time since the state began to its sum. */
  private credit(row: number, timeNs: number): void {
    const dt = timeNs - this.sinceNs[row]
    if (dt !== 0) this.sums.add(row, this.slotOfState(row), dt)
  }

  /** Slot that the time of the present state is summed in. */
  private slotOfState(row: number): number {
    const state = this.state[row]
    return state === GoState.waiting ? this.sums.reasonSlot[this.reason[row]] : SLOT_OF_STATE[state]
  }

  /** The goroutine is gone; its row may be used again. */
  finish(row: number, timeNs: number): void {
    const t = this.hold(row, timeNs)
    this.credit(row, t)
    this.leaveSyscall(row)
    const { stays } = this
    const last = this.stay[row]
    if (stays.has(last)) stays.endNs[last & stays.mask] = t
    this.open.close(row, t)
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
    this.leftRuns?.leave(stays, index)
    const { top } = stays
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
        this.open.last[row],
      )
      if (kept) {
        stays.stack[copy & stays.mask] = stays.stack[old & stays.mask]
        stays.via[copy & stays.mask] = stays.via[old & stays.mask]
      }
      this.stay[row] = copy
      if (this.state[row] === GoState.running) this.leftRuns?.add(copy)
    }
    if (stays.top > top) this.leftRuns?.carried(top, stays.top, index)
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
    const lasting = this.leftRuns?.leave(this.stays, whole) ?? []
    this.stays.thinOut(
      whole,
      (column, scratch) => this.kernel.call.thin(whole, mostReturned, column, scratch),
      (moves) => {
        for (const stay of lasting) this.leftRuns?.add(moves.indexOf(stay))
        moved(moves)
      },
    )
  }

  // ---- system calls and processors ----

  /** Ties a goroutine in a system call to a processor, so that the loss of the processor is seen. */
  bindSyscall(row: number, processor: number): void {
    this.syscallProcessor[row] = processor
    if (processor < 0) return
    this.roomForProcessor(processor)
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

  // ---- garbage collection ----

  gcBegin(timeNs: number): void {
    beginPhase(this.tables.gcPhases, timeNs)
    this.phases.note(this.tables.gcPhases)
  }

  gcEnd(timeNs: number): void {
    endPhase(this.tables.gcPhases, timeNs)
    this.phases.note(this.tables.gcPhases)
  }

  /** Time of concurrent mark phases within a stretch. */
  gcOverlap(fromNs: number, toNs: number): number {
    return gcOverlap(this.tables.gcPhases, fromNs, toNs)
  }

  // ---- snapshots ----

  /** Copies the sums of a goroutine as they stand at a time, open state and ranges included, to the row of a region. */
  snapshot(row: number, timeNs: number, regions: RegionTable, region: number): void {
    this.makeSlots(row, regions)
    const at = Math.imul(region, regions.stride)
    this.sums.copy(row, regions.sums, at)
    this.addPending(row, timeNs, regions.sums, at)
  }

  /** As `snapshot`, minus what the row of the region held: what happened since. */
  snapshotMinus(row: number, timeNs: number, regions: RegionTable, region: number): void {
    this.makeSlots(row, regions)
    const at = Math.imul(region, regions.stride)
    this.sums.copyMinus(row, regions.sums, at)
    this.addPending(row, timeNs, regions.sums, at)
  }

  /** Gives out the slots that are needed before sums are copied: a new one may move them all. */
  private makeSlots(row: number, regions: RegionTable): void {
    this.open.makeSlots(row)
    if (regions.stride < this.sums.stride) regions.widen(this.sums.stride)
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
    this.open.addPending(row, t, to, at)
  }

  // ---- why a wait ended ----

  /** Whether the goroutine waits without a reason, as a coroutine does until it is called. */
  isSwitchedAway(row: number): boolean {
    return this.state[row] === GoState.waiting && this.reason[row] === 0
  }

  /**
   * The goroutine's wait is about to end: notes who ends it and, when that one works for no task, the cause under which people are shown the
   * wait (`via.ts`).
   *
   * @param timeNs when
   * @param by stay of the goroutine that ends it, or none
   * @param wakerTask serial of the task that one works for, 0 none
   * @param servesOthers whether it works for nobody as far as this goroutine's task goes
   * @param annotates whether it says itself for whom it works
   */
  endWait(row: number, timeNs: number, by: number, wakerTask: number, servesOthers: boolean, annotates: boolean): void {
    const { stays } = this
    const wait = this.stay[row]
    if (this.state[row] !== GoState.waiting || !stays.has(wait)) return
    const at = wait & stays.mask
    stays.waker[at] = by
    stays.wakerTask[at] = wakerTask
    // The runtime's own, or one for the network by where it is: of these a timer may have ended the second.
    const place = stays.via[at]
    if (place !== 0 && !this.causes.isNetwork(place)) return
    if (by === NONE) stays.via[at] = this.causes.ofWaitEndedByNobody(stays.reason[at]) || place
    else if (wakerTask === 0 || servesOthers) {
      const { causes } = this
      const reason = stays.reason[at]
      if (causes.isHandOver(reason)) {
        const ended = causes.ofWaker(by, reason, stays.startNs[at], timeNs, annotates)
        if (place === 0 || (ended === causes.sleep && causes.isTimers(by))) stays.via[at] = ended
      } else if (causes.isNetwork(reason) && causes.isTimers(by)) {
        // It closed the connection, or moved its deadline.
        stays.via[at] = causes.sleep
      }
    }
  }

  /** Notes the cause under which the present wait is shown, by where it is. */
  noteCause(row: number, cause: number): void {
    this.stays.via[this.stay[row] & this.stays.mask] = cause
  }

  /** Notes in the present stay who brought it about; as in `endWait`. */
  noteWaker(row: number, by: number, wakerTask: number): void {
    const { stays } = this
    const now = this.stay[row] & stays.mask
    stays.waker[now] = by
    stays.wakerTask[now] = wakerTask
  }

  // ---- Columns. ----

  /** Makes the columns of goroutines, or longer ones. */
  private makeRoom(rows: number): void {
    const { kernel } = this
    const { memory } = kernel
    const f64 = (old: Float64Array, register: number) => kernel.place(old, memory.float64(rows), register)
    const i32 = (old: Int32Array, register: number) => kernel.place(old, memory.int32(rows), register)
    this.rows = rows
    this.id = f64(this.id, ID)
    this.state = kernel.place(this.state, memory.uint8(rows).fill(ABSENT), STATE)
    this.sinceNs = f64(this.sinceNs, SINCE)
    this.createdNs = f64(this.createdNs, CREATED)
    this.toldNs = f64(this.toldNs, TOLD)
    this.reason = kernel.place(this.reason, memory.uint16(rows), REASON)
    this.stay = i32(this.stay, STAY)
    this.system = kernel.place(this.system, memory.uint8(rows), SYSTEM)
    this.syscallProcessor = i32(this.syscallProcessor, SYSCALL_PROCESSOR)
    this.sums.makeRoom(rows)
    this.open.makeRoom(rows)
    kernel.words[ROW_ROOM >> 2] = rows
  }

  /** Makes room for a processor, if there is none. */
  roomForProcessor(processor: number): void {
    const rows = this.syscallGoroutine.length
    if (processor >= rows) this.makeProcessorRoom(roomFor(processor, rows))
  }

  /** As `makeRoom`, of processors. */
  private makeProcessorRoom(rows: number): void {
    const { kernel } = this
    this.syscallGoroutine = kernel.place(this.syscallGoroutine, kernel.memory.int32(rows).fill(NONE), SYSCALL_GOROUTINE)
    this.open.makeProcessorRoom(rows)
    kernel.words[PROCESSOR_ROOM >> 2] = rows
  }
}

/** How many rows to make room for when one is beyond those there are: twice as many, or more. */
function roomFor(row: number, rows: number): number {
  let room = rows
  while (room <= row) room *= 2
  return room
}
