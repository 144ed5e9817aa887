// window.ts: the breakdown of any stretch of a task's timeline: its own duration, or the window of a span.

import {
  type Breakdown,
  emptyBreakdown,
  type GcPhases,
  GoState,
  type TaskRecord,
  type TaskTables,
} from './breakdown.ts'

/**
 * Cuts a stretch out of a task's timeline and adds up its parts; what the timeline does not cover is unknown, so the parts sum to
 * `toNs - fromNs` exactly. Ranges count where they overlap pieces of their own goroutine.
 *
 * @param fromNs start, nanoseconds from the capture's origin, whole
 * @param toNs end, not before `fromNs`, whole
 */
export function breakDownWindow(
  task: Pick<TaskRecord, 'timeline' | 'ranges'>,
  tables: TaskTables,
  gc: GcPhases,
  fromNs: number,
  toNs: number,
): Breakdown {
  const result = emptyBreakdown()
  result.totalNs = toNs - fromNs
  result.gcOverlapNs = gcOverlap(gc, fromNs, toNs)
  const { timeline, ranges } = task
  let covered = 0
  if (timeline !== null) {
    for (let i = firstPiece(timeline.endNs, timeline.length, fromNs); i < timeline.length; i++) {
      const start = Math.max(timeline.startNs[i], fromNs)
      const end = Math.min(timeline.endNs[i], toNs)
      if (timeline.startNs[i] >= toNs) break
      if (end <= start) continue
      const ns = end - start
      switch (timeline.state[i]) {
        case GoState.running:
          result.execNs += ns
          break
        case GoState.runnable:
          result.schedWaitNs += ns
          break
        case GoState.waiting: {
          const reason = tables.reasons[timeline.reason[i]]
          result.blockNs[reason] = (result.blockNs[reason] ?? 0) + ns
          if (timeline.via[i] !== 0) {
            const via = tables.reasons[timeline.via[i]]
            result.viaNs[via] = (result.viaNs[via] ?? 0) + ns
          }
          break
        }
        case GoState.syscall:
          result.syscallNs += ns
          break
        case GoState.syscallBlocked:
          result.syscallBlockNs += ns
          break
        default:
          continue
      }
      covered += ns
      if (ranges === null) continue
      for (let r = 0; r < ranges.length && ranges.startNs[r] < end; r++) {
        if (ranges.goroutine[r] !== timeline.goroutine[i] || ranges.endNs[r] <= start) continue
        const name = tables.rangeNames[ranges.name[r]]
        const overlap = Math.min(ranges.endNs[r], end) - Math.max(ranges.startNs[r], start)
        result.rangeNs[name] = (result.rangeNs[name] ?? 0) + overlap
      }
    }
  }
  result.unknownNs = result.totalNs - covered
  return result
}

/** First piece that ends after a time. */
function firstPiece(endNs: Float64Array, length: number, timeNs: number): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (endNs[middle] <= timeNs) low = middle + 1
    else high = middle
  }
  return low
}

/** Time of concurrent mark phases within a stretch. */
export function gcOverlap(gc: GcPhases, fromNs: number, toNs: number): number {
  let overlap = 0
  for (let i = gc.startNs.length - 1; i >= 0; i--) {
    const end = i < gc.endNs.length ? gc.endNs[i] : Infinity
    if (end <= fromNs) break
    overlap += Math.max(0, Math.min(end, toNs) - Math.max(gc.startNs[i], fromNs))
  }
  return overlap
}
