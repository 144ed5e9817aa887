// via.ts: the cause under which people are shown a wait that was ended by somebody who works for no task.
//
// The connection loops of net/http and gRPC read from the network and hand the answer to whoever waits for it in a select: to the
// runtime the client waited for a channel, to its reader it waited for the network. So the one that ended the wait is asked why it had
// been waiting itself. Timers end waits without any goroutine. Waits for locks stay what they are.

import type { Columns } from '../base/columns.ts'
import { GoState as goStates } from './breakdown.ts'
import { HANDS_OVER, MAX_NAMES, OF_NOBODY } from './states-layout.ts'
import { NONE as none, type StayLog } from './stay-log.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoState = goStates
const NONE = none

/** In `StayLog.via`: the waker had waited since before the capture, so that its reason is only told by what it does next. */
export const VIA_UNSETTLED = 0xffff

/** Stays that are looked back over, and forward. */
const MOST_BACK = 64
const MOST_FORWARD = 16

/** Rows of the reasons that are causes, made when first needed. */
export class Causes {
  private networkRow = -1
  private sleepRow = -1
  private syscallRow = -1
  /** By reason, for the kernel as well: the cause of a wait that nobody ended; 1 for a wait that ends with a hand-over; -1 what was not asked yet. */
  private readonly ofNobody: Int32Array
  private readonly handsOver: Int32Array
  private readonly channels: (boolean | undefined)[] = []
  private readonly inBetween: (boolean | undefined)[] = []
  private readonly collectors: (boolean | undefined)[] = []

  constructor(
    private readonly reasonRow: (text: string) => number,
    private readonly reasons: readonly string[],
    columns: Columns,
    words: Int32Array,
  ) {
    this.ofNobody = columns.int32(MAX_NAMES).fill(-1)
    this.handsOver = columns.int32(MAX_NAMES).fill(-1)
    words[OF_NOBODY >> 2] = this.ofNobody.byteOffset
    words[HANDS_OVER >> 2] = this.handsOver.byteOffset
  }

  get network(): number {
    return this.networkRow < 0 ? (this.networkRow = this.reasonRow('network')) : this.networkRow
  }

  get sleep(): number {
    return this.sleepRow < 0 ? (this.sleepRow = this.reasonRow('sleep')) : this.sleepRow
  }

  get syscall(): number {
    return this.syscallRow < 0 ? (this.syscallRow = this.reasonRow('syscall')) : this.syscallRow
  }

  isCause(reason: number): boolean {
    return reason === this.network || reason === this.sleep || reason === this.syscall
  }

  /**
   * Whether a wait of a reason ends when something is handed over, or may: of waits since before the capture the reason is not known. A lock
   * is let go of instead, and whoever held it is to blame, whatever that one did: it is shown under no other cause.
   */
  isHandOver(reason: number): boolean {
    const known = this.handsOver[reason]
    if (known >= 0) return known === 1
    const handsOver = /^(chan |select|sync\.\(\*Cond\)|$)/.test(this.reasons[reason])
    this.handsOver[reason] = handsOver ? 1 : 0
    return handsOver
  }

  /** Whether a wait of a reason is for a channel. */
  isChannel(reason: number): boolean {
    return (this.channels[reason] ??= /^(chan |select$)/.test(this.reasons[reason]))
  }

  /** Whether a wait of a reason comes in between what a goroutine does anyway: the collector's, and locks. */
  private isInBetween(reason: number): boolean {
    return (this.inBetween[reason] ??= /^(sync|GC|runtime|wait until GC ends|preempted)$|^GC /.test(
      this.reasons[reason],
    ))
  }

  /** Whether a wait of a reason is for the collector. */
  private isForCollector(reason: number): boolean {
    return (this.collectors[reason] ??= /^GC( |$)|^wait until GC ends$|^preempted$/.test(this.reasons[reason]))
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
   * reason. Between two causes the one that took longer counts (a read from the network, say, and the system call that follows it); waits for
   * the collector and for locks after it are passed over while they were shorter. Where they were longer, and mostly for the collector, that is
   * the cause.
   *
   * @param waker its stay now
   * @param ownReason reason of the wait
   * @param sinceNs start of the wait: what was before it did not hold it up
   */
  ofWaker(stays: StayLog, waker: number, ownReason: number, sinceNs: number): number {
    let at = waker
    let callNs = 0
    let otherNs = 0
    let betweenNs = 0
    let collectorNs = 0
    let collector = 0
    for (let steps = 0; steps < MOST_BACK && stays.has(at); steps++) {
      const slot = at & stays.mask
      const state = stays.state[slot]
      if (state === GoState.unknown) return 0
      const from = stays.startNs[slot] > sinceNs ? stays.startNs[slot] : sinceNs
      const ns = stays.endNs[slot] > from && stays.endNs[slot] !== Infinity ? stays.endNs[slot] - from : 0
      if (state === GoState.waiting) {
        const via = stays.via[slot]
        const reason = via > 0 ? via : stays.reason[slot]
        const found = stays.waker[slot] === NONE && reason === 0 ? VIA_UNSETTLED : reason
        if (found === VIA_UNSETTLED || this.isCause(found)) {
          if (betweenNs > ns && betweenNs > callNs) return collectorNs * 2 > betweenNs ? collector : 0
          return this.other(callNs > ns ? this.syscall : found, ownReason)
        }
        if (!this.isInBetween(found)) {
          if (collectorNs * 2 > otherNs + betweenNs + ns) return collector
          return callNs * 2 > otherNs ? this.other(this.syscall, ownReason) : 0
        }
        betweenNs += ns
        if (this.isForCollector(found)) {
          // Of several the earliest is told: they are of one group.
          collectorNs += ns
          collector = found
        }
        at = stays.previous[slot]
        if (at === NONE) return 0
        continue
      }
      if (state === GoState.syscall || state === GoState.syscallBlocked) callNs += ns
      otherNs += ns
      const previous = stays.previous[slot]
      // Its first stay: a goroutine that a timer had started says so.
      if (previous === NONE)
        return callNs * 2 > otherNs ? this.other(this.syscall, ownReason) : this.other(stays.via[slot], ownReason)
      at = previous
    }
    return 0
  }

  private other(cause: number, ownReason: number): number {
    return cause === ownReason ? 0 : cause
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
