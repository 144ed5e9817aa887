// path.ts: the path of a task: where the wall clock went between its start and its end.
//
// From the task's end back to its start. On a goroutine its states count as they are. While it was blocked and was woken by a goroutine
// that works for the same task, or over others of no task (`kernel/passed-on.ts`), the path goes on on that goroutine for the time of the
// block, and then returns to the waiter; any other wait counts under its reason. Where a goroutine began, the path goes on on its creator. A worker that was handed the task
// (a channel, a pool) is followed back to where it picked the task up, and from there the goroutine that woke it.
// Between the goroutine that began the task and the one that took it up without having waited it lies in a queue. What the capture does
// not show is unknown. The pieces touch and tile the stretch exactly.

import { GoState as goStates } from './breakdown.ts'
import { fillRanges } from './path-ranges.ts'
import { type MemberTable, NO_MEMBER } from './members.ts'
import type { PathScratch, Pieces } from './path-scratch.ts'
import { fillTimeline } from './path-timeline.ts'
import {
  MARGIN_NEAR_NS,
  MARGIN_NS,
  MARGIN_STAYS,
  MARGIN_STAYS_ANYWHERE,
  MAX_DEPTH as maxDepth,
  MAX_PIECES as maxPieces,
  MOST_MEMBERS_ASKED,
  MOST_STAGES,
  NETWORK_TIME as networkTime,
  QUEUE_SLACK_NS,
  QUEUED as queued,
  SLEEP_TIME as sleepTime,
} from './states-layout.ts'
import { NONE, type RangeLog, type StayLog, type StopLog } from './stay-log.ts'
import type { Causes } from './via.ts'
import type { Visits } from './visits.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const MAX_DEPTH = maxDepth
const MAX_PIECES = maxPieces
const QUEUED = queued
const NETWORK_TIME = networkTime
const SLEEP_TIME = sleepTime

/** What the walk asks of the task. */
export interface PathTask {
  readonly serial: number
  /** Id of the goroutine that began it. */
  readonly startGoroutine: number
  /** First of the goroutines that worked for it. */
  readonly firstMember: number
  readonly startNs: number
  readonly endNs: number
  /** Stay of the starting goroutine at the start, and of the ending goroutine at the end. */
  readonly startStay: number
  readonly endStay: number
  readonly sameGoroutine: boolean
  /** End of what the capture shows so far: a goroutine's last state is not known to go on after it. */
  readonly knownNs: number
}

/**
 * Walks the path of a task into `scratch.timeline` and `scratch.ranges`.
 *
 * @param margin whether to show what lies a little before and after the task
 * @param worksFor whether a task serial means the task itself or one that descends from it
 * @param taskIdOf id of a task serial, -1 when it is not known any more
 * @param causes settles under which cause a wait is shown
 * @param groupOfReason column of each reason row
 */
export function walkPath(
  stays: StayLog,
  visits: Visits,
  members: MemberTable,
  ranges: RangeLog,
  stops: StopLog,
  task: PathTask,
  margin: boolean,
  worksFor: (serial: number) => boolean,
  taskIdOf: (serial: number) => number,
  causes: Causes,
  groupOfReason: Uint8Array,
  scratch: PathScratch,
): void {
  const { pieces } = scratch
  walkPieces(stays, visits, members, task, margin, worksFor, causes, groupOfReason, scratch)
  fillTimeline(stays, pieces, taskIdOf, causes, scratch)
  fillRanges(stays, ranges, stops, scratch)
}

/** Walks the path of a task into `scratch.pieces` only, latest first. */
export function walkPieces(
  stays: StayLog,
  visits: Visits,
  members: MemberTable,
  task: PathTask,
  margin: boolean,
  worksFor: (serial: number) => boolean,
  causes: Causes,
  groupOfReason: Uint8Array,
  { pieces }: PathScratch,
): void {
  pieces.length = 0
  if (margin) addMarginAfter(stays, task, pieces)
  walkBack(stays, visits, members, task, worksFor, causes, groupOfReason, pieces)
  if (margin) addMarginBefore(stays, task, pieces)
}

/**
 * Which stays of a goroutine a walk along it counts: all, those for the task, or those for no other task. During the others of these the task lay in a
 * queue, or, where it is not known how it came to whoever took it up, that is unknown.
 */
const Counts = { all: 0, ofTask: 1, notOfOthers: 2, afterLoss: 3 } as const
type Counts = (typeof Counts)[keyof typeof Counts]

/** Walks from the task's end to its start. */
function walkBack(
  stays: StayLog,
  visits: Visits,
  members: MemberTable,
  task: PathTask,
  worksFor: (serial: number) => boolean,
  causes: Causes,
  groupOfReason: Uint8Array,
  pieces: Pieces,
): void {
  const lo = task.startNs
  let hi = task.endNs
  let stay = task.endStay
  // On the goroutine that began and ended the task everything counts; on any other only what it did for the task.
  let counts: Counts = task.sameGoroutine ? Counts.all : Counts.ofTask
  let triedStart = task.sameGoroutine
  let hops = 0
  const walk: Walk = { stays, visits, members, task, worksFor, causes, groupOfReason, pieces }
  while (hi > lo) {
    const reached = walkGoroutine(walk, stay, lo, hi, counts, counts < Counts.notOfOthers, 0)
    pieces.steps += visits.stepsTaken()
    hi = reached.ns
    if (hi <= lo) return
    if (reached.next >= 0) {
      stay = reached.next
      counts = Counts.ofTask
      continue
    }
    // The trail ends: go on on the goroutine that began the task, as long as what it did is known. What it did for tasks that it began
    // since is none of this one's, which lay in a queue meanwhile: a dispatcher begins one task after the other for others to work at and to end.
    if (triedStart || pieces.steps > pieces.mostSteps) break
    const earlier = reached.lost || hops++ >= MOST_STAGES ? -1 : lastToWork(walk, hi)
    if (earlier >= 0) {
      const reachedNs = Math.min(hi, stays.endNs[earlier & stays.mask])
      const start = visits.stayAt(task.startStay, hi, task.startGoroutine)
      if (!isAtIt(walk, start, reachedNs, hi)) {
        if (reachedNs < hi) pieces.add(QUEUED, reachedNs, hi)
        hi = reachedNs
        stay = earlier
        counts = Counts.ofTask
        continue
      }
    }
    triedStart = true
    counts = reached.lost ? Counts.afterLoss : Counts.notOfOthers
    stay = visits.stayAt(task.startStay, hi, task.startGoroutine)
    if (stay < 0) break
    hi = addOthers(stays, counts, stay, lo, hi, pieces)
  }
  pieces.add(-1, lo, hi)
}

/** What the walk asks. */
interface Walk {
  readonly stays: StayLog
  readonly visits: Visits
  readonly members: MemberTable
  readonly task: PathTask
  readonly worksFor: (serial: number) => boolean
  readonly causes: Causes
  readonly groupOfReason: Uint8Array
  readonly pieces: Pieces
}

/**
 * The last stay of the goroutine that worked for the task last before a time, at which another took it up, of those that had it handed to them: a stage of a
 * pipeline before the next. -1 where there is none, or one that worked on.
 */
function lastToWork(walk: Walk, hi: number): number {
  const { stays, members, task, worksFor } = walk
  let latest = -1
  let latestNs = -1
  let member = task.firstMember
  for (let n = 0; n < MOST_MEMBERS_ASKED && member !== NO_MEMBER; n++) {
    const goroutine = members.goroutine[member]
    const from = members.firstStay[member]
    const at = from & stays.mask
    member = members.next[member]
    if (goroutine === task.startGoroutine || !stays.has(from) || stays.startNs[at] >= hi) continue
    // One that was created for it had nothing handed to it.
    if (stays.previous[at] < 0 && worksFor(stays.wakerTask[at])) continue
    const last = lastVisit(walk, from, hi, goroutine)
    if (last < 0 || Math.min(hi, stays.endNs[last & stays.mask]) <= latestNs) continue
    latest = last
    latestNs = Math.min(hi, stays.endNs[last & stays.mask])
  }
  return latest
}

/** The last stay before a time at which a goroutine worked for the task; -1 where there is none, or where it worked on for more than a moment. */
function lastVisit(
  { stays, visits, task, worksFor, pieces }: Walk,
  from: number,
  hi: number,
  goroutine: number,
): number {
  let stay = visits.stayAt(from, hi, goroutine)
  while (stay >= from && stays.has(stay) && ++pieces.steps <= pieces.mostSteps) {
    const at = stay & stays.mask
    if (stays.startNs[at] < hi && worksFor(stays.task[at])) return stays.endNs[at] <= hi + QUEUE_SLACK_NS ? stay : -1
    const before = visits.beforeOthers(stay, task.serial, false)
    stay = before >= 0 ? before : visits.before(stay, from)
  }
  return -1
}

/** Whether the goroutine that began the task was at it between two times, or at something else for no other task. */
function isAtIt(
  { stays, visits, task, worksFor, groupOfReason, pieces }: Walk,
  last: number,
  fromNs: number,
  toNs: number,
): boolean {
  let stay = last
  while (stays.has(stay) && stays.endNs[stay & stays.mask] > fromNs) {
    if (++pieces.steps > pieces.mostSteps) return true
    const at = stay & stays.mask
    let before = -1
    if (stays.task[at] !== 0 && !worksFor(stays.task[at])) before = visits.beforeOthers(stay, task.serial, true)
    else if (stays.startNs[at] < toNs && !isElsewhere(stays, at, groupOfReason, worksFor)) return true
    stay = before >= 0 ? before : stays.previous[at]
  }
  return false
}

/** Adds the time from the end of a stay on, in which nobody worked for the task. Returns when it began. */
function addOthers(stays: StayLog, counts: Counts, stay: number, lo: number, hi: number, pieces: Pieces): number {
  const endNs = Math.max(stays.endNs[stay & stays.mask], lo)
  if (endNs >= hi) return hi
  pieces.add(counts === Counts.afterLoss ? NONE : QUEUED, endNs, hi)
  return endNs
}

/**
 * Whether a goroutine was at something else than a task that it had begun: it waited for the network, slept or was in a system call, and nobody who
 * worked for the task ended that.
 *
 * @param at place of its stay
 */
function isElsewhere(
  stays: StayLog,
  at: number,
  groupOfReason: Uint8Array,
  worksFor: (serial: number) => boolean,
): boolean {
  const state = stays.state[at]
  if (state !== GoState.waiting) return state === GoState.syscall || state === GoState.syscallBlocked
  const group = groupOfReason[stays.reason[at]]
  return (group === NETWORK_TIME || group === SLEEP_TIME) && !worksFor(stays.wakerTask[at])
}

/**
 * Whether what a goroutine did before it took a task up says that the task lay in no queue: it was woken by the network, where the task was then, or it
 * is not known what it did.
 *
 * @param at place of its stay before
 */
function isFromOutside(stays: StayLog, at: number, groupOfReason: Uint8Array): boolean {
  if (stays.state[at] !== GoState.waiting) return stays.state[at] === GoState.unknown
  return stays.reason[at] === 0 || groupOfReason[stays.reason[at]] === NETWORK_TIME
}

/** Where a walk along one goroutine ended, and where it goes on (-1: nowhere known). */
interface Reached {
  readonly ns: number
  readonly next: number
  /** Whether it is not known what was before: its past is forgotten, or its creator. */
  readonly lost: boolean
}

/**
 * Walks back along one goroutine from `hi` to `lo`. Stops early where the goroutine began, where it picked the task up, or where
 * its past is forgotten.
 *
 * @param stages whether waits are followed over those that the task was handed to before: it changes where `visits` is
 */
function walkGoroutine(
  walk: Walk,
  from: number,
  lo: number,
  hi: number,
  counts: Counts,
  stages: boolean,
  depth: number,
): Reached {
  const { stays, visits, task, worksFor, causes, groupOfReason, pieces } = walk
  let stay = from
  // Whether a wait of the goroutine that began the task is for what comes next: it is at it when the task is taken up, or begins another task after it.
  let forNext = counts === Counts.notOfOthers
  let sawOthers = false
  while (hi > lo) {
    if (!stays.has(stay) || pieces.length > MAX_PIECES || ++pieces.steps > pieces.mostSteps)
      return { ns: hi, next: -1, lost: true }
    const at = stay & stays.mask
    const start = stays.startNs[at]
    if (start >= hi) {
      const previous = stays.previous[at]
      if (previous < 0) return { ns: hi, next: creatorOf(stays, at, worksFor), lost: stays.waker[at] === NONE }
      stay = previous
      continue
    }
    const begin = start > lo ? start : lo
    const ofOther = counts >= Counts.notOfOthers && stays.task[at] !== 0 && !worksFor(stays.task[at])
    const isNext = forNext && !ofOther && isElsewhere(stays, at, groupOfReason, worksFor)
    if (ofOther) forNext = sawOthers = counts === Counts.notOfOthers
    // A short system call, to see whether anything is there yet, comes before and after.
    else if (forNext) forNext = stays.state[at] !== GoState.waiting && (sawOthers || isNext)
    if (ofOther || isNext) {
      pieces.add(counts === Counts.afterLoss ? NONE : QUEUED, begin, hi)
      const before = ofOther && begin > lo ? visits.beforeOthers(stay, task.serial, true) : -1
      if (before >= 0) {
        hi = addOthers(stays, counts, before, lo, begin, pieces)
        stay = before
        continue
      }
    } else if (counts === Counts.ofTask && !worksFor(stays.task[at])) {
      // It did not work for the task here: it was handed the task, by whoever woke it.
      const waker = stays.state[at] === GoState.waiting && worksFor(stays.wakerTask[at]) ? stays.waker[at] : -1
      return { ns: hi, next: stays.has(waker) ? waker : -1, lost: isFromOutside(stays, at, groupOfReason) }
    } else if (stays.state[at] === GoState.waiting && depth < MAX_DEPTH && worksFor(stays.wakerTask[at])) {
      const waker = stays.waker[at]
      let low = hi
      if (stays.has(waker)) low = followWaker(walk, stay, waker, begin, hi, stages, depth + 1)
      // Before the waker took up the task, the waiter's own reason counts.
      pieces.add(stay, begin, low)
    } else {
      const waits = stays.state[at] === GoState.waiting && depth < MAX_DEPTH
      const giver = waits ? causes.giverOf(at, begin, task.serial) : NONE
      if (giver === NONE) pieces.add(stay, begin, hi)
      else {
        // What those did that passed it on is waited for; before that it is what the task's own did.
        const givenNs = Math.min(causes.givenNs, hi)
        pieces.add(stay, givenNs, hi)
        pieces.add(stay, begin, followWaker(walk, stay, giver, begin, givenNs, stages, depth + 1))
      }
    }
    hi = begin
    if (hi <= lo) break
    const previous = stays.previous[at]
    if (previous < 0) return { ns: hi, next: creatorOf(stays, at, worksFor), lost: stays.waker[at] === NONE }
    stay = previous
  }
  return { ns: hi, next: -1, lost: false }
}

/**
 * Follows the waker of a wait for as long as it, and whoever handed it the task, worked for the task. Where it took the task out of a queue, into which another
 * had put it that had it handed to itself, the wait is one for that queue, and before that what the other did. Returns the earliest time covered.
 */
function followWaker(
  walk: Walk,
  wait: number,
  waker: number,
  lo: number,
  hi: number,
  stages: boolean,
  depth: number,
): number {
  const { stays, visits, pieces } = walk
  let stay = waker
  let low = hi
  for (let hops = 0; hops < MAX_DEPTH && low > lo && stay >= 0; hops++) {
    const reached = walkGoroutine(walk, stay, lo, low, Counts.ofTask, stages, depth)
    low = reached.ns
    stay = reached.next
    if (stay >= 0 || low <= lo || reached.lost || !stages) continue
    const earlier = lastToWork(walk, low)
    pieces.steps += visits.stepsTaken()
    const at = earlier & stays.mask
    if (earlier < 0 || stays.state[at] === GoState.waiting || stays.endNs[at] <= lo) continue
    const endNs = Math.min(low, stays.endNs[at])
    pieces.add(wait, endNs, low)
    low = endNs
    stay = earlier
  }
  return low
}

/** The stay of the creator of a goroutine whose first stay lies at slot `at`, when the creator worked for the task. */
function creatorOf(stays: StayLog, at: number, worksFor: (serial: number) => boolean): number {
  const creator = stays.waker[at]
  return stays.has(creator) && worksFor(stays.wakerTask[at]) ? creator : -1
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
