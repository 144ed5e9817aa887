// wait-stacks.ts: what the stacks of events say of waits: where a goroutine waits, whose wait that is, and which lock is let go of.

import { GoState as goStates } from './breakdown.ts'
import type { GenerationNames } from './generation-names.ts'
import { type GoroutineStates, SystemKind } from './goroutine-states.ts'
import type { LockPlaces } from './lock-places.ts'
import { MOST_STAYS_BEFORE_RELEASE } from './states-layout.ts'
import { NONE as none } from './stay-log.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates
const NONE = none

/** The reason that Go 1.22 and newer give for a goroutine that stands still while its stack is scanned. */
const SCANNED = 'preempted'

/** Takes stacks of the generation in hand, of goroutines by their rows. What it finds is noted with their stays. */
export class WaitStacks {
  /** @param kept whether stacks are kept */
  constructor(
    private readonly states: GoroutineStates,
    private readonly names: GenerationNames,
    private readonly lockPlaces: LockPlaces,
    private readonly kept: boolean,
  ) {}

  /**
   * Whether the network poller ended a wait, though the event names a goroutine: the runtime asks it on whatever goroutine has it start the
   * world again, say. Who closes a connection, or moves its deadline, ends the wait in `internal/poll`.
   */
  endedByPoller(row: number, stack: number): boolean {
    const { stays, stay, state, causes } = this.states
    if (state[row] !== GoState.waiting || stack === 0 || !stays.has(stay[row])) return false
    return causes.isNetwork(stays.reason[stay[row] & stays.mask]) && this.names.runtimeCause(stack) !== 0
  }

  /** Remembers where a goroutine waits. */
  keep(row: number, stack: number): void {
    const { stays, stay } = this.states
    if (this.kept && stack !== 0) stays.stack[stay[row] & stays.mask] = this.names.stackRow(stack)
  }

  /**
   * A wait that may be the runtime's own, or for the network, says so by where it is. A goroutine of the program that blocks for no reason and
   * with no stack, other than to switch to a coroutine, stands still while its stack is scanned: so Go 1.14 to 1.21 write it (runtime/proc.go,
   * preemptPark, which asks for no stack), and no other wait of a program. From Go 1.22 on it has a reason, which it is shown under.
   *
   * @param bare whether it has neither a reason nor a stack, and is no such switch
   * @returns row of the cause; 0 where the wait is what its reason says
   */
  causeOfPlace(row: number, stack: number, bare: boolean): number {
    const scanned = bare && this.states.system[row] === SystemKind.program
    return scanned ? this.states.reasonRow(SCANNED) : this.names.runtimeCause(stack)
  }

  /** A goroutine that waited for a lock is woken: where it waited and where the other let go are places of one lock. */
  noteRelease(row: number, by: number, stack: number): void {
    const { stays, stay } = this.states
    const wait = stay[row] & stays.mask
    const waited = stays.stack[wait]
    if (!this.kept || stack === 0) return
    if (waited < 0 && stays.reason[wait] === 0) {
      this.lockPlaces.noteRelease(stay[row], this.names.stackRow(stack))
      return
    }
    if (!this.lockPlaces.isHeld(waited)) return
    let earlier = NONE
    let at = by
    for (let n = 0; n < MOST_STAYS_BEFORE_RELEASE && earlier === NONE && stays.has(at); n++) {
      const slot = at & stays.mask
      if (stays.state[slot] === GoState.waiting && this.lockPlaces.isHeld(stays.stack[slot]))
        earlier = stays.stack[slot]
      at = stays.previous[slot]
    }
    this.lockPlaces.released(waited, this.names.stackRow(stack), earlier)
  }
}
