import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JoinSpan } from '../../src/join/match.ts'
import { firstAtLeast, NameTable, rowsByName, sortedRows, spanColumns } from '../../src/join/time-columns.ts'

test('rows of a name stand in the order of their keys, whatever the keys of rows without one are', () => {
  const row = fc.record({ name: fc.integer({ min: -1, max: 3 }), key: fc.oneof(fc.integer(), fc.constant(NaN)) })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), (made) => {
      const name = Int32Array.from(made, (one) => (Number.isNaN(one.key) ? -1 : one.name))
      const key = Float64Array.from(made, (one) => one.key)
      const { from, rows } = rowsByName(name, 4, key)
      for (let of = 0; of < 4; of++) {
        const own = [...rows.subarray(from[of], from[of + 1])]
        const expected = made.map((_, at) => at).filter((at) => name[at] === of)
        expect(own).toEqual(expected.sort((x, y) => key[x] - key[y] || x - y))
      }
    }),
  )
})

test('the first row of at least a value is found', () => {
  const key = Float64Array.from([5, 1, 3, 3, 9])
  const rows = sortedRows(key)
  expect([...rows]).toEqual([1, 2, 3, 0, 4])
  expect([0, 3, 4, 10].map((value) => firstAtLeast(rows, key, value, 0, 5))).toEqual([0, 1, 3, 5])
})

const span: JoinSpan = {
  traceId: '1'.repeat(32),
  spanId: '1'.repeat(16),
  parentSpanId: '',
  name: 'x',
  startUnixNs: 0n,
  endUnixNs: 0n,
  kind: 1,
  processKey: '',
  processShared: false,
}

test.each([
  ['exact', [1_000_123n, 2_000_456n, 3_000_789n], 1],
  // A request of few spans, one of which begins with a microsecond.
  ['exact, one of which is whole by chance', [1_000_000n, 2_000_456n, 3_000_789n], 1],
  ['of microseconds', [1_001_000n, 2_002_000n], 1_000],
  ['of microseconds but for some', [1_001_000n, 2_002_000n, 3_003_000n, 4_000_001n, 5_000_123n], 1_000],
  ['of milliseconds', [1_000_000n, 2_000_000n, 3_000_000n], 1_000_000],
  ['of milliseconds, half of them', [1_000_000n, 2_000_000n, 3_000_000n, 1_001_000n, 2_002_000n], 1_000],
  ['none', [], 1],
])('starts %s', (_, starts, granularityNs) => {
  const spans = starts.map((startUnixNs): JoinSpan => ({ ...span, startUnixNs, endUnixNs: startUnixNs + 5n }))
  expect(spanColumns(spans, new NameTable()).granularityNs).toBe(granularityNs)
})
