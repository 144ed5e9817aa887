// gc-phases.ts: the concurrent mark phases of the garbage collector, as they begin and end, and how much of a stretch they take.

import { NO_DOUBLES } from '../base/columns.ts'
import type { GcPhases } from './breakdown.ts'
import type { StatesKernel } from './states-kernel.ts'
import { PHASE_BEFORE, PHASE_COUNT, PHASE_END, PHASE_ENDS, PHASE_START } from './states-layout.ts'

/** Tells the kernel of mark phases, which looks at those of a task as `gcOverlap` does. */
export class PhaseColumns {
  private startNs = NO_DOUBLES
  private endNs = NO_DOUBLES
  private beforeNs = NO_DOUBLES

  constructor(private readonly kernel: StatesKernel) {
    this.lay(64)
  }

  /** The latest phase began or ended. */
  note({ startNs, endNs, beforeNs }: GcPhases): void {
    const { words } = this.kernel
    const last = startNs.length - 1
    if (last < 0) return
    if (last >= this.startNs.length) this.lay(this.startNs.length * 2)
    this.startNs[last] = startNs[last]
    this.beforeNs[last] = beforeNs[last]
    if (endNs.length > last) this.endNs[last] = endNs[last]
    words[PHASE_COUNT >> 2] = startNs.length
    words[PHASE_ENDS >> 2] = endNs.length
  }

  private lay(size: number): void {
    const { kernel } = this
    const f64 = (old: Float64Array, register: number) => kernel.place(old, kernel.memory.float64(size), register)
    this.startNs = f64(this.startNs, PHASE_START)
    this.endNs = f64(this.endNs, PHASE_END)
    this.beforeNs = f64(this.beforeNs, PHASE_BEFORE)
  }
}

/** A phase begins, unless one is open. */
export function beginPhase({ startNs, endNs, beforeNs }: GcPhases, timeNs: number): void {
  const last = endNs.length - 1
  if (startNs.length > endNs.length) return
  // Phases do not overlap, whatever the clocks of the processors that told them say.
  startNs.push(last < 0 ? timeNs : Math.max(timeNs, endNs[last]))
  beforeNs.push(last < 0 ? 0 : beforeNs[last] + endNs[last] - startNs[last])
}

/** The open phase ends. */
export function endPhase({ startNs, endNs }: GcPhases, timeNs: number): void {
  if (startNs.length > endNs.length) endNs.push(Math.max(timeNs, startNs[startNs.length - 1]))
}

/** Time of the phases within a stretch; an open phase lasts beyond it. */
export function gcOverlap(gc: GcPhases, fromNs: number, toNs: number): number {
  const { startNs, endNs, beforeNs } = gc
  const first = countUpTo(endNs, fromNs)
  let overlap = 0
  for (let i = first; i < startNs.length && startNs[i] < toNs; i++) {
    const end = i < endNs.length ? endNs[i] : Infinity
    overlap += Math.max(0, Math.min(end, toNs) - Math.max(startNs[i], fromNs))
    if (i > first) continue
    // Between the first and the last, phases lie in the stretch as they are.
    const last = countUpTo(startNs, toNs) - 1
    if (last <= first + 1) continue
    overlap += beforeNs[last] - beforeNs[first + 1]
    i = last - 1
  }
  return overlap
}

/** How many of some ascending numbers are not above a limit. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle] <= limit) low = middle + 1
    else high = middle
  }
  return low
}
