import { describe, expect, test } from 'vitest'
import type { LogRecord } from '../../src/breakdown/breakdown.ts'
import { precedingLogEvidence } from '../../src/join/preceding-log.ts'
import { idsInLog, taskLogEvidence } from '../../src/join/task-log.ts'
import { log, OTHER_SPAN, OTHER_TRACE, SPAN, task, TRACE } from './builders.ts'

const decimal = (hex: string): string => BigInt(`0x${hex}`).toString()
/** The eight bytes that Datadog logs: little-endian. */
const littleEndian = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex')).reverse()

function idsOf(...logs: LogRecord[]): { traceId: string | null; spanId: string } | null {
  const ids = taskLogEvidence.idsOf(task({ logs }), {})
  return ids === null ? null : { traceId: ids.traceId, spanId: ids.spanId }
}

describe('ids in the logs of a task', () => {
  test.each<[string, LogRecord[]]>([
    ['traceparent', [log('traceparent', `00-${TRACE}-${SPAN}-01`)]],
    ['OpenTelemetry', [log('otel.trace_id', TRACE), log('otel.span_id', SPAN)]],
    ['plain keys', [log('trace_id', TRACE), log('span_id', SPAN)]],
    ['camel case, the span first', [log('spanID', SPAN), log('traceID', TRACE)]],
    ['OpenCensus', [log('opencensus.TraceID', TRACE), log('opencensus.SpanID', SPAN)]],
    [
      'with other logs around',
      [log('http', 'GET /'), log('trace_id', TRACE), log('cache', 'miss'), log('span_id', SPAN)],
    ],
    ['one log with both', [log('otel.span', `${TRACE}-${SPAN}`)]],
    ['one log with keys', [log('trace', `trace_id=${TRACE} span_id=${SPAN}`)]],
    ['one log, span context', [log('SpanContext', `{"TraceID":"${TRACE}","SpanID":"${SPAN}"}`)]],
    ['Datadog, 128 bits in hex', [log('dd.trace_id', TRACE), log('dd.span_id', decimal(SPAN))]],
    ['spaces around', [log('trace_id', ` ${TRACE}\n`), log('span_id', ` ${SPAN}`)]],
  ])('%s', (_, logs) => {
    expect(idsOf(...logs)).toEqual({ traceId: TRACE, spanId: SPAN })
  })

  test('Datadog, 64 bits in decimal', () => {
    const low = TRACE.slice(16)
    expect(idsOf(log('dd.trace_id', decimal(low)), log('dd.span_id', decimal(SPAN)))).toEqual({
      traceId: low,
      spanId: SPAN,
    })
  })

  test('Datadog before 1.60: "span id" in decimal, sixteen digits too', () => {
    expect(idsOf(log('span id', decimal(SPAN)))).toEqual({ traceId: null, spanId: SPAN })
    expect(idsOf(log('span id', '1234567890123456'))?.spanId).toBe(1234567890123456n.toString(16).padStart(16, '0'))
  })

  test('Datadog since 1.60: eight raw bytes', () => {
    const bytes = littleEndian('b7ad6b7169203331')
    expect(idsOf(log('datadog.uint64_span_id', '\ufffd', bytes))).toEqual({ traceId: null, spanId: 'b7ad6b7169203331' })
  })

  test('Datadog since 1.60: eight raw bytes that happen to be text', () => {
    const text = new TextDecoder().decode(littleEndian('4142434445464748'))
    expect(idsOf(log('datadog.uint64_span_id', text))?.spanId).toBe('4142434445464748')
  })

  test('the first span named is the task’s own; later ones have no task of theirs', () => {
    const logs = [
      log('span_id', SPAN),
      log('trace_id', TRACE),
      log('trace_id', OTHER_TRACE),
      log('span_id', OTHER_SPAN),
    ]
    expect(idsOf(...logs)).toEqual({ traceId: TRACE, spanId: SPAN })
  })
})

test.each<[string, LogRecord]>([
  ['another span’s ids under a key that says so', log('parent_span_id', SPAN)],
  ['a request’s way out', log('outgoing.span_id', SPAN)],
  ['a link', log('link', `00-${TRACE}-${SPAN}-01`)],
  ['a text about something else', log('http', `traceparent: 00-${TRACE}-${SPAN}-01`)],
  ['a word where an id could stand', log('span', 'FetchOrders')],
  ['seven bytes', log('datadog.uint64_span_id', '', Uint8Array.of(1, 2, 3, 4, 5, 6, 7))],
  ['eight zero bytes', log('datadog.uint64_span_id', '', new Uint8Array(8))],
  ['a bare id in a text', log('trace.note', `see ${SPAN}`)],
])('no ids: %s', (_, record) => {
  expect(idsInLog(record)).toBeNull()
})

describe('categories of one’s own', () => {
  const logKeys = { trace: ['request.trace'], span: ['Request.Span'], ids: ['correlation'] }

  test('hold ids once they are configured, whatever their case', () => {
    const logs = [log('Request.Trace', TRACE), log('request.span', SPAN)]
    expect(taskLogEvidence.idsOf(task({ logs }), { logKeys })).toMatchObject({ traceId: TRACE, spanId: SPAN })
    expect(idsInLog(log('correlation', `in ${TRACE}/${SPAN}`), { logKeys })).toEqual({ traceId: TRACE, spanId: SPAN })
    expect(idsInLog(log('correlation', `in ${TRACE}/${SPAN}`))).toBeNull()
  })

  test('also in the log right before a task', () => {
    const precedingLog = log('correlation', `${TRACE}-${SPAN}`)
    expect(precedingLogEvidence.idsOf(task({ precedingLog }), { logKeys })).toMatchObject({ spanId: SPAN })
  })
})

describe('the log right before a task', () => {
  test('names its span', () => {
    const precedingLog = log('otel.span', `${TRACE}-${SPAN}`)
    expect(precedingLogEvidence.idsOf(task({ precedingLog }), {})).toMatchObject({ traceId: TRACE, spanId: SPAN })
  })

  test('names none when it is about something else, or is none', () => {
    expect(precedingLogEvidence.idsOf(task({ precedingLog: log('cache', 'miss') }), {})).toBeNull()
    expect(precedingLogEvidence.idsOf(task({ precedingLog: log('trace_id', TRACE) }), {})).toBeNull()
    expect(precedingLogEvidence.idsOf(task(), {})).toBeNull()
  })
})
