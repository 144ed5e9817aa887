// bridge.ts: the flow. Spans and captures come in, are on disk before they are acknowledged, meet, and leave.
//
// A span leaves in one of four ways, decided by its process: now (its task is known), pass (nothing is known of captures), hold (a
// capture is announced or being decoded) and late (the span had left; children follow it). All ways end in `release`. What leaves is
// an entry of the journal; destinations read it from there.

import { TraceBudget } from '../enrich/budget.ts'
import { selectSpans } from '../span/otlp/rewrite.ts'
import { scanTraceRequest } from '../span/otlp/scan.ts'
import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import type { Announcement } from './announcements.ts'
import type { CaptureView } from './capture-view.ts'
import { type AcceptedCapture, type CapturePorts, Captures } from './captures.ts'
import type { KnownCapture, Way } from './known-capture.ts'
import { LateSpans } from './late.ts'
import type { BridgeOptions } from './options.ts'
import {
  type CaptureName,
  type CaptureOrigin,
  EntryKind,
  type LiveCapture,
  type NewEntry,
  type Recorder,
} from './ports.ts'
import { RecentSpans, settle } from './recent-spans.ts'
import { readJournal } from './recovery.ts'
import { decided, type JoinedRows, joinRows, type JoinedSpan, NO_JOINS, type Release, release } from './release.ts'
import { Requests, requestKeyOf } from './requests.ts'
import { WaitingSpans } from './waiting-spans.ts'

/** What the flow holds, for metrics. */
export interface BridgeGauges {
  readonly heldRequests: number
  readonly heldSpans: number
  readonly heldBytes: number
  readonly recentBytes: number
  readonly taskBytes: number
  readonly capturesWaiting: number
}

const NO_BYTES = new Uint8Array(0)
/** Spans that told no clock are asked again so long after the first more came, then twice as long, and so on up to a minute. */
const TRY_AGAIN_MS = 1_000
const LATEST_AGAIN_MS = 60_000
/** A look at all that left costs more than one for a clock. A timer of more than 24 days would fire at once. */
const LATEST_LOOK_MS = 3_600_000

/** The flow of one data folder. */
export class Bridge implements Recorder {
  private readonly captures: Captures
  private readonly waiting: WaitingSpans
  private readonly recent: RecentSpans
  private readonly requests = new Requests()
  private readonly budget: TraceBudget
  private readonly late: LateSpans
  /** Captures decoded so far, numbered: what was decided before the last of them is looked at again. */
  private ended: { readonly number: number; readonly capture: KnownCapture }[] = []
  private endedCount = 0
  /** Releases and late children being written. */
  private readonly work = new Set<Promise<unknown>>()

  /** Captures for which a clock will be looked for once more, with what takes that back. */
  private readonly trying = new Map<KnownCapture, () => void>()
  /** Nothing is begun any more. */
  private stopping = false

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
  ) {
    this.budget = new TraceBudget(options.traceLimits)
    this.recent = new RecentSpans(options.recentMaxBytes, options.late ? options.lateMaxAgeMs : 0)
    this.late = new LateSpans(ports, options, this.recent, this.budget, (joined, way) => this.own(joined, way))
    this.captures = new Captures(
      ports,
      options,
      {
        progress: (capture) => this.waiting.progress(capture),
        ended: (capture) => this.captureEnded(capture),
        announcementOver: () => this.waiting.reconsider(),
      },
      () => (options.late ? this.recent.processes() : null),
    )
    this.waiting = new WaitingSpans(ports, options, {
      captures: this.captures,
      work: this.work,
      capturesOf: (table) => this.capturesOf(table),
      leaving: (table, joined, way) => this.leaving(table, joined, way),
      left: (...about) => this.left(...about),
      endedCount: () => this.endedCount,
      run: (work) => this.run(work),
    })
  }

  // ------------------------------------------------------------------------------------------------ spans in

  /**
   * Takes one OTLP protobuf trace request; resolves when its spans are on disk. Nothing of the bytes is kept after that.
   *
   * @throws Failure SPANS_MALFORMED, BODY_TOO_LARGE, OVERLOADED, STORE; then nothing was taken
   */
  async acceptSpans(request: Uint8Array): Promise<void> {
    const table = scanTraceRequest(request)
    if (table.length === 0) return
    const { counters } = this.ports
    const key = requestKeyOf(table)
    const before = key === null ? null : this.requests.find(key)
    if (before !== null && (await before.stored)) {
      // The sender did not see the answer. What left as it came may leave so again; anything else is on its way already.
      counters.add('subspan_requests_repeated_total', 1)
      if (before.asItCame) {
        await this.ports.journal.append([
          { kind: EntryKind.outgoing, meta: { way: 'pass', spans: table.length, repeat: true }, body: request },
        ])
      }
      return
    }
    const taken = this.take(table, key)
    if (key !== null) this.requests.add(key, taken.stored, taken.asItCame, this.ports.clock.nowMs())
    await taken.stored
    counters.add('subspan_spans_accepted_total', table.length)
  }

  /** Decides how each process's spans leave and writes it down. */
  private take(table: SpanTable, key: string | null): { readonly stored: Promise<void>; readonly asItCame: boolean } {
    const waits = this.processesThatWait(table)
    let out: SpanTable | null = table
    const parts: SpanTable[] = []
    if (waits.size > 0 && isOfOneProcess(table)) {
      parts.push(table)
      out = null
    } else if (waits.size > 0) {
      const outRows = new Uint8Array(table.length)
      const rowsOf = new Map<string, Uint8Array>()
      for (let row = 0; row < table.length; row++) {
        const process = table.resources[table.resource[row]].process.key
        if (!waits.has(process)) {
          outRows[row] = 1
          continue
        }
        let rows = rowsOf.get(process)
        if (rows === undefined) rowsOf.set(process, (rows = new Uint8Array(table.length)))
        rows[row] = 1
      }
      for (const rows of rowsOf.values()) parts.push(part(table, rows))
      out = outRows.includes(1) ? part(table, outRows) : null
    }
    this.waiting.makeRoom(parts)

    const entries: NewEntry[] = []
    let joins = NO_JOINS
    let leaves: Release = { body: NO_BYTES, children: 0 }
    if (out !== null) {
      joins = joinRows(out, this.capturesOf(out))
      const { joined } = joins
      const { body } = (leaves = this.leaving(out, joined, 'now'))
      const meta = { way: joined.length === 0 ? 'pass' : 'now', spans: out.length, request: key, ...decided(joined) }
      entries.push({ kind: EntryKind.outgoing, meta, body })
    }
    for (const held of parts) {
      const meta = { process: held.resources[0].process.key, spans: held.length, request: key }
      entries.push({ kind: EntryKind.held, meta, body: held.bytes })
    }
    const decidedAfter = this.endedCount
    const stored = this.ports.journal.append(entries).then((sequences) => {
      const nowMs = this.ports.clock.nowMs()
      let next = 0
      if (out !== null) this.left(out, sequences[next++], joins, 'now', decidedAfter, leaves.children)
      const always = this.options.holdMode === 'always'
      const holds = parts.map((held) =>
        this.waiting.hold(held, sequences[next++], nowMs + this.options.holdMaxMs, always),
      )
      // What they would wait for may have come while they were being written.
      this.waiting.letGoDecided(holds)
    })
    return { stored, asItCame: parts.length === 0 && joins.joined.length === 0 }
  }

  /** Keys of the processes whose spans shall wait. */
  private processesThatWait(table: SpanTable): ReadonlySet<string> {
    const { holdMode } = this.options
    const waits = new Set<string>()
    if (holdMode === 'never') return waits
    for (let resource = 0; resource < table.resources.length; resource++) {
      const { process } = table.resources[resource]
      if (waits.has(process.key)) continue
      const wanted =
        holdMode === 'always' ||
        this.captures.announcements.include(process) ||
        this.captures.unfinished(process).length > 0
      if (wanted && !this.isDecided(table, process)) waits.add(process.key)
    }
    return waits
  }

  /** Whether waiting could add nothing to the process's spans: their tasks are known already, or their breakdown is. */
  private isDecided(table: SpanTable, process: ProcessIdentity): boolean {
    // What is being decoded decides nothing yet, and to look for tasks in it at each request would keep those that are found from leaving.
    const known = this.captures.joinable(process).some(({ state }) => state === 'done')
    let open = 0
    for (let row = 0; row < table.length; row++) {
      if (table.enriched[row] === 1 || table.resources[table.resource[row]].process.key !== process.key) continue
      if (!known) return false
      open++
    }
    if (open === 0) return true
    const own = (resource: number): readonly KnownCapture[] => {
      const { process: other } = table.resources[resource]
      return other.key === process.key ? this.captures.joinable(other) : []
    }
    const { joined } = joinRows(table, own)
    return joined.length === open && joined.every(({ found }) => found.capture.state === 'done')
  }

  private capturesOf(table: SpanTable): (resource: number) => readonly KnownCapture[] {
    const found = table.resources.map(({ process }) => this.captures.joinable(process))
    return (resource) => found[resource]
  }

  // ------------------------------------------------------------------------------------------------ spans out

  /** The bytes with which spans leave. */
  private leaving(table: SpanTable, joined: readonly JoinedSpan[], way: Way): Release {
    if (joined.length === 0) return { body: table.bytes, children: 0 }
    return release(table, joined, way, this.options, this.budget)
  }

  /** Spans have left: their entry is on disk. */
  private left(
    table: SpanTable,
    sequence: number,
    { joined, missed, elsewhere }: JoinedRows,
    way: Way,
    decidedAfter: number,
    children: number,
  ): void {
    const { clock, counters } = this.ports
    this.own(joined, way)
    counters.add('subspan_child_spans_total', children, { way })
    for (const { capture, reason } of missed) {
      capture.miss(reason)
      counters.add('subspan_spans_unmatched_total', 1, { reason })
    }
    for (const capture of elsewhere) capture.countElsewhere(1)
    counters.add('subspan_spans_left_total', joined.length, { way })
    counters.add('subspan_spans_left_total', table.length - joined.length, {
      way: way === 'hold' ? 'hold-as-it-came' : 'pass',
    })
    if (!this.options.late) return
    const nowMs = clock.nowMs()
    const block = this.recent.add(table, sequence, nowMs, nowMs)
    for (const { row } of joined) settle(block, row)
    const again = new Set<KnownCapture>()
    // Captures that were decoded while this was being written did not find it among what had left.
    for (const { number, capture } of this.ended) if (number > decidedAfter) again.add(capture)
    // A whole capture's clock, or the names of renamed spans, may have been told by these spans, or by others while this was being written:
    // those that left without a task are looked at again.
    for (const { found } of joined) if (isToldMore(found.capture)) again.add(found.capture)
    for (const { capture, learned } of missed) if (isToldMore(capture, learned)) again.add(capture)
    for (const capture of again) this.run(this.late.followAll(capture))
    for (const { capture, reason } of missed) {
      capture.leftBehind(reason)
      if (capture.isUntried || capture.isLookDue) this.tryLater(capture)
    }
  }

  /**
   * The last few spans of many may be those that make the clocks clear: they are not left waiting for more. And what was decided request by
   * request is decided once more together, for spans tell of their parents and children, and of rivals, that had not come.
   */
  private tryLater(capture: KnownCapture): void {
    if (this.stopping || this.trying.has(capture)) return
    const againMs = capture.isUntried
      ? Math.min(TRY_AGAIN_MS * 2 ** capture.tries, LATEST_AGAIN_MS)
      : Math.min(TRY_AGAIN_MS * 2 ** capture.looks, LATEST_LOOK_MS)
    const cancel = this.ports.clock.after(againMs, () => {
      this.trying.delete(capture)
      const { learned } = capture
      if (capture.isUntried) capture.tryAgain()
      else if (capture.isLookDue) capture.looks++
      else return
      // To ask for all that left costs much more than to look for a clock, which mostly there is none.
      if (capture.learned !== learned || capture.isLookDue) this.run(this.late.followAll(capture))
    })
    this.trying.set(capture, cancel)
  }

  private own(joined: readonly JoinedSpan[], way: Way): void {
    for (const { span, found } of joined) {
      found.capture.own(found.task, span, found.evidence, way)
      this.ports.counters.add('subspan_spans_joined_total', 1, { evidence: found.evidence, way })
    }
  }

  // ------------------------------------------------------------------------------------------------ captures

  /**
   * Takes a capture; resolves when it is on disk.
   *
   * @throws Failure for bytes that are no capture, or do not fit, or cannot be stored
   */
  acceptCapture(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): Promise<AcceptedCapture> {
    return this.captures.accept(name, origin, chunks)
  }

  record(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): LiveCapture {
    return this.captures.record(name, origin, chunks)
  }

  /**
   * Spans of the process wait for a capture that will be sent.
   *
   * @throws Failure OVERLOADED when too many are announced
   */
  announce(name: CaptureName, seconds: number): Announcement {
    return this.captures.announcements.add(name, seconds)
  }

  /** Announced and not come yet, oldest first. */
  announcements(): readonly Announcement[] {
    return this.captures.announcements.all()
  }

  /** Newest first. */
  captureViews(): readonly CaptureView[] {
    return this.captures.views()
  }

  captureView(id: string): CaptureView | null {
    return this.captures.view(id)
  }

  private captureEnded(capture: KnownCapture): void {
    this.ended = this.ended.filter((earlier) => earlier.capture.joinable)
    this.ended.push({ number: ++this.endedCount, capture })
    const leaving = this.waiting.begun(() => {
      this.waiting.learnClock(capture)
      this.waiting.reconsider()
    })
    this.run(this.settle(capture, leaving))
  }

  /** The capture is done with when what waited for it has left and what had left before is followed. */
  private async settle(capture: KnownCapture, leaving: readonly Promise<unknown>[]): Promise<void> {
    const following = this.late.followAll(capture)
    await Promise.allSettled(leaving)
    if (await following) await this.captures.settle(capture)
  }

  // ------------------------------------------------------------------------------------------------ start and end

  /**
   * Takes up what the journal holds: requests that wait (their deadline counts from their acceptance), spans that have left, captures
   * that are not done with. To be called once, before anything else.
   */
  async recover(): Promise<void> {
    const { journal, clock, counters } = this.ports
    const { waiting, captures, settled, deaths, given } = await readJournal(
      journal,
      this.recent,
      this.requests,
      this.options,
      clock.nowMs(),
    )
    for (const [sequence, { table, writtenMs }] of waiting) {
      counters.add('subspan_holds_recovered_total', 1)
      this.waiting.hold(table, sequence, writtenMs + this.options.holdMaxMs, true)
    }
    for (const [sequence, { meta, writtenMs }] of captures) {
      if (typeof meta.id === 'string')
        this.captures.restore(
          meta.id,
          sequence,
          writtenMs,
          meta,
          settled.get(sequence) ?? null,
          deaths.get(meta.id) ?? 0,
          given.of(meta.id),
        )
    }
    this.waiting.reconsider()
  }

  /**
   * Lets everything that waits go as it stands, and waits until it is on disk. What a capture still adds to spans that had left is
   * written until the deadline; the rest is, after the next start.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.stopping = true
    const noted = this.captures.stop()
    for (const cancel of this.trying.values()) cancel()
    this.trying.clear()
    const cancel = this.ports.clock.after(deadlineMs, () => this.late.stop())
    this.waiting.stop()
    while (this.work.size > 0) await Promise.allSettled([...this.work])
    await noted
    cancel()
  }

  gauges(): BridgeGauges {
    return {
      heldRequests: this.waiting.requests,
      heldSpans: this.waiting.spans,
      heldBytes: this.waiting.bytes,
      recentBytes: this.recent.bytes,
      taskBytes: this.captures.bytes,
      capturesWaiting: this.captures.waiting,
    }
  }

  private run(work: Promise<unknown>): void {
    const kept = work.catch((thrown: unknown) => {
      this.ports.log.error(
        { error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) },
        'the flow met a defect',
      )
    })
    this.work.add(kept)
    void kept.finally(() => this.work.delete(kept))
  }
}

/** Whether a whole capture has learned what its spans that left without a task may be joined by, since some were asked for. */
function isToldMore(capture: KnownCapture, learnedThen = capture.learned): boolean {
  return capture.state === 'done' && (capture.learnedAnew || capture.learned !== learnedThen)
}

function isOfOneProcess({ resources }: SpanTable): boolean {
  return resources.every(({ process }) => process.key === resources[0].process.key)
}

/** The rows of a request as a request of their own. */
function part(table: SpanTable, rows: Uint8Array): SpanTable {
  const bytes = selectSpans(table, rows)
  return bytes === table.bytes ? table : scanTraceRequest(bytes)
}
