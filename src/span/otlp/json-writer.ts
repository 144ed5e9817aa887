// json-writer.ts: a protobuf message to OTLP/JSON, bytes to bytes in one pass.
//
// Fields are written in the order in which they stand, as JSON allows. That works while all values of a field stand together,
// as every encoder writes them; a message where they do not is put in order first.

import { base64Of } from '../../base/base64.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { FieldCursor, MAX_DEPTH } from '../protobuf.ts'
import { tooDeep } from './check.ts'
import type { FieldSchema, MessageSchema } from './schema.ts'

/**
 * The JSON of a protobuf message, as UTF-8: 64-bit numbers are decimal strings, ids lower-case hex, bytes base64. Fields
 * that the schema does not know are left out.
 *
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers.
 */
export function messageToJson(schema: MessageSchema, bytes: Uint8Array): Uint8Array {
  const out = new ByteWriter(bytes.length * 3)
  writeMessage(out, bytes, 0, bytes.length, schema, 1)
  return out.take()
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN = 0x7b
const CLOSE = 0x7d

function writeMessage(
  out: ByteWriter,
  bytes: Uint8Array,
  from: number,
  to: number,
  schema: MessageSchema,
  depth: number,
): void {
  // Asked before anything is written: to find out on the way and begin again would, level by level, double the work.
  if (!isInOrder(bytes, from, to, schema)) {
    bytes = inOrder(bytes, from, to, schema)
    from = 0
    to = bytes.length
  }
  let list: FieldSchema | null = null
  let first = true
  out.byte(OPEN)
  const cursor = new FieldCursor(bytes, from, to, schema)
  while (cursor.next()) {
    const field = schema.byNumber[cursor.field]
    if (field === undefined) continue
    if (field === list) {
      out.byte(COMMA)
    } else {
      if (list !== null) out.byte(CLOSE_LIST)
      if (!first) out.byte(COMMA)
      first = false
      out.byte(QUOTE)
      out.utf8(field.jsonName)
      out.byte(QUOTE)
      out.byte(0x3a)
      list = field.repeated ? field : null
      if (list !== null) out.byte(OPEN_LIST)
    }
    const { message } = field
    if (message === null) {
      writeScalar(out, field, cursor, bytes)
    } else {
      if (depth >= MAX_DEPTH) throw cursor.failure(tooDeep(depth + 1))
      writeMessage(out, bytes, cursor.from, cursor.to, message, depth + 1)
    }
  }
  if (list !== null) out.byte(CLOSE_LIST)
  out.byte(CLOSE)
}

/** Whether each singular field, or member of a oneof, stands once and the values of each repeated one stand together. */
function isInOrder(bytes: Uint8Array, from: number, to: number, schema: MessageSchema): boolean {
  /** One bit per number of a field that was there already; one for all of a oneof. */
  let seen = 0
  let list = -1
  const cursor = new FieldCursor(bytes, from, to, schema)
  while (cursor.next()) {
    const field = schema.byNumber[cursor.field]
    if (field === undefined || field.number === list) continue
    const bit = schema.oneof ? 1 : 1 << field.number
    if ((seen & bit) !== 0) return false
    seen |= bit
    list = field.repeated ? field.number : -1
  }
  return true
}

/**
 * The same message with its known fields in the order of their numbers and each singular one once: of scalars the last,
 * messages merged (which is what their bytes one after another are), of a oneof what came last.
 */
function inOrder(bytes: Uint8Array, from: number, to: number, schema: MessageSchema): Uint8Array {
  const kept = new Map<number, Uint8Array[]>()
  const cursor = new FieldCursor(bytes, from, to, schema)
  while (cursor.next()) {
    const field = schema.byNumber[cursor.field]
    if (field === undefined) continue
    const before = kept.get(field.number)
    if (schema.oneof && before === undefined) kept.clear()
    const value = bytes.subarray(field.message === null ? cursor.valueAt : cursor.from, cursor.to)
    if (before !== undefined && (field.repeated || field.message !== null)) before.push(value)
    else kept.set(field.number, [value])
  }
  const out = new ByteWriter(to - from)
  for (const field of schema.fields) {
    const values = kept.get(field.number)
    if (values === undefined) continue
    if (field.message === null) {
      for (const value of values) {
        out.varint(field.tag)
        out.raw(value)
      }
      continue
    }
    for (const contents of field.repeated ? values.map((value) => [value]) : [values]) {
      out.varint(field.tag)
      const part = out.beginPart(2)
      for (const content of contents) out.raw(content)
      out.endPart(part, 2)
    }
  }
  return out.take()
}

function writeScalar(out: ByteWriter, field: FieldSchema, cursor: FieldCursor, bytes: Uint8Array): void {
  switch (field.kind) {
    case 'string':
      writeText(out, cursor, bytes)
      return
    case 'id':
      out.byte(QUOTE)
      for (let at = cursor.from; at < cursor.to; at++) {
        out.byte(HEX_DIGITS[bytes[at] >> 4])
        out.byte(HEX_DIGITS[bytes[at] & 15])
      }
      out.byte(QUOTE)
      return
    case 'bytes':
    case 'message':
      out.utf8(`"${base64Of(cursor.content())}"`)
      return
    case 'bool':
      out.utf8(cursor.low !== 0 || cursor.high !== 0 ? 'true' : 'false')
      return
    case 'int32':
    case 'enum':
      out.utf8(String(cursor.low | 0))
      return
    case 'uint32':
    case 'fixed32':
      out.utf8(String(cursor.low))
      return
    case 'int64':
      out.utf8(`"${BigInt.asIntN(64, cursor.big())}"`)
      return
    case 'fixed64':
      out.utf8(`"${cursor.big()}"`)
      return
    case 'double': {
      const value = new DataView(bytes.buffer, bytes.byteOffset + cursor.from, 8).getFloat64(0, true)
      if (Object.is(value, -0)) out.utf8('-0')
      else out.utf8(Number.isFinite(value) ? String(value) : `"${value}"`)
    }
  }
}

/** A string: printable ASCII as it is, whatever else through JSON.stringify. */
function writeText(out: ByteWriter, cursor: FieldCursor, bytes: Uint8Array): void {
  const { from, to } = cursor
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== 0x5c) continue
    out.utf8(JSON.stringify(cursor.text()))
    return
  }
  out.byte(QUOTE)
  out.raw(bytes, from, to)
  out.byte(QUOTE)
}

/** Character codes of 0 to f. */
const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
