// instead.ts: what a wait was for where that is not quite what its group says.

import { GoState, type LongWait, type TaskTables, type Timeline } from '../breakdown/breakdown.ts'
import { type Group, groupParts } from '../breakdown/groups.ts'
import {
  isPipeWait,
  waitsForConnection,
  waitsForProcess,
  waitsForStream,
  wouldWaitForNetwork,
} from '../breakdown/runtime-names.ts'
import { QUEUE } from '../breakdown/via.ts'
import { entryFunction } from './stack-text.ts'

/**
 * A timer or deadline; the network until a deadline, or until another request gave the call up; a connection until a deadline; another goroutine, which a timer or a system
 * call had kept before it ended the wait; one of the two, where nothing tells which; a pipe, for which the network's poller waits; the network, and
 * then a processor for the goroutine that reads it; whoever takes a task out of a queue; a stream of
 * a connection, which others have; another process.
 */
export type Instead =
  | 'timer'
  | 'deadline'
  | 'connection'
  | 'givenUp'
  | 'goroutine'
  | 'timerOrGoroutine'
  | 'pipe'
  | 'late'
  | 'queue'
  | 'stream'
  | 'process'

/** Share of a wait for the network from which on it is told that whoever reads it waited for a processor. */
export const LATE_SHARE = 0.2

/** The goroutine that ran all timers up to Go 1.13. */
const TIMER_GOROUTINE = 'runtime.timerproc'

/**
 * What was waited for in a piece that is shown as sleep or as a system call and was none of its own, as the network and was none, or as a channel
 * and was the network. A goroutine that a timer had started (for a context's deadline, say) ends a wait as the timer does. Null where it was what
 * the group says.
 */
export function insteadOf(
  timeline: Timeline,
  row: number,
  group: Group,
  wait: LongWait | undefined,
  { stacks, reasons }: Pick<TaskTables, 'stacks' | 'reasons'>,
): Instead | null {
  if (group === 'syscall' && timeline.state[row] !== GoState.waiting) {
    const called = stackOfCall(timeline, row)
    return called >= 0 && waitsForProcess(stacks[called]) ? 'process' : null
  }
  if (timeline.state[row] !== GoState.waiting) return null
  if (reasons[timeline.reason[row]] === QUEUE) return 'queue'
  const via = timeline.via[row] !== 0
  const waited = timeline.stack[row]
  if ((group === 'network' || group === 'chan') && waited >= 0 && waitsForStream(stacks[waited])) return 'stream'
  if (group === 'network') {
    // Behind another goroutine it is what that one waited for.
    const stack = via ? (wait?.wakerStack ?? -1) : waited
    if (stack >= 0 && isPipeWait(stacks[stack])) return 'pipe'
    if (via) return isLate(wait) ? 'late' : null
    return timeline.wakerGoroutine[row] < 0 ? null : cutShort(timeline, row, wait)
  }
  const forNetwork = waited >= 0 && (group === 'chan' || group === 'sleep') && wouldWaitForNetwork(stacks[waited])
  // Not where a loop of the connection ended it: that passed on what another task had written to a connection within the program.
  if (group === 'chan') return forNetwork && timeline.wakerTask[row] > 0 ? 'givenUp' : null
  if (!via) return null
  if (group === 'syscall') return 'goroutine'
  if (group !== 'sleep') return null
  // Nor a deadline where somebody else slept before an answer.
  if ((wait?.wakerTask ?? 0) > 0) return 'goroutine'
  if (forNetwork) return 'deadline'
  // The poller's own, of a connection that a timer's goroutine closed, or of a pipe.
  if (reasons[timeline.reason[row]] === 'network')
    return waited >= 0 && isPipeWait(stacks[waited]) ? 'timer' : 'deadline'
  const ended = timerOrGoroutine(timeline, row, wait, stacks)
  return ended === 'timer' && waited >= 0 && waitsForConnection(stacks[waited]) ? 'connection' : ended
}

/** Row of the stack of a system call: the piece in which it has no processor any more has none of its own. */
function stackOfCall({ state, goroutine, startNs, endNs, stack }: Timeline, row: number): number {
  const before = row - 1
  const goesOn =
    stack[row] < 0 &&
    before >= 0 &&
    state[row] === GoState.syscallBlocked &&
    state[before] === GoState.syscall &&
    goroutine[before] === goroutine[row] &&
    endNs[before] === startNs[row]
  return stack[goesOn ? before : row]
}

/** Whether a timer ended a wait, or the goroutine that it started, or another one that had slept. */
function timerOrGoroutine(
  timeline: Timeline,
  row: number,
  wait: LongWait | undefined,
  stacks: TaskTables['stacks'],
): 'timer' | 'goroutine' | 'timerOrGoroutine' {
  if (timeline.wakerGoroutine[row] < 0) return 'timer'
  const did = wait?.waker ?? null
  if (wait === undefined || did === null) return 'timerOrGoroutine'
  if (did.unknownNs * 2 > did.totalNs) return 'timer'
  const entry = wait.wakerEntry < 0 ? null : entryFunction(stacks[wait.wakerEntry])
  return entry === TIMER_GOROUTINE ? 'timer' : 'goroutine'
}

/**
 * What ended a read or write of a connection that the poller did not: another goroutine closed it, or moved its deadline into the past. Null where
 * nothing tells why.
 */
function cutShort(timeline: Timeline, row: number, wait: LongWait | undefined): Instead | null {
  if ((wait?.wakerTask ?? timeline.wakerTask[row]) > 0) return 'givenUp'
  const did = wait?.waker ?? null
  return did !== null && groupParts(did).sleep * 2 > did.totalNs ? 'deadline' : null
}

/** Whether the goroutine that reads the network for another was ready for much of the time, and had no processor. */
function isLate(wait: LongWait | undefined): boolean {
  const did = wait?.waker ?? null
  return did !== null && did.schedWaitNs >= LATE_SHARE * did.totalNs
}
