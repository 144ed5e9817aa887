// path.ts: the path of a task: where the wall clock went between its start and its end.
//
// From the task's end back to its start. On a goroutine its states count as they are. While it was blocked and was woken by a goroutine
// that works for the same task, the path goes on on that goroutine for the time of the block, and then returns to the waiter; any
// other wait counts under its reason. Where a goroutine began, the path goes on on its creator. A worker that was handed the task
// (a channel, a pool) is followed back to where it picked the task up, and from there the goroutine that woke it.
// What the capture does not show is unknown. The pieces touch and tile the stretch exactly.

import { GoState as goStates, type RangeTable, type Timeline } from './breakdown.ts'
import { firstPieceAfter } from './groups.ts'
import { KeptRoom } from './kept-columns.ts'
import { isLong, type PathPiece } from './long-waits.ts'
import {
  MARGIN_NEAR_NS,
  MARGIN_NS,
  MARGIN_STAYS,
  MARGIN_STAYS_ANYWHERE,
  MAX_DEPTH as maxDepth,
  MAX_PIECES as maxPieces,
  MOST_BEFORE_READY,
  RANGE_LOOKBACK,
} from './states-layout.ts'
import { NONE, type RangeLog, type StayLog, type StopLog } from './stay-log.ts'
import type { Causes } from './via.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const MAX_DEPTH = maxDepth
const MAX_PIECES = maxPieces

/** What the walk asks of the task. */
export interface PathTask {
  readonly startNs: number
  readonly endNs: number
  /** Stay of the starting goroutine at the start, and of the ending goroutine at the end. */
  readonly startStay: number
  readonly endStay: number
  readonly sameGoroutine: boolean
  /** End of what the capture shows so far: a goroutine's last state is not known to go on after it. */
  readonly knownNs: number
}

/** Pieces of a path, latest first while it is walked. One is used for task after task: making arrays for each costs more than the walk. */
class Pieces {
  length = 0
  /** Stays and ranges walked over so far, for all paths of a capture, and how many may be. */
  steps = 0
  mostSteps = Infinity
  from = new Float64Array(256)
  to = new Float64Array(256)
  /** Stay, or -1 for a piece that nothing is known of. */
  stay = new Int32Array(256)

  add(stay: number, fromNs: number, toNs: number): void {
    if (toNs <= fromNs) return
    const last = this.length - 1
    // Two pieces of one stay that touch are one (a wait that was followed for a part only).
    if (last >= 0 && this.from[last] === toNs && this.stay[last] === stay) {
      this.from[last] = fromNs
      return
    }
    if (this.length === this.stay.length) {
      const { from, to, stay: stays } = this
      this.from = new Float64Array(this.length * 2)
      this.from.set(from)
      this.to = new Float64Array(this.length * 2)
      this.to.set(to)
      this.stay = new Int32Array(this.length * 2)
      this.stay.set(stays)
    }
    this.from[this.length] = fromNs
    this.to[this.length] = toNs
    this.stay[this.length++] = stay
  }
}

/** Room for a timeline and its ranges that is filled again for every task. */
export class PathScratch {
  readonly pieces = new Pieces()
  timeline: MutableTimeline = newTimeline(256)
  ranges: MutableRanges = newRanges(64)
  /** The earliest range of each goroutine that was looked at. */
  readonly walkedTo = new Map<number, number>()
  /** Where tasks keep it. */
  readonly kept = new KeptRoom()
}

/** A timeline whose columns may be longer than its rows. */
type MutableTimeline = { -readonly [Column in keyof Timeline]: Timeline[Column] }
type MutableRanges = { -readonly [Column in keyof RangeTable]: RangeTable[Column] }

function newTimeline(rows: number): MutableTimeline {
  return {
    length: 0,
    startNs: new Float64Array(rows),
    endNs: new Float64Array(rows),
    state: new Uint8Array(rows),
    reason: new Uint16Array(rows),
    via: new Uint16Array(rows),
    goroutine: new Float64Array(rows),
    wakerGoroutine: new Float64Array(rows),
    wakerTask: new Float64Array(rows),
    stack: new Int32Array(rows),
  }
}

function newRanges(rows: number): MutableRanges {
  return {
    length: 0,
    startNs: new Float64Array(rows),
    endNs: new Float64Array(rows),
    name: new Uint16Array(rows),
    goroutine: new Float64Array(rows),
  }
}

/**
 * Walks the path of a task into `scratch.timeline` and `scratch.ranges`.
 *
 * @param margin whether to show what lies a little before and after the task
 * @param worksFor whether a task serial means the task itself or one that descends from it
 * @param taskIdOf id of a task serial, -1 when it is not known any more
 * @param causes settles under which cause a wait is shown
 */
export function walkPath(
  stays: StayLog,
  ranges: RangeLog,
  stops: StopLog,
  task: PathTask,
  margin: boolean,
  worksFor: (serial: number) => boolean,
  taskIdOf: (serial: number) => number,
  causes: Causes,
  scratch: PathScratch,
): void {
  const { pieces } = scratch
  walkPieces(stays, task, margin, worksFor, scratch)
  fillTimeline(stays, pieces, taskIdOf, causes, scratch)
  fillRanges(stays, ranges, stops, scratch)
}

/** Walks the path of a task into `scratch.pieces` only, latest first. */
export function walkPieces(
  stays: StayLog,
  task: PathTask,
  margin: boolean,
  worksFor: (serial: number) => boolean,
  { pieces }: PathScratch,
): void {
  pieces.length = 0
  if (margin) addMarginAfter(stays, task, pieces)
  walkBack(stays, task, worksFor, pieces)
  if (margin) addMarginBefore(stays, task, pieces)
}

/** Which stays of a goroutine a walk along it counts: all, those for the task, or, with the others as unknown, those for no other task. */
const Counts = { all: 0, ofTask: 1, notOfOthers: 2 } as const
type Counts = (typeof Counts)[keyof typeof Counts]

/** Walks from the task's end to its start. */
function walkBack(stays: StayLog, task: PathTask, worksFor: (serial: number) => boolean, pieces: Pieces): void {
  const lo = task.startNs
  let hi = task.endNs
  let stay = task.endStay
  // On the goroutine that began and ended the task everything counts; on any other only what it did for the task.
  let counts: Counts = task.sameGoroutine ? Counts.all : Counts.ofTask
  let triedStart = task.sameGoroutine
  while (hi > lo) {
    const reached = walkGoroutine(stays, stay, lo, hi, counts, worksFor, pieces, 0)
    hi = reached.ns
    if (hi <= lo) return
    if (reached.next >= 0) {
      stay = reached.next
      counts = Counts.ofTask
      continue
    }
    // The trail ends: go on on the goroutine that began the task, if that one is still known at this time. What it did for tasks that it began
    // since is none of this one's, which lay in a queue meanwhile: a dispatcher begins one task after the other for others to work at and to end.
    if (triedStart || pieces.steps > pieces.mostSteps) break
    triedStart = true
    const from = stayAt(stays, task.startStay, hi)
    if (from < 0) break
    stay = from
    counts = Counts.notOfOthers
  }
  pieces.add(-1, lo, hi)
}

/** Where a walk along one goroutine ended, and where it goes on (-1: nowhere known). */
interface Reached {
  readonly ns: number
  readonly next: number
}

/**
 * Walks back along one goroutine from `hi` to `lo`. Stops early where the goroutine began, where it picked the task up, or where
 * its past is forgotten.
 */
function walkGoroutine(
  stays: StayLog,
  from: number,
  lo: number,
  hi: number,
  counts: Counts,
  worksFor: (serial: number) => boolean,
  pieces: Pieces,
  depth: number,
): Reached {
  let stay = from
  while (hi > lo) {
    if (!stays.has(stay) || pieces.length > MAX_PIECES || ++pieces.steps > pieces.mostSteps) return { ns: hi, next: -1 }
    const at = stay & stays.mask
    const start = stays.startNs[at]
    if (start >= hi) {
      const previous = stays.previous[at]
      if (previous < 0) return { ns: hi, next: creatorOf(stays, at, worksFor) }
      stay = previous
      continue
    }
    const begin = start > lo ? start : lo
    if (counts === Counts.notOfOthers && stays.task[at] !== 0 && !worksFor(stays.task[at])) {
      pieces.add(NONE, begin, hi)
    } else if (counts === Counts.ofTask && !worksFor(stays.task[at])) {
      // It did not work for the task here: it was handed the task, by whoever woke it.
      const waker = stays.state[at] === GoState.waiting && worksFor(stays.wakerTask[at]) ? stays.waker[at] : -1
      return { ns: hi, next: stays.has(waker) ? waker : -1 }
    } else if (stays.state[at] === GoState.waiting && depth < MAX_DEPTH && worksFor(stays.wakerTask[at])) {
      const waker = stays.waker[at]
      let low = hi
      if (stays.has(waker)) low = followWaker(stays, waker, begin, hi, worksFor, pieces, depth + 1)
      // Before the waker took up the task, the waiter's own reason counts.
      pieces.add(stay, begin, low)
    } else {
      pieces.add(stay, begin, hi)
    }
    hi = begin
    if (hi <= lo) break
    const previous = stays.previous[at]
    if (previous < 0) return { ns: hi, next: creatorOf(stays, at, worksFor) }
    stay = previous
  }
  return { ns: hi, next: -1 }
}

/** Follows the waker of a wait for as long as it, and whoever handed it the task, worked for the task. Returns the earliest time covered. */
function followWaker(
  stays: StayLog,
  waker: number,
  lo: number,
  hi: number,
  worksFor: (serial: number) => boolean,
  pieces: Pieces,
  depth: number,
): number {
  let stay = waker
  let low = hi
  for (let hops = 0; hops < MAX_DEPTH && low > lo && stay >= 0; hops++) {
    const reached = walkGoroutine(stays, stay, lo, low, Counts.ofTask, worksFor, pieces, depth)
    low = reached.ns
    stay = reached.next
  }
  return low
}

/** The stay of the creator of a goroutine whose first stay lies at slot `at`, when the creator worked for the task. */
function creatorOf(stays: StayLog, at: number, worksFor: (serial: number) => boolean): number {
  const creator = stays.waker[at]
  return stays.has(creator) && worksFor(stays.wakerTask[at]) ? creator : -1
}

/** The stay of a goroutine at a time, found forward from an earlier stay of it; -1 when it had ended or is forgotten. */
function stayAt(stays: StayLog, from: number, timeNs: number): number {
  let stay = from
  while (stays.has(stay)) {
    const at = stay & stays.mask
    if (stays.endNs[at] >= timeNs) return stay
    stay = stays.next[at]
  }
  return -1
}

/** The ending goroutine's states for a little while after the end; latest first, as the walk goes. */
function addMarginAfter(stays: StayLog, task: PathTask, pieces: Pieces): void {
  const chain: number[] = []
  let stay = task.endStay
  while (stays.has(stay) && chain.length < MARGIN_STAYS) {
    const at = stay & stays.mask
    const beyondNs = stays.startNs[at] - task.endNs
    if (beyondNs > MARGIN_NS || (chain.length >= MARGIN_STAYS_ANYWHERE && beyondNs > MARGIN_NEAR_NS)) break
    chain.push(stay)
    stay = stays.next[at]
  }
  for (let i = chain.length - 1; i >= 0; i--) {
    const at = chain[i] & stays.mask
    const end = Math.min(stays.endNs[at], task.endNs + MARGIN_NS, task.knownNs)
    pieces.add(chain[i], Math.max(stays.startNs[at], task.endNs), end)
  }
}

/** The starting goroutine's states for a little while before the start. */
function addMarginBefore(stays: StayLog, task: PathTask, pieces: Pieces): void {
  const lo = task.startNs - MARGIN_NS
  let hi = task.startNs
  let stay = task.startStay
  for (let count = 0; count < MARGIN_STAYS && hi > lo && stays.has(stay); count++) {
    if (count >= MARGIN_STAYS_ANYWHERE && task.startNs - hi > MARGIN_NEAR_NS) break
    const at = stay & stays.mask
    const from = Math.max(stays.startNs[at], lo)
    pieces.add(stay, from, hi)
    hi = Math.min(hi, from)
    stay = stays.previous[at]
  }
}

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

/** Turns the pieces round and resolves what they point to. */
function fillTimeline(
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
function fillRanges(stays: StayLog, ranges: RangeLog, stops: StopLog, scratch: PathScratch): void {
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

/** The long waits of the path between two times, for `explainWaits`. */
export function longPieces(scratch: PathScratch, stays: StayLog, fromNs: number, toNs: number): PathPiece[] {
  const { pieces, timeline } = scratch
  const long: PathPiece[] = []
  for (let i = 0; i < pieces.length; i++) {
    const from = Math.max(pieces.from[i], fromNs)
    const to = Math.min(pieces.to[i], toNs)
    const row = pieces.length - 1 - i
    const state = timeline.state[row]
    if (!isLong(to - from, toNs - fromNs) || !stays.has(pieces.stay[i])) continue
    if (state === GoState.waiting || state === GoState.runnable)
      long.push({ stay: pieces.stay[i], fromNs: from, toNs: to, row, via: timeline.via[row] })
  }
  return long
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
