// schema.test.ts: our table of OTLP's messages is the .proto file that protobufjs reads, field by field.

import type protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { RPC_STATUS, TRACE_REQUEST, TRACE_RESPONSE } from '../../../src/span/otlp/schema.ts'
import type { MessageSchema } from '../../../src/span/otlp/schema.ts'
import { oracle } from '../../support/otlp.ts'

/** Every message that can be reached from these. */
function reached(schemas: readonly MessageSchema[]): Set<MessageSchema> {
  const all = new Set<MessageSchema>()
  const visit = (schema: MessageSchema): void => {
    if (all.has(schema)) return
    all.add(schema)
    for (const { message } of schema.fields) if (message !== null) visit(message)
  }
  schemas.forEach(visit)
  return all
}

const ours = [...reached([TRACE_REQUEST, TRACE_RESPONSE, RPC_STATUS])]
const typeOf = (name: string): protobuf.Type =>
  oracle.root.lookupType(`subspan.otlp.${name === 'google.rpc.Status' ? 'RpcStatus' : name}`)

/** Wire types of protobuf's scalars, by the encoding page of protobuf. */
const WIRE: Readonly<Record<string, number>> = {
  bool: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  fixed64: 1,
  double: 1,
  string: 2,
  bytes: 2,
  fixed32: 5,
}

test('there is no message more or less', () => {
  const namespace = oracle.root.lookup('subspan.otlp') as protobuf.Namespace
  const theirs = namespace.nestedArray.filter((nested) => 'fields' in nested).map(({ name }) => name)
  expect(ours.map(({ name }) => typeOf(name).name).sort()).toEqual(theirs.sort())
})

describe.each(ours)('$name', (schema) => {
  const type = typeOf(schema.name)

  test('has the numbers, names, types and wire types of the .proto file', () => {
    const rows = schema.fields.map(({ number, name, repeated, kind, message, values, wire }) => ({
      number,
      name,
      repeated,
      type: kind === 'id' ? 'bytes' : (message?.name ?? (kind === 'enum' ? values : kind)),
      wire,
    }))
    const theirs = type.fieldsArray.map((field) => {
      field.resolve()
      const enumNames = field.resolvedType !== null && 'values' in field.resolvedType ? field.resolvedType.values : null
      return {
        number: field.id,
        // protobufjs names fields as JSON does.
        name: field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        repeated: field.repeated,
        type: enumNames === null ? field.type : Object.keys(enumNames).sort((a, b) => enumNames[a] - enumNames[b]),
        wire: enumNames === null ? (WIRE[field.type] ?? 2) : 0,
      }
    })
    const byNumber = (a: { number: number }, b: { number: number }): number => a.number - b.number
    expect(rows.sort(byNumber)).toEqual(theirs.sort(byNumber))
  })

  test('has the keys of JSON', () => {
    expect(schema.fields.map(({ jsonName }) => jsonName).sort()).toEqual(
      type.fieldsArray.map(({ name }) => name).sort(),
    )
  })

  test('finds each field by its number, with its tag', () => {
    for (const field of schema.fields) {
      expect(schema.byNumber[field.number]).toBe(field)
      expect(field.tag).toBe(field.number * 8 + field.wire)
    }
    expect(schema.byNumber.filter((field) => field !== undefined)).toHaveLength(schema.fields.length)
    expect(schema.oneof).toBe(type.oneofsArray.length > 0)
  })
})
