// advice.ts: what to do when a capture came and explains no span.

import type { ProcessIdentity } from '../span/span.ts'
import { type KnownCapture, mayBeOf } from './known-capture.ts'

/** Processes that a sentence names; further ones are counted. */
const MOST_NAMED = 3

/**
 * One sentence for the person who looks at a capture of which nothing reached the spans: what is the matter, and what to do.
 *
 * @param seen processes whose spans have left lately; null when that is not kept (`late.enabled: false`)
 * @returns null where spans are explained, or it cannot be told yet
 */
export function adviceOf(capture: KnownCapture, seen: readonly ProcessIdentity[] | null): string | null {
  if (capture.state === 'empty') {
    return 'The capture has no tasks: OpenTelemetry Go and OpenCensus Go begin one for each span that is recorded, other code with runtime/trace.NewTask. Was the right program recorded, while it had requests?'
  }
  if (capture.state !== 'done' || capture.tasksJoined > 0 || seen === null) return null
  if (seen.length === 0) {
    return 'No spans have come here lately, so its tasks have nothing to explain: send the spans of the program to Subspan, not straight to the backend.'
  }
  const { name, nameTime, unmatched } = capture
  const possible = seen.filter((process) => mayBeOf(name, process))
  if (possible.length === 0) {
    return `No spans of ${named(name.service, name.instance)} have come here lately, but of ${listed(seen)}: upload it under the service.name and service.instance.id of its spans, or under none. The same bytes keep the name they came with, so record it once more.`
  }
  if (capture.elsewhere > 0) {
    return `${capture.elsewhere.toLocaleString('en-US')} spans have a task in it and were enriched by a capture that overlaps this one, for one capture enriches a span: nothing is missing.`
  }
  if (nameTime?.refused) {
    const told = `Its tasks name no span that came, and by name and time ${nameTime.refused}`
    if (!possible.some(({ shared }) => shared)) return told
    return `${told} The resource of these spans has nothing that tells replicas apart: give each process a service.instance.id (docs/joining.md).`
  }
  const inside = (unmatched['no-task'] ?? 0) + (unmatched.ambiguous ?? 0) + (unmatched['capture-damaged'] ?? 0)
  if (inside > 0) {
    return `${inside.toLocaleString('en-US')} spans lie in its time and none of its tasks is theirs: is it of the process that made these spans, and does what makes them begin tasks? Ids in the tasks make it certain (docs/joining.md).`
  }
  if (unmatched['no-clock'] !== undefined) {
    return 'Nothing tells how its clock and that of the spans relate: use Go 1.25 or newer, record longer or with more load, or put ids into the tasks (docs/joining.md).'
  }
  return `Spans of ${listed(possible)} have come, none of them in its time: is it a capture of now, and do host and spans have the same clock?`
}

function named(service: string, instance: string): string {
  if (service === '') return `instance "${instance}"`
  return instance === '' ? `service "${service}"` : `service "${service}", instance "${instance}"`
}

function listed(processes: readonly ProcessIdentity[]): string {
  const names = [...new Set(processes.map(({ service, instance }) => named(service, instance)))].sort()
  const more = names.length - MOST_NAMED
  return `${names.slice(0, MOST_NAMED).join('; ')}${more > 0 ? ` and ${more.toLocaleString('en-US')} more` : ''}`
}
