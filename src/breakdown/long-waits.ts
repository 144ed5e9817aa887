// long-waits.ts: what lay behind the long waits of a task: who held the lock, or else ended the wait, and what that one did meanwhile; and
// who ran while the task waited for a processor.
//
// The blame ends there. Who held up the one that held the task up is its own request's matter.

import { emptyBreakdown, GoState, type Holder, type LongWait, type Runner } from './breakdown.ts'
import type { LockPlaces } from './lock-places.ts'
import { type Hold, type HolderSearch, holdersOf, slotHoldersOf, taskDuring } from './locks.ts'
import type { Runners } from './runners.ts'
import {
  LEAST_LONG_NS,
  LEAST_LONG_SHARE,
  LONG_NS,
  MOST_HOLDERS_TOLD,
  MOST_LOCK_STAYS,
  MOST_SERVED_STAYS,
  MOST_SHARE_PASSING,
  MOST_STAYS_GIVEN,
  MOST_STAYS_NAMING,
  MOST_STAYS_PASSING,
  MOST_WAITS,
  MOST_WAKER_STAYS,
} from './states-layout.ts'
import { NONE, type StayLog } from './stay-log.ts'
import type { Causes } from './via.ts'
import { addPart } from './window.ts'

/** What one to blame did. */
type Done = Pick<LongWait, 'waker' | 'wakerStack' | 'wakerEntry'>

const NOBODY: Done = { waker: null, wakerStack: NONE, wakerEntry: NONE }

/** A piece of a path that may be long. */
export interface PathPiece {
  readonly stay: number
  readonly fromNs: number
  readonly toNs: number
  /** Row of the timeline. */
  readonly row: number
  /** Row of the reason under which people see the wait; 0 when it is its own. */
  readonly via: number
  /** Whether the task lay in a queue: then the stay is that of the goroutine that took it up. */
  readonly queued?: boolean
}

/** Whether a piece of a task that took so long is long enough to be explained. */
export function isLong(pieceNs: number, taskNs: number): boolean {
  return pieceNs >= LEAST_LONG_NS && pieceNs >= Math.min(LEAST_LONG_SHARE * taskNs, LONG_NS)
}

/**
 * Explains the longest of some pieces.
 *
 * @param worksFor whether a task serial means the task itself or one that descends from it
 * @param isAbove whether a task serial means one that the task descends from
 * @param taskIdOf id of a task serial, -1 when it is not known any more
 * @param endNsOfTask when the task of a serial ended; Infinity while it has not, or when that is not known any more
 * @param isOthers whether the goroutine of a stay works for a task only since it was created in it, and what it was given last came from another
 *   request
 */
export function explainWaits(
  stays: StayLog,
  reasons: readonly string[],
  places: LockPlaces,
  causes: Causes,
  runnersTable: Runners,
  worksFor: (serial: number) => boolean,
  isAbove: (serial: number) => boolean,
  pieces: PathPiece[],
  taskIdOf: (serial: number) => number,
  isOthers: (waker: number, task: number, giver: number) => boolean,
  endNsOfTask: (serial: number) => number,
): LongWait[] {
  pieces.sort((x, y) => y.toNs - y.fromNs - (x.toNs - x.fromNs))
  const waits: LongWait[] = []
  const heldBy = (row: number, wakerTask: number, holds: readonly Hold[]): LongWait => {
    const all = byHolder(stays, holds)
    const holders = all
      .slice(0, MOST_HOLDERS_TOLD)
      .map(({ goroutine, task, ns }): Holder => ({ goroutine, taskId: task > 0 ? taskIdOf(task) : 0, ns }))
    const known = all.length > 0 && all[0].goroutine >= 0
    const did = known ? doneMeanwhile(stays, reasons, places, causes, all[0].holds) : NOBODY
    return { row, ...did, wakerTask, holders, runners: [] }
  }
  runnersTable.beginTask()
  const search: HolderSearch = { stays: MOST_LOCK_STAYS, endNsOfTask }
  const isOther = (serial: number): boolean => !worksFor(serial) && !isAbove(serial)
  /** Whether who ended a wait took the task up in the middle of it: it worked for it then, or for most of the rest, if not to the end. */
  const tookUp = (waker: number, serial: number, toNs: number, at: number): boolean =>
    worksFor(serial) ||
    ((serial === 0 || isAbove(serial)) && worksFor(taskDuring(stays, waker, toNs, stays.endNs[at], search)))
  for (const { stay, fromNs, toNs, row, via, queued } of pieces.slice(0, MOST_WAITS)) {
    const at = stay & stays.mask
    if (queued === true) {
      const served = servedBefore(stays, stay, fromNs, toNs, isOther, MOST_SERVED_STAYS, search)
      if (served.length > 0) waits.push(heldBy(row, 0, served))
      continue
    }
    if (stays.state[at] === GoState.runnable) {
      const runners = runnersTable.of(stays, stay, fromNs, toNs)
      if (runners.length > 0) waits.push(waitForProcessor(row, runners))
      continue
    }
    let waker = stays.waker[at]
    // What came from elsewhere is no task's doing.
    const wokenFor = via !== 0 ? 0 : stays.wakerTask[at]
    let serial = wokenFor
    // A worker is back at the one above, or at none, when it ends a wait after its job.
    if (via === 0 && (serial === 0 || isAbove(serial))) {
      serial = taskDuring(stays, waker, fromNs, toNs, search) || serial
    }
    if (serial > 0 && !worksFor(serial) && causes.isHandOver(stays.reason[at])) {
      const giver = giverOf(stays, causes, waker)
      if (giver > 0 && isOthers(waker, serial, giver)) serial = 0
    } else if (serial === 0 && !causes.isNetwork(via) && causes.isHandOver(stays.reason[at])) {
      const passedOn = waitOfPasser(stays, causes, waker, fromNs, toNs)
      if (passedOn !== NONE && places.isServing(stays.stack[passedOn & stays.mask])) {
        const giver = stays.waker[passedOn & stays.mask]
        const task = stays.wakerTask[passedOn & stays.mask] || taskDuring(stays, giver, fromNs, toNs, search)
        // One that works for no task is told by the function that it runs.
        if (stays.has(giver) && !worksFor(task)) {
          serial = task
          waker = giver
        }
      }
    }
    const wakerTask = serial > 0 ? taskIdOf(serial) : 0
    let holds: Hold[] = []
    if (via === 0 && toNs < stays.endNs[at] && causes.isChannel(stays.reason[at]) && tookUp(waker, wokenFor, toNs, at))
      holds = servedBefore(stays, waker, fromNs, toNs, isOther, MOST_LOCK_STAYS, search)
    else if (places.isHeld(stays.stack[at])) holds = holdersOf(stays, places, stay, fromNs, toNs, search)
    else if (via === 0 && causes.isChannel(stays.reason[at]))
      holds = slotHoldersOf(stays, places, stay, fromNs, toNs, search)
    if (holds.length > 0) {
      waits.push(heldBy(row, wakerTask, holds))
      continue
    }
    if (!stays.has(waker)) continue
    const did = doneMeanwhile(stays, reasons, places, causes, [{ stay: waker, fromNs, toNs }])
    waits.push({ row, ...did, wakerTask, holders: [], runners: [] })
  }
  return waits.sort((x, y) => x.row - y.row)
}

/** A wait for a processor, by its row of the timeline. */
export function waitForProcessor(row: number, runners: Runner[]): LongWait {
  return { row, ...NOBODY, wakerTask: 0, holders: [], runners }
}

/**
 * The wait of a goroutine that only passed something on: a short while before it ended a wait it was given it itself, by another. The read loop
 * of a connection of net/http is told by whoever has read an answer to its end, and hands the connection to whoever waits for one. None where
 * the goroutine that ends the wait had worked in between.
 */
function waitOfPasser(stays: StayLog, causes: Causes, waker: number, fromNs: number, toNs: number): number {
  let stay = waker
  for (let n = 0; n < MOST_STAYS_PASSING && stays.has(stay); n++) {
    const at = stay & stays.mask
    if (stays.state[at] === GoState.waiting) {
      const short = stays.endNs[at] > fromNs && toNs - stays.endNs[at] <= MOST_SHARE_PASSING * (toNs - fromNs)
      return short && causes.isHandOver(stays.reason[at]) ? stay : NONE
    }
    stay = stays.previous[at]
  }
  return NONE
}

/** Serial of the task that gave a goroutine what it waited for last, by a channel; 0 where none did, or it is not known. */
function giverOf(stays: StayLog, causes: Causes, waker: number): number {
  let stay = waker
  for (let n = 0; n < MOST_STAYS_GIVEN && stays.has(stay); n++) {
    const at = stay & stays.mask
    if (stays.state[at] === GoState.waiting && causes.isHandOver(stays.reason[at])) return stays.wakerTask[at]
    stay = stays.previous[at]
  }
  return 0
}

/**
 * Whom a worker served before it took up the task of the one that waits for it, latest first, where that is more than half of the wait, or of the latest
 * of it that is looked at: then it was taken, as a slot is. What lies before that is nobody's. None where it was idle, or does not tell for whom it works.
 *
 * @param isOther whether a task is neither the one that waits, nor below it, nor above
 * @param most stays that are looked at
 */
function servedBefore(
  stays: StayLog,
  worker: number,
  fromNs: number,
  toNs: number,
  isOther: (serial: number) => boolean,
  most: number,
  search: HolderSearch,
): Hold[] {
  const holds: Hold[] = []
  let stay = worker
  let servedNs = 0
  let lookedFromNs = toNs
  for (let n = 0; n < most && search.stays > 0 && stays.has(stay); n++, search.stays--) {
    const at = stay & stays.mask
    if (stays.endNs[at] <= fromNs) break
    const from = Math.max(stays.startNs[at], fromNs)
    lookedFromNs = Math.min(toNs, from)
    const to = Math.min(stays.endNs[at], toNs)
    const task = stays.task[at]
    const last = holds.at(-1)
    if (to > from && task > 0 && isOther(task)) {
      servedNs += to - from
      if (last?.task === task && last.fromNs === to) holds[holds.length - 1] = { ...last, fromNs: from }
      else holds.push({ stay, task, fromNs: from, toNs: to })
    }
    stay = stays.previous[at]
  }
  const isKnown = !stays.has(stay)
  if (servedNs * 2 <= toNs - (isKnown ? fromNs : lookedFromNs)) return []
  if (!isKnown && lookedFromNs > fromNs) holds.push({ stay: NONE, task: 0, fromNs, toNs: lookedFromNs })
  return holds
}

/** The stretches of each holder, the one that held longest first; goroutine -1 where it is not known who held. */
function byHolder(
  stays: StayLog,
  holds: readonly Hold[],
): { goroutine: number; task: number; ns: number; holds: Hold[] }[] {
  const holders = new Map<string, { goroutine: number; task: number; ns: number; holds: Hold[] }>()
  for (const hold of holds) {
    const goroutine = hold.stay < 0 ? -1 : stays.goroutine[hold.stay & stays.mask]
    const key = `${goroutine} ${hold.task}`
    let holder = holders.get(key)
    if (holder === undefined) holders.set(key, (holder = { goroutine, task: hold.task, ns: 0, holds: [] }))
    holder.ns += hold.toNs - hold.fromNs
    holder.holds.push(hold)
  }
  return [...holders.values()].sort((x, y) => y.ns - x.ns)
}

/**
 * What a goroutine did in stretches, each of which ended when it was in a stay, and where it waited longest. Its waits are under the causes
 * that people are shown them under.
 */
function doneMeanwhile(
  stays: StayLog,
  reasons: readonly string[],
  places: LockPlaces,
  causes: Causes,
  stretches: readonly Pick<Hold, 'stay' | 'fromNs' | 'toNs'>[],
): Done {
  const waker = emptyBreakdown()
  let covered = 0
  let longestNs = 0
  let wakerStack = NONE
  let steps = 0
  for (const { stay: last, fromNs, toNs } of stretches) {
    waker.totalNs += toNs - fromNs
    let stay = last
    for (; steps < MOST_WAKER_STAYS && stays.has(stay); steps++) {
      const at = stay & stays.mask
      if (stays.endNs[at] <= fromNs) break
      const ns = Math.min(stays.endNs[at], toNs) - Math.max(stays.startNs[at], fromNs)
      const reason = reasons[causes.settled(stays, at) || stays.reason[at]]
      if (ns > 0 && addPart(waker, stays.state[at], reason, ns)) {
        covered += ns
        if (stays.state[at] !== GoState.running && stays.state[at] !== GoState.runnable && ns > longestNs) {
          longestNs = ns
          wakerStack = stays.stack[at]
        }
      }
      stay = stays.previous[at]
    }
  }
  waker.unknownNs = waker.totalNs - covered
  return { waker, wakerStack, wakerEntry: entryOf(stays, places, stretches[0].stay) }
}

/**
 * Row of a whole stack of a goroutine, seen as near as can be to one of its stays: it was created with one, and has one wherever it waits, of
 * which the deepest are cut.
 */
function entryOf(stays: StayLog, places: LockPlaces, stay: number): number {
  for (const side of [stays.previous, stays.next]) {
    let at = stay
    for (let n = 0; n < MOST_STAYS_NAMING && stays.has(at); n++) {
      const slot = at & stays.mask
      if (places.isWhole(stays.stack[slot])) return stays.stack[slot]
      at = side[slot]
    }
  }
  return NONE
}
