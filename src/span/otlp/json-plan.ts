// json-plan.ts: the messages of schema.ts as reading JSON needs them: fields found by the bytes of their keys.

import { utf8Of } from '../../base/bytes.ts'
import type { FieldKind, FieldSchema, MessageSchema } from './schema.ts'

/** A field under one spelling of its key. */
export interface FieldPlan {
  /** The key as this spelling has it. */
  readonly name: string
  /** UTF-8 of the key. */
  readonly key: Uint8Array
  readonly tag: number
  readonly kind: FieldKind
  readonly repeated: boolean
  readonly message: MessagePlan | null
  /** Tag of the double field beside a 64-bit integer of a oneof; 0 for other fields. */
  readonly doubleTag: number
  /** Bytes that the length of the part will likely take. */
  readonly lengthWidth: number
  /** Names of an enum's numbers. */
  readonly values: readonly string[]
  /** One bit per field of the message, to notice a key that comes twice. */
  readonly bit: number
  /** The next field with the same hash of its key. */
  readonly next: FieldPlan | null
  /** The field that came after this one last time: senders write keys in one order, so that it is tried first. */
  follower: FieldPlan | null
}

export interface MessagePlan {
  /** Written even when zero, false or empty. */
  readonly oneof: boolean
  /** Fields by `keyHash`. */
  readonly buckets: (FieldPlan | null)[]
  /** The field that came first last time. */
  first: FieldPlan | null
}

const BUCKETS = 64
const plans = new Map<MessageSchema, MessagePlan>()

/** The plan of a message; made once. */
export function planOf(schema: MessageSchema): MessagePlan {
  const made = plans.get(schema)
  if (made !== undefined) return made
  const plan: MessagePlan = {
    oneof: schema.oneof,
    buckets: new Array<FieldPlan | null>(BUCKETS).fill(null),
    first: null,
  }
  plans.set(schema, plan)
  schema.fields.forEach((field, index) => {
    // OTLP/JSON asks for lowerCamelCase; protobuf's own names are taken too, as by the Collector and every proto3 JSON reader:
    // passed over as unknown, the spans of such a sender would be lost with a 200.
    for (const name of new Set([field.jsonName, field.name])) addField(plan, schema, field, name, 1 << index)
  })
  return plan
}

function addField(plan: MessagePlan, schema: MessageSchema, field: FieldSchema, name: string, bit: number): void {
  const key = utf8Of(name)
  const hash = keyHash(key.length, key[0], key[key.length - 1])
  const double =
    field.kind === 'int64' && schema.oneof ? schema.fields.find(({ kind }) => kind === 'double') : undefined
  plan.buckets[hash] = {
    name,
    key,
    tag: field.tag,
    kind: field.kind,
    repeated: field.repeated,
    message: field.message === null ? null : planOf(field.message),
    doubleTag: double?.tag ?? 0,
    lengthWidth: lengthWidthOf(field),
    values: field.values,
    bit,
    next: plan.buckets[hash],
    follower: null,
  }
}

/** The field whose key is `bytes[from, to)`, or null. */
export function fieldOf(plan: MessagePlan, bytes: Uint8Array, from: number, to: number): FieldPlan | null {
  const size = to - from
  if (size === 0) return null
  let field = plan.buckets[keyHash(size, bytes[from], bytes[to - 1])]
  for (; field !== null; field = field.next) {
    const { key } = field
    if (key.length !== size) continue
    let i = 0
    while (i < size && key[i] === bytes[from + i]) i++
    if (i === size) return field
  }
  return null
}

/** Spans mostly take 128 bytes to 16 KiB, what holds spans more, the rest less. */
function lengthWidthOf(field: FieldSchema): number {
  switch (field.name) {
    case 'resource_spans':
    case 'scope_spans':
      return 3
    case 'spans':
    case 'resource':
      return 2
    default:
      return 1
  }
}

function keyHash(length: number, first: number, last: number): number {
  return (length + first * 3 + last * 5) & (BUCKETS - 1)
}
