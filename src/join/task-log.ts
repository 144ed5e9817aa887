// task-log.ts: ids in the logs (trace.Log) of a task.

import { utf8Of } from '../base/bytes.ts'
import type { LogRecord } from '../breakdown/breakdown.ts'
import type { IdEvidence, IdOptions, LogKeys } from './id-evidence.ts'
import { findIds } from './id-text.ts'
import { type IdSpelling, spanIdOf, spanIdOfBytes, traceIdOf } from './id-value.ts'

/** Logs of one task that are looked at: its own ids are logged first. */
const MOST_LOGS = 64

/** Ids in a log of the task itself: the first span named counts, later ones are those of spans without a task of their own. */
export const taskLogEvidence: IdEvidence = {
  evidence: 'task-log',
  idsOf({ logs }, options) {
    let traceId: string | null = null
    let span: { readonly spanId: string; readonly category: string } | null = null
    for (let i = 0; i < logs.length && i < MOST_LOGS; i++) {
      const ids = idsInLog(logs[i], options)
      if (ids === null) continue
      const { category } = logs[i]
      if (span === null) {
        // Of a pair of logs either may come first.
        if (ids.traceId !== null) traceId = ids.traceId
        if (ids.spanId !== null) span = { spanId: ids.spanId, category }
      } else if (traceId === null && ids.spanId === null) {
        traceId = ids.traceId
      }
      if (span !== null && traceId !== null) break
      if (span !== null && ids.spanId !== null && span.spanId !== ids.spanId) break
    }
    return span === null ? null : { traceId, ...span, evidence: 'task-log' }
  },
}

/** Ids that one log tells; null when it tells none. */
export function idsInLog(
  log: LogRecord,
  { logKeys }: IdOptions = {},
): { readonly traceId: string | null; readonly spanId: string | null } | null {
  const { kind, spelling } = configuredKind(log.category, logKeys) ?? kindOf(log.category)
  switch (kind) {
    case 'none':
      return null
    case 'bytes': {
      const spanId = spanIdOfBytes(log.messageBytes ?? utf8Of(log.message))
      return spanId === null ? null : { traceId: null, spanId }
    }
    case 'trace': {
      const traceId = traceIdOf(log.message.trim(), spelling)
      if (traceId !== null) return { traceId, spanId: null }
      break
    }
    case 'span': {
      const spanId = spanIdOf(log.message.trim(), spelling)
      if (spanId !== null) return { traceId: null, spanId }
      break
    }
    case 'text':
      break
  }
  const { traceId, spanId } = findIds(log.message)
  return spanId === null ? null : { traceId, spanId }
}

/** What a category was configured to mean; null when it was not. Its ids may have any spelling. */
function configuredKind(category: string, logKeys: LogKeys | undefined): CategoryKind | null {
  if (logKeys === undefined) return null
  const isOneOf = (keys: readonly string[] = []): boolean =>
    keys.some((key) => key === category || key.toLowerCase() === category.toLowerCase())
  if (isOneOf(logKeys.trace)) return { kind: 'trace', spelling: { unpadded: true } }
  if (isOneOf(logKeys.span)) return { kind: 'span', spelling: { unpadded: true } }
  return isOneOf(logKeys.ids) ? { kind: 'text', spelling: {} } : null
}

interface CategoryKind {
  /** One id, raw bytes, or a text with both; none when its logs are not about ids. */
  readonly kind: 'trace' | 'span' | 'bytes' | 'text' | 'none'
  readonly spelling: IdSpelling
}

const NONE: CategoryKind = { kind: 'none', spelling: {} }

/** What categories mean, so that each is looked at once; a capture has few. */
const known = new Map<string, CategoryKind>()
const MOST_KNOWN = 1000

function kindOf(category: string): CategoryKind {
  if (category.length > 64) return NONE
  let kind = known.get(category)
  if (kind === undefined) {
    kind = readCategory(category)
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(category, kind)
  }
  return kind
}

/** Spellings of OpenTelemetry, OpenCensus and Datadog: `trace_id`, `otel.traceID`, `dd.span_id`, `span id`, `traceparent`, `otel.span`… */
function readCategory(category: string): CategoryKind {
  const word = category.toLowerCase().replace(/[^a-z0-9]/g, '')
  if (word === 'datadoguint64spanid') return { kind: 'bytes', spelling: {} }
  if (word.endsWith('traceparent')) return { kind: 'text', spelling: {} }
  // Logs about other spans: where a request goes to or came from.
  if (/parent|link|remote|incoming|outgoing|child|upstream|downstream/.test(word)) return NONE
  // Datadog's key before `datadog.uint64_span_id` was `span id`, with a decimal number.
  const decimal = /^(dd|datadog)/.test(word) || category === 'span id'
  if (word.endsWith('traceid') || word === 'trace') {
    return { kind: 'trace', spelling: { decimal, unpadded: word !== 'trace' } }
  }
  if (word.endsWith('spanid') || word.endsWith('span')) {
    return { kind: 'span', spelling: { decimal, unpadded: word.endsWith('id') } }
  }
  return /trace|span|otel|opencensus|^ids?$/.test(word) ? { kind: 'text', spelling: {} } : NONE
}
