// resource.ts: who made the spans of OpenCensus: a node (the process) and a resource (where it runs), together one resource of OTLP.
//
// The names are those of the OpenTelemetry Collector's OpenCensus translator (contrib 0.130, the last one).

import { FieldCursor } from '../protobuf.ts'
import type { AttributeMap } from '../span.ts'
import { unixNs } from '../well-known.ts'
import { ENTRY, IDENTIFIER, LIBRARY, NODE, RESOURCE, SERVICE } from './messages.ts'

/** OpenTelemetry's names of the languages, by OpenCensus' numbers. */
const LANGUAGES = ['', 'cpp', 'dotnet', 'erlang', 'go', 'java', 'nodejs', 'php', 'python', 'ruby', 'webjs']

/**
 * The attributes of a Node and a Resource; where both say something, the node wins.
 *
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers
 */
export function resourceOf(node: Uint8Array, resource: Uint8Array): AttributeMap {
  const attributes: AttributeMap = new Map()
  let type = ''
  const where = new FieldCursor(resource, 0, resource.length, RESOURCE)
  while (where.next()) {
    if (where.field === 1) type = where.text()
    else if (where.field === 2) {
      const { key, value } = entryOf(resource, where)
      attributes.set(key === 'cloud.zone' ? 'cloud.availability_zone' : key, value)
    }
  }
  const parts: FieldCursor[] = []
  const who = new FieldCursor(node, 0, node.length, NODE)
  while (who.next()) {
    if (who.field === 4) {
      const { key, value } = entryOf(node, who)
      attributes.set(key, value)
    } else if (who.field === 1) parts[0] = new FieldCursor(node, who.from, who.to, IDENTIFIER)
    else if (who.field === 2) parts[1] = new FieldCursor(node, who.from, who.to, LIBRARY)
    else if (who.field === 3) parts[2] = new FieldCursor(node, who.from, who.to, SERVICE)
  }
  const set = (key: string, value: string): void => void (value !== '' && attributes.set(key, value))
  const [identifier, library, service] = parts
  while (service?.next() === true) if (service.field === 1) set('service.name', service.text())
  while (identifier?.next() === true) {
    if (identifier.field === 1) set('host.name', identifier.text())
    else if (identifier.field === 2 && identifier.low !== 0) attributes.set('process.pid', { int: identifier.low })
    else if (identifier.field === 3) {
      set('opencensus.starttime', dateOf(BigInt.asIntN(64, unixNs(node, identifier.from, identifier.to))))
    }
  }
  while (library?.next() === true) {
    if (library.field === 1) set('telemetry.sdk.language', LANGUAGES[library.low] ?? '')
    else if (library.field === 2) set('opencensus.exporterversion', library.text())
    else if (library.field === 3) set('telemetry.sdk.version', library.text())
  }
  set('opencensus.resourcetype', type)
  return attributes
}

function entryOf(bytes: Uint8Array, { from, to }: FieldCursor): { readonly key: string; readonly value: string } {
  let key = ''
  let value = ''
  const entry = new FieldCursor(bytes, from, to, ENTRY)
  while (entry.next()) {
    if (entry.field === 1) key = entry.text()
    else if (entry.field === 2) value = entry.text()
  }
  return { key, value }
}

/** A time as RFC 3339 with as many digits behind the second as it needs; empty where it is no date. */
function dateOf(ns: bigint): string {
  const ofSecond = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const date = new Date(Number((ns - ofSecond) / 1_000_000n))
  if (Number.isNaN(date.getTime())) return ''
  const fraction = String(ofSecond).padStart(9, '0').replace(/0+$/, '')
  return date.toISOString().replace(/\.\d+Z$/, `${fraction === '' ? '' : `.${fraction}`}Z`)
}
