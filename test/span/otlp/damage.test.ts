// damage.test.ts: recorded bodies with bytes changed, lost or repeated: each gives a table or a failure with a known code,
// and scan and protobufjs agree on which but for the reasons listed here.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { traceRequestFromJson, traceRequestToJson } from '../../../src/span/otlp/json.ts'
import { appendAttributes, selectSpans } from '../../../src/span/otlp/rewrite.ts'
import {
  endUnixNs,
  parentSpanIdHex,
  spanIdHex,
  spanName,
  startUnixNs,
  traceIdHex,
} from '../../../src/span/otlp/rows.ts'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { encodeAttributes } from '../../../src/span/otlp/write.ts'
import type { SpanTable } from '../../../src/span/span.ts'
import { spansOfProtobuf } from '../../support/otlp.ts'
import { anyPlace, requestFields, wireBytes } from '../../support/otlp-arbitrary.ts'
import { otlpFixtures } from '../../support/otlp-fixtures.ts'

/** What protobufjs takes and we refuse, and why. */
const REFUSED_BY_US = [
  // protobufjs treats a known field of another wire type as unknown. The Collector refuses the whole request, so that
  // passed on it would cost its neighbours.
  /: wire type [0-5] \(.*\), expected [0-5] \(/,
  // Groups: OTLP has none, and nothing that writes them is an OTLP sender.
  /: wire type [34] \(a group\), which OTLP does not use\./,
  // Go's reader refuses the tenth byte of a varint beyond 64 bits; protobufjs cuts it off.
  /is longer than the 10 bytes \(64 bits\) a number may take\./,
]

/** What protobufjs refuses and we take, and why. */
const REFUSED_BY_PROTOBUFJS = [
  // Text is passed on as bytes; the Collector does not check it either.
  /not valid for encoding utf-8/,
  // Tags and lengths of more bytes than they need: wasteful, not wrong. protobufjs takes five, near the end four.
  /invalid (tag|length) encoding/,
]

type Outcome = { readonly table: SpanTable } | { readonly refusal: Failure }

/** Anything but a Failure with a known code goes through and fails the test. */
function outcomeOf(bytes: Uint8Array): Outcome {
  try {
    return { table: scanTraceRequest(bytes) }
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    expect(['SPANS_MALFORMED', 'BODY_TOO_LARGE']).toContain(thrown.code)
    return { refusal: thrown }
  }
}

function messageOf(read: () => unknown): string {
  try {
    read()
    return ''
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'no error'
  }
}

function agree(bytes: Uint8Array): 'taken' | 'refused' {
  const outcome = outcomeOf(bytes)
  const theirs = messageOf(() => spansOfProtobuf(bytes))
  if ('refusal' in outcome) {
    const { message } = outcome.refusal
    if (theirs === '') expect(REFUSED_BY_US.some((reason) => reason.test(message)) ? '' : message).toBe('')
    return 'refused'
  }
  if (theirs !== '') {
    expect(REFUSED_BY_PROTOBUFJS.some((reason) => reason.test(theirs)) ? '' : theirs).toBe('')
    return 'taken'
  }
  const { table } = outcome
  const valid = (id: string, size: number): string => (id.length === size * 2 && /[^0]/.test(id) ? id : '')
  const rows = Array.from({ length: table.length }, (_, row) => [
    traceIdHex(table, row),
    spanIdHex(table, row),
    parentSpanIdHex(table, row),
    spanName(table, row),
    String(startUnixNs(table, row)),
    String(endUnixNs(table, row)),
  ])
  expect(rows).toEqual(
    spansOfProtobuf(bytes).map((span) => [
      valid(span.traceId, 16),
      valid(span.spanId, 8),
      valid(span.parentSpanId, 8),
      span.name,
      span.startUnixNs,
      span.endUnixNs,
    ]),
  )
  return 'taken'
}

const bodies = otlpFixtures().filter(({ json, file }) => !json && !file.endsWith('.gz'))

/** Bytes set, taken out or put in. */
const edits = fc.array(
  fc.record({
    place: anyPlace,
    take: fc.constantFrom(0, 1, 1, 1, 1, 2, 9),
    put: fc.oneof(
      { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 1 }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom([0x80], [0xff, 0xff], [0x0a], [0x12, 0x80], [0x7f]).map((b) => Uint8Array.from(b)),
      },
    ),
  }),
  { minLength: 1, maxLength: 4 },
)

type Edit = typeof edits extends fc.Arbitrary<(infer One)[]> ? One : never

function edited(bytes: Uint8Array, all: readonly Edit[]): Uint8Array {
  let result = Buffer.from(bytes)
  for (const { place, take, put } of all) {
    const at = place % Math.max(1, result.length)
    result = Buffer.concat([result.subarray(0, at), put, result.subarray(at + take)])
  }
  return new Uint8Array(result)
}

/** The recorded body without the long text in which most edits would hit nothing. */
function dense(body: Uint8Array): Uint8Array {
  const table = scanTraceRequest(body)
  return selectSpans(
    table,
    Uint8Array.from({ length: table.length }, (_, row) => (table.spanTo[row] - table.spanFrom[row] < 4000 ? 1 : 0)),
  )
}

describe('damaged protobuf', () => {
  test('is taken or refused as by protobufjs, with the same spans', () => {
    const sources = bodies.flatMap(({ body }) => [body, dense(body)])
    const seen = { taken: 0, refused: 0 }
    fc.assert(
      fc.property(fc.constantFrom(...sources), edits, (source, all) => {
        seen[agree(edited(source, all))]++
      }),
      { numRuns: 800 },
    )
    // Both happen often, or the edits would prove nothing.
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(50)
  })

  test('is taken or refused as by protobufjs where one byte of a random request is another', () => {
    fc.assert(
      fc.property(requestFields, edits, (fields, all) => {
        agree(edited(wireBytes(fields), all.slice(0, 1)))
      }),
      { numRuns: 500 },
    )
  })

  test('every truncation is refused as by protobufjs, but between two resources', () => {
    for (const body of bodies.map((recorded) => dense(recorded.body))) {
      for (let size = 0; size < body.length; size++) agree(body.subarray(0, size))
    }
  })

  test('every byte flipped gives a table or a failure, and what is taken can be rewritten and written as JSON', () => {
    const attributes = encodeAttributes([{ key: 'k', value: 'v' }])
    for (const body of bodies.map((recorded) => new Uint8Array(dense(recorded.body)))) {
      for (let at = 0; at < body.length; at++) {
        const before = body[at]
        body[at] = before ^ (1 << (at % 8))
        const outcome = outcomeOf(body)
        if ('table' in outcome && outcome.table.length > 0) {
          const { table } = outcome
          expect(scanTraceRequest(appendAttributes(table, new Map([[0, attributes]]))).length).toBe(table.length)
          const keep = new Uint8Array(table.length)
          keep[table.length - 1] = 1
          expect(scanTraceRequest(selectSpans(table, keep)).length).toBe(1)
          if (at % 16 === 0) expect(() => JSON.parse(traceRequestToJson(body)) as unknown).not.toThrow()
        }
        body[at] = before
      }
    }
  })

  test('random bytes are a table or a failure', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        agree(bytes)
      }),
      { numRuns: 1500 },
    )
  })
})

describe('damaged JSON', () => {
  const texts = otlpFixtures().filter(({ json, file }) => json && !file.endsWith('.gz'))
  /** Characters that leave a text or number one, and some that do not. */
  const put = fc.constantFrom(...'0123456789abz-.eE"\\{}[]:, \n').map((character) => Buffer.from(character))
  const inText = fc.array(
    fc.record({
      place: anyPlace,
      take: fc.constantFrom(0, 1),
      put,
    }),
    { minLength: 1, maxLength: 2 },
  )

  test('gives protobuf that scan takes, or a failure', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.oneof(inText, edits), ({ body }, all) => {
        let bytes: Uint8Array
        try {
          bytes = traceRequestFromJson(edited(body, all))
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown
          expect(thrown.code).toBe('SPANS_MALFORMED')
          return
        }
        taken++
        const outcome = outcomeOf(bytes)
        expect('refusal' in outcome ? outcome.refusal.message : '').toBe('')
        expect(messageOf(() => spansOfProtobuf(bytes))).toBe('')
      }),
      { numRuns: 600 },
    )
    expect(taken).toBeGreaterThan(20)
  })
})
