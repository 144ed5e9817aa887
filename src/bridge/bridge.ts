// bridge.ts: the flow. Spans and captures come in, are on disk before they are acknowledged, meet, and leave.
//
// A span leaves in one of four ways, decided by its process: now (its task is known), pass (nothing is known of captures), hold (a
// capture is announced or being decoded) and late (the span had left; children follow it). All ways end in `release`. What leaves is
// an entry of the journal; destinations read it from there.

import { Failure, messageOf } from '../base/failure.ts'
import { TraceBudget } from '../enrich/budget.ts'
import { selectSpans } from '../span/otlp/rewrite.ts'
import { scanTraceRequest } from '../span/otlp/scan.ts'
import { spanIdHex, traceIdHex } from '../span/otlp/rows.ts'
import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import type { Announcement } from './announcements.ts'
import type { CaptureView } from './capture-view.ts'
import { type AcceptedCapture, type CapturePorts, Captures, type SettledCapture } from './captures.ts'
import { type HeldRequest, HeldRequests } from './held-requests.ts'
import { type GivenTask, type KnownCapture, mayBeOf, type Way } from './known-capture.ts'
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
import { RecentSpans, settle, type SentSpans } from './recent-spans.ts'
import {
  type DecidedRow,
  decidedRows,
  decisionOf,
  type JoinedRows,
  joinRequestRows,
  joinRows,
  type JoinedSpan,
  NO_JOINS,
  type Release,
  release,
} from './release.ts'
import { Requests, requestKeyOf } from './requests.ts'

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
/** Of its longest wait a request may leave so much early, with one that came just before: a timer and an entry written for each cost more. */
const EARLY_PART = 1 / 128
const MOST_EARLY_MS = 8
/** Breakdowns are written for so long before what is ready leaves. */
const RELEASE_AT_A_TIME_MS = 8
/** What spans have found in a part of a capture has this time to be sent before the next part is looked at. */
const LEAD_MS = 10
/** A release that could not be written is tried again after this. */
const RETRY_MS = 1_000

/** The flow of one data folder. */
export class Bridge implements Recorder {
  private readonly captures: Captures
  private readonly held: HeldRequests
  private readonly recent: RecentSpans
  private readonly requests = new Requests()
  private readonly budget: TraceBudget
  private readonly late: LateSpans
  /** Captures decoded so far, numbered: what was decided before the last of them is looked at again. */
  private ended: { readonly number: number; readonly capture: KnownCapture }[] = []
  private endedCount = 0
  private cancelDeadline: (() => void) | null = null
  private readonly togetherMs: number
  private stopping = false
  /** Releases and late children being written. */
  private readonly work = new Set<Promise<unknown>>()

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
  ) {
    this.held = new HeldRequests(options.holdMaxBytes)
    this.togetherMs = Math.min(MOST_EARLY_MS, options.holdMaxMs * EARLY_PART)
    this.budget = new TraceBudget(options.traceLimits)
    this.recent = new RecentSpans(options.recentMaxBytes, options.late ? options.lateMaxAgeMs : 0)
    this.late = new LateSpans(ports, options, this.recent, this.budget, (joined, way) => this.own(joined, way))
    this.captures = new Captures(
      ports,
      options,
      {
        progress: (capture) => this.progress(capture),
        ended: (capture) => this.captureEnded(capture),
        announcementOver: () => this.reconsider(),
      },
      () => (options.late ? this.recent.processes() : null),
    )
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
    this.makeRoom(parts)

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
      const holds = parts.map((held) => this.hold(held, sequences[next++], nowMs + this.options.holdMaxMs, always))
      // What they would wait for may have come while they were being written.
      this.letGoDecided(holds)
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
    { joined, missed }: JoinedRows,
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
    counters.add('subspan_spans_left_total', joined.length, { way })
    counters.add('subspan_spans_left_total', table.length - joined.length, {
      way: way === 'hold' ? 'hold-as-it-came' : 'pass',
    })
    if (!this.options.late) return
    const nowMs = clock.nowMs()
    const block = this.recent.add(table, sequence, nowMs, nowMs)
    for (const { row } of joined) settle(block, row)
    // Captures that were decoded while this was being written did not find it among what had left.
    for (const { number, capture } of this.ended) {
      if (number > decidedAfter) this.run(this.late.follow(capture, [block]))
    }
  }

  private own(joined: readonly JoinedSpan[], way: Way): void {
    for (const { span, found } of joined) {
      found.capture.own(found.task, span, found.evidence, way)
      this.ports.counters.add('subspan_spans_joined_total', 1, { evidence: found.evidence, way })
    }
  }

  // ------------------------------------------------------------------------------------------------ spans that wait

  private hold(table: SpanTable, sequence: number, deadlineMs: number, always: boolean): HeldRequest {
    const request = this.held.add(table, sequence, deadlineMs, always)
    if (this.cancelDeadline === null) this.armDeadline()
    return request
  }

  /** Lets go of what has nothing to wait for any more. */
  private reconsider(): void {
    for (const requests of [...this.held.byProcess()]) this.letGoDecided(requests)
  }

  /** @param requests of one process, or few */
  private letGoDecided(requests: readonly HeldRequest[]): void {
    const nowMs = this.ports.clock.nowMs()
    const outlooks = new Map<string, Outlook>()
    const outlookOf = (process: ProcessIdentity): Outlook => {
      let outlook = outlooks.get(process.key)
      if (outlook === undefined) outlooks.set(process.key, (outlook = this.outlookOf(process)))
      return outlook
    }
    const mustWait = (request: HeldRequest): boolean => isAwaited(request, outlookOf(request.kept.process))
    this.letGo(
      requests.filter(({ deadlineMs }) => deadlineMs <= nowMs),
      'deadline',
    )
    this.letGo(
      requests.filter((request) => request.deadlineMs > nowMs && !mustWait(request)),
      'decided',
    )
  }

  private outlookOf(process: ProcessIdentity): Outlook {
    return {
      unfinished: this.captures.unfinished(process),
      announced: this.captures.announcements.include(process),
      joinable: this.captures.joinable(process),
    }
  }

  private armDeadline(): void {
    this.cancelDeadline?.()
    this.cancelDeadline = null
    const oldest = this.held.oldest()
    if (oldest === null || this.stopping) return
    const inMs = Math.max(0, oldest.deadlineMs - this.ports.clock.nowMs())
    this.cancelDeadline = this.ports.clock.after(inMs, () => {
      this.cancelDeadline = null
      this.letGo(this.held.due(this.ports.clock.nowMs() + this.togetherMs), 'deadline')
      this.armDeadline()
    })
  }

  /** The oldest give way when those that wait take too many bytes. */
  private makeRoom(parts: readonly SpanTable[]): void {
    if (parts.length === 0) return
    const { holdMaxBytes } = this.options
    const coming = parts.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (this.held.bytes + this.held.unusedBytes + coming > 2 * holdMaxBytes) {
      throw new Failure(
        'OVERLOADED',
        `spans that wait for captures hold ${this.held.bytes.toLocaleString('en-US')} bytes and do not leave fast enough, at most ${(2 * holdMaxBytes).toLocaleString('en-US')} are kept: try again in a second, or raise hold.maxBytes.`,
        1,
      )
    }
    for (let oldest = this.held.oldest(); oldest !== null; oldest = this.held.oldest()) {
      if (this.held.waitingBytes + this.held.unusedBytes + coming <= holdMaxBytes) return
      this.letGo([oldest], 'crowded')
    }
  }

  /** Requests that waited leave, with what is known now. */
  private letGo(requests: readonly HeldRequest[], reason: 'decided' | 'deadline' | 'crowded' | 'shutdown'): void {
    if (requests.length === 0) return
    const tables = requests.map(({ kept }) => kept.table())
    const joins = joinRequestRows(tables.map((table) => ({ table, capturesOf: this.capturesOf(table) })))
    const leaving = requests.map((request, i) => ({ request, table: tables[i], joins: joins[i] }))
    // Spans that leave together may name each other: who held a lock that another waited for.
    for (const { joins } of leaving) for (const { span, found } of joins.joined) found.capture.expect(found.task, span)
    for (const { request } of leaving) this.held.leave(request)
    this.ports.counters.add('subspan_holds_ended_total', leaving.length, { reason })
    // What leaves as it came lies in the journal already, and takes a few bytes there: all of it is written as one.
    const asItCame = leaving.filter(({ joins }) => joins.joined.length === 0)
    if (asItCame.length > 0) this.run(this.writeReleases(asItCame, this.endedCount))
    const enriched = leaving.filter(({ joins }) => joins.joined.length > 0)
    if (enriched.length > 0) this.run(this.writeEnriched(enriched, this.endedCount))
  }

  /** The first leave while the breakdowns of the others are written, and so does whatever else waits for this thread. */
  private async writeEnriched(leaving: readonly LeavingRequest[], decidedAfter: number): Promise<void> {
    const { clock } = this.ports
    const tasksOf = new Map<KnownCapture, unknown>()
    for (const { joins } of leaving)
      for (const { found } of joins.joined) tasksOf.set(found.capture, found.capture.tasks)
    let writes: Promise<void>[] = []
    let begunMs = clock.nowMs()
    let stays = false
    for (const one of leaving) {
      // Meanwhile a capture may have been let go of, and with it the tasks that were found.
      if (one.joins.joined.some(({ found }) => found.capture.tasks !== tasksOf.get(found.capture))) {
        this.held.stay(one.request)
        stays = true
        continue
      }
      writes.push(this.writeReleases([one], decidedAfter))
      if (clock.nowMs() - begunMs < RELEASE_AT_A_TIME_MS) continue
      await Promise.all(writes)
      writes = []
      begunMs = clock.nowMs()
    }
    await Promise.all(writes)
    if (!stays) return
    if (this.stopping) this.letGo(this.held.waiting(), 'shutdown')
    else this.reconsider()
  }

  private async writeReleases(leaving: readonly LeavingRequest[], decidedAfter: number): Promise<void> {
    const { journal, clock, log } = this.ports
    try {
      const entries: NewEntry[] = []
      const children: number[] = []
      for (const { request, table, joins } of leaving) {
        const leaves = this.leaving(table, joins.joined, 'hold')
        const body = leaves.body === table.bytes ? NO_BYTES : leaves.body
        const meta = { way: 'hold', spans: table.length, ...decided(joins.joined) }
        entries.push({ kind: EntryKind.released, meta, body, settles: request.sequence })
        children.push(leaves.children)
      }
      const written = await journal.append(entries)
      leaving.forEach(({ request, table, joins }, i) => {
        const sequence = entries[i].body.length === 0 ? request.sequence : written[i]
        this.left(table, sequence, joins, 'hold', decidedAfter, children[i])
        this.held.remove(request)
      })
    } catch (thrown) {
      // Their bytes are on disk and in memory: nothing is lost by trying again.
      const spans = leaving.reduce((sum, { table }) => sum + table.length, 0)
      log.warn({ error: messageOf(thrown), spans }, 'spans that waited could not leave yet; trying again')
      for (const { request } of leaving) this.held.stay(request)
      if (!this.stopping) clock.after(RETRY_MS, () => this.reconsider())
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

  private async progress(capture: KnownCapture): Promise<void> {
    const before = new Set(this.work)
    this.learnClock(capture)
    for (const requests of this.held.byProcess((process) => mayBeOf(capture.name, process))) this.letGoDecided(requests)
    const leaving = [...this.work].filter((work) => !before.has(work))
    if (leaving.length === 0) return
    // To look for tasks in the next part may take this thread for longer than what is found needs to leave.
    await Promise.all(leaving)
    await new Promise<void>((resolve) => this.ports.clock.after(LEAD_MS, resolve))
  }

  private captureEnded(capture: KnownCapture): void {
    this.ended = this.ended.filter((earlier) => earlier.capture.joinable)
    this.ended.push({ number: ++this.endedCount, capture })
    this.learnClock(capture)
    this.reconsider()
    this.run(this.late.followAll(capture).then((done) => (done ? this.captures.settle(capture) : undefined)))
  }

  /** Spans that wait tell a capture without clock snapshots what its clock is. */
  private learnClock(capture: KnownCapture): void {
    if (capture.clock.offsetNs !== null) return
    const waiting = [...this.held.byProcess((process) => mayBeOf(capture.name, process))].flat()
    joinRequestRows(waiting.map(({ kept }) => ({ table: kept.table(), capturesOf: () => [capture] })))
  }

  // ------------------------------------------------------------------------------------------------ start and end

  /**
   * Takes up what the journal holds: requests that wait (their deadline counts from their acceptance), spans that have left, captures
   * that are not done with. To be called once, before anything else.
   */
  async recover(): Promise<void> {
    const { journal, clock, counters } = this.ports
    const waiting = new Map<number, { readonly table: SpanTable; readonly writtenMs: number }>()
    const captures = new Map<number, { readonly meta: Readonly<Record<string, unknown>>; readonly writtenMs: number }>()
    const settled = new Map<number, SettledCapture>()
    const deaths = new Map<unknown, number>()
    const followed: (readonly [sequence: number, row: number])[] = []
    const blocks = new Map<number, SentSpans>()
    const given = new GivenTasks()
    const takeGiven = (table: SpanTable, decision: unknown): void =>
      given.add(decidedRows(decision), (row) => [traceIdHex(table, row), spanIdHex(table, row)])
    const unpin = this.recent.pin()
    const oldestMs = clock.nowMs() - this.options.lateMaxAgeMs
    const sent = (
      table: SpanTable,
      sequence: number,
      writtenMs: number,
      meta: Readonly<Record<string, unknown>>,
    ): void => {
      takeGiven(table, meta.decision)
      if (!this.options.late || writtenMs < oldestMs) return
      // Children of ours stand behind the spans that came in.
      const length = Math.min(table.length, Number(meta.spans ?? table.length))
      const block = this.recent.add(table, sequence, writtenMs, clock.nowMs(), length)
      for (const { row } of decidedRows(meta.decision)) if (row < block.length) settle(block, row)
      blocks.set(sequence, block)
    }
    for await (const { kind, sequence, writtenMs, meta, body, settles } of journal.replay()) {
      switch (kind) {
        case EntryKind.outgoing:
          if (meta.way === 'late') {
            const pairs = pairsOf(meta.followed)
            followed.push(...pairs)
            const parents = pairs.length > 0 && blocks.has(pairs[0][0]) ? await journal.body(pairs[0][0]) : null
            if (parents !== null) scanned(parents, (table) => takeGiven(table, meta.decision))
          } else if (meta.repeat !== true) {
            this.requests.restore(meta.request, meta.way === 'pass', writtenMs, clock.nowMs())
            if (writtenMs >= oldestMs) scanned(body, (table) => sent(table, sequence, writtenMs, meta))
          }
          break
        case EntryKind.held:
          this.requests.restore(meta.request, false, writtenMs, clock.nowMs())
          scanned(body, (table) => waiting.set(sequence, { table, writtenMs }))
          break
        case EntryKind.released: {
          const before = waiting.get(settles ?? -1)
          waiting.delete(settles ?? -1)
          if (body.length > 0) scanned(body, (table) => sent(table, sequence, writtenMs, meta))
          else if (before !== undefined) sent(before.table, settles ?? sequence, writtenMs, meta)
          break
        }
        case EntryKind.capture:
          captures.set(sequence, { meta, writtenMs })
          break
        case EntryKind.captureSettled:
          if (settles !== undefined) settled.set(settles, { view: meta.view as CaptureView, content: meta.content })
          break
        case EntryKind.captureAttempt:
          // A decoding that came to an end, whatever its end, clears what was held against the capture.
          deaths.set(meta.id, meta.begun === true ? (deaths.get(meta.id) ?? 0) + 1 : 0)
          break
      }
    }
    for (const [sequence, row] of followed) {
      const block = blocks.get(sequence)
      if (block !== undefined && row < block.length) settle(block, row)
    }
    unpin()
    for (const [sequence, { table, writtenMs }] of waiting) {
      counters.add('subspan_holds_recovered_total', 1)
      this.hold(table, sequence, writtenMs + this.options.holdMaxMs, true)
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
    this.reconsider()
  }

  /**
   * Lets everything that waits go as it stands, and waits until it is on disk. What a capture still adds to spans that had left is
   * written until the deadline; the rest is, after the next start.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.stopping = true
    const noted = this.captures.stop()
    const cancel = this.ports.clock.after(deadlineMs, () => this.late.stop())
    this.cancelDeadline?.()
    this.letGo(this.held.waiting(), 'shutdown')
    while (this.work.size > 0) await Promise.allSettled([...this.work])
    await noted
    cancel()
  }

  gauges(): BridgeGauges {
    return {
      heldRequests: this.held.size,
      heldSpans: this.held.spans,
      heldBytes: this.held.bytes,
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

/** Which tasks were given to which spans, by what was decided before a restart. */
class GivenTasks {
  private readonly byCapture = new Map<string, GivenTask[]>()

  add(rows: readonly DecidedRow[], idsOf: (row: number) => readonly [traceId: string, spanId: string]): void {
    for (const { capture, row, taskId } of rows) {
      const [traceId, spanId] = idsOf(row)
      const tasks = this.byCapture.get(capture)
      if (tasks === undefined) this.byCapture.set(capture, [{ taskId, traceId, spanId }])
      else tasks.push({ taskId, traceId, spanId })
    }
  }

  of(capture: string): readonly GivenTask[] {
    return this.byCapture.get(capture) ?? []
  }
}

/** A request that waited and leaves now, with the tasks of its spans. */
interface LeavingRequest {
  readonly request: HeldRequest
  readonly table: SpanTable
  readonly joins: JoinedRows
}

/** What a process's spans may wait for. */
interface Outlook {
  readonly unfinished: readonly KnownCapture[]
  readonly announced: boolean
  readonly joinable: readonly KnownCapture[]
}

function isAwaited({ kept, endUnixNs, always }: HeldRequest, { unfinished, announced, joinable }: Outlook): boolean {
  if (unfinished.some((capture) => !capture.hasPassed(endUnixNs))) return true
  if (!always && !announced) return false
  // What was waited for may have come, under its own name or without one.
  return !joinable.some((capture) => capture.covers(endUnixNs) && (capture.isNamed || namesAny(capture, kept.table())))
}

/** Whether a task of the capture names one of the spans: it is a capture of their process. */
function namesAny(capture: KnownCapture, table: SpanTable): boolean {
  return joinRows(table, () => [capture]).joined.length > 0
}

function isOfOneProcess({ resources }: SpanTable): boolean {
  return resources.every(({ process }) => process.key === resources[0].process.key)
}

/** The rows of a request as a request of their own. */
function part(table: SpanTable, rows: Uint8Array): SpanTable {
  const bytes = selectSpans(table, rows)
  return bytes === table.bytes ? table : scanTraceRequest(bytes)
}

/** The decision, where there is one. */
function decided(joined: readonly JoinedSpan[]): { readonly decision?: Record<string, unknown> } {
  return joined.length === 0 ? {} : { decision: decisionOf(joined) }
}

/** Calls with the spans of a body of our own journal; one that cannot be read any more is left to the destinations as it is. */
function scanned(body: Uint8Array, use: (table: SpanTable) => void): void {
  let table: SpanTable
  try {
    table = scanTraceRequest(body)
  } catch (thrown) {
    if (thrown instanceof Failure) return
    throw thrown
  }
  use(table)
}

function pairsOf(value: unknown): [number, number][] {
  if (!Array.isArray(value)) return []
  const pairs: [number, number][] = []
  for (let i = 0; i + 1 < value.length; i += 2) pairs.push([Number(value[i]), Number(value[i + 1])])
  return pairs
}
