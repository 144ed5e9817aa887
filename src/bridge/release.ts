// release.ts: the one way in which spans leave with what their tasks say, however they came to leave.

import { joinRequests, rewriteRequest } from '../span/otlp/rewrite.ts'
import { encodeAttributes, encodeResourceSpans } from '../span/otlp/write.ts'
import {
  endUnixNs,
  flagsOf,
  parentSpanIdHex,
  resourceSchemaUrl,
  spanIdHex,
  spanKindOf,
  spanName,
  startUnixNs,
  traceIdHex,
  traceStateOf,
} from '../span/otlp/rows.ts'
import type { NewSpan, SpanTable } from '../span/span.ts'
import type { TraceBudget } from '../enrich/budget.ts'
import { enrichSpan, SCOPE_NAME } from '../enrich/enrich.ts'
import type { TaskRecord } from '../breakdown/breakdown.ts'
import type { Evidence, JoinSpan, UnmatchedReason } from '../join/match.ts'
import type { FoundTask, KnownCapture, Way } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'

/** What is added to spans changes with this number only: a decision in the journal names it. */
export const RULE_VERSION = 2

/** A span and its task. */
export interface JoinedSpan {
  /** Row in the table. */
  readonly row: number
  readonly span: JoinSpan
  readonly found: FoundTask
}

/** A span that has no task in a capture of its process. */
export interface MissedSpan {
  readonly capture: KnownCapture
  readonly reason: UnmatchedReason
  /** What the capture had learned by then (`KnownCapture.learned`). */
  readonly learned: number
}

export interface JoinedRows {
  /** In the order of rows. */
  readonly joined: readonly JoinedSpan[]
  readonly missed: readonly MissedSpan[]
  /** Captures in which a span was found too that another enriches, once for each span. */
  readonly elsewhere: readonly KnownCapture[]
}

/** Of a request of which no capture knows anything. */
export const NO_JOINS: JoinedRows = { joined: [], missed: [], elsewhere: [] }

/** What leaves. */
export interface Release {
  readonly body: Uint8Array
  /** Spans of ours in it. */
  readonly children: number
}

/** A row of a request as joining sees it. */
export function joinSpanOf(table: SpanTable, row: number): JoinSpan {
  const { process } = table.resources[table.resource[row]]
  return {
    traceId: traceIdHex(table, row),
    spanId: spanIdHex(table, row),
    parentSpanId: parentSpanIdHex(table, row),
    name: spanName(table, row),
    startUnixNs: startUnixNs(table, row),
    endUnixNs: endUnixNs(table, row),
    kind: spanKindOf(table, row),
    processKey: process.key,
    processShared: process.shared,
  }
}

/** A request, and the captures in which spans of a resource's row may find their tasks, in order of arrival. */
export interface JoinRequest {
  readonly table: SpanTable
  readonly capturesOf: (resource: number) => readonly KnownCapture[]
}

/**
 * Finds the tasks of the rows that carry no breakdown yet. A span has one capture: the first of those in which its task lies whole, else
 * the first.
 *
 * @param capturesOf captures in which spans of a resource's row may find their tasks, in order of arrival
 */
export function joinRows(table: SpanTable, capturesOf: (resource: number) => readonly KnownCapture[]): JoinedRows {
  return joinRequestRows([{ table, capturesOf }])[0]
}

/** The same for several requests, which are decided together: their spans are rivals, parents and children of one another. */
export function joinRequestRows(requests: readonly JoinRequest[]): JoinedRows[] {
  const missed: MissedSpan[][] = requests.map(() => [])
  const unasked: { readonly request: number; readonly capture: KnownCapture; readonly row: number }[] = []
  const asked = new Map<KnownCapture, AskedRow[]>()
  requests.forEach(({ table, capturesOf }, request) => {
    // Mostly no capture of anybody here is known: then no row is looked at.
    if (table.resources.every((_, resource) => capturesOf(resource).length === 0)) return
    for (let row = 0; row < table.length; row++) {
      if (table.enriched[row] === 1 || table.spanIdAt[row] < 0 || table.traceIdAt[row] < 0) continue
      const captures = capturesOf(table.resource[row])
      if (captures.length === 0) continue
      const traceId = traceIdHex(table, row)
      const spanId = spanIdHex(table, row)
      const start = approximately(table.startLow, table.startHigh, row)
      const end = approximately(table.endLow, table.endHigh, row)
      let span: JoinSpan | null = null
      for (const capture of captures) {
        if (!capture.names(traceId, spanId) && !capture.wants(start, end)) {
          unasked.push({ request, capture, row })
          continue
        }
        span ??= joinSpanOf(table, row)
        const rows = asked.get(capture)
        if (rows === undefined) asked.set(capture, [{ request, row, span }])
        else rows.push({ request, row, span })
      }
    }
  })
  const best = requests.map(() => new Map<number, JoinedSpan>())
  const elsewhere: KnownCapture[][] = requests.map(() => [])
  for (const [capture, rows] of asked) {
    const answers = capture.match(rows.map(({ span }) => span))
    rows.forEach(({ request, row, span }, i) => {
      const found = answers[i]
      if (typeof found === 'string') {
        missed[request].push({ capture, reason: found, learned: capture.learned })
        return
      }
      const before = best[request].get(row)
      const isBest = before === undefined || (!isWhole(before.found) && isWhole(found))
      if (isBest) best[request].set(row, { row, span, found })
      if (before !== undefined) elsewhere[request].push(isBest ? before.found.capture : capture)
    })
  }
  // Only now: the pairs among these spans may have told the capture's clock.
  for (const { request, capture, row } of unasked) {
    const { table } = requests[request]
    const start = approximately(table.startLow, table.startHigh, row)
    const end = approximately(table.endLow, table.endHigh, row)
    missed[request].push({ capture, reason: capture.whyUnmatched(start, end), learned: capture.learned })
  }
  return best.map((joined, request) =>
    joined.size === 0 && missed[request].length === 0
      ? NO_JOINS
      : {
          joined: [...joined.values()].sort((a, b) => a.row - b.row),
          missed: missed[request],
          elsewhere: elsewhere[request],
        },
  )
}

interface AskedRow {
  /** Row in the requests. */
  readonly request: number
  readonly row: number
  readonly span: JoinSpan
}

/** Whether the task lies in its capture from begin to end, and nothing of it was lost. */
export function isWhole({ capture, task }: FoundTask): boolean {
  const { startNs, endNs, partial } = capture.tasks.tasks[task]
  return startNs !== null && endNs !== null && !partial
}

/**
 * The bytes with which spans leave. `now` and `hold`: the request with attributes appended to the joined spans, their children as
 * messages of their own behind it. `late`: the children alone, each span's summary first.
 */
export function release(
  table: SpanTable,
  joined: readonly JoinedSpan[],
  way: Way,
  options: Pick<BridgeOptions, 'enrich' | 'version'>,
  budget: TraceBudget,
): Release {
  const additions = new Map<number, Uint8Array>()
  const childrenOf = new Map<number, NewSpan[]>()
  for (const { span, found } of joined) found.capture.expect(found.task, span)
  let children = 0
  for (const one of joined) {
    const { row, span, found } = one
    const { capture, clock } = found
    const { offsetNs } = clock
    if (offsetNs === null) continue
    const task = taskOf(one)
    const enrichment = enrichSpan({
      span: { ...span, traceState: traceStateOf(table, row), flags: flagsOf(table, row) },
      task,
      capture: {
        tables: capture.tasks,
        gcPhases: capture.tasks.gcPhases,
        id: capture.id,
        durationNs: capture.info?.durationNs ?? capture.decodedUntilNs,
        originNs: capture.originNs,
      },
      offsetNs,
      clockErrorNs: clock.errorNs,
      evidence: found.evidence,
      spanOfTask: (id) => capture.spanOfTask(id),
      usual: capture.isUsual(task),
      innerTasks: capture.innerTasks(task.id),
      options: options.enrich,
      mode: way === 'late' ? 'late' : 'in-place',
      budget,
    })
    if (enrichment.attributes.length > 0) additions.set(row, encodeAttributes(enrichment.attributes))
    if (enrichment.children.length === 0) continue
    children += enrichment.children.length
    const resource = table.resource[row]
    const siblings = childrenOf.get(resource)
    if (siblings === undefined) childrenOf.set(resource, [...enrichment.children])
    else siblings.push(...enrichment.children)
  }
  const parts = [...childrenOf].map(([resource, spans]) =>
    encodeResourceSpans(
      table.resources[resource].resource,
      SCOPE_NAME,
      options.version,
      spans,
      resourceSchemaUrl(table, resource),
    ),
  )
  const body = way === 'late' ? joinRequests(parts) : joinRequests([rewriteRequest(table, null, additions), ...parts])
  return { body, children }
}

/** What was decided of one capture, by one kind of evidence and one offset between the clocks. */
interface CaptureDecision {
  readonly capture: string
  readonly evidence: Evidence
  readonly offsetNs: string
  readonly errorNs: number | null
  /** Pairs of row and id of the task. */
  readonly rowsAndTasks: number[]
}

/** What was decided, as it is written down before anything is sent. */
export function decisionOf(joined: readonly JoinedSpan[]): Record<string, unknown> {
  const captures = new Map<string, CaptureDecision>()
  for (const one of joined) {
    const { capture, clock, evidence } = one.found
    const offsetNs = String(clock.offsetNs)
    // Where a capture's clock drifts or the wall clock was set, its spans have several offsets.
    const key = `${capture.id} ${evidence} ${offsetNs}`
    let of = captures.get(key)
    if (of === undefined) {
      of = { capture: capture.id, evidence, offsetNs, errorNs: clock.errorNs, rowsAndTasks: [] }
      captures.set(key, of)
    }
    of.rowsAndTasks.push(one.row, taskOf(one).id)
  }
  return { rules: RULE_VERSION, captures: [...captures.values()] }
}

/** The decision as a part of an entry's meta, where there is one. */
export function decided(joined: readonly JoinedSpan[]): { readonly decision?: Record<string, unknown> } {
  return joined.length === 0 ? {} : { decision: decisionOf(joined) }
}

/** A row that a decision in the journal is about. */
export interface DecidedRow {
  readonly capture: string
  readonly row: number
  readonly taskId: number
  /** Null in journals of versions that did not write it down. */
  readonly evidence: Evidence | null
}

/** The rows that a decision in the journal is about. */
export function decidedRows(decision: unknown): DecidedRow[] {
  const rows: DecidedRow[] = []
  const { captures } = (typeof decision === 'object' && decision !== null ? decision : {}) as { captures?: unknown }
  if (!Array.isArray(captures)) return rows
  for (const one of captures as readonly Partial<CaptureDecision>[]) {
    const { capture, rowsAndTasks, evidence } = one
    if (typeof capture !== 'string' || !Array.isArray(rowsAndTasks)) continue
    for (let i = 0; i + 1 < rowsAndTasks.length; i += 2)
      rows.push({
        capture,
        row: Number(rowsAndTasks[i]),
        taskId: Number(rowsAndTasks[i + 1]),
        evidence: evidence ?? null,
      })
  }
  return rows
}

function taskOf({ found }: JoinedSpan): TaskRecord {
  return found.capture.tasks.tasks[found.task]
}

function approximately(low: Uint32Array, high: Uint32Array, row: number): number {
  return high[row] * 4294967296 + low[row]
}
