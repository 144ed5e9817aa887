// time-shape.ts: how the times of a task lie against those of its span, by the tracer that made both, and what a pair costs.
//
// Start lag: task start + offset - span start. End lag: task end + offset - span end. Both have hard floors and heavy tails (a
// preemption, a garbage collection): measured over stock OpenTelemetry Go and OpenCensus Go, Go 1.11 to 1.27. Both SDKs note the
// span's start first and then begin the task. OpenTelemetry ends the span's time first and the task after it, OpenCensus the task first.

/** Which of the two ends first; `either` when the pairs do not tell. */
export type TimeShape = 'task-ends-after' | 'task-ends-before' | 'either'

/** Smallest lags that right pairs have. */
export const START_FLOOR_NS = 500
export const AFTER_FLOOR_NS = 100
export const BEFORE_CEILING_NS = -150

/** Farther apart is no pair. Starts are late by a whole preemption and more where the processors are saturated, ends hardly ever. */
export const WIDEST_START_NS = 10_000_000
export const WIDEST_END_NS = 2_000_000
/** What a pair may cost, in nats: beyond it the span has no task. */
export const NO_TASK_COST = 18
/** The same where spans of others are among these, or the tasks of some were never made: then a task nearby says less. */
export const NO_TASK_COST_AMONG_STRANGERS = 12
/** Of a task that is still open where the capture ends only the start tells. */
export const OPEN_END_COST = 4

const START_EXPONENT = 2.2
const START_SCALE_NS = 4_000
const END_EXPONENT = 2
const END_SCALE_NS = 1_000
/** The scales where a capture does not tell its own: those of the slowest machine that was measured, ten times those of the fastest. */
export const WIDEST_SCALES: LagScales = { startNs: START_SCALE_NS, endNs: END_SCALE_NS }

/** Cost of a lag as far on the impossible side as the error of the clocks allows. */
const EARLY_COST = 8
/** The same where times are cut: the clock is fitted to them less exactly, so that more of its error occurs. */
const CUT_EARLY_COST = 3

/** Cost of a start lag in nats; lags below zero are errors of the clocks and cost nothing here. */
export function startCost(lagNs: number, scaleNs = START_SCALE_NS): number {
  return lagNs <= 0 ? 0 : START_EXPONENT * Math.log1p(lagNs / scaleNs)
}

/** Cost of an end lag in nats. */
export function endCost(lagNs: number, shape: TimeShape, scaleNs = END_SCALE_NS): number {
  const lag = shape === 'either' ? Math.abs(lagNs) : shape === 'task-ends-after' ? lagNs : -lagNs
  return lag <= 0 ? 0 : END_EXPONENT * Math.log1p(lag / scaleNs)
}

/** How wide the lags of right pairs spread: half of them are no longer. */
export interface LagScales {
  readonly startNs: number
  readonly endNs: number
}

/** What the lags of a pair cost, in nats; without end where they are impossible. */
export interface LagCosts {
  start(lagNs: number): number
  end(lagNs: number): number
  /** Whether only an error of the clock explains an end lag. */
  isImpossibleEnd(lagNs: number): boolean
}

/**
 * @param toleranceNs how far a lag may lie on the impossible side: what the clock may be off by. The more of it a lag takes, the less likely
 * @param roundingNs unit that start and duration of the spans were cut to; 0 where they were not
 * @param unlikelyNs how far out an impossible lag costs eight nats: no farther than the pairs that tell the clock say that it is off
 * @param scales how wide the lags of the capture spread. Those far off cost the same by any, so that a goroutine that was put off is found as before;
 *   the narrower, the less those near cost, down to below nothing
 */
export function lagCosts(
  shape: TimeShape,
  toleranceNs: number,
  roundingNs: number,
  unlikelyNs = toleranceNs,
  scales: LagScales = WIDEST_SCALES,
): LagCosts {
  return roundingNs === 0
    ? new ExactLagCosts(shape, toleranceNs, unlikelyNs, scales)
    : new CutLagCosts(shape, toleranceNs, roundingNs)
}

class ExactLagCosts implements LagCosts {
  private readonly leastStart: number
  private readonly leastEnd: number

  constructor(
    private readonly shape: TimeShape,
    private readonly toleranceNs: number,
    private readonly unlikelyNs: number,
    private readonly scales: LagScales,
  ) {
    this.leastStart = START_EXPONENT * Math.log(scales.startNs / START_SCALE_NS)
    this.leastEnd = END_EXPONENT * Math.log(scales.endNs / END_SCALE_NS)
  }

  start(lagNs: number): number {
    const { leastStart, scales } = this
    if (lagNs < 0) return this.early(-lagNs, leastStart)
    return leastStart + startCost(lagNs, scales.startNs)
  }

  end(lagNs: number): number {
    const { leastEnd, scales, shape } = this
    if (this.isImpossibleEnd(lagNs)) return this.early(Math.abs(lagNs), leastEnd)
    return leastEnd + endCost(lagNs, shape, scales.endNs)
  }

  isImpossibleEnd(lagNs: number): boolean {
    const { shape } = this
    return shape !== 'either' && (shape === 'task-ends-after' ? lagNs < 0 : lagNs > 0)
  }

  private early(beyondNs: number, least: number): number {
    return beyondNs > this.toleranceNs ? Infinity : least + ((EARLY_COST - least) * beyondNs) / this.unlikelyNs
  }
}

/**
 * Lags of spans whose start and duration were cut: each start lag is longer by up to one unit, each end lag by up to two, and nobody knows by
 * how much. So a lag costs what all those speak together that it may have been: the density of exact lags (what costs c nats has e^-c),
 * blurred by one box for starts and by two for ends. Both have closed forms: differences of the density's first and second integrals.
 */
class CutLagCosts implements LagCosts {
  private readonly starts: DensityIntegrals
  private readonly ends: DensityIntegrals

  constructor(
    private readonly shape: TimeShape,
    toleranceNs: number,
    private readonly roundingNs: number,
  ) {
    this.starts = new DensityIntegrals(START_EXPONENT, START_SCALE_NS, toleranceNs)
    this.ends = new DensityIntegrals(END_EXPONENT, END_SCALE_NS, toleranceNs)
  }

  start(lagNs: number): number {
    const { starts, roundingNs } = this
    return costOfDensity((starts.once(lagNs) - starts.once(lagNs - roundingNs)) / roundingNs)
  }

  end(lagNs: number): number {
    const { roundingNs } = this
    const [least, middle, most] = [lagNs, lagNs - roundingNs, lagNs - 2 * roundingNs].map((lag) => this.endsTwice(lag))
    return costOfDensity((least - 2 * middle + most) / (roundingNs * roundingNs))
  }

  isImpossibleEnd(lagNs: number): boolean {
    const { shape, roundingNs } = this
    return shape !== 'either' && (shape === 'task-ends-after' ? lagNs < 0 : lagNs > 2 * roundingNs)
  }

  private endsTwice(lagNs: number): number {
    const { ends, shape } = this
    if (shape === 'either') return ends.possibleTwice(Math.abs(lagNs))
    return ends.twice(shape === 'task-ends-after' ? lagNs : -lagNs)
  }
}

function costOfDensity(density: number): number {
  return density > 0 ? -Math.log(density) : Infinity
}

/** Integrals, from below, of the density of exact lags: (1 + lag/scale)^-exponent where they are possible, what `CUT_EARLY_COST` leaves before. */
class DensityIntegrals {
  private readonly earlyPerNs: number
  private readonly leastEarly = Math.exp(-CUT_EARLY_COST)
  private readonly onceAtZero: number
  private readonly twiceAtZero: number

  constructor(
    private readonly exponent: number,
    private readonly scaleNs: number,
    private readonly toleranceNs: number,
  ) {
    this.earlyPerNs = CUT_EARLY_COST / toleranceNs
    this.onceAtZero = this.once(0)
    this.twiceAtZero = this.twice(0)
  }

  once(lagNs: number): number {
    const { earlyPerNs, leastEarly, exponent, scaleNs } = this
    if (lagNs <= -this.toleranceNs) return 0
    if (lagNs <= 0) return (Math.exp(earlyPerNs * lagNs) - leastEarly) / earlyPerNs
    return this.onceAtZero + (scaleNs / (exponent - 1)) * (1 - (1 + lagNs / scaleNs) ** (1 - exponent))
  }

  twice(lagNs: number): number {
    const { earlyPerNs, leastEarly, toleranceNs } = this
    if (lagNs <= -toleranceNs) return 0
    if (lagNs <= 0) {
      const early = (Math.exp(earlyPerNs * lagNs) - leastEarly) / earlyPerNs
      return (early - leastEarly * (lagNs + toleranceNs)) / earlyPerNs
    }
    return this.twiceAtZero + this.onceAtZero * lagNs + this.possibleTwice(lagNs)
  }

  /** From zero on only; the closed form is that of an exponent of 2. */
  possibleTwice(lagNs: number): number {
    const { scaleNs } = this
    return scaleNs * lagNs - scaleNs * scaleNs * Math.log1p(lagNs / scaleNs)
  }
}
