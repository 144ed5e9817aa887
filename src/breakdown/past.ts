// past.ts: how far the past of goroutines is kept: as far back as open tasks reach, and no further.

import type { GoroutineStates } from './goroutine-states.ts'
import type { LockPlaces } from './lock-places.ts'
import type { Membership } from './membership.ts'
import { MOST_STAYS_RETURNED, MOST_STAYS_TAKEN_UP } from './states-layout.ts'
import type { TaskTable } from './tasks.ts'

/** Tasks are handed over, and their surroundings kept, when this much time has been decoded after their end, so that spans a little longer are covered. */
export const SETTLE_NS = 20_000_000
/** The past is let go of only after so many events for each task and goroutine that is looked at for it. */
const EVENTS_PER_LOOK_AT_ONE = 1 / 8
/** Least time between the marks of two generations' ends. */
const MARK_NS = 1_000_000
/** How many stays are kept. */
export interface PastLimits {
  /**
   * The past is let go of when a generation ends, and before that when it has grown to so many stays: what a busy program does in a second is a
   * hundred megabytes of them, most of which nobody asks for again.
   */
  readonly beforeForgetting: number
  /** So many that open tasks reach back over are thinned out: those stay that a task is followed over, the others of its time go. */
  readonly beforeThinning: number
  /** The latest, which are then kept whole. */
  readonly keptWhole: number
  /** As many as there ever are. Of tasks whose own goroutines changed their states more often while they were open, the beginning is unknown. */
  readonly most: number
}

/** Places of the log come in powers of two; some are for what comes between two looks. */
const BETWEEN_LOOKS = 1 << 14
const MOST_STAYS = (1 << 20) - BETWEEN_LOOKS
const LIMITS: PastLimits = {
  beforeForgetting: 1 << 17,
  beforeThinning: (1 << 18) - BETWEEN_LOOKS,
  keptWhole: 1 << 16,
  most: MOST_STAYS,
}
/** Where it is told what waits are to be blamed on: that is what others did, for tasks of their own. */
const LIMITS_WITH_BLAME: PastLimits = { ...LIMITS, beforeThinning: MOST_STAYS, keptWhole: 1 << 19 }

/** The past is let go of in steps of about so many stays. */
const STAYS_PER_MARK = 1 << 13

/** Lets go of what nobody asks for again. */
export class Past {
  /** Where the stay log stood at some times, for letting go of what is older. */
  private marks: { readonly timeNs: number; readonly top: number }[] = []
  private markedTop = 0
  /** Events since the past was let go of; those since the last look are told with each call. */
  private events = 0
  /** Stays in the log at which the past is let go of next, and those at which it is thinned out where that did not help. */
  private staysBeforeForgetting: number
  private staysBeforeThinning: number
  private readonly limits: PastLimits

  /**
   * @param blame whether it is told what waits are to be blamed on
   * @param limits others than the usual ones
   */
  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
    private readonly membership: Membership,
    private readonly lockPlaces: LockPlaces,
    blame: boolean,
    limits: Partial<PastLimits> = {},
  ) {
    this.limits = { ...(blame ? LIMITS_WITH_BLAME : LIMITS), ...limits }
    this.staysBeforeForgetting = this.limits.beforeForgetting
    this.staysBeforeThinning = this.limits.beforeThinning
  }

  /** After so many more events, in the middle of a generation. */
  look(events: number, nowNs: number): void {
    const { stays } = this.states
    this.events += events
    if (stays.top - this.markedTop > STAYS_PER_MARK) this.mark(nowNs)
    if (stays.size <= this.staysBeforeForgetting) return
    this.forget(0, nowNs)
    if (stays.size > this.staysBeforeThinning) this.thinOut()
    // Twice as many as were left, and no more than so many more: what is let go of late takes room that is not in the processor's caches.
    const { beforeForgetting } = this.limits
    const next = Math.max(beforeForgetting, stays.size + Math.min(stays.size, beforeForgetting))
    this.staysBeforeForgetting = Math.min(next, this.staysBeforeThinning)
  }

  /** A generation ended, so many events after the last look. */
  generationEnd(eventsSinceLook: number, nowNs: number): void {
    this.forget(eventsSinceLook, nowNs)
    this.staysBeforeThinning = Math.min(this.staysBeforeThinning, this.nextThinning())
    // Generations of a real capture last a second; of one that has a hundred thousand of nothing, a few marks are enough.
    const last = this.marks.at(-1)
    if (last === undefined || nowNs - last.timeNs >= MARK_NS) this.mark(nowNs)
  }

  /** Lets go of the past that no open task reaches into, when enough has happened since the last time to be worth the look at all tasks. */
  private forget(eventsSinceLook: number, nowNs: number): void {
    const { stays, ranges } = this.states
    if (this.events + eventsSinceLook < (this.tasks.count + this.states.rowCount) * EVENTS_PER_LOOK_AT_ONE) return
    this.events = -eventsSinceLook
    let keep = stays.top
    let keepNs = nowNs
    const { startNs, startStay, endStay } = this.tasks.columns
    this.tasks.forEachSlot((slot) => {
      if (Number.isNaN(startNs[slot])) return
      if (startStay[slot] < keep) keep = startStay[slot]
      if (endStay[slot] >= 0 && endStay[slot] < keep) keep = endStay[slot]
      if (startNs[slot] < keepNs) keepNs = startNs[slot]
    })
    keepNs -= 2 * SETTLE_NS
    let mark = -1
    while (mark + 1 < this.marks.length && this.marks[mark + 1].timeNs <= keepNs) mark++
    if (mark >= 0) {
      this.states.forgetBefore(Math.min(keep, this.marks[mark].top))
      this.marks = this.marks.slice(mark)
    }
    ranges.forgetBefore(keepNs)
    this.states.stops.forgetBefore(keepNs)
  }

  /** Has what open tasks do not reach leave the log, though it is younger than they are. */
  private thinOut(): void {
    const { most } = this.limits
    const { stays } = this.states
    const tooMany = most * 0.75
    this.thinTo(MOST_STAYS_RETURNED)
    // So many goroutines that what each may come back to is too much.
    if (stays.size > tooMany) this.thinTo(MOST_STAYS_TAKEN_UP)
    if (stays.size > tooMany) this.letGoBefore(stays.top - Math.trunc(most / 2))
    this.staysBeforeThinning = this.nextThinning()
  }

  /** Has even what open tasks reach leave the log. They are followed on from what is left of the goroutine that began each. */
  private letGoBefore(index: number): void {
    const { states, tasks } = this
    const { stays } = states
    const { tail, mask } = stays
    // By stay that goes: 1 more than the one that its goroutine comes to. Many tasks may have begun on one goroutine.
    const laterOf = new Int32Array(Math.max(0, index - tail))
    const goes = (stay: number): boolean => stays.has(stay) && stay < index
    const later = (from: number): number => {
      let stay = from
      while (goes(stay) && laterOf[stay - tail] === 0 && stays.next[stay & mask] >= 0) stay = stays.next[stay & mask]
      const reached = goes(stay) && laterOf[stay - tail] !== 0 ? laterOf[stay - tail] - 1 : stay
      for (let at = from; at !== stay; at = stays.next[at & mask]) laterOf[at - tail] = reached + 1
      return reached
    }
    const rowOf = new Map<number, number>()
    for (let row = 0; row < states.rowCount; row++) if (states.has(row)) rowOf.set(states.stay[row], row)
    const moved: { readonly slot: number; readonly to: number }[] = []
    const { startStay } = tasks.columns
    tasks.forEachSlot((slot) => {
      if (goes(startStay[slot])) moved.push({ slot, to: later(startStay[slot]) })
    })
    states.forgetBefore(index)
    // What lasts still is carried over, as another stay.
    for (const { slot, to } of moved) {
      const row = rowOf.get(to)
      startStay[slot] = row === undefined ? to : states.stay[row]
    }
  }

  /** Stays at which the log is thinned out next: not before there are many more than were left, however many goroutines there are. */
  private nextThinning(): number {
    const { beforeThinning, most } = this.limits
    const { size } = this.states.stays
    return Math.max(Math.min(Math.max(beforeThinning, 2 * size), most), 1.25 * size)
  }

  private thinTo(mostReturned: number): void {
    const { stays } = this.states
    this.states.thinOut(stays.top - this.limits.keptWhole, mostReturned, (moves) => {
      this.membership.moved(moves)
      this.lockPlaces.moved(moves)
      // Of marks that came to lie at one place the first says it all.
      const moved = this.marks.map(({ timeNs, top }) => ({ timeNs, top: moves.indexOf(top) }))
      this.marks = moved.filter(({ top }, at) => at === 0 || top > moved[at - 1].top)
      this.markedTop = moves.indexOf(this.markedTop)
    })
  }

  /** Remembers where the log of stays is at this time. */
  private mark(nowNs: number): void {
    this.markedTop = this.states.stays.top
    this.marks.push({ timeNs: nowNs, top: this.markedTop })
  }
}
