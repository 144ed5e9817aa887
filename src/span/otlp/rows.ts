// rows.ts: single values of one row of a SpanTable, read from its bytes when asked for.

import { bigintOf, textOf } from '../../base/bytes.ts'
import { hexOf } from '../../base/hex.ts'
import { FieldCursor } from '../protobuf.ts'
import type { SpanTable } from '../span.ts'
import { RESOURCE_SPANS, SPAN } from './schema.ts'

/** Trace id, 32 lower-case hex digits; empty when missing, all zero or of another length than 16 bytes. */
export function traceIdHex(table: SpanTable, row: number): string {
  const at = table.traceIdAt[row]
  return at < 0 ? '' : hexOf(table.bytes, at, at + 16)
}

/** Span id, 16 lower-case hex digits; empty when missing, all zero or of another length than 8 bytes. */
export function spanIdHex(table: SpanTable, row: number): string {
  const at = table.spanIdAt[row]
  return at < 0 ? '' : hexOf(table.bytes, at, at + 8)
}

/** Parent span id, 16 lower-case hex digits; empty for a root. */
export function parentSpanIdHex(table: SpanTable, row: number): string {
  const at = table.parentIdAt[row]
  return at < 0 ? '' : hexOf(table.bytes, at, at + 8)
}

/** Name of the span; empty when it has none. */
export function spanName(table: SpanTable, row: number): string {
  return textOf(table.bytes, table.nameFrom[row], table.nameTo[row])
}

/** Start, Unix nanoseconds; 0 when the sender gave none. */
export function startUnixNs(table: SpanTable, row: number): bigint {
  return bigintOf(table.startLow[row], table.startHigh[row])
}

/** End, Unix nanoseconds; 0 when the sender gave none. */
export function endUnixNs(table: SpanTable, row: number): bigint {
  return bigintOf(table.endLow[row], table.endHigh[row])
}

/** W3C trace state of the span; empty when it has none. Reads through the span's bytes. */
export function traceStateOf(table: SpanTable, row: number): string {
  let state = ''
  const cursor = new FieldCursor(table.bytes, table.spanFrom[row], table.spanTo[row], SPAN)
  while (cursor.next()) if (cursor.field === 3) state = cursor.text()
  return state
}

/** OTLP's kind of the span (1 internal, 2 server, 3 client, 4 producer, 5 consumer); 0 when it has none. Reads through the span's bytes. */
export function spanKindOf(table: SpanTable, row: number): number {
  let kind = 0
  const cursor = new FieldCursor(table.bytes, table.spanFrom[row], table.spanTo[row], SPAN)
  while (cursor.next()) if (cursor.field === 6) kind = cursor.low
  return kind
}

/** OTLP flags of the span (low 8 bits: W3C trace flags); 0 when it has none. Reads through the span's bytes. */
export function flagsOf(table: SpanTable, row: number): number {
  let flags = 0
  const cursor = new FieldCursor(table.bytes, table.spanFrom[row], table.spanTo[row], SPAN)
  while (cursor.next()) if (cursor.field === 16) flags = cursor.low
  return flags
}

/** `schema_url` of the ResourceSpans message in row `resource` of `table.resources`; empty when it has none. */
export function resourceSchemaUrl(table: SpanTable, resource: number): string {
  let url = ''
  const { from, to } = table.resources[resource]
  const cursor = new FieldCursor(table.bytes, from, to, RESOURCE_SPANS)
  while (cursor.next()) if (cursor.field === 3) url = cursor.text()
  return url
}
