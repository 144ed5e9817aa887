// via.ts: the cause under which people are shown a wait that was ended by somebody who works for no task.
//
// The connection loops of net/http and gRPC read from the network and hand the answer to whoever waits for it in a select: to the
// runtime the client waited for a channel, to its reader it waited for the network. So the one that ended the wait is asked why it had
// been waiting itself. Timers end waits without any goroutine. Waits for locks stay what they are.

import { GoState as goStates } from './breakdown.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  FOR_CHANNEL,
  FOR_COLLECTOR,
  HANDS_OVER,
  IN_BETWEEN,
  MAX_NAMES,
  MOST_FORWARD,
  NETWORK,
  OF_NOBODY,
  QUEUE_REASON,
  SLEEP,
  SYSCALL_CAUSE,
  VIA_UNSETTLED,
} from './states-layout.ts'
import { NONE as none, type StayLog } from './stay-log.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const NONE = none

/** The reason of the time in which no goroutine works for a task that another is to take up. */
export const QUEUE = 'queue'

/** The registers with the rows of the reasons that are causes. */
const CAUSES = { network: NETWORK, sleep: SLEEP, syscall: SYSCALL_CAUSE } as const
const CAUSE_NAMES = ['network', 'sleep', 'syscall'] as const

/** Rows of the reasons that are causes, made when first needed. */
export class Causes {
  /** By reason, for the kernel: the cause of a wait that nobody ended, -1 what was not asked yet; and truth values of what a reason is. */
  private readonly ofNobody: Int32Array
  private readonly handsOver: Uint8Array
  private readonly inBetween: Uint8Array
  private readonly forCollector: Uint8Array
  private readonly channels: Uint8Array
  private readonly atPlaces: boolean[] = []

  constructor(
    private readonly reasonRow: (text: string) => number,
    private readonly reasons: readonly string[],
    private readonly kernel: StatesKernel,
  ) {
    const { memory, words } = kernel
    this.ofNobody = memory.int32(MAX_NAMES).fill(-1)
    this.handsOver = memory.uint8(MAX_NAMES)
    this.inBetween = memory.uint8(MAX_NAMES)
    this.forCollector = memory.uint8(MAX_NAMES)
    this.channels = memory.uint8(MAX_NAMES)
    words[OF_NOBODY >> 2] = this.ofNobody.byteOffset
    words[HANDS_OVER >> 2] = this.handsOver.byteOffset
    words[IN_BETWEEN >> 2] = this.inBetween.byteOffset
    words[FOR_COLLECTOR >> 2] = this.forCollector.byteOffset
    words[FOR_CHANNEL >> 2] = this.channels.byteOffset
    for (const name of CAUSE_NAMES) words[CAUSES[name] >> 2] = NONE
    words[QUEUE_REASON >> 2] = NONE
    for (let row = 0; row < reasons.length; row++) this.note(row)
  }

  /** Finds out what the reason of a new row is. */
  note(row: number): void {
    const reason = this.reasons[row]
    // When something is handed over, or may be: of waits since before the capture the reason is not known. A lock is let go of instead, and
    // whoever held it is to blame, whatever that one did: it is shown under no other cause.
    this.handsOver[row] = /^(chan |select|sync\.\(\*Cond\)|$)/.test(reason) ? 1 : 0
    // What comes in between what a goroutine does anyway: the collector's waits, and locks.
    this.inBetween[row] = /^(sync|GC|runtime|wait until GC ends|preempted)$|^GC /.test(reason) ? 1 : 0
    this.forCollector[row] = /^GC( |$)|^wait until GC ends$|^preempted$/.test(reason) ? 1 : 0
    this.atPlaces[row] = /^(select|sync\.\(\*Cond\)\.Wait)$/.test(reason)
    this.channels[row] = /^(chan |select$)/.test(reason) ? 1 : 0
    // Asked for by itself, whether it is a cause of anything or not.
    if (reason === 'network') this.kernel.words[NETWORK >> 2] = row
  }

  get network(): number {
    return this.cause('network')
  }

  get sleep(): number {
    return this.cause('sleep')
  }

  get syscall(): number {
    return this.cause('syscall')
  }

  /** Row of the reason under which a task lies in a queue: none of the runtime's. */
  get queue(): number {
    const { words } = this.kernel
    if (words[QUEUE_REASON >> 2] === NONE) words[QUEUE_REASON >> 2] = this.reasonRow(QUEUE)
    return words[QUEUE_REASON >> 2]
  }

  /** Row of a cause, made when it is first asked for. */
  private cause(name: keyof typeof CAUSES): number {
    const { words } = this.kernel
    const register = CAUSES[name] >> 2
    return words[register] === NONE ? (words[register] = this.reasonRow(name)) : words[register]
  }

  /** Whether a reason is the network, for which no row is made. */
  isNetwork(reason: number): boolean {
    return reason === this.kernel.words[NETWORK >> 2]
  }

  /** Whether a wait of a reason may be for the network by where it is (`waitsForNetwork`). */
  mayBeNetwork(reason: number): boolean {
    return this.atPlaces[reason]
  }

  isCause(reason: number): boolean {
    return reason === this.network || reason === this.sleep || reason === this.syscall
  }

  /** Whether a wait of a reason ends when something is handed over, or may. */
  isHandOver(reason: number): boolean {
    return this.handsOver[reason] === 1
  }

  /** Whether a wait of a reason, or under a cause, is for the collector. */
  isForCollector(reason: number): boolean {
    return this.forCollector[reason] === 1
  }

  /** Whether a wait of a reason is for a channel. */
  isChannel(reason: number): boolean {
    return this.channels[reason] === 1
  }

  /**
   * Cause of a wait that no goroutine ended: timers run on the scheduler's own stack, and besides them only the network poller ends waits
   * there, those of reason "network". 0 when the reason is none that a timer ends.
   */
  ofWaitEndedByNobody(reason: number): number {
    const known = this.ofNobody[reason]
    if (known >= 0) return known
    return (this.ofNobody[reason] = /^(chan receive|select)$/.test(this.reasons[reason]) ? this.sleep : 0)
  }

  /**
   * What had woken a goroutine that now ends a wait: a reason row, `VIA_UNSETTLED`, or 0 for nothing that says more than the wait's own
   * reason (`kernel/via.ts`).
   *
   * @param waker its stay now
   * @param ownReason reason of the wait
   * @param sinceNs start of the wait: what was before it did not hold it up
   * @param nowNs its end
   * @param annotates whether it says itself for whom it works: what it did for a task is that one's doing
   */
  ofWaker(waker: number, ownReason: number, sinceNs: number, nowNs: number, annotates: boolean): number {
    // The kernel makes none.
    for (const name of CAUSE_NAMES) this.cause(name)
    return this.kernel.call.ofWaker(waker, ownReason, sinceNs, nowNs, annotates ? 1 : 0)
  }

  /**
   * The stay at which one that works for a task gave what others without a task passed on to end a wait, after it had begun; -1 where none did
   * (`kernel/passed-on.ts`).
   *
   * @param at place of the wait
   */
  giverOf(at: number, sinceNs: number, serial: number): number {
    return this.kernel.call.giverOf(at, sinceNs, serial)
  }

  /** When that was. */
  get givenNs(): number {
    return this.kernel.call.lastGivenNs()
  }

  /** Whether the goroutine of a stay is one that a timer had started, and has waited for nothing else since (`kernel/via.ts`). */
  isTimers(stay: number): boolean {
    return this.kernel.call.isTimers(stay) !== 0
  }

  /** The cause of the wait at a slot, where it was left unsettled by what its waker did next: a loop that reads from the network reads again. */
  settled(stays: StayLog, slot: number): number {
    const via = stays.via[slot]
    if (via !== VIA_UNSETTLED) return via
    let at = stays.waker[slot]
    for (let steps = 0; steps < MOST_FORWARD && stays.has(at); steps++) {
      const there = at & stays.mask
      const reason = stays.reason[there]
      if (stays.state[there] === GoState.waiting && reason !== stays.reason[slot] && this.isCause(reason)) return reason
      at = stays.next[there]
    }
    return 0
  }
}
