// otlp-arbitrary.ts: random OTLP trace requests for properties (fast-check), written with protobufjs's own Writer.
//
// A request is drawn as a tree of wire fields, not as an object: so it can hold what no encoder of a schema writes (fields in
// any order, twice, of unknown numbers between the known ones), and a failing case prints as that tree.

import fc from 'fast-check'
import protobuf from 'protobufjs'

/** One field on the wire: `[number, type, value]`. */
export type WireField =
  | readonly [number: number, type: 'varint', value: bigint]
  | readonly [number: number, type: 'fixed64', value: bigint]
  | readonly [number: number, type: 'fixed32', value: number]
  | readonly [number: number, type: 'bytes', value: Uint8Array]
  | readonly [number: number, type: 'message', value: readonly WireField[]]

/** The bytes of a message with these fields, in this order. */
export function wireBytes(fields: readonly WireField[]): Uint8Array {
  const writer = protobuf.Writer.create()
  writeFields(writer, fields)
  return new Uint8Array(writer.finish())
}

function writeFields(writer: protobuf.Writer, fields: readonly WireField[]): void {
  for (const [number, type, value] of fields) {
    switch (type) {
      case 'varint':
        writer.uint32(number * 8).uint64(long(value))
        break
      case 'fixed64':
        writer.uint32(number * 8 + 1).fixed64(long(value))
        break
      case 'bytes':
        writer.uint32(number * 8 + 2).bytes(value)
        break
      case 'message':
        writer.uint32(number * 8 + 2).fork()
        writeFields(writer, value)
        writer.ldelim()
        break
      case 'fixed32':
        writer.uint32(number * 8 + 5).fixed32(value)
    }
  }
}

function long(value: bigint): protobuf.Long {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: true }
}

/** A place in an array, evenly spread (fast-check would prefer its ends): to be taken modulo the length. */
export const anyPlace: fc.Arbitrary<number> = fc.noBias(fc.nat())

const utf8 = new TextEncoder()

const anyText = fc.oneof(
  { weight: 40, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  // Lengths on both sides of where their own length takes another byte.
  { weight: 10, arbitrary: fc.constantFrom(126, 127, 128, 129, 300).map((size) => 'x'.repeat(size)) },
  { weight: 1, arbitrary: fc.constantFrom(16_383, 16_384).map((size) => 'y'.repeat(size)) },
)

function text(number: number, arbitrary: fc.Arbitrary<string> = anyText): fc.Arbitrary<WireField> {
  return arbitrary.map((value) => [number, 'bytes', utf8.encode(value)])
}

/** Numbers near the ends of each size of varint. */
const uint64 = fc.oneof(
  fc.bigInt(0n, 300n),
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.constantFrom(127n, 128n, (1n << 32n) - 1n, 1n << 32n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n),
)
const uint32 = fc.oneof(fc.nat(300), fc.nat(0xffffffff))

const varint = (number: number, value = uint64): fc.Arbitrary<WireField> =>
  value.map((drawn) => [number, 'varint', drawn])
const varint32 = (number: number): fc.Arbitrary<WireField> => varint(number, uint32.map(BigInt))
const fixed64 = (number: number): fc.Arbitrary<WireField> => uint64.map((drawn) => [number, 'fixed64', drawn])
const fixed32 = (number: number): fc.Arbitrary<WireField> => uint32.map((drawn) => [number, 'fixed32', drawn])
const bytes = (number: number, options: fc.IntArrayConstraints): fc.Arbitrary<WireField> =>
  fc.uint8Array(options).map((drawn) => [number, 'bytes', drawn])
const message = (number: number, fields: fc.Arbitrary<readonly WireField[]>): fc.Arbitrary<WireField> =>
  fields.map((drawn) => [number, 'message', drawn])

/** Fields that OTLP does not have, of every wire type; 1000 was a field once. */
const unknown: fc.Arbitrary<WireField> = fc
  .constantFrom(20, 100, 1000, 536_870_911)
  .chain((number) =>
    fc.oneof(varint(number), fixed64(number), fixed32(number), bytes(number, { maxLength: 200 }), text(number)),
  )

/** Fields in any order, some of them several times, unknown ones between. */
function fields(...known: fc.Arbitrary<WireField>[]): fc.Arbitrary<readonly WireField[]> {
  return fc.array(fc.oneof({ weight: 8, arbitrary: fc.oneof(...known) }, { weight: 1, arbitrary: unknown }), {
    maxLength: 6,
  })
}

/** Fields in the order given, as encoders write them; each may be absent. */
function inOrder(...known: fc.Arbitrary<WireField>[]): fc.Arbitrary<readonly WireField[]> {
  return fc
    .tuple(...known.map((field) => fc.option(field, { freq: 4 })))
    .map((drawn) => drawn.filter((field) => field !== null))
}

/** Keys that decide the process and the marker among them. */
const key = fc.oneof(
  { weight: 3, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'subspan.capture',
      'subspan.verdict',
      'service.name',
      'service.instance.id',
      'host.name',
      'process.pid',
    ),
  },
)

type Values = Record<'any' | 'list' | 'map' | 'attribute', readonly WireField[]>

const { any, attribute } = fc.letrec<Values>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text(1), varint(2, fc.bigInt(0n, 1n)), varint(3), fixed64(4), bytes(7, { maxLength: 40 })).map((v) => [v]),
    fc.constant([]),
    message(5, tie('list')).map((value) => [value]),
    message(6, tie('map')).map((value) => [value]),
  ),
  list: fc.array(message(1, tie('any')), { maxLength: 4 }),
  map: fc.array(message(1, tie('attribute')), { maxLength: 3 }),
  attribute: fc.oneof(
    { weight: 6, arbitrary: fc.tuple(text(1, key), message(2, tie('any'))) },
    { weight: 1, arbitrary: fields(text(1, key), message(2, tie('any'))) },
  ),
}))

/** The fields of one attribute. */
export const attributeFields: fc.Arbitrary<readonly WireField[]> = attribute

/** The fields of one AnyValue; at most one of its kinds is set. */
export const valueFields: fc.Arbitrary<readonly WireField[]> = any

const id = (number: number, size: number): fc.Arbitrary<WireField> =>
  fc.oneof(
    { weight: 8, arbitrary: bytes(number, { minLength: size, maxLength: size, min: 1 }) },
    { weight: 1, arbitrary: bytes(number, { maxLength: 20 }) },
    { weight: 1, arbitrary: fc.constant<WireField>([number, 'bytes', new Uint8Array(size)]) },
  )

const event = fields(fixed64(1), text(2), message(3, attribute), varint32(4))
const link = fields(id(1, 16), id(2, 8), text(3), message(4, attribute), varint32(5), fixed32(6))
const status = fields(text(2), varint(3, fc.bigInt(0n, 2n)))

const spanParts = [
  id(1, 16),
  id(2, 8),
  text(3),
  id(4, 8),
  text(5),
  varint(6, fc.bigInt(0n, 5n)),
  fixed64(7),
  fixed64(8),
  message(9, attribute),
  message(9, attribute),
  message(9, attribute),
  varint32(10),
  message(11, event),
  varint32(12),
  message(13, link),
  varint32(14),
  message(15, status),
  fixed32(16),
]

/** The fields of one Span: mostly as encoders write it, sometimes in any order, twice, or with unknown fields between. */
export const spanFields: fc.Arbitrary<readonly WireField[]> = fc.oneof(
  { weight: 3, arbitrary: inOrder(...spanParts) },
  { weight: 2, arbitrary: fields(...spanParts) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(inOrder(...spanParts), fc.array(unknown, { maxLength: 3 }))
      .chain(([known, others]) => fc.shuffledSubarray([...known, ...others], { minLength: known.length })),
  },
)

const resource = fields(message(1, attribute), message(1, attribute), varint32(2))
const scope = fields(text(1), text(2), message(3, attribute), varint32(4))
const scopeSpans = fields(
  message(1, scope),
  message(2, spanFields),
  message(2, spanFields),
  message(2, spanFields),
  text(3),
)
const resourceSpans = fields(message(1, resource), message(2, scopeSpans), message(2, scopeSpans), text(3))

/** The fields of one ExportTraceServiceRequest. */
export const requestFields: fc.Arbitrary<readonly WireField[]> = fields(message(1, resourceSpans))
