// timed-tasks.ts: the tasks of one capture that spans find by name and time, while both come bit by bit.
//
// The clocks are fitted over the spans seen so far, as `subspan join` does over all; then each request's spans are paired by that fit
// with the tasks that no span has yet. A span is paired only when all tasks that could be its own are decoded.

import type { ClockSegment } from '../join/clock.ts'
import type { ClockOffset, JoinSpan, JoinTask, NameTimeReport } from '../join/match.ts'
import { pairByNameAndTime } from '../join/name-time.ts'
import { clockOfNameTimePair, type NameTimeClock, strangersAmong } from '../join/name-time-clock.ts'
import { spanColumns, type TaskColumns, taskColumns } from '../join/time-columns.ts'
import { WIDEST_END_NS } from '../join/time-shape.ts'
import { joinProcess, type ProcessSpans } from '../join/which-process.ts'

/** What the tasks' capture knows at the moment it is asked. */
export interface TimedContext {
  tasks(): readonly JoinTask[]
  /** Whether no span is named by the task at a row. */
  namesNone(task: number): boolean
  /** Whether the task at a row was given to a span that it names. */
  isNamedTask(task: number): boolean
  /** Whether the task at a row has a span, or is about to. */
  isTaken(task: number): boolean
  /** Row of the task that a span has, or is about to; -1 when none. */
  taskOfSpan(traceId: string, spanId: string): number
  /** Whether the task with an id was given to another span than this one's parent, or spans under another parent have tasks below it. */
  isOtherParent(taskId: number, span: JoinSpan): boolean
  /** What snapshots and ids say of the clock. */
  known(): readonly ClockSegment[]
  decodedUntilNs(): number
  /** Whether the capture is decoded to its end. */
  done(): boolean
  /** Spans of a process that tasks name. */
  idMatches(processKey: string): number
}

/** A task found by name and time. */
export interface TimedMatch {
  readonly task: number
  readonly clock: ClockOffset
}

/** Why none was found, where more is known than that. */
export type TimedMiss = 'ambiguous' | 'other-process' | null

/** Spans by which the clocks are fitted. */
const MOST_SAMPLED = 20_000
const MOST_PROCESSES = 64
/** A fit is tried again when spans or tasks have grown by this. */
const GROWTH = 1.25
/** A fit that so many spans agree on is not made better by more. */
const SETTLED_SPANS = 2_000
/** Fits of one capture because more came; what does not fit by then will not, and fits cost time. */
const MOST_FITS = 48
/**
 * Where nothing else tells the clock, a part of a capture is believed when so many spans agree: few may fit tasks of others by chance while
 * their own are not decoded, and what was sent is not taken back.
 */
const EARLY_SPANS = 50
/** Where the share of the tasks without a span has become so much smaller, requests are believed that were not. */
const MUCH_LESS_UNOWNED = 0.5
/** Spans this far beyond a capture whose clock is known may still begin or end in it. */
const BESIDE_NS = 1e9

/** Found in the samples: whose capture it is, and by which clock. */
interface Fitted {
  readonly processKey: string
  readonly clock: NameTimeClock
  readonly aliases: ReadonlyMap<string, number>
  /** How many spans found no task for each that did. */
  readonly strangers: number
  /** Share of the tasks whose own span has not come. */
  readonly unowned: number
}

function keyOf({ traceId, spanId }: JoinSpan): string {
  return `${traceId} ${spanId}`
}

/** Whether spans that found no task by one fit may find it by a later one. */
function tellsMore(before: Fitted | null, { processKey, clock, aliases, unowned }: Fitted): boolean {
  if (before?.processKey !== processKey || aliases.size > before.aliases.size) return true
  const { fit, shape, segments } = before.clock
  if (clock.fit.errorNs < fit.errorNs || clock.shape !== shape || clock.segments.length > segments.length) return true
  if (Math.abs(clock.fit.offsetNs - fit.offsetNs) > fit.errorNs) return true
  return unowned < before.unowned * MUCH_LESS_UNOWNED || strangersAmong(clock.fit) < strangersAmong(fit)
}

/** The tasks of one capture by name and time. */
export class TimedTasks {
  /** What the last fit came to; null before the first. */
  report: NameTimeReport | null = null

  /** Counts what was learned: a clock, or a better one, and names of renamed spans. Spans asked for before may have tasks now. */
  learned = 0

  private columns: TaskColumns | null = null
  private readonly samples = new Map<string, Map<string, JoinSpan>>()
  private sampled = 0
  private fitted: Fitted | null = null
  private fittedSpans = 0
  private fittedTasks = 0
  private fittedDone = false
  private fits = 0
  private asked = false
  /** Spans of the sample, by `trace span`, that fit a task and were not believed where nothing was. */
  private ambiguous: ReadonlySet<string> = new Set()

  /** @param acceptedMs when the capture came, Unix milliseconds: what is known of its time before any clock is */
  constructor(
    private readonly acceptedMs: number,
    private readonly capture: TimedContext,
  ) {}

  /** The clock that the fit found where nothing else tells one, or tells another; null where it found none. */
  get clock(): ClockOffset | null {
    const clock = this.fitted?.clock.segments[0].clock
    return clock?.method === 'name-time' ? clock : null
  }

  /** Key of the process that fits; null while none is known to. */
  get processKey(): string | null {
    return this.fitted?.processKey ?? null
  }

  /** Whether spans came since the last fit, which found nothing: too few for another one as yet. */
  get untried(): boolean {
    if (this.fitted !== null || this.sampled === this.fittedSpans) return false
    return this.columnsNow().whole > 0
  }

  /** Fits the clocks to the spans that came, few as the new ones are. */
  tryAgain(): void {
    this.asked = true
    this.fit(this.columnsNow())
  }

  /** A span that was given a task before a restart tells of the clock, when one is looked for next. */
  recall(span: JoinSpan): void {
    this.sample(span)
  }

  /** Forgets everything: the tasks are kept no longer. */
  clear(): void {
    this.columns = null
    this.samples.clear()
    this.sampled = 0
    this.fitted = null
    this.fittedSpans = 0
    this.fittedTasks = 0
    this.fittedDone = false
    this.fits = 0
    this.asked = false
    this.ambiguous = new Set()
  }

  /** Whether a span of this time is to be looked at. Unix nanoseconds, as exact as a double can be. */
  wants(startUnixNs: number, endUnixNs: number): boolean {
    if (this.columnsNow().names.length === 0) return false
    const decodedUntilNs = this.capture.decodedUntilNs()
    if (this.fitted !== null) {
      return this.fitted.clock.segments.some(({ clock }) => {
        const originNs = Number(clock.offsetNs ?? 0n)
        return startUnixNs < originNs + decodedUntilNs + BESIDE_NS && endUnixNs > originNs - BESIDE_NS
      })
    }
    return this.fits < MOST_FITS
  }

  /**
   * The tasks of spans, those of one request or of several together.
   *
   * @param knownTask rows of the tasks that name them; -1 where none does
   */
  match(spans: readonly JoinSpan[], knownTask: Int32Array): (TimedMatch | TimedMiss)[] {
    const found: (TimedMatch | TimedMiss)[] = new Array<TimedMatch | TimedMiss>(spans.length).fill(null)
    const columns = this.columnsNow()
    if (columns.names.length === 0) return found
    for (let i = 0; i < spans.length; i++) if (knownTask[i] < 0) this.sample(spans[i])
    this.fit(columns)
    if (this.fitted === null) {
      for (let i = 0; i < spans.length; i++) {
        if (knownTask[i] < 0 && this.ambiguous.has(keyOf(spans[i]))) found[i] = 'ambiguous'
      }
      return found
    }
    const { processKey } = this.fitted
    const rows: number[] = []
    for (let i = 0; i < spans.length; i++) {
      if (spans[i].processKey === processKey) rows.push(i)
      else if (knownTask[i] < 0) found[i] = 'other-process'
    }
    this.matchOwn(spans, rows, knownTask, found, this.fitted, columns)
    return found
  }

  private matchOwn(
    spans: readonly JoinSpan[],
    rows: readonly number[],
    knownTask: Int32Array,
    found: (TimedMatch | TimedMiss)[],
    { clock, aliases, strangers, unowned }: Fitted,
    columns: TaskColumns,
  ): void {
    const { capture } = this
    const own = rows.map((row) => spans[row])
    if (own.length === 0) return
    const taskOf = Int32Array.from(rows, (row) =>
      knownTask[row] >= 0 ? knownTask[row] : capture.taskOfSpan(spans[row].traceId, spans[row].spanId),
    )
    const parentTaskId = Float64Array.from(own, ({ traceId, parentSpanId }) => {
      const task = parentSpanId === '' ? -1 : capture.taskOfSpan(traceId, parentSpanId)
      return task < 0 ? 0 : columns.id[task]
    })
    const isFree = (task: number): boolean => !capture.isTaken(task)
    const isOtherParent = capture.isOtherParent.bind(capture)
    const known = { knownTask: taskOf, parentTaskId, known: [], aliases, strangers, unowned, isOtherParent }
    const pairs = pairByNameAndTime(
      { spans: own, tasks: columns, isFree, ...known },
      clock,
      spanColumns(own, columns.names),
    )
    rows.forEach((row, i) => {
      if (knownTask[row] >= 0) return
      const task = taskOf[i] >= 0 ? taskOf[i] : pairs.task[i]
      const startNs = task < 0 ? columns.durationNs / 2 : columns.startNs[task]
      const pairClock = clockOfNameTimePair(clock, pairs.segment[i], startNs, columns.durationNs)
      // A task that is not decoded yet might be the span's, and one that is only its neighbour.
      const { offsetNs, errorNs } = pairClock
      const endNs = Number(spans[row].endUnixNs - (offsetNs ?? 0n)) + (errorNs ?? 0) + WIDEST_END_NS
      if (!capture.done() && endNs > columns.durationNs) return
      if (task >= 0) found[row] = { task, clock: pairClock }
      else if (pairs.ambiguous[i] === 1) found[row] = 'ambiguous'
    })
  }

  /** Fits the clocks anew where more is known than at the last time. */
  private fit(columns: TaskColumns): void {
    const done = this.capture.done()
    const known = this.capture.known()
    const toEnd = done && !this.fittedDone
    const enough = !toEnd && this.fitted !== null && this.fitted.clock.fit.explained >= SETTLED_SPANS
    const grown =
      this.asked || this.sampled >= GROWTH * this.fittedSpans || columns.whole >= GROWTH * this.fittedTasks || toEnd
    if (this.sampled === 0 || columns.whole === 0 || enough || (this.fittedSpans > 0 && !grown)) return
    // Looks that were asked for are seldom enough by themselves, and not without an end.
    if (!this.asked && ++this.fits > MOST_FITS) return
    this.asked = false
    this.fittedSpans = this.sampled
    this.fittedTasks = columns.whole
    this.fittedDone = done
    const keys: string[] = []
    const processes: ProcessSpans[] = [...this.samples].map(([processKey, sample]) => {
      const spans = [...sample.values()]
      const rows = spans.map((_, i) => keys.length + i)
      for (const key of sample.keys()) keys.push(key)
      const knownTask = new Int32Array(spans.length).fill(-1)
      const isFree = (task: number): boolean => !this.capture.isNamedTask(task)
      const input = { spans, tasks: columns, knownTask, isFree, known }
      return { processKey, rows, idMatches: this.capture.idMatches(processKey), input }
    })
    const joined = joinProcess(processes)
    if (joined === null) return
    this.report = joined.report
    this.ambiguous = new Set(joined.pairs === null ? joined.ambiguous.map((row) => keys[row]) : [])
    const { processKey, pairs } = joined
    const isKnown = done || known.some(({ clock }) => clock.offsetNs !== null)
    if (processKey !== null && pairs !== null && (isKnown || pairs.clock.fit.explained >= EARLY_SPANS)) {
      const { clock, aliases, strangers } = pairs
      // Of tasks that are not decoded yet no span has come either.
      const unowned = done ? pairs.unowned : 1
      const fitted = { processKey, clock, aliases, strangers, unowned }
      if (tellsMore(this.fitted, fitted)) this.learned++
      this.fitted = fitted
    } else if (this.fitted !== null) {
      // What few spans told, more contradict: nothing is joined from now on.
      this.fitted = null
    }
  }

  private sample(span: JoinSpan): void {
    if (this.fitted !== null && this.fitted.clock.fit.explained >= SETTLED_SPANS) return
    let sample = this.samples.get(span.processKey)
    if (sample === undefined) {
      if (this.samples.size >= MOST_PROCESSES) return
      this.samples.set(span.processKey, (sample = new Map<string, JoinSpan>()))
    }
    const key = keyOf(span)
    if (sample.has(key)) return
    sample.set(key, span)
    if (++this.sampled > MOST_SAMPLED) this.thinOut()
  }

  /** Of too many spans those farthest from the capture's time give way, by what is known of it: its clock, or when it came. */
  private thinOut(): void {
    const [segment] = this.capture.known()
    const offsetNs = segment?.clock.offsetNs ?? null
    const half = this.capture.decodedUntilNs() / 2
    const middleMs = offsetNs === null ? this.acceptedMs - half / 1e6 : (Number(offsetNs) + half) / 1e6
    const apart = ({ endUnixNs }: JoinSpan): number => Math.abs(Number(endUnixNs) / 1e6 - middleMs)
    const all = [...this.samples.values()].flatMap((sample) => [...sample.values()].map(apart)).sort((x, y) => x - y)
    const farthest = all[MOST_SAMPLED / 2]
    this.sampled = 0
    for (const sample of this.samples.values()) {
      for (const [key, span] of sample) if (apart(span) > farthest) sample.delete(key)
      this.sampled += sample.size
    }
    this.fittedSpans = Math.min(this.fittedSpans, this.sampled)
  }

  private columnsNow(): TaskColumns {
    const tasks = this.capture.tasks()
    const untilNs = this.capture.decodedUntilNs()
    if (this.columns?.length === tasks.length && this.columns.durationNs === untilNs) return this.columns
    this.columns = taskColumns(tasks, (task) => this.capture.namesNone(task), untilNs)
    return this.columns
  }
}
