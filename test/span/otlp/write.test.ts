// write.test.ts: what we write, protobufjs reads.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinRequests } from '../../../src/span/otlp/rewrite.ts'
import { encodeAttributes, encodeResourceSpans, encodeSpan } from '../../../src/span/otlp/write.ts'
import type { Attribute, AttributeValue, NewSpan, SpanLink } from '../../../src/span/span.ts'
import { decoded, oracle, plainAttributes, spansOfProtobuf } from '../../support/otlp.ts'
import type { PlainAttribute, PlainValue } from '../../support/otlp.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(0, 126, 127, 128, 16_383, 16_384).map((size) => 'x'.repeat(size)),
)
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  anyText,
  fc.boolean(),
  fc.double(),
  fc.maxSafeInteger().map((int) => ({ int })),
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n).map((int) => ({ int })),
  fc.array(fc.string({ maxLength: 200 }), { maxLength: 5 }),
)
const attributes = fc.array(fc.record<Attribute>({ key: anyText, value }), { maxLength: 5 })
const bytesOf = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size })
const unixNs = fc.bigInt(0n, (1n << 64n) - 1n)
const link = fc.record<SpanLink>({ traceId: bytesOf(16), spanId: bytesOf(8), attributes })
const span = fc.record<NewSpan>({
  traceId: bytesOf(16),
  spanId: bytesOf(8),
  parentSpanId: fc.oneof(bytesOf(8), bytesOf(0)),
  traceState: fc.string({ maxLength: 40 }),
  flags: fc.nat(0xffffffff),
  name: anyText,
  kind: fc.integer({ min: 0, max: 5 }),
  startUnixNs: unixNs,
  endUnixNs: unixNs,
  attributes,
  links: fc.array(link, { maxLength: 3 }),
})

function plain(written: readonly Attribute[]): PlainAttribute[] {
  return written.map(({ key, value }) => ({ key, value: plainOf(value) }))
}

function plainOf(value: AttributeValue): PlainValue {
  if (typeof value === 'string') return { string: value }
  if (typeof value === 'boolean') return { bool: value }
  if (typeof value === 'number') return { double: value }
  if ('int' in value) return { int: String(value.int) }
  if ('bytes' in value) return { bytes: hex(value.bytes) }
  return { list: value.map((text) => ({ string: text })) }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('resource spans come back from protobufjs as they were given', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 4 }), anyText, anyText, anyText, (spans, scopeName, version, schemaUrl) => {
      const resource = oracle.Resource.encode(
        oracle.Resource.fromObject({ attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }),
      ).finish()
      const bytes = encodeResourceSpans(resource, scopeName, version, spans, schemaUrl)
      expect(spansOfProtobuf(bytes)).toEqual(
        spans.map((given) => ({
          resource: { attributes: [{ key: 'service.name', value: { string: 'shop' } }], schemaUrl },
          scope: { name: scopeName, version, attributes: [], schemaUrl: '' },
          traceId: hex(given.traceId),
          spanId: hex(given.spanId),
          parentSpanId: hex(given.parentSpanId),
          traceState: given.traceState,
          flags: given.flags,
          name: given.name,
          kind: given.kind,
          startUnixNs: String(given.startUnixNs),
          endUnixNs: String(given.endUnixNs),
          attributes: plain(given.attributes),
          droppedAttributes: 0,
          events: [],
          droppedEvents: 0,
          links: given.links.map((linked) => ({
            traceId: hex(linked.traceId),
            spanId: hex(linked.spanId),
            traceState: '',
            flags: 0,
            attributes: plain(linked.attributes),
            droppedAttributes: 0,
          })),
          droppedLinks: 0,
          status: { code: 0, message: '' },
        })),
      )
    }),
    { numRuns: 120 },
  )
})

test('one span is what protobufjs writes for the same values', () => {
  const given: NewSpan = {
    traceId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
    spanId: Uint8Array.from({ length: 8 }, (_, i) => i + 1),
    parentSpanId: Uint8Array.from({ length: 8 }, (_, i) => i + 2),
    traceState: 'a=b',
    flags: 0x301,
    name: 'lock wait',
    kind: 1,
    startUnixNs: 1764000000123456789n,
    endUnixNs: 1764000000123456999n,
    attributes: [{ key: 'subspan.kind', value: 'wait' }],
    links: [{ traceId: new Uint8Array(16).fill(7), spanId: new Uint8Array(8).fill(9), attributes: [] }],
  }
  const message = oracle.Span.fromObject({
    ...given,
    startTimeUnixNano: '1764000000123456789',
    endTimeUnixNano: '1764000000123456999',
    attributes: [{ key: 'subspan.kind', value: { stringValue: 'wait' } }],
    links: [{ traceId: new Uint8Array(16).fill(7), spanId: new Uint8Array(8).fill(9) }],
  })
  expect(hex(encodeSpan(given))).toBe(hex(oracle.Span.encode(message).finish()))
})

test('what has its default value takes no bytes, but for the value of an attribute', () => {
  const none = new Uint8Array(0)
  const empty: NewSpan = {
    traceId: none,
    spanId: none,
    parentSpanId: none,
    traceState: '',
    flags: 0,
    name: '',
    kind: 0,
    startUnixNs: 0n,
    endUnixNs: 0n,
    attributes: [],
    links: [],
  }
  expect(encodeSpan(empty)).toHaveLength(0)
  const values: AttributeValue[] = ['', false, 0, { int: 0 }, []]
  const bytes = encodeAttributes(values.map((value) => ({ key: 'k', value })))
  const { attributes } = decoded(oracle.Span, bytes)
  expect(plainAttributes(attributes).map(({ value }) => value)).toEqual(values.map(plainOf))
})

test('attributes can be appended to any span', () => {
  fc.assert(
    fc.property(span, attributes, (given, added) => {
      const bytes = joinRequests([encodeSpan(given), encodeAttributes(added)])
      const alone = decoded(oracle.Span, encodeSpan({ ...given, attributes: [...given.attributes, ...added] }))
      expect(decoded(oracle.Span, bytes)).toEqual(alone)
    }),
    { numRuns: 100 },
  )
})

test('lone surrogates become U+FFFD', () => {
  const bytes = encodeResourceSpans(new Uint8Array(0), 'a\ud800b', '', [])
  const { resourceSpans } = decoded(oracle.Request, bytes) as { resourceSpans: object[] }
  expect(resourceSpans).toEqual([{ scopeSpans: [{ scope: { name: 'a\ufffdb' } }] }])
})

test('an empty resource is left out, with or without a schema URL', () => {
  expect(decoded(oracle.Request, encodeResourceSpans(new Uint8Array(0), 'subspan', '1', [], 'url'))).toEqual({
    resourceSpans: [{ scopeSpans: [{ scope: { name: 'subspan', version: '1' } }], schemaUrl: 'url' }],
  })
})

describe('integers that cannot be written exactly are refused', () => {
  test.each([1.5, NaN, Infinity, 2 ** 53, -(2 ** 53), 1n << 63n, -(1n << 63n) - 1n])('%s', (int) => {
    expect(() => encodeAttributes([{ key: 'k', value: { int } }])).toThrow(RangeError)
  })

  test.each([2 ** 53 - 1, -(2 ** 53) + 1, 0, -0, (1n << 63n) - 1n, -(1n << 63n)])('%s is taken', (int) => {
    const [attribute] = (
      decoded(oracle.Span, encodeAttributes([{ key: 'k', value: { int } }])) as {
        attributes: { value: { intValue: string } }[]
      }
    ).attributes
    expect(attribute.value.intValue).toBe(BigInt(int).toString())
  })
})
