// window.ts: the breakdown of any stretch of a task's timeline: its own duration, or the window of a span.

import {
  type Breakdown,
  emptyBreakdown,
  type GcPhases,
  GoState,
  type TaskRecord,
  type TaskTables,
  type Timeline,
} from './breakdown.ts'
import { gcOverlap } from './gc-phases.ts'
import { firstPieceAfter } from './groups.ts'
import { QUEUE } from './via.ts'

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
  /** Ranges before this one ended before the piece in hand. */
  let firstRange = 0
  if (timeline !== null) {
    for (let i = firstPieceAfter(timeline, fromNs); i < timeline.length; i++) {
      const start = Math.max(timeline.startNs[i], fromNs)
      const end = Math.min(timeline.endNs[i], toNs)
      if (timeline.startNs[i] >= toNs) break
      if (end <= start) continue
      const ns = end - start
      if (!addPart(result, timeline.state[i], tables.reasons[timeline.reason[i]], ns)) continue
      if (timeline.via[i] !== 0) {
        addTo(result.viaNs, tables.reasons[timeline.via[i]], ns)
      }
      covered += ns
      if (ranges === null || isQueued(timeline, i, tables)) continue
      while (firstRange < ranges.length && ranges.endNs[firstRange] <= start) firstRange++
      for (let r = firstRange; r < ranges.length && ranges.startNs[r] < end; r++) {
        const own = ranges.goroutine[r] === timeline.goroutine[i]
        if (ranges.endNs[r] <= start || (!own && timeline.state[i] !== GoState.runnable)) continue
        const name = tables.rangeNames[ranges.name[r]]
        if (!own && !name.startsWith(STOP_THE_WORLD)) continue
        const overlap = Math.min(ranges.endNs[r], end) - Math.max(ranges.startNs[r], start)
        addTo(own ? result.rangeNs : result.stwWaitNs, name, overlap)
      }
    }
  }
  result.unknownNs = result.totalNs - covered
  return result
}

/** Whether a task lay in a queue in a row of its timeline: what the goroutine did meanwhile that is told there, which took it up, is not the task's. */
export function isQueued(timeline: Timeline, row: number, { reasons }: Pick<TaskTables, 'reasons'>): boolean {
  return timeline.state[row] === GoState.waiting && reasons[timeline.reason[row]] === QUEUE
}

/** Names of stops of the world begin with this; the reason follows. */
export const STOP_THE_WORLD = 'stop-the-world'

/** Adds to the part of a name, which several rows may be told by: a hostile capture has names that are told alike. */
export function addTo(parts: Record<string, number>, name: string, ns: number): void {
  parts[name] = (parts[name] ?? 0) + ns
}

/** Adds a time in one state to the parts; false, and nothing added, where the state is not known. */
export function addPart(parts: Breakdown, state: number, reason: string, ns: number): boolean {
  switch (state) {
    case GoState.running:
      parts.execNs += ns
      return true
    case GoState.runnable:
      parts.schedWaitNs += ns
      return true
    case GoState.waiting:
      addTo(parts.blockNs, reason, ns)
      return true
    case GoState.syscall:
      parts.syscallNs += ns
      return true
    case GoState.syscallBlocked:
      parts.syscallBlockNs += ns
      return true
    default:
      return false
  }
}
