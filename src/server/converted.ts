// converted.ts: takes requests of other protocols than OTLP: each becomes an OTLP request and goes the way of these.

import type { Counters, Log } from '../bridge/ports.ts'
import type { ConvertedRequest } from '../span/span.ts'
import type { BodyBudget } from './body.ts'

/** What taking such requests needs. */
export interface ConvertedDoor {
  /**
   * Takes the spans of one OTLP protobuf trace request; resolves when they are on disk.
   *
   * @throws Failure SPANS_MALFORMED, OVERLOADED, STORE
   */
  readonly acceptSpans: (request: Uint8Array) => Promise<void>
  /** The door's name as a metric's label. */
  readonly receiver: string
  readonly budget: BodyBudget
  readonly counters: Counters
  readonly log: Log
}

/** Takes them for one door. */
export class ConvertedRequests {
  private told = false

  constructor(private readonly door: ConvertedDoor) {}

  /**
   * Resolves when the spans are on disk. The OTLP form counts against the budget beside the form that came.
   *
   * @throws Failure as `acceptSpans`
   */
  async accept({ otlp, spans, refusedSpans, refusal }: ConvertedRequest): Promise<void> {
    const { budget, counters, receiver, log } = this.door
    if (spans > 0) {
      budget.take(otlp.length)
      try {
        await this.door.acceptSpans(otlp)
      } finally {
        budget.give(otlp.length)
      }
    }
    if (refusedSpans === 0) return
    counters.add('subspan_receiver_refused_spans_total', refusedSpans, { receiver })
    if (this.told) return
    this.told = true
    log.warn(
      { receiver, refusedSpans, refusal },
      'a sender sends spans that cannot be understood; the others are taken',
    )
  }
}
