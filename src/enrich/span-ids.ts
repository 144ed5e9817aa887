// span-ids.ts: ids of the spans that we add: the same every time for the same thing in the same capture.

import { halvesOf } from '../base/bytes.ts'
import { Hash64 } from '../base/hash.ts'

/** What a span of ours stands for. */
export type ChildKind = 'summary' | 'region' | 'wait' | 'range'

/**
 * The id of a span of ours: a hash of the trace and span it belongs to, its kind, its goroutine and its start on the trace clock. Never zero.
 *
 * @param goroutine -1 for a summary
 * @param startNs start on the trace clock, nanoseconds; -1 where it lies outside the capture
 * @param ordinal tells apart things of one kind on one goroutine that started at one time
 */
export function childSpanId(
  traceId: Uint8Array,
  spanId: Uint8Array,
  kind: ChildKind,
  goroutine: number,
  startNs: bigint,
  ordinal = 0,
): Uint8Array {
  const hash = new Hash64()
    .bytes(traceId)
    .bytes(spanId)
    .text(kind)
    .halves(halvesOf(goroutine))
    .halves(halvesOf(startNs))
  if (ordinal > 0) hash.halves(halvesOf(ordinal))
  const { low, high } = hash.value
  const id = new Uint8Array(8)
  const view = new DataView(id.buffer)
  view.setUint32(0, high)
  view.setUint32(4, low === 0 && high === 0 ? 1 : low)
  return id
}
