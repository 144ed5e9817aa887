// recent-spans.test.ts: what is known of spans that have left, within bytes and age.

import { describe, expect, test } from 'vitest'
import {
  isSettled,
  RecentSpans,
  sentEndNs,
  sentProcess,
  sentSpanId,
  sentStartNs,
  sentTraceId,
  settle,
} from '../../src/bridge/recent-spans.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { recording } from '../support/flow.ts'
import { spansOfProtobuf } from '../support/otlp.ts'

const [request] = recording().requests
const table = scanTraceRequest(request)

test('the columns of a request: ids, times and process of every row', () => {
  const block = new RecentSpans(1 << 20, 1_000).add(table, 7, 1_000, 1_000)
  const expected = spansOfProtobuf(request)
  const rows = expected.map((_, row) => ({
    traceId: sentTraceId(block, row),
    spanId: sentSpanId(block, row),
    startNs: sentStartNs(block, row),
    endNs: sentEndNs(block, row),
    service: block.processes[sentProcess(block, row)].service,
  }))
  expect(rows).toEqual(
    expected.map(({ traceId, spanId, startUnixNs, endUnixNs, resource }) => ({
      traceId,
      spanId,
      startNs: Number(startUnixNs),
      endNs: Number(endUnixNs),
      service: resource.attributes.find(({ key }) => key === 'service.name')?.value.string,
    })),
  )
  expect(block.sequence).toBe(7)
})

test('rows that are settled are those of their own request, whatever lies beside them on the page', () => {
  const recent = new RecentSpans(1 << 20, 1_000)
  const [before, block, after] = [1, 2, 3].map((sequence) => recent.add(table, sequence, 0, 0))
  settle(block, 0)
  settle(block, block.length - 1)
  const settled = (of: typeof block): boolean[] => Array.from({ length: of.length }, (_, row) => isSettled(of, row))
  expect(settled(before)).not.toContain(true)
  expect(settled(after)).not.toContain(true)
  expect(settled(block).filter((is) => is)).toHaveLength(2)
  settle(block, 0, false)
  expect(isSettled(block, 0)).toBe(false)
})

describe('bounds', () => {
  const bytesOfOne = (() => {
    const one = new RecentSpans(1 << 20, 1_000)
    one.add(table, 1, 0, 0)
    return one.bytes
  })()

  test('the oldest give way when there are too many bytes, and are counted', () => {
    const recent = new RecentSpans(3 * bytesOfOne, 1_000_000)
    for (let sequence = 1; sequence <= 5; sequence++) recent.add(table, sequence, sequence, sequence)
    expect(recent.all().map(({ sequence }) => sequence)).toEqual([3, 4, 5])
    expect(recent.bytes).toBeLessThanOrEqual(3 * bytesOfOne)
    expect(recent.length).toBe(3 * table.length)
    expect(recent.crowdedOut).toBe(2 * table.length)
  })

  test('what is too old goes, and is not counted as crowded out', () => {
    const recent = new RecentSpans(1 << 30, 1_000)
    for (const leftMs of [0, 500, 1_400]) recent.add(table, leftMs + 1, leftMs, leftMs)
    expect(recent.all().map(({ sequence }) => sequence)).toEqual([501, 1_401])
    recent.forget(10_000)
    expect(recent.all()).toEqual([])
    expect(recent.bytes).toBe(0)
    expect(recent.crowdedOut).toBe(0)
  })

  test('over a long time the list of blocks does not grow', () => {
    const recent = new RecentSpans(2 * bytesOfOne, 1_000_000)
    for (let sequence = 1; sequence <= 10_000; sequence++) recent.add(table, sequence, 0, 0)
    expect(recent.all().map(({ sequence }) => sequence)).toEqual([9_999, 10_000])
  })
})
