// analysis.ts: a capture's bytes in, its tasks with their breakdowns out, as soon as each is known.

import type { CaptureInfo } from '../capture/capture.ts'
import { CaptureDecoder } from '../capture/decode.ts'
import type { DecodeOptions, DecodeSink, EventSource } from '../capture/event-source.ts'
import { type EventBlock, isCoroutineSwitch } from '../capture/event-block.ts'
import type { LostTime } from '../capture/lost-time.ts'
import { Ev, ProcStatus } from '../capture/event-types.ts'
import { type GcPhases, GoState as goStates, type TaskTables } from './breakdown.ts'
import { Annotations } from './annotations.ts'
import { GenerationNames } from './generation-names.ts'
import { GoroutineStates, SystemKind } from './goroutine-states.ts'
import { Goroutines } from './goroutines.ts'
import { LockPlaces } from './lock-places.ts'
import { Membership } from './membership.ts'
import { NameKinds } from './name-kinds.ts'
import { Past, type PastLimits, SETTLE_NS } from './past.ts'
import { RegionTable } from './regions.ts'
import { StatesKernel } from './states-kernel.ts'
import { ADDED_UP, STAY_TOP, STOPPED_UNTIL } from './states-layout.ts'
import { NONE as none } from './stay-log.ts'
import { TaskLogs } from './task-logs.ts'
import { type AnalysisSink, type SumsSink, TaskRecords } from './task-records.ts'
import type { TaskSums } from './task-sums.ts'
import { TaskTable } from './tasks.ts'
import { WaitStacks } from './wait-stacks.ts'
import { Workers } from './workers.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
type GoState = goStates
const NONE = none

/** What to compute. */
export interface AnalysisOptions {
  /** Times and breakdowns as Go's own reader and Summarizer tell them, for comparing with it. */
  readonly goTimes?: boolean
  /** Keep each task's timeline and ranges, for cutting spans' windows from it. */
  readonly timelines?: boolean
  /** Keep the stacks of waits and regions. */
  readonly stacks?: boolean
  /** Ticks per second of captures of Go 1.21 and older that were cut before they say so; default: a guess, told as a problem. */
  readonly ticksPerSecond?: number | undefined
  /** How much of the past is kept, where that is not as usual: tests have little of it. */
  readonly pastLimits?: Partial<PastLimits>
}

/**
 * Events after which is looked for tasks to hand over and for a past to let go of: as many as a block holds, but counted over the whole capture,
 * so that what is told does not depend on where blocks end.
 */
const EVENTS_BETWEEN_LOOKS = 4_096
/** Runs the whole analysis of one capture: `push` its unpacked bytes, then `end`. */
export class CaptureAnalysis {
  private readonly decoder: EventSource
  private readonly states: GoroutineStates
  private readonly tasks: TaskTable
  private readonly goTimes: boolean
  private readonly stacks: boolean

  private readonly kernel: StatesKernel
  /** Task that each goroutine row works for. */
  private readonly workers: Workers
  private readonly regions: RegionTable
  private eventsSinceLook = 0
  // -0: the engine makes room for a double at once. A field that holds small whole numbers first and large ones later changes the shape of its
  // object, and all code that was compiled for the old shape is thrown away.
  private syncNs = -0
  private nowNs = -0
  private readonly names: GenerationNames
  private readonly membership: Membership
  private readonly annotations: Annotations
  private readonly goroutines: Goroutines
  private readonly past: Past
  private readonly records: TaskRecords
  private readonly waitStacks: WaitStacks
  /** Which stacks are about one lock, as far as is known so far. */
  readonly lockPlaces: LockPlaces
  private readonly sumsSink: SumsSink | null
  private readonly nameKinds: NameKinds | null

  private readonly taskOfRowBound: (row: number) => number

  /** @param decoderOf makes what its events come from; without, it decodes the bytes that are pushed */
  constructor(
    options: AnalysisOptions,
    private readonly sink: AnalysisSink,
    decoderOf = (decode: DecodeOptions, events: DecodeSink): EventSource => new CaptureDecoder(decode, events),
  ) {
    this.goTimes = options.goTimes ?? false
    this.stacks = options.stacks ?? false
    this.decoder = decoderOf(
      { goTimes: this.goTimes, ticksPerSecond: options.ticksPerSecond },
      { events: (block) => this.take(block), generationEnd: (timeNs) => this.generationEnd(timeNs) },
    )
    this.kernel = new StatesKernel(this.decoder.memory)
    this.sumsSink = 'kindOf' in sink ? sink : null
    this.kernel.words[ADDED_UP >> 2] = this.sumsSink === null ? 0 : 1
    this.states = new GoroutineStates(this.goTimes, this.kernel, this.stacks || this.sumsSink === null)
    const rows = this.states.rowCount
    this.workers = new Workers(this.kernel, rows)
    this.regions = new RegionTable(this.states.sums.stride, this.kernel)
    this.lockPlaces = new LockPlaces(this.states.tables.stacks, this.kernel)
    this.names = new GenerationNames(this.states, this.decoder.problems, this.stacks, this.regions, this.kernel)
    this.waitStacks = new WaitStacks(this.states, this.names, this.lockPlaces, this.stacks)
    this.tasks = new TaskTable(
      this.decoder.problems,
      this.kernel,
      (string) => this.names.textNow(string),
      () => this.workers.membershipChanged(),
    )
    const logs = new TaskLogs(this.kernel, this.tasks, this.names)
    this.nameKinds = this.sumsSink === null ? null : new NameKinds(this.kernel, this.tasks, this.sumsSink.kindOf)
    this.membership = new Membership(this.states, this.tasks, this.workers, this.regions)
    this.taskOfRowBound = (row) => this.membership.serialOf(row)
    const told = { goTimes: this.goTimes, timelines: options.timelines ?? false, stacks: this.stacks }
    this.records = new TaskRecords(
      this.states,
      this.tasks,
      this.regions,
      this.lockPlaces,
      this.decoder,
      logs,
      this.names,
      this.kernel,
      sink,
      told,
    )
    this.annotations = new Annotations(
      this.states,
      this.tasks,
      this.regions,
      this.workers,
      this.membership,
      this.names,
      logs,
      this.records,
      this.decoder.problems,
      this.nameKinds,
    )
    this.goroutines = new Goroutines(
      this.states,
      this.tasks,
      this.workers,
      this.membership,
      this.annotations,
      this.names,
      this.goTimes,
    )
    this.past = new Past(this.states, this.tasks, this.membership, this.lockPlaces, this.stacks, options.pastLimits)
  }

  /** Tables that the rows of task records point into. */
  get tables(): TaskTables & { readonly gcPhases: GcPhases } {
    return this.states.tables
  }

  /** Names of regions that recur, to which rows of compact tasks point. */
  get regionNames(): readonly string[] {
    return this.regions.recurringNames
  }

  /** What tasks come to so far, and how many were handed over, task 0 aside; null sums where the sink takes records. */
  get sums(): TaskSums | null {
    return this.records.sums
  }

  get taskCount(): number {
    return this.records.handedOver
  }

  /** Stretches of the capture that were lost, as far as known. */
  get lost(): readonly LostTime[] {
    return this.decoder.lost
  }

  /** Nanoseconds of the capture's origin on the trace clock; 0 before the first generation. */
  get originNs(): bigint {
    return this.decoder.originNs
  }

  /** Bytes of memory outside the engine's count that the analysis holds. */
  get kernelBytes(): number {
    return this.decoder.memory.usedBytes
  }

  /** Clock pairings of the generations decoded so far. */
  get clockSnapshots(): CaptureInfo['clockSnapshots'] {
    return this.decoder.clockSnapshots
  }

  /**
   * Takes the next bytes of the (unpacked) capture; may hand over tasks before it returns.
   *
   * @throws Failure CAPTURE_NOT_GO, CAPTURE_VERSION when nothing can be read
   */
  push(chunk: Uint8Array): void {
    this.bytesDecoder.push(chunk)
  }

  /** See `CaptureDecoder`. */
  room(): Uint8Array | null {
    return this.bytesDecoder.room()
  }

  /** As `push`, of bytes that are in the room. */
  took(count: number): void {
    this.bytesDecoder.took(count)
  }

  private get bytesDecoder(): CaptureDecoder {
    if (this.decoder instanceof CaptureDecoder) return this.decoder
    throw new Error('this analysis does not decode bytes that are pushed')
  }

  /**
   * There are no more bytes to push: analyses a part of what is left, so that its tasks need not be taken all at once. A capture of Go 1.21 and
   * older is held whole, one that another thread decodes is not pushed at all.
   *
   * @returns whether there is more to analyse before `end`, which else does the rest
   */
  step(): boolean {
    return this.decoder.step()
  }

  /**
   * The capture is over: hands over every task left.
   *
   * @throws Failure CAPTURE_EMPTY, CAPTURE_NOT_GO, CAPTURE_VERSION when nothing can be read
   */
  end(): CaptureInfo {
    const { problems } = this.decoder
    const info = this.decoder.end()
    this.annotations.findKinds()
    const endNs = this.decoder.lastNs + (this.goTimes ? 1 : 0)
    this.nowNs = endNs
    for (let row = 0; row < this.workers.rows; row++) this.annotations.closeRegions(row, endNs, false)
    const left = this.tasks.all()
    for (const task of left) if (task.id !== 0) this.records.handOver(task.slot, this.nowNs)
    for (const task of left) if (task.id === 0) this.records.handOver(task.slot, this.nowNs)
    this.records.tellLost(endNs)
    const { backward } = this.states
    if (backward.count > 0) {
      problems.add(
        'CLOCK_STEP',
        null,
        () =>
          `${backward.count.toLocaleString('en-US')} events lay before an earlier event of their own goroutine, by ${(backward.largestNs / 1000).toFixed(3)} us at most (clocks of two processors, or of two generations, overlap): their times were held still.`,
      )
    }
    return info
  }

  // ------------------------------------------------------------------------------------------------ events

  private take(block: EventBlock): void {
    this.names.use(block.strings, block.stacks)
    for (let from = 0; from < block.length;) {
      const to = Math.min(block.length, from + EVENTS_BETWEEN_LOOKS - this.eventsSinceLook)
      this.consume(block, from, to)
      this.eventsSinceLook += to - from
      if (this.eventsSinceLook === EVENTS_BETWEEN_LOOKS) this.lookRound(block.timeNs[to - 1])
      from = to
    }
  }

  /** Hands over what can be, and lets go of what nobody asks for again. */
  private lookRound(timeNs: number): void {
    this.eventsSinceLook = 0
    this.nowNs = Math.max(this.nowNs, timeNs)
    this.annotations.findKinds()
    // Handed over as early as may be: what dies young costs the garbage collector nothing.
    this.settle(this.nowNs - SETTLE_NS)
    this.past.look(EVENTS_BETWEEN_LOOKS, this.nowNs)
  }

  /** Goes through a part of a block of events. Five of six only bring a goroutine into another state: those the kernel takes, mostly. */
  private consume(block: EventBlock, from: number, to: number): void {
    const { kernel } = this
    const { words, doubles } = kernel
    const { stays, stops } = this.states
    const { first } = block
    for (let i = from; ; i++) {
      doubles[STOPPED_UNTIL >> 3] = this.sumsSink === null ? stops.lastEndNs : -1
      words[STAY_TOP >> 2] = stays.top
      i = kernel.call.run(first + i, first + to) - first
      stays.top = words[STAY_TOP >> 2]
      if (i === to) return
      this.consumeOne(block, i)
    }
  }

  /**
   * One event that the kernel left. Rows are made whole numbers (`| 0`) where they come out of a column of doubles: places computed from a
   * double are computed as doubles, and turned and checked at each use.
   */
  private consumeOne(block: EventBlock, i: number): void {
    const { kind, timeNs, goroutine, processor, a, stack } = block
    const { states } = this
    const event = kind[i]
    let row = goroutine[i]
    let state: GoState
    switch (event) {
      case Ev.GoStart:
        row = a[i] | 0
        state = GoState.running
        break
      case Ev.GoUnblock:
        row = a[i] | 0
        state = GoState.runnable
        break
      case Ev.GoStop:
      case Ev.GoSyscallEndBlocked:
        state = GoState.runnable
        break
      case Ev.GoBlock:
        state = GoState.waiting
        break
      case Ev.GoSyscallBegin:
        state = GoState.syscall
        break
      case Ev.GoSyscallEnd:
        state = GoState.running
        break
      case Ev.HeapAlloc:
      case Ev.ProcStart:
        return
      default:
        this.consumeOther(block, i)
        return
    }
    if (!states.has(row)) return
    let reason = 0
    let by = NONE
    let wakerTask = 0
    let cause = 0
    if (event === Ev.GoUnblock) {
      const waker = goroutine[i]
      if (waker >= 0) {
        wakerTask = this.membership.serialOf(waker) | 0
        if (states.isSwitchedAway(row)) this.membership.called(row, wakerTask)
        if (states.has(waker) && states.system[waker] !== SystemKind.timers) by = states.stay[waker]
      }
      if (by !== NONE && this.waitStacks.endedByPoller(row, stack[i])) {
        by = NONE
        wakerTask = 0
      }
      states.endWait(
        row,
        timeNs[i],
        by,
        wakerTask,
        wakerTask !== 0 && this.membership.servesOthers(waker, row, wakerTask),
        waker >= 0 && this.workers.onlyCreated[waker] === 0,
      )
      if (by !== NONE) this.waitStacks.noteRelease(row, by, stack[i])
    } else {
      if (states.system[row] === 0) this.goroutines.name(row, stack[i])
      if (event === Ev.GoBlock) {
        reason = this.names.reason(a[i]) | 0
        if (states.asksStack(reason)) {
          const bare = reason === 0 && stack[i] === 0 && !isCoroutineSwitch(block, i)
          cause = this.waitStacks.causeOfPlace(row, stack[i], bare)
        }
        // Whom the collector keeps waiting is in the middle of something, and goes on with it.
        if (!states.causes.isForCollector(cause || reason)) this.membership.letGo(row)
      }
    }
    states.enter(row, state, timeNs[i], reason, this.membership.serialOf(row) | 0)
    if (event === Ev.GoUnblock) {
      states.noteWaker(row, by, wakerTask)
    } else if (event === Ev.GoBlock) {
      this.waitStacks.keep(row, stack[i])
      if (cause !== 0) states.noteCause(row, cause)
      if (reason === states.foreverReason) this.goroutines.finish(row, timeNs[i])
    } else if (event === Ev.GoSyscallBegin) {
      states.bindSyscall(row, processor[i])
      this.waitStacks.keep(row, stack[i])
    } else if (event === Ev.GoStop) {
      this.waitStacks.keep(row, stack[i])
    } else if (event === Ev.GoSyscallEnd || event === Ev.GoSyscallEndBlocked) {
      states.leaveSyscall(row)
    }
  }

  /** Annotations, and goroutines and processors that come and go: one event of six. */
  private consumeOther(block: EventBlock, i: number): void {
    const { kind, timeNs, goroutine, processor, a, b, c, stack } = block
    const { states } = this
    const t = timeNs[i]
    const g = goroutine[i]
    switch (kind[i]) {
      case Ev.UserRegionBegin:
        if (states.has(g)) this.annotations.beginRegion(g, states.hold(g, t), a[i], b[i], stack[i])
        break
      case Ev.UserRegionEnd:
        if (states.has(g)) this.annotations.endRegion(g, states.hold(g, t), a[i], b[i])
        break
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
        this.goroutines.create(a[i] | 0, c[i], t, g, kind[i] === Ev.GoCreate ? GoState.runnable : GoState.waiting, b[i])
        break
      case Ev.GoDestroy:
      case Ev.GoDestroySyscall:
        this.goroutines.finish(g, t)
        break
      case Ev.ProcStop:
        states.processorIdle(processor[i], t, this.taskOfRowBound)
        break
      case Ev.UserTaskBegin:
        if (states.has(g)) this.annotations.beginTask(g, states.hold(g, t), a[i], b[i], c[i])
        break
      case Ev.UserTaskEnd:
        if (states.has(g)) this.annotations.endTask(g, states.hold(g, t), a[i])
        break
      case Ev.UserLog:
        if (states.has(g)) this.annotations.log(g, states.hold(g, t), a[i], b[i], c[i])
        break
      default:
        this.consumeRare(block, i)
    }
  }

  /** The rare kinds. Apart from the others, whose compiled code would be thrown away when one of these turns up for the first time. */
  private consumeRare(block: EventBlock, i: number): void {
    const { kind, timeNs, goroutine, processor, a, b, c, stack } = block
    const { states } = this
    const t = timeNs[i]
    const g = goroutine[i]
    switch (kind[i]) {
      case Ev.GoCreateSyscall:
        this.goroutines.create(a[i], c[i], t, NONE, GoState.syscall, 0)
        states.bindSyscall(a[i], processor[i])
        break
      case Ev.GoStatus:
        if (c[i] >= 0) this.goroutines.status(a[i], c[i], t, b[i], processor[i], stack[i], this.syncNs)
        else if (stack[i] !== 0 && states.has(a[i]) && states.system[a[i]] === 0 && !this.goTimes) {
          this.goroutines.name(a[i], stack[i])
        }
        break
      case Ev.ProcSteal:
        if (b[i] === ProcStatus.syscall) states.processorIdle(a[i], t, this.taskOfRowBound)
        break
      case Ev.ProcStatus:
        if (b[i] === ProcStatus.idle && c[i] !== ProcStatus.idle) states.processorIdle(a[i], t, this.taskOfRowBound)
        break
      case Ev.GCMarkAssistBegin:
        if (states.has(g)) states.open.beginAssist(g, states.hold(g, t))
        break
      case Ev.GCMarkAssistActive:
        if (states.has(a[i])) states.open.beginAssist(a[i], states.notBefore(a[i], this.syncNs))
        break
      case Ev.GCMarkAssistEnd:
        if (states.has(g)) states.open.endAssist(g, states.hold(g, t))
        break
      case Ev.STWBegin:
        if (states.has(g)) states.open.beginStw(g, this.names.stwName(a[i]), states.hold(g, t))
        break
      case Ev.STWEnd:
        if (states.has(g)) states.open.endStw(g, states.hold(g, t))
        break
      case Ev.GCSweepBegin:
        if (states.has(g)) states.open.beginSweep(g, processor[i], states.hold(g, t))
        break
      case Ev.GCSweepActive:
        if (states.has(g)) states.open.beginSweep(g, a[i], states.notBefore(g, this.syncNs))
        break
      case Ev.GCSweepEnd:
        states.open.endSweep(g, processor[i], states.has(g) ? states.hold(g, t) : t)
        break
      case Ev.GCBegin:
        states.gcBegin(t)
        break
      case Ev.GCActive:
        states.gcBegin(this.syncNs)
        break
      case Ev.GCEnd:
        states.gcEnd(t)
        break
      case Ev.CPUSample:
        if (this.sumsSink === null && states.has(a[i])) this.annotations.sample(a[i], t, stack[i])
        break
      case Ev.Sync:
        this.syncNs = t
        this.names.sync(a[i], t)
        break
    }
  }

  private generationEnd(timeNs: number): void {
    // The generation's bytes are about to go: names that are still theirs become texts.
    this.annotations.findKinds()
    this.tasks.tellNames()
    this.annotations.tellLogs()
    this.nowNs = Math.max(this.nowNs, timeNs)
    this.settle(timeNs - SETTLE_NS)
    this.past.generationEnd(this.eventsSinceLook, this.nowNs)
    this.sink.decodedUntil?.(timeNs - SETTLE_NS)
  }

  /** Hands over the tasks that ended before a time. Those with regions still open wait for these. */
  private settle(beforeNs: number): void {
    const { tasks } = this
    const { columns } = tasks
    for (;;) {
      this.records.addUp(beforeNs)
      this.records.keepSettled(beforeNs, this.nowNs)
      const slot = columns.firstSettling
      if (slot < 0 || columns.endNs[slot] > beforeNs) return
      columns.dropSettling()
      if (columns.openRegions[slot] === 0) this.records.handOver(slot, this.nowNs)
      else columns.waitsForRegions[slot] = 1
    }
  }
}
