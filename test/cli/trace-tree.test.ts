// trace-tree.test.ts: a trace as a person sees it.

import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Terminal } from '../../src/cli/terminal.ts'
import { traceTree, treeSpansOf, type TreeSpan } from '../../src/cli/trace-tree.ts'
import { recording } from '../support/flow.ts'
import { spansOfProtobuf } from '../support/otlp.ts'

const plain = new Terminal(new PassThrough(), new PassThrough(), {}).style

function span(
  id: string,
  parent: string,
  name: string,
  startUs: number,
  endUs: number,
  rest: Partial<TreeSpan> = {},
): TreeSpan {
  return {
    traceId: 't',
    spanId: id,
    parentSpanId: parent,
    name,
    startUnixNs: 1_000n + BigInt(startUs) * 1_000n,
    endUnixNs: 1_000n + BigInt(endUs) * 1_000n,
    added: false,
    attributes: new Map(),
    ...rest,
  }
}

/** The lines without the blanks at their ends. */
function drawn(spans: readonly TreeSpan[], width = 60): string[] {
  return traceTree(spans, { ...plain, width })
    .split('\n')
    .slice(0, -1)
}

describe('the tree', () => {
  test('children stand under their parents by start, bars where they lie, columns aligned', () => {
    const lines = drawn([
      span('c', 'a', 'second', 50, 100),
      span('a', '', 'root', 0, 100),
      span('d', 'c', 'inner', 75, 100),
      span('b', 'a', 'first', 0, 25),
    ])
    expect(lines.map((line) => line.slice(0, 22))).toEqual([
      '  root          100 us',
      '  ├─ first     25.0 us',
      '  └─ second    50.0 us',
      '     └─ inner  25.0 us',
    ])
    const bars = lines.map((line) => line.slice(24))
    const cells = bars[0].length
    expect(bars[0]).toBe('█'.repeat(cells))
    expect(bars[1]).toBe('█'.repeat(Math.ceil(cells / 4)))
    expect(bars[2]).toBe(' '.repeat(Math.floor(cells / 2)) + '█'.repeat(cells - Math.floor(cells / 2)))
    expect(lines.every((line) => line.length <= 60)).toBe(true)
  })

  test('a span whose parent is missing stands at the top, one that is its own parent too', () => {
    const lines = drawn([span('a', 'gone', 'orphan', 0, 10), span('b', 'b', 'narcissus', 5, 10)])
    expect(lines.map((line) => line.trim().split(' ')[0])).toEqual(['orphan', 'narcissus'])
  })

  test('added spans of one name in a row are one line with their number and the sum of their lengths', () => {
    const added = { added: true }
    const lines = drawn([
      span('a', '', 'root', 0, 100),
      span('b', 'a', 'GC assist', 10, 20, added),
      span('c', 'a', 'GC assist', 30, 50, added),
      span('d', 'a', 'sleep', 60, 70, added),
      span('e', 'a', 'GC assist', 80, 90, added),
    ])
    expect(lines.map((line) => line.slice(0, 28).trimEnd())).toEqual([
      '  root               100 us',
      '  ├─ GC assist × 2  30.0 us',
      '  ├─ sleep          10.0 us',
      '  └─ GC assist      10.0 us',
    ])
  })

  test('an added span that stands for several counts as them, with their length without the time between them', () => {
    const merged = (count: number, key: string, us: number): Partial<TreeSpan> => ({
      added: true,
      attributes: new Map([
        ['subspan.merged_count', count],
        [key, us],
      ]),
    })
    const lines = drawn([
      span('a', '', 'root', 0, 100),
      span('b', 'a', 'GC assist', 10, 30, merged(3, 'subspan.range_us', 15)),
      span('c', 'a', 'GC assist', 30, 40, { added: true }),
      span('d', 'a', 'network wait', 50, 90, merged(8, 'subspan.wait_us', 32)),
      span('e', 'd', 'inner', 55, 60),
    ])
    expect(lines.map((line) => line.slice(0, 31).trimEnd())).toEqual([
      '  root                  100 us',
      '  ├─ GC assist × 4     25.0 us',
      '  └─ network wait × 8  32.0 us',
      '     └─ inner          5.00 us',
    ])
  })

  test('a breakdown fills the bar by shares, and its verdict stands below', () => {
    const attributes = new Map<string, string | number>([
      ['subspan.exec_us', 25],
      ['subspan.lock_us', 75],
      ['subspan.verdict', '100 us: 75 % waiting for a mutex held by somebody with quite a long name'],
    ])
    const lines = drawn([span('a', '', 'root', 0, 100, { attributes })])
    const [, bar] = /us {2}(\w+)$/.exec(lines[0]) ?? []
    expect(bar).toMatch(/^c+l+$/)
    expect(bar.indexOf('l') / bar.length).toBeCloseTo(0.25, 1)
    expect(lines.slice(1, 3)).toEqual([
      '     → 100 us: 75 % waiting for a mutex held by somebody',
      '       with quite a long name',
    ])
    expect(lines.at(-1)).toBe('  Shares of each span: c on CPU   l lock')
  })

  test('control characters of names are shown, not sent', () => {
    expect(drawn([span('a', '', 'evil\u001b[31m', 0, 1)])[0]).toContain('evil\\u001b[31m')
  })

  test('spans without length, and none at all', () => {
    expect(drawn([span('a', '', 'instant', 5, 5)])).toHaveLength(1)
    expect(traceTree([], plain)).toBe('')
  })
})

test('the spans of a request are read with their ids, times and scope', () => {
  const [request] = recording().requests
  const expected = spansOfProtobuf(request)
  const spans = treeSpansOf(request)
  expect(spans.map(({ spanId, parentSpanId, name }) => ({ spanId, parentSpanId, name }))).toEqual(
    expected.map(({ spanId, parentSpanId, name }) => ({ spanId, parentSpanId, name })),
  )
  expect(spans.map(({ endUnixNs }) => String(endUnixNs))).toEqual(expected.map(({ endUnixNs }) => endUnixNs))
  expect(spans.some(({ added }) => added)).toBe(false)
})
