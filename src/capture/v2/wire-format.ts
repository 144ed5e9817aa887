// wire-format.ts: what captures of one header consist of: the rows of `event-types.ts` that hold for it.
//
// The scheduler's model and the kernel know an event by its number and have its arguments in the order of its first row. Where a later version of Go
// writes an event with other arguments, or in another order, its row says so, and the kernel puts them in that order while it reads them.

import { eventSpecs, type EventSpec, Ev } from '../event-types.ts'
import { MOST_ARGUMENTS, MOVED, MOVED_ROW_BYTES, NOT_TIMED, NOWHERE } from './order-layout.ts'

/** The events of one header's captures. */
export interface WireFormat {
  /** Whether its writer has an event. Readers take those of later versions as well, as Go's does. */
  readonly has: (kind: number) => boolean
  /** By event number: arguments after `dt`, `MOVED`, or `NOT_TIMED` for what may not stand among timed events. */
  readonly argumentCounts: Uint8Array
  /** Of `MOVED` events, `MOVED_ROW_BYTES` each: how many arguments follow `dt`, then for each its place, 1 to 4, or `NOWHERE`; null when there are none. */
  readonly movedArguments: Uint8Array | null
}

/**
 * The format of captures under a header.
 *
 * @param version NN of "go 1.NN trace"
 * @param specs rows of all versions
 */
export function wireFormat(version: number, specs: readonly EventSpec[] = eventSpecs): WireFormat {
  const first = new Map<number, EventSpec>()
  const latest = new Map<number, EventSpec>()
  for (const spec of [...specs].sort((one, other) => one.since - other.since)) {
    if (!first.has(spec.number)) first.set(spec.number, spec)
    if (!latest.has(spec.number) || spec.since <= version) latest.set(spec.number, spec)
  }
  const argumentCounts = new Uint8Array(256).fill(NOT_TIMED)
  let movedArguments: Uint8Array | null = null
  for (const [number, { args }] of latest) {
    if (args[0] !== 'dt' || number === Ev.ClockSnapshot) continue
    const own = first.get(number)?.args ?? args
    if (own.length - 1 > MOST_ARGUMENTS || args.length > MOVED_ROW_BYTES) {
      throw new Error(`${first.get(number)?.name} has more arguments than the kernel has room for: ${args.join(' ')}`)
    }
    const same = args.length === own.length && args.every((name, i) => name === own[i])
    argumentCounts[number] = same ? args.length - 1 : MOVED
    if (same) continue
    movedArguments ??= new Uint8Array(256 * MOVED_ROW_BYTES)
    const places = args.slice(1).map((name) => own.indexOf(name))
    movedArguments.set(
      [places.length, ...places.map((place) => (place < 0 ? NOWHERE : place))],
      number * MOVED_ROW_BYTES,
    )
  }
  return { has: (kind) => (first.get(kind)?.since ?? Infinity) <= version, argumentCounts, movedArguments }
}
