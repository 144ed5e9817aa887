// known-capture.ts: one capture: what became of it, its tasks while they can be joined, and the spans found for them.

import type { FailureCode } from '../base/failure.ts'
import type { TaskRecord, TaskSet } from '../breakdown/breakdown.ts'
import type { CaptureInfo, ClockSnapshot } from '../capture/capture.ts'
import type { TaskSpan } from '../enrich/enrich.ts'
import { CaptureClock, clockOfPair, type ClockSegment, NO_CLOCK } from '../join/clock.ts'
import { apartNs, clearMarginNs, type JoinOptions, matchSpan, type SpanMatch } from '../join/join.ts'
import type { ClockOffset, Evidence, JoinSpan, JoinTask, NameTimeReport, UnmatchedReason } from '../join/match.ts'
import { TaskIndex } from '../join/task-index.ts'
import type { ProcessIdentity } from '../span/span.ts'
import { KeptTasks, replace } from './kept-tasks.ts'
import type { CaptureName, CaptureOrigin, DecodedBatch } from './ports.ts'
import { SpanIdSet, spanIdHashOfHex } from './span-id-set.ts'
import { TaskOwners } from './task-owners.ts'
import { type TimedMatch, type TimedMiss, TimedTasks } from './timed-tasks.ts'

export type CaptureState =
  | 'pending' // accepted, not decoded yet
  | 'decoding'
  | 'done'
  | 'empty' // nothing in it that spans could be joined with
  | 'failed' // set aside, with the reason

/** How a span left. */
export type Way = 'now' | 'hold' | 'late'

/** A span and the task it is. */
export interface FoundTask {
  readonly capture: KnownCapture
  /** Row in the capture's tasks. */
  readonly task: number
  readonly evidence: Evidence
  readonly clock: ClockOffset
}

/** A task that was given to a span before a restart. */
export interface GivenTask {
  /** Its id in the runtime. */
  readonly taskId: number
  readonly span: JoinSpan
  /** Null where the journal does not say. */
  readonly evidence: Evidence | null
  readonly way: Way
}

/** Whether a capture with this name may be of this process. A shared process has no instance that could contradict. */
export function mayBeOf(name: CaptureName, process: ProcessIdentity): boolean {
  if (name.service !== '' && name.service !== process.service) return false
  return (
    name.instance === '' ||
    process.shared ||
    name.instance === process.instance ||
    process.aliases.includes(name.instance)
  )
}

const MAX_EARLY_PAIRS = 4_096
/** Looks for a clock that were asked for, one after another, and found none: about an hour of them. */
const MOST_TRIES = 64

/** One capture. */
export class KnownCapture {
  state: CaptureState = 'pending'
  attempts = 0
  failure: { readonly code: FailureCode; readonly message: string } | null = null
  info: CaptureInfo | null = null
  /** Its entry in the journal; 0 while it has none. */
  sequence = 0
  fileBytes = 0
  /** It is being recorded: more of it comes. */
  receiving = false
  /** Why its recording ended before its time; null when it did not. */
  cut: string | null = null
  /** What the same bytes would be called if they were uploaded; its id, but for what was recorded on demand. */
  contentId: string
  /** Whether everything it adds to spans that had left is in the journal. */
  settled = false
  /** Everything before this time, nanoseconds from its origin, is decoded. */
  decodedUntilNs = 0
  /** The capture's origin on the trace clock: ids of children must not depend on how far it is decoded. */
  originNs = 0n
  /** Tasks that a span was found for. */
  tasksJoined = 0
  /** How often its clock was looked for again without many more spans. */
  tries = 0
  /** How often the spans that had left without a task were looked at once more because others had come. */
  looks = 0
  readonly joined: Partial<Record<Evidence, number>> = {}
  unmatched: Partial<Record<UnmatchedReason, number>> = {}
  /** Spans that lie in its time and that another capture enriched. */
  elsewhere = 0
  readonly left: Record<Way, number> = { now: 0, hold: 0, late: 0 }
  /** Keys of the processes whose spans were joined with it, with their number. */
  readonly processes = new Map<string, number>()
  clock: ClockOffset = NO_CLOCK

  private readonly kept: KeptTasks
  private readonly owners = new TaskOwners()
  private index: TaskIndex
  /** The span ids that tasks name, those of so many tasks. */
  private spanHashes = new SpanIdSet()
  private hashed = 0
  private snapshots: ClockSnapshot[] = []
  /** Stretches whose events are lost. */
  private readonly lost: { readonly startNs: number; readonly endNs: number }[] = []
  private captureClock = new CaptureClock(this.snapshots, 0)
  /** Pairs given to the clock before the capture's length was known, which the clock's error depends on. */
  private earlyPairs: [JoinSpan, JoinTask][] = []
  /** Pairs in the clock when the offset was last computed. */
  private pairsSeen = -1
  /** Tasks that were given to spans before a restart, until the capture is decoded. */
  private readonly given = new Map<number, GivenTask>()
  private segments: readonly ClockSegment[] = []
  /** The clock by snapshots and ids. */
  private clockByIds: ClockOffset = NO_CLOCK
  private readonly timed: TimedTasks
  /** What had been learned of names and times when the spans that had left were looked at last. */
  private followedAt = 0
  /** Whether spans that may find a task together with others left without one since then. */
  private behind = false
  /** Whether spans left without a task because no clock was known, and how often one was found after such. */
  private clockMissed = false
  private clocksFound = 0

  constructor(
    readonly id: string,
    readonly name: CaptureName,
    readonly origin: CaptureOrigin,
    readonly acceptedMs: number,
    private readonly ids: JoinOptions,
    /** Tasks that were given to spans before a restart. */
    given: readonly GivenTask[] = [],
  ) {
    for (const one of given) this.given.set(one.taskId, one)
    this.contentId = id
    this.kept = new KeptTasks(ids)
    this.index = new TaskIndex([], ids)
    this.timed = new TimedTasks(acceptedMs, {
      tasks: () => this.kept.set.tasks,
      namesNone: (task) => this.index.namesNone(task, (spanId) => this.owners.isNamedSpan(spanId)),
      isNamedTask: (task) => this.owners.isNamedTask(task),
      isTaken: (task) => this.owners.isTaken(task),
      taskOfSpan: (traceId, spanId) => this.owners.taskOf(traceId, spanId),
      isOtherParent: (taskId, span) => this.owners.isOtherParent(this.kept.rowOf(taskId), taskId, span),
      known: () => this.segments,
      decodedUntilNs: () => this.decodedUntilNs,
      done: () => this.info !== null,
      idMatches: (processKey) => this.owners.namedOf(processKey),
    })
  }

  /** Whether the sender said which process it is of. */
  get isNamed(): boolean {
    return this.name.service !== '' || this.name.instance !== ''
  }

  /** Tasks and tables, as far as decoded and kept. */
  get tasks(): TaskSet {
    return this.kept.set
  }

  /** Estimated memory of the tasks. */
  get bytes(): number {
    return this.kept.bytes
  }

  /** Tasks in the capture, the background task aside. */
  get taskCount(): number {
    return this.kept.count
  }

  /** Tasks that were not kept because the memory for tasks was used up. */
  get tasksDropped(): number {
    return this.kept.dropped
  }

  /** Whether spans may find tasks in it. */
  get joinable(): boolean {
    return this.index.length > 0
  }

  /** Forgets the tasks: they are kept no longer. */
  dropTasks(): void {
    this.kept.clear()
    this.owners.clear()
    this.index = new TaskIndex([], this.ids)
    this.spanHashes = new SpanIdSet()
    this.hashed = 0
    this.snapshots = []
    this.captureClock = new CaptureClock(this.snapshots, 0)
    this.earlyPairs = []
    this.pairsSeen = -1
    this.decodedUntilNs = 0
    this.segments = []
    this.timed.clear()
    this.tries = 0
    this.looks = 0
    this.behind = false
  }

  /** A decoding begins, the first or another one. */
  begin(): void {
    this.dropTasks()
    this.kept.begin()
    this.attempts++
    this.state = 'decoding'
  }

  /** Takes what was decoded. */
  take(batch: DecodedBatch, maxBytes: number): void {
    replace(this.snapshots, batch.clockSnapshots)
    replace(this.lost, batch.lost)
    this.originNs = batch.originNs
    this.decodedUntilNs = Math.max(this.decodedUntilNs, batch.decodedUntilNs)
    const firstRow = this.kept.set.tasks.length
    const kept = this.kept.take(batch, maxBytes)
    for (const [at, { id, parentId }] of kept.entries()) {
      const before = this.given.get(id)
      if (before !== undefined) this.owners.give(firstRow + at, parentId ?? 0, before.span)
    }
    this.index.add(kept)
    this.pairsSeen = -1
    this.refreshClock()
  }

  /** The capture is decoded. */
  end(info: CaptureInfo): void {
    this.info = info
    this.decodedUntilNs = Math.max(this.decodedUntilNs, info.durationNs)
    this.state = this.taskCount > 0 ? 'done' : 'empty'
    this.captureClock = new CaptureClock(this.snapshots, info.durationNs)
    for (const [span, task] of this.earlyPairs.splice(0)) this.captureClock.addPair(span, task)
    this.restoreJoined()
    this.pairsSeen = -1
    this.refreshClock()
  }

  /** Whether any task names the span. */
  names(traceId: string, spanId: string): boolean {
    return this.index.find(traceId, spanId).length > 0
  }

  /** Whether any task may name a span whose id has this hash: some that none names are among them, never the other way round. */
  mayName(spanHash: number): boolean {
    if (this.hashed !== this.index.length) {
      for (const id of this.index.spanIds()) this.spanHashes.add(spanIdHashOfHex(id))
      this.hashed = this.index.length
    }
    return this.spanHashes.has(spanHash)
  }

  /** Whether a span that no task names may find one by its name and times, which are Unix nanoseconds as exact as a double can be. */
  wants(startUnixNs: number, endUnixNs: number): boolean {
    return this.ids.nameTime !== false && this.timed.wants(startUnixNs, endUnixNs)
  }

  /** Whether it is known to be a capture of the process. */
  isOf(processKey: string): boolean {
    return this.processes.has(processKey) || this.timed.processKey === processKey
  }

  /** Whether nothing tells whose it is: no span was joined with it, and no process fits it. */
  get isUnclaimed(): boolean {
    return this.processes.size === 0 && this.timed.processKey === null
  }

  /** How often something was learned of clocks, names and times that earlier spans could not be asked by. */
  get learned(): number {
    return this.timed.learned + this.clocksFound
  }

  /** Whether something was learned since the spans that had left were looked at last. */
  get learnedAnew(): boolean {
    return this.learned !== this.followedAt
  }

  /** The spans that have left are looked at with all that is known now. */
  followed(): void {
    this.followedAt = this.learned
    this.behind = false
  }

  /** A span left without a task, for this reason. */
  leftBehind(reason: UnmatchedReason): void {
    if (reason === 'no-task' || reason === 'ambiguous') this.behind = true
    if (reason === 'no-clock') this.clockMissed = true
  }

  /** Whether spans that left without a task may find one now that others have come: parents, children and rivals of theirs. */
  get isLookDue(): boolean {
    return this.behind && this.state === 'done' && this.timed.processKey !== null
  }

  /** Whether spans came that no clock was looked for with, for they were too few more than those that told none. */
  get isUntried(): boolean {
    return this.state === 'done' && this.tries < MOST_TRIES && this.timed.untried
  }

  /** The clock is looked for once more by the spans that were asked for. */
  tryAgain(): void {
    const { learned } = this.timed
    this.timed.tryAgain()
    this.tries = this.timed.learned === learned ? this.tries + 1 : 0
  }

  /** What joining by name and time came to; null before it was tried. */
  get nameTime(): NameTimeReport | null {
    return this.timed.report
  }

  /**
   * The tasks of some spans. Pairs that leave no choice tell of the clock first, then times decide between the others; spans that
   * contest a task get it by the clearly better fit, else none does. What no task names is looked for by name and time.
   */
  match(spans: readonly JoinSpan[]): (FoundTask | UnmatchedReason)[] {
    for (const span of spans) {
      const claims = this.index.find(span.traceId, span.spanId)
      if (claims.length === 1 && this.owners.isFree(claims[0].task, span))
        this.pair(span, this.index.task(claims[0].task))
    }
    this.refreshClock()
    const { clock } = this
    const matches = spans.map((span) => matchSpan(span, this.index, clock, (task) => this.owners.isFree(task, span)))
    const rivals = new Map<number, number[]>()
    for (let row = 0; row < matches.length; row++) {
      const match = matches[row]
      if (match === null || match === 'ambiguous') continue
      const rows = rivals.get(match.task)
      if (rows === undefined) rivals.set(match.task, [row])
      else rows.push(row)
    }
    const byTime = this.matchByTime(spans, matches)
    return matches.map((match, row): FoundTask | UnmatchedReason => {
      if (match === 'ambiguous') return 'ambiguous'
      if (match === null) {
        const timed = byTime?.[row] ?? null
        if (timed === null) return this.whyUnmatched(Number(spans[row].startUnixNs), Number(spans[row].endUnixNs))
        if (typeof timed === 'string') return timed
        return { capture: this, task: timed.task, evidence: 'name-time', clock: timed.clock }
      }
      if (this.clock.offsetNs === null) return 'no-clock'
      const rows = rivals.get(match.task) ?? []
      if (rows.length > 1 && !this.fitsBest(row, rows, spans, match.task, this.clock.offsetNs)) return 'ambiguous'
      const ofPair = clockOfPair(this.segments, spans[row], this.index.task(match.task))
      return {
        capture: this,
        task: match.task,
        evidence: match.evidence,
        clock: ofPair.offsetNs === null ? this.clock : ofPair,
      }
    })
  }

  /** What name and time say of the spans that no task names; null where nothing was asked. */
  private matchByTime(
    spans: readonly JoinSpan[],
    matches: readonly (SpanMatch | 'ambiguous' | null)[],
  ): readonly (TimedMatch | TimedMiss)[] | null {
    // Where nothing is asked, spans of before a restart may still tell the clock.
    if (this.ids.nameTime === false || (matches.length > 0 && !matches.includes(null))) return null
    // What ids leave undecided, times do not decide either.
    const asked: number[] = []
    for (let row = 0; row < spans.length; row++) if (matches[row] !== 'ambiguous') asked.push(row)
    const knownTask = Int32Array.from(asked, (row) => (matches[row] as SpanMatch | null)?.task ?? -1)
    const found = this.timed.match(
      asked.map((row) => spans[row]),
      knownTask,
    )
    this.chooseClock()
    const ofRow = new Array<TimedMatch | TimedMiss>(spans.length).fill(null)
    asked.forEach((row, i) => (ofRow[row] = found[i]))
    return ofRow
  }

  /** Gives the task to the span: no other span gets it any more. */
  own(task: number, span: JoinSpan, evidence: Evidence, way: Way): void {
    // The tasks may be kept no longer by now.
    const parentId = this.kept.set.tasks.at(task)?.parentId ?? 0
    if (this.owners.give(task, parentId, span)) this.tasksJoined++
    if (evidence !== 'name-time') this.owners.name(task, span)
    this.count(span, evidence, way)
  }

  private count({ processKey }: JoinSpan, evidence: Evidence, way: Way): void {
    this.joined[evidence] = (this.joined[evidence] ?? 0) + 1
    this.left[way]++
    this.processes.set(processKey, (this.processes.get(processKey) ?? 0) + 1)
  }

  /**
   * What spans that have their tasks since before a restart tell of the clock, as they did then, and their number. Only now that
   * all tasks are known: which evidence counts depends on all of them. Then they are forgotten: the tasks' owners are known.
   */
  private restoreJoined(): void {
    this.tasksJoined += this.given.size
    for (const { taskId, span, evidence: told, way } of this.given.values()) {
      const task = this.kept.rowOf(taskId)
      const claim = this.index.find(span.traceId, span.spanId).find((one) => one.task === task)
      const evidence = told ?? claim?.ids.evidence ?? 'name-time'
      this.count(span, evidence, way)
      if (evidence === 'name-time') {
        this.timed.recall(span)
      } else if (task >= 0) {
        this.owners.name(task, span)
        this.captureClock.addPair(span, this.index.task(task))
      }
    }
    this.given.clear()
  }

  /** Counts a span of the process that found no task. */
  miss(reason: UnmatchedReason, spans = 1): void {
    this.unmatched[reason] = (this.unmatched[reason] ?? 0) + spans
  }

  /** Counts spans that another capture enriched. */
  countElsewhere(spans: number): void {
    this.elsewhere += spans
  }

  /** Spans of the process that were joined with it. */
  spansOf(processKey: string): number {
    return this.processes.get(processKey) ?? 0
  }

  /** Spans that it did not enrich are counted anew. */
  forgetMisses(): void {
    this.unmatched = {}
    this.elsewhere = 0
  }

  /** The span is about to leave with the task's breakdown: others that leave with it may name it. */
  expect(task: number, span: JoinSpan): void {
    this.owners.expect(task, span)
  }

  /** The span that a task (by its id in the runtime) was or is being given to; null when none is. */
  spanOfTask(taskId: number): TaskSpan | null {
    return this.owners.spanOf(this.kept.rowOf(taskId))
  }

  /** Whether a task took no longer than its kind usually does in this capture. */
  isUsual(task: TaskRecord): boolean {
    return this.kept.isUsual(task)
  }

  /** Tasks below a task, at any depth, that have spans of their own; not all where they are many. */
  innerTasks(taskId: number): readonly TaskRecord[] {
    return this.kept.innerTasks(taskId, (row) => this.index.idsOf(row) !== null || this.owners.isTaken(row))
  }

  /** Whether the capture, as far as decoded, covers this time; false while no clock tells. */
  covers(unixNs: bigint): boolean {
    const { offsetNs } = this.clock
    return offsetNs !== null && unixNs >= offsetNs && this.hasPassed(unixNs)
  }

  /** Whether all that ended before this time is decoded; false while no clock tells. */
  hasPassed(unixNs: bigint): boolean {
    const { offsetNs, errorNs } = this.clock
    return offsetNs !== null && Number(unixNs - offsetNs) + (errorNs ?? 0) <= this.decodedUntilNs
  }

  /** Why a span that no task names has none. Times in Unix nanoseconds, as exact as a double can be (256 ns). */
  whyUnmatched(startUnixNs: number, endUnixNs: number): UnmatchedReason {
    const { offsetNs, errorNs } = this.clock
    if (offsetNs === null) return 'no-clock'
    const originNs = Number(offsetNs)
    const error = (errorNs ?? 0) + 512
    const outside =
      Math.max(startUnixNs, endUnixNs) + error < originNs || startUnixNs - error > originNs + this.decodedUntilNs
    if (outside) return 'not-in-capture'
    const damaged = this.lost.some(
      (lost) => startUnixNs - originNs < lost.endNs + error && endUnixNs - originNs > lost.startNs - error,
    )
    return damaged ? 'capture-damaged' : 'no-task'
  }

  private fitsBest(
    row: number,
    rows: readonly number[],
    spans: readonly JoinSpan[],
    task: number,
    offsetNs: bigint,
  ): boolean {
    const record = this.index.task(task)
    const apart = apartNs(spans[row], record, offsetNs)
    const margin = clearMarginNs(this.clock)
    return rows.every(
      (other) =>
        other === row ||
        (spans[other].spanId === spans[row].spanId && spans[other].traceId === spans[row].traceId) ||
        apartNs(spans[other], record, offsetNs) >= apart + margin,
    )
  }

  private pair(span: JoinSpan, task: JoinTask): void {
    this.captureClock.addPair(span, task)
    if (this.info === null && this.earlyPairs.length < MAX_EARLY_PAIRS) this.earlyPairs.push([span, task])
  }

  /** Pairs make the offset better fast at first and hardly later: it is computed anew when they have grown by a quarter. */
  private refreshClock(): void {
    const { pairs } = this.captureClock
    if (this.pairsSeen >= 0 && (pairs === this.pairsSeen || (pairs > 64 && pairs < this.pairsSeen * 1.25))) return
    this.pairsSeen = pairs
    this.segments = this.captureClock.segments()
    this.clockByIds = this.captureClock.offset()
    this.chooseClock()
  }

  /** Names and times tell the clock where nothing else does, or where the spans' clock is not that of the capture's host. */
  private chooseClock(): void {
    this.clock = this.clockByIds.method === 'id-pairs' ? this.clockByIds : (this.timed.clock ?? this.clockByIds)
    if (this.clockMissed && this.clock.offsetNs !== null) {
      this.clockMissed = false
      this.clocksFound++
    }
  }
}
