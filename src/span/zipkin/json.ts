// json.ts: Zipkin's v2 JSON, a list of spans, to OTLP.
//
// Source: Zipkin's API (v2), and the translation of the OpenTelemetry Collector (contrib 0.165). Unlike there, spans of one service with
// different resource tags get resources of their own, and a text that only looks like an event or link in OTLP's form stays what it is.

import { textOf } from '../../base/bytes.ts'
import { Failure, messageOf } from '../../base/failure.ts'
import { bytesOfHex } from '../../base/hex.ts'
import { RequestWriter, type Scope } from '../otlp/request-writer.ts'
import { MAX_DEPTH } from '../protobuf.ts'
import type { AttributeMap, ConvertedLink, ConvertedRequest, ConvertedSpan, SpanEvent } from '../span.ts'
import { RESOURCE_TAGS } from './resource-tags.ts'

type Members = Readonly<Record<string, unknown>>
type Tags = Map<string, string>

const KINDS: Readonly<Record<string, number>> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 }
const INTERNAL = 1
const ERROR = 2
/** The Collector's names of a status, and older ones; others are no status, as there. An error is told by the tag `error` as well. */
const STATUS_CODES: Readonly<Record<string, number>> = {
  STATUS_CODE_OK: 1,
  STATUS_CODE_ERROR: ERROR,
  Ok: 1,
  Error: ERROR,
}
const MAX_LINKS = 128
/** Of a body with so many spans that cannot be understood nothing is taken: telling of each costs more than its bytes. */
const MOST_REFUSED = 10_000
/** Largest time in microseconds whose nanoseconds fit 64 bits. */
const MAX_US = 18_446_744_073_709_551

/**
 * The spans of a list as an OTLP request. A span that cannot be understood is left out and counted.
 *
 * @throws Failure SPANS_MALFORMED when nothing can be taken: no JSON, no list, or not one good span in it
 */
export function convertZipkinJson(bytes: Uint8Array): ConvertedRequest {
  checkDepth(bytes)
  let list: unknown
  try {
    list = JSON.parse(textOf(bytes))
  } catch (thrown) {
    throw new Failure('SPANS_MALFORMED', `the body is no JSON: ${messageOf(thrown)}. ${ADVICE}`)
  }
  if (!Array.isArray(list)) {
    const what = typeof list === 'object' ? 'an object' : `a ${typeof list}`
    throw new Failure('SPANS_MALFORMED', `the body is ${list === null ? 'null' : what}, expected a list. ${ADVICE}`)
  }
  const writer = new RequestWriter()
  let refused = 0
  let refusal: string | null = null
  list.forEach((item: unknown, at) => {
    if (item === null) return
    try {
      addSpan(writer, membersOf(item, 'the span'))
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown
      refused++
      refusal ??= `span ${at} of ${list.length}: ${thrown.message}`
      if (refused === MOST_REFUSED) {
        const others = (refused - 1).toLocaleString('en-US')
        throw new Failure('SPANS_MALFORMED', `${refusal}; so are ${others} others, and none is taken. ${ADVICE}`)
      }
    }
  })
  const request = writer.take(refused, refusal)
  if (request.spans === 0 && refusal !== null) throw new Failure('SPANS_MALFORMED', `${String(refusal)}. ${ADVICE}`)
  return request
}

const ADVICE = 'Zipkin’s v2 JSON is taken here: a list of spans, each with traceId and id.'

/**
 * Refuses what is nested deeper than any span: reading a body of opening brackets takes sixty times its bytes.
 *
 * @throws Failure SPANS_MALFORMED with the place
 */
function checkDepth(bytes: Uint8Array): void {
  let depth = 0
  let inText = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inText = false
    } else if (byte === 0x22) inText = true
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH)
        throw new Failure(
          'SPANS_MALFORMED',
          `byte ${at}: lists and objects lie in each other deeper than ${MAX_DEPTH} levels. ${ADVICE}`,
        )
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
}

/** Why one span cannot be taken. */
class Refused extends Error {}

function addSpan(writer: RequestWriter, span: Members): void {
  const tags = tagsOf(span.tags)
  const local = endpointOf(span.localEndpoint, 'localEndpoint')
  const remote = endpointOf(span.remoteEndpoint, 'remoteEndpoint')
  const resource = takeResource(tags, local.service)
  const scope = takeScope(tags)
  const converted = convert(span, tags, local, remote)
  const group = writer.resource(JSON.stringify([...resource]), () => resource)
  writer.add(group, scope, converted)
}

function convert(span: Members, tags: Tags, local: Endpoint, remote: Endpoint): ConvertedSpan {
  const traceId = idOf(span.traceId, 'traceId', 16)
  const spanId = idOf(span.id, 'id', 8)
  const parentId = span.parentId === undefined || span.parentId === null ? null : idOf(span.parentId, 'parentId', 8)
  const isRoot = parentId === null || parentId.every((byte, at) => byte === spanId[at])
  const traceState = taken(tags, 'w3c.tracestate') ?? ''
  const kind = kindOf(span.kind, tags)
  const status = takeStatus(tags)
  const links = takeLinks(tags)

  const attributes: AttributeMap = new Map()
  for (const [key, value] of tags) {
    attributes.set(key === 'http.status_code' ? 'http.response.status_code' : key, value)
  }
  for (const address of local.addresses) attributes.set('network.local.address', address)
  if (local.port > 0) attributes.set('net.host.port', { int: local.port })
  if (remote.service !== '') attributes.set('service.peer.name', remote.service)
  for (const address of remote.addresses) attributes.set('network.peer.address', address)
  if (remote.port > 0) attributes.set('net.peer.port', { int: remote.port })

  const startNs = nsOf(span.timestamp, 'timestamp')
  const lengthNs = nsOf(span.duration, 'duration')
  if (startNs === 0n) attributes.set('otel.zipkin.absentField.startTime', true)
  return {
    traceId,
    spanId,
    parentSpanId: isRoot ? NONE : parentId,
    traceState,
    flags: 0,
    name: textIn(span.name, 'name'),
    kind,
    startUnixNs: startNs,
    endUnixNs: BigInt.asUintN(64, startNs + lengthNs),
    attributes,
    droppedAttributes: 0,
    events: eventsOf(span.annotations),
    droppedEvents: 0,
    links,
    droppedLinks: 0,
    statusCode: status.code,
    statusMessage: status.message,
  }
}

const NONE = new Uint8Array(0)

/** Takes the tags of the resource out of those of the span. */
function takeResource(tags: Tags, service: string): AttributeMap {
  const resource: AttributeMap = new Map()
  const source = taken(tags, 'otlp.service.name.source')
  if (service !== '') resource.set(source === null || source === '' ? 'service.name' : source, service)
  for (const [key, value] of tags) {
    if (!RESOURCE_TAGS.has(key)) continue
    tags.delete(key)
    resource.set(key === 'faas.id' ? 'cloud.resource_id' : key, value)
  }
  return resource
}

function takeScope(tags: Tags): Scope {
  const library = { name: taken(tags, 'otel.library.name'), version: taken(tags, 'otel.library.version') }
  const scope = { name: taken(tags, 'otel.scope.name'), version: taken(tags, 'otel.scope.version') }
  const name = scope.name ?? library.name ?? ''
  return { name, version: name === '' ? '' : (scope.version ?? library.version ?? '') }
}

function kindOf(kind: unknown, tags: Tags): number {
  const known = typeof kind === 'string' && Object.hasOwn(KINDS, kind) ? KINDS[kind] : 0
  if (known !== 0) return known
  return taken(tags, 'span.kind') === 'internal' ? INTERNAL : 0
}

function takeStatus(tags: Tags): { readonly code: number; readonly message: string } {
  let code = 0
  let message = ''
  const told = taken(tags, 'otel.status_code')
  if (told !== null) {
    code = Object.hasOwn(STATUS_CODES, told) ? STATUS_CODES[told] : 0
    message = taken(tags, 'otel.status_description') ?? ''
  }
  const error = tags.get('error')
  if (error !== undefined) {
    code = ERROR
    if (error === 'true') tags.delete('error')
  }
  return { code, message }
}

/** Links as the Collector writes them to Zipkin: `otlp.link.0` = trace|span|state|attributes as JSON|dropped, and so on. */
function takeLinks(tags: Tags): ConvertedLink[] {
  const links: ConvertedLink[] = []
  for (let at = 0; at < MAX_LINKS; at++) {
    const key = `otlp.link.${at}`
    const value = tags.get(key)
    if (value === undefined) break
    const parts = value.split('|')
    const traceId = bytesOfHex((parts[0] ?? '').replace(/^"(.*)"$/, '$1'))
    const spanId = bytesOfHex((parts[1] ?? '').replace(/^"(.*)"$/, '$1'))
    const rest = parts.length < 5 ? null : attributesAndDropped(parts.slice(3))
    if (traceId?.length !== 16 || spanId?.length !== 8 || rest === null) continue
    tags.delete(key)
    links.push({ traceId, spanId, traceState: parts[2], ...rest })
  }
  return links
}

/** Annotations are events; one of the form name|attributes as JSON|dropped is one that the Collector wrote. */
function eventsOf(annotations: unknown): SpanEvent[] {
  if (annotations === undefined || annotations === null) return []
  if (!Array.isArray(annotations)) throw new Refused('annotations are no list')
  return annotations.map((item: unknown): SpanEvent => {
    const { timestamp, value } = membersOf(item, 'an annotation')
    const unixNs = nsOf(timestamp, "an annotation's timestamp")
    const text = textIn(value, "an annotation's value")
    const parts = text.split('|')
    const rest = parts.length < 3 ? null : attributesAndDropped(parts.slice(1))
    // With one line between, the Collector takes the text before it for the name.
    if (rest !== null || parts.length === 2) {
      return {
        unixNs,
        name: parts[0],
        attributes: rest?.attributes ?? new Map<string, string>(),
        droppedAttributes: rest?.droppedAttributes ?? 0,
      }
    }
    return { unixNs, name: text, attributes: new Map(), droppedAttributes: 0 }
  })
}

/** The last part is a count, those before it are JSON in which the dividing character may stand; null when they are not. */
function attributesAndDropped(
  parts: readonly string[],
): { readonly attributes: AttributeMap; readonly droppedAttributes: number } | null {
  const count = parts[parts.length - 1]
  let json: unknown
  try {
    json = JSON.parse(parts.slice(0, -1).join('|'))
  } catch {
    return null
  }
  if (typeof json !== 'object' || Array.isArray(json) || !/^\d{1,10}$/.test(count) || Number(count) > 0xffffffff)
    return null
  const attributes: AttributeMap = new Map()
  for (const [key, value] of Object.entries(json ?? {}) as [string, unknown][]) {
    if (typeof value === 'string' || typeof value === 'boolean') attributes.set(key, value)
    else if (typeof value === 'number') attributes.set(key, Number.isSafeInteger(value) ? { int: value } : value)
  }
  return { attributes, droppedAttributes: Number(count) }
}

interface Endpoint {
  readonly service: string
  readonly addresses: readonly string[]
  readonly port: number
}

function endpointOf(value: unknown, what: string): Endpoint {
  if (value === undefined || value === null) return { service: '', addresses: [], port: 0 }
  const { serviceName, ipv4, ipv6, port = 0 } = membersOf(value, what)
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Refused(`the port of ${what} is ${shown(port)}, expected 0 to 65,535`)
  }
  const addresses = [textIn(ipv4, `ipv4 of ${what}`), normalIpv6(textIn(ipv6, `ipv6 of ${what}`))]
  return {
    service: textIn(serviceName, `serviceName of ${what}`),
    addresses: addresses.filter((address) => address !== ''),
    port,
  }
}

/** An IPv6 address as it is usually written: in lower case, its zeros left out, one of IPv4 as such. */
function normalIpv6(text: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
  if (mapped !== undefined || text === '') return mapped ?? ''
  const url = `http://[${text}]`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : text
}

function tagsOf(value: unknown): Tags {
  const tags: Tags = new Map()
  if (value === undefined || value === null) return tags
  for (const [key, text] of Object.entries(membersOf(value, 'tags'))) {
    if (typeof text === 'string') tags.set(key, text)
    else if (typeof text === 'number' || typeof text === 'boolean') tags.set(key, String(text))
    else if (text !== null) throw new Refused(`tag ${shown(key)} is ${shown(text)}, expected a text`)
  }
  return tags
}

/** The bytes of an id in hex, zeros before it where it is shorter. */
function idOf(value: unknown, what: string, bytes: number): Uint8Array {
  const digits = 2 * bytes
  const id = typeof value === 'string' && value.length > 0 ? bytesOfHex(value.padStart(digits, '0')) : null
  if (id?.length !== bytes || (what !== 'parentId' && id.every((byte) => byte === 0))) {
    throw new Refused(`${what} is ${shown(value)}, expected up to ${digits} hex digits that are not all zero`)
  }
  return id
}

/** Microseconds as nanoseconds; absent is 0. */
function nsOf(value: unknown, what: string): bigint {
  if (value === undefined || value === null) return 0n
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_US)) {
    throw new Refused(`${what} is ${shown(value)}, expected a number of microseconds`)
  }
  return BigInt(Math.floor(value)) * 1_000n
}

function textIn(value: unknown, what: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw new Refused(`${what} is ${shown(value)}, expected a text`)
  return value
}

function membersOf(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refused(`${what} is ${shown(value)}, expected an object`)
  }
  return value as Members
}

function taken(tags: Tags, key: string): string | null {
  const value = tags.get(key)
  if (value === undefined) return null
  tags.delete(key)
  return value
}

/** What stands there, short. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'object') return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
