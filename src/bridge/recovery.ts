// recovery.ts: what the journal of an earlier run says: what waits, what has left, which captures are not done with.

import { Failure } from '../base/failure.ts'
import type { JoinSpan } from '../join/match.ts'
import { scanTraceRequest } from '../span/otlp/scan.ts'
import type { SpanTable } from '../span/span.ts'
import type { CaptureView } from './capture-view.ts'
import { isDecodedAgain, type SettledCapture } from './captures.ts'
import type { GivenTask, Way } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'
import { EntryKind, type Journal } from './ports.ts'
import { type RecentSpans, type SentSpans, settle } from './recent-spans.ts'
import { type DecidedRow, decidedRows, joinSpanOf } from './release.ts'
import type { Requests } from './requests.ts'

/** What is to be taken up again. Entries go by their sequence numbers. */
export interface Recovered {
  /** Requests that waited. */
  readonly waiting: ReadonlyMap<number, { readonly table: SpanTable; readonly writtenMs: number }>
  readonly captures: ReadonlyMap<
    number,
    { readonly meta: Readonly<Record<string, unknown>>; readonly writtenMs: number }
  >
  /** Those of the captures that were done with. */
  readonly settled: ReadonlyMap<number, SettledCapture>
  /** Decodings that the program did not survive, by id of the capture. */
  readonly deaths: ReadonlyMap<unknown, number>
  readonly given: GivenTasks
}

/**
 * Reads a journal to its end.
 *
 * @param recent is told what has left
 * @param requests are told which came
 */
export async function readJournal(
  journal: Journal,
  recent: RecentSpans,
  requests: Requests,
  options: Pick<BridgeOptions, 'late' | 'lateMaxAgeMs' | 'joinKeepMs'>,
  nowMs: number,
): Promise<Recovered> {
  const { late, lateMaxAgeMs } = options
  const waiting = new Map<number, { readonly table: SpanTable; readonly writtenMs: number }>()
  const captures = new Map<number, { readonly meta: Readonly<Record<string, unknown>>; readonly writtenMs: number }>()
  const settled = new Map<number, SettledCapture>()
  const deaths = new Map<unknown, number>()
  const followed: (readonly [sequence: number, row: number])[] = []
  const blocks = new Map<number, SentSpans>()
  const given = new GivenTasks()
  const takeGiven = (table: SpanTable, decision: unknown, way: Way): void => {
    for (const row of decidedRows(decision)) {
      if (row.row < table.length && given.isKept(row.capture)) given.add(row, joinSpanOf(table, row.row), way)
    }
  }
  const unpin = recent.pin()
  const oldestMs = nowMs - lateMaxAgeMs
  const sent = (
    table: SpanTable,
    sequence: number,
    writtenMs: number,
    meta: Readonly<Record<string, unknown>>,
  ): void => {
    takeGiven(table, meta.decision, meta.way === 'hold' ? 'hold' : 'now')
    if (!late || writtenMs < oldestMs) return
    // Children of ours stand behind the spans that came in.
    const length = Math.min(table.length, Number(meta.spans ?? table.length))
    const block = recent.add(table, sequence, writtenMs, nowMs, length)
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
          if (parents !== null) scanned(parents, (table) => takeGiven(table, meta.decision, 'late'))
        } else if (meta.repeat !== true) {
          requests.restore(meta.request, meta.way === 'pass', writtenMs, nowMs)
          if (writtenMs >= oldestMs) scanned(body, (table) => sent(table, sequence, writtenMs, meta))
        }
        break
      case EntryKind.held:
        requests.restore(meta.request, false, writtenMs, nowMs)
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
        given.begin(meta.id)
        break
      case EntryKind.captureSettled:
        if (settles !== undefined) {
          const view = meta.view as CaptureView
          settled.set(settles, { view, content: meta.content })
          const acceptedMs = captures.get(settles)?.writtenMs ?? 0
          if (!isDecodedAgain(view, acceptedMs, nowMs, options)) given.forget(view.id)
        }
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
  return { waiting, captures, settled, deaths, given }
}

/** Which tasks were given to which spans, by what was decided before a restart: those of captures that are decoded again. */
export class GivenTasks {
  private readonly byCapture = new Map<string, GivenTask[]>()
  private readonly forgotten = new Set<string>()

  add({ capture, taskId, evidence }: DecidedRow, span: JoinSpan, way: Way): void {
    const tasks = this.byCapture.get(capture)
    if (tasks === undefined) this.byCapture.set(capture, [{ taskId, span, evidence, way }])
    else tasks.push({ taskId, span, evidence, way })
  }

  /** Whether what a capture's tasks were given to is kept: it is decoded again, as far as is known. */
  isKept(capture: string): boolean {
    return !this.forgotten.has(capture)
  }

  /** A capture came, which may have been there before: its id is told by its bytes. */
  begin(capture: unknown): void {
    if (typeof capture === 'string') this.forgotten.delete(capture)
  }

  /** The capture is not decoded again: a journal may hold hours of what was decided by such. */
  forget(capture: string): void {
    this.forgotten.add(capture)
    this.byCapture.delete(capture)
  }

  of(capture: string): readonly GivenTask[] {
    return this.byCapture.get(capture) ?? []
  }
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
