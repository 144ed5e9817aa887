// requests.ts: which requests came lately, so that one sent again after a lost answer is known for what it is.

import { hexOf } from '../base/hex.ts'
import type { SpanTable } from '../span/span.ts'

/** Senders give up on a request within this time. */
const MAX_AGE_MS = 300_000
const MAX_REQUESTS = 50_000

/** What is known of a request. */
export interface KnownRequest {
  /** Whether it reached the disk. */
  readonly stored: Promise<boolean>
  /** Whether all of its spans left as they came. */
  readonly asItCame: boolean
  readonly atMs: number
}

/**
 * What tells a request from all others: its length, its number of spans, and the ids of the first and the last. Null when these have
 * none.
 */
export function requestKeyOf({ bytes, length, traceIdAt, spanIdAt }: SpanTable): string | null {
  const last = length - 1
  if (traceIdAt[0] < 0 || spanIdAt[0] < 0 || spanIdAt[last] < 0) return null
  const first = hexOf(bytes, traceIdAt[0], traceIdAt[0] + 16) + hexOf(bytes, spanIdAt[0], spanIdAt[0] + 8)
  return `${bytes.length}-${length}-${first}-${hexOf(bytes, spanIdAt[last], spanIdAt[last] + 8)}`
}

/** The requests of the last minutes. */
export class Requests {
  private readonly known = new Map<string, KnownRequest>()

  find(key: string): KnownRequest | null {
    return this.known.get(key) ?? null
  }

  /** @param stored fails when the request did not reach the disk; it is forgotten then */
  add(key: string, stored: Promise<void>, asItCame: boolean, atMs: number): void {
    const outcome = stored.then(
      () => true,
      () => {
        this.known.delete(key)
        return false
      },
    )
    this.known.set(key, { stored: outcome, asItCame, atMs })
    this.forget(atMs)
  }

  /** After a restart: a part of the request is in the journal. */
  restore(key: unknown, asItCame: boolean, atMs: number, nowMs: number): void {
    if (typeof key !== 'string' || nowMs - atMs > MAX_AGE_MS) return
    const before = this.known.get(key)
    this.known.set(key, { stored: Promise.resolve(true), asItCame: asItCame && before?.asItCame !== false, atMs })
    this.forget(nowMs)
  }

  private forget(nowMs: number): void {
    for (const [key, { atMs }] of this.known) {
      if (this.known.size <= MAX_REQUESTS && nowMs - atMs <= MAX_AGE_MS) return
      this.known.delete(key)
    }
  }
}
