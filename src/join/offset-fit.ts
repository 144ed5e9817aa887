// offset-fit.ts: whether an offset between spans and tasks is the right one, how exact it is, and which of the two ends first.
//
// An offset that is 2 us too low already breaks joining: every right pair then seems to begin before its span, and neighbours take
// its place. So an offset is set by the floors of the lags, taken around their mode; means and medians follow the tails.

import { taskPaths } from './paths.ts'
import { chanceByName, chanceOfAnyName, type ChancePairs } from './offset-chance.ts'
import {
  ANY_NAME,
  byStartOfAnyName,
  firstAtLeast,
  type GroupedRows,
  percentile,
  type SpanColumns,
  sortedRows,
  type TaskColumns,
} from './time-columns.ts'
import {
  AFTER_FLOOR_NS,
  BEFORE_CEILING_NS,
  endCost,
  lagCosts,
  type LagScales,
  NO_TASK_COST,
  START_FLOOR_NS,
  startCost,
  type TimeShape,
  WIDEST_SCALES,
} from './time-shape.ts'

/** How well an offset explains the spans. */
export interface OffsetFit {
  /** Span time - task time. */
  readonly offsetNs: number
  readonly errorNs: number
  readonly shape: TimeShape
  /** Spans that have a task of their name at their time; with many spans that of a sample, extended to all. */
  readonly explained: number
  /** Spans that lie in the capture and whose name some task has. */
  readonly eligible: number
  /** Explained spans whose lags are as small as most right pairs have them. */
  readonly tight: number
  /**
   * How often explained spans of one name began apart from those before: spans that begin together fit the tasks of others that did as well as their
   * own, all of them at once.
   */
  readonly apart: number
  /** What the pairs speak for the offset against chance, in nats, less what so many spans bring together at the best of many wrong ones. */
  readonly surplusNats: number
  /**
   * How far the floors of the lags lie on the impossible side: by so much the offset is off, where fifty pairs or more have no other task nearby and tell
   * which end comes first; not finite where that is not known, or times are cut.
   */
  readonly floorsBeyondNs: number
  /** How wide the lags spread, where fifty pairs or more tell and times are not cut; else the widest that was measured. */
  readonly scales: LagScales
}

/** Pairs looked at around an offset: start lags, end lags. */
const EARLIEST_START_NS = -30_000
const LATEST_START_NS = 80_000
const FARTHEST_END_NS = 80_000
/** Spans that an offset is judged by. */
const SAMPLE = 5_000
/** How far around a candidate the offset is looked for, in which steps, by how many spans: votes tell it to within their peak's width. */
const SCANNED_NS = 15_000
const SCAN_STEP_NS = 1_000
const SCAN_SAMPLE = 500
/** Farther from where it began than this it is looked for again around what was found, so often. */
const SCANNED_ENOUGH_NS = 5_000
const MOST_SCANS = 16
/** Start and end lags of most right pairs (0.93 to 1.00 of them). */
const TIGHT_START_NS = 20_000
const TIGHT_END_NS = 10_000
/** Share of lags in the shortest interval that is taken for their mode, and how far around it floors are looked for. */
const MODE_SHARE = 0.2
const AROUND_MODE_NS = 2_500
/** Share of lags beyond a floor: one stray among many must not decide. */
const STRAYS = 0.02
const MORE_STRAYS = [0.05, 0.1, 0.2, 0.35]
/** Of so many pairs a share may be strays; of fewer the outermost are the floors. */
const MANY_PAIRS = 50
/**
 * How far an offset may be off, by the pairs it is told by, where these tell which of the ends comes first. Measured over 1,900 fits of samples
 * of recordings: at most 0.5 us from ten pairs on; 3.5 us where six pairs told the wrong order.
 */
const ERROR_BY_PAIRS = [
  { pairs: 20, errorNs: 1_000 },
  { pairs: 10, errorNs: 2_000 },
  { pairs: 0, errorNs: 5_000 },
]
export const SMALLEST_ERROR_NS = 1_000
/** How much better (nats over all pairs) one order of the ends must explain the lags than the other. */
const CLEARLY_NATS = 4
/** Cost of a lag on the impossible side, and the error that is overlooked. */
const IMPOSSIBLE_NATS = 6
const OVERLOOKED_NS = 300
/** Latest floor of start lags that a tracer was seen to have. */
const LATEST_START_FLOOR_NS = 1_500
/** A tracer that begins its tasks later still must be told by the ends. */
const MOST_LATE_START_NATS = 1.5
/** Cutting start and duration of spans raises end lags by up to two units; by so many at the shares where ceiling and floor are looked for. */
const CUT_CEILING = 1.8
const CUT_FLOOR = 0.5
/** What a span brings together at the best of many wrong offsets: measured 1 to 5 nats, less the more spans; at the right one 7 to 12. */
const BY_CHANCE_NATS = 3.5
/** Spans of one name that begin within this count as one where it is asked how many speak for themselves. */
const TOGETHER_NS = 1_000_000
/** More pairs on the impossible side than this: two tracers in one process. */
const MOST_IMPOSSIBLE = 0.1

/** Lags are not taken to spread less than a fit of fifty pairs may be off. */
const LEAST_SCALE_NS = 200

/** A capture's clock is looked at in windows of this length; at least so many, each with so many spans where there are as many. */
const WINDOW_NS = 10e9
const FEWEST_WINDOWS = 3
const SAMPLE_PER_WINDOW = 2_000

/** Start and end lags of pairs. */
interface PairLags {
  readonly length: number
  readonly start: Float64Array
  readonly end: Float64Array
}

/** Lags of the pairs at an offset. */
interface Lags extends PairLags {
  /** Start of each pair's task. */
  readonly atNs: Float64Array
  /** Row of each pair's span. */
  readonly span: Int32Array
  /** 1 where no other task of the path, or of the name where no path is known, lies near enough to be the span's at an offset nearby. */
  readonly alone: Uint8Array
  readonly eligible: number
  /** Sampled spans stand for so many each. */
  readonly scale: number
}

/** Spans and tasks prepared for looking at many offsets. */
export class OffsetFitter {
  private readonly order: Int32Array
  private readonly taken: Int32Array
  private round = 0
  private readonly roundingNs: number
  private readonly byStart: GroupedRows
  private readonly nameOf: Int32Array
  private readonly chance: ChancePairs
  private readonly byPath: GroupedRows

  /**
   * @param paths of the spans, by which they are told from those within them (`spanPaths`)
   * @param anyName whether names are not looked at, nor paths
   */
  constructor(
    private readonly spans: SpanColumns,
    private readonly tasks: TaskColumns,
    private readonly paths: Int32Array,
    private readonly anyName = false,
  ) {
    this.byPath = taskPaths(tasks).byStart
    this.nameOf = anyName ? new Int32Array(spans.length).fill(ANY_NAME) : spans.name
    this.byStart = anyName ? byStartOfAnyName(tasks) : tasks.byStart
    this.chance = anyName ? chanceOfAnyName(tasks) : chanceByName(tasks)
    this.order = sortedRows(spans.startNs)
    this.roundingNs = roundingOf(spans)
    this.taken = new Int32Array(tasks.length)
  }

  /** An offset known from elsewhere, judged as it is. */
  judge(offsetNs: number, errorNs: number): OffsetFit {
    const lags = this.lagsAt(offsetNs)
    const shape = shapeOf(lags, true, this.roundingNs)
    // Tasks begun by hand, of their names, fit spans too: where the spans that have no other task nearby say otherwise, neither is believed.
    const clear = shapeOf(clearOf(lags), true, this.roundingNs)
    return this.fitOf(lags, offsetNs, errorNs, shape === clear || shape === 'either' ? clear : 'either')
  }

  /** The offset near a candidate that the floors of the lags tell. */
  refine(candidateNs: number): OffsetFit {
    let offsetNs = this.likeliestNear(candidateNs)
    let shape: TimeShape = 'either'
    let errorNs = Infinity
    let lags = this.lagsAt(offsetNs)
    for (let round = 0; round < 3 && lags.length > 0; round++) {
      const clear = clearOf(lags)
      shape = shapeOf(clear, false, this.roundingNs)
      const { shiftNs, halfWidthNs } = shiftOf(clear, shape, this.roundingNs)
      errorNs = Math.max(errorByPairs(clear.length, shape), halfWidthNs)
      offsetNs += shiftNs
      lags = this.lagsAt(offsetNs)
      if (Math.abs(shiftNs) < 50) break
    }
    return this.fitOf(lags, offsetNs, errorNs + this.roundingNs, shape)
  }

  /**
   * The offset as a line over a long capture whose clock drifts against the wall clock, by windows of ten seconds.
   *
   * @returns the offset in the middle of the capture and its change, nanoseconds per nanosecond; null where the windows are too few
   */
  line({ offsetNs, shape }: OffsetFit): { readonly middleNs: number; readonly drift: number } | null {
    const windows = Math.floor(this.tasks.durationNs / WINDOW_NS)
    if (windows < FEWEST_WINDOWS) return null
    const lags = this.lagsAt(offsetNs, SAMPLE_PER_WINDOW * windows)
    const centers: number[] = []
    const shifts: number[] = []
    for (let window = 0; window < windows; window++) {
      const inWindow = (_: number, i: number): boolean => Math.floor(lags.atNs[i] / WINDOW_NS) === window
      const start = lags.start.filter(inWindow)
      if (start.length < MANY_PAIRS) continue
      centers.push((window + 0.5) * WINDOW_NS)
      const inIt = { length: start.length, start, end: lags.end.filter(inWindow), alone: lags.alone.filter(inWindow) }
      shifts.push(shiftOf(clearOf(inIt), shape, this.roundingNs).shiftNs)
    }
    if (centers.length < FEWEST_WINDOWS) return null
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const center = mean(centers)
    const shift = mean(shifts)
    const drift =
      mean(centers.map((at, i) => (at - center) * (shifts[i] - shift))) / mean(centers.map((at) => (at - center) ** 2))
    return { middleNs: offsetNs + shift + drift * (this.tasks.durationNs / 2 - center), drift }
  }

  /** Starts of the tasks that an offset pairs with spans. */
  taskStartsAt(offsetNs: number): Float64Array {
    return this.lagsAt(offsetNs).atNs
  }

  /** Pairs each span of the sample with the nearest free task of its name. */
  private lagsAt(offsetNs: number, sample = SAMPLE): Lags {
    const { spans, tasks, order, nameOf } = this
    const step = Math.max(1, Math.ceil(order.length / sample))
    const round = ++this.round
    const size = Math.ceil(order.length / step)
    const start = new Float64Array(size)
    const end = new Float64Array(size)
    const atNs = new Float64Array(size)
    const spanOf = new Int32Array(size)
    const alone = new Uint8Array(size)
    let length = 0
    let eligible = 0
    for (let i = 0; i < order.length; i += step) {
      const span = order[i]
      const name = nameOf[span]
      if (name < 0) continue
      const startNs = spans.startNs[span] - offsetNs
      const endNs = spans.endNs[span] - offsetNs
      if (startNs < 0 || endNs > tasks.durationNs) continue
      eligible++
      // Where the tracer made no task for a span above, or another was begun by hand, the path leads nowhere.
      const nearest =
        (this.anyName || this.paths[span] < 0 ? null : this.nearest(this.byPath, this.paths[span], startNs, endNs)) ??
        this.nearest(this.byStart, name, startNs, endNs)
      if (nearest === null) continue
      const { task: best, isAlone } = nearest
      this.taken[best] = round
      start[length] = tasks.startNs[best] - startNs
      end[length] = tasks.endNs[best] - endNs
      atNs[length] = tasks.startNs[best]
      spanOf[length] = span
      alone[length] = isAlone ? 1 : 0
      length++
    }
    return {
      length,
      start: start.subarray(0, length),
      end: end.subarray(0, length),
      atNs: atNs.subarray(0, length),
      span: spanOf.subarray(0, length),
      alone: alone.subarray(0, length),
      eligible,
      scale: step,
    }
  }

  /** The nearest free task of a group; null where there is none. */
  private nearest(
    { from, rows }: GroupedRows,
    group: number,
    startNs: number,
    endNs: number,
  ): { readonly task: number; readonly isAlone: boolean } | null {
    const { tasks, taken, round } = this
    const to = from[group + 1]
    let best = -1
    let bestNs = Infinity
    let near = 0
    for (let at = firstAtLeast(rows, tasks.startNs, startNs + EARLIEST_START_NS, from[group], to); at < to; at++) {
      const task = rows[at]
      const startLag = tasks.startNs[task] - startNs
      if (startLag > LATEST_START_NS) break
      const endLag = tasks.endNs[task] - endNs
      if (!(Math.abs(endLag) <= FARTHEST_END_NS)) continue
      near++
      if (taken[task] === round) continue
      const apart = Math.abs(startLag) + Math.abs(endLag)
      if (apart >= bestNs) continue
      bestNs = apart
      best = task
    }
    return best < 0 ? null : { task: best, isAlone: near === 1 }
  }

  /**
   * The offset near a candidate for which most speaks. Short spans of one name that follow one another fit their neighbours' tasks too, at
   * an offset that is wrong by the distance of two: the floors of those lags look as good, only that fewer and worse pairs are left. Of dozens
   * that begin together the votes tell it to within a hundred microseconds only, but the nearer the more speaks for it.
   */
  private likeliestNear(candidateNs: number): number {
    let likeliestNs = candidateNs
    for (let scan = 0; scan < MOST_SCANS; scan++) {
      const beganNs = likeliestNs
      likeliestNs = this.likeliestAround(beganNs)
      if (Math.abs(likeliestNs - beganNs) <= SCANNED_ENOUGH_NS) break
    }
    return likeliestNs
  }

  private likeliestAround(candidateNs: number): number {
    let likeliestNs = candidateNs
    let most = this.natsOf(this.lagsAt(candidateNs, SCAN_SAMPLE))
    for (let apartNs = -SCANNED_NS; apartNs <= SCANNED_NS; apartNs += SCAN_STEP_NS) {
      const nats = this.natsOf(this.lagsAt(candidateNs + apartNs, SCAN_SAMPLE))
      if (nats <= most) continue
      most = nats
      likeliestNs = candidateNs + apartNs
    }
    return likeliestNs
  }

  /** What the pairs speak for their offset against chance. */
  private natsOf(lags: Lags): number {
    const { spans, nameOf, chance } = this
    let nats = 0
    for (let i = 0; i < lags.length; i++) {
      const span = lags.span[i]
      nats += chance.nats(nameOf[span], spans.endNs[span] - spans.startNs[span], lags.start[i], lags.end[i])
    }
    return nats
  }

  /** How many of the spans began apart from others of their name. */
  private begunApart({ length, span }: Lags): number {
    const { spans, nameOf } = this
    const beganNs = new Map<number, number>()
    let count = 0
    for (let i = 0; i < length; i++) {
      const startNs = spans.startNs[span[i]]
      if (startNs - (beganNs.get(nameOf[span[i]]) ?? -Infinity) < TOGETHER_NS) continue
      beganNs.set(nameOf[span[i]], startNs)
      count++
    }
    return count
  }

  private fitOf(lags: Lags, offsetNs: number, errorNs: number, shape: TimeShape): OffsetFit {
    const slackNs = errorNs + 2 * this.roundingNs
    let tight = 0
    for (let i = 0; i < lags.length; i++) {
      const end =
        shape === 'task-ends-after' ? lags.end[i] : shape === 'task-ends-before' ? -lags.end[i] : Math.abs(lags.end[i])
      if (lags.start[i] > -slackNs && lags.start[i] < TIGHT_START_NS && end > -slackNs && end < TIGHT_END_NS) tight++
    }
    return {
      offsetNs,
      errorNs,
      shape,
      explained: lags.length * lags.scale,
      eligible: lags.eligible * lags.scale,
      tight: tight * lags.scale,
      apart: this.begunApart(lags),
      surplusNats: (this.natsOf(lags) - BY_CHANCE_NATS * lags.eligible) * lags.scale,
      floorsBeyondNs: this.roundingNs === 0 ? floorsBeyond(clearOf(lags), shape) : Infinity,
      scales: this.roundingNs === 0 ? scalesOf(clearOf(lags), shape) : WIDEST_SCALES,
    }
  }
}

/** The pairs whose tasks no other span could be taken for, where they are many. */
function clearOf(lags: PairLags & { readonly alone: Uint8Array }): PairLags {
  const isAlone = (_: number, i: number): boolean => lags.alone[i] === 1
  const start = lags.start.filter(isAlone)
  if (start.length < MANY_PAIRS) return lags
  return { length: start.length, start, end: lags.end.filter(isAlone) }
}

function errorByPairs(count: number, shape: TimeShape): number {
  const told = shape === 'either' && count < MANY_PAIRS ? 0 : count
  return ERROR_BY_PAIRS.find(({ pairs }) => told >= pairs)?.errorNs ?? Infinity
}

/** What the coarseness of the spans' times adds to an error: start and duration may both be cut. */
export function roundingOf({ granularityNs }: SpanColumns): number {
  return granularityNs === 1 ? 0 : granularityNs
}

/**
 * Which end comes first: whether the end lags have their floor below and their tail above, or the other way round. Each is judged at
 * the shift of the offset that it asks for itself; `fixed` where the offset is known and is not shifted.
 */
function shapeOf(lags: PairLags, fixed: boolean, roundingNs: number): TimeShape {
  const afterNs = fixed ? 0 : shiftToEndFloor(lags, roundingNs)
  const beforeNs = fixed ? 0 : shiftToEndCeiling(lags, roundingNs)
  if (lags.length >= MANY_PAIRS) {
    const impossible = Math.min(
      impossibleShare(lags, afterNs, 'task-ends-after', roundingNs),
      impossibleShare(lags, beforeNs, 'task-ends-before', roundingNs),
    )
    if (impossible > MOST_IMPOSSIBLE) return 'either'
  }
  let afterCost = costOf(lags, afterNs, 'task-ends-after', roundingNs)
  let beforeCost = costOf(lags, beforeNs, 'task-ends-before', roundingNs)
  if (!fixed) {
    // Where ends have no tail on either side (or cut times blur their floors) the starts tell more.
    const floor = startFloorOf(lags.start)
    afterCost += lags.length * lateStartCost(floor + afterNs)
    beforeCost += lags.length * lateStartCost(floor + beforeNs)
  }
  if (Math.abs(afterCost - beforeCost) < CLEARLY_NATS) return 'either'
  return afterCost < beforeCost ? 'task-ends-after' : 'task-ends-before'
}

/** What each pair costs more where even the first tasks begin later after their spans than any tracer's. */
function lateStartCost(floorNs: number): number {
  return Math.min(MOST_LATE_START_NATS, Math.max(0, floorNs / LATEST_START_FLOOR_NS - 1))
}

/** Tracers differ in how soon after the span's start their task begins, so that only impossible starts count here. */
function costOf(lags: PairLags, shiftNs: number, shape: TimeShape, roundingNs: number): number {
  const cut = roundingNs === 0 ? null : lagCosts(shape, OVERLOOKED_NS, roundingNs)
  let cost = 0
  for (let i = 0; i < lags.length; i++) {
    const end = lags.end[i] + shiftNs
    const wrongSide = Math.max(0, onWrongSide(end, shape, roundingNs), -(lags.start[i] + shiftNs))
    const impossible = IMPOSSIBLE_NATS * Math.min(1, wrongSide / OVERLOOKED_NS)
    const ofEnd = cut?.end(end) ?? endCost(end, shape)
    // An end that is very late says no more against an order than one that it makes impossible: either is no pair.
    cost += Math.min(IMPOSSIBLE_NATS, impossible + ofEnd)
  }
  return cost
}

/** How far an end lag lies on the side where this shape has none; negative where it lies on its own. Cut times raise it by up to two units. */
function onWrongSide(endLagNs: number, shape: TimeShape, roundingNs: number): number {
  return shape === 'task-ends-after' ? -endLagNs : endLagNs - 2 * roundingNs
}

/** Share of the pairs that are near but on the impossible side. */
function impossibleShare(lags: PairLags, shiftNs: number, shape: TimeShape, roundingNs: number): number {
  let near = 0
  let impossible = 0
  for (let i = 0; i < lags.length; i++) {
    const end = lags.end[i] + shiftNs
    if (Math.abs(end) > TIGHT_END_NS || Math.abs(lags.start[i] + shiftNs) > TIGHT_START_NS) continue
    near++
    if (onWrongSide(end, shape, roundingNs) > OVERLOOKED_NS) impossible++
  }
  return near === 0 ? 0 : impossible / near
}

function floorsBeyond({ length, start, end }: PairLags, shape: TimeShape): number {
  if (length < MANY_PAIRS || shape === 'either') return Infinity
  const ends = shape === 'task-ends-after' ? -endFloorOf(end) : endCeilingOf(end)
  return Math.max(0, ends, -startFloorOf(start))
}

/**
 * Medians of the lags. Their distribution past the floor is a power law of the same exponents on all machines (`time-shape.ts`), of which the
 * median is 0.8 to 1 of the scale; that the floor is left in makes the scales a little wide.
 */
function scalesOf({ length, start, end }: PairLags, shape: TimeShape): LagScales {
  if (length < MANY_PAIRS || shape === 'either') return WIDEST_SCALES
  const sign = shape === 'task-ends-after' ? 1 : -1
  const medianEnd = percentile(
    end.map((lag) => sign * lag),
    0.5,
  )
  return {
    startNs: Math.min(WIDEST_SCALES.startNs, Math.max(LEAST_SCALE_NS, percentile(start, 0.5))),
    endNs: Math.min(WIDEST_SCALES.endNs, Math.max(LEAST_SCALE_NS, medianEnd)),
  }
}

interface Shift {
  readonly shiftNs: number
  readonly halfWidthNs: number
}

function shiftOf(lags: PairLags, shape: TimeShape, roundingNs: number): Shift {
  if (shape === 'task-ends-after') return { shiftNs: shiftToEndFloor(lags, roundingNs), halfWidthNs: 0 }
  return shape === 'task-ends-before' ? shiftBetweenFloors(lags, roundingNs) : shiftToStartFloor(lags)
}

/** The task ends after its span: the smallest end lag is known. */
function shiftToEndFloor(lags: PairLags, roundingNs: number): number {
  return AFTER_FLOOR_NS + CUT_FLOOR * roundingNs - endFloorOf(lags.end)
}

/** The task ends before its span: the largest end lag is known. */
function shiftToEndCeiling(lags: PairLags, roundingNs: number): number {
  return BEFORE_CEILING_NS + CUT_CEILING * roundingNs - endCeilingOf(lags.end)
}

/** The task lies in its span: starts bound the offset from below, ends from above. */
function shiftBetweenFloors(lags: PairLags, roundingNs: number): Shift {
  const low = START_FLOOR_NS - startFloorOf(lags.start)
  const high = shiftToEndCeiling(lags, roundingNs)
  return { shiftNs: (low + high) / 2, halfWidthNs: Math.abs(high - low) / 2 }
}

function shiftToStartFloor(lags: PairLags): Shift {
  return { shiftNs: START_FLOOR_NS - startFloorOf(lags.start), halfWidthNs: 2 * SMALLEST_ERROR_NS }
}

function startFloorOf(lags: Float64Array): number {
  return floorOf(lags, startCost)
}

function endFloorOf(lags: Float64Array): number {
  return floorOf(lags, (lag) => endCost(lag, 'task-ends-after'))
}

function endCeilingOf(lags: Float64Array): number {
  return -floorOf(
    lags.map((lag) => -lag),
    (lag) => endCost(lag, 'task-ends-after'),
  )
}

/**
 * The floor of the lags around their mode: the outermost of few, a small share of many lying beyond it. More may lie there only where they
 * clearly are strays: spans that follow one another closely are paired with their neighbours' tasks at times, by whole microseconds.
 *
 * @param tail what a lag costs by its distance from the floor
 */
function floorOf(lags: Float64Array, tail: (lagNs: number) => number): number {
  const mode = modeOf(lags)
  const near = lags.filter((lag) => Math.abs(lag - mode) <= AROUND_MODE_NS).sort()
  let floor = NaN
  let least = Infinity
  for (const share of lags.length >= MANY_PAIRS ? [STRAYS, ...MORE_STRAYS] : [0, ...MORE_STRAYS]) {
    const candidate = near[Math.round((near.length - 1) * share)]
    let cost = 0
    for (const lag of lags) {
      const beyond = candidate - lag
      cost += beyond > 0 ? IMPOSSIBLE_NATS * Math.min(1, beyond / OVERLOOKED_NS) : Math.min(NO_TASK_COST, tail(-beyond))
    }
    if (cost >= least - CLEARLY_NATS) continue
    least = cost
    floor = candidate
  }
  return floor
}

/** The middle of the shortest interval that holds a fifth of the values. */
function modeOf(values: Float64Array): number {
  const sorted = values.slice().sort()
  const count = Math.max(1, Math.ceil(sorted.length * MODE_SHARE))
  let best = 0
  for (let i = 1; i + count <= sorted.length; i++) {
    if (sorted[i + count - 1] - sorted[i] < sorted[best + count - 1] - sorted[best]) best = i
  }
  return (sorted[best] + sorted[best + count - 1]) / 2
}
