// lost-time.ts: the stretches of a capture of which events are lost.

/** Stretches told apart: every task is held against each of them. */
const MOST_LOST = 256

/** A stretch of a capture of which events are lost; nanoseconds from the origin. */
export interface LostTime {
  readonly startNs: number
  readonly endNs: number
}

/** Gathers lost stretches: those that touch are one, and beyond a number of them the last takes in all that follow. */
export class LostTimes {
  readonly list: { startNs: number; endNs: number }[] = []

  add(startNs: number, endNs: number): void {
    const last = this.list.at(-1)
    const touches = last !== undefined && startNs <= last.endNs && endNs >= last.startNs
    if (last === undefined || (!touches && this.list.length < MOST_LOST)) {
      this.list.push({ startNs, endNs })
      return
    }
    last.startNs = Math.min(last.startNs, startNs)
    last.endNs = Math.max(last.endNs, endNs)
  }
}
