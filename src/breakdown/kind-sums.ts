// kind-sums.ts: tasks or regions by kind: how many there were, how long they took (sum, longest, any percentile), and where their time went.

import { GROUP_COUNT } from './groups.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  DOUBLINGS,
  DURATION_RANGES,
  DURATION_RANGES_BITS,
  EXACT_DURATIONS,
  KIND_BYTES,
  KIND_COUNT,
  KIND_EXACT,
  KIND_EXACT_ROOM,
  KIND_LONGEST,
  KIND_PARTS,
  KIND_RANGES,
  KIND_TOTAL,
} from './states-layout.ts'

/** Shorter durations are halved by a shift. */
const MOST_BY_BITS = 2 ** 31
/** The first of the durations kept exactly that there is room for. */
const LEAST_EXACT = 16

/**
 * Kinds of task or of region, added up: a row each, which the kernel adds to as well (`kernel/sums.ts`). Memory is bounded however much is
 * added: for each kind at most 32 kB of durations one by one and, once these are too many, instead of them 8 kB for each doubling between its shortest and
 * longest duration.
 */
export class KindSums {
  private readonly names: string[] = []
  private readonly rowOfName = new Map<string, number>()
  private doubles: Float64Array = new Float64Array(0)
  private words: Int32Array = new Int32Array(0)
  /** By kind: durations one by one; beyond `EXACT_DURATIONS`, how many lie in each small range of each doubling. */
  private readonly exact: Float64Array[] = []
  private readonly ranges: (Int32Array | undefined)[][] = []

  /**
   * @param base register of the position of the rows
   * @param mostKinds that are told apart; names with ids that no pattern knows would be without end
   */
  constructor(
    private readonly kernel: StatesKernel,
    private readonly base: number,
    private readonly mostKinds: number,
  ) {
    this.grow(16)
  }

  get size(): number {
    return this.names.length
  }

  /** Row of a kind, made when it is first asked for; further ones than are told apart share one. */
  rowOf(name: string): number {
    const known = this.rowOfName.get(name)
    if (known !== undefined) return known
    const own = this.names.length < this.mostKinds ? name : '(other names)'
    const shared = own === name ? undefined : this.rowOfName.get(own)
    if (shared !== undefined) return shared
    const row = this.names.push(own) - 1
    this.rowOfName.set(own, row)
    if ((row + 1) * KIND_BYTES > this.doubles.byteLength) this.grow(row * 2)
    this.exact.push(this.kernel.memory.float64(LEAST_EXACT))
    this.ranges.push([])
    this.tellExact(row)
    return row
  }

  nameOf(row: number): string {
    return this.names[row]
  }

  countOf(row: number): number {
    return this.doubles[at(row, KIND_COUNT)]
  }

  totalNsOf(row: number): number {
    return this.doubles[at(row, KIND_TOTAL)]
  }

  longestNsOf(row: number): number {
    return this.doubles[at(row, KIND_LONGEST)]
  }

  /** Nanoseconds by group, in the order of `GROUPS`. */
  partsOf(row: number): Float64Array {
    return this.doubles.subarray(at(row, KIND_PARTS), at(row, KIND_PARTS) + GROUP_COUNT)
  }

  /**
   * Adds one of a kind.
   *
   * @param ns whole nanoseconds, not negative
   * @param parts nanoseconds by group
   */
  add(row: number, ns: number, parts: Float64Array): void {
    const { doubles } = this
    const count = doubles[at(row, KIND_COUNT)]++
    doubles[at(row, KIND_TOTAL)] += ns
    if (ns > doubles[at(row, KIND_LONGEST)]) doubles[at(row, KIND_LONGEST)] = ns
    const first = at(row, KIND_PARTS)
    for (let group = 0; group < GROUP_COUNT; group++) doubles[first + group] += parts[group]
    if (count < EXACT_DURATIONS) {
      const exact = this.exact[row]
      if (count < exact.length) {
        exact[count] = ns
        return
      }
      const longer = this.kernel.memory.float64(count * 2)
      longer.set(exact)
      longer[count] = ns
      this.kernel.memory.release(exact)
      this.exact[row] = longer
      this.tellExact(row)
      return
    }
    if (count === EXACT_DURATIONS) {
      for (const known of this.exact[row]) this.tally(row, known)
      this.kernel.memory.release(this.exact[row])
      this.exact[row] = new Float64Array(0)
      this.tellExact(row)
    }
    this.tally(row, ns)
  }

  /** The duration of the nearest rank; 0 when there is none. */
  percentile(row: number, share: number): number {
    const count = this.countOf(row)
    const rank = Math.max(0, Math.ceil(share * count) - 1)
    if (count <= EXACT_DURATIONS) return this.exact[row].slice(0, count).sort()[rank] ?? 0
    const longestNs = this.longestNsOf(row)
    let below = 0
    for (let doubling = 0; doubling < this.ranges[row].length; doubling++) {
      const counts = this.ranges[row][doubling]
      if (counts === undefined) continue
      for (let range = 0; range < DURATION_RANGES; range++) {
        below += counts[range]
        if (below > rank) return Math.min(middleOf(doubling, range), longestNs)
      }
    }
    return longestNs
  }

  /** The error of a percentile is below 1/4096 of it, less than the three digits that are shown. */
  private tally(row: number, ns: number): void {
    let doubling = 0
    let range = ns
    while (range >= MOST_BY_BITS) {
      range /= 2
      doubling++
    }
    const halvings = Math.max(0, 31 - DURATION_RANGES_BITS - Math.clz32(range))
    range = Math.trunc(range) >>> halvings
    doubling += halvings
    // Of every doubling but the first the lower half of the ranges is the one before.
    if (range >= DURATION_RANGES) doubling++
    let counts = this.ranges[row][doubling]
    if (counts === undefined) {
      counts = this.kernel.memory.int32(DURATION_RANGES)
      this.ranges[row][doubling] = counts
      // Longer ones than any that is real are nothing for the kernel.
      if (doubling < DOUBLINGS) {
        this.words[(row * KIND_BYTES + KIND_RANGES + doubling * 4) >> 2] = counts.byteOffset
      }
    }
    counts[range & (DURATION_RANGES - 1)]++
  }

  private tellExact(row: number): void {
    const exact = this.exact[row]
    this.words[(row * KIND_BYTES + KIND_EXACT) >> 2] = exact.byteOffset
    this.words[(row * KIND_BYTES + KIND_EXACT_ROOM) >> 2] = exact.length
  }

  private grow(rows: number): void {
    const { memory } = this.kernel
    this.doubles = this.kernel.place(this.doubles, memory.float64((rows * KIND_BYTES) >> 3), this.base)
    this.words = new Int32Array(memory.buffer, this.doubles.byteOffset, (rows * KIND_BYTES) >> 2)
  }
}

/** Place of a double of a row. */
function at(row: number, field: number): number {
  return (row * KIND_BYTES + field) >> 3
}

/** Middle of a range, nanoseconds. */
function middleOf(doubling: number, range: number): number {
  if (doubling === 0) return range
  const width = 2 ** (doubling - 1)
  return Math.floor((DURATION_RANGES + range + 0.5) * width)
}
