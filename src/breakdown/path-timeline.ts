// path-timeline.ts: the pieces of a path as rows of its timeline, with what they point to, and the long waits among them.

import { GoState as goStates } from './breakdown.ts'
import { isLong, type PathPiece } from './long-waits.ts'
import { newTimeline, type PathScratch, type Pieces } from './path-scratch.ts'
import { MOST_BEFORE_READY, QUEUED } from './states-layout.ts'
import type { StayLog } from './stay-log.ts'
import type { Causes } from './via.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates

/**
 * Row of the cause under which the wait of a piece is shown; 0 for its own reason. Where a timer had started the goroutine that ended it
 * (`time.AfterFunc`), and that one worked for the task, what comes before its beginning is the timer's.
 *
 * @param i row of the piece, whose stay is known
 */
export function causeOfPiece(stays: StayLog, { from, to, stay }: Pieces, i: number, causes: Causes): number {
  const at = stay[i] & stays.mask
  const via = causes.settled(stays, at)
  if (via !== 0 || i === 0 || from[i - 1] !== to[i] || !stays.has(stay[i - 1])) return via
  const after = stay[i - 1] & stays.mask
  // Waits aside only the first stay of such a goroutine has a cause.
  const begins = stays.state[after] === GoState.runnable && stays.startNs[after] === to[i]
  return begins && causes.isHandOver(stays.reason[at]) ? stays.via[after] : 0
}

/** Turns the pieces round and resolves what they point to. What lay in a queue has the goroutine that took it up. */
export function fillTimeline(
  stays: StayLog,
  pieces: Pieces,
  taskIdOf: (serial: number) => number,
  causes: Causes,
  scratch: PathScratch,
): void {
  const { length } = pieces
  if (length > scratch.timeline.state.length) scratch.timeline = newTimeline(length * 2)
  const timeline = scratch.timeline
  const { startNs, endNs, state, reason, via, goroutine, wakerGoroutine, wakerTask, stack } = timeline
  timeline.length = length
  for (let i = 0; i < length; i++) {
    const row = length - 1 - i
    startNs[row] = pieces.from[i]
    endNs[row] = pieces.to[i]
    state[row] = GoState.unknown
    reason[row] = via[row] = 0
    goroutine[row] = wakerGoroutine[row] = wakerTask[row] = stack[row] = -1
    const stay = pieces.stay[i]
    if (stay === QUEUED) {
      state[row] = GoState.waiting
      reason[row] = causes.queue
      const taker = i === 0 ? QUEUED : pieces.stay[i - 1]
      if (stays.has(taker)) goroutine[row] = stays.goroutine[taker & stays.mask]
      continue
    }
    if (!stays.has(stay)) continue
    const at = stay & stays.mask
    const stateHere = stays.state[at]
    state[row] = stateHere
    goroutine[row] = stays.goroutine[at]
    stack[row] = stackOf(stays, at)
    if (stateHere === GoState.waiting) {
      reason[row] = stays.reason[at]
      via[row] = causeOfPiece(stays, pieces, i, causes)
    }
    if (stateHere === GoState.waiting || stateHere === GoState.runnable) {
      const waker = stays.waker[at]
      if (stays.has(waker)) wakerGoroutine[row] = stays.goroutine[waker & stays.mask]
      // What came from elsewhere is no other task's doing.
      if (stays.wakerTask[at] > 0 && via[row] === 0) wakerTask[row] = taskIdOf(stays.wakerTask[at])
    }
  }
}

/** Row of the stack where a goroutine waited; for a processor: where it was stopped, or where the wait or system call was that went before. */
function stackOf(stays: StayLog, slot: number): number {
  let at = slot
  for (let n = 0; n < MOST_BEFORE_READY && stays.stack[at] < 0; n++) {
    const before = stays.previous[at]
    if (stays.state[at] === GoState.running || stays.state[at] === GoState.waiting || !stays.has(before)) break
    at = before & stays.mask
  }
  return stays.state[at] === GoState.running ? stays.stack[slot] : stays.stack[at]
}

/** The long waits of the path between two times, for `explainWaits`. */
export function longPieces(scratch: PathScratch, stays: StayLog, fromNs: number, toNs: number): PathPiece[] {
  const { pieces, timeline } = scratch
  const long: PathPiece[] = []
  for (let i = 0; i < pieces.length; i++) {
    const from = Math.max(pieces.from[i], fromNs)
    const to = Math.min(pieces.to[i], toNs)
    const row = pieces.length - 1 - i
    const state = timeline.state[row]
    if (!isLong(to - from, toNs - fromNs)) continue
    if (pieces.stay[i] === QUEUED) {
      if (i > 0 && stays.has(pieces.stay[i - 1]))
        long.push({ stay: pieces.stay[i - 1], fromNs: from, toNs: to, row, via: 0, queued: true })
      continue
    }
    if (!stays.has(pieces.stay[i])) continue
    if (state === GoState.waiting || state === GoState.runnable)
      long.push({ stay: pieces.stay[i], fromNs: from, toNs: to, row, via: timeline.via[row] })
  }
  return long
}
