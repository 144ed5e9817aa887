// sender.ts: what every way of sending has in common: what may become of a request.

import { oneLine } from '../base/one-line.ts'
import type { PartialSuccess } from '../span/otlp/response.ts'

/** What became of a request. */
export type SendResult =
  | {
      readonly kind: 'delivered'
      /** What the destination rejected of it, or warns of; null: nothing. It must not be sent again. */
      readonly partial: PartialSuccess | null
    }
  | {
      /** The same bytes may be taken later. */
      readonly kind: 'again'
      readonly reason: string
      /** What the destination asked for; null: nothing. */
      readonly retryAfterMs: number | null
    }
  | {
      /** The same bytes will never be taken. */
      readonly kind: 'refused'
      /** HTTP status, for gRPC the one that stands for its code; null when the request could not be made. */
      readonly status: number | null
      readonly reason: string
    }

/** Sends requests to one destination. */
export interface Sender {
  /** @param parts OTLP protobuf trace requests, which go as one, one after another. Never throws. */
  send(parts: readonly Uint8Array[], signal: AbortSignal): Promise<SendResult>
  close(): void
}

/** A destination that asks for more is asked again after this. */
export const MAX_RETRY_AFTER_MS = 600_000
const MAX_REASON = 300

/** Bytes of all parts. */
export function bytesOf(parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (const { length } of parts) bytes += length
  return bytes
}

/** What a stranger said, on one line and short. */
export function reasonOf(text: string): string {
  return oneLine(text, MAX_REASON)
}
