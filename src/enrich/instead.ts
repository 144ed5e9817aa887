// instead.ts: what a wait was for where that is not quite what its group says.

import { GoState, type LongWait, type TaskTables, type Timeline } from '../breakdown/breakdown.ts'
import { type Group, groupParts } from '../breakdown/groups.ts'
import { isPipeWait } from '../breakdown/runtime-names.ts'

/** A timer or deadline; a goroutine that slept, or was in a system call, before it ended the wait; a pipe, for which the network's poller waits. */
export type Instead = 'timer' | 'goroutine' | 'pipe'

/**
 * What was waited for in a piece that is shown as sleep or as a system call and was none of its own, or as the network and was none. A goroutine
 * that a timer had started (for a context's deadline, say) ends a wait as the timer does. Null where it was what the group says, or is not known.
 */
export function insteadOf(
  timeline: Timeline,
  row: number,
  group: Group,
  wait: LongWait | undefined,
  { stacks }: Pick<TaskTables, 'stacks'>,
): Instead | null {
  if (timeline.state[row] !== GoState.waiting) return null
  const via = timeline.via[row] !== 0
  if (group === 'network') {
    const stack = timeline.stack[row]
    return !via && stack >= 0 && isPipeWait(stacks[stack]) ? 'pipe' : null
  }
  if (!via) return null
  if (group === 'syscall') return 'goroutine'
  if (group !== 'sleep') return null
  if (timeline.wakerGoroutine[row] < 0) return 'timer'
  const did = wait?.waker ?? null
  if (did === null) return null
  return groupParts(did).sleep * 2 > did.totalNs ? 'goroutine' : 'timer'
}
