// thrift-batch.ts: a jaeger.Batch in Thrift's binary protocol to OTLP.
//
// Source: Jaeger's jaeger.thrift, and the translation of the OpenTelemetry Collector (contrib 0.165).

import type { AttributeMap, AttributeValue, ConvertedRequest, ConvertedSpan, SpanEvent } from '../span.ts'
import { NO_SCOPE, RequestWriter } from '../otlp/request-writer.ts'
import {
  addTag,
  convertedSpan,
  NONE,
  parentOf,
  type Reference,
  resourceOf,
  takeEventName,
  unknownType,
} from './conventions.ts'
import { BOOL, DOUBLE, I32, I64, LIST, STRING, STRUCT, ThriftCursor } from './thrift.ts'

/**
 * The spans of a batch as an OTLP request.
 *
 * @throws Failure SPANS_MALFORMED with the place; the batch is taken as a whole or not at all
 */
export function convertThriftBatch(bytes: Uint8Array): ConvertedRequest {
  const cursor = new ThriftCursor(bytes)
  const writer = new RequestWriter()
  // The process may stand behind the spans: these are then passed over once, and read when it is known.
  let process: AttributeMap | null = null
  let spansAt: ThriftCursor | null = null
  while (cursor.next('jaeger.Batch')) {
    if (cursor.field === 1 && cursor.type === STRUCT) process = readProcess(cursor)
    else if (cursor.field === 2 && cursor.type === LIST) {
      spansAt = cursor.copy()
      cursor.skip()
    } else cursor.skip()
  }
  if (process === null) throw cursor.failure('jaeger.Batch has no process')
  if (spansAt === null) throw cursor.failure('jaeger.Batch has no list of spans')
  const attributes = process
  const resource = writer.resource('', () => attributes)
  for (let left = spansAt.structs('the list of spans'); left > 0; left--) {
    const span = readSpan(spansAt)
    if (span !== null) writer.add(resource, NO_SCOPE, span)
  }
  return writer.take()
}

function readProcess(cursor: ThriftCursor): AttributeMap {
  let service: string | null = null
  let tags: AttributeMap = new Map()
  while (cursor.next('jaeger.Process')) {
    if (cursor.field === 1 && cursor.type === STRING) service = cursor.text()
    else if (cursor.field === 2 && cursor.type === LIST) tags = readTags(cursor, 'the list of process tags')
    else cursor.skip()
  }
  if (service === null) throw cursor.failure('jaeger.Process has no serviceName')
  return resourceOf(service, tags)
}

/** @returns null for a span in which nothing is said */
function readSpan(cursor: ThriftCursor): ConvertedSpan | null {
  let traceLow: bigint | null = null
  let traceHigh: bigint | null = null
  let spanId: bigint | null = null
  let parent: bigint | null = null
  let name: string | null = null
  let flags: number | null = null
  let startUs: bigint | null = null
  let durationUs: bigint | null = null
  let references: Reference[] = []
  let attributes: AttributeMap = new Map()
  let events: SpanEvent[] = []
  while (cursor.next('jaeger.Span')) {
    const { field, type } = cursor
    if (type === I64 && field === 1) traceLow = cursor.u64()
    else if (type === I64 && field === 2) traceHigh = cursor.u64()
    else if (type === I64 && field === 3) spanId = cursor.u64()
    else if (type === I64 && field === 4) parent = cursor.u64()
    else if (type === STRING && field === 5) name = cursor.text()
    else if (type === LIST && field === 6) references = readReferences(cursor)
    else if (type === I32 && field === 7) flags = cursor.i32()
    else if (type === I64 && field === 8) startUs = cursor.i64()
    else if (type === I64 && field === 9) durationUs = cursor.i64()
    else if (type === LIST && field === 10) attributes = readTags(cursor, 'the list of tags')
    else if (type === LIST && field === 11) events = readLogs(cursor)
    else cursor.skip()
  }
  if (
    traceLow === null ||
    traceHigh === null ||
    spanId === null ||
    parent === null ||
    name === null ||
    flags === null ||
    startUs === null ||
    durationUs === null
  ) {
    throw cursor.failure(
      'jaeger.Span has not all of traceIdLow, traceIdHigh, spanId, parentSpanId, operationName, flags, startTime and duration',
    )
  }
  const said = traceLow | traceHigh | spanId | parent | startUs | durationUs
  if (said === 0n && name === '' && flags === 0 && attributes.size + references.length + events.length === 0) {
    return null
  }
  const traceId = traceIdOf(traceHigh, traceLow)
  return convertedSpan({
    traceId,
    spanId: idOf(spanId),
    parentSpanId: parent !== 0n ? idOf(parent) : parentOf(references, traceId),
    traceState: '',
    flags,
    name,
    startUnixNs: nsOf(startUs),
    endUnixNs: nsOf(startUs + durationUs),
    attributes,
    events,
    references,
  })
}

function readReferences(cursor: ThriftCursor): Reference[] {
  const references: Reference[] = []
  for (let left = cursor.structs('the list of references'); left > 0; left--) {
    let type: number | null = null
    let traceLow: bigint | null = null
    let traceHigh: bigint | null = null
    let spanId: bigint | null = null
    while (cursor.next('jaeger.SpanRef')) {
      if (cursor.field === 1 && cursor.type === I32) type = cursor.i32()
      else if (cursor.field === 2 && cursor.type === I64) traceLow = cursor.u64()
      else if (cursor.field === 3 && cursor.type === I64) traceHigh = cursor.u64()
      else if (cursor.field === 4 && cursor.type === I64) spanId = cursor.u64()
      else cursor.skip()
    }
    if (type === null || traceLow === null || traceHigh === null || spanId === null) {
      throw cursor.failure('jaeger.SpanRef has not all of refType, traceIdLow, traceIdHigh and spanId')
    }
    references.push({ traceId: traceIdOf(traceHigh, traceLow), spanId: idOf(spanId), followsFrom: type !== 0 })
  }
  return references
}

function readLogs(cursor: ThriftCursor): SpanEvent[] {
  const events: SpanEvent[] = []
  for (let left = cursor.structs('the list of logs'); left > 0; left--) {
    let timeUs: bigint | null = null
    let attributes: AttributeMap | null = null
    while (cursor.next('jaeger.Log')) {
      if (cursor.field === 1 && cursor.type === I64) timeUs = cursor.i64()
      else if (cursor.field === 2 && cursor.type === LIST) attributes = readTags(cursor, 'the list of log fields')
      else cursor.skip()
    }
    if (timeUs === null || attributes === null) throw cursor.failure('jaeger.Log has not both timestamp and fields')
    const name = takeEventName(attributes)
    events.push({ unixNs: nsOf(timeUs), name, attributes, droppedAttributes: 0 })
  }
  return events
}

function readTags(cursor: ThriftCursor, what: string): AttributeMap {
  const attributes: AttributeMap = new Map()
  for (let left = cursor.structs(what); left > 0; left--) {
    let key: string | null = null
    let type: number | null = null
    // What is absent is empty, zero or false.
    const values: AttributeValue[] = ['', 0, false, { int: 0 }, { bytes: NONE }]
    while (cursor.next('jaeger.Tag')) {
      if (cursor.field === 1 && cursor.type === STRING) key = cursor.text()
      else if (cursor.field === 2 && cursor.type === I32) type = cursor.i32()
      else if (cursor.field === 3 && cursor.type === STRING) values[0] = cursor.text()
      else if (cursor.field === 4 && cursor.type === DOUBLE) values[1] = cursor.double()
      else if (cursor.field === 5 && cursor.type === BOOL) values[2] = cursor.bool()
      else if (cursor.field === 6 && cursor.type === I64) values[3] = { int: cursor.i64() }
      else if (cursor.field === 7 && cursor.type === STRING) values[4] = { bytes: cursor.binary() }
      else cursor.skip()
    }
    if (key === null || type === null) throw cursor.failure('jaeger.Tag has not both key and vType')
    addTag(attributes, key, values[type] ?? unknownType('<UNSET>'))
  }
  return attributes
}

function traceIdOf(high: bigint, low: bigint): Uint8Array {
  const id = new Uint8Array(16)
  const view = new DataView(id.buffer)
  view.setBigUint64(0, high)
  view.setBigUint64(8, low)
  return id
}

function idOf(value: bigint): Uint8Array {
  const id = new Uint8Array(8)
  new DataView(id.buffer).setBigUint64(0, value)
  return id
}

/** Microseconds as nanoseconds, modulo 2^64. */
function nsOf(us: bigint): bigint {
  return BigInt.asUintN(64, us * 1_000n)
}
