// lock-places.ts: which lock a goroutine waited for, as far as stacks tell it, and what else they tell of waits.
//
// A capture does not name locks. What it shows is where a goroutine waited for one, and where the goroutine that woke it let go of it:
// these two places in the program are about the same lock. Over a capture they make classes of places, and two waits are for one lock
// when their places are in one class.

import { IdTable } from '../base/id-table.ts'
import { TABLE_HEADER_BYTES } from '../base/id-table-layout.ts'
import type { StackFrame } from './breakdown.ts'
import { frameOutsideRuntime, isCut, isServedInAnyOrder, servesAll } from './runtime-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  CHANNEL_PLACE_OF_STACK,
  FUNCTION_OF_PLACE,
  LOCK_FILE,
  LOCK_MUTEX,
  LOCK_OF_STACK,
  LOCK_ONCE,
  LOCK_RW_MUTEX,
  LOCK_STACK_ROOM,
  LOCK_UNHELD,
  LOCK_UNKNOWN,
  MOST_RELEASES,
  PLACE_OF_STACK,
  RELEASE_STACK,
  RELEASES,
  SAME_PLACE_AS,
  STACK_TELLS,
  TELLS_ANY_ORDER,
  TELLS_SERVING,
  TELLS_WHOLE,
} from './states-layout.ts'
import { type Moves, NONE } from './stay-log.ts'

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
  /** What else it tells, and where it waits for a channel: -1 where no frame tells. */
  private tells: Uint8Array = new Uint8Array(0)
  private channelPlaceOf: Int32Array = new Int32Array(0)
  // --- by place ---
  /** Number of its function. */
  private functionOf: Int32Array = new Int32Array(0)
  /** The place it was found to be one with; itself where that is none. */
  private sameAs: Int32Array = new Int32Array(0)
  private readonly placeOfKey = new Map<string, number>()
  private readonly numberOfFunction = new Map<string, number>()
  private readonly numberOfChannelPlace = new Map<string, number>()
  /** Stack rows below this were all asked for. */
  private learned = 0
  /** Waits that nothing else is known of, and by row of theirs the stack at which they were ended. */
  private releases: IdTable
  private readonly releaseStack: Int32Array

  /**
   * @param stacks `TaskTables.stacks`
   * @param kernel which notes where locks are let go of (`kernel/locks.ts`) and explains waits as well
   */
  constructor(
    private readonly stacks: readonly (readonly StackFrame[])[],
    private readonly kernel: StatesKernel,
  ) {
    const { memory, words } = kernel
    this.releases = this.noReleases()
    this.releaseStack = memory.int32(MOST_RELEASES)
    words[RELEASE_STACK >> 2] = this.releaseStack.byteOffset
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
    this.learn(oneStack)
    this.learn(otherStack)
    const place = this.channelPlaceOf[oneStack]
    return place >= 0 && place === this.channelPlaceOf[otherStack]
  }

  /** Whether a goroutine waits at a stack that serves a connection or a pool for whoever comes. */
  isServing(stack: number): boolean {
    return this.told(stack, TELLS_SERVING)
  }

  /** Whether who waits at a stack for a channel is given what it waits for in any order. */
  isServedInAnyOrder(stack: number): boolean {
    return this.told(stack, TELLS_ANY_ORDER)
  }

  /** Whether there is a stack, and it shows what its goroutine runs. */
  isWhole(stack: number): boolean {
    return this.told(stack, TELLS_WHOLE)
  }

  /** A goroutine whose wait nothing is known of was woken at a stack: the only thing that tells which lock it was for. */
  noteRelease(wait: number, releaseStack: number): void {
    const { releases } = this
    if (releases.size >= MOST_RELEASES || !this.isHeld(releaseStack)) return
    const known = releases.find(wait)
    this.releaseStack[known < 0 ? releases.insert(wait) : known] = releaseStack
  }

  /** Stack row at which a goroutine was woken from a wait that nothing else is known of; -1 when none. */
  releaseOf(wait: number): number {
    const row = this.releases.find(wait)
    return row < 0 ? NONE : this.releaseStack[row]
  }

  /** Stays moved. */
  moved(moves: Moves): void {
    const kept: { readonly wait: number; readonly stack: number }[] = []
    this.releases.forEach((wait, row) => {
      if (moves.isKept(wait)) kept.push({ wait, stack: this.releaseStack[row] })
    })
    this.releases.release()
    this.releases = this.noReleases()
    for (const { wait, stack } of kept) this.releaseStack[this.releases.insert(moves.indexOf(wait))] = stack
  }

  /** Finds out what a stack row tells, where it was not asked for yet. */
  learn(stack: number): void {
    if (stack >= this.kindOf.length) this.growStacks(2 ** (32 - Math.clz32(stack)))
    if (this.kindOf[stack] === LOCK_UNKNOWN) this.find(stack)
  }

  /** As `learn`, of all stack rows that there are. */
  learnAll(): void {
    for (; this.learned < this.stacks.length; this.learned++) this.learn(this.learned)
  }

  private noReleases(): IdTable {
    const { memory } = this.kernel
    return new IdTable(64, memory, new Int32Array(memory.buffer, RELEASES, TABLE_HEADER_BYTES >> 2).fill(0))
  }

  /** Whether a stack row, if there is one, tells something. */
  private told(stack: number, what: number): boolean {
    if (stack < 0) return false
    this.learn(stack)
    return (this.tells[stack] & what) !== 0
  }

  /** Kind of lock of a stack row, as columns have it. */
  private kind(stack: number): number {
    this.learn(stack)
    return this.kindOf[stack]
  }

  private find(row: number): void {
    const stack = this.stacks[row]
    const kind = lockKindOf(stack)
    const held = kind === null ? undefined : HELD[kind]
    this.kindOf[row] = held ?? LOCK_UNHELD
    const frame = held === undefined ? undefined : stack.find((one) => !PLUMBING.test(one.function))
    this.placeOf[row] = frame === undefined ? NONE : this.placeAt(frame)
    const serves = servesAll(stack.at(-1)?.function ?? '')
    const drawn = isServedInAnyOrder(stack)
    this.tells[row] = (serves ? TELLS_SERVING : 0) | (drawn ? TELLS_ANY_ORDER : 0) | (isCut(stack) ? 0 : TELLS_WHOLE)
    this.channelPlaceOf[row] = this.channelPlaceAt(frameOutsideRuntime(stack))
  }

  private channelPlaceAt(frame: StackFrame | undefined): number {
    if (frame === undefined) return NONE
    const places = this.numberOfChannelPlace
    const key = placeKey(frame)
    const place = places.get(key) ?? places.size
    places.set(key, place)
    return place
  }

  private placeAt(frame: StackFrame): number {
    const key = placeKey(frame)
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
    this.tells = kernel.place(this.tells, kernel.memory.uint8(size), STACK_TELLS)
    this.channelPlaceOf = kernel.place(this.channelPlaceOf, kernel.memory.int32(size), CHANNEL_PLACE_OF_STACK)
    kernel.words[LOCK_STACK_ROOM >> 2] = size
  }

  private growPlaces(size: number): void {
    const { kernel } = this
    this.functionOf = kernel.place(this.functionOf, kernel.memory.int32(size), FUNCTION_OF_PLACE)
    this.sameAs = kernel.place(this.sameAs, kernel.memory.int32(size), SAME_PLACE_AS)
  }
}

/** A place of a program, as its text. */
function placeKey(frame: StackFrame): string {
  return `${frame.function}:${frame.line}`
}
