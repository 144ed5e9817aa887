// write.ts: spans and attributes of our own making to OTLP protobuf.

import { ByteWriter, halvesOf } from '../../base/bytes.ts'
import type { Attribute, AttributeMap, AttributeValue, ConvertedSpan, NewSpan, SpanHead } from '../span.ts'

/** Tags of the fields that hold attributes. */
const SPAN_ATTRIBUTE = 0x4a
const LINK_ATTRIBUTE = 0x22
const EVENT_ATTRIBUTE = 0x1a
const RESOURCE_ATTRIBUTE = 0x0a

/**
 * Attributes as a Span message carries them (field 9, repeated KeyValue): to be appended to a span's bytes.
 *
 * @throws RangeError for an `int` that is no whole number, or not exact as a number, or longer than 64 bits.
 */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const out = new ByteWriter(64 * attributes.length)
  writeAttributes(out, SPAN_ATTRIBUTE, attributes)
  return out.take()
}

/** Content of one Span message, without tag and length. */
export function encodeSpan(span: NewSpan): Uint8Array {
  const out = new ByteWriter(512)
  writeSpan(out, span)
  return out.take()
}

/**
 * One ResourceSpans message with its tag and length: a request by itself, or to be joined to one (`joinRequests`).
 *
 * @param resource serialized Resource message (`ResourceRow.resource`); zero bytes leave it out.
 * @param schemaUrl of the resource (`resourceSchemaUrl`).
 */
export function encodeResourceSpans(
  resource: Uint8Array,
  scopeName: string,
  scopeVersion: string,
  spans: readonly NewSpan[],
  schemaUrl = '',
): Uint8Array {
  const out = new ByteWriter(resource.length + 512 * (spans.length + 1))
  out.byte(0x0a)
  const resourceSpans = out.beginPart(2)
  writeBytes(out, 0x0a, resource)
  out.byte(0x12)
  const scopeSpans = out.beginPart(2)
  writeScope(out, scopeName, scopeVersion)
  for (const span of spans) {
    out.byte(0x12)
    const part = out.beginPart(2)
    writeSpan(out, span)
    out.endPart(part, 2)
  }
  out.endPart(scopeSpans, 2)
  writeText(out, 0x1a, schemaUrl)
  out.endPart(resourceSpans, 2)
  return out.take()
}

/** Content of one Resource message, without tag and length. */
export function encodeResource(attributes: AttributeMap): Uint8Array {
  const out = new ByteWriter(64 * attributes.size)
  writeAttributeMap(out, RESOURCE_ATTRIBUTE, attributes)
  return out.take()
}

/** Content of one Span message, without tag and length, of a span that came in another protocol. */
export function writeConvertedSpan(out: ByteWriter, span: ConvertedSpan): void {
  writeHead(out, span)
  writeAttributeMap(out, SPAN_ATTRIBUTE, span.attributes)
  writeNumber(out, 0x50, span.droppedAttributes)
  for (const event of span.events) {
    out.byte(0x5a)
    const part = out.beginPart()
    writeTime(out, 0x09, event.unixNs)
    writeText(out, 0x12, event.name)
    writeAttributeMap(out, EVENT_ATTRIBUTE, event.attributes)
    writeNumber(out, 0x20, event.droppedAttributes)
    out.endPart(part)
  }
  writeNumber(out, 0x60, span.droppedEvents)
  for (const link of span.links) {
    out.byte(0x6a)
    const part = out.beginPart()
    writeBytes(out, 0x0a, link.traceId)
    writeBytes(out, 0x12, link.spanId)
    writeText(out, 0x1a, link.traceState)
    writeAttributeMap(out, LINK_ATTRIBUTE, link.attributes)
    writeNumber(out, 0x28, link.droppedAttributes)
    out.endPart(part)
  }
  writeNumber(out, 0x70, span.droppedLinks)
  if (span.statusCode !== 0 || span.statusMessage !== '') {
    out.byte(0x7a)
    const part = out.beginPart()
    writeText(out, 0x12, span.statusMessage)
    writeNumber(out, 0x18, span.statusCode)
    out.endPart(part)
  }
  writeFlags(out, span.flags)
}

function writeSpan(out: ByteWriter, span: NewSpan): void {
  writeHead(out, span)
  writeAttributes(out, SPAN_ATTRIBUTE, span.attributes)
  for (const link of span.links) {
    out.byte(0x6a)
    const part = out.beginPart()
    writeBytes(out, 0x0a, link.traceId)
    writeBytes(out, 0x12, link.spanId)
    writeAttributes(out, LINK_ATTRIBUTE, link.attributes)
    out.endPart(part)
  }
  writeFlags(out, span.flags)
}

/** What stands before the attributes of a span. */
function writeHead(out: ByteWriter, span: SpanHead): void {
  writeBytes(out, 0x0a, span.traceId)
  writeBytes(out, 0x12, span.spanId)
  writeText(out, 0x1a, span.traceState)
  writeBytes(out, 0x22, span.parentSpanId)
  writeText(out, 0x2a, span.name)
  writeNumber(out, 0x30, span.kind)
  writeTime(out, 0x39, span.startUnixNs)
  writeTime(out, 0x41, span.endUnixNs)
}

function writeFlags(out: ByteWriter, flags: number): void {
  if (flags === 0) return
  out.byte(0x85)
  out.byte(0x01)
  out.fixed32(flags)
}

function writeAttributes(out: ByteWriter, tag: number, attributes: readonly Attribute[]): void {
  for (const { key, value } of attributes) writeAttribute(out, tag, key, value)
}

function writeAttributeMap(out: ByteWriter, tag: number, attributes: AttributeMap): void {
  for (const [key, value] of attributes) writeAttribute(out, tag, key, value)
}

function writeAttribute(out: ByteWriter, tag: number, key: string, value: AttributeValue): void {
  out.byte(tag)
  const attribute = out.beginPart()
  writeText(out, 0x0a, key)
  out.byte(0x12)
  const part = out.beginPart()
  writeValue(out, value)
  out.endPart(part)
  out.endPart(attribute)
}

/** Content of an AnyValue: its one field is written even when it is empty, zero or false. */
function writeValue(out: ByteWriter, value: AttributeValue): void {
  if (typeof value === 'string') {
    out.byte(0x0a)
    const text = out.beginPart()
    out.utf8(value)
    out.endPart(text)
  } else if (typeof value === 'boolean') {
    out.byte(0x10)
    out.byte(value ? 1 : 0)
  } else if (typeof value === 'number') {
    out.byte(0x21)
    out.double(value)
  } else if ('int' in value) {
    const { int } = value
    if (typeof int === 'bigint' ? BigInt.asIntN(64, int) !== int : !Number.isSafeInteger(int)) {
      throw new RangeError(
        `integer attribute of ${int}: whole numbers are taken, below 2^53 as number, below 2^63 as bigint`,
      )
    }
    const { low, high } = halvesOf(int)
    out.byte(0x18)
    out.varint64(low, high)
  } else if ('bytes' in value) {
    out.byte(0x3a)
    out.varint(value.bytes.length)
    out.raw(value.bytes)
  } else {
    out.byte(0x2a)
    const array = out.beginPart()
    for (const text of value) {
      out.byte(0x0a)
      const part = out.beginPart()
      writeValue(out, text)
      out.endPart(part)
    }
    out.endPart(array)
  }
}

/** The InstrumentationScope of a ScopeSpans message. */
export function writeScope(out: ByteWriter, name: string, version: string): void {
  out.byte(0x0a)
  const part = out.beginPart()
  writeText(out, 0x0a, name)
  writeText(out, 0x12, version)
  out.endPart(part)
}

/** A string field with its tag; nothing when it is empty. */
export function writeText(out: ByteWriter, tag: number, text: string): void {
  if (text === '') return
  out.byte(tag)
  const part = out.beginPart()
  out.utf8(text)
  out.endPart(part)
}

/** A field of bytes with its tag; nothing when it is empty. */
export function writeBytes(out: ByteWriter, tag: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return
  out.byte(tag)
  out.varint(bytes.length)
  out.raw(bytes)
}

/** A whole number from 0 with its tag; nothing when it is 0. */
function writeNumber(out: ByteWriter, tag: number, value: number): void {
  if (value === 0) return
  out.byte(tag)
  out.varint(value)
}

function writeTime(out: ByteWriter, tag: number, unixNs: bigint): void {
  const { low, high } = halvesOf(unixNs)
  if (low === 0 && high === 0) return
  out.byte(tag)
  out.fixed64(low, high)
}
