// scan.test.ts: the columns over a request say what protobufjs reads from it, and damage is refused with its place.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { MAX_DEPTH } from '../../../src/span/protobuf.ts'
import {
  endUnixNs,
  flagsOf,
  parentSpanIdHex,
  resourceSchemaUrl,
  spanIdHex,
  spanName,
  startUnixNs,
  traceIdHex,
  traceStateOf,
} from '../../../src/span/otlp/rows.ts'
import { MAX_REQUEST_SPANS, scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import type { SpanTable } from '../../../src/span/span.ts'
import { decoded, oracle, plainAttributes, spansOfProtobuf } from '../../support/otlp.ts'
import { anyPlace, requestFields, spanFields, wireBytes } from '../../support/otlp-arbitrary.ts'
import type { WireField } from '../../support/otlp-arbitrary.ts'

const utf8 = new TextEncoder()
const text = (number: number, value: string): WireField => [number, 'bytes', utf8.encode(value)]
const bytesOf = (number: number, ...value: number[]): WireField => [number, 'bytes', Uint8Array.from(value)]
const message = (number: number, ...value: WireField[]): WireField => [number, 'message', value]
const string = (key: string, value: string): WireField[] => [text(1, key), message(2, text(1, value))]

const TRACE_ID = Array.from({ length: 16 }, (_, i) => i + 1)
const SPAN_ID = Array.from({ length: 8 }, (_, i) => 0xf0 + i)

/** A request of one resource and one scope with these spans. */
function requestOf(...spans: readonly WireField[][]): Uint8Array {
  return wireBytes([message(1, message(2, ...spans.map((span) => message(2, ...span))))])
}

function failureOf(bytes: Uint8Array): Failure {
  try {
    scanTraceRequest(bytes)
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
  throw new Error('the request was taken')
}

/** What the columns say of each row, in the form of the oracle. */
function rowsOf(table: SpanTable): object[] {
  return Array.from({ length: table.length }, (_, row) => ({
    traceId: traceIdHex(table, row),
    spanId: spanIdHex(table, row),
    parentSpanId: parentSpanIdHex(table, row),
    name: spanName(table, row),
    startUnixNs: String(startUnixNs(table, row)),
    endUnixNs: String(endUnixNs(table, row)),
    traceState: traceStateOf(table, row),
    flags: flagsOf(table, row),
    enriched: table.enriched[row] === 1,
    resource: {
      attributes: plainAttributes(decoded(oracle.Resource, table.resources[table.resource[row]].resource).attributes),
      schemaUrl: resourceSchemaUrl(table, table.resource[row]),
    },
    span: decoded(oracle.Span, table.bytes.subarray(table.spanFrom[row], table.spanTo[row])),
  }))
}

/** The same from protobufjs, with the rule of the columns for ids: the right length and not all zero, or none. */
function rowsByOracle(bytes: Uint8Array): object[] {
  const valid = (id: string, size: number): string => (id.length === size * 2 && /[^0]/.test(id) ? id : '')
  const messages = decoded(oracle.Request, bytes) as {
    resourceSpans?: { scopeSpans?: { spans?: unknown[] }[] }[]
  }
  const spanMessages = (messages.resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) => spans),
  )
  return spansOfProtobuf(bytes).map((span, i) => ({
    traceId: valid(span.traceId, 16),
    spanId: valid(span.spanId, 8),
    parentSpanId: valid(span.parentSpanId, 8),
    name: span.name,
    startUnixNs: span.startUnixNs,
    endUnixNs: span.endUnixNs,
    traceState: span.traceState,
    flags: span.flags,
    enriched: span.attributes.some(({ key }) => key === 'subspan.capture'),
    resource: span.resource,
    span: spanMessages[i],
  }))
}

describe('random requests', () => {
  test('the columns say what protobufjs decodes, whatever the order, repetition or strangeness of the fields', () => {
    fc.assert(
      fc.property(requestFields, (fields) => {
        const bytes = wireBytes(fields)
        expect(rowsOf(scanTraceRequest(bytes))).toEqual(rowsByOracle(bytes))
      }),
      { numRuns: 300 },
    )
  })

  test('the same where the request is a part of a larger array', () => {
    fc.assert(
      fc.property(requestFields, fc.integer({ min: 1, max: 9 }), (fields, offset) => {
        const bytes = wireBytes(fields)
        const larger = new Uint8Array(bytes.length + offset + 4).fill(0xff)
        larger.set(bytes, offset)
        const part = larger.subarray(offset, offset + bytes.length)
        expect(rowsOf(scanTraceRequest(part))).toEqual(rowsByOracle(bytes))
      }),
      { numRuns: 60 },
    )
  })

  test('a request cut anywhere but between two fields of the request is refused as malformed', () => {
    fc.assert(
      fc.property(fc.array(spanFields, { minLength: 1, maxLength: 3 }), anyPlace, (spans, place) => {
        const bytes = requestOf(...spans.map((span) => [...span]))
        const cut = 1 + (place % (bytes.length - 1))
        expect(failureOf(bytes.slice(0, cut)).code).toBe('SPANS_MALFORMED')
      }),
      { numRuns: 300 },
    )
  })
})

describe('rules', () => {
  test('no bytes are a request without spans', () => {
    expect(scanTraceRequest(new Uint8Array(0))).toMatchObject({ length: 0, resources: [] })
  })

  test('resources without spans have no row', () => {
    const bytes = wireBytes([
      message(1, message(1, message(1, ...string('service.name', 'empty'))), message(2)),
      message(1, message(1, message(1, ...string('service.name', 'shop'))), message(2, message(2, text(5, 'a')))),
    ])
    const table = scanTraceRequest(bytes)
    expect(table.resources.map(({ process }) => process.service)).toEqual(['shop'])
    expect([...table.resource]).toEqual([0])
  })

  test.each([
    ['none', [], ''],
    ['of no bytes', [bytesOf(1)], ''],
    ['of 15 bytes', [bytesOf(1, ...TRACE_ID.slice(1))], ''],
    ['of 17 bytes', [bytesOf(1, ...TRACE_ID, 1)], ''],
    ['all zero', [bytesOf(1, ...TRACE_ID.map(() => 0))], ''],
    ['right', [bytesOf(1, ...TRACE_ID)], '0102030405060708090a0b0c0d0e0f10'],
    ['right, then of no bytes', [bytesOf(1, ...TRACE_ID), bytesOf(1)], ''],
    ['wrong, then right', [bytesOf(1, 1, 2), bytesOf(1, ...TRACE_ID)], '0102030405060708090a0b0c0d0e0f10'],
  ] as [string, WireField[], string][])('a span is kept when its trace id is %s', (_, fields, traceId) => {
    const table = scanTraceRequest(requestOf([...fields, text(5, 'kept')]))
    expect(table.length).toBe(1)
    expect(traceIdHex(table, 0)).toBe(traceId)
    expect(table.traceIdAt[0] === -1).toBe(traceId === '')
    expect(spanName(table, 0)).toBe('kept')
  })

  test.each([7, 9, 16, 0])('a span is kept when its span and parent ids have %i bytes', (size) => {
    const wrong = Array.from({ length: size }, () => 1)
    const table = scanTraceRequest(requestOf([bytesOf(2, ...wrong), bytesOf(4, ...wrong), text(5, 'kept')]))
    expect([table.length, table.spanIdAt[0], table.parentIdAt[0]]).toEqual([1, -1, -1])
  })

  test('a parent id of eight zero bytes is a root', () => {
    const table = scanTraceRequest(requestOf([bytesOf(2, ...SPAN_ID), bytesOf(4, 0, 0, 0, 0, 0, 0, 0, 0)]))
    expect([spanIdHex(table, 0), parentSpanIdHex(table, 0)]).toEqual(['f0f1f2f3f4f5f6f7', ''])
  })

  test('a resource in two parts is merged, and its process is read from both', () => {
    const bytes = wireBytes([
      message(
        1,
        message(1, message(1, ...string('service.name', 'shop'))),
        message(2, message(2, text(5, 'a'))),
        message(1, message(1, ...string('service.instance.id', 'i-1'))),
        message(1, [2, 'varint', 3n]),
      ),
    ])
    const [{ resource, process }] = scanTraceRequest(bytes).resources
    expect(process).toMatchObject({ service: 'shop', instance: 'i-1', shared: false })
    expect(decoded(oracle.Resource, resource)).toMatchObject({
      attributes: [{ key: 'service.name' }, { key: 'service.instance.id' }],
      droppedAttributesCount: 3,
    })
  })

  test('the marker counts as a key, in any form of the attribute, and not as a value or a part of a key', () => {
    const marked = (...attribute: WireField[]): number =>
      scanTraceRequest(requestOf([message(9, ...attribute)])).enriched[0]
    expect(marked(...string('subspan.capture', 'c-1'))).toBe(1)
    expect(marked(...string('subspan.capture', 'x'.repeat(300)))).toBe(1)
    expect(marked(text(1, 'subspan.capture'))).toBe(1)
    expect(marked(message(2, text(1, 'v')), text(1, 'subspan.capture'))).toBe(1)
    expect(marked(text(1, 'other'), text(1, 'subspan.capture'))).toBe(1)
    expect(marked(text(1, 'subspan.capture'), text(1, 'other'))).toBe(0)
    expect(marked(...string('subspan.captures', 'v'))).toBe(0)
    expect(marked(...string('subspan.captur', 'v'))).toBe(0)
    expect(marked(...string('other', 'subspan.capture'))).toBe(0)
  })

  test('a tag or length that takes more bytes than it needs is read all the same', () => {
    // ScopeSpans with one span: tag 2 in two bytes, length 3 in three; in it name "a".
    const bytes = Uint8Array.from([0x0a, 0x0a, 0x12, 0x08, 0x92, 0x00, 0x83, 0x80, 0x00, 0x2a, 0x01, 0x61])
    expect(spanName(scanTraceRequest(bytes), 0)).toBe('a')
  })

  test('times are exact over all of 64 bits', () => {
    const table = scanTraceRequest(
      requestOf([
        [7, 'fixed64', 1764000000123456789n],
        [8, 'fixed64', 0xffffffffffffffffn],
      ]),
    )
    expect([startUnixNs(table, 0), endUnixNs(table, 0)]).toEqual([1764000000123456789n, 0xffffffffffffffffn])
  })
})

describe('limits', () => {
  test('messages nest as deep as allowed, and one deeper is refused, saying both numbers', () => {
    // Request, ResourceSpans, ScopeSpans, Span, KeyValue, AnyValue: six; then each list adds ArrayValue and AnyValue.
    const nested = (lists: number): WireField[] => {
      let value: WireField[] = [text(1, 'deep')]
      for (let i = 0; i < lists; i++) value = [message(5, message(1, ...value))]
      return value
    }
    const span = (lists: number): WireField[] => [message(9, text(1, 'k'), message(2, ...nested(lists)))]
    const most = (MAX_DEPTH - 6) / 2
    expect(scanTraceRequest(requestOf(span(most))).length).toBe(1)
    expect(() => oracle.Request.decode(requestOf(span(most)))).not.toThrow()
    expect(failureOf(requestOf(span(most + 1))).message).toContain(
      `messages nest ${MAX_DEPTH + 1} deep, ${MAX_DEPTH} are read`,
    )
  })

  test('as many empty spans as allowed are taken, one more is refused before anything is allocated for them', () => {
    const spans = (count: number): Uint8Array => {
      const content = new Uint8Array(count * 2)
      for (let at = 0; at < content.length; at += 2) content[at] = 0x12
      return wireBytes([message(1, [2, 'bytes', content])])
    }
    expect(scanTraceRequest(spans(MAX_REQUEST_SPANS)).length).toBe(MAX_REQUEST_SPANS)
    const failure = failureOf(spans(MAX_REQUEST_SPANS + 1))
    expect(failure.code).toBe('BODY_TOO_LARGE')
    expect(failure.message).toContain('1,000,001 spans in one request, at most 1,000,000 are taken')
  })

  test.each([
    ['ResourceSpans', 0x0a, (content: Uint8Array) => content],
    ['ScopeSpans', 0x12, (content: Uint8Array) => wireBytes([[1, 'bytes', content]])],
  ] as const)('as many empty %s as spans could have are taken, more are refused', (_name, tag, requestOfEmpty) => {
    const empty = (count: number): Uint8Array =>
      requestOfEmpty(Uint8Array.from({ length: count * 2 }, (_, at) => (at % 2 === 0 ? tag : 0)))
    expect(scanTraceRequest(empty(2 * MAX_REQUEST_SPANS - 1)).length).toBe(0)
    const failure = failureOf(empty(2 * MAX_REQUEST_SPANS + 1))
    expect(failure.code).toBe('BODY_TOO_LARGE')
    expect(failure.message).toContain(
      '2,000,001 resources and scopes or more in one request, at most 2,000,000 are taken',
    )
  })
})

describe('damage', () => {
  /** Bytes inside one span; the span's content begins at byte 6. */
  const inSpan = (...content: number[]): Uint8Array =>
    Uint8Array.from([0x0a, content.length + 4, 0x12, content.length + 2, 0x12, content.length, ...content])

  test.each([
    [
      'a length beyond the end of the request',
      [0x0a, 0x05, 0x12],
      'ExportTraceServiceRequest field 1 (resource_spans) at byte 0: 5 bytes announced, 1 left in the message',
    ],
    [
      'a length beyond the end of the message around it',
      [0x0a, 0x04, 0x12, 0x05, 0x00, 0x00, 0x00],
      'ResourceSpans field 2 (scope_spans) at byte 2: 5 bytes announced, 2 left in the message',
    ],
    [
      'a span longer than its scope',
      [0x0a, 0x04, 0x12, 0x02, 0x12, 0x7f],
      'ScopeSpans field 2 (spans) at byte 4: 127 bytes announced, 0 left in the message',
    ],
    [
      'a length of 2^63 bytes',
      [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      'ExportTraceServiceRequest field 1 (resource_spans) at byte 0: 9,223,372,036,854,775,808 bytes announced, 0 left in the message',
    ],
    [
      'a length in eleven bytes',
      [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
      'ExportTraceServiceRequest field 1 (resource_spans) at byte 0: the length is longer than the 10 bytes (64 bits) a number may take',
    ],
    [
      'a length that is cut',
      [0x0a, 0x80],
      'ExportTraceServiceRequest field 1 (resource_spans) at byte 0: the length ends after 1 of 1 to 10 bytes, 0 left in the message',
    ],
    [
      'a tag that is cut',
      [0x8a],
      'ExportTraceServiceRequest at byte 0: its tag ends after 1 of 1 to 10 bytes, 0 left in the message',
    ],
    ['field number 0', [0x02, 0x00], 'ExportTraceServiceRequest at byte 0: field number 0 (1 to 536,870,911 exist)'],
    [
      'a field number of 2^29',
      [0x82, 0x80, 0x80, 0x80, 0x10, 0x00],
      'ExportTraceServiceRequest at byte 0: field number 536870912 (1 to 536,870,911 exist)',
    ],
    [
      'a field number beyond 32 bits whose low bits are those of a known one',
      [0x8a, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00],
      'ExportTraceServiceRequest at byte 0: field number 4294967297 (1 to 536,870,911 exist)',
    ],
    [
      'a group of an unknown field',
      [0x2b, 0x2c],
      'ExportTraceServiceRequest field 5 at byte 0: wire type 3 (a group), which OTLP does not use',
    ],
    [
      'wire type 6',
      [0x2e],
      'ExportTraceServiceRequest field 5 at byte 0: wire type 6 (no type), which OTLP does not use',
    ],
    [
      'a known field as a varint instead of a message',
      [0x08, 0x01],
      'ExportTraceServiceRequest field 1 (resource_spans) at byte 0: wire type 0 (a varint), expected 2 (length and content)',
    ],
  ])('%s', (_, bytes, message) => {
    const failure = failureOf(Uint8Array.from(bytes))
    expect(failure.code).toBe('SPANS_MALFORMED')
    expect(failure.message).toContain(`${message}. `)
    expect(failure.message).toMatch(/check the Content-Type/)
  })

  test.each([
    [
      'a start time of four bytes',
      [0x39, 1, 2, 3, 4],
      'Span field 7 (start_time_unix_nano) at byte 6: 8 bytes needed, 4 left in the message',
    ],
    [
      'a start time as a varint',
      [0x38, 1],
      'Span field 7 (start_time_unix_nano) at byte 6: wire type 0 (a varint), expected 1 (eight bytes)',
    ],
    [
      'flags of three bytes',
      [0x85, 0x01, 1, 2, 3],
      'Span field 16 (flags) at byte 6: 4 bytes needed, 3 left in the message',
    ],
    [
      'a kind that is cut',
      [0x30, 0xff],
      'Span field 6 (kind) at byte 6: the number ends after 1 of 1 to 10 bytes, 0 left in the message',
    ],
    [
      'a kind of 65 bits',
      [0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
      'Span field 6 (kind) at byte 6: the number is longer than the 10 bytes (64 bits) a number may take',
    ],
    [
      'a name longer than the span',
      [0x2a, 0x05, 0x61],
      'Span field 5 (name) at byte 6: 5 bytes announced, 1 left in the message',
    ],
    [
      'an attribute whose key is longer than it',
      [0x4a, 0x06, 0x0a, 0x09, 0x61, 0x12, 0x02, 0x10],
      'KeyValue field 1 (key) at byte 8: 9 bytes announced, 4 left in the message',
    ],
    [
      'an attribute whose text is longer than its value',
      [0x4a, 0x07, 0x0a, 0x01, 0x61, 0x12, 0x02, 0x0a, 0x05],
      'AnyValue field 1 (string_value) at byte 13: 5 bytes announced, 0 left in the message',
    ],
    [
      'an attribute whose number is cut',
      [0x4a, 0x07, 0x0a, 0x01, 0x61, 0x12, 0x02, 0x18, 0x85],
      'AnyValue field 3 (int_value) at byte 13: the number ends after 1 of 1 to 10 bytes, 0 left in the message',
    ],
    [
      'an attribute whose boolean is cut',
      [0x4a, 0x07, 0x0a, 0x01, 0x61, 0x12, 0x02, 0x10, 0x80],
      'AnyValue field 2 (bool_value) at byte 13: the number ends after 1 of 1 to 10 bytes, 0 left in the message',
    ],
    [
      'an event whose time is cut',
      [0x5a, 0x03, 0x09, 1, 2],
      'Event field 1 (time_unix_nano) at byte 8: 8 bytes needed, 2 left in the message',
    ],
    [
      'a link whose flags are a varint',
      [0x6a, 0x02, 0x30, 1],
      'Link field 6 (flags) at byte 8: wire type 0 (a varint), expected 5 (four bytes)',
    ],
    [
      'a status whose code is text',
      [0x7a, 0x02, 0x1a, 0],
      'Status field 3 (code) at byte 8: wire type 2 (length and content), expected 0 (a varint)',
    ],
  ])('in a span: %s', (_, content, message) => {
    const failure = failureOf(inSpan(...content))
    expect(failure.code).toBe('SPANS_MALFORMED')
    expect(failure.message).toContain(message)
  })

  test.each([0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x30, 0x39, 0x41, 0x4a, 0x5a, 0x7a, 0x85])(
    'a span that ends after the tag byte %i is refused, at the end of the array or before other bytes',
    (tag) => {
      const bytes = inSpan(0x2a, 0x01, 0x61, tag)
      expect(failureOf(bytes).message).toMatch(/^Span .*at byte 9: /)
      // What follows is not the request's: it must not be taken for a size.
      const larger = new Uint8Array([...bytes, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00])
      expect(failureOf(larger.subarray(0, bytes.length)).message).toMatch(/^Span .*at byte 9: /)
    },
  )

  test.each([
    [0x4a, 0x01, 0x0a],
    [0x4a, 0x02, 0x0a, 0x01],
    [0x4a, 0x03, 0x0a, 0x00, 0x12],
    [0x4a, 0x04, 0x0a, 0x00, 0x12, 0x01],
    [0x4a, 0x05, 0x0a, 0x00, 0x12, 0x01, 0x0a],
    [0x4a, 0x05, 0x12, 0x80, 0x01, 0x0a, 0x00],
    [0x4a, 0x06, 0x0a, 0x00, 0x12, 0x02, 0x0a, 0x01],
    [0x4a, 0x06, 0x0a, 0x00, 0x12, 0x02, 0x18, 0x80],
    [0x4a, 0x81],
    [0x4a, 0x81, 0x01, 0x0a],
  ])('an attribute cut to %o is refused, at the end of the array or before other bytes', (...attribute: number[]) => {
    const bytes = inSpan(...attribute)
    failureOf(bytes)
    const larger = new Uint8Array(bytes.length + 200)
    larger.set(bytes)
    expect(failureOf(larger.subarray(0, bytes.length)).code).toBe('SPANS_MALFORMED')
  })

  test.each([
    ['a trace id', 'trace_id', 0x0a, 16],
    ['a span id', 'span_id', 0x12, 8],
    ['a parent id', 'parent_span_id', 0x22, 8],
  ])('%s that is one byte short of the size before it is refused', (_, name, tag, size) => {
    const bytes = inSpan(tag, size, ...new Array<number>(size - 1).fill(7))
    const message = `(${name}) at byte 6: ${size} bytes announced, ${size - 1} left in the message`
    expect(failureOf(bytes).message).toContain(message)
    const larger = new Uint8Array(bytes.length + 8)
    larger.set(bytes)
    expect(failureOf(larger.subarray(0, bytes.length)).message).toContain(message)
  })

  test('a long text shorter than its two bytes of length say is refused', () => {
    // 131 bytes are there. As the low byte of a length 0x83 alone would say as much; with 0x02 behind it, it says 259.
    const value = [0x0a, 0x83, 0x02, ...new Array<number>(131).fill(0x61)]
    const bytes = requestOf([message(9, text(1, 'k'), bytesOf(2, ...value))])
    expect(failureOf(bytes).message).toMatch(/AnyValue field 1 \(string_value\) .* 259 bytes announced, 131 left/)
  })

  test('an integer attribute may take ten bytes, of which the last holds one bit', () => {
    const integer = (last: number): Uint8Array =>
      inSpan(0x4a, 16, 0x0a, 0x01, 0x61, 0x12, 11, 0x18, ...new Array<number>(9).fill(0xff), last)
    expect(spansOfProtobuf(integer(1))[0].attributes[0].value).toEqual({ int: '-1' })
    expect(scanTraceRequest(integer(1)).length).toBe(1)
    expect(failureOf(integer(2)).message).toContain(
      'AnyValue field 3 (int_value) at byte 13: the number is longer than the 10 bytes (64 bits) a number may take',
    )
  })

  test('in a resource and a scope it is found as well', () => {
    const inResource = wireBytes([message(1, message(1, bytesOf(1, 0x0a, 0x05)))])
    expect(failureOf(inResource).message).toContain('KeyValue field 1 (key) at byte 6: 5 bytes announced, 0 left')
    const inScope = wireBytes([message(1, message(2, message(1, bytesOf(3, 0x12, 0x01))))])
    expect(failureOf(inScope).message).toContain('KeyValue field 2 (value) at byte 8: 1 bytes announced, 0 left')
  })
})
