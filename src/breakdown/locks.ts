// locks.ts: who held a lock while a goroutine waited for it (`lock-places.ts` says which one that was).
//
// The runtime's queue of a lock is first come, first served (Go 1.26, runtime/sema.go), so that a goroutine which queued later cannot have had
// the lock earlier: two locks that one place of the program takes are told apart by it.
//
// Slots that are handed out by a channel (a semaphore, a pool of connections) are held and waited for likewise, and channels queue likewise.
// There a slot is what goroutines wait for at one place of the program, one after the other.

import { GoState } from './breakdown.ts'
import type { LockPlaces } from './lock-places.ts'
import {
  MOST_HOLDER_STAYS,
  MOST_HOLDERS,
  MOST_QUEUED_AGAIN,
  MOST_STAYS_BETWEEN,
  QUEUE_SLACK_NS,
} from './states-layout.ts'
import { NONE, type StayLog } from './stay-log.ts'

/** What is asked, and how much, while those that held something are looked for. */
export interface HolderSearch {
  /** Stays that may be looked through, counted down. */
  stays: number
  /** When the task of a serial ended; Infinity while it has not, or when that is not known any more. */
  readonly endNsOfTask: (serial: number) => number
}

/** One stretch in which a goroutine held a lock. */
export interface Hold {
  /** Stay of the goroutine at the end of the stretch; -1 when it is not known who held the lock. */
  readonly stay: number
  /** Serial of the task that it worked for when it let go, else of the one that it worked for longest in the stretch; 0 none. */
  readonly task: number
  readonly fromNs: number
  readonly toNs: number
}

/**
 * Who held a lock while a goroutine waited for it, latest first. The goroutine that ended the wait held it to its end: from when its own
 * wait for the same lock ended, else from the beginning. Before that its own waker held it, and so on back. The stretches tile the wait;
 * the last is nobody's where it is not known who woke one of them, or what that one waited for since before the capture.
 *
 * Who took the lock without having to wait is not seen until it wakes somebody: its time counts to the one after it.
 *
 * @param wait the stay that waits
 */
export function holdersOf(
  stays: StayLog,
  places: LockPlaces,
  wait: number,
  fromNs: number,
  toNs: number,
  search: HolderSearch,
): Hold[] {
  const first = wait & stays.mask
  return chainOf(stays, wait, fromNs, toNs, search, true, true, (stay) => {
    const at = stay & stays.mask
    const stack = stays.stack[at] < 0 ? places.releaseOf(stay) : stays.stack[at]
    return places.same(stack, stays.stack[first])
  })
}

/**
 * Who held the slot that a goroutine waited for and was given through a channel, as `holdersOf`: of several slots the one that it was given
 * in the end. None where nobody else is seen to have waited for it: then it is a channel like any other, and who ended the wait says it all.
 */
export function slotHoldersOf(
  stays: StayLog,
  places: LockPlaces,
  wait: number,
  fromNs: number,
  toNs: number,
  search: HolderSearch,
): Hold[] {
  const first = wait & stays.mask
  const inTurn = !places.isServedInAnyOrder(stays.stack[first])
  const holds = chainOf(stays, wait, fromNs, toNs, search, false, inTurn, (stay) => {
    const at = stay & stays.mask
    return stays.reason[at] === stays.reason[first] && places.sameChannelPlace(stays.stack[at], stays.stack[first])
  })
  return holds.length > 1 && holds[1].stay !== NONE ? holds : []
}

/**
 * The chain of those that held something.
 *
 * @param wokenForNothing whether one that was woken may find that it has to queue again
 * @param inTurn whether who queued first is served first
 * @param isForSame whether a wait is for the same thing
 */
function chainOf(
  stays: StayLog,
  wait: number,
  fromNs: number,
  toNs: number,
  search: HolderSearch,
  wokenForNothing: boolean,
  inTurn: boolean,
  isForSame: (stay: number) => boolean,
): Hold[] {
  const holds: Hold[] = []
  const first = wait & stays.mask
  const sameLock = (stay: number): boolean => stays.state[stay & stays.mask] === GoState.waiting && isForSame(stay)
  /** The wait from which a goroutine had been woken for nothing before it queued again; none when it had not. */
  const queuedBefore = (stay: number): number => (wokenForNothing ? waitBefore(stays, stay, sameLock) : NONE)
  /** The wait of a goroutine for the lock, as it queued first: it may have been woken for nothing in between. */
  const queuedNs = (stay: number): number => {
    let startNs = stays.startNs[stay & stays.mask]
    for (let again = queuedBefore(stay), n = 0; again !== NONE && n < MOST_QUEUED_AGAIN; n++) {
      startNs = stays.startNs[again & stays.mask]
      again = queuedBefore(again)
    }
    return startNs
  }
  /** Since when a holder held the lock: from the end of its own wait for it, if there was one; what was before is not always known. */
  const heldSince = (holder: number): { readonly ns: number; readonly own: number; readonly known: boolean } => {
    let stay = holder
    let ns = toNs
    for (let n = 0; n < MOST_HOLDER_STAYS && search.stays > 0 && stays.has(stay); n++, search.stays--) {
      const at = stay & stays.mask
      const startNs = stays.startNs[at]
      if (sameLock(stay)) {
        const isEarlier = !inTurn || queuedNs(stay) <= stays.startNs[first] + QUEUE_SLACK_NS
        return isEarlier ? { ns: stays.endNs[at], own: stay, known: true } : { ns: fromNs, own: NONE, known: true }
      }
      // A wait since before the capture, which may have been for this lock, and events that were lost.
      const waits = stays.state[at] === GoState.waiting && stays.reason[at] === 0
      if (waits || stays.state[at] === GoState.unknown) return { ns: stays.endNs[at], own: NONE, known: false }
      if (startNs <= fromNs) return { ns: fromNs, own: NONE, known: true }
      ns = startNs
      stay = stays.previous[at]
    }
    // It was created meanwhile: a lock can be let go of by another goroutine than took it.
    return { ns, own: NONE, known: false }
  }
  let waiting = wait
  let hiNs = toNs
  for (let hops = 0; hops < MOST_HOLDERS && hiNs > fromNs; hops++) {
    const at = waiting & stays.mask
    const holder = stays.waker[at]
    if (!stays.has(holder)) break
    const since = heldSince(holder)
    const before = waiting === wait ? NONE : queuedBefore(waiting)
    const beforeNs = before === NONE ? fromNs : stays.endNs[before & stays.mask]
    const loNs = Math.max(fromNs, Math.min(hiNs, Math.max(since.ns, beforeNs)))
    if (loNs < hiNs) {
      const task = stays.wakerTask[at] || taskDuring(stays, holder, loNs, hiNs, search)
      holds.push({ stay: holder, task, fromNs: loNs, toNs: hiNs })
    }
    hiNs = loNs
    waiting = since.ns >= beforeNs ? since.own : before
    if (waiting === NONE) break
  }
  if (hiNs > fromNs) holds.push({ stay: NONE, task: 0, fromNs, toNs: hiNs })
  return holds
}

/**
 * Serial of the task that a goroutine worked for during most of a stretch that ended in a stay; 0 none. Its span may be over before it lets go of
 * a lock, or takes the next job.
 */
export function taskDuring(stays: StayLog, last: number, fromNs: number, toNs: number, search: HolderSearch): number {
  const sums = new Map<number, number>()
  let stay = last
  for (let n = 0; n < MOST_HOLDER_STAYS && search.stays > 0 && stays.has(stay); n++, search.stays--) {
    const at = stay & stays.mask
    if (stays.endNs[at] <= fromNs) break
    const from = Math.max(stays.startNs[at], fromNs)
    const to = Math.min(stays.endNs[at], toNs)
    const task = stays.task[at]
    // A stay goes on where the task ends: what came after that was left behind.
    const untilNs = task === 0 ? to : Math.max(from, Math.min(to, search.endNsOfTask(task)))
    sums.set(task, (sums.get(task) ?? 0) + untilNs - from)
    stay = stays.previous[at]
  }
  for (const [task, ns] of sums) if (ns * 2 > toNs - fromNs) return task
  return 0
}

/** The wait for the same lock that a goroutine had just before another; none when it had not. */
function waitBefore(stays: StayLog, wait: number, sameLock: (stay: number) => boolean): number {
  let stay = stays.previous[wait & stays.mask]
  for (let n = 0; n < MOST_STAYS_BETWEEN && stays.has(stay); n++) {
    const at = stay & stays.mask
    if (stays.state[at] === GoState.waiting) return sameLock(stay) ? stay : NONE
    if (stays.state[at] !== GoState.running && stays.state[at] !== GoState.runnable) return NONE
    stay = stays.previous[at]
  }
  return NONE
}
