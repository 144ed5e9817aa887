// path-ranges.ts: the special ranges (mark assist, sweep, stops of the world) that lie on a path.

import { GoState, type Timeline } from './breakdown.ts'
import { firstPieceAfter } from './groups.ts'
import { type MutableRanges, newRanges, type PathScratch } from './path-scratch.ts'
import { RANGE_LOOKBACK } from './states-layout.ts'
import type { RangeLog, StayLog, StopLog } from './stay-log.ts'

/** Calls `visit` with each special range of a stay's goroutine that overlaps a stretch within the stay, and the length of the overlap. */
export function forRangesOf(
  stays: StayLog,
  ranges: RangeLog,
  stay: number,
  fromNs: number,
  toNs: number,
  visit: (name: number, ns: number) => void,
): void {
  let range = stays.range[stay & stays.mask]
  for (let before = 0; before < RANGE_LOOKBACK && range >= ranges.tail && range >= 0;) {
    const slot = range & ranges.mask
    if (ranges.endNs[slot] <= fromNs) before++
    else if (ranges.startNs[slot] < toNs) {
      visit(ranges.name[slot], Math.min(ranges.endNs[slot], toNs) - Math.max(ranges.startNs[slot], fromNs))
    }
    range = ranges.previous[slot]
  }
}

/** Finds the special ranges that touch the timeline, on the goroutines of its pieces, by start. */
export function fillRanges(stays: StayLog, ranges: RangeLog, stops: StopLog, scratch: PathScratch): void {
  const { timeline, pieces, walkedTo } = scratch
  scratch.ranges.length = 0
  if (timeline.length === 0) return
  const fromNs = timeline.startNs[0]
  const toNs = timeline.endNs[timeline.length - 1]
  walkedTo.clear()
  for (let i = 0; i < pieces.length; i++) {
    const stay = pieces.stay[i]
    if (!stays.has(stay)) continue
    const at = stay & stays.mask
    let range = stays.range[at]
    if (range < ranges.tail || range < 0) continue
    // Pieces come latest first. What lies behind the latest range of a goroutine was walked from there.
    const goroutine = stays.goroutine[at]
    const walked = walkedTo.get(goroutine) ?? Infinity
    if (range >= walked) continue
    for (let before = 0; before < RANGE_LOOKBACK && range >= ranges.tail && range >= 0;) {
      if (++pieces.steps > pieces.mostSteps) break
      const slot = range & ranges.mask
      const startNs = ranges.startNs[slot]
      if (ranges.endNs[slot] <= fromNs) before++
      else if (startNs < toNs) {
        addRange(scratch, startNs, Math.min(ranges.endNs[slot], toNs), ranges.name[slot], goroutine)
      }
      walkedTo.set(goroutine, range)
      range = ranges.previous[slot]
    }
  }
  const { length, startNs, endNs, name, goroutine } = scratch.ranges
  // They came latest first: those of one goroutine are in order once they are turned round.
  for (const column of [startNs, endNs, name, goroutine]) column.subarray(0, length).reverse()
  stops.within(fromNs, toNs, (stop) => {
    const [from, to] = [stops.startNs[stop], Math.min(stops.endNs[stop], toNs)]
    if (heldUp(timeline, from, to, stops.goroutine[stop])) {
      addRange(scratch, from, to, stops.name[stop], stops.goroutine[stop])
    }
    return ++pieces.steps <= pieces.mostSteps
  })
  sortRanges(scratch.ranges)
}

/** Whether the path waited for a processor during a stop of the world by another goroutine. */
function heldUp(timeline: Timeline, startNs: number, endNs: number, stopper: number): boolean {
  for (let row = firstPieceAfter(timeline, startNs); row < timeline.length && timeline.startNs[row] < endNs; row++) {
    if (timeline.state[row] === GoState.runnable && timeline.goroutine[row] !== stopper) return true
  }
  return false
}

/** Adds a range after the others. */
function addRange(scratch: PathScratch, startNs: number, endNs: number, name: number, goroutine: number): void {
  let { ranges } = scratch
  if (ranges.length === ranges.name.length) {
    const wider = newRanges(ranges.length * 2)
    wider.length = ranges.length
    wider.startNs.set(ranges.startNs)
    wider.endNs.set(ranges.endNs)
    wider.name.set(ranges.name)
    wider.goroutine.set(ranges.goroutine)
    scratch.ranges = ranges = wider
  }
  const row = ranges.length++
  ranges.startNs[row] = startNs
  ranges.endNs[row] = endNs
  ranges.name[row] = name
  ranges.goroutine[row] = goroutine
}

/** Ranges that begin at one time, at most, that are looked at for one that is there twice. */
const MOST_AT_ONCE = 16

/** Sorts ranges by start, equal ones in their places; a stop of the world by a goroutine of the path is there once. */
function sortRanges(table: MutableRanges): void {
  const { length, startNs, endNs, name, goroutine } = table
  let sorted = true
  for (let row = 1; row < length; row++) if (startNs[row] <= startNs[row - 1]) sorted = false
  if (sorted) return
  const starts = startNs.slice(0, length)
  const order = Array.from({ length }, (_, row) => row).sort((one, other) => starts[one] - starts[other])
  for (const column of [startNs, endNs, name, goroutine]) {
    const old = column.slice(0, length)
    for (let row = 0; row < length; row++) column[row] = old[order[row]]
  }
  let kept = 0
  for (let row = 0; row < length; row++) {
    let same = false
    const oldest = Math.max(0, kept - MOST_AT_ONCE)
    for (let before = kept - 1; before >= oldest && startNs[before] === startNs[row]; before--) {
      if (name[before] === name[row] && goroutine[before] === goroutine[row]) same = true
    }
    if (same) continue
    for (const column of [startNs, endNs, name, goroutine]) column[kept] = column[row]
    kept++
  }
  table.length = kept
}
