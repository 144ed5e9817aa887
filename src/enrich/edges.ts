// edges.ts: where things begin and end on goroutines: what is short is not merged with its neighbours across them.

import type { RangeTable, TaskRecord } from '../breakdown/breakdown.ts'

/** Something on a goroutine; null where its start or end is not known. */
interface Extent {
  readonly goroutine: number
  readonly startNs: number | null
  readonly endNs: number | null
}

/** Begins and ends, by goroutine. */
export class Edges {
  private readonly edges = new Map<number, number[]>()

  constructor(extents: Iterable<Extent>) {
    for (const { goroutine, startNs, endNs } of extents) {
      let edges = this.edges.get(goroutine)
      if (edges === undefined) this.edges.set(goroutine, (edges = []))
      if (startNs !== null) edges.push(startNs)
      if (endNs !== null) edges.push(endNs)
    }
    for (const edges of this.edges.values()) edges.sort((x, y) => x - y)
  }

  /** Whether something begins or ends strictly within a stretch. */
  between(goroutine: number, fromNs: number, toNs: number): boolean {
    const edges = this.edges.get(goroutine)
    if (edges === undefined) return false
    let low = 0
    let high = edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (edges[middle] <= fromNs) low = middle + 1
      else high = middle
    }
    return low < edges.length && edges[low] < toNs
  }
}

/**
 * Regions of a task, and those of its special ranges that are shown by themselves: waits in shorter ones follow each other as those do, as where a
 * goroutine that assists the collector again and again has to wait each time.
 *
 * @param longNs length from which on a range is shown by itself
 */
export function* regionsAndRanges({ regions, ranges }: TaskRecord, longNs: number): Generator<Extent> {
  yield* regions
  if (ranges !== null) yield* rangesOf(ranges, longNs)
}

function* rangesOf({ length, goroutine, startNs, endNs }: RangeTable, longNs: number): Generator<Extent> {
  for (let row = 0; row < length; row++) {
    if (endNs[row] - startNs[row] < longNs) continue
    yield { goroutine: goroutine[row], startNs: startNs[row], endNs: endNs[row] }
  }
}

/** Regions of a task, and tasks below it on each goroutine of theirs. */
export function* regionsAndTasks({ regions }: TaskRecord, tasks: readonly TaskRecord[]): Generator<Extent> {
  yield* regions
  for (const { goroutines, startNs, endNs } of tasks) {
    for (const goroutine of goroutines) yield { goroutine, startNs, endNs }
  }
}
