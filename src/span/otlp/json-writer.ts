// json-writer.ts: a protobuf message to OTLP/JSON.

import { base64Of } from '../../base/base64.ts'
import { hexOf } from '../../base/hex.ts'
import { FieldCursor, MAX_DEPTH } from '../protobuf.ts'
import { tooDeep } from './check.ts'
import type { FieldSchema, MessageSchema } from './schema.ts'

/** A message in JSON's types: 64-bit numbers are decimal strings, ids lower-case hex, bytes base64. */
export interface JsonMessage {
  [key: string]: JsonValue
}
export type JsonValue = string | number | boolean | JsonMessage | JsonValue[]

/**
 * The JSON form of a protobuf message; fields that the schema does not know are left out.
 *
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers.
 */
export function messageToJson(schema: MessageSchema, bytes: Uint8Array): JsonMessage {
  const message: JsonMessage = {}
  readInto(message, bytes, 0, bytes.length, schema, 1)
  return message
}

/** Adds the fields in `bytes[from, to)`: a message that occurs again is merged with what came first, as protobuf asks. */
function readInto(
  message: JsonMessage,
  bytes: Uint8Array,
  from: number,
  to: number,
  schema: MessageSchema,
  depth: number,
): void {
  const cursor = new FieldCursor(bytes, from, to, schema)
  while (cursor.next()) {
    const field = schema.byNumber[cursor.field]
    if (field === undefined) continue
    const { jsonName, message: inner } = field
    const before = message[jsonName]
    // Of a oneof, what comes last stays alone.
    if (schema.oneof && before === undefined) for (const other of Object.keys(message)) delete message[other]
    let value: JsonValue
    if (inner !== null) {
      if (depth >= MAX_DEPTH) throw cursor.failure(tooDeep(depth + 1))
      const part = !field.repeated && typeof before === 'object' && !Array.isArray(before) ? before : {}
      readInto(part, bytes, cursor.from, cursor.to, inner, depth + 1)
      value = part
    } else {
      value = scalarOf(field, cursor, bytes)
    }
    if (!field.repeated) message[jsonName] = value
    else if (Array.isArray(before)) before.push(value)
    else message[jsonName] = [value]
  }
}

function scalarOf(field: FieldSchema, cursor: FieldCursor, bytes: Uint8Array): JsonValue {
  switch (field.kind) {
    case 'string':
      return cursor.text()
    case 'id':
      return hexOf(bytes, cursor.from, cursor.to)
    case 'bytes':
    case 'message':
      return base64Of(cursor.content())
    case 'bool':
      return cursor.low !== 0 || cursor.high !== 0
    case 'int32':
    case 'enum':
      return cursor.low | 0
    case 'uint32':
    case 'fixed32':
      return cursor.low
    case 'int64':
      return String(BigInt.asIntN(64, cursor.big()))
    case 'fixed64':
      return String(cursor.big())
    case 'double': {
      const value = new DataView(bytes.buffer, bytes.byteOffset + cursor.from, 8).getFloat64(0, true)
      // JSON has no word for these, and JSON.stringify would lose the sign of -0.
      return Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : value) : String(value)
    }
  }
}
