// fixtures.test.ts: bodies of real OTLP clients decode to what the client had in memory.

import { describe, expect, test } from 'vitest'
import { traceRequestFromJson, traceRequestToJson } from '../../../src/span/otlp/json.ts'
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
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { decoded, oracle, plainAttributes, sorted, spansOfJson, spansOfProtobuf } from '../../support/otlp.ts'
import { otlpFixtures } from '../../support/otlp-fixtures.ts'

const fixtures = otlpFixtures()

test('there are bodies of three clients, in both encodings, plain and gzipped', () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(7)
})

describe.each(fixtures)('$file', ({ json, body, expected }) => {
  const protobuf = (): Uint8Array => (json ? traceRequestFromJson(body) : body)

  test(json ? 'reads from JSON as the client had it in memory' : 'reads by protobufjs as the client had it', () => {
    expect(sorted(spansOfProtobuf(protobuf()))).toEqual(expected)
  })

  test('the columns say what the client had in memory', () => {
    const table = scanTraceRequest(protobuf())
    const rows = Array.from({ length: table.length }, (_, row) => ({
      resource: {
        attributes: plainAttributes(decoded(oracle.Resource, table.resources[table.resource[row]].resource).attributes),
        schemaUrl: resourceSchemaUrl(table, table.resource[row]),
      },
      traceId: traceIdHex(table, row),
      spanId: spanIdHex(table, row),
      parentSpanId: parentSpanIdHex(table, row),
      traceState: traceStateOf(table, row),
      flags: flagsOf(table, row),
      name: spanName(table, row),
      startUnixNs: String(startUnixNs(table, row)),
      endUnixNs: String(endUnixNs(table, row)),
    }))
    rows.sort((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1))
    expect(rows).toHaveLength(expected.length)
    expect(expected).toMatchObject(rows)
  })

  test('goes to JSON and back without a change', () => {
    const text = traceRequestToJson(protobuf())
    expect(sorted(spansOfJson(text))).toEqual(expected)
    expect(sorted(spansOfProtobuf(traceRequestFromJson(text)))).toEqual(expected)
  })
})
