// delivery.ts: the loop that takes what leaves from the journal to one destination and moves its cursor.

import { joinRequests } from '../span/otlp/rewrite.ts'
import type { Clock, Counters, JournalEntry, Log } from '../bridge/ports.ts'
import { messageOf } from '../base/failure.ts'
import type { Destination } from './destination.ts'
import { bytesOf, type Sender, type SendResult } from './sender.ts'

/** Where requests come from; the journal. */
export interface OutgoingSource {
  /** Requests after this sequence number, and up to where that is all; null when nothing was written after it. */
  readOutgoing(
    after: number,
    maxBytes: number,
    accept: (entry: Pick<JournalEntry, 'meta' | 'writtenMs'>) => boolean,
  ): Promise<{
    readonly requests: readonly Uint8Array[]
    readonly through: number
    /** When the oldest of them was written, Unix milliseconds. */
    readonly oldestMs: number | null
  } | null>
  /** Resolves when there is something after this sequence number, or at the signal. */
  appended(after: number, signal: AbortSignal): Promise<void>
  bytesAfter(sequence: number): number
  /** It is not read any more. */
  close(): Promise<void>
}

/** What the loop needs. */
export interface DeliverySetup {
  readonly destination: Pick<Destination, 'name' | 'late' | 'lateMaxAgeMs'>
  readonly sender: Sender
  readonly source: OutgoingSource
  readonly cursor: { readonly through: number; advance(through: number): void }
  readonly deadLetters: {
    add(letter: {
      readonly destination: string
      readonly status: number | null
      readonly reason: string
      readonly body: Uint8Array
    }): Promise<void>
  }
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  /** Requests are joined up to so many bytes, uncompressed. */
  readonly maxRequestBytes?: number
  /** What comes within this time after a request was begun goes out together; 0 unless told otherwise: at once. */
  readonly gatherMs?: number
  /** Makes a span of Subspan's own around one request. */
  readonly observe?: (bytes: number, send: () => Promise<SendResult>) => Promise<SendResult>
  /** 0 to 1, for the jitter. */
  readonly random?: () => number
}

/** Below the 4 MiB that receivers often take at most. */
const MAX_REQUEST_BYTES = 3_500_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 30_000
/** Things that can happen with every request are told once a minute. */
const TELL_EVERY_MS = 60_000
/** What these say does not depend on the request's spans: sending its parts alone would not help. */
const NOT_ABOUT_THE_BODY: ReadonlySet<number | null> = new Set([
  301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407, 411,
])

/** Delivers to one destination from `start` to `stop`. One request is under way at a time; what comes meanwhile is joined in the next. */
export class Delivery {
  private running: Promise<void> | null = null
  private readonly stopping = new AbortController()
  /** The deadline of the stop is over. */
  private readonly ended = new AbortController()
  /** It ends after the request under way, whatever else there is. */
  private leaving = false
  private oldestMs: number | null = null
  /** Since when it has failed without success between, and how often. */
  private failing: { readonly sinceMs: number; tries: number } | null = null
  private readonly told = new Map<string, { atMs: number; since: number }>()

  constructor(private readonly setup: DeliverySetup) {}

  start(): void {
    this.running ??= this.run()
  }

  /**
   * Delivers what is in the journal, then ends; at the deadline it breaks off. What was not delivered stays in the journal. A
   * destination that fails now is tried once more, not for the whole time.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.stopping.abort()
    const cancel = this.setup.clock.after(deadlineMs, () => this.ended.abort())
    await this.running
    cancel()
    this.setup.sender.close()
  }

  /**
   * Ends after the request that is under way, if there is one; the rest is another's who goes on at the cursor. What a request's answer
   * would have been is waited for: sent again it would be there twice.
   */
  async leave(): Promise<void> {
    this.leaving = true
    this.stopping.abort()
    await this.running
    this.setup.sender.close()
    await this.setup.source.close()
  }

  /** What waits for this destination, for metrics and health. */
  backlog(): { readonly bytes: number; readonly oldestAgeMs: number; readonly failingForMs: number } {
    const { clock, source, cursor } = this.setup
    const nowMs = clock.nowMs()
    return {
      bytes: source.bytesAfter(cursor.through),
      oldestAgeMs: this.oldestMs === null ? 0 : Math.max(0, nowMs - this.oldestMs),
      failingForMs: this.failing === null ? 0 : Math.max(0, nowMs - this.failing.sinceMs),
    }
  }

  private async run(): Promise<void> {
    const { source, cursor, clock, gatherMs = 0, maxRequestBytes = MAX_REQUEST_BYTES } = this.setup
    let begunMs = -Infinity
    while (!this.ended.signal.aborted && !this.leaving) {
      const { through } = cursor
      const waitMs = begunMs + gatherMs - clock.nowMs()
      if (waitMs > 0 && !this.stopping.signal.aborted && source.bytesAfter(through) < maxRequestBytes) {
        await this.pause(waitMs)
      }
      let batch: Awaited<ReturnType<OutgoingSource['readOutgoing']>>
      try {
        batch = await source.readOutgoing(through, maxRequestBytes, (entry) => this.takes(entry))
      } catch (thrown) {
        this.tell('error', 'what is to be delivered could not be read; it is tried again', messageOf(thrown))
        if (this.stopping.signal.aborted || !(await this.pause(LONGEST_WAIT_MS / 10))) return
        continue
      }
      if (batch === null) {
        this.oldestMs = null
        if (this.stopping.signal.aborted) return
        await source.appended(through, this.stopping.signal)
        continue
      }
      this.oldestMs = batch.oldestMs
      begunMs = clock.nowMs()
      if (!(await this.deliver(batch.requests))) return
      cursor.advance(batch.through)
    }
  }

  /** Whether the destination takes an entry: children of spans that have left are not for all, and not for ever. */
  private takes({ meta, writtenMs }: Pick<JournalEntry, 'meta' | 'writtenMs'>): boolean {
    if (meta.way !== 'late') return true
    const { late, lateMaxAgeMs } = this.setup.destination
    return late && !(typeof meta.leftMs === 'number' && writtenMs - meta.leftMs > lateMaxAgeMs)
  }

  /** False when it was stopped before all of them were taken or set aside. */
  private async deliver(requests: readonly Uint8Array[]): Promise<boolean> {
    const { counters, destination } = this.setup
    const work = requests.length === 0 ? [] : [requests]
    for (let group = work.pop(); group !== undefined; group = work.pop()) {
      if (this.leaving) return false
      const result = await this.send(group)
      if (result === null) return false
      if (result.kind === 'delivered') {
        counters.add('subspan_export_bytes_total', bytesOf(group), { destination: destination.name })
        if (result.partial !== null) this.tellPartial(result.partial.rejectedSpans, result.partial.message)
        continue
      }
      if (group.length > 1 && !NOT_ABOUT_THE_BODY.has(result.status)) {
        // One poisoned request must not take the others with it: each half is tried alone, down to the one.
        const half = group.length >> 1
        work.push(group.slice(half), group.slice(0, half))
        continue
      }
      if (!(await this.setAside(joinRequests(group), result))) return false
    }
    return true
  }

  /** Tries until the destination has taken or refused it; null when it was stopped before. */
  private async send(requests: readonly Uint8Array[]): Promise<Exclude<SendResult, { kind: 'again' }> | null> {
    const { clock, counters, destination, log, observe, random = Math.random, sender } = this.setup
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      const triedWhileStopping = this.stopping.signal.aborted
      const send = (): Promise<SendResult> => sender.send(requests, this.ended.signal)
      const result = await (observe === undefined ? send() : observe(bytesOf(requests), send))
      const partial = result.kind === 'delivered' && result.partial !== null
      counters.add('subspan_export_requests_total', 1, {
        destination: destination.name,
        result: partial ? 'partial' : result.kind,
      })
      if (result.kind !== 'again') {
        if (this.failing !== null) {
          const { sinceMs, tries } = this.failing
          const seconds = ((clock.nowMs() - sinceMs) / 1000).toFixed(0)
          log.info(
            { destination: destination.name },
            `exporting again after ${tries} failed ${tries === 1 ? 'try' : 'tries'} in ${seconds} s; nothing was lost`,
          )
        }
        this.failing = null
        return result
      }
      if (this.failing === null) {
        log.warn(
          { destination: destination.name, reason: result.reason },
          'a destination does not take spans now: they stay in the journal and are sent again',
        )
      }
      this.failing ??= { sinceMs: clock.nowMs(), tries: 0 }
      this.failing.tries++
      if (triedWhileStopping || this.leaving || this.ended.signal.aborted) return null
      // Half to one and a half of it, so that many senders do not come back at one moment.
      if (!(await this.pause(Math.max(waitMs * (0.5 + random()), result.retryAfterMs ?? 0)))) return null
    }
  }

  private async setAside(
    request: Uint8Array,
    { status, reason }: { readonly status: number | null; readonly reason: string },
  ): Promise<boolean> {
    const { counters, deadLetters, destination } = this.setup
    for (;;) {
      try {
        await deadLetters.add({ destination: destination.name, status, reason, body: request })
        counters.add('subspan_dead_letters_total', 1, {
          destination: destination.name,
          status: status === null ? 'none' : String(status),
        })
        this.tell('error', 'a destination refused a request for good: it was set aside in dead-letters.jsonl', reason)
        return true
      } catch (thrown) {
        this.tell('error', 'a refused request could not be set aside; it is tried again', messageOf(thrown))
        if (this.stopping.signal.aborted || !(await this.pause(LONGEST_WAIT_MS / 10))) return false
      }
    }
  }

  private tellPartial(rejectedSpans: bigint, message: string): void {
    const { counters, destination } = this.setup
    if (rejectedSpans > 0n) {
      counters.add('subspan_export_rejected_spans_total', Number(rejectedSpans), { destination: destination.name })
      this.tell('warn', `a destination took a request but rejected ${rejectedSpans} of its spans`, message)
    } else this.tell('warn', 'a destination took a request with a warning', message)
  }

  /** Tells a kind of event once a minute, and then how often it happened since. */
  private tell(level: 'warn' | 'error', sentence: string, reason: string): void {
    const { clock, destination, log } = this.setup
    const key = sentence.replace(/\d+/g, '')
    const nowMs = clock.nowMs()
    const told = this.told.get(key) ?? { atMs: -Infinity, since: 0 }
    told.since++
    if (nowMs - told.atMs >= TELL_EVERY_MS) {
      log[level]({ destination: destination.name, reason, times: told.since }, sentence)
      told.atMs = nowMs
      told.since = 0
    }
    this.told.set(key, told)
  }

  /** Waits; a stop shortens it. False when the stop's deadline is over. */
  private pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const { signal } = this.stopping
      const done = (): void => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve(!this.ended.signal.aborted)
      }
      const cancel = signal.aborted ? () => undefined : this.setup.clock.after(ms, done)
      if (signal.aborted) done()
      else signal.addEventListener('abort', done)
    })
  }
}
