// child-ranges.test.ts: the collector's ranges and stops of the world as children, one for those that follow each other closely.

import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { DEFAULT_ENRICH_OPTIONS, enrichSpan, type EnrichInput } from '../../src/enrich/enrich.ts'
import type { NewSpan } from '../../src/span/span.ts'
import {
  byKey,
  checkChildren,
  hex,
  inputFor,
  type Piece,
  region,
  run,
  SPAN,
  spanOver,
  Tables,
  taskRecord,
  times,
  wait,
} from './builders.ts'

const US = 1000
const MS = 1_000_000

const ASSIST = 'GC mark assist'
const SWEEP = 'GC incremental sweep'

type Range = readonly [name: string, startNs: number, endNs: number, goroutine?: number]

/** So many assists of a length, with a gap between them, from a time on. */
function assists(count: number, fromNs: number, lengthNs: number, gapNs: number, goroutine = 1): Range[] {
  return Array.from({ length: count }, (_, i) => {
    const startNs = fromNs + i * (lengthNs + gapNs)
    return [ASSIST, startNs, startNs + lengthNs, goroutine] as const
  })
}

interface Told {
  readonly ranges: readonly Range[]
  /** Running all the time when absent. */
  readonly pieces?: readonly Piece[]
  readonly task?: Partial<TaskRecord>
  readonly input?: Partial<EnrichInput>
}

/** The children of a span of 10 ms, in which what takes 100 us is shown by itself. */
function childrenOf({ ranges, pieces = [run(10 * MS)], task, input }: Told, toNs = 10 * MS): readonly NewSpan[] {
  const tables = new Tables()
  const timeline = tables.timeline(0, pieces)
  const span = spanOver(0, toNs)
  const record = taskRecord({ endNs: toNs, timeline, ranges: tables.ranges(ranges), ...task })
  const { children } = enrichSpan(inputFor(record, tables, span, input))
  checkChildren(span, children)
  return children
}

/** Name, times in microseconds, how many they were and how long they took. */
function told(children: readonly NewSpan[]): unknown[] {
  return children.map((child) => {
    const { 'subspan.merged_count': count, 'subspan.range_us': rangeUs } = byKey(child.attributes)
    return [child.name, ...times(child).map((ns) => ns / US), ...(count === undefined ? [] : [count, rangeUs])]
  })
}

describe('ranges close to each other are one child', () => {
  test('assists of which each is too short to be shown', () => {
    const children = childrenOf({ ranges: assists(100, MS, 60 * US, 20 * US) })
    expect(told(children)).toEqual([['GC assist', 1000, 8980, 100, 6000]])
    expect(byKey(children[0].attributes)).toEqual({
      'subspan.kind': 'range',
      'subspan.range': ASSIST,
      'subspan.goroutine': 1,
      'subspan.merged_count': 100,
      'subspan.range_us': 6000,
    })
  })

  test('assists just long enough for a child each, which had used up the span’s share', () => {
    const tables = new Tables()
    const ranges = tables.ranges(assists(22, MS, 120 * US, 60 * US))
    const task = taskRecord({ endNs: 10 * MS, timeline: tables.timeline(0, [run(10 * MS)]), ranges })
    const { children, cut } = enrichSpan(inputFor(task, tables, spanOver(0, 10 * MS)))
    expect([told(children), cut]).toEqual([[['GC assist', 1000, 4900, 22, 2640]], 0])
  })

  test('in a short span with the gaps that short waits may have', () => {
    // 20 us are shown by themselves here.
    expect(told(childrenOf({ ranges: assists(5, 100 * US, 60 * US, 45 * US) }, MS))).toEqual([
      ['GC assist', 100, 580, 5, 300],
    ])
  })

  test('one by itself says nothing of how many it was', () => {
    expect(told(childrenOf({ ranges: [[ASSIST, MS, 1.2 * MS]] }))).toEqual([['GC assist', 1000, 1200]])
  })

  test('the ends of one that the span cuts are those of its first and its last', () => {
    const [child] = childrenOf({
      ranges: assists(10, -100 * US, 150 * US, 20 * US),
      pieces: [run(20 * MS)],
    })
    expect(told([child])).toEqual([['GC assist', 0, 1580, 10, 1400]])
    expect(byKey(child.attributes)).toMatchObject({ 'subspan.clamped': 'start' })
  })

  test('the wait of an assist lies under it', () => {
    const children = childrenOf({
      ranges: assists(4, MS, 500 * US, 20 * US),
      pieces: [run(1.6 * MS), wait(300 * US, 'GC mark assist wait for work'), run(9 * MS)],
    })
    expect(told(children)).toEqual([
      ['GC assist', 1000, 3060, 4, 2000],
      ['GC wait', 1600, 1900],
    ])
    expect(hex(children[1].parentSpanId)).toBe(hex(children[0].spanId))
  })

  test('short waits in assists that are too short to be shown are one under them, those in long ones under each', () => {
    const inEach = (assistNs: number): unknown[] => {
      const pieces = Array.from({ length: 40 }, () => [
        wait(assistNs - 30 * US, 'GC mark assist wait for work'),
        run(40 * US),
      ])
      return childrenOf({
        ranges: assists(40, 0, assistNs, 10 * US),
        pieces: [...pieces.flat(), run(10 * MS)],
      }).map(({ name, attributes, parentSpanId }) => {
        const { 'subspan.merged_count': count, 'subspan.wait_us': waitUs } = byKey(attributes)
        return [name, count, waitUs, hex(parentSpanId) === SPAN]
      })
    }
    expect(inEach(80 * US)).toEqual([
      ['GC assist', 40, undefined, true],
      ['GC wait', 40, 2000, false],
    ])
    expect(inEach(110 * US)).toEqual([['GC assist', 40, undefined, true]])
  })

  test('on the goroutine that the path comes back to at once', () => {
    const pieces = Array.from({ length: 40 }, () => [run(200 * US), run(10 * US, 2)]).flat()
    const ranges = Array.from({ length: 40 }, (_, i) => [ASSIST, i * 210 * US, (i * 210 + 190) * US] as const)
    expect(told(childrenOf({ ranges, pieces, task: { goroutines: [1, 2] } }))).toEqual([
      ['GC assist', 0, 8380, 40, 7600],
    ])
  })

  test('of which one goes on while the path is elsewhere is counted once', () => {
    const pieces = [run(MS), run(10 * US, 2), run(9 * MS)]
    expect(told(childrenOf({ ranges: [[ASSIST, 0.5 * MS, 1.5 * MS]], pieces, task: { goroutines: [1, 2] } }))).toEqual([
      ['GC assist', 500, 1500],
    ])
  })
})

describe('ranges stay apart', () => {
  test('where what lies between them is long enough to be shown', () => {
    const ranges = [...assists(5, MS, 120 * US, 60 * US), ...assists(5, 5 * MS, 120 * US, 60 * US)]
    expect(told(childrenOf({ ranges }))).toEqual([
      ['GC assist', 1000, 1840, 5, 600],
      ['GC assist', 5000, 5840, 5, 600],
    ])
  })

  test('where they would be less than half of their child: then none is shown that is short', () => {
    expect(childrenOf({ ranges: assists(100, MS, 20 * US, 60 * US) })).toEqual([])
  })

  test('where they are few and short', () => {
    expect(childrenOf({ ranges: assists(4, MS, 20 * US, 10 * US) })).toEqual([])
  })

  test('at the edges of regions', () => {
    const regions = [region('decode', 2990 * US, 5390 * US)]
    expect(told(childrenOf({ ranges: assists(75, MS, 60 * US, 20 * US), task: { regions } }))).toEqual([
      ['GC assist', 1000, 2980, 25, 1500],
      ['region decode', 2990, 5390],
      ['GC assist', 3000, 5380, 30, 1800],
      ['GC assist', 5400, 6980, 20, 1200],
    ])
  })

  test('where a wait that is shown lies between them', () => {
    const ranges = assists(6, 100 * US, 60 * US, 45 * US)
    const pieces = [run(370 * US), wait(40 * US, 'network'), run(600 * US)]
    expect(told(childrenOf({ ranges, pieces }, MS))).toEqual([
      ['GC assist', 100, 370, 3, 180],
      ['network wait', 370, 410],
      ['GC assist', 415, 685, 3, 180],
    ])
  })

  test('where one of another kind lies between them, not where it lies in one', () => {
    const ranges: Range[] = [
      ...assists(3, MS, 120 * US, 40 * US),
      [SWEEP, 1450 * US, 1460 * US],
      [ASSIST, 1480 * US, 1800 * US],
      ['stop-the-world (GC mark termination)', 1500 * US, 1650 * US],
      [ASSIST, 1820 * US, 1900 * US],
    ]
    expect(told(childrenOf({ ranges }))).toEqual([
      ['GC assist', 1000, 1440, 3, 360],
      ['GC assist', 1480, 1900, 2, 400],
      ['stop the world', 1500, 1650],
    ])
  })

  test('of different goroutines', () => {
    const pieces = [run(2 * MS), run(2 * MS, 2), run(6 * MS)]
    const ranges = [...assists(10, 1600 * US, 30 * US, 10 * US), ...assists(10, 2000 * US, 30 * US, 10 * US, 2)]
    expect(told(childrenOf({ ranges, pieces, task: { goroutines: [1, 2] } }))).toEqual([
      ['GC assist', 1600, 1990, 10, 300],
      ['GC assist', 2000, 2390, 10, 300],
    ])
  })

  test('where the span of a task below shows some of them', () => {
    const inner = taskRecord({ id: 2, startNs: 2990 * US, endNs: 5390 * US })
    expect(told(childrenOf({ ranges: assists(75, MS, 60 * US, 20 * US), input: { innerTasks: [inner] } }))).toEqual([
      ['GC assist', 1000, 2980, 25, 1500],
      ['GC assist', 5400, 6980, 20, 1200],
    ])
  })
})

test('a span whose every child has been merged still gets no more than its share', () => {
  const ranges = Array.from({ length: 20 }, (_, i) => assists(5, i * 400 * US, 30 * US, 10 * US)).flat()
  const tables = new Tables()
  const task = taskRecord({
    endNs: 10 * MS,
    timeline: tables.timeline(0, [run(10 * MS)]),
    ranges: tables.ranges(ranges),
  })
  const { children, cut } = enrichSpan(inputFor(task, tables, spanOver(0, 10 * MS)))
  expect([children.length, cut]).toEqual([DEFAULT_ENRICH_OPTIONS.maxPerSpan, 4])
})
