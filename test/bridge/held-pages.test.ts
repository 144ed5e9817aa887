// held-pages.test.ts: requests that wait, in memory that is used again.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeldPages, type KeptRequest } from '../../src/bridge/held-pages.ts'
import { spanIdHex, spanName, startUnixNs, traceIdHex } from '../../src/span/otlp/rows.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import type { SpanTable } from '../../src/span/span.ts'
import { wireBytes, type WireField } from '../support/otlp-arbitrary.ts'

const text = (field: number, value: string): WireField => [field, 'bytes', Buffer.from(value)]
const resource: WireField = [
  1,
  'message',
  [[1, 'message', [text(1, 'service.name'), [2, 'message', [text(1, 'shop')]]]]],
]

/** A request of so many spans, with names as long as told. */
function requestOf(spans: number, nameLength: number, resources = [resource]): Uint8Array {
  const rows = Array.from({ length: spans }, (_, row): WireField => {
    const ids: WireField[] = [
      [1, 'bytes', new Uint8Array(16).fill(row + 1)],
      [2, 'bytes', new Uint8Array(8).fill(row + 1)],
    ]
    return [2, 'message', [...ids, text(5, 'n'.repeat(nameLength)), [7, 'fixed64', BigInt(row)]]]
  })
  return wireBytes([[1, 'message', [...resources, [2, 'message', rows]]]])
}

/** All that a table says. */
function said(table: SpanTable): unknown {
  const rows = Array.from({ length: table.length }, (_, row) => [
    traceIdHex(table, row),
    spanIdHex(table, row),
    spanName(table, row),
    startUnixNs(table, row),
    table.resource[row],
  ])
  const resources = table.resources.map(({ from, to, process, resource }) => [from, to, process.key, hex(resource)])
  return { bytes: hex(table.bytes), rows, resources }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

describe('a request that is kept', () => {
  test('says the same when the bytes it was scanned from are overwritten', () => {
    for (const resources of [[resource], [resource, resource]]) {
      // As in a pool: the request lies somewhere in larger memory.
      const wire = requestOf(3, 5, resources)
      const memory = new Uint8Array(wire.length + 20)
      memory.set(wire, 10)
      const table = scanTraceRequest(memory.subarray(10, 10 + wire.length))
      const before = said(table)
      const kept = new HeldPages(1 << 20).keep(table)
      memory.fill(0xee)
      expect(said(kept.table())).toEqual(before)
      expect(kept).toMatchObject({ length: 3, process: { service: 'shop' } })
    }
  })

  test('is not touched by others that come and go, and memory follows what is kept', () => {
    const sizes = fc.record({ spans: fc.integer({ min: 1, max: 9 }), name: fc.integer({ min: 0, max: 120 }) })
    const steps = fc.array(fc.oneof(sizes, fc.nat(20)), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1 << 10, max: 1 << 17 }), (steps, mostBytes) => {
        const pages = new HeldPages(mostBytes)
        const live: { readonly kept: KeptRequest; readonly says: unknown }[] = []
        for (const step of steps) {
          if (typeof step === 'number') {
            for (const { kept } of live.splice(step, 1)) pages.letGo(kept)
          } else {
            const table = scanTraceRequest(requestOf(step.spans, step.name))
            live.push({ kept: pages.keep(table), says: said(table) })
          }
          for (const { kept, says } of live) expect(said(kept.table())).toEqual(says)
          const keptBytes = live.reduce((sum, { kept }) => sum + kept.bytes, 0)
          expect(pages.bytes).toBeGreaterThanOrEqual(keptBytes)
        }
        for (const { kept } of live) pages.letGo(kept)
        // The page that is being filled stays.
        expect(pages.bytes).toBeLessThanOrEqual(mostBytes / 16 + 8)
      }),
      { numRuns: 60 },
    )
  })

  test('that leave in the order in which they came take one page after another, again and again', () => {
    const pages = new HeldPages(16 << 20)
    const table = scanTraceRequest(requestOf(100, 200))
    const live: KeptRequest[] = []
    let most = 0
    const memories = new Set<ArrayBufferLike>()
    for (let request = 0; request < 2_000; request++) {
      live.push(pages.keep(table))
      memories.add(live[live.length - 1].table().bytes.buffer)
      if (live.length > 100) for (const kept of live.splice(0, 1)) pages.letGo(kept)
      most = Math.max(most, pages.bytes)
    }
    expect(most).toBeLessThan(101 * live[0].bytes + 2 * (1 << 20))
    expect(memories.size).toBeLessThan(10)
  })
})
