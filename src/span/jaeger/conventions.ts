// conventions.ts: what tags of Jaeger mean in OTLP, the same for Thrift and protobuf.
//
// The rules are those of the OpenTelemetry Collector's Jaeger translator (contrib 0.165).

import type { AttributeMap, AttributeValue, ConvertedLink, ConvertedSpan, SpanEvent, SpanHead } from '../span.ts'

/** A reference of a span to another. */
export interface Reference {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly followsFrom: boolean
}

const HTTP_STATUS = 'http.status_code'
const HTTP_RESPONSE_STATUS = 'http.response.status_code'
const EXPORTER_VERSION = 'opencensus.exporterversion'
/** Said by the Collector's own exporter where a resource had no name. */
export const NO_SERVICE = 'OTLPResourceNoServiceName'

const KINDS: Readonly<Record<string, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }
const CLIENT = 3
const SERVER = 2
const ERROR = 2

/** Adds a tag; the old name of the HTTP status becomes the present one. */
export function addTag(attributes: AttributeMap, key: string, value: AttributeValue): void {
  attributes.set(key === HTTP_STATUS ? HTTP_RESPONSE_STATUS : key, value)
}

/** The value of a tag whose type nobody knows. */
export function unknownType(name: string): string {
  return `<Unknown Jaeger TagType ${JSON.stringify(name)}>`
}

/** Resource of a process: its tags under OTLP's names where those are free. */
export function resourceOf(service: string, tags: AttributeMap): AttributeMap {
  const attributes: AttributeMap = new Map()
  if (service === NO_SERVICE) return attributes
  if (service !== '') attributes.set('service.name', service)
  for (const [key, value] of tags) attributes.set(key, value)
  const hostname = attributes.get('hostname')
  if (hostname !== undefined && !attributes.has('host.name')) {
    attributes.delete('hostname')
    attributes.set('host.name', hostname)
  }
  const version = attributes.get('jaeger.version')
  if (version !== undefined && !attributes.has(EXPORTER_VERSION)) {
    attributes.delete('jaeger.version')
    attributes.set(EXPORTER_VERSION, `Jaeger-${textOr(version)}`)
  }
  return attributes
}

/** A span as Jaeger has it, in whatever form it came. */
export interface JaegerSpan extends Omit<SpanHead, 'kind'> {
  /** Kind and status among them. */
  readonly attributes: AttributeMap
  readonly events: readonly SpanEvent[]
  readonly references: readonly Reference[]
}

/** The span in OTLP's terms; what OTLP has fields for is taken out of its attributes. */
export function convertedSpan({ references, ...span }: JaegerSpan): ConvertedSpan {
  const kind = takeKind(span.attributes)
  const status = takeStatus(span.attributes, kind)
  return {
    ...span,
    flags: span.flags & 1,
    kind,
    droppedAttributes: 0,
    droppedEvents: 0,
    links: linksOf(references, span.parentSpanId),
    droppedLinks: 0,
    statusCode: status.code,
    statusMessage: status.message,
  }
}

/** Takes the kind out of a span's attributes. */
export function takeKind(attributes: AttributeMap): number {
  const kind = attributes.get('span.kind')
  if (kind === undefined) return 0
  attributes.delete('span.kind')
  const name = textOr(kind)
  return Object.hasOwn(KINDS, name) ? KINDS[name] : 0
}

/** Takes the name out of the fields of a log. */
export function takeEventName(attributes: AttributeMap): string {
  return takeText(attributes, 'event') ?? ''
}

/** Takes a text out of attributes; null when there is none of that name. */
export function takeText(attributes: AttributeMap, key: string): string | null {
  const value = attributes.get(key)
  if (value === undefined) return null
  attributes.delete(key)
  return textOr(value)
}

/** Takes the status out of a span's attributes: `error`, else `otel.status_code`, else the HTTP status. */
export function takeStatus(
  attributes: AttributeMap,
  kind: number,
): { readonly code: number; readonly message: string } {
  let code = 0
  let message = ''
  let known = false
  if (attributes.get('error') === true) {
    known = true
    code = ERROR
    attributes.delete('error')
    message = takeText(attributes, 'otel.status_description') ?? textOr(attributes.get('http.status_message'))
  }
  const told = attributes.get('otel.status_code')
  if (told !== undefined) {
    if (!known) {
      const name = textOr(told).toUpperCase()
      code = name === 'OK' ? 1 : name === 'ERROR' ? ERROR : 0
      message = takeText(attributes, 'otel.status_description') ?? ''
    }
    attributes.delete('otel.status_code')
  } else if (!known) {
    const http = wholeOf(attributes.get(HTTP_STATUS) ?? attributes.get(HTTP_RESPONSE_STATUS))
    if (http !== null && isHttpError(http, kind)) {
      code = ERROR
      message = textOr(attributes.get('http.status_message'))
    }
  }
  return { code, message }
}

/** A 4xx is the client's own fault: an error to it, to others not told as one where they are the server. */
function isHttpError(status: bigint, kind: number): boolean {
  if (status >= 400n && status < 500n && (kind === CLIENT || kind === SERVER)) return kind === CLIENT
  return !(status >= 100n && status < 399n)
}

/** A whole number, or a text of one; null for anything else. */
function wholeOf(value: AttributeValue | undefined): bigint | null {
  if (typeof value === 'object' && 'int' in value) return BigInt(value.int)
  if (typeof value !== 'string' || !/^[+-]?\d{1,19}$/.test(value)) return null
  const whole = BigInt(value.replace(/^\+/, ''))
  return BigInt.asIntN(64, whole) === whole ? whole : null
}

/** A text; empty for another type. */
function textOr(value: AttributeValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** The references that are not the parent, as links. */
export function linksOf(references: readonly Reference[], parentSpanId: Uint8Array): ConvertedLink[] {
  return references
    .filter(({ spanId, followsFrom }) => followsFrom || !isSame(spanId, parentSpanId))
    .map(({ traceId, spanId, followsFrom }) => ({
      traceId,
      spanId,
      traceState: '',
      attributes: new Map([['opentracing.ref_type', followsFrom ? 'follows_from' : 'child_of']]),
      droppedAttributes: 0,
    }))
}

/** The parent among references of the same trace: a child-of first, else a follows-from; no bytes for none. */
export function parentOf(references: readonly Reference[], traceId: Uint8Array): Uint8Array {
  const same = references.filter((reference) => isSame(reference.traceId, traceId))
  const parent = same.find(({ followsFrom }) => !followsFrom) ?? same[0]
  return parent === undefined || parent.spanId.every((byte) => byte === 0) ? NONE : parent.spanId
}

export const NONE = new Uint8Array(0)

/** Whether two ids have the same bytes. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}
