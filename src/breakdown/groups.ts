// groups.ts: the groups under which people are shown where the time went, and which reasons belong to each.

import { type Breakdown, GoState, type TaskRecord, type TaskTables, type Timeline } from './breakdown.ts'

/** The groups, in the order in which they are shown. */
export const GROUPS = [
  'exec',
  'schedWait',
  'network',
  'lock',
  'chan',
  'syscall',
  'gcWait',
  'sleep',
  'other',
  'unknown',
] as const
export type Group = (typeof GROUPS)[number]

/** Columns of parts: nanoseconds by group, in the order of `GROUPS`. */
export const GROUP_COUNT = GROUPS.length

/** Column of the group that a block reason belongs to. */
export function columnOfReason(reason: string): number {
  return GROUPS.indexOf(groupOfReason(reason))
}

/** Nanoseconds per group; they add up to the stretch they are of. */
export type GroupedParts = Record<Group, number>

/** No time in any group. */
export function emptyParts(): GroupedParts {
  return {
    exec: 0,
    schedWait: 0,
    network: 0,
    lock: 0,
    chan: 0,
    syscall: 0,
    gcWait: 0,
    sleep: 0,
    other: 0,
    unknown: 0,
  }
}

/** Groups of the runtime's reasons and of the causes that waits are shown under; what is not listed is `other`, `sync…` aside. */
const GROUP_OF_REASON: Readonly<Record<string, Group>> = {
  network: 'network',
  syscall: 'syscall',
  sleep: 'sleep',
  'chan send': 'chan',
  'chan receive': 'chan',
  select: 'chan',
  // None of the runtime's (`Causes.queue`).
  queue: 'chan',
  'GC mark assist wait for work': 'gcWait',
  'wait until GC ends': 'gcWait',
  GC: 'gcWait',
  'GC weak to strong wait': 'gcWait',
  // As a reason to block (not to yield): the goroutine stands still while its stack is scanned.
  preempted: 'gcWait',
}

/** The group of a block reason, as the runtime words it, or of the cause that ended a wait. */
export function groupOfReason(reason: string): Group {
  if (Object.hasOwn(GROUP_OF_REASON, reason)) return GROUP_OF_REASON[reason]
  return reason.startsWith('sync') ? 'lock' : 'other'
}

/** The group of a piece of a timeline: waits under the cause that ended them, where one is known. */
export function groupOfPiece(timeline: Timeline, row: number, tables: Pick<TaskTables, 'reasons'>): Group {
  switch (timeline.state[row]) {
    case GoState.running:
      return 'exec'
    case GoState.runnable:
      return 'schedWait'
    case GoState.syscall:
    case GoState.syscallBlocked:
      return 'syscall'
    case GoState.waiting:
      return groupOfReason(tables.reasons[timeline.via[row] === 0 ? timeline.reason[row] : timeline.via[row]])
    default:
      return 'unknown'
  }
}

/**
 * Groups the parts of a breakdown whose waits are shown under no other cause: those of regions, and of goroutine time (`work`).
 * A path's `viaNs` does not say which reasons it replaces; its groups are `groupWindow`.
 */
export function groupParts(breakdown: Breakdown): GroupedParts {
  const parts = emptyParts()
  parts.exec = breakdown.execNs
  parts.schedWait = breakdown.schedWaitNs
  parts.syscall = breakdown.syscallNs + breakdown.syscallBlockNs
  parts.unknown = breakdown.unknownNs
  for (const [reason, ns] of Object.entries(breakdown.blockNs)) parts[groupOfReason(reason)] += ns
  return parts
}

/**
 * Groups a stretch of a task's timeline; what it does not cover is unknown, so the groups sum to `toNs - fromNs` exactly.
 *
 * @param fromNs start, nanoseconds from the capture's origin, whole
 * @param toNs end, not before `fromNs`, whole
 */
export function groupWindow(
  task: Pick<TaskRecord, 'timeline'>,
  tables: Pick<TaskTables, 'reasons'>,
  fromNs: number,
  toNs: number,
): GroupedParts {
  const parts = emptyParts()
  let covered = 0
  const { timeline } = task
  if (timeline !== null) {
    for (let row = firstPieceAfter(timeline, fromNs); row < timeline.length && timeline.startNs[row] < toNs; row++) {
      const ns = Math.min(timeline.endNs[row], toNs) - Math.max(timeline.startNs[row], fromNs)
      if (ns <= 0) continue
      parts[groupOfPiece(timeline, row, tables)] += ns
      covered += ns
    }
  }
  parts.unknown += toNs - fromNs - covered
  return parts
}

/** First piece that ends after a time. */
export function firstPieceAfter(timeline: Timeline, timeNs: number): number {
  let low = 0
  let high = timeline.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (timeline.endNs[middle] <= timeNs) low = middle + 1
    else high = middle
  }
  return low
}
