// lock-stacks.ts: where goroutines wait for locks and let go of them, by chance.

import type { Random } from './random.ts'

/** Functions that take or let go of locks. */
const PLACES = Array.from({ length: 40 }, (_, place) => `main.lock${place}`)
/** Waits that are the runtime's own, or for none that has a holder, or of which no place is known. */
const NO_LOCKS = [
  ['sync.(*WaitGroup).Wait', 'main.wait'],
  ['sync.(*Mutex).Lock'],
  ['runtime.gcMarkDone'],
  ['main.select'],
  [],
] as const

/** Stacks of goroutines, the leaf first. */
export class LockStacks {
  /** What each goroutine waited for last. */
  private readonly lockOf = new Map<number, readonly [kind: string, place: string]>()

  constructor(private readonly random: Random) {}

  /** Where a goroutine waits. */
  waitAt(goroutine: number): readonly string[] {
    const { random } = this
    if (random.below(4) === 0) return random.pick(NO_LOCKS)
    const kind = random.pick(['Mutex', 'RWMutex'])
    const place = random.pick(PLACES)
    this.lockOf.set(goroutine, [kind, place])
    return [`sync.(*${kind}).${random.pick(['Lock', kind === 'Mutex' ? 'TryLock' : 'RLock'])}`, place]
  }

  /** Where one wakes another: it lets go of the lock that it had waited for itself, mostly. */
  wakeAt(goroutine: number, woken: number): readonly string[] {
    const { random } = this
    if (random.below(8) === 0) return random.pick(NO_LOCKS)
    const own = this.lockOf.get(goroutine)
    const [kind, waitsAt] = (random.below(4) === 0 ? undefined : this.lockOf.get(woken)) ?? [
      'Mutex',
      random.pick(PLACES),
    ]
    const other = random.below(4) === 0 ? random.pick(PLACES) : waitsAt
    const place = own !== undefined && random.below(2) === 0 ? own[1] : other
    // In the same function, but not at the same place of it.
    return kind === 'Mutex'
      ? ['sync.(*Mutex).Unlock', place]
      : ['sync.(*RWMutex).unlockSlow', 'sync.(*RWMutex).Unlock', place]
  }
}
