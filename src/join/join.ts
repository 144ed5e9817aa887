// join.ts: which task is each span.

import { CaptureClock, clockOfPair, type ClockSegment } from './clock.ts'
import type { IdOptions } from './id-evidence.ts'
import type {
  ClockOffset,
  Evidence,
  JoinCapture,
  JoinResult,
  JoinSpan,
  JoinTask,
  TaskMatch,
  UnmatchedReason,
} from './match.ts'
import { clockOfNameTimePair } from './name-time-clock.ts'
import { ID_EVIDENCE, type TaskClaim, TaskIndex } from './task-index.ts'
import { taskColumns } from './time-columns.ts'
import { joinProcess, type ProcessJoin } from './which-process.ts'

/** How spans and tasks are joined. */
export interface JoinOptions extends IdOptions {
  /** Whether spans that no task names are looked for by name and time; they are unless this is false. */
  readonly nameTime?: boolean
}

/** A task that names a span in a log and began this much before it (more for longer spans) is a longer task that came by the span. */
const EARLY_START_NS = 5_000_000
const EARLY_START_SHARE = 0.1
/** Times of a span and a task that are one may lie apart by this much more than the clock's error. */
const APART_NS = 1_000_000
/** Spans of one id, each of its own, that are told apart by their times; so many have no id in earnest. */
const MOST_OF_ONE_ID = 64
/** Of two tasks that name one span, one must fit its times better by this and twice the clock's error. */
const BETTER_NS = 20_000

/**
 * Joins the spans with the tasks of one capture. One task per span and one span per task; rows of one and the same span (sent twice) share
 * its task. Cost is linear in spans and tasks.
 *
 * @param spans of any processes; where several names of processes occur, those without any match are said to be of another
 */
export function joinTasks(spans: readonly JoinSpan[], capture: JoinCapture, options: JoinOptions = {}): JoinResult {
  const index = new TaskIndex(capture.tasks, options)
  const table = new SpanClaims(spans, index)
  const captureClock = table.clock(capture)
  const segments = captureClock.segments()
  const byIds = table.match(captureClock.offset())
  const found = new Map<number, TaskMatch>()
  const processes = new Set<string>()
  for (const [span, { task, evidence }] of byIds) {
    found.set(span, { span, task, evidence, clock: clockOfPair(segments, spans[span], index.task(task)) })
    processes.add(spans[span].processKey)
  }
  const byTime = options.nameTime === false ? null : joinRest(spans, capture, index, table, byIds, segments)
  if (byTime !== null) {
    for (const match of byTime.matches) found.set(match.span, match)
    for (const span of byTime.ambiguous) table.ambiguous.add(span)
    if (byTime.processKey !== null) processes.add(byTime.processKey)
  }
  const clock = byTime?.clock ?? captureClock.offset()

  const matches: TaskMatch[] = []
  const unmatched: { span: number; reason: UnmatchedReason }[] = []
  for (let span = 0; span < spans.length; span++) {
    const original = table.original(span)
    const match = found.get(original)
    if (match !== undefined) matches.push({ ...match, span })
    else {
      const reason = whyUnmatched(spans[span], table.ambiguous.has(original), processes, capture, clock)
      unmatched.push({ span, reason })
    }
  }
  return { matches, unmatched, clock, nameTime: byTime?.report ?? null }
}

/** What name and time tell of the spans that no task names. */
function joinRest(
  spans: readonly JoinSpan[],
  capture: JoinCapture,
  index: TaskIndex,
  table: SpanClaims,
  byIds: ReadonlyMap<number, SpanMatch>,
  segments: readonly ClockSegment[],
): (ProcessJoin & { readonly matches: readonly TaskMatch[] }) | null {
  const taken = new Uint8Array(index.length)
  const joined = new Set<string>()
  for (const [span, { task }] of byIds) {
    taken[task] = 1
    joined.add(spans[span].spanId)
  }
  // A task that names its span is that span's, also where the span never came.
  const takesPart = (task: number): boolean => index.namesNone(task, (spanId) => joined.has(spanId))
  const tasks = taskColumns(capture.tasks, takesPart, capture.durationNs)
  if (tasks.names.length === 0) return null
  const groups = new Map<string, number[]>()
  const matched = new Map<string, number>()
  for (let span = 0; span < spans.length; span++) {
    if (table.original(span) !== span || table.ambiguous.has(span)) continue
    const { processKey } = spans[span]
    append(groups, processKey, span)
    if (byIds.has(span)) matched.set(processKey, (matched.get(processKey) ?? 0) + 1)
  }
  const inputs = [...groups].map(([processKey, rows]) => ({
    processKey,
    rows,
    idMatches: matched.get(processKey) ?? 0,
    input: {
      spans: rows.map((row) => spans[row]),
      tasks,
      knownTask: Int32Array.from(rows, (row) => byIds.get(row)?.task ?? -1),
      isFree: (task: number): boolean => taken[task] === 0,
      known: segments,
    },
  }))
  const found = joinProcess(inputs)
  if (found === null) return null
  const { rows, pairs } = found
  const matches: TaskMatch[] = []
  if (pairs !== null) {
    for (let i = 0; i < rows.length; i++) {
      const task = pairs.task[i]
      if (task < 0) continue
      const clock = clockOfNameTimePair(pairs.clock, pairs.segment[i], tasks.startNs[task], capture.durationNs)
      matches.push({ span: rows[i], task, evidence: 'name-time', clock })
    }
  }
  return { ...found, matches }
}

/** Why a span has no task, the first reason that holds. */
function whyUnmatched(
  span: JoinSpan,
  ambiguous: boolean,
  matchedProcesses: ReadonlySet<string>,
  capture: JoinCapture,
  clock: ClockOffset,
): UnmatchedReason {
  if (ambiguous) return 'ambiguous'
  if (matchedProcesses.size > 0 && !matchedProcesses.has(span.processKey)) return 'other-process'
  if (clock.offsetNs === null) return 'no-clock'
  const startNs = Number(span.startUnixNs - clock.offsetNs)
  const endNs = Math.max(startNs, Number(span.endUnixNs - clock.offsetNs))
  const errorNs = clock.errorNs ?? 0
  if (endNs + errorNs < 0 || startNs - errorNs > capture.durationNs) return 'not-in-capture'
  if (capture.lost?.some((lost) => startNs < lost.endNs && endNs > lost.startNs) === true) return 'capture-damaged'
  return 'no-task'
}

/** How far apart the times of a span and a task are; only the start counts where the task's end is unknown. */
export function apartNs(span: JoinSpan, task: JoinTask, offsetNs: bigint): number {
  let apart = 0
  if (task.startNs !== null) apart += Math.abs(Number(span.startUnixNs - offsetNs) - task.startNs)
  if (task.endNs !== null) apart += Math.abs(Number(span.endUnixNs - offsetNs) - task.endNs)
  return apart
}

/**
 * Whether the times of a span and of a task that names it go together. Ids in a log may be those of a span that the task only came by
 * (a consumer's loop), or that it outlived (work done later): then the two are not one. A name with both ids is believed whatever the clock says.
 */
export function timesFit(span: JoinSpan, claim: TaskClaim, task: JoinTask, clock: ClockOffset): boolean {
  if (clock.offsetNs === null || (claim.ids.evidence === 'task-name' && claim.ids.traceId !== null)) return true
  const startNs = Number(span.startUnixNs - clock.offsetNs)
  const endNs = Math.max(startNs, Number(span.endUnixNs - clock.offsetNs))
  const apart = APART_NS + (clock.errorNs ?? 0)
  if (task.startNs !== null && task.startNs > endNs + apart) return false
  if (task.endNs !== null && task.endNs < startNs - apart) return false
  if (claim.ids.evidence === 'task-name' || task.startNs === null) return true
  return startNs - task.startNs <= EARLY_START_NS + EARLY_START_SHARE * (endNs - startNs) + (clock.errorNs ?? 0)
}

/** How much better one task must fit than another. */
export function clearMarginNs(clock: ClockOffset): number {
  return BETTER_NS + 2 * (clock.errorNs ?? 0)
}

/** The task of a span and how it was found. */
export interface SpanMatch {
  /** Row in the index. */
  readonly task: number
  readonly evidence: Evidence
}

/**
 * The task of one span, for spans that come one by one: by the strongest evidence that leaves one task, times deciding between several.
 *
 * @param isFree whether the task at a row has no other span yet
 * @returns `ambiguous` where several tasks fit equally; null where none names the span
 */
export function matchSpan(
  span: JoinSpan,
  index: TaskIndex,
  clock: ClockOffset,
  isFree: (task: number) => boolean,
): SpanMatch | 'ambiguous' | null {
  const claims = index
    .find(span.traceId, span.spanId)
    .filter((claim) => isFree(claim.task) && timesFit(span, claim, index.task(claim.task), clock))
  if (claims.length === 0) return null
  const { evidence } = claims[0].ids
  const rivals = claims.filter((claim) => claim.ids.evidence === evidence)
  if (rivals.length === 1) return { task: rivals[0].task, evidence }
  const { offsetNs } = clock
  if (offsetNs === null) return 'ambiguous'
  const priced = rivals.map(({ task }) => ({ task, apart: apartNs(span, index.task(task), offsetNs) }))
  priced.sort((x, y) => x.apart - y.apart)
  if (priced[1].apart < priced[0].apart + clearMarginNs(clock)) return 'ambiguous'
  return { task: priced[0].task, evidence }
}

/** The spans, each once, with the tasks that name them. */
class SpanClaims {
  /** Rows whose ids named a task and that stayed undecided between several. */
  readonly ambiguous = new Set<number>()
  /** First row of the span that a row is a copy of; itself for most. */
  private readonly originals: Int32Array
  private readonly claims = new Map<number, readonly TaskClaim[]>()

  constructor(
    private readonly spans: readonly JoinSpan[],
    private readonly index: TaskIndex,
  ) {
    this.originals = new Int32Array(spans.length)
    const bySpanId = new Map<string, number[]>()
    const firstOf = new Map<string, number>()
    for (let row = 0; row < spans.length; row++) {
      const span = spans[row]
      this.originals[row] = row
      const known = bySpanId.get(span.spanId)
      if (known === undefined) {
        bySpanId.set(span.spanId, [row])
        continue
      }
      if (known.length === 1) firstOf.set(wholeKey(spans[known[0]]), known[0])
      const key = wholeKey(span)
      const first = firstOf.get(key)
      if (first === undefined) {
        firstOf.set(key, row)
        known.push(row)
      } else {
        this.originals[row] = first
      }
    }
    for (const [spanId, rows] of bySpanId) {
      // A span id alone says which span is meant only where one trace has it.
      const oneTrace = rows.every((row) => spans[row].traceId === spans[rows[0]].traceId)
      const claimsOfTrace = new Map<string, readonly TaskClaim[]>()
      for (const row of rows) {
        const { traceId } = spans[row]
        let claims = claimsOfTrace.get(traceId)
        if (claims === undefined) claimsOfTrace.set(traceId, (claims = index.find(traceId, spanId)))
        if (claims.length === 0) continue
        if (rows.length > MOST_OF_ONE_ID) {
          this.ambiguous.add(row)
          continue
        }
        const decisive = oneTrace ? claims : claims.filter(({ ids }) => ids.traceId !== null)
        if (decisive.length > 0) this.claims.set(row, decisive)
        else this.ambiguous.add(row)
      }
    }
  }

  original(row: number): number {
    return this.originals[row]
  }

  /** The capture's clock, out of the pairs that leave no choice. */
  clock(capture: JoinCapture): CaptureClock {
    const clock = new CaptureClock(capture.clockSnapshots, capture.durationNs)
    const named = new Map<number, number>()
    for (const claims of this.claims.values()) {
      for (const { task } of claims) named.set(task, (named.get(task) ?? 0) + 1)
    }
    for (const [row, claims] of this.claims) {
      if (claims.length !== 1 || named.get(claims[0].task) !== 1) continue
      clock.addPair(this.spans[row], this.index.task(claims[0].task))
    }
    return clock
  }

  /** Matches by each kind of evidence in the order of trust; what one settles is no rival in the next. */
  match(clock: ClockOffset): Map<number, SpanMatch> {
    const matched = new Map<number, SpanMatch>()
    const taken = new Set<number>()
    for (const { evidence } of ID_EVIDENCE) {
      const spansOf = new Map<number, number[]>()
      const tasksOf = new Map<number, number[]>()
      for (const [row, claims] of this.claims) {
        if (matched.has(row)) continue
        for (const claim of claims) {
          const { task } = claim
          if (claim.ids.evidence !== evidence || taken.has(task)) continue
          if (!timesFit(this.spans[row], claim, this.index.task(task), clock)) continue
          append(spansOf, task, row)
          append(tasksOf, row, task)
        }
      }
      const accept = (row: number, task: number): void => {
        matched.set(row, { task, evidence })
        taken.add(task)
        this.ambiguous.delete(row)
      }
      const contested: [number, number][] = []
      for (const [row, tasks] of tasksOf) {
        if (tasks.length === 1 && spansOf.get(tasks[0])?.length === 1) accept(row, tasks[0])
        else for (const task of tasks) contested.push([row, task])
      }
      this.settle(contested, clock, accept, matched, taken)
    }
    return matched
  }

  /** Of pairs that exclude one another those are taken whose times fit clearly better than every rival's. */
  private settle(
    pairs: readonly (readonly [number, number])[],
    clock: ClockOffset,
    accept: (row: number, task: number) => void,
    matched: ReadonlyMap<number, SpanMatch>,
    taken: ReadonlySet<number>,
  ): void {
    const { offsetNs } = clock
    if (offsetNs === null) {
      for (const [row] of pairs) this.ambiguous.add(row)
      return
    }
    const priced = pairs.map(([row, task]) => ({
      row,
      task,
      apart: apartNs(this.spans[row], this.index.task(task), offsetNs),
    }))
    priced.sort((x, y) => x.apart - y.apart)
    const pairsOf = new Map<number, typeof priced>()
    const pairsOfTask = new Map<number, typeof priced>()
    for (const pair of priced) {
      append(pairsOf, pair.row, pair)
      append(pairsOfTask, pair.task, pair)
    }
    const marginNs = clearMarginNs(clock)
    for (const pair of priced) {
      if (matched.has(pair.row) || taken.has(pair.task)) continue
      const isRival = (other: (typeof priced)[number]): boolean =>
        other !== pair && !matched.has(other.row) && !taken.has(other.task) && other.apart < pair.apart + marginNs
      if (pairsOf.get(pair.row)?.some(isRival) === true || pairsOfTask.get(pair.task)?.some(isRival) === true) {
        this.ambiguous.add(pair.row)
      } else {
        accept(pair.row, pair.task)
      }
    }
  }
}

/**
 * Equal for rows of one span that was sent twice. Client and server of one RPC may share their ids (Zipkin), but not all of this.
 */
function wholeKey(span: JoinSpan): string {
  return `${span.spanId} ${span.traceId} ${span.startUnixNs} ${span.endUnixNs} ${span.processKey}`
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
