// span.ts: one span of OpenCensus in OTLP's terms.
//
// The rules are those of the OpenTelemetry Collector's OpenCensus translator (contrib 0.130, the last one).

import { FieldCursor } from '../protobuf.ts'
import type { AttributeMap, AttributeValue, ConvertedLink, ConvertedSpan, SpanEvent } from '../span.ts'
import { unixNs } from '../well-known.ts'
import {
  ANNOTATION,
  ATTRIBUTES,
  BOOL_VALUE,
  ENTRY,
  EVENT,
  EVENTS,
  LINK,
  LINKS,
  MESSAGE_EVENT,
  SPAN,
  STATUS,
  TEXT,
  TRACESTATE,
  VALUE,
} from './messages.ts'

const SERVER = 2
const CLIENT = 3
const ERROR = 2
/** Kinds that OpenCensus has no number for and tells as an attribute. */
const OTHER_KINDS: Readonly<Record<string, number>> = { internal: 1, producer: 4, consumer: 5 }
const MESSAGE_TYPES = ['TYPE_UNSPECIFIED', 'SENT', 'RECEIVED']
const NONE = new Uint8Array(0)

/** A span, and the Resource that it names for itself; null when it has none. */
export interface SpanAndResource {
  readonly span: ConvertedSpan
  readonly resource: Uint8Array | null
}

/** @throws Failure SPANS_MALFORMED with message, field, offset and both numbers */
export function readSpan(bytes: Uint8Array, from: number, to: number): SpanAndResource {
  let traceId: Uint8Array = NONE
  let spanId: Uint8Array = NONE
  let parentSpanId: Uint8Array = NONE
  let name = ''
  let startNs = 0n
  let endNs = 0n
  let own: AttributesRead = { attributes: new Map(), dropped: 0 }
  let events: SpanEvent[] = []
  let droppedEvents = 0
  let links: ConvertedLink[] = []
  let droppedLinks = 0
  let status: { readonly code: number; readonly message: string } | null = null
  let sameProcess: boolean | null = null
  let kind = 0
  let traceState = ''
  let resource: Uint8Array | null = null
  const cursor = new FieldCursor(bytes, from, to, SPAN)
  while (cursor.next()) {
    const { from, to } = cursor
    switch (cursor.field) {
      case 1:
        traceId = idOf(cursor.content(), 16)
        break
      case 2:
        spanId = idOf(cursor.content(), 8)
        break
      case 3:
        parentSpanId = idOf(cursor.content(), 8)
        break
      case 4:
        name = textOf(bytes, from, to)
        break
      case 5:
        startNs = unixNs(bytes, from, to)
        break
      case 6:
        endNs = unixNs(bytes, from, to)
        break
      case 7:
        own = readAttributes(bytes, from, to)
        break
      case 9:
        ;({ events, droppedEvents } = readEvents(bytes, from, to))
        break
      case 10:
        ;({ links, droppedLinks } = readLinks(bytes, from, to))
        break
      case 11:
        status = readStatus(bytes, from, to)
        break
      case 12:
        sameProcess = readBool(bytes, from, to)
        break
      case 14:
        kind = cursor.low
        break
      case 15:
        traceState = readTraceState(bytes, from, to)
        break
      case 16:
        resource = cursor.content()
    }
  }
  const { attributes, dropped } = own
  const otlpKind = kind === 1 ? SERVER : kind === 2 ? CLIENT : takeOtherKind(attributes, kind)
  const statusCode = status === null ? 0 : takeStatusCode(attributes, status.code)
  if (sameProcess !== null) attributes.set('opencensus.same_process_as_parent_span', sameProcess)
  const span: ConvertedSpan = {
    traceId,
    spanId,
    parentSpanId: parentSpanId.every((byte) => byte === 0) ? NONE : parentSpanId,
    traceState,
    flags: 0,
    name,
    kind: otlpKind,
    startUnixNs: startNs,
    endUnixNs: endNs,
    attributes,
    droppedAttributes: dropped,
    events,
    droppedEvents,
    links,
    droppedLinks,
    statusCode,
    statusMessage: status?.message ?? '',
  }
  return { span, resource }
}

function takeOtherKind(attributes: AttributeMap, kind: number): number {
  const told = attributes.get('span.kind')
  if (kind !== 0 || typeof told !== 'string' || !Object.hasOwn(OTHER_KINDS, told)) return 0
  attributes.delete('span.kind')
  return OTHER_KINDS[told]
}

/** OpenCensus has gRPC's codes; OTLP's own, where the span went through a Collector before, is told as an attribute. */
function takeStatusCode(attributes: AttributeMap, code: number): number {
  const told = attributes.get('otel.status_code')
  if (told === undefined) return code === 0 ? 0 : ERROR
  attributes.delete('otel.status_code')
  const otlp = typeof told === 'object' && 'int' in told ? Number(told.int) : 0
  return otlp >= 0 && otlp <= ERROR ? otlp : 0
}

interface AttributesRead {
  readonly attributes: AttributeMap
  readonly dropped: number
}

function readAttributes(bytes: Uint8Array, from: number, to: number): AttributesRead {
  const attributes: AttributeMap = new Map()
  let dropped = 0
  const cursor = new FieldCursor(bytes, from, to, ATTRIBUTES)
  while (cursor.next()) {
    if (cursor.field === 2) dropped = cursor.low
    if (cursor.field !== 1) continue
    let key = ''
    let value: AttributeValue = UNKNOWN_VALUE
    const entry = new FieldCursor(bytes, cursor.from, cursor.to, ENTRY)
    while (entry.next()) {
      if (entry.field === 1) key = entry.text()
      else if (entry.field === 2) value = readValue(bytes, entry.from, entry.to)
    }
    attributes.set(key, value)
  }
  return { attributes, dropped }
}

const UNKNOWN_VALUE = '<Unknown OpenCensus attribute value type>'

function readValue(bytes: Uint8Array, from: number, to: number): AttributeValue {
  let value: AttributeValue = UNKNOWN_VALUE
  const cursor = new FieldCursor(bytes, from, to, VALUE)
  while (cursor.next()) {
    if (cursor.field === 1) value = textOf(bytes, cursor.from, cursor.to)
    else if (cursor.field === 2) value = { int: cursor.signed() }
    else if (cursor.field === 3) value = cursor.low !== 0 || cursor.high !== 0
    else if (cursor.field === 4) value = cursor.double()
  }
  return value
}

function readEvents(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly events: SpanEvent[]; readonly droppedEvents: number } {
  const events: SpanEvent[] = []
  let annotations = 0
  let messages = 0
  const cursor = new FieldCursor(bytes, from, to, EVENTS)
  while (cursor.next()) {
    if (cursor.field === 1) events.push(readEvent(bytes, cursor.from, cursor.to))
    else if (cursor.field === 2) annotations = cursor.low
    else if (cursor.field === 3) messages = cursor.low
  }
  return { events, droppedEvents: (annotations + messages) >>> 0 }
}

function readEvent(bytes: Uint8Array, from: number, to: number): SpanEvent {
  let timeNs = 0n
  let name = 'An unknown OpenCensus TimeEvent type was detected when translating'
  let own: AttributesRead = { attributes: new Map(), dropped: 0 }
  const cursor = new FieldCursor(bytes, from, to, EVENT)
  while (cursor.next()) {
    if (cursor.field === 1) timeNs = unixNs(bytes, cursor.from, cursor.to)
    else if (cursor.field === 2) {
      name = ''
      own = { attributes: new Map(), dropped: 0 }
      const annotation = new FieldCursor(bytes, cursor.from, cursor.to, ANNOTATION)
      while (annotation.next()) {
        if (annotation.field === 1) name = textOf(bytes, annotation.from, annotation.to)
        else if (annotation.field === 2) own = readAttributes(bytes, annotation.from, annotation.to)
      }
    } else if (cursor.field === 3) {
      name = 'message'
      own = { attributes: readMessageEvent(bytes, cursor.from, cursor.to), dropped: 0 }
    }
  }
  return { unixNs: timeNs, name, attributes: own.attributes, droppedAttributes: own.dropped }
}

function readMessageEvent(bytes: Uint8Array, from: number, to: number): AttributeMap {
  let type = 0
  let id = 0n
  let size = 0n
  let packed = 0n
  const cursor = new FieldCursor(bytes, from, to, MESSAGE_EVENT)
  while (cursor.next()) {
    if (cursor.field === 1) type = cursor.low | 0
    else if (cursor.field === 2) id = cursor.signed()
    else if (cursor.field === 3) size = cursor.signed()
    else if (cursor.field === 4) packed = cursor.signed()
  }
  return new Map<string, AttributeValue>([
    ['message.type', MESSAGE_TYPES[type] ?? String(type)],
    ['messaging.message_id', { int: id }],
    ['messaging.message_payload_size_bytes', { int: size }],
    ['messaging.message_payload_compressed_size_bytes', { int: packed }],
  ])
}

function readLinks(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly links: ConvertedLink[]; readonly droppedLinks: number } {
  const links: ConvertedLink[] = []
  let droppedLinks = 0
  const cursor = new FieldCursor(bytes, from, to, LINKS)
  while (cursor.next()) {
    if (cursor.field === 1) links.push(readLink(bytes, cursor.from, cursor.to))
    else if (cursor.field === 2) droppedLinks = cursor.low
  }
  return { links, droppedLinks }
}

function readLink(bytes: Uint8Array, from: number, to: number): ConvertedLink {
  let traceId: Uint8Array = NONE
  let spanId: Uint8Array = NONE
  let traceState = ''
  let own: AttributesRead = { attributes: new Map(), dropped: 0 }
  const cursor = new FieldCursor(bytes, from, to, LINK)
  while (cursor.next()) {
    if (cursor.field === 1) traceId = idOf(cursor.content(), 16)
    else if (cursor.field === 2) spanId = idOf(cursor.content(), 8)
    else if (cursor.field === 4) own = readAttributes(bytes, cursor.from, cursor.to)
    else if (cursor.field === 5) traceState = readTraceState(bytes, cursor.from, cursor.to)
  }
  return { traceId, spanId, traceState, attributes: own.attributes, droppedAttributes: own.dropped }
}

function readStatus(bytes: Uint8Array, from: number, to: number): { readonly code: number; readonly message: string } {
  let code = 0
  let message = ''
  const cursor = new FieldCursor(bytes, from, to, STATUS)
  while (cursor.next()) {
    if (cursor.field === 1) code = cursor.low
    else if (cursor.field === 2) message = cursor.text()
  }
  return { code, message }
}

function readBool(bytes: Uint8Array, from: number, to: number): boolean {
  let value = false
  const cursor = new FieldCursor(bytes, from, to, BOOL_VALUE)
  while (cursor.next()) if (cursor.field === 1) value = cursor.low !== 0 || cursor.high !== 0
  return value
}

/** Entries as the W3C header has them. */
function readTraceState(bytes: Uint8Array, from: number, to: number): string {
  const entries: string[] = []
  const cursor = new FieldCursor(bytes, from, to, TRACESTATE)
  while (cursor.next()) {
    if (cursor.field !== 1) continue
    let key = ''
    let value = ''
    const entry = new FieldCursor(bytes, cursor.from, cursor.to, ENTRY)
    while (entry.next()) {
      if (entry.field === 1) key = entry.text()
      else if (entry.field === 2) value = entry.text()
    }
    entries.push(`${key}=${value}`)
  }
  return entries.join(',')
}

/** Text of a TruncatableString. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  const cursor = new FieldCursor(bytes, from, to, TEXT)
  while (cursor.next()) if (cursor.field === 1) text = cursor.text()
  return text
}

/** An id of so many bytes: a shorter one gets zeros behind it, a longer one is cut. */
function idOf(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes
  const id = new Uint8Array(length)
  id.set(bytes.subarray(0, length))
  return id
}
