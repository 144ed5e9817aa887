// left-runs.ts: who ran where the log of stays was let go of, as far as that goes on into what is left.
//
// Who ran while a goroutine waited for a processor is found in the log (`kernel/runners.ts`), from the oldest stay on that is kept. One that had begun to run
// before is none of these, or lies where it was carried over to: of each it is noted here, so that the same is told however much is kept.

import type { StatesKernel } from './states-kernel.ts'
import {
  CARRIED,
  CARRIED_COUNT,
  LEFT_RUN_COUNT,
  LEFT_RUN_END,
  LEFT_RUN_FIELDS,
  LEFT_RUN_GOROUTINE,
  LEFT_RUN_START,
  LEFT_RUN_STAY,
  LEFT_RUN_TASK,
  LEFT_RUNS,
  MOST_CARRIED,
  MOST_LEFT_RUNS,
  MOST_RUNS_FOUND,
  RUNS_FOUND,
  STAY_WHOLE_FROM,
} from './states-layout.ts'
import { NONE, type StayLog } from './stay-log.ts'

/** Clocks of two processors differ by less: a stay after another may have begun so much earlier. */
const CLOCKS_DIFFER_NS = 10_000

/** Runs that reach from what left the log into what is left, in a column that the kernel reads: at most `MOST_LEFT_RUNS`. */
export class LeftRuns {
  private readonly rows: Float64Array
  private readonly found: Int32Array
  private count = 0
  /** Where stays that last were carried over: first and next, first and next … */
  private readonly carriedOver: Int32Array

  constructor(private readonly kernel: StatesKernel) {
    const { memory, words } = kernel
    this.rows = memory.float64(MOST_LEFT_RUNS * LEFT_RUN_FIELDS)
    words[LEFT_RUNS >> 2] = this.rows.byteOffset
    this.found = memory.int32(MOST_RUNS_FOUND)
    words[RUNS_FOUND >> 2] = this.found.byteOffset
    this.carriedOver = memory.int32(2 * MOST_CARRIED)
    words[CARRIED >> 2] = this.carriedOver.byteOffset
  }

  /**
   * Stays that lasted still were carried over to a stretch of the log: how many there are depends on when it was let go of, and says nothing.
   *
   * @param tail oldest stay that is kept
   */
  carried(from: number, to: number, tail: number): void {
    const { carriedOver, kernel } = this
    let count = kernel.words[CARRIED_COUNT >> 2]
    let gone = 0
    while (gone < count && (carriedOver[2 * gone + 1] <= tail || count - gone === MOST_CARRIED)) gone++
    carriedOver.copyWithin(0, 2 * gone, 2 * count)
    count -= gone
    carriedOver[2 * count] = from
    carriedOver[2 * count + 1] = to
    kernel.words[CARRIED_COUNT >> 2] = count + 1
  }

  /**
   * Stays before one are about to leave the log, or some of them are: notes those that run and end after it begins.
   *
   * @returns the stays that last still, whose new places are to be added
   */
  leave(stays: StayLog, index: number): number[] {
    const { rows, kernel } = this
    const from = Math.max(stays.tail, kernel.words[STAY_WHOLE_FROM >> 2])
    // No wait before it is asked for. Where none is left after it, only what lasts still goes on.
    const first = Math.max(index, from)
    const sinceNs = first < stays.top ? stays.startNs[first & stays.mask] - CLOCKS_DIFFER_NS : Number.MAX_VALUE
    const lasting: number[] = []
    const before = this.count
    this.count = 0
    for (let at = 0; at < before * LEFT_RUN_FIELDS; at += LEFT_RUN_FIELDS) {
      const stay = rows[at + LEFT_RUN_STAY]
      if (stay < 0 ? rows[at + LEFT_RUN_END] > sinceNs : stay >= index) {
        // Never beyond the one that is looked at.
        rows.copyWithin(this.count++ * LEFT_RUN_FIELDS, at, at + LEFT_RUN_FIELDS)
      } else if (stay >= 0 && stay < from) this.note(stays, stay, sinceNs, lasting)
    }
    const count = kernel.call.runsBefore(from, index, sinceNs)
    for (let row = 0; row < count; row++) this.note(stays, this.found[row], sinceNs, lasting)
    kernel.words[LEFT_RUN_COUNT >> 2] = this.count
    return lasting
  }

  private note(stays: StayLog, stay: number, sinceNs: number, lasting: number[]): void {
    const { rows } = this
    const at = stay & stays.mask
    const endNs = stays.endNs[at]
    if (endNs === Infinity) lasting.push(stay)
    else if (endNs > sinceNs && this.count < MOST_LEFT_RUNS) {
      const row = this.count++ * LEFT_RUN_FIELDS
      rows[row + LEFT_RUN_STAY] = NONE
      rows[row + LEFT_RUN_START] = stays.startNs[at]
      rows[row + LEFT_RUN_END] = endNs
      rows[row + LEFT_RUN_TASK] = stays.task[at]
      rows[row + LEFT_RUN_GOROUTINE] = stays.goroutine[at]
    }
  }

  /** A run that lasts still, and lies there in the log now. */
  add(stay: number): void {
    if (this.count === MOST_LEFT_RUNS) return
    this.rows[this.count++ * LEFT_RUN_FIELDS + LEFT_RUN_STAY] = stay
    this.kernel.words[LEFT_RUN_COUNT >> 2] = this.count
  }
}
