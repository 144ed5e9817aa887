// name-time.ts: the task of a span by name and time alone, for stock OpenTelemetry Go and OpenCensus Go, which give every span a task
// but put only its name there.
//
// First the clocks (`name-time-clock.ts`). Then each span is held against the tasks of its name at its time, and gets one only where
// no other world is nearly as good (`pairing.ts`). Last, all of it is withdrawn where the pairs do not look as pairs of a span and its task do.

import { learnAliases } from './aliases.ts'
import type { ClockSegment } from './clock.ts'
import type { JoinSpan, NameTimeReport } from './match.ts'
import {
  align,
  type Aligned,
  clockWithAliases,
  fitNameTimeClock,
  type NameTimeClock,
  relativeOffset,
  Strangers,
  strangersAmong,
} from './name-time-clock.ts'
import { chanceByName } from './offset-chance.ts'
import { roundingOf } from './offset-fit.ts'
import { MARGIN, type Pairing, pairSpans } from './pairing.ts'
import { spanPaths } from './paths.ts'
import { BELIEVED_NATS, BELIEVED_NATS_AMONG_REPLICAS, withoutStrangers } from './span-trees.ts'
import type { SpanRelations } from './structure.ts'
import { begunWithin, percentile, type SpanColumns, spanColumns, type TaskColumns } from './time-columns.ts'
import { endCost, lagCosts, NO_TASK_COST, NO_TASK_COST_AMONG_STRANGERS, startCost } from './time-shape.ts'

/** Spans of one process and the tasks of one capture. */
export interface NameTimeInput {
  readonly spans: readonly JoinSpan[]
  readonly tasks: TaskColumns
  /** Row of the task that is known to be the span's by its ids; -1 for none. */
  readonly knownTask: Int32Array
  /** Id of the task of the parent span, where that is not among the spans; 0 for none. */
  readonly parentTaskId?: Float64Array
  /** Whether a task has no span yet. */
  readonly isFree: (task: number) => boolean
  /** Whether the task with an id was seen to be, or to belong under, that of another span than this one's parent. */
  readonly isOtherParent?: (taskId: number, span: JoinSpan) => boolean
  /** What snapshots or ids say of the clock; empty where nothing is known. */
  readonly known: readonly ClockSegment[]
  /** Names of spans that were renamed, as learned before, with the number of the name that their tasks have. */
  readonly aliases?: ReadonlyMap<string, number>
  /** How many spans found no task for each that did, among those seen before these. */
  readonly strangers?: number
  /** Share of the tasks that those seen before these left without a span. */
  readonly unowned?: number
}

/** Pairs found, and by which clock. */
export interface NameTimePairs extends Pairing {
  readonly clock: NameTimeClock
  readonly report: NameTimeReport
  /** Clock of each span that has a task, by row of `clock.segments`. */
  readonly segment: Uint8Array
  /** Names of spans that were renamed, those learned here included. */
  readonly aliases: ReadonlyMap<string, number>
  /** Spans that fit a task, those included that were not believed to be of the captured process: they are ambiguous. */
  readonly paired: number
  /** How many spans found no task for each that did, where replicas may be among them. */
  readonly strangers: number
  /** Share of the tasks whose own span was not found, where replicas may be among them. */
  readonly unowned: number
}

/** What joined pairs look like: measured medians are 1.3 to 3.1 us for starts and -2.9 to 0.7 us for ends. */
const MEDIAN_START_NS = 8_000
const MEDIAN_END_NS = 6_000
const FEW_PAIRS = 5
const FEW_PAIRS_FACTOR = 3
/** Share of the explained spans that must be joined: at a wrong offset nearly all are contradicted. */
const FEWEST_JOINED = 0.5
/** Share of the tasks without a span of their own for which requests of replicas are judged as they are measured, and the least that is believed. */
const USUALLY_UNOWNED = 0.5
const FEWEST_UNOWNED = 0.02
/** Where so much fewer are left than was thought, requests are judged once more. */
const LESS_UNOWNED = 0.9
/** Lags may lie on the impossible side by so much of the clock's stated error (twice the largest that was measured). */
const TOLERATED = 0.6
/** No less than this: a snapshot reads two clocks one after another, and may be off by most of a microsecond whatever it states. */
const LEAST_TOLERANCE_NS = 1_000
/** Where fifty pairs tell how far the clock is off, lags so far beyond that are as unlikely: one in a thousand right ones lies 0.03 us beyond. */
const LEAST_MEASURED_NS = 200
/** Names are learned from the relatives of spans whose names were learned before, so many times. */
const ALIAS_ROUNDS = 4
/** Joins by name and time. Near-linear in spans and tasks. */
export function joinByNameAndTime(input: NameTimeInput): NameTimePairs | NameTimeReport {
  const columns = spanColumns(input.spans, input.tasks.names)
  for (let row = 0; row < columns.length; row++) if (input.knownTask[row] >= 0) columns.name[row] = -1
  const relations = relationsOf(input)
  const clock = fitNameTimeClock(columns, input.tasks, input.known, spanPaths(columns, relations, input.tasks))
  if ('refused' in clock) return clock
  let found = pairByNameAndTime(input, clock, columns, relations)
  const surer = clockWithAliases(found.clock, found.aliases, input.spans, columns, relations, input.tasks)
  if (surer !== null) found = pairByNameAndTime({ ...input, aliases: found.aliases }, surer, columns, relations)
  const refused = whyImplausible(found, columns, input.tasks)
  return refused === null ? found : { ...found.report, joined: 0, refused }
}

/** Pairs spans with tasks by a known clock. */
export function pairByNameAndTime(
  input: NameTimeInput,
  clock: NameTimeClock,
  columns: SpanColumns,
  relations = relationsOf(input),
): NameTimePairs {
  const { spans, tasks, knownTask, isFree } = input
  const aligned = align(columns, tasks, clock.segments, clock.drift, clock.shape)
  for (let row = 0; row < aligned.length; row++) if (knownTask[row] >= 0) aligned.startNs[row] = NaN
  const { errorNs, eligible, explained } = clock.fit
  const rounding = roundingOf(columns)
  const toleranceNs = Math.max(LEAST_TOLERANCE_NS, rounding === 0 ? TOLERATED * errorNs : errorNs - rounding)
  const measuredNs = clock.segments.length === 1 ? clock.fit.floorsBeyondNs + LEAST_MEASURED_NS : Infinity
  const options = {
    costs: lagCosts(clock.shape, toleranceNs, rounding, Math.min(toleranceNs, measuredNs), clock.fit.scales),
    toleranceNs,
    roundingNs: rounding,
    margin: MARGIN,
    noTaskCost: strangersAmong(clock.fit) === Strangers.many ? NO_TASK_COST_AMONG_STRANGERS : NO_TASK_COST,
    isFree,
  }
  const aliases = new Map(input.aliases)
  const pair = (): Pairing => {
    if (aliases.size === 0) return pairSpans(aligned, tasks, relations, options)
    const alias = Int32Array.from(spans, ({ name }) => aliases.get(name) ?? -1)
    return pairSpans(aligned, tasks, relations, { ...options, alias })
  }
  let pairing = pair()
  for (let round = 0; round < ALIAS_ROUNDS; round++) {
    const known = aliases.size
    const learned = learnAliases(spans, aligned, tasks, relations, pairing, options, isFree)
    for (const [name, taskName] of learned) if (!aliases.has(name)) aliases.set(name, taskName)
    if (aliases.size === known) break
    pairing = pair()
  }
  const paired = pairsIn(pairing)
  const judged = believed(pairing, input, clock, columns, aligned, relations)
  const joined = pairsIn(judged.pairing)
  return {
    ...judged.pairing,
    clock,
    segment: aligned.segment,
    aliases,
    paired,
    strangers: judged.strangers,
    unowned: judged.unowned,
    report: { eligible, explained, joined, disbelieved: paired - joined, refused: null },
  }
}

function pairsIn({ task }: Pairing): number {
  let count = 0
  for (const row of task) if (row >= 0) count++
  return count
}

/** The pairs without those of strangers, where there are strangers among the spans. */
function believed(
  pairing: Pairing,
  input: NameTimeInput,
  { fit, shape }: NameTimeClock,
  columns: SpanColumns,
  aligned: Aligned,
  relations: SpanRelations,
): { readonly pairing: Pairing; readonly strangers: number; readonly unowned: number } {
  const { spans, tasks } = input
  const shared = spans[0].processShared
  if (!shared && strangersAmong(fit) === Strangers.none) return { pairing, strangers: 0, unowned: 1 }
  const [firstNs, lastNs] = begunWithin(tasks)
  const takesPart = Uint8Array.from(columns.name, (name, row) => {
    const startNs = aligned.startNs[row]
    return name >= 0 && startNs >= firstNs && startNs <= lastNs && aligned.endNs[row] <= tasks.durationNs ? 1 : 0
  })
  const strangers = shared
    ? Math.max(input.strangers ?? 0, missedPerFound(pairing, takesPart))
    : (fit.eligible - fit.explained) / fit.explained
  if (strangers === 0) return { pairing, strangers, unowned: 1 }
  const chance = chanceByName(tasks)
  const rounding = roundingOf(columns)
  const nats = (span: number): number => {
    const task = pairing.task[span]
    const name = tasks.name[task]
    const start = startCost(tasks.startNs[task] - aligned.startNs[span] - rounding)
    const endLag = tasks.endNs[task] - aligned.endNs[span]
    if (Number.isNaN(endLag)) return chance.worthOfOpen(name) - start
    const end = endCost(Math.sign(endLag) * Math.max(0, Math.abs(endLag) - 2 * rounding), shape)
    return chance.worth(name, columns.endNs[span] - columns.startNs[span]) - start - end
  }
  // No more of these requests is to come.
  const isAllHere = shared && input.unowned === undefined
  const parts = isAllHere ? 'all' : shared ? 'doubted' : 'none'
  const isContradicted = (span: number, task: number): boolean => {
    const parentId = tasks.parentId[task]
    if (parentId === 0) return true
    const first = pairing.task[relations.sibling[span]]
    return (first >= 0 && tasks.parentId[first] !== parentId) || input.isOtherParent?.(parentId, spans[span]) === true
  }
  const judgedBy = (believedNats: number, times: number): Pairing =>
    withoutStrangers(pairing, relations, { nats, takesPart, strangers: times, believedNats, parts, isContradicted })
  if (!shared) return { pairing: judgedBy(BELIEVED_NATS, strangers), strangers, unowned: 1 }
  // A stranger's span can only come upon a task whose own span is not here, or the two refuse each other: the fewer such tasks, the less
  // likely is any pair a stranger's. The bound is for half of the tasks, and for more.
  let unowned = input.unowned ?? 1
  for (;;) {
    const times = strangers * Math.min(1, unowned / USUALLY_UNOWNED)
    const judged = judgedBy(BELIEVED_NATS_AMONG_REPLICAS, times)
    const left = Math.max(FEWEST_UNOWNED, 1 - pairsIn(judged) / Math.max(1, tasks.whole))
    // What all spans said is not told anew by a few.
    if (!isAllHere || left > LESS_UNOWNED * unowned) return { pairing: judged, strangers, unowned }
    unowned = left
  }
}

/** How many spans found no task for each that did. */
function missedPerFound({ task, ambiguous }: Pairing, takesPart: Uint8Array): number {
  let found = 0
  let missed = 0
  for (let span = 0; span < task.length; span++) {
    if (task[span] >= 0) found++
    else if (takesPart[span] === 1 && ambiguous[span] === 0) missed++
  }
  return found === 0 ? 0 : missed / found
}

/** Why the pairs do not look as a span and its task do; null when they do. */
function whyImplausible(
  { task, clock, segment, report }: NameTimePairs,
  columns: SpanColumns,
  tasks: TaskColumns,
): string | null {
  if (report.joined === 0) return null
  const starts: number[] = []
  const ends: number[] = []
  const offsets = clock.segments.map((one) => relativeOffset(one.clock, columns))
  for (let row = 0; row < task.length; row++) {
    if (task[row] < 0) continue
    const offset = offsets[segment[row]]
    starts.push(tasks.startNs[task[row]] + offset - columns.startNs[row])
    const end = tasks.endNs[task[row]] + offset - columns.endNs[row]
    if (!Number.isNaN(end)) ends.push(end)
  }
  const rounding = roundingOf(columns)
  const factor = report.joined < FEW_PAIRS ? FEW_PAIRS_FACTOR : 1
  const start = percentile(Float64Array.from(starts), 0.5)
  const end = ends.length === 0 ? 0 : percentile(Float64Array.from(ends), 0.5)
  const us = (ns: number): string => `${(ns / 1_000).toFixed(1)} us`
  if (start > factor * MEDIAN_START_NS + rounding || Math.abs(end) > factor * MEDIAN_END_NS + 2 * rounding) {
    return `tasks begin ${us(start)} after and end ${us(Math.abs(end))} ${end < 0 ? 'before' : 'after'} the spans they fit best (median): a span and its own task are a few microseconds apart.`
  }
  const { explained } = clock.fit
  if (report.joined < FEWEST_JOINED * explained) {
    return `only ${report.joined} of ${explained} spans that have a task of their name nearby fit one without doubt.`
  }
  return null
}

function relationsOf({ spans, knownTask, parentTaskId }: NameTimeInput): SpanRelations {
  const { length } = spans
  const rowOf = new Map<string, number>()
  for (let row = 0; row < length; row++) rowOf.set(spans[row].spanId, row)
  const kind = new Uint8Array(length)
  const root = new Uint8Array(length)
  const parent = new Int32Array(length).fill(-1)
  const sibling = Int32Array.from(spans, (_, row) => row)
  const firstUnder = new Map<string, number>()
  for (let row = 0; row < length; row++) {
    const span = spans[row]
    kind[row] = span.kind
    if (span.parentSpanId === '') {
      root[row] = 1
      continue
    }
    const above = rowOf.get(span.parentSpanId)
    if (above !== undefined && spans[above].traceId === span.traceId) {
      parent[row] = above
      continue
    }
    const key = `${span.traceId} ${span.parentSpanId}`
    const first = firstUnder.get(key)
    if (first === undefined) firstUnder.set(key, row)
    else sibling[row] = first
  }
  return { kind, root, parent, sibling, knownTask, parentTaskId: parentTaskId ?? new Float64Array(length) }
}
