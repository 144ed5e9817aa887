// late.ts: what a capture adds to spans that had left before it came: children under them, each span once.

import { Failure, messageOf } from '../base/failure.ts'
import type { TraceBudget } from '../enrich/budget.ts'
import type { JoinSpan } from '../join/match.ts'
import { scanTraceRequest } from '../span/otlp/scan.ts'
import type { SpanTable } from '../span/span.ts'
import type { CapturePorts } from './captures.ts'
import { type KnownCapture, mayBeOf, type Way } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'
import { EntryKind, type NewEntry } from './ports.ts'
import {
  isSettled,
  type RecentSpans,
  sentEndNs,
  sentSpanHash,
  type SentSpans,
  sentStartNs,
  settle,
} from './recent-spans.ts'
import { decisionOf, type JoinedSpan, joinSpanOf, release } from './release.ts'

/** Rows looked at before others get their turn. */
const ROWS_AT_A_TIME = 50_000
/** Tables kept from the first look at a body to the second. */
const KEPT_TABLE_BYTES = 32 << 20
const RETRY_MS = 2_000

/** A span that had left and that may have a task. */
interface Hit {
  readonly block: SentSpans
  readonly row: number
}

/** Sends children after spans. */
export class LateSpans {
  private stopping = false
  /** Captures whose spans are being looked at, and those for which that was asked since it began. */
  private readonly following = new Map<KnownCapture, Promise<boolean>>()
  private readonly asked = new Set<KnownCapture>()

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
    private readonly recent: RecentSpans,
    private readonly budget: TraceBudget,
    private readonly own: (joined: readonly JoinedSpan[], way: Way) => void,
  ) {}

  /** What is not in the journal yet is done after the next start. */
  stop(): void {
    this.stopping = true
  }

  /**
   * Follows all spans that have left lately: when a capture is decoded to its end, and when more is learned of it that tells tasks of spans which
   * had left without one. Asked for while it goes on, all is looked at once more.
   *
   * @returns whether all of it is in the journal
   */
  followAll(capture: KnownCapture): Promise<boolean> {
    this.asked.add(capture)
    const before = this.following.get(capture)
    if (before !== undefined) return before
    const following = Promise.resolve().then(() => this.followUntilAllIsUsed(capture))
    this.following.set(capture, following)
    return following
  }

  private async followUntilAllIsUsed(capture: KnownCapture): Promise<boolean> {
    try {
      while (this.asked.delete(capture) || capture.learnedAnew) {
        if (!capture.joinable || !this.options.late) return true
        // Before the look, not after it: what is learned meanwhile is not used for what leaves meanwhile.
        capture.followed()
        capture.forgetMisses()
        const unpin = this.recent.pin()
        try {
          if (!(await this.follow(capture, this.recent.all()))) return false
        } finally {
          unpin()
        }
      }
      return true
    } finally {
      this.asked.delete(capture)
      this.following.delete(capture)
    }
  }

  private async follow(capture: KnownCapture, blocks: readonly SentSpans[]): Promise<boolean> {
    const { hits, misses, settled } = await this.look(capture, blocks)
    const tables = new TableCache(this.ports)
    const joined = await this.join(capture, hits, tables)
    for (const [processKey, spans] of settled) {
      capture.countElsewhere(Math.max(0, spans - capture.spansOf(processKey)))
    }
    // Only now: the pairs among these spans may have told the capture's clock.
    for (const [block, rows] of misses) {
      for (const row of rows) {
        capture.miss(capture.whyUnmatched(sentStartNs(block, row), sentEndNs(block, row)))
      }
    }
    // The next is made while the one before is being written.
    let written = Promise.resolve(true)
    for (const [block, found] of joined) {
      if (this.stopping) break
      const [before, next] = [written, this.send(block, found, tables)]
      written = next
      // What it meets is told by whoever waits for it, or has been told by the one before.
      next.catch(() => undefined)
      if (!(await before)) {
        await next
        return false
      }
    }
    return (await written) && !this.stopping
  }

  /**
   * The spans that tasks name, or may find theirs by name and time, and the others of the process, by block. Of a capture of which nothing
   * tells whose it is those that another has enriched are asked too: where captures overlap they may be all there is to tell.
   *
   * @returns `settled`: else, by process, how many spans of its time have their breakdown from whichever capture
   */
  private async look(
    capture: KnownCapture,
    blocks: readonly SentSpans[],
  ): Promise<{
    readonly hits: Map<SentSpans, number[]>
    readonly misses: Map<SentSpans, number[]>
    readonly settled: ReadonlyMap<string, number>
  }> {
    const hits = new Map<SentSpans, number[]>()
    const misses = new Map<SentSpans, number[]>()
    const settled = new Map<string, number>()
    const unclaimed = capture.isUnclaimed
    const oldestMs = this.ports.clock.nowMs() - this.options.lateMaxAgeMs
    let looked = 0
    for (const block of blocks) {
      if (block.leftMs < oldestMs) continue
      const mayBe = block.processes.map((process) => mayBeOf(capture.name, process))
      if (!mayBe.includes(true)) continue
      looked += block.length
      if (looked > ROWS_AT_A_TIME) {
        looked = 0
        await this.pause(0)
      }
      for (const [process, from] of block.processFrom.entries()) {
        if (!mayBe[process]) continue
        const to = Math.min(block.processFrom[process + 1] ?? block.length, block.length)
        const { key } = block.processes[process]
        const isOwn = !unclaimed && capture.isOf(key)
        let inTime = 0
        for (let row = from; row < to; row++) {
          const start = sentStartNs(block, row)
          const end = sentEndNs(block, row)
          const done = isSettled(block, row)
          if (done && !unclaimed) {
            if (isOwn && capture.whyUnmatched(start, end) !== 'not-in-capture') inTime++
            continue
          }
          const hit = capture.mayName(sentSpanHash(block, row)) || capture.wants(start, end)
          if (hit || !done) rowsOf(hit ? hits : misses, block).push(row)
        }
        if (inTime > 0) settled.set(key, (settled.get(key) ?? 0) + inTime)
      }
    }
    return { hits, misses, settled }
  }

  /** The tasks of the hits, decided together: the more pairs, the better the clock. */
  private async join(
    capture: KnownCapture,
    hits: ReadonlyMap<SentSpans, readonly number[]>,
    tables: TableCache,
  ): Promise<Map<SentSpans, JoinedSpan[]>> {
    const spans: JoinSpan[] = []
    const places: Hit[] = []
    for (const [block, rows] of hits) {
      const table = await tables.of(block)
      if (table === null) continue
      for (const row of rows) {
        spans.push(joinSpanOf(table, row))
        places.push({ block, row })
      }
    }
    const joined = new Map<SentSpans, JoinedSpan[]>()
    capture.match(spans).forEach((found, i) => {
      const { block, row } = places[i]
      const done = isSettled(block, row)
      if (typeof found === 'string') {
        if (!done) capture.miss(found)
        return
      }
      capture.expect(found.task, spans[i])
      if (done) {
        capture.countElsewhere(1)
        return
      }
      const list = joined.get(block)
      const one = { row, span: spans[i], found }
      if (list === undefined) joined.set(block, [one])
      else list.push(one)
    })
    return joined
  }

  /** Writes the children of one entry's spans. */
  private async send(block: SentSpans, found: readonly JoinedSpan[], tables: TableCache): Promise<boolean> {
    const table = await tables.of(block)
    // Another capture may have been first.
    const joined = found.filter(({ row }) => !isSettled(block, row))
    if (table === null || joined.length === 0) return true
    const { body, children } = release(table, joined, 'late', this.options, this.budget)
    for (const { row } of joined) settle(block, row)
    if (children === 0) return true
    const meta = {
      way: 'late',
      spans: children,
      leftMs: block.leftMs,
      followed: joined.flatMap(({ row }) => [block.sequence, row]),
      decision: decisionOf(joined),
    }
    if (!(await this.append({ kind: EntryKind.outgoing, meta, body }))) {
      for (const { row } of joined) settle(block, row, false)
      return false
    }
    this.own(joined, 'late')
    this.ports.counters.add('subspan_spans_left_total', joined.length, { way: 'late' })
    this.ports.counters.add('subspan_child_spans_total', children, { way: 'late' })
    return true
  }

  /** Writes an entry, again and again while the disk refuses and the spans are not too old. */
  private async append(entry: NewEntry): Promise<boolean> {
    const untilMs = this.ports.clock.nowMs() + this.options.lateMaxAgeMs
    for (;;) {
      try {
        await this.ports.journal.append([entry])
        return true
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        if (this.stopping || this.ports.clock.nowMs() > untilMs) return false
        this.ports.log.warn(
          { error: messageOf(thrown) },
          'children of spans that had left could not be written yet; trying again',
        )
        await this.pause((thrown.retryAfterSeconds ?? 0) * 1_000 || RETRY_MS)
      }
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.clock.after(ms, resolve))
  }
}

/** The rows of a block, begun when there are none. */
function rowsOf(lists: Map<SentSpans, number[]>, block: SentSpans): number[] {
  let rows = lists.get(block)
  if (rows === undefined) lists.set(block, (rows = []))
  return rows
}

/** Tables of entries, read again from the journal; the first few megabytes are kept. */
class TableCache {
  private readonly kept = new Map<number, SpanTable>()
  private bytes = 0

  constructor(private readonly ports: CapturePorts) {}

  /** Null when the journal keeps the entry no longer, or cannot read it. */
  async of({ sequence }: SentSpans): Promise<SpanTable | null> {
    const kept = this.kept.get(sequence)
    if (kept !== undefined) return kept
    let table: SpanTable | null = null
    try {
      const body = await this.ports.journal.body(sequence)
      if (body !== null) table = scanTraceRequest(body)
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      this.ports.log.warn({ sequence, error: messageOf(thrown) }, 'an entry of the journal could not be read again')
    }
    if (table === null) {
      this.ports.counters.add('subspan_late_bodies_gone_total', 1)
      return null
    }
    if (this.bytes + table.bytes.length <= KEPT_TABLE_BYTES) {
      this.bytes += table.bytes.length
      this.kept.set(sequence, table)
    }
    return table
  }
}
