// path-scratch.ts: where the path of one task after another is walked: its pieces, and the timeline and ranges that they become.

import type { RangeTable, Timeline } from './breakdown.ts'
import { KeptRoom } from './kept-columns.ts'

/** Pieces of a path, latest first while it is walked. One is used for task after task: making arrays for each costs more than the walk. */
export class Pieces {
  length = 0
  /** Stays and ranges walked over so far, for all paths of a capture, and how many may be. */
  steps = 0
  mostSteps = Infinity
  from = new Float64Array(256)
  to = new Float64Array(256)
  /** Stay, or -1 for a piece that nothing is known of. */
  stay = new Int32Array(256)

  add(stay: number, fromNs: number, toNs: number): void {
    if (toNs <= fromNs) return
    const last = this.length - 1
    // Two pieces of one stay that touch are one (a wait that was followed for a part only).
    if (last >= 0 && this.from[last] === toNs && this.stay[last] === stay) {
      this.from[last] = fromNs
      return
    }
    if (this.length === this.stay.length) {
      const { from, to, stay: stays } = this
      this.from = new Float64Array(this.length * 2)
      this.from.set(from)
      this.to = new Float64Array(this.length * 2)
      this.to.set(to)
      this.stay = new Int32Array(this.length * 2)
      this.stay.set(stays)
    }
    this.from[this.length] = fromNs
    this.to[this.length] = toNs
    this.stay[this.length++] = stay
  }
}

/** Room for a timeline and its ranges that is filled again for every task. */
export class PathScratch {
  readonly pieces = new Pieces()
  timeline: MutableTimeline = newTimeline(256)
  ranges: MutableRanges = newRanges(64)
  /** The earliest range of each goroutine that was looked at. */
  readonly walkedTo = new Map<number, number>()
  /** Where tasks keep it. */
  readonly kept = new KeptRoom()
}

/** A timeline whose columns may be longer than its rows. */
export type MutableTimeline = { -readonly [Column in keyof Timeline]: Timeline[Column] }
export type MutableRanges = { -readonly [Column in keyof RangeTable]: RangeTable[Column] }

export function newTimeline(rows: number): MutableTimeline {
  return {
    length: 0,
    startNs: new Float64Array(rows),
    endNs: new Float64Array(rows),
    state: new Uint8Array(rows),
    reason: new Uint16Array(rows),
    via: new Uint16Array(rows),
    goroutine: new Float64Array(rows),
    wakerGoroutine: new Float64Array(rows),
    wakerTask: new Float64Array(rows),
    stack: new Int32Array(rows),
  }
}

export function newRanges(rows: number): MutableRanges {
  return {
    length: 0,
    startNs: new Float64Array(rows),
    endNs: new Float64Array(rows),
    name: new Uint16Array(rows),
    goroutine: new Float64Array(rows),
  }
}
