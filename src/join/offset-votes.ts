// offset-votes.ts: offsets between two clocks of which nothing is known, out of names and durations.
//
// The duration of a span less that of its task does not depend on the clocks. So every task is held against the spans of its name
// that last about as long, and each such pair votes for the offset at which the two would end together. A task with many spans
// like it knows little: its votes count one part in as many. Right pairs vote for one offset to within microseconds, wrong ones
// for offsets all over the place. No range need be searched: a clock ten minutes off costs nothing.

import { firstAtLeast, rowsByName, type SpanColumns, sortedRows, type TaskColumns } from './time-columns.ts'

/** An offset and how much speaks for it. */
export interface OffsetVote {
  readonly offsetNs: number
  readonly weight: number
}

/** Span duration less task duration of pairs that may be one: measured from -43 to 150 us, longer after a preemption. */
const SHORTER_NS = 60_000
const LONGER_NS = 150_000
/** Votes cast at most; tasks with few spans like them come first. */
const MOST_VOTES = 400_000
/**
 * Right pairs lie within the first of these; a peak is the window of this width with most votes. Spans that begin together by the dozen vote for the
 * offsets of all their neighbours, and as much for another dozen's, all over such a window: only to within the second do the right pairs agree alone.
 */
const PEAKS = [
  { widthNs: 20_000, apartNs: 200_000 },
  { widthNs: 2_000, apartNs: 20_000 },
]
/** Peaks of each width. */
const MOST_PEAKS = 5
/** Votes are rounded to this, and their weights to powers of two, so that both fit one number that sorts by offset. */
const RESOLUTION_NS = 16
const WEIGHT_CLASSES = 16

/**
 * The offsets (span time - task time) that most tasks and spans of one name speak for, within some microseconds of each other at times, the best of
 * each width of peaks first. O(n log n).
 *
 * @param anyName whether names are not looked at: every task is held against all spans
 */
export function voteForOffsets(spans: SpanColumns, tasks: TaskColumns, anyName = false): OffsetVote[] {
  const spanNames = anyName ? new Int32Array(spans.length) : spans.name
  const durations = new Float64Array(spans.length)
  for (let row = 0; row < spans.length; row++) durations[row] = spans.endNs[row] - spans.startNs[row]
  const { from, rows } = rowsByName(spanNames, anyName ? 1 : tasks.names.length, durations)

  // How many spans are like each task, and where they begin.
  const likely = new Float64Array(tasks.length).fill(Infinity)
  const first = new Int32Array(tasks.length)
  for (let task = 0; task < tasks.length; task++) {
    const name = tasks.name[task]
    if (name < 0 || Number.isNaN(tasks.endNs[task])) continue
    const duration = tasks.endNs[task] - tasks.startNs[task]
    const [low, high] = anyName ? [0, spans.length] : [from[name], from[name + 1]]
    first[task] = firstAtLeast(rows, durations, duration - SHORTER_NS, low, high)
    const count = firstAtLeast(rows, durations, duration + LONGER_NS, first[task], high) - first[task]
    if (count > 0) likely[task] = count
  }

  const votes = new Float64Array(MOST_VOTES)
  let cast = 0
  for (const task of sortedRows(likely)) {
    const count = likely[task]
    if (cast + count > MOST_VOTES) break
    const weightClass = Math.min(WEIGHT_CLASSES - 1, Math.floor(Math.log2(count)))
    for (let i = 0; i < count; i++) {
      const offset = spans.endNs[rows[first[task] + i]] - tasks.endNs[task]
      votes[cast++] = Math.round(offset / RESOLUTION_NS) * WEIGHT_CLASSES + weightClass
    }
  }
  return peaksOf(votes.subarray(0, cast).sort())
}

/** The densest windows of sorted votes, of each width. */
function peaksOf(votes: Float64Array): OffsetVote[] {
  const { length } = votes
  const offsets = new Float64Array(length)
  const weights = new Float64Array(length)
  for (let i = 0; i < length; i++) {
    offsets[i] = Math.floor(votes[i] / WEIGHT_CLASSES) * RESOLUTION_NS
    weights[i] = 2 ** -(votes[i] - Math.floor(votes[i] / WEIGHT_CLASSES) * WEIGHT_CLASSES)
  }
  return PEAKS.flatMap(({ widthNs, apartNs }) => densest(offsets, weights, widthNs, apartNs))
}

/** The densest windows of one width. */
function densest(offsets: Float64Array, weights: Float64Array, widthNs: number, apartNs: number): OffsetVote[] {
  const { length } = offsets
  // Weight of the window that begins at each vote, and the middle of what lies in it.
  const inWindow = new Float64Array(length)
  const middle = new Float64Array(length)
  let sum = 0
  let end = 0
  for (let i = 0; i < length; i++) {
    while (end < length && offsets[end] - offsets[i] <= widthNs) sum += weights[end++]
    inWindow[i] = sum
    middle[i] = (offsets[i] + offsets[end - 1]) / 2
    sum -= weights[i]
  }
  const peaks: OffsetVote[] = []
  while (peaks.length < MOST_PEAKS) {
    let best = -1
    for (let i = 0; i < length; i++) {
      if (best >= 0 && inWindow[i] <= inWindow[best]) continue
      if (!peaks.some(({ offsetNs }) => Math.abs(offsetNs - middle[i]) < apartNs)) best = i
    }
    if (best < 0) break
    peaks.push({ offsetNs: middle[best], weight: inWindow[best] })
  }
  return peaks
}
