// clock.ts: the only place where the capture's clock and the wall clock of the spans meet.
//
// Unix ns = trace ns + offset. Go's snapshots (1.25 on) tell the offset to 0.1 us; without them it follows from pairs of a span and
// its task that were found by ids. A task begins after its span's start was taken, always; so span start - task start never exceeds
// the offset, and falls short of it by a microsecond mostly and by a preemption at times. OpenTelemetry's task also ends after its
// span's end was taken (by 0.1 to 1 us), while others end it just before (OpenCensus; a task ended first by a deferred call).

import type { ClockSnapshot } from '../capture/capture.ts'
import type { ClockOffset, JoinSpan, JoinTask } from './match.ts'

/** No offset is known. */
export const NO_CLOCK: ClockOffset = { method: 'none', offsetNs: null, errorNs: null }

/** A stretch of a capture over which one offset holds: the wall clock was not set within it. */
export interface ClockSegment {
  /**
   * Nanoseconds from the capture's origin. Neighbours overlap where it is not known when between two snapshots the wall clock was set.
   */
  readonly fromNs: number
  readonly toNs: number
  readonly clock: ClockOffset
}

/** Pairs kept; the latest replace the oldest. */
const MOST_PAIRS = 4096
/** A snapshot is two clocks read one after the other: their distance is below this (0.1 us measured over all captures). */
const SNAPSHOT_ERROR_NS = 200
/** Snapshots that lie farther apart than this tell of a wall clock that was set in between. */
const STEP_NS = 50_000
/** Error of an offset out of this many pairs or more, and of fewer; both stated from measurements against snapshots. */
const MANY_PAIRS = 50
const MANY_PAIRS_ERROR_NS = 1_000
const FEW_PAIRS_ERROR_NS = 5_000
/** What one pair may be off by besides (both of its ends may have been delayed); the more pairs, the less. */
const ONE_PAIR_ERROR_NS = 100_000
/** Smallest start lag, and smallest distance of the ends, that any tracer was seen to have. */
const START_FLOOR_NS = 400
const END_FLOOR_NS = 100
/** How many times longer delays must be on one side of the ends' middle than on the other to tell which of the two ends first. */
const CLEAR_SKEW = 1.5
/** Pairs farther from the median than this, and than so many times the median distance, were preempted or are no pairs. */
const STRAY_NS = 20_000
const STRAY_SPREADS = 4
/** The trace clock of captures without snapshots may drift by so much per nanosecond (12e-9 seen before Go 1.22). */
const DRIFT = 20e-9
/** Pairs needed to overrule the snapshots, and by how much they must differ: the spans' clock is not that of the process. */
const OVERRULING_PAIRS = 5
const OVERRULED_NS = 1_000_000

/** What relates the clocks of one capture; grows while pairs are found. */
export class CaptureClock {
  /** Unix minus trace nanoseconds that pairs say, relative to `base`: NaN where the task's end is not known. */
  private readonly starts: number[] = []
  private readonly ends: number[] = []
  private next = 0
  private base: bigint | null = null
  private startsOffMicrosecond = false
  private startsOffMillisecond = false

  constructor(
    private readonly snapshots: readonly ClockSnapshot[],
    private readonly durationNs: number,
  ) {}

  /** Pairs kept. */
  get pairs(): number {
    return this.starts.length
  }

  /** A span and a task that are one, known by ids. */
  addPair(span: Pick<JoinSpan, 'startUnixNs' | 'endUnixNs'>, task: Pick<JoinTask, 'startNs' | 'endNs'>): void {
    if (task.startNs === null) return
    const start = span.startUnixNs - BigInt(Math.round(task.startNs))
    this.base ??= start
    const at = this.next
    this.next = (at + 1) % MOST_PAIRS
    this.starts[at] = Number(start - this.base)
    const ended = task.endNs !== null && span.endUnixNs >= span.startUnixNs
    this.ends[at] = ended ? Number(span.endUnixNs - BigInt(Math.round(task.endNs)) - this.base) : NaN
    if (span.startUnixNs % 1000n !== 0n) this.startsOffMicrosecond = true
    if (span.startUnixNs % 1_000_000n !== 0n) this.startsOffMillisecond = true
  }

  /** The offset by what is known now. */
  offset(): ClockOffset {
    const bySnapshots = this.offsetBySnapshots()
    const byPairs = this.offsetByPairs()
    if (bySnapshots === null) return byPairs ?? NO_CLOCK
    if (byPairs === null || this.pairs < OVERRULING_PAIRS) return bySnapshots
    const apart = Math.abs(Number((byPairs.offsetNs ?? 0n) - (bySnapshots.offsetNs ?? 0n)))
    return apart > OVERRULED_NS + (byPairs.errorNs ?? 0) + (bySnapshots.errorNs ?? 0) ? byPairs : bySnapshots
  }

  /** The offset by stretches of the capture; more than one where snapshots say that the wall clock was set. Empty where nothing is known. */
  segments(): readonly ClockSegment[] {
    const clock = this.offset()
    if (clock.offsetNs === null) return []
    if (clock.method !== 'snapshot') return [{ fromNs: -Infinity, toNs: Infinity, clock }]
    const snapshots = [...this.snapshots].sort((x, y) => x.traceNs - y.traceNs)
    const groups: ClockSnapshot[][] = []
    for (const snapshot of snapshots) {
      const group = groups.at(-1)
      const step = group === undefined ? 0n : offsetOf(snapshot) - offsetOf(group[group.length - 1])
      if (group === undefined || Math.abs(Number(step)) > STEP_NS) groups.push([snapshot])
      else group.push(snapshot)
    }
    return groups.map((group, i) => ({
      fromNs: i === 0 ? -Infinity : groups[i - 1][groups[i - 1].length - 1].traceNs,
      toNs: i + 1 < groups.length ? groups[i + 1][0].traceNs : Infinity,
      clock: bySnapshots(group),
    }))
  }

  /** The snapshots agree but for steps of the wall clock, which the error bound covers. */
  private offsetBySnapshots(): ClockOffset | null {
    return this.snapshots.length === 0 ? null : bySnapshots(this.snapshots)
  }

  private offsetByPairs(): ClockOffset | null {
    if (this.base === null) return null
    const all = [...this.starts, ...this.ends].filter((ns) => !Number.isNaN(ns))
    const middle = percentile(all, 0.5)
    const spread = percentile(
      all.map((ns) => Math.abs(ns - middle)),
      0.5,
    )
    const near = (ns: number): boolean => Math.abs(ns - middle) <= STRAY_NS + STRAY_SPREADS * spread
    const starts = this.starts.filter(near)
    const ends = this.ends.filter(near)
    const count = this.starts.length
    const tail = count < MANY_PAIRS ? 0 : 0.02
    const { offset, halfWidth } = estimate(starts, ends, tail) ?? { offset: middle, halfWidth: 0 }
    // How far the better end of each pair is from the offset: what no lag explains is an error of the clocks.
    const misfits = this.starts.map((start, i) => {
      const misfit = Math.abs(start - offset)
      return Number.isNaN(this.ends[i]) ? misfit : Math.min(misfit, Math.abs(this.ends[i] - offset))
    })
    const granularity = this.startsOffMicrosecond ? 0 : this.startsOffMillisecond ? 1_000 : 1_000_000
    const errorNs =
      Math.max(
        (count < MANY_PAIRS ? FEW_PAIRS_ERROR_NS : MANY_PAIRS_ERROR_NS) + ONE_PAIR_ERROR_NS / count,
        halfWidth,
        percentile(misfits, 0.9),
      ) +
      granularity +
      this.durationNs * DRIFT
    return { method: 'id-pairs', offsetNs: this.base + BigInt(Math.round(offset)), errorNs: Math.ceil(errorNs) }
  }
}

/**
 * The clock that holds for a span and its task: where the wall clock was set, the one of the stretches' by which their starts agree best.
 */
export function clockOfPair(
  segments: readonly ClockSegment[],
  span: Pick<JoinSpan, 'startUnixNs'>,
  task: Pick<JoinTask, 'startNs'>,
): ClockOffset {
  let best = NO_CLOCK
  let leastNs = Infinity
  for (const { clock, fromNs, toNs } of segments) {
    if (clock.offsetNs === null) continue
    const startNs = Number(span.startUnixNs - clock.offsetNs)
    // Where the task's start is not known the stretch decides in which the span would begin.
    const apartNs =
      task.startNs === null ? Math.max(0, fromNs - startNs, startNs - toNs) : Math.abs(startNs - task.startNs)
    if (apartNs >= leastNs) continue
    leastNs = apartNs
    best = clock
  }
  return best
}

function offsetOf({ unixNs, traceNs }: ClockSnapshot): bigint {
  return unixNs - BigInt(Math.round(traceNs))
}

function bySnapshots(snapshots: readonly ClockSnapshot[]): ClockOffset {
  const offsets = snapshots.map(offsetOf)
  offsets.sort((x, y) => (x < y ? -1 : x > y ? 1 : 0))
  const offsetNs = offsets[(offsets.length - 1) >> 1]
  const above = Number(offsets[offsets.length - 1] - offsetNs)
  const below = Number(offsetNs - offsets[0])
  return { method: 'snapshot', offsetNs, errorNs: SNAPSHOT_ERROR_NS + Math.max(above, below) }
}

/** An offset and half the width of the room that the pairs leave it. */
interface Estimate {
  readonly offset: number
  readonly halfWidth: number
}

function within(from: number, to: number): Estimate {
  return { offset: (from + to) / 2, halfWidth: Math.abs(to - from) / 2 }
}

/**
 * The offset that the starts and ends of pairs say; null without starts.
 *
 * @param tail share of the pairs beyond each bound: one stray among many must not decide; 0 for few pairs
 */
function estimate(starts: readonly number[], ends: readonly number[], tail: number): Estimate | null {
  if (starts.length === 0) return null
  const startsHigh = percentile(starts, 1 - tail) + START_FLOOR_NS
  if (ends.length === 0) return { offset: startsHigh, halfWidth: 0 }
  const startsMiddle = percentile(starts, 0.5)
  const endsMiddle = percentile(ends, 0.5)
  const endsHigh = percentile(ends, 1 - tail) + END_FLOOR_NS
  if (tail === 0) {
    // Too few pairs for bounds, and to tell which of the two ends first: the middles are a microsecond or two off.
    if (startsMiddle > endsMiddle + START_FLOOR_NS) return within(endsMiddle, startsMiddle)
    return { offset: Math.max(startsMiddle + 2 * START_FLOOR_NS, endsMiddle + END_FLOOR_NS), halfWidth: 0 }
  }
  // Tasks that begin before their spans (their ids are logged once the span is there): starts bound the offset from above.
  if (startsMiddle > endsHigh) return within(endsHigh, percentile(starts, tail) - START_FLOOR_NS)
  const outside: Estimate = { offset: Math.max(startsHigh, endsHigh), halfWidth: 0 }
  if (endsMiddle <= startsHigh) return outside
  // Which ends first shows on the side of the delays. A task that ends inside its span bounds the offset from above.
  const inside = within(startsHigh, percentile(ends, tail) - END_FLOOR_NS)
  const delaysAbove = percentile(ends, 0.9) - endsMiddle
  const delaysBelow = endsMiddle - percentile(ends, 0.1)
  if (delaysAbove > CLEAR_SKEW * delaysBelow) return inside
  if (delaysBelow > CLEAR_SKEW * delaysAbove) return outside
  const between = within(inside.offset, outside.offset)
  return { offset: between.offset, halfWidth: between.halfWidth + inside.halfWidth }
}

/** The value at a share of the way from the lowest to the highest. */
function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.round((sorted.length - 1) * share)]
}
