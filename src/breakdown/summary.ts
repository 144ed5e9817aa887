// summary.ts: what a task comes to, for readers that only add up: its time and that of its regions by group, no records.
//
// A record of a task with its regions is some sixty objects. A reader that wants sums of a hundred thousand tasks is handed one and the same
// object for each instead.

import { GoState as goStates } from './breakdown.ts'
import { type Group, groupOfReason, GROUPS } from './groups.ts'
import type { PathScratch } from './path.ts'
import type { StayLog } from './stay-log.ts'
import type { Causes } from './via.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates

/** Columns of parts: nanoseconds by group, in the order of `GROUPS`. */
export const GROUP_COUNT = GROUPS.length

const column = Object.fromEntries(GROUPS.map((group, index) => [group, index])) as Readonly<Record<Group, number>>
export const EXEC = column.exec
export const SCHED_WAIT = column.schedWait
export const SYSCALL = column.syscall
export const UNKNOWN = column.unknown

/** Column of the group that a block reason belongs to. */
export function columnOfReason(reason: string): number {
  return column[groupOfReason(reason)]
}

/** One task, added up. The object and its columns are filled again for the next task. */
export class TaskSummary {
  id = 0
  kind = ''
  /** Nanoseconds from the capture's origin; null when outside the capture. */
  startNs: number | null = null
  endNs: number | null = null
  /** The path of the task by group, from its start to its end; all 0 when one of them is unknown. */
  readonly parts = new Float64Array(GROUP_COUNT)
  regionCount = 0
  readonly regionNames: string[] = []
  regionTotalNs = new Float64Array(64)
  /** `GROUP_COUNT` parts per region. */
  regionParts = new Float64Array(64 * GROUP_COUNT)

  /** Begins a task. */
  begin(id: number, kind: string, startNs: number | null, endNs: number | null): void {
    this.id = id
    this.kind = kind
    this.startNs = startNs
    this.endNs = endNs
    this.regionCount = 0
    for (let group = 0; group < GROUP_COUNT; group++) this.parts[group] = 0
  }

  /** Adds a region; its parts begin at the returned place in `regionParts` and are 0. */
  addRegion(name: string, totalNs: number): number {
    const row = this.regionCount++
    if (row === this.regionTotalNs.length) {
      const totals = new Float64Array(row * 2)
      totals.set(this.regionTotalNs)
      const parts = new Float64Array(row * 2 * GROUP_COUNT)
      parts.set(this.regionParts)
      this.regionTotalNs = totals
      this.regionParts = parts
    }
    this.regionNames[row] = name
    this.regionTotalNs[row] = totalNs
    const at = row * GROUP_COUNT
    for (let group = 0; group < GROUP_COUNT; group++) this.regionParts[at + group] = 0
    return at
  }
}

/**
 * Adds the pieces of a path walked without margins to parts by group: waits under the cause that ended them, where one is known.
 *
 * @param columnsOfReasons column of each reason row
 */
export function groupPieces(
  stays: StayLog,
  { pieces }: PathScratch,
  columnsOfReasons: readonly number[],
  causes: Causes,
  parts: Float64Array,
): void {
  const { length, from, to, stay: stayOf } = pieces
  for (let i = 0; i < length; i++) {
    const ns = to[i] - from[i]
    const stay = stayOf[i]
    let group = UNKNOWN
    if (stays.has(stay)) {
      const at = stay & stays.mask
      switch (stays.state[at]) {
        case GoState.running:
          group = EXEC
          break
        case GoState.runnable:
          group = SCHED_WAIT
          break
        case GoState.syscall:
        case GoState.syscallBlocked:
          group = SYSCALL
          break
        case GoState.waiting:
          group = columnsOfReasons[causes.settled(stays, at) || stays.reason[at]]
          break
      }
    }
    parts[group] += ns
  }
}
