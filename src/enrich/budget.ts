// budget.ts: how many spans and bytes were added to each trace.

/** Most that is added to one trace. */
export interface TraceLimits {
  readonly spans: number
  readonly bytes: number
}

/** Traces remembered; a trace whose spans come later than so many others begins a new count. */
const MOST_TRACES = 50_000

/** Counts what was added to each trace; the trace that was added to longest ago is forgotten first. */
export class TraceBudget {
  private readonly used = new Map<string, { spans: number; bytes: number }>()

  constructor(
    private readonly limits: TraceLimits,
    private readonly mostTraces = MOST_TRACES,
  ) {}

  /** Takes room for one more span of about so many bytes; false, and nothing taken, when the trace has none left. */
  take(traceId: string, bytes: number): boolean {
    const used = this.used.get(traceId) ?? { spans: 0, bytes: 0 }
    if (used.spans + 1 > this.limits.spans || used.bytes + bytes > this.limits.bytes) return false
    used.spans++
    used.bytes += bytes
    // Taken out and put back, it is the latest in the map's order.
    this.used.delete(traceId)
    this.used.set(traceId, used)
    if (this.used.size > this.mostTraces) for (const oldest of this.used.keys()) return this.used.delete(oldest)
    return true
  }
}
