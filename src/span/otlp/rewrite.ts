// rewrite.ts: a request with fewer spans or with more attributes, every other byte as it came.

import { ByteWriter, varintWidth } from '../../base/bytes.ts'
import { FieldCursor } from '../protobuf.ts'
import type { SpanTable } from '../span.ts'
import { RESOURCE_SPANS, SCOPE_SPANS, TRACE_REQUEST } from './schema.ts'

const KEEP = 0
const DROP = 1
const APPEND = 2

const NO_BYTES = new Uint8Array(0)

/**
 * The request with only the rows whose `keep` is 1, each with its scope, its resource and whatever else these carry;
 * a scope or resource that is left without spans, or had none, goes too.
 *
 * @returns the very bytes of the table when every row is kept; zero bytes when none is.
 */
export function selectSpans(table: SpanTable, keep: Uint8Array): Uint8Array {
  return rewriteRequest(table, keep, null)
}

/**
 * The request with bytes appended to some spans: `additions` gives by row the serialized attributes
 * (`encodeAttributes`). Only the lengths of the span and of the two messages around it change.
 */
export function appendAttributes(table: SpanTable, additions: ReadonlyMap<number, Uint8Array>): Uint8Array {
  return rewriteRequest(table, null, additions)
}

/**
 * Both at once: rows whose `keep` is 1 (null: all), those in `additions` (null: none) with bytes appended. Additions to
 * rows that are not kept are passed over.
 *
 * What is to stay is copied in runs as long as possible: `copiedTo` is the offset up to which the table's bytes are
 * either copied or left out.
 */
export function rewriteRequest(
  table: SpanTable,
  keep: Uint8Array | null,
  additions: ReadonlyMap<number, Uint8Array> | null,
): Uint8Array {
  const { bytes, length: rows } = table
  const actions = new Uint8Array(rows)
  let dropped = 0
  let added = 0
  let addedBytes = 0
  if (keep !== null) {
    for (let row = 0; row < rows; row++) {
      if (keep[row] === 1) continue
      actions[row] = DROP
      dropped++
    }
  }
  if (additions !== null) {
    for (const [row, addition] of additions) {
      if (row >= rows || actions[row] === DROP || addition.length === 0) continue
      actions[row] = APPEND
      added++
      addedBytes += addition.length
    }
  }
  if (dropped + added === 0) return bytes
  if (dropped === rows) return NO_BYTES

  // Each length may grow by a byte or more: room for it is made where it happens.
  const out = new ByteWriter(dropped === 0 ? bytes.length + addedBytes + 3 * added + 16 : 1024)
  let copiedTo = 0
  let row = 0
  const request = new FieldCursor(bytes, 0, bytes.length, TRACE_REQUEST)
  while (request.next()) {
    if (request.field !== 1) continue
    const inResource = actionOf(table, actions, row, request.to, dropped > 0)
    if (inResource !== APPEND) {
      if (inResource === DROP) {
        out.raw(bytes, copiedTo, request.tagAt)
        copiedTo = request.to
      }
      while (row < rows && table.spanFrom[row] <= request.to) row++
      continue
    }
    out.raw(bytes, copiedTo, request.valueAt)
    copiedTo = request.from
    const resourceWidth = varintWidth(request.to - request.from)
    const resourcePart = out.beginPart(resourceWidth)
    const resourceSpans = new FieldCursor(bytes, request.from, request.to, RESOURCE_SPANS)
    while (resourceSpans.next()) {
      if (resourceSpans.field !== 2) continue
      const inScope = actionOf(table, actions, row, resourceSpans.to, dropped > 0)
      if (inScope !== APPEND) {
        if (inScope === DROP) {
          out.raw(bytes, copiedTo, resourceSpans.tagAt)
          copiedTo = resourceSpans.to
        }
        while (row < rows && table.spanFrom[row] <= resourceSpans.to) row++
        continue
      }
      out.raw(bytes, copiedTo, resourceSpans.valueAt)
      copiedTo = resourceSpans.from
      const scopeWidth = varintWidth(resourceSpans.to - resourceSpans.from)
      const scopePart = out.beginPart(scopeWidth)
      const scopeSpans = new FieldCursor(bytes, resourceSpans.from, resourceSpans.to, SCOPE_SPANS)
      while (scopeSpans.next()) {
        if (scopeSpans.field !== 2) continue
        const action = actions[row]
        if (action === DROP) {
          out.raw(bytes, copiedTo, scopeSpans.tagAt)
          copiedTo = scopeSpans.to
        } else if (action === APPEND) {
          const addition = additions?.get(row) ?? NO_BYTES
          out.raw(bytes, copiedTo, scopeSpans.valueAt)
          out.varint(scopeSpans.to - scopeSpans.from + addition.length)
          out.raw(bytes, scopeSpans.from, scopeSpans.to)
          out.raw(addition)
          copiedTo = scopeSpans.to
        }
        row++
      }
      out.raw(bytes, copiedTo, resourceSpans.to)
      copiedTo = resourceSpans.to
      out.endPart(scopePart, scopeWidth)
    }
    out.raw(bytes, copiedTo, request.to)
    copiedTo = request.to
    out.endPart(resourcePart, resourceWidth)
  }
  out.raw(bytes, copiedTo, bytes.length)
  return out.take()
}

/** One request holding everything the parts hold: repeated fields concatenate. A single part comes back as it is. */
export function joinRequests(parts: readonly Uint8Array[]): Uint8Array {
  const filled = parts.filter((part) => part.length > 0)
  if (filled.length === 1) return filled[0]
  const joined = new Uint8Array(filled.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of filled) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/**
 * What happens to the message that holds the rows from `row` to those ending before `to`: KEEP as it is, DROP it whole
 * (no row of it stays), or APPEND: something in it changes.
 */
function actionOf(table: SpanTable, actions: Uint8Array, row: number, to: number, selecting: boolean): number {
  let stay = 0
  let change = 0
  for (let at = row; at < table.length && table.spanFrom[at] <= to; at++) {
    if (actions[at] !== DROP) stay++
    if (actions[at] !== KEEP) change++
  }
  if (stay === 0 && selecting) return DROP
  return change === 0 ? KEEP : APPEND
}
