// past.ts: how far the past of goroutines is kept: as far back as open tasks reach, and no further.

import type { GoroutineStates } from './goroutine-states.ts'
import type { TaskTable } from './tasks.ts'

/** Tasks are handed over, and their surroundings kept, when this much time has been decoded after their end, so that spans a little longer are covered. */
export const SETTLE_NS = 20_000_000
/** The past is let go of only after so many events for each task and goroutine that is looked at for it. */
const EVENTS_PER_LOOK_AT_ONE = 1 / 8
/** Least time between the marks of two generations' ends. */
const MARK_NS = 1_000_000
/** Stays kept for paths at most (about 50 bytes each); the past of tasks open for longer than they reach is unknown. */
const MAX_STAYS = 3_000_000
/**
 * The past is let go of when a generation ends, and before that when it has grown to so many stays: what a busy program does in a second is a
 * hundred megabytes of them, most of which nobody asks for again.
 */
const MANY_STAYS = 1 << 17
/** The past is let go of in steps of about so many stays. */
const STAYS_PER_MARK = 1 << 13

/** Lets go of what nobody asks for again. */
export class Past {
  /** Where the stay log stood at some times, for letting go of what is older. */
  private marks: { readonly timeNs: number; readonly top: number }[] = []
  private markedTop = 0
  /** Events since the past was let go of; those since the last look are told with each call. */
  private events = 0
  /** Stays in the log at which the past is let go of next. */
  private staysBeforeForgetting = MANY_STAYS

  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
  ) {}

  /** After so many more events, in the middle of a generation. */
  look(events: number, nowNs: number): void {
    const { stays } = this.states
    this.events += events
    if (stays.top - this.markedTop > STAYS_PER_MARK) this.mark(nowNs)
    if (stays.top - stays.tail > this.staysBeforeForgetting) {
      this.forget(0, nowNs)
      this.staysBeforeForgetting = Math.max(MANY_STAYS, 2 * (stays.top - stays.tail))
    }
    if (stays.top - stays.tail > MAX_STAYS) this.states.forgetBefore(stays.top - Math.trunc(MAX_STAYS / 2))
  }

  /** A generation ended, so many events after the last look. */
  generationEnd(eventsSinceLook: number, nowNs: number): void {
    this.forget(eventsSinceLook, nowNs)
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

  /** Remembers where the log of stays is at this time. */
  private mark(nowNs: number): void {
    this.markedTop = this.states.stays.top
    this.marks.push({ timeNs: nowNs, top: this.markedTop })
  }
}
