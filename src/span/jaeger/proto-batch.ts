// proto-batch.ts: a PostSpansRequest of jaeger.api_v2 to OTLP.
//
// Source: Jaeger's model.proto and collector.proto (jaeger-idl), and the translation of the OpenTelemetry Collector (contrib 0.165).

import { base64Of } from '../../base/base64.ts'
import { FieldCursor, fieldsOf } from '../protobuf.ts'
import type { AttributeMap, AttributeValue, ConvertedRequest, ConvertedSpan, SpanEvent } from '../span.ts'
import { RequestWriter, type ResourceGroup, type Scope } from '../otlp/request-writer.ts'
import {
  addTag,
  convertedSpan,
  NONE,
  parentOf,
  type Reference,
  resourceOf,
  takeEventName,
  takeText,
  unknownType,
} from './conventions.ts'
import { durationNs, unixNs } from '../well-known.ts'

const POST_SPANS = fieldsOf('PostSpansRequest', [[1, 'batch', 2]])
const BATCH = fieldsOf('Batch', [
  [1, 'spans', 2],
  [2, 'process', 2],
])
const PROCESS = fieldsOf('Process', [
  [1, 'service_name', 2],
  [2, 'tags', 2],
])
const SPAN = fieldsOf('Span', [
  [1, 'trace_id', 2],
  [2, 'span_id', 2],
  [3, 'operation_name', 2],
  [4, 'references', 2],
  [5, 'flags', 0],
  [6, 'start_time', 2],
  [7, 'duration', 2],
  [8, 'tags', 2],
  [9, 'logs', 2],
  [10, 'process', 2],
])
const REFERENCE = fieldsOf('SpanRef', [
  [1, 'trace_id', 2],
  [2, 'span_id', 2],
  [3, 'ref_type', 0],
])
const LOG = fieldsOf('Log', [
  [1, 'timestamp', 2],
  [2, 'fields', 2],
])
const KEY_VALUE = fieldsOf('KeyValue', [
  [1, 'key', 2],
  [2, 'v_type', 0],
  [3, 'v_str', 2],
  [4, 'v_bool', 0],
  [5, 'v_int64', 0],
  [6, 'v_float64', 1],
  [7, 'v_binary', 2],
])

/**
 * The spans of a request as an OTLP request; a span that names a process of its own is of that one.
 *
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers
 */
export function convertPostSpans(bytes: Uint8Array): ConvertedRequest {
  const writer = new RequestWriter()
  const request = new FieldCursor(bytes, 0, bytes.length, POST_SPANS)
  while (request.next()) {
    if (request.field === 1) addBatch(writer, bytes, request.from, request.to)
  }
  return writer.take()
}

function addBatch(writer: RequestWriter, bytes: Uint8Array, from: number, to: number): void {
  // The process stands behind the spans.
  let process: Uint8Array = NONE
  const first = new FieldCursor(bytes, from, to, BATCH)
  while (first.next()) if (first.field === 2) process = first.content()
  const groupOf = (content: Uint8Array): ResourceGroup => writer.resource(base64Of(content), () => readProcess(content))
  const ofBatch = groupOf(process)
  const batch = new FieldCursor(bytes, from, to, BATCH)
  while (batch.next()) {
    if (batch.field !== 1 || batch.from === batch.to) continue
    const { span, scope, process: own } = readSpan(bytes, batch.from, batch.to)
    writer.add(own === null ? ofBatch : groupOf(own), scope, span)
  }
}

function readProcess(content: Uint8Array): AttributeMap {
  let service = ''
  const tags: AttributeMap = new Map()
  const cursor = new FieldCursor(content, 0, content.length, PROCESS)
  while (cursor.next()) {
    if (cursor.field === 1) service = cursor.text()
    else if (cursor.field === 2) addKeyValue(tags, content, cursor)
  }
  return resourceOf(service, tags)
}

interface SpanAndProcess {
  readonly span: ConvertedSpan
  readonly scope: Scope
  /** Content of the span's own Process; null when it has none. */
  readonly process: Uint8Array | null
}

function readSpan(bytes: Uint8Array, from: number, to: number): SpanAndProcess {
  let traceId: Uint8Array = NONE
  let spanId: Uint8Array = NONE
  let name = ''
  let flags = 0
  let startNs = 0n
  let lengthNs = 0n
  let process: Uint8Array | null = null
  const references: Reference[] = []
  const attributes: AttributeMap = new Map()
  const events: SpanEvent[] = []
  const cursor = new FieldCursor(bytes, from, to, SPAN)
  while (cursor.next()) {
    switch (cursor.field) {
      case 1:
        traceId = idOf(cursor, 16)
        break
      case 2:
        spanId = idOf(cursor, 8)
        break
      case 3:
        name = cursor.text()
        break
      case 4:
        references.push(readReference(bytes, cursor.from, cursor.to))
        break
      case 5:
        flags = cursor.low
        break
      case 6:
        startNs = unixNs(bytes, cursor.from, cursor.to)
        break
      case 7:
        lengthNs = durationNs(bytes, cursor.from, cursor.to)
        break
      case 8:
        addKeyValue(attributes, bytes, cursor)
        break
      case 9:
        events.push(readLog(bytes, cursor.from, cursor.to))
        break
      case 10:
        process = cursor.content()
    }
  }
  const scopeName = takeText(attributes, 'otel.scope.name')
  const scope =
    scopeName === null
      ? { name: '', version: '' }
      : { name: scopeName, version: takeText(attributes, 'otel.scope.version') ?? '' }
  const span = convertedSpan({
    traceId,
    spanId,
    parentSpanId: parentOf(references, traceId),
    traceState: takeText(attributes, 'w3c.tracestate') ?? '',
    flags,
    name,
    startUnixNs: startNs,
    endUnixNs: BigInt.asUintN(64, startNs + lengthNs),
    attributes,
    events,
    references,
  })
  return { span, scope, process }
}

function readReference(bytes: Uint8Array, from: number, to: number): Reference {
  let traceId: Uint8Array = NONE
  let spanId: Uint8Array = NONE
  let type = 0
  const cursor = new FieldCursor(bytes, from, to, REFERENCE)
  while (cursor.next()) {
    if (cursor.field === 1) traceId = idOf(cursor, 16)
    else if (cursor.field === 2) spanId = idOf(cursor, 8)
    else if (cursor.field === 3) type = cursor.low
  }
  return { traceId, spanId, followsFrom: type !== 0 }
}

function readLog(bytes: Uint8Array, from: number, to: number): SpanEvent {
  let timeNs = 0n
  const attributes: AttributeMap = new Map()
  const cursor = new FieldCursor(bytes, from, to, LOG)
  while (cursor.next()) {
    if (cursor.field === 1) timeNs = unixNs(bytes, cursor.from, cursor.to)
    else if (cursor.field === 2) addKeyValue(attributes, bytes, cursor)
  }
  const name = takeEventName(attributes)
  return { unixNs: timeNs, name, attributes, droppedAttributes: 0 }
}

function addKeyValue(attributes: AttributeMap, bytes: Uint8Array, at: FieldCursor): void {
  let key = ''
  let type = 0
  // What is absent is empty, zero or false. The order is that of protobuf's ValueType, another one than Thrift's.
  const values: AttributeValue[] = ['', false, { int: 0 }, 0, { bytes: NONE }]
  const cursor = new FieldCursor(bytes, at.from, at.to, KEY_VALUE)
  while (cursor.next()) {
    switch (cursor.field) {
      case 1:
        key = cursor.text()
        break
      case 2:
        type = cursor.low | 0
        break
      case 3:
        values[0] = cursor.text()
        break
      case 4:
        values[1] = cursor.low !== 0 || cursor.high !== 0
        break
      case 5:
        values[2] = { int: cursor.signed() }
        break
      case 6:
        values[3] = cursor.double()
        break
      case 7:
        values[4] = { bytes: cursor.content() }
    }
  }
  addTag(attributes, key, values[type] ?? unknownType(String(type)))
}

/** An id of exactly so many bytes; none of it is an id that is missing. */
function idOf(cursor: FieldCursor, length: number): Uint8Array {
  const id = cursor.content()
  if (id.length !== length && id.length !== 0) throw cursor.failure(`an id of ${id.length} bytes, expected ${length}`)
  return id
}
