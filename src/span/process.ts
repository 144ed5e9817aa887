// process.ts: which running program made the spans of a resource.

import { textOf } from '../base/bytes.ts'
import { FieldCursor } from './protobuf.ts'
import { ANY_VALUE, KEY_VALUE, RESOURCE } from './otlp/schema.ts'
import type { ProcessIdentity } from './span.ts'

/** Slots of the memory of resources already read, and the longest resource it keeps: 4 MiB at most. */
const SLOTS = 1024
const LONGEST_KEPT = 4096

interface Known {
  readonly resource: Uint8Array
  readonly process: ProcessIdentity
}

/** By hash of the resource's bytes; a newcomer takes the place of who was there. */
const known: (Known | undefined)[] = new Array<Known | undefined>(SLOTS).fill(undefined)

/**
 * The process that a serialized Resource message names (design section 1).
 *
 * A process sends the same resource with every batch, so that what was read before is kept by its bytes: equal bytes mostly
 * give the same object.
 *
 * @throws Failure SPANS_MALFORMED when the bytes are no Resource.
 */
export function processOf(resource: Uint8Array): ProcessIdentity {
  if (resource.length > LONGEST_KEPT) return readProcess(resource)
  const slot = hashOf(resource) & (SLOTS - 1)
  const kept = known[slot]
  if (kept !== undefined && equalBytes(kept.resource, resource)) return kept.process
  const process = readProcess(resource)
  // A copy by hand: `slice` of a Node Buffer is a view, which would keep the whole body it lies in.
  known[slot] = { resource: new Uint8Array(resource), process }
  return process
}

/** What of a resource tells processes apart; a key that occurs twice counts as it came first, as in the Collector. */
const KEYS = [
  'service.name',
  'service.instance.id',
  'k8s.pod.uid',
  'k8s.pod.name',
  'k8s.container.name',
  'host.id',
  'host.name',
  'process.pid',
] as const

function readProcess(resource: Uint8Array): ProcessIdentity {
  const found = new Map<string, string>()
  const attributes = new FieldCursor(resource, 0, resource.length, RESOURCE)
  while (attributes.next()) {
    if (attributes.field !== 1) continue
    let key = ''
    let value = ''
    const parts = new FieldCursor(resource, attributes.from, attributes.to, KEY_VALUE)
    while (parts.next()) {
      if (parts.field === 1) key = parts.text()
      else if (parts.field === 2) value = valueText(resource, parts.from, parts.to)
    }
    if (value !== '' && !found.has(key)) found.set(key, value)
  }
  const [service, instanceId, podUid, podName, container, hostId, hostName, pid] = KEYS.map(
    (key) => found.get(key) ?? '',
  )
  const inContainer = (pod: string): string => (pod === '' || container === '' ? '' : `${pod}/${container}`)
  const withPid = (host: string): string => (host === '' || pid === '' ? '' : `${host}:${pid}`)
  const instance = instanceId || inContainer(podUid) || podUid || withPid(hostId) || withPid(hostName)
  const names = [instanceId, podUid, podName, hostId, hostName]
  names.push(inContainer(podUid), inContainer(podName), withPid(hostId), withPid(hostName))
  return {
    // A service's name may hold any character, so the slash between the two is one that it cannot hold.
    key: instance === '' ? escaped(service) : `${escaped(service)}/${escaped(instance)}`,
    service,
    instance,
    aliases: [...new Set(names.filter((name) => name !== ''))],
    shared: instance === '',
  }
}

/** The text of a string or whole-number AnyValue; empty for others. */
function valueText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  const cursor = new FieldCursor(bytes, from, to, ANY_VALUE)
  while (cursor.next()) {
    if (cursor.field === 1) text = textOf(bytes, cursor.from, cursor.to)
    else if (cursor.field === 3) text = String(BigInt.asIntN(64, cursor.big()))
    else text = ''
  }
  return text
}

function escaped(part: string): string {
  return part.replace(/[%/]/g, (letter) => (letter === '%' ? '%25' : '%2F'))
}

/** FNV-1a over the bytes: the high bits are folded in, for only the low ones choose the slot. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}

function equalBytes(first: Uint8Array, second: Uint8Array): boolean {
  if (first.length !== second.length) return false
  for (let at = 0; at < first.length; at++) if (first[at] !== second[at]) return false
  return true
}
