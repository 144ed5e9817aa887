// otlp.ts: OTLP traces read by another hand (protobufjs with our schema, JSON.parse), in one plain form to compare.

import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'

const schema = protobuf.loadSync(
  fileURLToPath(new URL('../../proto-fixtures/schemas/otlp-trace.proto', import.meta.url)),
)

/** The message types of `proto-fixtures/schemas/otlp-trace.proto`. */
export const oracle = {
  root: schema,
  Request: schema.lookupType('subspan.otlp.ExportTraceServiceRequest'),
  Response: schema.lookupType('subspan.otlp.ExportTraceServiceResponse'),
  RpcStatus: schema.lookupType('subspan.otlp.RpcStatus'),
  ResourceSpans: schema.lookupType('subspan.otlp.ResourceSpans'),
  Resource: schema.lookupType('subspan.otlp.Resource'),
  Span: schema.lookupType('subspan.otlp.Span'),
}

/** A value with one key that names its type; none for an empty value. 64-bit numbers are decimal, bytes are hex. */
export interface PlainValue {
  string?: string
  bool?: boolean
  int?: string
  double?: number
  bytes?: string
  list?: PlainValue[]
  map?: PlainAttribute[]
}

export interface PlainAttribute {
  key: string
  value: PlainValue
}

/** A span with its resource and scope; ids are hex, times decimal; what is absent has its default. */
export interface PlainSpan {
  resource: { attributes: PlainAttribute[]; schemaUrl: string }
  scope: { name: string; version: string; attributes: PlainAttribute[]; schemaUrl: string }
  traceId: string
  spanId: string
  parentSpanId: string
  traceState: string
  flags: number
  name: string
  kind: number
  startUnixNs: string
  endUnixNs: string
  attributes: PlainAttribute[]
  droppedAttributes: number
  events: { timeUnixNs: string; name: string; attributes: PlainAttribute[]; droppedAttributes: number }[]
  droppedEvents: number
  links: {
    traceId: string
    spanId: string
    traceState: string
    flags: number
    attributes: PlainAttribute[]
    droppedAttributes: number
  }[]
  droppedLinks: number
  status: { code: number; message: string }
}

/** A request in OTLP/JSON's shape, or decoded by protobufjs: numbers may be text, bytes may be hex, base64 or bytes. */
type Message = Readonly<Record<string, unknown>>

/** The spans of a protobuf request as protobufjs reads them, in the order of the bytes. */
export function spansOfProtobuf(bytes: Uint8Array): PlainSpan[] {
  return spansOf(decoded(oracle.Request, bytes))
}

/** The spans of an OTLP/JSON request as JSON.parse reads it: for bodies whose 64-bit numbers are text. */
export function spansOfJson(text: string): PlainSpan[] {
  return spansOf(JSON.parse(text) as Message)
}

/** One message as a plain object of protobufjs: 64-bit numbers as decimal text, bytes as bytes; absent fields left out. */
export function decoded(type: protobuf.Type, bytes: Uint8Array): Message {
  return type.toObject(type.decode(bytes), { longs: String })
}

/** Attributes as they stand in a decoded message. */
export function plainAttributes(attributes: unknown): PlainAttribute[] {
  return list(attributes).map((attribute) => ({ key: text(attribute.key), value: plainValue(attribute.value) }))
}

/** In an order that does not depend on how a sender groups spans. */
export function sorted(spans: readonly PlainSpan[]): PlainSpan[] {
  const key = (span: PlainSpan): string => `${span.traceId} ${span.spanId}`
  return [...spans].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

function spansOf(request: Message): PlainSpan[] {
  return list(request.resourceSpans).flatMap((group) => {
    const resource = {
      attributes: plainAttributes(message(group.resource).attributes),
      schemaUrl: text(group.schemaUrl),
    }
    return list(group.scopeSpans).flatMap((scopeSpans) => {
      const { name, version, attributes } = message(scopeSpans.scope)
      const scope = {
        name: text(name),
        version: text(version),
        attributes: plainAttributes(attributes),
        schemaUrl: text(scopeSpans.schemaUrl),
      }
      return list(scopeSpans.spans).map((span) => ({ resource, scope, ...plainSpan(span) }))
    })
  })
}

function plainSpan(span: Message): Omit<PlainSpan, 'resource' | 'scope'> {
  const status = message(span.status)
  return {
    traceId: id(span.traceId),
    spanId: id(span.spanId),
    parentSpanId: id(span.parentSpanId),
    traceState: text(span.traceState),
    flags: Number(span.flags ?? 0),
    name: text(span.name),
    kind: Number(span.kind ?? 0),
    startUnixNs: whole(span.startTimeUnixNano),
    endUnixNs: whole(span.endTimeUnixNano),
    attributes: plainAttributes(span.attributes),
    droppedAttributes: Number(span.droppedAttributesCount ?? 0),
    events: list(span.events).map((event) => ({
      timeUnixNs: whole(event.timeUnixNano),
      name: text(event.name),
      attributes: plainAttributes(event.attributes),
      droppedAttributes: Number(event.droppedAttributesCount ?? 0),
    })),
    droppedEvents: Number(span.droppedEventsCount ?? 0),
    links: list(span.links).map((link) => ({
      traceId: id(link.traceId),
      spanId: id(link.spanId),
      traceState: text(link.traceState),
      flags: Number(link.flags ?? 0),
      attributes: plainAttributes(link.attributes),
      droppedAttributes: Number(link.droppedAttributesCount ?? 0),
    })),
    droppedLinks: Number(span.droppedLinksCount ?? 0),
    status: { code: Number(status.code ?? 0), message: text(status.message) },
  }
}

function plainValue(value: unknown): PlainValue {
  const any = message(value)
  if (any.stringValue !== undefined) return { string: text(any.stringValue) }
  if (any.boolValue !== undefined) return { bool: any.boolValue === true }
  if (any.intValue !== undefined) return { int: whole(any.intValue) }
  if (any.doubleValue !== undefined) return { double: Number(any.doubleValue) }
  if (any.bytesValue !== undefined) return { bytes: hexOfBytes(any.bytesValue) }
  if (any.arrayValue !== undefined) return { list: list(message(any.arrayValue).values).map(plainValue) }
  if (any.kvlistValue !== undefined) return { map: plainAttributes(message(any.kvlistValue).values) }
  return {}
}

function list(value: unknown): Message[] {
  return (value ?? []) as Message[]
}

function message(value: unknown): Message {
  return (value ?? {}) as Message
}

function text(value: unknown): string {
  return (value ?? '') as string
}

function whole(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '0'
}

/** Ids are bytes to protobufjs and hex in JSON. */
function id(value: unknown): string {
  return value instanceof Uint8Array ? hexOfBytes(value) : text(value)
}

/** Bytes are bytes to protobufjs and base64 in JSON. */
function hexOfBytes(value: unknown): string {
  return (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(text(value), 'base64')).toString('hex')
}
