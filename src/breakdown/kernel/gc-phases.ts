// gc-phases.ts: how much of a stretch the mark phases of the collector take, as `../gc-phases.ts`.

import { PHASE_BEFORE, PHASE_COUNT, PHASE_END, PHASE_ENDS, PHASE_START } from '../states-layout.ts'

/** Time of the phases within a stretch; an open phase lasts beyond it. */
export function gcOverlap(fromNs: f64, toNs: f64): f64 {
  const starts: usize = load<u32>(PHASE_START)
  const ends: usize = load<u32>(PHASE_END)
  const befores: usize = load<u32>(PHASE_BEFORE)
  const count = load<i32>(PHASE_COUNT)
  const ended = load<i32>(PHASE_ENDS)
  const first = countUpTo(ends, ended, fromNs)
  let overlapNs: f64 = 0
  for (let i = first; i < count; i++) {
    const startNs = load<f64>(starts + (i << 3))
    if (!(startNs < toNs)) break
    const endNs = i < ended ? load<f64>(ends + (i << 3)) : Infinity
    overlapNs += max(0, min(endNs, toNs) - max(startNs, fromNs))
    if (i > first) continue
    // Between the first and the last, phases lie in the stretch as they are.
    const last = countUpTo(starts, count, toNs) - 1
    if (last <= first + 1) continue
    overlapNs += load<f64>(befores + (last << 3)) - load<f64>(befores + ((first + 1) << 3))
    i = last - 1
  }
  return overlapNs
}

/** How many of some ascending numbers are not above a limit. */
function countUpTo(ascending: usize, length: i32, limit: f64): i32 {
  let low: i32 = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (load<f64>(ascending + (middle << 3)) <= limit) low = middle + 1
    else high = middle
  }
  return low
}
