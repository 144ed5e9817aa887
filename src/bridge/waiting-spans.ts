// waiting-spans.ts: spans that wait for a capture of their process: what for, how long, and how they leave.

import { Failure, messageOf } from '../base/failure.ts'
import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import type { CapturePorts, Captures } from './captures.ts'
import { type HeldRequest, HeldRequests } from './held-requests.ts'
import { type KnownCapture, mayBeOf, type Way } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'
import { EntryKind, type NewEntry } from './ports.ts'
import { decided, type JoinedRows, type JoinedSpan, joinRequestRows, joinRows, type Release } from './release.ts'

/** What waiting needs of the flow around it. */
export interface WaitingFlow {
  readonly captures: Captures
  /** Releases and late children being written. */
  readonly work: ReadonlySet<Promise<unknown>>
  /** Captures in which spans of a resource's row may find their tasks. */
  capturesOf(table: SpanTable): (resource: number) => readonly KnownCapture[]
  /** The bytes with which spans leave. */
  leaving(table: SpanTable, joined: readonly JoinedSpan[], way: Way): Release
  /** Spans have left: their entry is on disk. */
  left(table: SpanTable, sequence: number, joins: JoinedRows, way: Way, decidedAfter: number, children: number): void
  /** Captures decoded so far. */
  endedCount(): number
  /** Something that is waited for at the end. */
  run(work: Promise<unknown>): void
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

/** Spans that wait. */
export class WaitingSpans {
  private readonly held: HeldRequests
  private readonly togetherMs: number
  private cancelDeadline: (() => void) | null = null
  private stopping = false

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
    private readonly flow: WaitingFlow,
  ) {
    this.held = new HeldRequests(options.holdMaxBytes)
    this.togetherMs = Math.min(MOST_EARLY_MS, options.holdMaxMs * EARLY_PART)
  }

  /** Requests that wait or are leaving. */
  get requests(): number {
    return this.held.size
  }

  /** Their spans. */
  get spans(): number {
    return this.held.spans
  }

  get bytes(): number {
    return this.held.bytes
  }

  /** All leave as they stand, and nothing is tried again. */
  stop(): void {
    this.stopping = true
    this.cancelDeadline?.()
    this.letGo(this.held.waiting(), 'shutdown')
  }

  /**
   * Spans of one process wait from now on; their bytes are copied.
   *
   * @param sequence of their entry in the journal
   * @param always they wait to their deadline unless a capture covers them
   */
  hold(table: SpanTable, sequence: number, deadlineMs: number, always: boolean): HeldRequest {
    const request = this.held.add(table, sequence, deadlineMs, always)
    if (this.cancelDeadline === null) this.armDeadline()
    return request
  }

  /** Lets go of what has nothing to wait for any more. */
  reconsider(): void {
    for (const requests of [...this.held.byProcess()]) this.letGoDecided(requests)
  }

  /**
   * Lets go of those of them that have nothing to wait for any more.
   *
   * @param requests of one process, or few
   */
  letGoDecided(requests: readonly HeldRequest[]): void {
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
      unfinished: this.flow.captures.unfinished(process),
      announced: this.flow.captures.announcements.include(process),
      joinable: this.flow.captures.joinable(process),
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

  /**
   * The oldest give way when those that wait take too many bytes.
   *
   * @throws Failure OVERLOADED when they do not leave fast enough
   */
  makeRoom(parts: readonly SpanTable[]): void {
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
    const joins = joinRequestRows(tables.map((table) => ({ table, capturesOf: this.flow.capturesOf(table) })))
    const leaving = requests.map((request, i) => ({ request, table: tables[i], joins: joins[i] }))
    // Spans that leave together may name each other: who held a lock that another waited for.
    for (const { joins } of leaving) for (const { span, found } of joins.joined) found.capture.expect(found.task, span)
    for (const { request } of leaving) this.held.leave(request)
    this.ports.counters.add('subspan_holds_ended_total', leaving.length, { reason })
    // What leaves as it came lies in the journal already, and takes a few bytes there: all of it is written as one.
    const asItCame = leaving.filter(({ joins }) => joins.joined.length === 0)
    if (asItCame.length > 0) this.flow.run(this.writeReleases(asItCame, this.flow.endedCount()))
    const enriched = leaving.filter(({ joins }) => joins.joined.length > 0)
    if (enriched.length > 0) this.flow.run(this.writeEnriched(enriched, this.flow.endedCount()))
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
    const entries: NewEntry[] = []
    const children: number[] = []
    let written: readonly number[]
    try {
      for (const { request, table, joins } of leaving) {
        const leaves = this.flow.leaving(table, joins.joined, 'hold')
        const body = leaves.body === table.bytes ? NO_BYTES : leaves.body
        const meta = { way: 'hold', spans: table.length, ...decided(joins.joined) }
        entries.push({ kind: EntryKind.released, meta, body, settles: request.sequence })
        children.push(leaves.children)
      }
      written = await journal.append(entries)
    } catch (thrown) {
      // Their bytes are on disk and in memory: nothing is lost by trying again.
      const spans = leaving.reduce((sum, { table }) => sum + table.length, 0)
      log.warn({ error: messageOf(thrown), spans }, 'spans that waited could not leave yet; trying again')
      for (const { request } of leaving) this.held.stay(request)
      if (!this.stopping) clock.after(RETRY_MS, () => this.reconsider())
      return
    }
    // They have left: whatever goes wrong from here on, they must not do so again.
    leaving.forEach(({ request, table, joins }, i) => {
      const sequence = entries[i].body.length === 0 ? request.sequence : written[i]
      this.flow.left(table, sequence, joins, 'hold', decidedAfter, children[i])
      this.held.remove(request)
    })
  }

  /** More of a capture is decoded. Resolves when what spans have found in it is on its way. */
  async progress(capture: KnownCapture): Promise<void> {
    const leaving = this.begun(() => {
      this.learnClock(capture)
      const possible = this.held.byProcess((process) => mayBeOf(capture.name, process))
      for (const requests of possible) this.letGoDecided(requests)
    })
    if (leaving.length === 0) return
    // To look for tasks in the next part may take this thread for longer than what is found needs to leave.
    await Promise.all(leaving)
    await new Promise<void>((resolve) => this.ports.clock.after(LEAD_MS, resolve))
  }

  /** The work that a step begins. */
  begun(step: () => void): Promise<unknown>[] {
    const before = new Set(this.flow.work)
    step()
    return [...this.flow.work].filter((work) => !before.has(work))
  }

  /** Spans that wait tell a capture without clock snapshots what its clock is. */
  learnClock(capture: KnownCapture): void {
    if (capture.clock.offsetNs !== null) return
    const waiting = [...this.held.byProcess((process) => mayBeOf(capture.name, process))].flat()
    joinRequestRows(waiting.map(({ kept }) => ({ table: kept.table(), capturesOf: () => [capture] })))
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
