// recent-spans.test.ts: what is known of spans that have left, within bytes and age.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isSettled,
  RecentSpans,
  sentEndNs,
  sentSpanHash,
  type SentSpans,
  sentStartNs,
  settle,
} from '../../src/bridge/recent-spans.ts'
import { spanIdHashOfHex } from '../../src/bridge/span-id-set.ts'
import { joinRequests } from '../../src/span/otlp/rewrite.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import type { SpanTable } from '../../src/span/span.ts'
import { recording } from '../support/flow.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { wireBytes, type WireField } from '../support/otlp-arbitrary.ts'

const { requests } = recording()
const [request] = requests
const table = scanTraceRequest(request)

/** Rows that fill several pages, whatever their size. */
const MANY = 20_000

/** What the columns say of each row. */
function rowsOf(block: SentSpans): unknown[] {
  return Array.from({ length: block.length }, (_, row) => ({
    hash: sentSpanHash(block, row),
    startNs: sentStartNs(block, row),
    endNs: sentEndNs(block, row),
    service: block.processes[block.processFrom.findLastIndex((from) => from <= row)].service,
  }))
}

/** What another reader says of the same spans. */
function expectedOf(bytes: Uint8Array): unknown[] {
  return spansOfProtobuf(bytes).map(({ spanId, startUnixNs, endUnixNs, resource }) => ({
    hash: spanIdHashOfHex(spanId),
    startNs: Number(startUnixNs),
    endNs: Number(endUnixNs),
    service: resource.attributes.find(({ key }) => key === 'service.name')?.value.string,
  }))
}

/** A request with spans of these times. */
function timed(times: readonly (readonly [startNs: bigint, endNs: bigint])[]): SpanTable {
  const spans = times.map(([start, end], row): WireField => {
    const ids: WireField[] = [
      [1, 'bytes', new Uint8Array(16).fill(1)],
      [2, 'bytes', new Uint8Array(8).fill(1 + (row % 255))],
    ]
    return [2, 'message', [...ids, [7, 'fixed64', start], [8, 'fixed64', end]]]
  })
  return scanTraceRequest(wireBytes([[1, 'message', [[2, 'message', spans]]]]))
}

const many = timed(Array.from({ length: MANY }, (_, row) => [1_000n * BigInt(row), 1_000n * BigInt(row) + 500n]))

test('the columns of requests, one after another: ids, times and process of every row', () => {
  const recent = new RecentSpans(1 << 24, 1_000)
  const added = Array.from({ length: 200 }, (_, i) => {
    const bytes = i % 3 === 2 ? joinRequests(requests.slice(0, 3)) : requests[i % requests.length]
    return { bytes, block: recent.add(scanTraceRequest(bytes), i + 1, 0, 0) }
  })
  expect(recent.length).toBeGreaterThan(4_096)
  for (const { bytes, block } of added) expect(rowsOf(block)).toEqual(expectedOf(bytes))
  expect(recent.all().map(({ sequence }) => sequence)).toEqual(added.map((_, i) => i + 1))
})

test('a request of many spans is known from the first to the last', () => {
  const recent = new RecentSpans(1 << 24, 1_000)
  recent.add(table, 1, 0, 0)
  const block = recent.add(many, 2, 0, 0)
  for (const row of [0, 4_095, 4_096, MANY - 1]) {
    expect([sentStartNs(block, row), sentEndNs(block, row)]).toEqual([row * 1_000, row * 1_000 + 500])
  }
  settle(block, 9_000)
  expect(Array.from({ length: MANY }, (_, row) => isSettled(block, row)).indexOf(true)).toBe(9_000)
})

test('times are never told narrower than they are, nor wider by more than a step', () => {
  const time = fc.oneof(
    fc.bigInt(1_764_000_000_000_000_000n, 1_764_000_000_900_000_000n),
    fc.bigInt(1_764_000_000_000_000_000n, 1_764_009_000_000_000_000n),
    fc.bigInt(0n, (1n << 63n) - 1n),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(time, time), { minLength: 1, maxLength: 20 }), (times) => {
      const block = new RecentSpans(1 << 24, 1_000).add(timed(times), 1, 0, 0)
      const all = times.flat().map(Number)
      const step = Math.max(1_024, (Math.max(...all) - Math.min(...all)) / 2 ** 31)
      times.forEach(([start, end], row) => {
        // As exact as a double is, in which the columns of a request are read.
        const early = Number(start) - sentStartNs(block, row)
        const late = sentEndNs(block, row) - Number(end)
        expect(early).toBeGreaterThanOrEqual(0)
        expect(late).toBeGreaterThanOrEqual(0)
        expect(Math.max(early, late)).toBeLessThanOrEqual(step)
      })
    }),
  )
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
    const one = new RecentSpans(1 << 24, 1_000)
    one.add(many, 1, 0, 0)
    return one.bytes
  })()

  test('a span takes little more than twelve bytes', () => {
    expect(bytesOfOne / MANY).toBeLessThan(12.9)
  })

  test('the oldest give way when there are too many bytes, and are counted', () => {
    const recent = new RecentSpans(3.5 * bytesOfOne, 1_000_000)
    for (let sequence = 1; sequence <= 5; sequence++) recent.add(many, sequence, sequence, sequence)
    expect(recent.all().map(({ sequence }) => sequence)).toEqual([3, 4, 5])
    expect(recent.bytes).toBeLessThanOrEqual(3.5 * bytesOfOne)
    expect(recent.length).toBe(3 * MANY)
    expect(recent.crowdedOut).toBe(2 * MANY)
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

  test('over a long time the list of blocks does not grow, and memory is used again', () => {
    const recent = new RecentSpans(2.5 * bytesOfOne, 1_000_000)
    const pages = new Set<unknown>()
    for (let sequence = 1; sequence <= 500; sequence++) {
      for (const page of recent.add(many, sequence, 0, 0).pages) pages.add(page)
    }
    expect(recent.all().map(({ sequence }) => sequence)).toEqual([499, 500])
    expect(pages.size).toBeLessThan(20)
  })

  test('what somebody looks at stays what it is, though it is let go of', () => {
    const recent = new RecentSpans(2.5 * bytesOfOne, 1_000_000)
    const unpin = recent.pin()
    const [first] = [recent.add(many, 1, 0, 0)]
    const before = rowsOf({ ...first, processes: table.resources.map(({ process }) => process) })
    for (let sequence = 2; sequence <= 10; sequence++) recent.add(table, sequence, 0, 0)
    for (let sequence = 11; sequence <= 20; sequence++) recent.add(many, sequence, 0, 0)
    expect(recent.all().map(({ sequence }) => sequence)).not.toContain(1)
    expect(rowsOf({ ...first, processes: table.resources.map(({ process }) => process) })).toEqual(before)
    unpin()
  })
})
