import { describe, expect, test } from 'vitest'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { foreignFixtures, inOrder } from '../../support/foreign-fixtures.ts'
import { spansOfProtobuf } from '../../support/otlp.ts'

const fixtures = foreignFixtures()

test('there are recordings of each protocol', () => {
  expect([...new Set(fixtures.map(({ file }) => file.split('/')[0]))]).toEqual(['jaeger', 'opencensus', 'zipkin'])
  expect(fixtures.length).toBeGreaterThanOrEqual(7)
})

describe.each(fixtures)('$file', ({ messages, converter, expected }) => {
  test('becomes what the Collector makes of it', () => {
    const convert = converter()
    const requests = messages.map((message) => convert(message))
    expect(inOrder(requests.flatMap(({ otlp }) => spansOfProtobuf(otlp)))).toEqual(expected)
    expect(requests.map(({ refusedSpans, refusal }) => [refusedSpans, refusal])).toEqual(requests.map(() => [0, null]))
    expect(requests.reduce((sum, { spans }) => sum + spans, 0)).toBe(expected.length)
    expect(expected.length).toBeGreaterThan(0)
  })

  test('is found by the scan as any OTLP request is', () => {
    const convert = converter()
    for (const message of messages) {
      const { otlp, spans } = convert(message)
      const table = scanTraceRequest(otlp)
      expect(table.length).toBe(spans)
      expect([...table.traceIdAt.subarray(0, spans)].filter((at) => at < 0)).toEqual([])
    }
  })
})
