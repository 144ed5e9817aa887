// durations.ts: how long the tasks or regions of one kind took: their number, sum, longest, and any percentile.

/** Durations kept one by one; beyond them, how many lie in each small range is kept. */
const MOST_EXACT = 4096
/** Ranges of one doubling: the error of a percentile is below 1/4096 of it, less than the three digits that are shown. */
const RANGES_BITS = 11
const RANGES = 1 << RANGES_BITS
/** Doublings up to the longest duration that is exact, 2^53 ns. */
const DOUBLINGS = 64 - RANGES_BITS
/** Shorter durations are halved by a shift. */
const MOST_BY_BITS = 2 ** 31

/** Memory is bounded however many durations are added: at most 8 kB for each doubling between the shortest and the longest. */
export class Durations {
  count = 0
  // -0: room for a double at once, so that the shape of the object stays as it is.
  totalNs = -0
  maxNs = -0
  private exact = new Float64Array(16)
  /** Counts by doubling: the first holds durations below `RANGES`, each later one those of twice the length. */
  private readonly counts = Array.from<Uint32Array | undefined>({ length: DOUBLINGS })

  /** @param ns whole nanoseconds, not negative */
  add(ns: number): void {
    const { count } = this
    this.count = count + 1
    this.totalNs += ns
    if (ns > this.maxNs) this.maxNs = ns
    if (count < MOST_EXACT) {
      if (count === this.exact.length) {
        const grown = new Float64Array(count * 2)
        grown.set(this.exact)
        this.exact = grown
      }
      this.exact[count] = ns
      return
    }
    if (count === MOST_EXACT) for (const known of this.exact) this.tally(known)
    this.tally(ns)
  }

  /** The duration of the nearest rank; 0 when there is none. */
  percentile(share: number): number {
    const rank = Math.max(0, Math.ceil(share * this.count) - 1)
    if (this.count <= MOST_EXACT) return this.exact.slice(0, this.count).sort()[rank] ?? 0
    let below = 0
    for (let doubling = 0; doubling < this.counts.length; doubling++) {
      const counts = this.counts[doubling]
      if (counts === undefined) continue
      for (let range = 0; range < RANGES; range++) {
        below += counts[range]
        if (below > rank) return Math.min(middleOf(doubling, range), this.maxNs)
      }
    }
    return this.maxNs
  }

  private tally(ns: number): void {
    let doubling = 0
    let range = ns
    while (range >= MOST_BY_BITS) {
      range /= 2
      doubling++
    }
    const halvings = Math.max(0, 31 - RANGES_BITS - Math.clz32(range))
    range = Math.trunc(range) >>> halvings
    doubling += halvings
    // Of every doubling but the first the lower half of the ranges is the one before.
    if (range >= RANGES) doubling++
    const counts = (this.counts[doubling] ??= new Uint32Array(RANGES))
    counts[range & (RANGES - 1)]++
  }
}

/** Middle of a range, nanoseconds. */
function middleOf(doubling: number, range: number): number {
  if (doubling === 0) return range
  const width = 2 ** (doubling - 1)
  return Math.floor((RANGES + range + 0.5) * width)
}
