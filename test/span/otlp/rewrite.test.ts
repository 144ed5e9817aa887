// rewrite.test.ts: taking spans out and adding attributes changes lengths and nothing else.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendAttributes, joinRequests, rewriteRequest, selectSpans } from '../../../src/span/otlp/rewrite.ts'
import { spanName } from '../../../src/span/otlp/rows.ts'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { encodeAttributes } from '../../../src/span/otlp/write.ts'
import type { Attribute } from '../../../src/span/span.ts'
import { oracle, spansOfProtobuf } from '../../support/otlp.ts'
import type { PlainSpan } from '../../support/otlp.ts'
import { requestFields, wireBytes } from '../../support/otlp-arbitrary.ts'
import type { WireField } from '../../support/otlp-arbitrary.ts'
import { otlpFixtures } from '../../support/otlp-fixtures.ts'

const utf8 = new TextEncoder()
const text = (number: number, value: string): WireField => [number, 'bytes', utf8.encode(value)]
const message = (number: number, ...value: WireField[]): WireField => [number, 'message', value]
const named = (name: string): WireField => message(2, text(5, name))

const attribute = fc.record<Attribute>({
  key: fc.string({ minLength: 1, maxLength: 30 }).map((key) => `subspan.${key}`),
  value: fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.boolean(),
    fc.double({ noNaN: true }),
    fc.maxSafeInteger().map((int) => ({ int })),
  ),
})

/** A request and, by row, whether to keep it and what to add to it. */
const task = fc
  .tuple(requestFields, fc.infiniteStream(fc.boolean()), fc.infiniteStream(fc.array(attribute, { maxLength: 3 })))
  .map(([fields, keeps, additions]) => {
    const bytes = wireBytes(fields)
    const table = scanTraceRequest(bytes)
    const keep = Uint8Array.from({ length: table.length }, () => (keeps.next().value === true ? 1 : 0))
    const added = new Map<number, readonly Attribute[]>()
    for (let row = 0; row < table.length; row++) {
      const attributes = additions.next().value as readonly Attribute[]
      if (attributes.length > 0) added.set(row, attributes)
    }
    return { bytes, table, keep, added }
  })

function encoded(added: ReadonlyMap<number, readonly Attribute[]>): Map<number, Uint8Array> {
  return new Map([...added].map(([row, attributes]) => [row, encodeAttributes(attributes)]))
}

/** What protobufjs should find in a span after attributes were added to it. */
function withAttributes(span: PlainSpan, attributes: readonly Attribute[] = []): PlainSpan {
  const added = attributes.map(({ key, value }) => {
    if (typeof value === 'string') return { key, value: { string: value } }
    if (typeof value === 'boolean') return { key, value: { bool: value } }
    if (typeof value === 'number') return { key, value: { double: value } }
    return { key, value: 'int' in value ? { int: String(value.int) } : {} }
  })
  return { ...span, attributes: [...span.attributes, ...added] }
}

interface Groups {
  resourceSpans: { scopeSpans: { spans: unknown[] }[] }[]
}

/** Each resource of a request as protobufjs writes it again, unknown fields included, without scopes that hold no span. */
function groupsOf(bytes: Uint8Array): string[] {
  const { resourceSpans } = oracle.Request.decode(bytes) as unknown as Groups
  for (const group of resourceSpans) group.scopeSpans = group.scopeSpans.filter(({ spans }) => spans.length > 0)
  return resourceSpans
    .filter(({ scopeSpans }) => scopeSpans.length > 0)
    .map((group) => Buffer.from(oracle.ResourceSpans.encode(group).finish()).toString('hex'))
}

describe('random requests', () => {
  test('the kept spans and the others together are the spans of the request', () => {
    fc.assert(
      fc.property(task, ({ bytes, table, keep }) => {
        const spans = spansOfProtobuf(bytes)
        const kept = spansOfProtobuf(selectSpans(table, keep))
        const others = spansOfProtobuf(
          selectSpans(
            table,
            Uint8Array.from(keep, (bit) => 1 - bit),
          ),
        )
        expect(kept).toEqual(spans.filter((_, row) => keep[row] === 1))
        expect(others).toEqual(spans.filter((_, row) => keep[row] === 0))
      }),
      { numRuns: 120 },
    )
  })

  test("added attributes stand after the span's own, and nothing else is different", () => {
    fc.assert(
      fc.property(task, ({ bytes, table, added }) => {
        const rewritten = spansOfProtobuf(appendAttributes(table, encoded(added)))
        expect(rewritten).toEqual(spansOfProtobuf(bytes).map((span, row) => withAttributes(span, added.get(row))))
      }),
      { numRuns: 120 },
    )
  })

  test('both at once are one after the other', () => {
    fc.assert(
      fc.property(task, ({ bytes, table, keep, added }) => {
        const rewritten = spansOfProtobuf(rewriteRequest(table, keep, encoded(added)))
        const expected = spansOfProtobuf(bytes)
          .map((span, row) => withAttributes(span, added.get(row)))
          .filter((_, row) => keep[row] === 1)
        expect(rewritten).toEqual(expected)
      }),
      { numRuns: 120 },
    )
  })

  test('the bytes of every span stay as they are, with what is added behind them', () => {
    fc.assert(
      fc.property(task, ({ bytes, table, keep, added }) => {
        const additions = encoded(added)
        const rewritten = scanTraceRequest(rewriteRequest(table, keep, additions))
        let at = 0
        for (let row = 0; row < table.length; row++) {
          if (keep[row] === 0) continue
          const span = Buffer.from(rewritten.bytes.subarray(rewritten.spanFrom[at], rewritten.spanTo[at]))
          const before = bytes.subarray(table.spanFrom[row], table.spanTo[row])
          expect(span.equals(Buffer.concat([before, additions.get(row) ?? new Uint8Array(0)]))).toBe(true)
          at++
        }
        expect(at).toBe(rewritten.length)
      }),
      { numRuns: 120 },
    )
  })

  test('resources, scopes, schema URLs and unknown fields around the spans are kept', () => {
    fc.assert(
      fc.property(task, ({ bytes, table, keep }) => {
        const first = keep.indexOf(1)
        fc.pre(first >= 0)
        const row = table.resource[first]
        const wholeResource = Uint8Array.from(table.resource, (resource) => (resource === row ? 1 : 0))
        expect(groupsOf(selectSpans(table, wholeResource))).toEqual([groupsOf(bytes)[row]])
      }),
      { numRuns: 120 },
    )
  })

  test('where nothing is to change the very bytes come back', () => {
    fc.assert(
      fc.property(task, ({ bytes, table }) => {
        const all = new Uint8Array(table.length).fill(1)
        expect(selectSpans(table, all)).toBe(bytes)
        expect(appendAttributes(table, new Map())).toBe(bytes)
        expect(appendAttributes(table, new Map([[0, new Uint8Array(0)]]))).toBe(bytes)
        expect(
          rewriteRequest(table, all, new Map([[table.length, encodeAttributes([{ key: 'k', value: 'v' }])]])),
        ).toBe(bytes)
        if (table.length > 0) expect(selectSpans(table, new Uint8Array(table.length))).toHaveLength(0)
      }),
      { numRuns: 100 },
    )
  })

  test('joined requests hold the spans of all', () => {
    fc.assert(
      fc.property(fc.array(requestFields, { maxLength: 4 }), (requests) => {
        const parts = requests.map(wireBytes)
        expect(spansOfProtobuf(joinRequests(parts))).toEqual(parts.flatMap(spansOfProtobuf))
      }),
      { numRuns: 100 },
    )
  })
})

describe.each(otlpFixtures().filter(({ json }) => !json))('$file', ({ body }) => {
  const addition = encodeAttributes([{ key: 'subspan.verdict', value: 'x'.repeat(200) }])

  test('taking the addition out again gives the recorded bytes', () => {
    const table = scanTraceRequest(body)
    for (let row = 0; row < table.length; row++) {
      const grown = appendAttributes(table, new Map([[row, addition]]))
      const after = scanTraceRequest(grown)
      expect(after.spanTo[row] - after.spanFrom[row]).toBe(table.spanTo[row] - table.spanFrom[row] + addition.length)
      expect(Buffer.from(grown.subarray(after.spanTo[row] - addition.length, after.spanTo[row])).equals(addition)).toBe(
        true,
      )
      // Only lengths before the span may differ: of the span, its scope and its resource, two bytes more each at most.
      const tail = Buffer.from(grown.subarray(after.spanTo[row]))
      expect(tail.equals(body.subarray(table.spanTo[row]))).toBe(true)
      expect(after.spanFrom[row] - table.spanFrom[row]).toBeLessThanOrEqual(6)
    }
  })

  test('every single span can be taken alone', () => {
    const table = scanTraceRequest(body)
    const spans = spansOfProtobuf(body)
    for (let row = 0; row < table.length; row++) {
      const keep = new Uint8Array(table.length)
      keep[row] = 1
      expect(spansOfProtobuf(selectSpans(table, keep))).toEqual([spans[row]])
    }
  })
})

describe('bytes', () => {
  const attributes = encodeAttributes([{ key: 'k', value: 'v' }])

  test('unknown fields between spans stay where they were', () => {
    const unknown = [999, 'bytes', Uint8Array.from([1, 2, 3])] as const
    const group = (...spans: WireField[]): Uint8Array =>
      wireBytes([message(1, message(2, unknown, ...spans, unknown), unknown), unknown])
    const table = scanTraceRequest(group(named('a'), unknown, named('b')))
    expect(Buffer.from(selectSpans(table, Uint8Array.of(0, 1)))).toEqual(Buffer.from(group(unknown, named('b'))))
    expect(Buffer.from(selectSpans(table, Uint8Array.of(1, 0)))).toEqual(Buffer.from(group(named('a'), unknown)))
    const added: WireField = message(2, text(5, 'b'), message(9, text(1, 'k'), message(2, text(1, 'v'))))
    expect(Buffer.from(appendAttributes(table, new Map([[1, attributes]])))).toEqual(
      Buffer.from(group(named('a'), unknown, added)),
    )
  })

  test('scopes and resources without a kept span go with their spans', () => {
    const scope = (name: string, ...spans: WireField[]): WireField => message(2, message(1, text(1, name)), ...spans)
    const bytes = wireBytes([
      message(1, scope('one', named('a')), scope('two', named('b'))),
      message(1, scope('three', named('c'))),
    ])
    const kept = selectSpans(scanTraceRequest(bytes), Uint8Array.of(0, 1, 0))
    expect(Buffer.from(kept)).toEqual(Buffer.from(wireBytes([message(1, scope('two', named('b')))])))
  })

  test('lengths grow by as many bytes as they need', () => {
    // One below where the lengths of the span, the scope and the resource take another byte.
    for (const size of [100, 118, 119, 120, 121, 122, 123, 16_370, 16_375, 16_380]) {
      const table = scanTraceRequest(wireBytes([message(1, message(2, named('x'.repeat(size))))]))
      const grown = appendAttributes(table, new Map([[0, attributes]]))
      expect(spansOfProtobuf(grown)[0]).toMatchObject({ name: 'x'.repeat(size), attributes: [{ key: 'k' }] })
    }
  })

  test('a length that took more bytes than it needed shrinks, and the rest is as it was', () => {
    // The length of ResourceSpans, 7, in three bytes.
    const bytes = Uint8Array.from([0x0a, 0x87, 0x80, 0x00, 0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 0x61])
    const table = scanTraceRequest(bytes)
    const grown = appendAttributes(table, new Map([[0, attributes]]))
    expect(spanName(scanTraceRequest(grown), 0)).toBe('a')
    expect(spansOfProtobuf(grown)[0].attributes).toEqual([{ key: 'k', value: { string: 'v' } }])
  })

  test('one part of a join comes back as it is, empty ones beside it do not count', () => {
    const part = wireBytes([message(1)])
    expect(joinRequests([new Uint8Array(0), part])).toBe(part)
    expect(joinRequests([])).toHaveLength(0)
  })
})
