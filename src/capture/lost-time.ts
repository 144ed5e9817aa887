// lost-time.ts: the stretches of a capture of which events are lost.

/** Stretches told apart: every task is held against each of them. */
const MOST_LOST = 256

/** A stretch of a capture of which events are lost; nanoseconds from the origin. */
export interface LostTime {
  readonly startNs: number
  readonly endNs: number
}

/** What became of lost stretches since it was asked for last. */
export interface LostNews {
  /** So many are as they were. */
  readonly kept: number
  /** Those that follow them. */
  readonly changed: readonly LostTime[]
}

/** Gathers lost stretches: those that touch are one, and beyond a number of them the last takes in all that follow. */
export class LostTimes {
  private readonly stretches: { startNs: number; endNs: number }[] = []
  /** Stretches that are as they were when news were taken last. */
  private kept = 0

  get list(): readonly LostTime[] {
    return this.stretches
  }

  /** @param endNs Infinity where it is not known yet how far it goes (`endBy`) */
  add(startNs: number, endNs: number): void {
    const { stretches } = this
    const last = stretches.at(-1)
    const touches = last !== undefined && startNs <= last.endNs && endNs >= last.startNs
    if (last === undefined || (!touches && stretches.length < MOST_LOST)) {
      stretches.push({ startNs, endNs })
      return
    }
    if (startNs >= last.startNs && endNs <= last.endNs) return
    last.startNs = Math.min(last.startNs, startNs)
    last.endNs = Math.max(last.endNs, endNs)
    this.kept = Math.min(this.kept, stretches.length - 1)
  }

  /** None goes on beyond this time, but for those that begin later. */
  endBy(ns: number): void {
    for (const [at, stretch] of this.stretches.entries()) {
      const endNs = Math.max(stretch.startNs, ns)
      if (stretch.endNs <= endNs) continue
      stretch.endNs = endNs
      this.kept = Math.min(this.kept, at)
    }
  }

  /** What was added or changed since this was asked last, copied; null: nothing. */
  takeNews(): LostNews | null {
    const { stretches, kept } = this
    if (kept === stretches.length) return null
    this.kept = stretches.length
    return { kept, changed: stretches.slice(kept).map(({ startNs, endNs }) => ({ startNs, endNs })) }
  }
}
