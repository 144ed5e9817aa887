// locks.ts: which lock a goroutine waited for, as far as stacks tell it, and who held that lock meanwhile.
//
// A capture does not name locks. What it shows is where a goroutine waited for one, and where the goroutine that woke it let go of it:
// these two places in the program are about the same lock. Over a capture they make classes of places, and two waits are for one lock
// when their places are in one class. The runtime's queue of a lock is first come, first served (Go 1.26, runtime/sema.go), so that a
// goroutine which queued later cannot have had the lock earlier: two locks that one place of the program takes are told apart by it.
//
// Slots that are handed out by a channel (a semaphore, a pool of connections) are held and waited for likewise, and channels queue likewise.
// There a slot is what goroutines wait for at one place of the program, one after the other.

import { GoState, type StackFrame } from './breakdown.ts'
import { frameOutsideRuntime, isCut, isServedInAnyOrder, servesAll } from './runtime-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  FUNCTION_OF_PLACE,
  LOCK_FILE,
  LOCK_MUTEX,
  LOCK_OF_STACK,
  LOCK_ONCE,
  LOCK_RW_MUTEX,
  LOCK_STACK_ROOM,
  LOCK_UNHELD,
  LOCK_UNKNOWN,
  PLACE_OF_STACK,
  SAME_PLACE_AS,
} from './states-layout.ts'
import { type Moves, NONE, type StayLog } from './stay-log.ts'

/** What is waited for under the runtime's reasons `sync…`. */
export type LockKind = 'mutex' | 'rwMutex' | 'once' | 'file' | 'waitGroup' | 'cond'

/** Functions by which a kind of lock is known. */
const KINDS: readonly (readonly [prefix: string, kind: LockKind])[] = [
  ['sync.(*RWMutex).', 'rwMutex'],
  ['sync.(*Mutex).', 'mutex'],
  ['sync.(*Once).', 'once'],
  ['sync.(*WaitGroup).', 'waitGroup'],
  ['sync.(*Cond).', 'cond'],
  // Serializes the reads, and the writes, of one file or connection.
  ['internal/poll.(*fdMutex).', 'file'],
]

/** Kinds that one holds and the others wait for, as columns have them; the others are ended by whoever is done last. */
const HELD: Readonly<Partial<Record<LockKind, number>>> = {
  mutex: LOCK_MUTEX,
  rwMutex: LOCK_RW_MUTEX,
  once: LOCK_ONCE,
  file: LOCK_FILE,
}

/** Kinds that take a mutex inside: a wait for that one is a wait for them. */
const MADE_OF_MUTEX: ReadonlySet<LockKind> = new Set(['rwMutex', 'once'])

/** Waits since before the capture whose ends are remembered: one for each goroutine at most. */
const MOST_RELEASES = 1 << 14

/** Frames from the leaf on in which the kind is looked for. */
const LEAF_FRAMES = 6
/** Packages through which a program takes a lock. */
const PLUMBING = /^(sync|internal\/sync|internal\/poll|runtime|os|net|io|bufio|syscall|crypto\/tls)\./

/** What is locked or waited for, by the functions nearest to the leaf; null when they do not tell. */
export function lockKindOf(stack: readonly StackFrame[]): LockKind | null {
  let found: LockKind | null = null
  for (const frame of stack.slice(0, LEAF_FRAMES)) {
    if (!PLUMBING.test(frame.function)) break
    for (const [prefix, kind] of KINDS) {
      if (!frame.function.startsWith(prefix)) continue
      if (found === null || (found === 'mutex' && MADE_OF_MUTEX.has(kind))) found = kind
    }
  }
  return found
}

/** Whether a kind of lock has a holder. */
export function isHeld(kind: LockKind | null): boolean {
  return kind !== null && HELD[kind] !== undefined
}

/** Places of a program that take or let go of locks, in classes, those of one class about one lock; in columns that the kernel uses as well. */
export class LockPlaces {
  // --- by stack row ---
  /** Kind of lock, as columns have it. */
  private kindOf: Uint8Array = new Uint8Array(0)
  /** Where the program takes or lets go of it. */
  private placeOf: Int32Array = new Int32Array(0)
  // --- by place ---
  /** Number of its function. */
  private functionOf: Int32Array = new Int32Array(0)
  /** The place it was found to be one with; itself where that is none. */
  private sameAs: Int32Array = new Int32Array(0)
  private readonly placeOfKey = new Map<string, number>()
  private readonly numberOfFunction = new Map<string, number>()
  private readonly releases = new Map<number, number>()

  /**
   * @param stacks `TaskTables.stacks`
   * @param kernel which notes where locks are let go of as well (`kernel/locks.ts`)
   */
  constructor(
    private readonly stacks: readonly (readonly StackFrame[])[],
    private readonly kernel: StatesKernel,
  ) {
    this.growStacks(256)
    this.growPlaces(64)
  }

  /** Whether a stack row is about a lock that has a holder. */
  isHeld(stack: number): boolean {
    return stack >= 0 && this.kind(stack) > LOCK_UNHELD
  }

  /**
   * A goroutine that waited at one stack was woken at another: both places are about one lock.
   *
   * @param earlier where the one that let go had waited for a lock before, -1 when it had not
   */
  released(waitStack: number, releaseStack: number, earlier: number): void {
    if (waitStack < 0 || releaseStack < 0) return
    const kind = this.kind(waitStack)
    if (kind === LOCK_UNHELD || this.kind(releaseStack) !== kind) return
    const released = this.placeOf[releaseStack]
    this.unite(this.placeOf[waitStack], released)
    // Readers and writers of a read-write mutex wake each other only: the place where it is taken and the one where it is let go of
    // are of one lock when they are in one function.
    if (kind !== LOCK_RW_MUTEX || earlier < 0 || this.kind(earlier) !== LOCK_RW_MUTEX) return
    const taken = this.placeOf[earlier]
    if (taken >= 0 && released >= 0 && this.functionOf[taken] === this.functionOf[released]) this.unite(taken, released)
  }

  /** Whether two waits are for one lock, as far as it is known. */
  same(oneStack: number, otherStack: number): boolean {
    if (!this.isHeld(oneStack) || otherStack < 0 || this.kind(oneStack) !== this.kind(otherStack)) return false
    const one = this.placeOf[oneStack]
    const other = this.placeOf[otherStack]
    return oneStack === otherStack || (one >= 0 && other >= 0 && this.root(one) === this.root(other))
  }

  /** Whether two waits for channels are at one place of the program. */
  sameChannelPlace(oneStack: number, otherStack: number): boolean {
    if (oneStack < 0 || otherStack < 0) return false
    if (oneStack === otherStack) return true
    const place = this.channelPlace(oneStack)
    return place !== '' && place === this.channelPlace(otherStack)
  }

  /** Whether a goroutine waits at a stack that serves a connection or a pool for whoever comes. */
  isServing(stack: number): boolean {
    return stack >= 0 && servesAll(this.stacks[stack].at(-1)?.function ?? '')
  }

  /** Whether who waits at a stack for a channel is given what it waits for in any order. */
  isServedInAnyOrder(stack: number): boolean {
    return stack >= 0 && isServedInAnyOrder(this.stacks[stack])
  }

  /** Whether there is a stack, and it shows what its goroutine runs. */
  isWhole(stack: number): boolean {
    return stack >= 0 && !isCut(this.stacks[stack])
  }

  /** A goroutine whose wait nothing is known of was woken at a stack: the only thing that tells which lock it was for. */
  noteRelease(wait: number, releaseStack: number): void {
    if (this.releases.size < MOST_RELEASES && this.isHeld(releaseStack)) this.releases.set(wait, releaseStack)
  }

  /** Stack row at which a goroutine was woken from a wait that nothing else is known of; -1 when none. */
  releaseOf(wait: number): number {
    return this.releases.get(wait) ?? NONE
  }

  /** Stays moved. */
  moved(moves: Moves): void {
    const releases = [...this.releases]
    this.releases.clear()
    for (const [wait, stack] of releases) if (moves.isKept(wait)) this.releases.set(moves.indexOf(wait), stack)
  }

  private channelPlace(stack: number): string {
    const frame = frameOutsideRuntime(this.stacks[stack])
    return frame === undefined ? '' : `${frame.function}:${frame.line}`
  }

  /** Kind of lock of a stack row, as columns have it; finds it, and the place, when it was not asked for yet. */
  private kind(stack: number): number {
    if (stack >= this.kindOf.length) this.growStacks(2 ** (32 - Math.clz32(stack)))
    if (this.kindOf[stack] === LOCK_UNKNOWN) this.find(stack)
    return this.kindOf[stack]
  }

  private find(row: number): void {
    const stack = this.stacks[row]
    const kind = lockKindOf(stack)
    const held = kind === null ? undefined : HELD[kind]
    this.kindOf[row] = held ?? LOCK_UNHELD
    const frame = held === undefined ? undefined : stack.find((one) => !PLUMBING.test(one.function))
    this.placeOf[row] = frame === undefined ? NONE : this.placeAt(frame)
  }

  private placeAt(frame: StackFrame): number {
    const key = `${frame.function}:${frame.line}`
    const known = this.placeOfKey.get(key)
    if (known !== undefined) return known
    const place = this.placeOfKey.size
    if (place === this.sameAs.length) this.growPlaces(place * 2)
    let number = this.numberOfFunction.get(frame.function)
    if (number === undefined) this.numberOfFunction.set(frame.function, (number = this.numberOfFunction.size))
    this.functionOf[place] = number
    this.sameAs[place] = place
    this.placeOfKey.set(key, place)
    return place
  }

  private unite(one: number, other: number): void {
    if (one >= 0 && other >= 0) this.sameAs[this.root(one)] = this.root(other)
  }

  private root(place: number): number {
    let at = place
    while (this.sameAs[at] !== at) {
      this.sameAs[at] = this.sameAs[this.sameAs[at]]
      at = this.sameAs[at]
    }
    return at
  }

  /** Makes room for so many stack rows, a power of two. */
  private growStacks(size: number): void {
    const { kernel } = this
    this.kindOf = kernel.place(this.kindOf, kernel.memory.uint8(size), LOCK_OF_STACK)
    this.placeOf = kernel.place(this.placeOf, kernel.memory.int32(size), PLACE_OF_STACK)
    kernel.words[LOCK_STACK_ROOM >> 2] = size
  }

  private growPlaces(size: number): void {
    const { kernel } = this
    this.functionOf = kernel.place(this.functionOf, kernel.memory.int32(size), FUNCTION_OF_PLACE)
    this.sameAs = kernel.place(this.sameAs, kernel.memory.int32(size), SAME_PLACE_AS)
  }
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

/** Holders of one lock looked back over. */
const MOST_HOLDERS = 64
/** Stays of one holder looked back over for its own wait for the lock. */
const MOST_HOLDER_STAYS = 1_024
/** Waits in a row of a goroutine that was woken, found the lock taken and queued again. */
const MOST_QUEUED_AGAIN = 8
/** Stays between two such waits: it became runnable, ran, and may have been preempted once or twice. */
const MOST_STAYS_BETWEEN = 8
/** The event of a wait comes a little after the place in the queue was taken. */
const QUEUE_SLACK_NS = 10_000

/**
 * Who held a lock while a goroutine waited for it, latest first. The goroutine that ended the wait held it to its end: from when its own
 * wait for the same lock ended, else from the beginning. Before that its own waker held it, and so on back. The stretches tile the wait;
 * the last is nobody's where it is not known who woke one of them, or what that one waited for since before the capture.
 *
 * Who took the lock without having to wait is not seen until it wakes somebody: its time counts to the one after it.
 *
 * @param wait the stay that waits
 * @param budget stays that may be looked through, counted down
 */
export function holdersOf(
  stays: StayLog,
  places: LockPlaces,
  wait: number,
  fromNs: number,
  toNs: number,
  budget: { stays: number },
): Hold[] {
  const first = wait & stays.mask
  return chainOf(stays, wait, fromNs, toNs, budget, true, true, (stay) => {
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
  budget: { stays: number },
): Hold[] {
  const first = wait & stays.mask
  const inTurn = !places.isServedInAnyOrder(stays.stack[first])
  const holds = chainOf(stays, wait, fromNs, toNs, budget, false, inTurn, (stay) => {
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
  budget: { stays: number },
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
    for (let n = 0; n < MOST_HOLDER_STAYS && budget.stays > 0 && stays.has(stay); n++, budget.stays--) {
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
      const task = stays.wakerTask[at] || taskDuring(stays, holder, loNs, hiNs, budget)
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
export function taskDuring(
  stays: StayLog,
  last: number,
  fromNs: number,
  toNs: number,
  budget: { stays: number },
): number {
  const sums = new Map<number, number>()
  let stay = last
  for (let n = 0; n < MOST_HOLDER_STAYS && budget.stays > 0 && stays.has(stay); n++, budget.stays--) {
    const at = stay & stays.mask
    if (stays.endNs[at] <= fromNs) break
    const ns = Math.min(stays.endNs[at], toNs) - Math.max(stays.startNs[at], fromNs)
    sums.set(stays.task[at], (sums.get(stays.task[at]) ?? 0) + ns)
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
