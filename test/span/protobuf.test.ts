// protobuf.test.ts: the fields of a message one after another, as protobufjs's Writer wrote them.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FieldCursor } from '../../src/span/protobuf.ts'
import { attributeFields, requestFields, spanFields, wireBytes } from '../support/otlp-arbitrary.ts'
import type { WireField } from '../support/otlp-arbitrary.ts'

/** A message of which no field is known. */
const UNKNOWN = { name: 'Unknown', byNumber: [] }

function fieldsOf(bytes: Uint8Array, from = 0, to = bytes.length): unknown[] {
  const fields: unknown[] = []
  const cursor = new FieldCursor(bytes, from, to, UNKNOWN)
  while (cursor.next()) {
    const { field, wire } = cursor
    if (wire === 2) fields.push([field, wire, Buffer.from(cursor.content()).toString('hex')])
    else fields.push([field, wire, String(cursor.big())])
  }
  return fields
}

const WIRE = { varint: 0, fixed64: 1, bytes: 2, message: 2, fixed32: 5 }

function expected([number, type, value]: WireField): unknown {
  if (type === 'message') return [number, 2, Buffer.from(wireBytes(value)).toString('hex')]
  return [number, WIRE[type], type === 'bytes' ? Buffer.from(value).toString('hex') : String(value)]
}

test('every field is read with its number, wire type and value', () => {
  fc.assert(
    fc.property(fc.oneof(spanFields, attributeFields, requestFields), (fields) => {
      expect(fieldsOf(wireBytes(fields))).toEqual(fields.map(expected))
    }),
    { numRuns: 200 },
  )
})

test('the same in the middle of other bytes', () => {
  fc.assert(
    fc.property(spanFields, (fields) => {
      const bytes = wireBytes(fields)
      const larger = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(3, 0xff)])
      expect(fieldsOf(larger, 3, 3 + bytes.length)).toEqual(fields.map(expected))
    }),
    { numRuns: 50 },
  )
})

test('the places of tag, value and end fit together', () => {
  fc.assert(
    fc.property(spanFields, (fields) => {
      const bytes = wireBytes(fields)
      const cursor = new FieldCursor(bytes, 0, bytes.length, UNKNOWN)
      let end = 0
      while (cursor.next()) {
        expect(cursor.tagAt).toBe(end)
        expect(cursor.valueAt).toBeGreaterThan(cursor.tagAt)
        expect(cursor.from).toBeGreaterThanOrEqual(cursor.valueAt)
        end = cursor.to
      }
      expect(end).toBe(bytes.length)
    }),
    { numRuns: 50 },
  )
})

test('a failure names the message, the field and the place with both numbers', () => {
  const message = { name: 'Thing', byNumber: [undefined, { name: 'size', wire: 0 }] }
  const read = (...bytes: number[]): void => {
    const cursor = new FieldCursor(Uint8Array.from(bytes), 0, bytes.length, message)
    while (cursor.next());
  }
  expect(() => read(0x08, 0x01, 0x0d, 0, 0, 0, 0)).toThrow(
    /^Thing field 1 \(size\) at byte 2: wire type 5 \(four bytes\), expected 0 \(a varint\)\./,
  )
  expect(() => read(0x12, 0x02, 0x00)).toThrow(/^Thing field 2 at byte 0: 2 bytes announced, 1 left in the message\./)
})
