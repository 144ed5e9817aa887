// analysis.ts: a capture's bytes in, its tasks with their breakdowns out, as soon as each is known.

import type { KernelMemory } from '../base/kernel-memory.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import { CaptureDecoder } from '../capture/decode.ts'
import type { EventBlock } from '../capture/event-block.ts'
import type { LostTime } from '../capture/lost-time.ts'
import { Ev as kinds, GoStatus, ProcStatus } from '../capture/event-types.ts'
import { type GcPhases, GoState as goStates, type LogRecord, type TaskTables } from './breakdown.ts'
import { GenerationNames } from './generation-names.ts'
import { GoroutineStates, SystemKind } from './goroutine-states.ts'
import { LockPlaces } from './locks.ts'
import { NO_REGION as noRegion, RegionTable } from './regions.ts'
import { StatesKernel } from './states-kernel.ts'
import { ADDED_UP, MAX_OPEN_REGIONS, MOST_STAYS_BEFORE_RELEASE, STAY_TOP, STOPPED_UNTIL } from './states-layout.ts'
import { NONE as none } from './stay-log.ts'
import { type AnalysisSink, type SumsSink, TaskRecords } from './task-records.ts'
import type { TaskSums } from './task-sums.ts'
import { type TaskState, TaskTable } from './tasks.ts'
import { Born, Workers } from './workers.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const Ev = kinds
const GoState = goStates
type GoState = goStates
const NONE = none
const NO_REGION = noRegion

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
}

/** A task is handed over when this much time has been decoded after its end, so that spans a little longer than it are covered. */
const SETTLE_NS = 20_000_000
/**
 * Events after which is looked for tasks to hand over and for a past to let go of: as many as a block holds, but counted over the whole capture,
 * so that what is told does not depend on where blocks end.
 */
const EVENTS_BETWEEN_LOOKS = 4_096
/** The past is let go of only after so many events for each task and goroutine that is looked at for it. */
const EVENTS_PER_LOOK_AT_ONE = 1 / 8
/** Least time between two marks of how far the past reaches. */
const MARK_NS = 1_000_000
/** Stays kept for paths at most (about 50 bytes each); the past of tasks open for longer than they reach is unknown. */
const MAX_STAYS = 3_000_000
/**
 * The past is let go of when a generation ends, and before that when it has grown to so many stays: what a busy program does in a second is a
 * hundred megabytes of them, most of which nobody asks for again.
 */
const MANY_STAYS = 1 << 17
/** The past is let go of in steps of about so many stays. */
const STAYS_PER_MARK = 1 << 13
/** Stays that are looked back over when a worker takes a task up, and when it comes back to one. */
const MOST_STAYS_TAKEN_UP = 16
const MOST_STAYS_RETURNED = 256

/** Lost stretches that are told one by one. */
const STRETCHES_TOLD = 8

/** A task that a worker let go of. */
interface LetGo {
  /** The worker, whose row others may have by now. */
  readonly goroutine: number
  readonly serial: number
  /** Its stay then. */
  readonly stay: number
}

/** Runs the whole analysis of one capture: `push` its unpacked bytes, then `end`. */
export class CaptureAnalysis {
  private readonly decoder: CaptureDecoder
  private readonly states: GoroutineStates
  private readonly tasks: TaskTable
  private readonly goTimes: boolean
  private readonly stacks: boolean

  private readonly kernel: StatesKernel
  /** Task that each goroutine row works for. */
  private readonly workers: Workers
  private readonly regions: RegionTable
  /** Task that the worker of each goroutine row let go of last. */
  private readonly left: (LetGo | null)[] = []
  /** Where the stay log stood at some times, for letting go of what is older. */
  private marks: { readonly timeNs: number; readonly top: number }[] = []
  private markedTop = 0
  /** What tasks up to this serial are added up under is known. */
  private kindsTo = 0
  private eventsSinceLook = 0
  /** Events since the past was let go of, those since the last look aside. */
  private eventsSinceForgetting = 0
  /** Stays in the log at which the past is let go of next. */
  private staysBeforeForgetting = MANY_STAYS
  // -0: the engine makes room for a double at once. A field that holds small whole numbers first and large ones later changes the shape of its
  // object, and all code that was compiled for the old shape is thrown away.
  private syncNs = -0
  private nowNs = -0
  private readonly names: GenerationNames
  private readonly records: TaskRecords
  /** Which stacks are about one lock, as far as is known so far. */
  readonly lockPlaces: LockPlaces
  private readonly sumsSink: SumsSink | null

  private readonly taskOfRowBound: (row: number) => number

  /** @param memory see `newCaptureMemory` */
  constructor(
    options: AnalysisOptions,
    private readonly sink: AnalysisSink,
    memory?: KernelMemory,
  ) {
    this.goTimes = options.goTimes ?? false
    this.stacks = options.stacks ?? false
    this.decoder = new CaptureDecoder(
      { goTimes: this.goTimes, ticksPerSecond: options.ticksPerSecond },
      { events: (block) => this.take(block), generationEnd: (timeNs) => this.generationEnd(timeNs) },
      memory,
    )
    this.kernel = new StatesKernel(this.decoder.memory)
    this.states = new GoroutineStates(this.goTimes, this.kernel)
    const rows = this.states.rowCount
    this.workers = new Workers(this.kernel, rows)
    this.regions = new RegionTable(this.states.stride, this.kernel)
    this.lockPlaces = new LockPlaces(this.states.tables.stacks, this.kernel)
    this.names = new GenerationNames(this.states, this.decoder.problems, this.stacks, this.regions, this.kernel)
    this.tasks = new TaskTable(
      this.decoder.problems,
      this.kernel,
      (string) => this.names.textNow(string),
      () => this.workers.membershipChanged(),
    )
    this.taskOfRowBound = (row) => this.serialOf(row)
    this.sumsSink = 'kindOf' in sink ? sink : null
    this.kernel.words[ADDED_UP >> 2] = this.sumsSink === null ? 0 : 1
    const told = { timelines: options.timelines ?? false, stacks: this.stacks }
    this.records = new TaskRecords(
      this.states,
      this.tasks,
      this.regions,
      this.lockPlaces,
      this.decoder,
      this.kernel,
      sink,
      told,
    )
  }

  /** Tables that the rows of task records point into. */
  get tables(): TaskTables & { readonly gcPhases: GcPhases } {
    return this.states.tables
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
    this.decoder.push(chunk)
  }

  /**
   * There are no more bytes: analyses a part of a capture that is held whole (Go 1.21 and older), so that its tasks need not be taken all
   * at once.
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
    this.findKinds()
    const endNs = this.decoder.lastNs + (this.goTimes ? 1 : 0)
    this.nowNs = endNs
    for (let row = 0; row < this.workers.rows; row++) this.closeRegions(row, endNs, false)
    const left = this.tasks.all()
    for (const task of left) if (task.id !== 0) this.records.handOver(task, this.nowNs)
    for (const task of left) if (task.id === 0) this.records.handOver(task, this.nowNs)
    this.tellLost()
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

  /** Sums up what is missing: when, and of how many tasks. */
  private tellLost(): void {
    const { lost, problems } = this.decoder
    if (lost.length === 0) return
    problems.add('EVENTS_LOST', null, () => {
      const first = lost.slice(0, STRETCHES_TOLD).map(({ startNs, endNs }) => {
        const end = Math.max(startNs, Math.min(endNs, this.nowNs))
        return `${(startNs / 1e6).toFixed(3)} to ${(end / 1e6).toFixed(3)} ms`
      })
      const more = lost.length > first.length ? ` and ${lost.length - first.length} more stretches` : ''
      return `events are missing from ${first.join(', ')}${more} of ${(this.nowNs / 1e6).toFixed(3)} ms: ${this.records.partialTasks.toLocaleString('en-US')} of ${this.records.handedOver.toLocaleString('en-US')} tasks lie in them, wholly or in part, and are marked as partial; what others say is whole.`
    })
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
    this.eventsSinceForgetting += EVENTS_BETWEEN_LOOKS
    this.nowNs = Math.max(this.nowNs, timeNs)
    const { stays } = this.states
    this.findKinds()
    // Handed over as early as may be: what dies young costs the garbage collector nothing.
    this.settle(this.nowNs - SETTLE_NS)
    if (stays.top - this.markedTop > STAYS_PER_MARK) this.mark()
    if (stays.top - stays.tail > this.staysBeforeForgetting) {
      this.forget()
      this.staysBeforeForgetting = Math.max(MANY_STAYS, 2 * (stays.top - stays.tail))
    }
    if (stays.top - stays.tail > MAX_STAYS) this.states.forgetBefore(stays.top - Math.trunc(MAX_STAYS / 2))
  }

  /** Goes through a part of a block of events. Five of six only bring a goroutine into another state: those the kernel takes, mostly. */
  private consume(block: EventBlock, from: number, to: number): void {
    const { kernel } = this
    const { words, doubles } = kernel
    const { stays, stops } = this.states
    for (let i = from; ; i++) {
      doubles[STOPPED_UNTIL >> 3] = this.sumsSink === null ? stops.lastEndNs : -1
      words[STAY_TOP >> 2] = stays.top
      i = kernel.run(i, to)
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
    if (event === Ev.GoUnblock) {
      const waker = goroutine[i]
      if (waker >= 0) {
        wakerTask = this.serialOf(waker) | 0
        if (states.has(waker) && states.system[waker] !== SystemKind.timers) by = states.stay[waker]
      }
      states.endWait(row, by, wakerTask, wakerTask !== 0 && this.servesOthers(waker, row, wakerTask))
      if (this.stacks && by !== NONE) this.noteRelease(row, by, stack[i])
    } else {
      if (states.system[row] === 0) this.name(row, stack[i])
      if (event === Ev.GoBlock) {
        reason = this.names.reason(a[i]) | 0
        this.letGo(row)
      }
    }
    states.enter(row, state, timeNs[i], reason, this.serialOf(row) | 0)
    if (event === Ev.GoUnblock) {
      states.noteWaker(row, by, wakerTask)
    } else if (event === Ev.GoBlock) {
      if (this.stacks) this.keepStack(row, stack[i])
      if (reason === states.syncReason || reason === 0) this.noteRuntimeWait(row, stack[i])
      if (reason === states.foreverReason) this.finish(row, timeNs[i])
    } else if (event === Ev.GoSyscallBegin) {
      states.bindSyscall(row, processor[i])
      if (this.stacks) this.keepStack(row, stack[i])
    } else if (event === Ev.GoStop) {
      if (this.stacks) this.keepStack(row, stack[i])
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
        if (states.has(g)) this.beginRegion(g, states.hold(g, t), a[i], b[i], stack[i])
        break
      case Ev.UserRegionEnd:
        if (states.has(g)) this.endRegion(g, states.hold(g, t), a[i], b[i])
        break
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
        this.create(a[i] | 0, c[i], t, g, kind[i] === Ev.GoCreate ? GoState.runnable : GoState.waiting, b[i])
        break
      case Ev.GoDestroy:
      case Ev.GoDestroySyscall:
        this.finish(g, t)
        break
      case Ev.ProcStop:
        states.processorIdle(processor[i], t, this.taskOfRowBound)
        break
      case Ev.UserTaskBegin:
        if (states.has(g)) this.beginTask(g, states.hold(g, t), a[i], b[i], c[i])
        break
      case Ev.UserTaskEnd:
        if (states.has(g)) this.endTask(g, states.hold(g, t), a[i])
        break
      case Ev.UserLog:
        if (states.has(g)) this.log(g, states.hold(g, t), a[i], b[i], c[i])
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
        this.create(a[i], c[i], t, NONE, GoState.syscall, 0)
        states.bindSyscall(a[i], processor[i])
        break
      case Ev.GoStatus:
        if (c[i] >= 0) this.status(a[i], c[i], t, b[i], processor[i], stack[i])
        else if (stack[i] !== 0 && states.has(a[i]) && states.system[a[i]] === 0 && !this.goTimes) {
          this.name(a[i], stack[i])
        }
        break
      case Ev.ProcSteal:
        if (b[i] === ProcStatus.syscall) states.processorIdle(a[i], t, this.taskOfRowBound)
        break
      case Ev.ProcStatus:
        if (b[i] === ProcStatus.idle && c[i] !== ProcStatus.idle) states.processorIdle(a[i], t, this.taskOfRowBound)
        break
      case Ev.GCMarkAssistBegin:
        if (states.has(g)) states.beginAssist(g, states.hold(g, t))
        break
      case Ev.GCMarkAssistActive:
        if (states.has(a[i])) states.beginAssist(a[i], states.notBefore(a[i], this.syncNs))
        break
      case Ev.GCMarkAssistEnd:
        if (states.has(g)) states.endAssist(g, states.hold(g, t))
        break
      case Ev.STWBegin:
        if (states.has(g)) states.beginStw(g, this.names.stwName(a[i]), states.hold(g, t))
        break
      case Ev.STWEnd:
        if (states.has(g)) states.endStw(g, states.hold(g, t))
        break
      case Ev.GCSweepBegin:
        if (states.has(g)) states.beginSweep(g, processor[i], states.hold(g, t))
        break
      case Ev.GCSweepActive:
        if (states.has(g)) states.beginSweep(g, a[i], states.notBefore(g, this.syncNs))
        break
      case Ev.GCSweepEnd:
        states.endSweep(g, processor[i], states.has(g) ? states.hold(g, t) : t)
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
        if (this.sumsSink === null && states.has(a[i])) this.sample(a[i], t, stack[i])
        break
      case Ev.Sync:
        this.syncNs = t
        this.names.sync(a[i], t)
        break
    }
  }

  /** Remembers where a goroutine waits. */
  private keepStack(row: number, stack: number): void {
    const { stays, stay } = this.states
    if (stack !== 0) stays.stack[stay[row] & stays.mask] = this.names.stackRow(stack)
  }

  /** A wait that may be the runtime's own says so by where it is. */
  private noteRuntimeWait(row: number, stack: number): void {
    const cause = this.names.runtimeCause(stack)
    if (cause === 0) return
    const { stays, stay } = this.states
    stays.via[stay[row] & stays.mask] = cause
  }

  /** A goroutine that waited for a lock is woken: where it waited and where the other let go are places of one lock. */
  private noteRelease(row: number, by: number, stack: number): void {
    const { stays, stay } = this.states
    const wait = stay[row] & stays.mask
    const waited = stays.stack[wait]
    if (stack === 0) return
    if (waited < 0 && stays.reason[wait] === 0) {
      this.lockPlaces.noteRelease(stay[row], this.names.stackRow(stack))
      return
    }
    if (!this.lockPlaces.isHeld(waited)) return
    let earlier = NONE
    let at = by
    for (let n = 0; n < MOST_STAYS_BEFORE_RELEASE && earlier === NONE && stays.has(at); n++) {
      const slot = at & stays.mask
      if (stays.state[slot] === GoState.waiting && this.lockPlaces.isHeld(stays.stack[slot]))
        earlier = stays.stack[slot]
      at = stays.previous[slot]
    }
    this.lockPlaces.released(waited, this.names.stackRow(stack), earlier)
  }

  private generationEnd(timeNs: number): void {
    // The generation's bytes are about to go: names that are still theirs become texts.
    this.findKinds()
    this.tasks.tellNames()
    this.nowNs = Math.max(this.nowNs, timeNs)
    this.settle(timeNs - SETTLE_NS)
    this.forget()
    // Generations of a real capture last a second; of one that has a hundred thousand of nothing, a few marks are enough.
    const last = this.marks.at(-1)
    if (last === undefined || this.nowNs - last.timeNs >= MARK_NS) this.mark()
    this.sink.decodedUntil?.(timeNs - SETTLE_NS)
  }

  /** Hands over the tasks that ended before a time. Those with regions still open wait for these. */
  private settle(beforeNs: number): void {
    const { tasks } = this
    const { columns } = tasks
    for (;;) {
      this.records.addUp(beforeNs)
      const slot = columns.firstSettling
      if (slot < 0 || columns.endNs[slot] > beforeNs) return
      columns.dropSettling()
      if (columns.openRegions[slot] === 0) this.records.handOver(tasks.ofSlotNow(slot), this.nowNs)
      else columns.waitsForRegions[slot] = 1
    }
  }

  /** Lets go of the past that no open task reaches into, when enough has happened since the last time to be worth the look at all tasks. */
  private forget(): void {
    const { stays, ranges } = this.states
    if (
      this.eventsSinceForgetting + this.eventsSinceLook <
      (this.tasks.count + this.states.rowCount) * EVENTS_PER_LOOK_AT_ONE
    )
      return
    this.eventsSinceForgetting = -this.eventsSinceLook
    let keep = stays.top
    let keepNs = this.nowNs
    const { startNs, startStay, endStay } = this.tasks.columns
    this.tasks.forEachSlot((slot) => {
      if (Number.isNaN(startNs[slot])) return
      if (startStay[slot] < keep) keep = startStay[slot]
      if (endStay[slot] >= 0 && endStay[slot] < keep) keep = endStay[slot]
      if (startNs[slot] < keepNs) keepNs = startNs[slot]
    })
    keepNs -= 2 * SETTLE_NS
    let mark = -1
    while (mark + 1 < this.marks.length && this.marks[mark + 1].timeNs <= keepNs) mark++
    if (mark >= 0) {
      this.states.forgetBefore(Math.min(keep, this.marks[mark].top))
      this.marks = this.marks.slice(mark)
    }
    ranges.forgetBefore(keepNs)
    this.states.stops.forgetBefore(keepNs)
  }

  /** Remembers where the log of stays is at this time. */
  private mark(): void {
    this.markedTop = this.states.stays.top
    this.marks.push({ timeNs: this.nowNs, top: this.markedTop })
  }

  // ------------------------------------------------------------------------------------------------ goroutines

  private create(row: number, id: number, timeNs: number, creator: number, state: number, entryStack: number): void {
    const { states } = this
    let t = timeNs
    if (states.has(row)) {
      // Its end was lost.
      t = states.hold(row, timeNs)
      this.finish(row, t)
    }
    const kind = this.names.systemKind(entryStack)
    const runtime = kind >= SystemKind.runtime
    let task = creator >= 0 && !runtime ? this.currentTask(creator) : null
    if (task !== null && this.names.servesAll(entryStack)) task = null
    states.begin(row, id, state, t, 0, task === null ? 0 : task.serial)
    states.system[row] = kind
    if (runtime) this.records.runtimeGoroutines.add(id)
    this.resetRow(row)
    this.workers.born[row] =
      creator >= 0 && this.workers.innermostRegion[creator] !== NO_REGION ? Born.insideRegion : Born.here
    this.workers.serial[row] = task === null ? 0 : task.serial
    this.workers.onlyCreated[row] = task === null ? 0 : 1
    const { stays } = states
    const stay = states.stay[row]
    if (creator >= 0 && states.has(creator)) {
      stays.waker[stay & stays.mask] = states.stay[creator]
      stays.wakerTask[stay & stays.mask] = task === null ? 0 : task.serial
    } else if (state === GoState.runnable) {
      // Only a timer starts a goroutine without being one (time.AfterFunc, the deadline of a context).
      stays.via[stay & stays.mask] = states.causes.sleep
    }
    if (task !== null && this.tasks.addMember(task, id, stay)) this.workers.noteMember(row, task.serial)
  }

  /** A goroutine that existed before the capture, or before events of it were lost, is named for the first time. */
  private status(row: number, id: number, t: number, status: number, processor: number, stack: number): void {
    const { states } = this
    const known = states.has(row)
    const from = known ? t : Math.min(this.syncNs, t)
    if (known) {
      states.distrust(row, this.syncNs)
      states.enter(row, goStateOf(status), t, 0, this.workers.serial[row])
      states.leaveSyscall(row)
    } else {
      states.begin(row, id, goStateOf(status), from, 0, 0)
      this.resetRow(row)
      if (status === GoStatus.syscall && processor < 0) {
        // Parked in its system call since before the capture: the processor is long gone.
        states.state[row] = GoState.syscallBlocked
        const { stays } = states
        stays.state[states.stay[row] & stays.mask] = GoState.syscallBlocked
        // Go's Summarizer counts only the time until the announcement so, and the rest as executing the call.
        if (this.goTimes) states.enter(row, GoState.syscall, t, 0, 0)
      } else if (this.goTimes) {
        states.enter(row, goStateOf(status), t, 0, 0)
      }
    }
    if (status === GoStatus.syscall && (this.goTimes || processor >= 0)) states.bindSyscall(row, processor)
    if (stack !== 0) this.name(row, stack)
  }

  private finish(row: number, timeNs: number): void {
    const { states } = this
    if (!states.has(row)) return
    const t = states.hold(row, timeNs)
    this.closeRegions(row, t, true)
    states.finish(row, t)
    if (states.system[row] >= SystemKind.runtime) this.records.runtimeGoroutines.delete(states.id[row])
    this.resetRow(row)
  }

  /** A goroutine row is about to be used for another goroutine. */
  private resetRow(row: number): void {
    if (row >= this.workers.rows) {
      // As many as the kernel takes there to be.
      this.workers.grow(this.states.rowCount)
    }
    this.workers.reset(row)
    this.left[row] = null
  }

  /**
   * The task a goroutine works for now: the innermost that has not ended. One that was created for a task goes on for those above it, not for
   * what its creator did before.
   */
  private currentTask(row: number): TaskState | null {
    return this.tasks.ofSerial(this.serialOf(row)) ?? null
  }

  /** Serial of the task that `currentTask` tells; 0 none. */
  private serialOf(row: number): number {
    const { workers, tasks } = this
    let serial = workers.serial[row]
    if (serial === 0 || !workers.hasEnded(serial)) return serial
    while (serial !== 0 && workers.hasEnded(serial)) {
      const outer = tasks.outerOf(serial)
      serial = outer !== 0 && workers.onlyCreated[row] === 1 && !tasks.descendsFrom(serial, outer) ? 0 : outer
    }
    return (workers.serial[row] = serial)
  }

  /**
   * A goroutine that was created for a task ends a wait of another request: the loops of a connection that one request dialled and others
   * use (net/http, gRPC). For those it works for nobody; a goroutine that annotates says itself whom it works for.
   */
  private servesOthers(waker: number, row: number, wakerTask: number): boolean {
    if (this.workers.onlyCreated[waker] === 0) return false
    const task = this.currentTask(row)
    return task !== null && !this.tasks.descends(wakerTask, task)
  }

  /** Remembers from a stack whether the goroutine is one of the runtime's own. */
  private name(row: number, stack: number): void {
    if (stack === 0) return
    const kind = this.names.systemKind(stack)
    this.states.system[row] = kind
    if (kind !== SystemKind.program) this.records.runtimeGoroutines.add(this.states.id[row])
  }

  // ------------------------------------------------------------------------------------------------ annotations

  private beginTask(row: number, t: number, id: number, parentId: number, name: number): void {
    const { states } = this
    const task = this.tasks.begin(id, t)
    this.nameTask(task, name)
    task.begin(t, states.id[row], states.stay[row])
    task.precedingLog = this.workers.pendingLog(row)
    this.workers.setPendingLog(row, null)
    if (parentId !== 0) this.tasks.setParent(task, parentId)
    // A task that was worked for before it begins may be what the goroutine works for already, or lie outside of that: a ring has no end.
    if (this.tasks.columns.memberCount[task.slot] === 0) this.tasks.setOuter(task, this.serialOf(row))
    this.workers.serial[row] = task.serial
    this.join(task, row, t)
  }

  private nameTask(task: TaskState, name: number): void {
    if (this.sumsSink === null) {
      task.name = this.names.text(name, 'task name')
      return
    }
    this.names.check(name, 'task name')
    this.tasks.setKind(task.slot, this.names.useBytes(name, this.sumsSink.kindOf))
    this.tasks.name(task, name)
  }

  /** Finds out what the tasks that the kernel began since are added up under. */
  private findKinds(): void {
    const { sumsSink, tasks, names } = this
    if (sumsSink === null) return
    const { latest } = tasks.lineage
    const { kind, nameString } = tasks.columns
    while (this.kindsTo < latest) {
      const slot = tasks.slotOfSerial(++this.kindsTo)
      if (slot >= 0 && kind[slot] < 0 && nameString[slot] >= 0) {
        tasks.setKind(slot, names.useBytes(nameString[slot], sumsSink.kindOf))
      }
    }
  }

  private endTask(row: number, t: number, id: number): void {
    const { states } = this
    const task = this.tasks.mention(id)
    this.workers.setPendingLog(row, null)
    if (task.ended) {
      this.decoder.problems.add(
        'TASK_MISUSE',
        null,
        () =>
          `task ${id} ("${task.name}") ends a second time at ${(t / 1e6).toFixed(3)} ms: its first end, at ${((task.endNs ?? 0) / 1e6).toFixed(3)} ms, counts (OpenCensus ends client tasks twice).`,
      )
      return
    }
    this.workFor(task, row, t, true)
    // Times of two processors can cross by some nanoseconds.
    task.end(task.startNs === null ? t : Math.max(t, task.startNs), states.id[row], states.stay[row])
    this.workers.noteEnd(task.serial)
    this.tasks.columns.settle(task.slot)
  }

  private beginRegion(row: number, t: number, taskId: number, name: number, stack: number): void {
    const { states, regions } = this
    this.workers.setPendingLog(row, null)
    const task = this.tasks.mention(taskId)
    if (this.workers.regionsOpen[row] >= MAX_OPEN_REGIONS) {
      this.decoder.problems.add(
        'LIMIT',
        null,
        () =>
          `goroutine ${states.id[row]} has ${MAX_OPEN_REGIONS.toLocaleString('en-US')} regions open at ${(t / 1e6).toFixed(3)} ms: further ones are left out. A region is begun in a loop and never ended.`,
      )
      return
    }
    const region = this.addRegion(task, this.names.regionName(name), row, t, this.names.stackRow(stack))
    states.snapshot(row, t, regions, region)
    this.workers.innermostRegion[row] = region
    this.workers.regionsOpen[row]++
    this.tasks.columns.openRegions[task.slot]++
    this.workFor(task, row, t, false)
  }

  /** A row for a region, at the end of its task's. */
  private addRegion(task: TaskState, name: string, row: number, startNs: number, stack: number): number {
    const { regions } = this
    const { slot } = task
    const region = regions.take(
      name,
      task.serial,
      this.states.id[row],
      startNs,
      stack,
      this.workers.innermostRegion[row],
    )
    const { firstRegion, lastRegion } = this.tasks.columns
    if (lastRegion[slot] === NO_REGION) firstRegion[slot] = region
    else regions.nextOfTask[lastRegion[slot]] = region
    lastRegion[slot] = region
    return region
  }

  private endRegion(row: number, t: number, taskId: number, name: number): void {
    const { states, regions } = this
    this.workers.setPendingLog(row, null)
    const text = this.names.regionName(name)
    const innermost = this.workers.innermostRegion[row]
    const task = this.tasks.mention(taskId)
    if (innermost === NO_REGION) {
      if (this.workers.born[row] !== Born.before) {
        const leftOut = this.workers.born[row] === Born.insideRegion
        this.decoder.problems.add(
          'REGION_MISUSE',
          null,
          () =>
            `goroutine ${states.id[row]} ends region "${text}" of task ${taskId} at ${(t / 1e6).toFixed(3)} ms, which it did not begin, or ended before: ${leftOut ? 'the end is left out' : 'a region without a start is told'}. A region begins and ends on one goroutine, once.`,
        )
        this.workers.born[row] = Born.here
        if (leftOut) return
      }
      // Begun before the capture: the goroutine's whole record is all that is known of it.
      this.workFor(task, row, t, true)
      const region = this.addRegion(task, text, row, NaN, NONE)
      states.snapshot(row, t, regions, region)
      regions.endNs[region] = t
      regions.totalNs[region] = t - states.createdNs[row]
      regions.gcOverlapNs[region] = states.gcOverlap(states.createdNs[row], t)
      return
    }
    let region = innermost
    let inner = NO_REGION
    while (region !== NO_REGION && (regions.task[region] !== task.serial || regions.name(region) !== text)) {
      inner = region
      region = regions.outer[region]
    }
    if (region !== innermost) {
      this.decoder.problems.add(
        'REGION_MISUSE',
        null,
        () =>
          `goroutine ${states.id[row]} ends region "${text}" of task ${taskId} at ${(t / 1e6).toFixed(3)} ms while "${regions.name(innermost)}" of task ${this.tasks.ofSerial(regions.task[innermost])?.id ?? '?'} is the innermost open one: ${region !== NO_REGION ? 'the one meant is closed, the others stay open' : 'no such region is open, the end is left out'}.`,
      )
      if (region === NO_REGION) return
      regions.outer[inner] = regions.outer[region]
    } else {
      this.workers.innermostRegion[row] = regions.outer[region]
    }
    this.closeRegion(row, region, t, true)
    const taken = this.workers.takenUp(row)
    if (taken?.serial === task.serial) {
      let other = this.workers.innermostRegion[row]
      while (other !== NO_REGION && regions.task[other] !== task.serial) other = regions.outer[other]
      if (other === NO_REGION) this.workers.leaving[row] = 1
    }
  }

  /** A sample of the CPU profiler hit a goroutine: it belongs to the task that it works for, and to those above. */
  private sample(row: number, t: number, stack: number): void {
    const at = { timeNs: t, goroutine: this.states.id[row], stack: this.names.stackRow(stack) }
    this.tasks.addSample(this.currentTask(row), (task) => {
      let region = this.workers.innermostRegion[row]
      while (region !== NO_REGION && this.regions.task[region] !== task.serial) region = this.regions.outer[region]
      return { ...at, region }
    })
  }

  private log(row: number, t: number, taskId: number, category: number, message: number): void {
    const { states } = this
    const task = this.tasks.mention(taskId)
    if (this.sumsSink !== null) {
      this.names.sharedText(category, 'log category')
      this.names.check(message, 'log message')
      this.workFor(task, row, t, true)
      return
    }
    const record: LogRecord = {
      timeNs: t,
      goroutine: states.id[row],
      category: this.names.sharedText(category, 'log category'),
      message: this.names.text(message, 'log message'),
      messageBytes: this.names.binary(message),
    }
    task.logs.push(record)
    this.workFor(task, row, t, true)
    this.workers.setPendingLog(row, record)
  }

  /** A goroutine is seen working for a task, and for the tasks above it. */
  private join(task: TaskState, row: number, t: number): void {
    const { states } = this
    this.workers.onlyCreated[row] = 0
    if (task.id !== 0) {
      const { stays } = states
      const stay = states.stay[row]
      const held = stays.has(stay) ? stays.task[stay & stays.mask] : 0
      // What it did so far was for another task, which keeps it: from here on it is for this one.
      if (held !== 0 && !this.related(held, task)) states.split(row, t, task.serial)
      // The innermost of nested tasks says it all.
      else if (held === 0 || !this.tasks.descends(held, task)) stays.task[stay & stays.mask] = task.serial
    }
    if (this.workers.counts(row, task.serial)) return
    if (this.tasks.addMember(task, states.id[row], states.stay[row])) this.workers.noteMember(row, task.serial)
  }

  private related(serial: number, task: TaskState): boolean {
    if (serial === task.serial || this.tasks.descends(serial, task)) return true
    const other = this.tasks.ofSerial(serial)
    return other !== undefined && this.tasks.descends(task.serial, other)
  }

  /**
   * As `join`; and a goroutine that worked for nothing related took the task up: it works for it since it was last woken, and until it
   * waits after its last region of the task ended (at once after a log). One that comes back to the task it had worked for last worked
   * for it all the time, unless it was given it anew by a goroutine of the task.
   */
  private workFor(task: TaskState, row: number, t: number, leaving: boolean): void {
    const current = this.currentTask(row)
    this.join(task, row, t)
    if (task.id === 0 || task.ended) return
    const taken = this.workers.takenUp(row)
    if (taken?.serial === task.serial) {
      if (!leaving) this.workers.leaving[row] = 0
      return
    }
    if (current !== null && this.related(current.serial, task)) return
    // What it was done with it does not come back to.
    const before = taken && this.workers.leaving[row] === 1 ? taken.before : (current?.serial ?? 0)
    this.workers.setTaken(row, { serial: task.serial, before })
    this.workers.leaving[row] = leaving ? 1 : 0
    this.workers.serial[row] = task.serial
    const { stays } = this.states
    const left = this.left[row]
    const again = left?.serial === task.serial && left.goroutine === this.states.id[row] ? left.stay : NONE
    this.left[row] = null
    const most = again === NONE ? MOST_STAYS_TAKEN_UP : MOST_STAYS_RETURNED
    let at = this.states.stay[row]
    for (let steps = 0; steps < most && stays.has(at) && at > again; steps++) {
      const slot = at & stays.mask
      const held = stays.task[slot]
      if (held !== 0 && held !== task.serial) break
      const given = stays.wakerTask[slot]
      if (
        stays.state[slot] === GoState.waiting &&
        (again === NONE || (given !== 0 && this.tasks.descends(given, task)))
      )
        break
      stays.task[slot] = task.serial
      at = stays.previous[slot]
    }
  }

  /** The goroutine is about to wait: a worker that is done with a task lets go of it. */
  private letGo(row: number): void {
    const taken = this.workers.takenUp(row)
    if (taken === null || this.workers.leaving[row] === 0) return
    this.workers.setTaken(row, null)
    this.workers.leaving[row] = 0
    const { states } = this
    this.left[row] = { goroutine: states.id[row], serial: taken.serial, stay: states.stay[row] }
    if (this.workers.serial[row] === taken.serial) this.workers.serial[row] = taken.before
  }

  // ------------------------------------------------------------------------------------------------ regions

  /** All regions of a goroutine end with it, or with the capture (`known` false: their ends lie outside). */
  private closeRegions(row: number, t: number, known: boolean): void {
    if (row >= this.workers.rows) return
    for (let region = this.workers.innermostRegion[row]; region !== NO_REGION; region = this.regions.outer[region]) {
      this.closeRegion(row, region, t, known)
    }
    this.workers.innermostRegion[row] = NO_REGION
  }

  /** Turns the sums at a region's begin into the difference to its end. */
  private closeRegion(row: number, region: number, t: number, known: boolean): void {
    const { states, regions } = this
    const start = regions.startNs[region]
    const end = t > start ? t : start
    states.snapshotMinus(row, end, regions, region)
    regions.endNs[region] = known ? end : NaN
    regions.totalNs[region] = end - start
    if (states.stops.lastEndNs > start && this.sumsSink === null) {
      this.records.stopsOfRegion.set(region, this.stopsWhileRunnable(row, start, end))
    }
    this.workers.regionsOpen[row]--
    const slot = this.tasks.slotOfSerial(regions.task[region])
    const { columns } = this.tasks
    if (slot >= 0 && --columns.openRegions[slot] === 0 && columns.waitsForRegions[slot] === 1) {
      columns.waitsForRegions[slot] = 0
      columns.settle(slot)
    }
  }

  /** For how long others had stopped the world while a goroutine waited for a processor in a stretch that ends now, by the names of the stops. */
  private stopsWhileRunnable(row: number, fromNs: number, toNs: number): Record<string, number> {
    const { stays, stops, tables, id } = this.states
    const pieces = this.records.allowSteps()
    const sums: Record<string, number> = {}
    let stay = this.states.stay[row]
    let stop = stops.endNs.length - 1
    while (stop >= 0 && stops.endNs[stop] > fromNs && stays.has(stay) && ++pieces.steps <= pieces.mostSteps) {
      const at = stay & stays.mask
      const startNs = Math.max(stays.startNs[at], fromNs)
      if (stays.state[at] === GoState.runnable && stops.goroutine[stop] !== id[row]) {
        const ns = Math.min(stays.endNs[at], stops.endNs[stop], toNs) - Math.max(startNs, stops.startNs[stop])
        const name = tables.rangeNames[stops.name[stop]]
        if (ns > 0) sums[name] = (sums[name] ?? 0) + ns
      }
      // Of the two the one that began later is done with.
      if (stops.startNs[stop] >= startNs) stop--
      else if (startNs === fromNs) break
      else stay = stays.previous[at]
    }
    return sums
  }
}

function goStateOf(status: number): GoState {
  switch (status) {
    case GoStatus.runnable:
      return GoState.runnable
    case GoStatus.running:
      return GoState.running
    case GoStatus.syscall:
      return GoState.syscall
    case GoStatus.waiting:
      return GoState.waiting
    default:
      return GoState.unknown
  }
}
