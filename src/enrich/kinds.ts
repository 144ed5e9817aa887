// kinds.ts: how long tasks of a kind usually take, so that a span that is slow as always is not told from its kind.

/** Kinds kept apart; names with ids that no pattern knows would be without end. */
const MOST_KINDS = 10_000
/** Steps of a tenth: a percentile is known to about 5 %. */
const STEP = Math.log(1.1)
/** Fewer tasks of a kind say nothing. */
export const LEAST_OF_KIND = 20
/** What lies within this share of its kind is usual. */
export const USUAL_SHARE = 0.9

interface Kind {
  count: number
  /** Tasks by the logarithm of their duration. */
  readonly buckets: Map<number, number>
}

/** Durations of tasks by their type. */
export class KindTable {
  private readonly kinds = new Map<string, Kind>()

  add(type: string, durationNs: number): void {
    let kind = this.kinds.get(type)
    if (kind === undefined) {
      if (this.kinds.size >= MOST_KINDS) return
      this.kinds.set(type, (kind = { count: 0, buckets: new Map() }))
    }
    const bucket = bucketOf(durationNs)
    kind.count++
    kind.buckets.set(bucket, (kind.buckets.get(bucket) ?? 0) + 1)
  }

  /** Whether a duration is no more than nine in ten of its kind take; false where fewer than twenty are known. */
  isUsual(type: string, durationNs: number): boolean {
    const kind = this.kinds.get(type)
    if (kind === undefined || kind.count < LEAST_OF_KIND) return false
    let below = 0
    const bucket = bucketOf(durationNs)
    for (const [other, count] of kind.buckets) if (other < bucket) below += count
    return below < USUAL_SHARE * kind.count
  }

  clear(): void {
    this.kinds.clear()
  }
}

function bucketOf(durationNs: number): number {
  return Math.floor(Math.log(Math.max(1, durationNs)) / STEP)
}
