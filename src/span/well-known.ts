// well-known.ts: times as google.protobuf.Timestamp and Duration have them: seconds and nanoseconds.

import { FieldCursor, fieldsOf } from './protobuf.ts'

const TIMESTAMP = fieldsOf('google.protobuf.Timestamp', [
  [1, 'seconds', 0],
  [2, 'nanos', 0],
])
const DURATION = fieldsOf('google.protobuf.Duration', [
  [1, 'seconds', 0],
  [2, 'nanos', 0],
])

/** Unix nanoseconds of a Timestamp, modulo 2^64 as OTLP holds them. */
export function unixNs(bytes: Uint8Array, from: number, to: number): bigint {
  return BigInt.asUintN(64, nanoseconds(new FieldCursor(bytes, from, to, TIMESTAMP)))
}

/** Nanoseconds of a Duration, which may be negative. */
export function durationNs(bytes: Uint8Array, from: number, to: number): bigint {
  return nanoseconds(new FieldCursor(bytes, from, to, DURATION))
}

function nanoseconds(cursor: FieldCursor): bigint {
  let seconds = 0n
  let nanos = 0n
  while (cursor.next()) {
    if (cursor.field === 1) seconds = cursor.signed()
    else if (cursor.field === 2) nanos = cursor.signed()
  }
  return seconds * 1_000_000_000n + nanos
}
