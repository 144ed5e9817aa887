// scan.ts: OTLP trace request bytes to the columns of a SpanTable, without decoding what joining does not need.
//
// One function with its state in locals: the same code with closures or methods takes several times as long. It knows the
// shapes that senders write, in any order (the Collector writes from the last field to the first); whatever else a protobuf
// encoder may do (wide tags and lengths, lists as values, unknown fields) goes through FieldCursor, which also words every
// error.

import { ByteWriter } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { SPAN_ROW_BYTES, spanColumns } from '../columns.ts'
import { processOf } from '../process.ts'
import { FieldCursor } from '../protobuf.ts'
import type { ResourceRow, SpanTable } from '../span.ts'
import { checkMessage } from './check.ts'
import {
  EVENT,
  KEY_VALUE,
  LINK,
  RESOURCE,
  RESOURCE_SPANS,
  SCOPE,
  SCOPE_SPANS,
  SPAN,
  STATUS,
  TRACE_REQUEST,
} from './schema.ts'

/**
 * Spans one request may hold. Columns take 49 bytes a span, and two bytes suffice for an empty one: without a limit a
 * body could make us allocate twenty-five times its size. A body of 64 MiB with this many has 67 bytes a span, less than ids,
 * name and times take.
 */
export const MAX_REQUEST_SPANS = 1_000_000

/** ResourceSpans and ScopeSpans that one request may hold: one of each for every span. */
const MOST_AROUND = 2 * MAX_REQUEST_SPANS

/** How deep these messages lie, the request being 1. */
const RESOURCE_DEPTH = 3
const SCOPE_DEPTH = 4
/** Attributes, events, links and the status of a span. */
const PART_DEPTH = 5

/** The attribute whose presence says that a span has its breakdown already. */
const MARKER = Uint8Array.from('subspan.capture', (letter) => letter.charCodeAt(0))

const NO_BYTES = new Uint8Array(0)

/**
 * Finds the spans of one serialized ExportTraceServiceRequest (protobuf). Zero bytes are a request without spans.
 *
 * Everything in the bytes is checked down to the last attribute; text is not checked for being UTF-8. Scalars that occur
 * twice count as they came last, a Resource that occurs twice is merged, unknown fields are passed over.
 *
 * @throws Failure SPANS_MALFORMED naming message, field, byte offset and both numbers; BODY_TOO_LARGE for more than
 *   `MAX_REQUEST_SPANS` spans, or twice as many messages around them.
 */
export function scanTraceRequest(bytes: Uint8Array): SpanTable {
  const count = countSpans(bytes)
  if (count > MAX_REQUEST_SPANS) throw tooMany(count, 'spans', MAX_REQUEST_SPANS)
  const columns = spanColumns(new ArrayBuffer(SPAN_ROW_BYTES * count), 0, count)
  const { spanFrom, spanTo, traceIdAt, spanIdAt, parentIdAt, nameFrom, nameTo, resource, enriched } = columns
  const { startLow, startHigh, endLow, endHigh } = columns
  const resources: ResourceRow[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let row = 0

  const request = new FieldCursor(bytes, 0, bytes.length, TRACE_REQUEST)
  while (request.next()) {
    if (request.field !== 1) continue
    const rowsBefore = row
    let resourceBytes: Uint8Array = NO_BYTES
    let resourceParts: ByteWriter | null = null
    const resourceSpans = new FieldCursor(bytes, request.from, request.to, RESOURCE_SPANS)
    while (resourceSpans.next()) {
      if (resourceSpans.field === 1) {
        checkMessage(bytes, resourceSpans.from, resourceSpans.to, RESOURCE, RESOURCE_DEPTH)
        // A singular message that occurs again is merged with the first, which is what their bytes one after another are.
        if (resourceBytes.length > 0) {
          if (resourceParts === null) {
            resourceParts = new ByteWriter(resourceBytes.length * 2)
            resourceParts.raw(resourceBytes)
          }
          resourceParts.raw(bytes, resourceSpans.from, resourceSpans.to)
        } else {
          resourceBytes = resourceSpans.content()
        }
        continue
      }
      if (resourceSpans.field !== 2) continue

      const scopeTo = resourceSpans.to
      let nextAt = resourceSpans.from
      while (nextAt < scopeTo) {
        // A span begins with tag 12 and, nearly always, a length of one or two bytes.
        let at = nextAt
        let end = -1
        if (bytes[at++] === 0x12) {
          let length = bytes[at++]
          if (length >= 0x80) length = (length & 0x7f) | (bytes[at++] << 7)
          // A length that goes on in a third byte has bit 14 set, and one that is missing is undefined.
          if (length < 0x4000) end = at + length
        }
        if (end < 0 || end > scopeTo) {
          const field = new FieldCursor(bytes, nextAt, scopeTo, SCOPE_SPANS)
          field.next()
          nextAt = field.to
          if (field.field === 1) checkMessage(bytes, field.from, field.to, SCOPE, SCOPE_DEPTH)
          if (field.field !== 2) continue
          at = field.from
          end = field.to
        }
        nextAt = end

        spanFrom[row] = at
        spanTo[row] = end
        let traceId = -1
        let spanId = -1
        let parentId = -1
        let nameAt = at
        let nameEnd = at
        let marked = 0
        while (at < end) {
          // The shapes that senders write; whatever else goes the long way, one field at a time. Past the last byte `size` is
          // undefined, which no comparison below takes for a size.
          const size = bytes[at + 1]
          switch (bytes[at]) {
            case 0x0a:
              if (size !== 16 || at + 18 > end) break
              traceId = at + 2
              at += 18
              continue
            case 0x12:
              if (size !== 8 || at + 10 > end) break
              spanId = at + 2
              at += 10
              continue
            case 0x22:
              if (size !== 8 || at + 10 > end) break
              parentId = at + 2
              at += 10
              continue
            case 0x2a:
              if (size >= 0x80 || !(at + 2 + size <= end)) break
              nameAt = at + 2
              at += 2 + size
              nameEnd = at
              continue
            case 0x30: // kind
              if (size >= 0x80 || at + 2 > end) break
              at += 2
              continue
            case 0x39:
              if (at + 9 > end) break
              startLow[row] = view.getUint32(at + 1, true)
              startHigh[row] = view.getUint32(at + 5, true)
              at += 9
              continue
            case 0x41:
              if (at + 9 > end) break
              endLow[row] = view.getUint32(at + 1, true)
              endHigh[row] = view.getUint32(at + 5, true)
              at += 9
              continue
            case 0x4a: {
              let from = at + 2
              let to = from + size
              if (size >= 0x80) {
                from++
                to = from + ((size & 0x7f) | (bytes[at + 2] << 7))
                if (bytes[at + 2] >= 0x80) break
              }
              const keyAt = to <= end ? plainKey(bytes, from, to) : -1
              if (keyAt < 0) break
              if (bytes[keyAt - 1] === MARKER.length && isMarker(bytes, keyAt)) marked = 1
              at = to
              continue
            }
            case 0x7a: // status: unset
              if (size !== 0 || at + 2 > end) break
              at += 2
              continue
            case 0x85: // flags
              if (size !== 0x01 || at + 6 > end) break
              at += 6
              continue
          }

          const field = new FieldCursor(bytes, at, end, SPAN)
          field.next()
          at = field.to
          switch (field.field) {
            case 1:
              traceId = field.to - field.from === 16 ? field.from : -1
              break
            case 2:
              spanId = field.to - field.from === 8 ? field.from : -1
              break
            case 4:
              parentId = field.to - field.from === 8 ? field.from : -1
              break
            case 5:
              nameAt = field.from
              nameEnd = field.to
              break
            case 7:
              startLow[row] = field.low
              startHigh[row] = field.high
              break
            case 8:
              endLow[row] = field.low
              endHigh[row] = field.high
              break
            case 9:
              checkMessage(bytes, field.from, field.to, KEY_VALUE, PART_DEPTH)
              if (keyIsMarker(bytes, field.from, field.to)) marked = 1
              break
            case 11:
              checkMessage(bytes, field.from, field.to, EVENT, PART_DEPTH)
              break
            case 13:
              checkMessage(bytes, field.from, field.to, LINK, PART_DEPTH)
              break
            case 15:
              checkMessage(bytes, field.from, field.to, STATUS, PART_DEPTH)
              break
          }
        }
        traceIdAt[row] = traceId >= 0 && !isZero(bytes, traceId, 16) ? traceId : -1
        spanIdAt[row] = spanId >= 0 && !isZero(bytes, spanId, 8) ? spanId : -1
        parentIdAt[row] = parentId >= 0 && !isZero(bytes, parentId, 8) ? parentId : -1
        nameFrom[row] = nameAt
        nameTo[row] = nameEnd
        resource[row] = resources.length
        enriched[row] = marked
        row++
      }
    }
    if (row > rowsBefore) {
      if (resourceParts !== null) resourceBytes = resourceParts.take()
      resources.push({ from: request.from, to: request.to, resource: resourceBytes, process: processOf(resourceBytes) })
    }
  }
  return { bytes, length: row, ...columns, resources }
}

function tooMany(count: number, what: string, most: number): Failure {
  const [found, taken] = [count.toLocaleString('en-US'), most.toLocaleString('en-US')]
  return new Failure(
    'BODY_TOO_LARGE',
    `${found} ${what} in one request, at most ${taken} are taken: send smaller batches.`,
  )
}

/**
 * Number of spans in the request; the messages around them are checked here already, and counted: one without spans takes two bytes, and
 * the time of a hundred.
 */
function countSpans(bytes: Uint8Array): number {
  let count = 0
  let around = 0
  const request = new FieldCursor(bytes, 0, bytes.length, TRACE_REQUEST)
  while (request.next()) {
    if (request.field !== 1) continue
    if (++around > MOST_AROUND) throw tooMany(around, 'resources and scopes or more', MOST_AROUND)
    const resourceSpans = new FieldCursor(bytes, request.from, request.to, RESOURCE_SPANS)
    while (resourceSpans.next()) {
      if (resourceSpans.field !== 2) continue
      if (++around > MOST_AROUND) throw tooMany(around, 'resources and scopes or more', MOST_AROUND)
      const end = resourceSpans.to
      let nextAt = resourceSpans.from
      while (nextAt < end) {
        const tagAt = nextAt
        let at = tagAt
        nextAt = -1
        if (bytes[at++] === 0x12) {
          let length = bytes[at++]
          if (length >= 0x80) length = (length & 0x7f) | (bytes[at++] << 7)
          if (length < 0x4000) nextAt = at + length
        }
        if (nextAt < 0 || nextAt > end) {
          const field = new FieldCursor(bytes, tagAt, end, SCOPE_SPANS)
          field.next()
          nextAt = field.to
          if (field.field !== 2) continue
        }
        count++
      }
    }
  }
  return count
}

/**
 * Checks the KeyValue in `bytes[from, to)` when it is what senders write: a key of less than 128 bytes and a text, number or
 * boolean, in either order.
 *
 * @returns offset of the key, whose length stands before it; -1 for any other shape, and for damage.
 */
function plainKey(bytes: Uint8Array, from: number, to: number): number {
  let keyAt = -1
  let at = from
  while (at < to) {
    const tag = bytes[at++]
    let size = bytes[at++]
    if (tag === 0x0a) {
      if (size >= 0x80) return -1
      keyAt = at
    } else {
      if (tag !== 0x12) return -1
      if (size >= 0x80) {
        if (bytes[at] >= 0x80) return -1
        size = (size & 0x7f) | (bytes[at++] << 7)
      }
      if (!(at + size <= to) || !isPlainValue(bytes, at, at + size)) return -1
    }
    at += size
  }
  return at === to ? keyAt : -1
}

/** Whether the AnyValue in `bytes[from, to)` is one text, number or boolean, and whole. */
function isPlainValue(bytes: Uint8Array, from: number, to: number): boolean {
  const size = to - from
  if (size < 2) return false
  const first = bytes[from + 1]
  switch (bytes[from]) {
    case 0x0a: // string_value
      return first < 0x80
        ? first === size - 2
        : bytes[from + 2] < 0x80 && ((first & 0x7f) | (bytes[from + 2] << 7)) === size - 3
    case 0x10: // bool_value
      return size === 2 && first < 0x80
    case 0x18: {
      // int_value of up to nine bytes: the tenth may hold one bit only.
      const last = to - 1
      let at = from + 1
      while (at < last && bytes[at] >= 0x80) at++
      return at === last && bytes[last] < 0x80 && size <= 10
    }
    case 0x21: // double_value
      return size === 9
    default:
      return false
  }
}

/** Whether a KeyValue of any shape has the marker as its key. */
function keyIsMarker(bytes: Uint8Array, from: number, to: number): boolean {
  let marked = false
  const cursor = new FieldCursor(bytes, from, to, KEY_VALUE)
  while (cursor.next()) {
    if (cursor.field === 1) marked = cursor.to - cursor.from === MARKER.length && isMarker(bytes, cursor.from)
  }
  return marked
}

function isMarker(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MARKER.length; i++) if (bytes[at + i] !== MARKER[i]) return false
  return true
}

function isZero(bytes: Uint8Array, from: number, size: number): boolean {
  for (let at = from; at < from + size; at++) if (bytes[at] !== 0) return false
  return true
}
