// name-time-clock.ts: how the spans' clock relates to a capture's, by its snapshots or by what names and durations say
// (`offset-votes.ts`, `offset-fit.ts`), and spans put on the capture's clock by it.

import type { ClockSegment } from './clock.ts'
import type { ClockOffset, JoinSpan, NameTimeReport } from './match.ts'
import { spanPaths } from './paths.ts'
import type { SpanRelations } from './structure.ts'
import { type OffsetFit, OffsetFitter, roundingOf, SMALLEST_ERROR_NS } from './offset-fit.ts'
import { voteForOffsets } from './offset-votes.ts'
import type { AlignedSpans } from './pairing.ts'
import { firstAtLeast, percentile, type SpanColumns, type TaskColumns } from './time-columns.ts'
import { endCost, startCost, type TimeShape } from './time-shape.ts'

/** How spans are found by name and time. */
export interface NameTimeClock {
  /** Offsets by stretches of the capture, and which is how exact. */
  readonly segments: readonly ClockSegment[]
  /** Drift of the capture's clock against the wall clock, nanoseconds per nanosecond. */
  readonly drift: number
  readonly shape: TimeShape
  readonly fit: OffsetFit
}

/** Spans that an offset must explain, and how many times more than any other offset. */
const FEWEST_EXPLAINED = 5
/** So many of the spans must have begun apart from others of their name. */
const FEWEST_APART = 5
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
/** Share of the eligible spans that must be explained for all to count as spans of the captured process that have tasks. */
const FEW_STRANGERS = 0.9
/** Spans with times as coarse as this are not joined. */
const TOO_COARSE_NS = 1_000_000

/**
 * The clock by which spans are found, or why there is none.
 *
 * @param known what else says how the clocks relate: taken unless another offset explains the spans far better (somebody changed
 *   the spans' clock on the way)
 * @param paths of the spans (`spanPaths`)
 */
export function fitNameTimeClock(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
  paths: Int32Array,
): NameTimeClock | NameTimeReport {
  const nothing = { eligible: 0, explained: 0, joined: 0, disbelieved: 0 }
  if (spans.length === 0 || tasks.whole === 0) return { ...nothing, refused: null }
  if (spans.granularityNs >= TOO_COARSE_NS && spans.length >= FEWEST_EXPLAINED) {
    return {
      ...nothing,
      refused:
        'the spans’ times are whole milliseconds, too coarse to tell tasks apart: send them in microseconds or finer.',
    }
  }
  const byName = fitBy(spans, tasks, known, paths, false)
  if (!('refused' in byName)) return byName
  let named = 0
  for (const name of spans.name) if (name >= 0) named++
  if (named >= FEW_NAMES_KNOWN * spans.length) return byName
  const withoutNames = fitBy(spans, tasks, known, paths, true)
  if (!('refused' in withoutNames)) return withoutNames
  if (named > 0) return byName
  return {
    ...byName,
    refused: `none of the ${spans.length} spans has the name of one of the ${tasks.whole} tasks, and their times alone tell nothing: is the capture of the program that sent them?`,
  }
}

/** The fit made again with the names that were learned; null where it was sure before, is no fit, or no name was learned. */
export function clockWithAliases(
  { segments, fit }: NameTimeClock,
  aliases: ReadonlyMap<string, number>,
  spans: readonly JoinSpan[],
  columns: SpanColumns,
  relations: SpanRelations,
  tasks: TaskColumns,
): NameTimeClock | null {
  if (aliases.size === 0 || segments.length > 1 || segments[0].clock.method !== 'name-time') return null
  if (fit.errorNs <= SMALLEST_ERROR_NS + roundingOf(columns)) return null
  const name = columns.name.map((own, row) => (own >= 0 ? own : (aliases.get(spans[row].name) ?? -1)))
  const named = { ...columns, name }
  const fitter = new OffsetFitter(named, tasks, spanPaths(named, relations, tasks))
  return clockOf(fitter.refine(fit.offsetNs), fitter, columns, tasks)
}

function fitBy(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
  paths: Int32Array,
  anyName: boolean,
): NameTimeClock | NameTimeReport {
  const fitter = new OffsetFitter(spans, tasks, paths, anyName)
  const fits: OffsetFit[] = []
  for (const { offsetNs } of voteForOffsets(spans, tasks, anyName)) {
    const fit = fitter.refine(offsetNs)
    // Candidates that end near one another are strays of one peak.
    const same = fits.findIndex((other) => Math.abs(other.offsetNs - fit.offsetNs) < SAME_OFFSET_NS)
    if (same < 0) fits.push(fit)
    else if (fits[same].surplusNats < fit.surplusNats) fits[same] = fit
  }
  fits.sort((x, y) => y.tight - x.tight || y.surplusNats - x.surplusNats)
  const best = fits.at(0)
  const explained = (fit: OffsetFit | undefined): number => fit?.explained ?? 0

  if (known.length > 0) {
    const fit = judgeKnown(spans, tasks, known, paths, anyName)
    const fewest = anyName ? FEWEST_WITHOUT_NAMES : 1
    const other = fits.find((one) => !known.some(({ clock }) => isAt(one, clock, spans)))
    const overruled = (other?.tight ?? 0) >= Math.max(FEWEST_EXPLAINED, TIMES_BETTER * fit.explained)
    if (fit.explained >= fewest && isShare(fit, tasks) && !overruled) {
      return { segments: known, drift: 0, shape: fit.shape, fit }
    }
  }
  const surest = surestOf(fits, anyName)
  if (surest !== null) return clockOf(surest, fitter, spans, tasks)
  const counts = { eligible: best?.eligible ?? 0, explained: explained(best), joined: 0, disbelieved: 0 }
  const fewest = anyName ? FEWEST_WITHOUT_NAMES : FEWEST_EXPLAINED
  if (best === undefined || best.tight < fewest) {
    return {
      ...counts,
      refused: `no offset between the clocks fits more than ${best?.tight ?? 0} spans to the microsecond, at least ${fewest} are needed: record longer, or with more load.`,
    }
  }
  if (!isApart(best, anyName)) {
    return {
      ...counts,
      refused: `the ${best.tight} spans that fit one offset between the clocks began together, and might be others that did: record longer.`,
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
function surestOf(fits: readonly OffsetFit[], anyName: boolean): OffsetFit | null {
  const [surest, next] = [...fits].sort((x, y) => y.surplusNats - x.surplusNats)
  if (surest === undefined || surest.surplusNats < SURPLUS_NATS || !isApart(surest, anyName)) return null
  if (strangersAmong(surest) === Strangers.many) return null
  return surest.surplusNats >= TIMES_SURPLUS * (next?.surplusNats ?? 0) ? surest : null
}

/** Whether enough spans speak for an offset by themselves. Without names that is not asked, for more spans are needed then. */
function isApart({ apart }: OffsetFit, anyName: boolean): boolean {
  return anyName || apart >= FEWEST_APART
}

function isShare(fit: OffsetFit, tasks: TaskColumns): boolean {
  return fit.explained >= FEWEST_SHARE * fit.eligible || fit.explained >= FEWEST_SHARE * tasks.whole
}

function isAt(fit: OffsetFit, clock: ClockSegment['clock'], spans: SpanColumns): boolean {
  return Math.abs(fit.offsetNs - relativeOffset(clock, spans)) < SAME_OFFSET_NS
}

/** Unix ns of the capture's origin, as the spans' times are counted. */
export function relativeOffset({ offsetNs }: ClockSegment['clock'], { baseUnixNs }: SpanColumns): number {
  return offsetNs === null ? NaN : Number(offsetNs - baseUnixNs)
}

function judgeKnown(
  spans: SpanColumns,
  tasks: TaskColumns,
  known: readonly ClockSegment[],
  paths: Int32Array,
  anyName: boolean,
): OffsetFit {
  const aligned = align(spans, tasks, known, 0, 'either')
  const errorNs = Math.max(...known.map(({ clock }) => clock.errorNs ?? 0))
  const columns = { ...spans, startNs: aligned.startNs, endNs: aligned.endNs }
  return new OffsetFitter(columns, tasks, paths, anyName).judge(0, errorNs)
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
export interface Aligned extends AlignedSpans {
  /** Row of the clock's segment by which each was placed. */
  readonly segment: Uint8Array
}

/**
 * Puts spans on the capture's clock. Where the wall clock was stepped and either offset may hold, the one is taken at which a task of
 * the span's name fits; Go makes a span's end out of its start and a monotonic duration, so that both have one offset.
 */
export function align(
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
