// v1-wire.ts: captures of Go 1.21 written by hand, for tests.

import { EvV1 } from '../../src/capture/v1/event-types.ts'
import { uvarint } from './capture-story.ts'

/** Ticks per second. */
const FREQUENCY = 40_000_000

/** An event: the time since the one before, and its arguments. */
export function eventV1(kind: number, ...numbers: readonly number[]): number[] {
  const body = numbers.flatMap((number) => [...uvarint(number)])
  return numbers.length <= 3 ? [kind | ((numbers.length - 1) << 6), ...body] : [kind | (3 << 6), body.length, ...body]
}

/** A batch of a processor. */
export function batchV1(processor: number, ticks: number, ...events: readonly number[][]): number[] {
  return [EvV1.Batch | (1 << 6), ...uvarint(processor), ...uvarint(ticks), ...events.flat()]
}

/** What a capture begins with: goroutine 1 and its start on processor 0. */
export const beginV1 = batchV1(
  0,
  1000,
  eventV1(EvV1.GoCreate, 1, 1, 0, 0),
  eventV1(EvV1.ProcStart, 1, 0),
  eventV1(EvV1.GoStart, 1, 1, 1),
  eventV1(EvV1.Gomaxprocs, 1, 1, 0),
)

/** @param whole whether it goes on to the clock's frequency, its end */
export function captureV1(batches: readonly (readonly number[])[], whole = true): Uint8Array {
  const end = whole ? [EvV1.Frequency, ...uvarint(FREQUENCY)] : []
  return Uint8Array.from([...new TextEncoder().encode('go 1.21 trace\0\0\0'), ...batches.flat(), ...end])
}
