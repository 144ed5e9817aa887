// name-time.ts: the task of a span by name and time alone, for stock OpenTelemetry Go and OpenCensus Go, which give every span a task
// but put only its name there.
//
// First the clocks: the snapshots of the capture, or what votes of names and durations say (`offset-votes.ts`, `offset-fit.ts`). Then
// each span is held against the tasks of its name at its time, and gets one only where no other world is nearly as good
// (`pairing.ts`). Last, all of it is withdrawn where the pairs do not look as pairs of a span and its task do.

import { learnAliases } from './aliases.ts'
import type { ClockSegment } from './clock.ts'
import type { ClockOffset, JoinSpan, NameTimeReport } from './match.ts'
import { chanceByName } from './offset-chance.ts'
import { type OffsetFit, OffsetFitter, roundingOf, SMALLEST_ERROR_NS } from './offset-fit.ts'
import { voteForOffsets } from './offset-votes.ts'
import { type AlignedSpans, MARGIN, type Pairing, pairSpans, type SpanRelations } from './pairing.ts'
import { BELIEVED_NATS, BELIEVED_NATS_AMONG_REPLICAS, withoutStrangers } from './span-trees.ts'
import {
  begunWithin,
  firstAtLeast,
  percentile,
  type SpanColumns,
  spanColumns,
  type TaskColumns,
} from './time-columns.ts'
import { endCost, NO_TASK_COST, NO_TASK_COST_AMONG_STRANGERS, startCost, type TimeShape } from './time-shape.ts'

/** How spans are found by name and time. */
export interface NameTimeClock {
  /** Offsets by stretches of the capture, and which is how exact. */
  readonly segments: readonly ClockSegment[]
  /** Drift of the capture's clock against the wall clock, nanoseconds per nanosecond. */
  readonly drift: number
  readonly shape: TimeShape
  readonly fit: OffsetFit
}

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
  /** Spans that fit a task, those included that were not believed to be of the captured process. */
  readonly paired: number
  /** How many spans found no task for each that did, where replicas may be among them. */
  readonly strangers: number
  /** Share of the tasks whose own span was not found, where replicas may be among them. */
  readonly unowned: number
}

/** Spans that an offset must explain, and how many times more than any other offset. */
const FEWEST_EXPLAINED = 5
const TIMES_BETTER = 3
/** Or what must speak for it against chance, in nats, and how many times more than for any other, where nearly all spans are explained. */
const SURPLUS_NATS = 40
const TIMES_SURPLUS = 2
/** Up to so many explained spans may be those of one request of strangers: then chance must not explain them. */
const ONE_REQUEST = 20
const ONE_REQUEST_SURPLUS_NATS = 30
/** Share of the eligible spans, or else of the tasks, that it must explain. */
const FEWEST_SHARE = 0.4
/** Offsets this close are one. */
const SAME_OFFSET_NS = 200_000
/** Below this share of spans with a name that a task has, names may have been changed throughout: then all are looked at. */
const FEW_NAMES_KNOWN = 0.5
/** Spans that an offset found without names must explain. */
const FEWEST_WITHOUT_NAMES = 10
/** Right pairs are tight (0.93 to 1.00 of them); those of a wrong offset lie anywhere. */
const FEWEST_TIGHT = 0.5
/** What both stretches must show before a wall clock is believed to have been set in between. */
const FEWEST_IN_STRETCH = 20
const TIGHT_IN_STRETCH = 0.8
/** Of the times of two stretches this share may lie on the other's side. */
const STRAYS = 0.02
/** What joined pairs look like: measured medians are 1.3 to 3.1 us for starts and -2.9 to 0.7 us for ends. */
const MEDIAN_START_NS = 8_000
const MEDIAN_END_NS = 6_000
const FEW_PAIRS = 5
const FEW_PAIRS_FACTOR = 3
/** Share of the explained spans that must be joined: at a wrong offset nearly all are contradicted. */
const FEWEST_JOINED = 0.5
/** Share of the eligible spans that must be explained for all to count as spans of the captured process that have tasks. */
const FEW_STRANGERS = 0.9
/** Share of the tasks without a span of their own for which requests of replicas are judged as they are measured, and the least that is believed. */
const USUALLY_UNOWNED = 0.5
const FEWEST_UNOWNED = 0.02
/** Where so much fewer are left than was thought, requests are judged once more. */
const LESS_UNOWNED = 0.9
/** Names are learned from the relatives of spans whose names were learned before, so many times. */
const ALIAS_ROUNDS = 4
/** Spans with times as coarse as this are not joined. */
const TOO_COARSE_NS = 1_000_000

/** Joins by name and time. Near-linear in spans and tasks. */
export function joinByNameAndTime(input: NameTimeInput): NameTimePairs | NameTimeReport {
  const columns = spanColumns(input.spans, input.tasks.names)
  for (let row = 0; row < columns.length; row++) if (input.knownTask[row] >= 0) columns.name[row] = -1
  const clock = fitNameTimeClock(columns, input.tasks, input.known)
  if ('refused' in clock) return clock
  let found = pairByNameAndTime(input, clock, columns)
  const surer = clockWithAliases(found, input.spans, columns, input.tasks)
  if (surer !== null) found = pairByNameAndTime({ ...input, aliases: found.aliases }, surer, columns)
  const refused = whyImplausible(found, columns, input.tasks)
  return refused === null ? found : { ...found.report, joined: 0, refused }
}

/**
 * The clock by which spans are found, or why there is none.
 *
 * @param known what else says how the clocks relate: taken unless another offset explains the spans far better (somebody changed
 *   the spans' clock on the way)
 */
export function fitNameTimeClock(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
): NameTimeClock | NameTimeReport {
  const nothing = { eligible: 0, explained: 0, joined: 0 }
  if (spans.length === 0 || tasks.whole === 0) return { ...nothing, refused: null }
  if (spans.granularityNs >= TOO_COARSE_NS && spans.length >= FEWEST_EXPLAINED) {
    return {
      ...nothing,
      refused:
        'the spans’ times are whole milliseconds, too coarse to tell tasks apart: send them in microseconds or finer.',
    }
  }
  const byName = fitBy(spans, tasks, known, false)
  if (!('refused' in byName)) return byName
  let named = 0
  for (const name of spans.name) if (name >= 0) named++
  if (named >= FEW_NAMES_KNOWN * spans.length) return byName
  const withoutNames = fitBy(spans, tasks, known, true)
  return 'refused' in withoutNames ? byName : withoutNames
}

/** The fit made again with the names that were learned; null where it was sure before, is no fit, or no name was learned. */
function clockWithAliases(
  { clock, aliases }: NameTimePairs,
  spans: readonly JoinSpan[],
  columns: SpanColumns,
  tasks: TaskColumns,
): NameTimeClock | null {
  const { segments, fit } = clock
  if (aliases.size === 0 || segments.length > 1 || segments[0].clock.method !== 'name-time') return null
  if (fit.errorNs <= SMALLEST_ERROR_NS + roundingOf(columns)) return null
  const name = columns.name.map((own, row) => (own >= 0 ? own : (aliases.get(spans[row].name) ?? -1)))
  const fitter = new OffsetFitter({ ...columns, name }, tasks)
  return clockOf(fitter.refine(fit.offsetNs), fitter, columns, tasks)
}

function fitBy(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
  anyName: boolean,
): NameTimeClock | NameTimeReport {
  const fitter = new OffsetFitter(spans, tasks, anyName)
  const fits: OffsetFit[] = []
  for (const { offsetNs } of voteForOffsets(spans, tasks, anyName)) {
    const fit = fitter.refine(offsetNs)
    // Candidates that end near one another are strays of one peak.
    const same = fits.findIndex((other) => Math.abs(other.offsetNs - fit.offsetNs) < SAME_OFFSET_NS)
    if (same < 0) fits.push(fit)
    else if (fits[same].tight < fit.tight) fits[same] = fit
  }
  fits.sort((x, y) => y.tight - x.tight)
  const best = fits.at(0)
  const explained = (fit: OffsetFit | undefined): number => fit?.explained ?? 0

  if (known.length > 0) {
    const fit = judgeKnown(spans, tasks, known, anyName)
    const fewest = anyName ? FEWEST_WITHOUT_NAMES : 1
    const other = fits.find((one) => !known.some(({ clock }) => isAt(one, clock, spans)))
    const overruled = (other?.tight ?? 0) >= Math.max(FEWEST_EXPLAINED, TIMES_BETTER * fit.explained)
    if (fit.explained >= fewest && isShare(fit, tasks) && !overruled) {
      return { segments: known, drift: 0, shape: fit.shape, fit }
    }
  }
  const surest = surestOf(fits)
  if (surest !== null) return clockOf(surest, fitter, spans, tasks)
  const counts = { eligible: best?.eligible ?? 0, explained: explained(best), joined: 0 }
  const fewest = anyName ? FEWEST_WITHOUT_NAMES : FEWEST_EXPLAINED
  if (best === undefined || best.tight < fewest) {
    return {
      ...counts,
      refused: `no offset between the clocks fits more than ${best?.tight ?? 0} spans to the microsecond, at least ${fewest} are needed: record longer, or with more load.`,
    }
  }
  const second = fits.at(1)
  if (best.tight >= TIMES_BETTER * (second?.tight ?? 0)) {
    const enough = best.tight >= ONE_REQUEST || best.surplusNats >= ONE_REQUEST_SURPLUS_NATS
    if (enough && isShare(best, tasks) && best.tight >= FEWEST_TIGHT * best.explained) {
      return clockOf(best, fitter, spans, tasks)
    }
  } else if (second !== undefined) {
    const third = fits.at(2)?.tight ?? 0
    const stepped = second.tight >= TIMES_BETTER * third ? steppedClock(best, second, fitter, spans, tasks) : null
    if (stepped !== null) return stepped
    return {
      ...counts,
      refused: `two offsets between the clocks fit ${best.tight} and ${second.tight} spans to the microsecond: which is right is not clear enough.`,
    }
  }
  return {
    ...counts,
    refused: `the best offset between the clocks explains ${best.explained} of ${best.eligible} spans and of ${tasks.whole} tasks, at least 40 % of either is needed: these are spans of another process or time.`,
  }
}

/** How many of the spans in the capture's time no task explains: the more, the less is said by a task nearby. */
export const Strangers = { none: 0, few: 1, many: 2 } as const

export function strangersAmong({ explained, eligible }: OffsetFit): (typeof Strangers)[keyof typeof Strangers] {
  if (explained >= eligible) return Strangers.none
  return explained >= FEW_STRANGERS * eligible ? Strangers.few : Strangers.many
}

/** The offset for which far more speaks than chance and any other explain; null where there is none. */
function surestOf(fits: readonly OffsetFit[]): OffsetFit | null {
  const [surest, next] = [...fits].sort((x, y) => y.surplusNats - x.surplusNats)
  if (surest === undefined || surest.surplusNats < SURPLUS_NATS) return null
  if (strangersAmong(surest) === Strangers.many) return null
  return surest.surplusNats >= TIMES_SURPLUS * (next?.surplusNats ?? 0) ? surest : null
}

function isShare(fit: OffsetFit, tasks: TaskColumns): boolean {
  return fit.explained >= FEWEST_SHARE * fit.eligible || fit.explained >= FEWEST_SHARE * tasks.whole
}

function isAt(fit: OffsetFit, clock: ClockSegment['clock'], spans: SpanColumns): boolean {
  return Math.abs(fit.offsetNs - relativeOffset(clock, spans)) < SAME_OFFSET_NS
}

/** Unix ns of the capture's origin, as the spans' times are counted. */
function relativeOffset({ offsetNs }: ClockSegment['clock'], { baseUnixNs }: SpanColumns): number {
  return offsetNs === null ? NaN : Number(offsetNs - baseUnixNs)
}

function judgeKnown(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
  anyName: boolean,
): OffsetFit {
  const aligned = align(spans, tasks, known, 0, 'either')
  const errorNs = Math.max(...known.map(({ clock }) => clock.errorNs ?? 0))
  const columns = { ...spans, startNs: aligned.startNs, endNs: aligned.endNs }
  return new OffsetFitter(columns, tasks, anyName).judge(0, errorNs)
}

function clockOf(fit: OffsetFit, fitter: OffsetFitter, spans: SpanColumns, tasks: TaskColumns): NameTimeClock {
  const line = fitter.line(fit)
  if (line === null) return { segments: [segmentOf(fit, spans, -Infinity, Infinity)], drift: 0, shape: fit.shape, fit }
  const middle = { ...fit, offsetNs: line.middleNs }
  const segment = segmentOf(middle, spans, -Infinity, Infinity, Math.abs(line.drift) * (tasks.durationNs / 2))
  return { segments: [segment], drift: line.drift, shape: fit.shape, fit: middle }
}

function segmentOf(fit: OffsetFit, spans: SpanColumns, fromNs: number, toNs: number, moreNs = 0): ClockSegment {
  return {
    fromNs,
    toNs,
    clock: {
      method: 'name-time',
      offsetNs: spans.baseUnixNs + BigInt(Math.round(fit.offsetNs)),
      errorNs: Math.ceil(fit.errorNs + moreNs),
    },
  }
}

/** The wall clock was set while the capture went on: one offset explains what came before, the other what came after. */
function steppedClock(
  first: OffsetFit,
  second: OffsetFit,
  fitter: OffsetFitter,
  spans: SpanColumns,
  tasks: TaskColumns,
): NameTimeClock | null {
  if (first.shape === 'either' || first.shape !== second.shape) return null
  for (const { explained, tight } of [first, second]) {
    if (explained < FEWEST_IN_STRETCH || tight < TIGHT_IN_STRETCH * explained) return null
  }
  const middle = (fit: OffsetFit): number => percentile(fitter.taskStartsAt(fit.offsetNs), 0.5)
  const [early, late] = middle(first) <= middle(second) ? [first, second] : [second, first]
  const endOfEarly = percentile(fitter.taskStartsAt(early.offsetNs), 1 - STRAYS)
  const startOfLate = percentile(fitter.taskStartsAt(late.offsetNs), STRAYS)
  const both = { ...first, explained: first.explained + second.explained }
  if (endOfEarly > startOfLate || !isShare(both, tasks)) return null
  const segments = [segmentOf(early, spans, -Infinity, startOfLate), segmentOf(late, spans, endOfEarly, Infinity)]
  return { segments, drift: 0, shape: first.shape, fit: both }
}

/** Spans on the capture's clock. */
interface Aligned extends AlignedSpans {
  /** Row of the clock's segment by which each was placed. */
  readonly segment: Uint8Array
}

/**
 * Puts spans on the capture's clock. Where the wall clock was stepped and either offset may hold, the one is taken at which a task of
 * the span's name fits; Go makes a span's end out of its start and a monotonic duration, so that both have one offset.
 */
function align(
  spans: SpanColumns,
  tasks: TaskColumns,
  segments: readonly ClockSegment[],
  drift: number,
  shape: TimeShape,
): Aligned {
  const { length } = spans
  const startNs = new Float64Array(length)
  const endNs = new Float64Array(length)
  const segment = new Uint8Array(length)
  const offsets = segments.map(({ clock }) => relativeOffset(clock, spans))
  for (let row = 0; row < length; row++) {
    let chosen = -1
    let cheapest = Infinity
    for (let i = 0; i < segments.length; i++) {
      const at = spans.startNs[row] - offsets[i]
      if (at < segments[i].fromNs || at > segments[i].toNs) continue
      const cost = segments.length === 1 ? 0 : nearestCost(spans, row, offsets[i], tasks, shape)
      if (chosen >= 0 && cost >= cheapest) continue
      chosen = i
      cheapest = cost
    }
    if (chosen < 0) {
      startNs[row] = endNs[row] = NaN
      continue
    }
    segment[row] = chosen
    const at = spans.startNs[row] - offsets[chosen]
    const offset = offsets[chosen] + drift * (at - tasks.durationNs / 2)
    startNs[row] = spans.startNs[row] - offset
    endNs[row] = spans.endNs[row] - offset
  }
  return { length, name: spans.name, startNs, endNs, segment }
}

/** Lags of starts looked at to choose between two offsets. */
const EARLIEST_NS = 2_000
const LATEST_NS = 200_000

/** Cost of the best task of the span's name among those near, at an offset; for choosing between two. */
function nearestCost(spans: SpanColumns, row: number, offsetNs: number, tasks: TaskColumns, shape: TimeShape): number {
  const name = spans.name[row]
  if (name < 0) return Infinity
  const { from, rows } = tasks.byStart
  const startNs = spans.startNs[row] - offsetNs
  const endNs = spans.endNs[row] - offsetNs
  const to = from[name + 1]
  let cheapest = Infinity
  let at = firstAtLeast(rows, tasks.startNs, startNs - EARLIEST_NS, from[name], to)
  for (; at < to && tasks.startNs[rows[at]] - startNs < LATEST_NS; at++) {
    const endLag = tasks.endNs[rows[at]] - endNs
    if (Number.isNaN(endLag)) continue
    cheapest = Math.min(cheapest, startCost(tasks.startNs[rows[at]] - startNs) + endCost(endLag, shape))
  }
  return cheapest
}

/** Pairs spans with tasks by a known clock. */
export function pairByNameAndTime(
  input: NameTimeInput,
  clock: NameTimeClock,
  columns: SpanColumns,
  margin = MARGIN,
): NameTimePairs {
  const { spans, tasks, knownTask, isFree } = input
  const aligned = align(columns, tasks, clock.segments, clock.drift, clock.shape)
  for (let row = 0; row < aligned.length; row++) if (knownTask[row] >= 0) aligned.startNs[row] = NaN
  const relations = relationsOf(input)
  const { errorNs, eligible, explained } = clock.fit
  const rounding = roundingOf(columns)
  const options = {
    shape: clock.shape,
    toleranceNs: Math.max(1_000, errorNs),
    // Start and duration may both be cut, which makes lags longer, never shorter.
    raisedEndNs: 2 * rounding,
    margin,
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
    report: { eligible, explained, joined, refused: null },
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
  const judgedBy = (believedNats: number, times: number): Pairing =>
    withoutStrangers(pairing, relations, nats, takesPart, times, believedNats)
  if (!shared) return { pairing: judgedBy(BELIEVED_NATS, strangers), strangers, unowned: 1 }
  // A stranger's span can only come upon a task whose own span is not here, or the two refuse each other: the fewer such tasks, the less
  // likely is any pair a stranger's. The bound is for half of the tasks, and for more.
  let unowned = input.unowned ?? 1
  for (;;) {
    const times = strangers * Math.min(1, unowned / USUALLY_UNOWNED)
    const judged = judgedBy(BELIEVED_NATS_AMONG_REPLICAS, times)
    const left = Math.max(FEWEST_UNOWNED, 1 - pairsIn(judged) / tasks.whole)
    if (left > LESS_UNOWNED * unowned) return { pairing: judged, strangers, unowned }
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

/** How the clocks relate for a pair that was found. */
export function clockOfNameTimePair(
  { segments, drift, fit }: NameTimeClock,
  segment: number,
  taskStartNs: number,
  durationNs: number,
): ClockOffset {
  const { clock } = segments[segment]
  if (drift === 0 || clock.offsetNs === null) return clock
  const offsetNs = clock.offsetNs + BigInt(Math.round(drift * (taskStartNs - durationNs / 2)))
  return { ...clock, offsetNs, errorNs: Math.ceil(fit.errorNs) }
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
  for (let row = 0; row < length; row++) {
    const span = spans[row]
    kind[row] = span.kind
    if (span.parentSpanId === '') {
      root[row] = 1
      continue
    }
    const above = rowOf.get(span.parentSpanId)
    if (above !== undefined && spans[above].traceId === span.traceId) parent[row] = above
  }
  return { kind, root, parent, knownTask, parentTaskId: parentTaskId ?? new Float64Array(length) }
}
