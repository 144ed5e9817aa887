// scan.ts: OTLP trace request bytes to the columns of a SpanTable, without decoding what joining does not need.
//
// One function with its state in locals: the same code with closures or methods takes several times as long. It knows the
// shapes that senders write; whatever else a protobuf encoder may do (wide tags and lengths, fields in any order, twice,
// or unknown) goes through FieldCursor, which also words every error.

import { ByteWriter } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
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
 * Spans one request may hold. Columns take 57 bytes a span, and two bytes suffice for an empty one: without a limit a
 * body could make us allocate thirty times its size. A body of 64 MiB with this many has 67 bytes a span, less than ids,
 * name and times take.
 */
export const MAX_REQUEST_SPANS = 1_000_000

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
 *   `MAX_REQUEST_SPANS` spans.
 */
export function scanTraceRequest(bytes: Uint8Array): SpanTable {
  const count = countSpans(bytes)
  if (count > MAX_REQUEST_SPANS) {
    throw new Failure(
      'BODY_TOO_LARGE',
      `${count.toLocaleString('en-US')} spans in one request, at most ${MAX_REQUEST_SPANS.toLocaleString('en-US')} are ` +
        'taken: send smaller batches.',
    )
  }
  const spanFrom = new Int32Array(count)
  const spanTo = new Int32Array(count)
  const traceIdAt = new Int32Array(count)
  const spanIdAt = new Int32Array(count)
  const parentIdAt = new Int32Array(count)
  const nameFrom = new Int32Array(count)
  const nameTo = new Int32Array(count)
  const startLow = new Uint32Array(count)
  const startHigh = new Uint32Array(count)
  const endLow = new Uint32Array(count)
  const endHigh = new Uint32Array(count)
  const resource = new Int32Array(count)
  const enriched = new Uint8Array(count)
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
          // What encoders write: ascending field numbers, lengths of one byte. One round of this takes in a whole span but for
          // long attributes, events and links; what it does not know goes the long way, one field at a time.
          const roundAt = at
          if (at + 18 <= end && bytes[at] === 0x0a && bytes[at + 1] === 16) {
            traceId = at + 2
            at += 18
          }
          if (at + 10 <= end && bytes[at] === 0x12 && bytes[at + 1] === 8) {
            spanId = at + 2
            at += 10
          }
          if (at + 10 <= end && bytes[at] === 0x22 && bytes[at + 1] === 8) {
            parentId = at + 2
            at += 10
          }
          if (at + 2 <= end && bytes[at] === 0x2a && bytes[at + 1] < 0x80) {
            const to = at + 2 + bytes[at + 1]
            if (to <= end) {
              nameAt = at + 2
              nameEnd = to
              at = to
            }
          }
          if (at + 2 <= end && bytes[at] === 0x30 && bytes[at + 1] < 0x80) at += 2 // kind
          if (at + 9 <= end && bytes[at] === 0x39) {
            startLow[row] = view.getUint32(at + 1, true)
            startHigh[row] = view.getUint32(at + 5, true)
            at += 9
          }
          if (at + 9 <= end && bytes[at] === 0x41) {
            endLow[row] = view.getUint32(at + 1, true)
            endHigh[row] = view.getUint32(at + 5, true)
            at += 9
          }
          // Attributes: at least a key's tag and length, a value's tag and length and two bytes of value.
          while (at + 8 <= end && bytes[at] === 0x4a && bytes[at + 1] < 0x80 && bytes[at + 2] === 0x0a) {
            const to = at + 2 + bytes[at + 1]
            const keySize = bytes[at + 3]
            const valueAt = at + 4 + keySize
            if (keySize >= 0x80 || to > end || valueAt + 4 > to || bytes[valueAt] !== 0x12) break
            const valueSize = bytes[valueAt + 1]
            if (valueAt + 2 + valueSize !== to) break
            const kind = bytes[valueAt + 2]
            if (kind === 0x0a) {
              if (bytes[valueAt + 3] !== valueSize - 2) break // string_value
            } else if (kind === 0x18) {
              const last = to - 1
              let i = valueAt + 3
              while (i < last && bytes[i] >= 0x80) i++
              if (i !== last || bytes[last] >= 0x80 || valueSize > 10) break // int_value of up to nine bytes
            } else if (kind === 0x21) {
              if (valueSize !== 9) break // double_value
            } else if (kind !== 0x10 || valueSize !== 2 || bytes[valueAt + 3] >= 0x80) {
              break // not a bool_value either
            }
            if (keySize === MARKER.length && isMarker(bytes, at + 4)) marked = 1
            at = to
          }
          if (at + 2 <= end && bytes[at] === 0x7a && bytes[at + 1] === 0) at += 2 // status, unset
          if (at + 6 <= end && bytes[at] === 0x85 && bytes[at + 1] === 0x01) at += 6 // flags
          if (at > roundAt) continue

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
  return {
    bytes,
    length: row,
    spanFrom,
    spanTo,
    traceIdAt,
    spanIdAt,
    parentIdAt,
    nameFrom,
    nameTo,
    startLow,
    startHigh,
    endLow,
    endHigh,
    resource,
    enriched,
    resources,
  }
}

/** Number of spans in the request; the messages around them are checked here already. */
function countSpans(bytes: Uint8Array): number {
  let count = 0
  const request = new FieldCursor(bytes, 0, bytes.length, TRACE_REQUEST)
  while (request.next()) {
    if (request.field !== 1) continue
    const resourceSpans = new FieldCursor(bytes, request.from, request.to, RESOURCE_SPANS)
    while (resourceSpans.next()) {
      if (resourceSpans.field !== 2) continue
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
