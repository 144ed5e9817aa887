import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyBreakdown, GoState, type RegionRecord } from '../../src/breakdown/breakdown.ts'
import { TraceBudget } from '../../src/enrich/budget.ts'
import { DEFAULT_ENRICH_OPTIONS, enrichSpan, sizeOf } from '../../src/enrich/enrich.ts'
import type { NewSpan } from '../../src/span/span.ts'
import { encodeSpan } from '../../src/span/otlp/write.ts'
import {
  byKey,
  checkChildren,
  hex,
  inputFor,
  OFFSET,
  type Piece,
  ready,
  region,
  run,
  SPAN,
  spanOver,
  sumOfParts,
  Tables,
  taskRecord,
  times,
  TRACE,
  wait,
} from './builders.ts'

const MS = 1_000_000
const mutex = ['sync.(*Mutex).Lock', 'cache.(*Cache).Get']

/** A request of 12.4 ms: 1 ms on CPU, 7.5 waiting for a mutex, 1.5 on CPU assisting the collector, 2.4 in a system call. */
function request(): { tables: Tables; task: ReturnType<typeof taskRecord>; span: ReturnType<typeof spanOver> } {
  const tables = new Tables()
  const timeline = tables.timeline(99 * MS, [
    run(2 * MS),
    wait(7.5 * MS, 'sync', { wakerGoroutine: 9, wakerTask: 5, stack: mutex }),
    run(1.5 * MS),
    { state: GoState.syscall, ns: 0.4 * MS, stack: ['syscall.Read'] },
    { state: GoState.syscallBlocked, ns: 2 * MS },
    run(MS),
  ])
  const task = taskRecord({
    startNs: 100 * MS + 1_500,
    endNs: 112.4 * MS + 300,
    goroutines: [1, 4],
    regions: [
      region('cache.get', 100.5 * MS, 110 * MS, {
        parts: { totalNs: 9.5 * MS, execNs: 2 * MS, blockNs: { sync: 7.5 * MS } },
      }),
    ],
    timeline,
    ranges: tables.ranges([['GC mark assist', 108.6 * MS, 109.9 * MS]]),
  })
  return { tables, task, span: spanOver(100 * MS, 112.4 * MS) }
}

const names = (children: readonly NewSpan[]): string[] => children.map(({ name }) => name)
const parentOf = (child: NewSpan, children: readonly NewSpan[]): string | undefined =>
  hex(child.parentSpanId) === SPAN
    ? 'the span'
    : children.find(({ spanId }) => hex(spanId) === hex(child.parentSpanId))?.name

describe('in place', () => {
  test('the span gets the attributes of the contract, over its own window', () => {
    const { tables, task, span } = request()
    const capture = {
      id: 'c0ffee',
      tables,
      gcPhases: { startNs: [105 * MS], endNs: [106 * MS], beforeNs: [0] },
      durationNs: 1e9,
    }
    const refresh = { traceId: TRACE, spanId: 'b7ad6b7169203331', name: 'cache.Refresh' }
    const spanOfTask = (id: number): typeof refresh | null => (id === 5 ? refresh : null)
    const { attributes } = enrichSpan(inputFor(task, tables, span, { capture, spanOfTask }))
    expect(byKey(attributes)).toEqual({
      'subspan.verdict':
        '12.4 ms: 60 % waiting for a mutex held by cache.Refresh; 19 % in system calls; 2.5 ms on CPU, 1.3 of it GC assist',
      'subspan.coverage': 'full',
      'subspan.evidence': 'task-name',
      'subspan.clock_error_us': 0.3,
      'subspan.capture': 'c0ffee',
      'subspan.exec_us': 2500,
      'subspan.sched_wait_us': 0,
      'subspan.network_us': 0,
      'subspan.lock_us': 7500,
      'subspan.chan_us': 0,
      'subspan.syscall_us': 2400,
      'subspan.gc_wait_us': 0,
      'subspan.sleep_us': 0,
      'subspan.other_us': 0,
      'subspan.unknown_us': 0,
      'subspan.gc_assist_us': 1300,
      'subspan.gc_stw_us': 0,
      'subspan.gc_sweep_us': 0,
      'subspan.gc_overlap_us': 1000,
      'subspan.goroutines': 2,
    })
    expect(sumOfParts(attributes)).toBe(12.4 * MS)
  })

  test('regions, long waits and ranges become children, waits and ranges under the region around them', () => {
    const { tables, task, span } = request()
    const { children, cut } = enrichSpan(inputFor(task, tables, span))
    checkChildren(span, children)
    expect(children.map((child) => [child.name, parentOf(child, children), ...times(child)])).toEqual([
      ['region cache.get', 'the span', 100.5 * MS, 110 * MS],
      ['mutex wait', 'region cache.get', 101 * MS, 108.5 * MS],
      ['GC assist', 'region cache.get', 108.6 * MS, 109.9 * MS],
      ['syscall', 'the span', 110 * MS, 112.4 * MS],
    ])
    expect(cut).toBe(0)
    expect(byKey(children[0].attributes)).toEqual({
      'subspan.kind': 'region',
      'subspan.goroutine': 1,
      'subspan.exec_us': 2000,
      'subspan.lock_us': 7500,
    })
    expect(byKey(children[1].attributes)).toEqual({
      'subspan.kind': 'wait',
      'subspan.reason': 'sync',
      'subspan.goroutine': 1,
      'subspan.woken_by_goroutine': 9,
      'code.stacktrace':
        'sync.(*Mutex).Lock\n\t/src/sync.(*Mutex).Lock.go:1\ncache.(*Cache).Get\n\t/src/cache.(*Cache).Get.go:2',
      // The frame nearest to the leaf that is the program's own.
      'code.function.name': 'cache.(*Cache).Get',
      'code.file.path': '/src/cache.(*Cache).Get.go',
      'code.line.number': 2,
    })
    expect(byKey(children[2].attributes)).toMatchObject({ 'subspan.kind': 'range', 'subspan.range': 'GC mark assist' })
  })

  test('a wait links to the span that ended it, when that one is another and was sent', () => {
    const { tables, task, span } = request()
    const refresh = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'cache.Refresh' }
    const { children } = enrichSpan(inputFor(task, tables, span, { spanOfTask: (id) => (id === 5 ? refresh : null) }))
    const [mutexWait] = children.filter(({ name }) => name === 'mutex wait')
    expect(mutexWait.links.map((link) => [hex(link.traceId), hex(link.spanId)])).toEqual([
      [refresh.traceId, refresh.spanId],
    ])
    expect(byKey(mutexWait.attributes)['subspan.woken_by']).toBe('cache.Refresh')
    const own = enrichSpan(inputFor({ ...task, id: 5 }, tables, span, { spanOfTask: () => refresh }))
    expect(own.children.flatMap(({ links }) => links)).toEqual([])
  })

  test('a long wait tells what the one that ended it did meanwhile, and where it waited itself', () => {
    const { tables, task, span } = request()
    const row = task.timeline?.startNs.indexOf(101 * MS) ?? -1
    const waker = { ...emptyBreakdown(), totalNs: 7.5 * MS, execNs: 0.5 * MS, blockNs: { network: 7 * MS } }
    const longWaits = [{ row, waker, wakerTask: 5, wakerStack: 0, wakerEntry: 0, holders: [], runners: [] }]
    const { children } = enrichSpan(inputFor({ ...task, longWaits }, tables, span))
    const wait = children.find(({ name }) => name === 'mutex wait')
    expect(byKey(wait?.attributes ?? [])).toMatchObject({
      'subspan.waker.function': 'cache.(*Cache).Get',
      'subspan.waker.exec_us': 500,
      'subspan.waker.network_us': 7000,
      'subspan.waker.stacktrace': expect.stringContaining('sync.(*Mutex).Lock') as unknown,
    })
  })

  test('a long wait for a lock tells who held it, links to the one that held it longest, and tells what that one did', () => {
    const { tables, task, span } = request()
    const row = task.timeline?.startNs.indexOf(101 * MS) ?? -1
    const waker = { ...emptyBreakdown(), totalNs: 6 * MS, execNs: 0.5 * MS, blockNs: { network: 5.5 * MS } }
    const holders = [
      { goroutine: 21, taskId: 6, ns: 6 * MS },
      { goroutine: 9, taskId: 5, ns: 1.49 * MS },
      { goroutine: 12, taskId: 0, ns: 0.01 * MS },
    ]
    const longWaits = [{ row, waker, wakerTask: 5, wakerStack: 0, wakerEntry: 0, holders, runners: [] }]
    const spans: Readonly<Record<number, { traceId: string; spanId: string; name: string }>> = {
      5: { traceId: TRACE, spanId: 'b7ad6b7169203331', name: 'auth.AccessToken' },
      6: { traceId: TRACE, spanId: 'b7ad6b7169203332', name: 'auth.Refresh' },
    }
    const { children, attributes } = enrichSpan(
      inputFor({ ...task, longWaits }, tables, span, { spanOfTask: (id) => spans[id] ?? null }),
    )
    const wait = children.find(({ name }) => name === 'mutex wait')
    expect(byKey(wait?.attributes ?? [])).toMatchObject({
      'subspan.woken_by_goroutine': 9,
      'subspan.held_by': 'auth.Refresh',
      'subspan.held_by_goroutine': 21,
      'subspan.held_us': 6000,
      'subspan.held_meanwhile': ['80 % auth.Refresh', '20 % auth.AccessToken'],
      'subspan.holder.function': 'cache.(*Cache).Get',
      'subspan.holder.exec_us': 500,
      'subspan.holder.network_us': 5500,
      'subspan.holder.stacktrace': expect.stringContaining('sync.(*Mutex).Lock') as unknown,
    })
    expect(byKey(wait?.attributes ?? [])).not.toHaveProperty('subspan.woken_by')
    expect(wait?.links.map((link) => [hex(link.spanId), byKey(link.attributes)['subspan.link']])).toEqual([
      ['b7ad6b7169203332', 'held the lock'],
    ])
    expect(byKey(attributes)['subspan.verdict']).toBe(
      '12.4 ms: 60 % waiting, mostly for a mutex held by auth.Refresh, which was waiting for the network; 19 % in system calls; 2.5 ms on CPU, 1.3 of it GC assist',
    )
  })

  test('a span of the same name that held it up is another', () => {
    const tables = new Tables()
    const timeline = tables.timeline(0, [
      run(MS),
      wait(8 * MS, 'sync', { wakerTask: 5, stack: ['sync.(*Mutex).Lock', 'main.work'] }),
      run(MS),
    ])
    const span = spanOver(0, 10 * MS)
    const { attributes } = enrichSpan(
      inputFor(taskRecord({ endNs: 10 * MS, timeline }), tables, span, {
        spanOfTask: () => ({ traceId: TRACE, spanId: 'b7ad6b7169203331', name: span.name }),
      }),
    )
    expect(byKey(attributes)['subspan.verdict']).toBe(
      `10.0 ms: 80 % waiting for a mutex held by another ${span.name}; 2.0 ms on CPU`,
    )
  })

  test('a long wait for a processor tells who ran, by share', () => {
    const tables = new Tables()
    const timeline = tables.timeline(0, [run(MS), ready(8 * MS), run(MS)])
    const runners = [
      { taskId: 5, runtime: false, ns: 12 * MS },
      { taskId: 0, runtime: true, ns: 3 * MS },
      { taskId: 0, runtime: false, ns: MS },
    ]
    const task = taskRecord({
      endNs: 10 * MS,
      timeline,
      longWaits: [{ row: 1, waker: null, wakerTask: 0, wakerStack: -1, wakerEntry: -1, holders: [], runners }],
    })
    const report = { traceId: TRACE, spanId: SPAN, name: 'report.Build' }
    const { children, attributes } = enrichSpan(
      inputFor(task, tables, spanOver(0, 10 * MS), { spanOfTask: (id) => (id === 5 ? report : null) }),
    )
    expect(byKey(children[0].attributes)['subspan.ran_meanwhile']).toEqual([
      '75 % report.Build',
      '19 % the runtime',
      '6 % no known span',
    ])
    expect(byKey(attributes)['subspan.verdict']).toContain('waiting for a processor, mostly while report.Build ran')
  })

  test('CPU samples are counted on the span and on the region that they hit', () => {
    const { tables, task, span } = request()
    const sample = (atMs: number, inRegion: number) => ({
      timeNs: atMs * MS,
      goroutine: 1,
      region: inRegion,
      stack: -1,
    })
    const samples = [sample(90, -1), sample(101, 0), sample(102, 0), sample(111, -1)]
    const { attributes, children } = enrichSpan(inputFor({ ...task, samples }, tables, span))
    expect(byKey(attributes)['subspan.cpu_samples']).toBe(3)
    expect(byKey(children[0].attributes)['subspan.cpu_samples']).toBe(2)
  })

  test('flags and trace state are the span’s; that its parent is remote is not', () => {
    const { tables, task, span } = request()
    for (const child of enrichSpan(inputFor(task, tables, span)).children) {
      expect([child.flags, child.traceState, child.kind]).toEqual([0x101, 'vendor=1', 1])
    }
  })

  test('an address of the pages is given when there is one', () => {
    const { tables, task, span } = request()
    const options = { ...DEFAULT_ENRICH_OPTIONS, publicUrl: 'https://subspan.example' }
    const { attributes } = enrichSpan(inputFor(task, tables, span, { options }))
    expect(byKey(attributes)['subspan.url']).toBe(`https://subspan.example/spans/${TRACE}/${SPAN}`)
  })

  test('what the capture does not cover is unknown, coverage partial, and no verdict', () => {
    const { tables, task } = request()
    const span = spanOver(90 * MS, 112.4 * MS)
    const values = byKey(enrichSpan(inputFor(task, tables, span)).attributes)
    expect(values['subspan.unknown_us']).toBe(9000)
    expect(values['subspan.coverage']).toBe('partial')
    expect(values).not.toHaveProperty('subspan.verdict')
    const damaged = enrichSpan(inputFor({ ...task, partial: true }, tables, spanOver(100 * MS, 112 * MS)))
    expect(byKey(damaged.attributes)['subspan.coverage']).toBe('partial')
  })

  test('attributes alone, or children alone, when so told', () => {
    const { tables, task, span } = request()
    const only = (enrich: 'attributes' | 'children'): ReturnType<typeof enrichSpan> =>
      enrichSpan(inputFor(task, tables, span, { options: { ...DEFAULT_ENRICH_OPTIONS, enrich } }))
    expect(only('attributes').children).toEqual([])
    expect(sumOfParts(only('attributes').attributes)).toBe(12.4 * MS)
    expect(only('children').attributes).toEqual([])
    expect(only('children').children).toHaveLength(4)
  })
})

describe('late', () => {
  test('nothing is added to the span: a summary over its window carries the attributes, the others lie under it', () => {
    const { tables, task, span } = request()
    const early = enrichSpan(inputFor(task, tables, span))
    const { attributes, children } = enrichSpan(inputFor(task, tables, span, { mode: 'late' }))
    checkChildren(span, children)
    expect(attributes).toEqual([])
    expect(names(children)).toEqual([
      'runtime: mostly lock wait',
      'region cache.get',
      'mutex wait',
      'GC assist',
      'syscall',
    ])
    const [summary, ...others] = children
    expect(times(summary)).toEqual([100 * MS, 112.4 * MS])
    expect(summary.attributes).toEqual([{ key: 'subspan.kind', value: 'summary' }, ...early.attributes])
    expect(others.map((child) => parentOf(child, children))).toEqual([
      'runtime: mostly lock wait',
      'region cache.get',
      'region cache.get',
      'runtime: mostly lock wait',
    ])
  })

  test('attributes alone are the summary alone; children alone have none', () => {
    const { tables, task, span } = request()
    const only = (enrich: 'attributes' | 'children'): string[] =>
      names(
        enrichSpan(inputFor(task, tables, span, { mode: 'late', options: { ...DEFAULT_ENRICH_OPTIONS, enrich } }))
          .children,
      )
    expect(only('attributes')).toEqual(['runtime: mostly lock wait'])
    expect(only('children')).toEqual(['region cache.get', 'mutex wait', 'GC assist', 'syscall'])
  })
})

describe('ids', () => {
  const idsOf = (children: readonly NewSpan[]): string[] => children.map(({ spanId }) => hex(spanId))

  test('come out the same from the same capture, early or late, and wherever its origin lies', () => {
    const { tables, task, span } = request()
    const first = idsOf(enrichSpan(inputFor(task, tables, span)).children)
    expect(idsOf(enrichSpan(inputFor(task, tables, span)).children)).toEqual(first)
    expect(idsOf(enrichSpan(inputFor(task, tables, span, { mode: 'late' })).children).slice(1)).toEqual(first)
  })

  test('of another span differ', () => {
    const { tables, task, span } = request()
    const first = idsOf(enrichSpan(inputFor(task, tables, span)).children)
    const other = idsOf(enrichSpan(inputFor(task, tables, { ...span, spanId: 'b7ad6b7169203331' })).children)
    expect(first.filter((id) => other.includes(id))).toEqual([])
  })

  test('of regions that began before the capture are told apart', () => {
    const { tables, task, span } = request()
    const regions = [region('outer', null, 110 * MS), region('inner', null, 105 * MS)]
    const { children } = enrichSpan(inputFor({ ...task, regions }, tables, span))
    expect(new Set(idsOf(children)).size).toBe(children.length)
    checkChildren(span, children)
  })
})

describe('clamping', () => {
  test('a region that is longer than the span keeps its true times in attributes', () => {
    const { tables, task } = request()
    const span = spanOver(101 * MS, 109 * MS)
    const { children } = enrichSpan(inputFor(task, tables, span))
    checkChildren(span, children)
    expect(times(children[0])).toEqual([101 * MS, 109 * MS])
    expect(byKey(children[0].attributes)).toMatchObject({
      'subspan.clamped': 'start,end',
      'subspan.true_start_unix_ns': OFFSET + BigInt(100.5 * MS),
      'subspan.true_end_unix_ns': OFFSET + BigInt(110 * MS),
    })
    expect(byKey(children[0].attributes)).not.toHaveProperty('subspan.exec_us')
  })

  test('a region whose start or end the capture does not hold says which', () => {
    const { tables, task, span } = request()
    const regions = [region('before', null, 105 * MS), region('after', 110 * MS, null)]
    const { children } = enrichSpan(inputFor({ ...task, regions }, tables, span))
    const clamped = children.map(({ name, attributes }) => [name, byKey(attributes)['subspan.clamped']])
    expect(clamped).toContainEqual(['region before', 'start'])
    expect(clamped).toContainEqual(['region after', 'end'])
  })

  test('regions outside the span are not its children', () => {
    const { tables, task, span } = request()
    const regions = [region('before', 98 * MS, 99.5 * MS), region('after', 113 * MS, 114 * MS)]
    const found = names(enrichSpan(inputFor({ ...task, regions }, tables, span)).children)
    expect(found.filter((name) => name.startsWith('region'))).toEqual([])
  })
})

describe('merging', () => {
  /** A connection read in a hundred short waits of 30 us, 10 us of work between them. */
  const reads = Array.from({ length: 100 }, () => [wait(30_000, 'network'), run(10_000)]).flat()

  test('short waits close to each other are one child that says how many they were and how long', () => {
    const tables = new Tables()
    const task = taskRecord({ timeline: tables.timeline(0, [run(MS), ...reads, run(MS)]) })
    const span = spanOver(0, 6 * MS)
    const { children } = enrichSpan(inputFor(task, tables, span))
    expect(children.map((child) => [child.name, ...times(child)])).toEqual([['network wait', MS, 4.99 * MS]])
    expect(byKey(children[0].attributes)).toMatchObject({ 'subspan.merged_count': 100, 'subspan.wait_us': 3000 })
  })

  test('not across the edge of a region', () => {
    const tables = new Tables()
    const regions = [region('body', 3 * MS - 10_000, 4.99 * MS)]
    const task = taskRecord({ timeline: tables.timeline(0, [run(MS), ...reads, run(MS)]), regions })
    const { children } = enrichSpan(inputFor(task, tables, spanOver(0, 6 * MS)))
    checkChildren(spanOver(0, 6 * MS), children)
    const counts = children
      .filter(({ name }) => name === 'network wait')
      .map(({ attributes }) => byKey(attributes)['subspan.merged_count'])
    expect(counts).toHaveLength(2)
    expect((counts[0] as number) + (counts[1] as number)).toBe(100)
  })

  test('few short waits are not shown', () => {
    const tables = new Tables()
    const task = taskRecord({ timeline: tables.timeline(0, [run(MS), wait(15_000, 'network'), run(9 * MS)]) })
    expect(enrichSpan(inputFor(task, tables, spanOver(0, 10 * MS))).children).toEqual([])
  })

  test('waits far from each other stay apart, and short ones unshown', () => {
    const tables = new Tables()
    const far = Array.from({ length: 20 }, () => [wait(15_000, 'network'), run(400_000)]).flat()
    const task = taskRecord({ timeline: tables.timeline(0, far) })
    expect(enrichSpan(inputFor(task, tables, spanOver(0, 8 * MS))).children).toEqual([])
  })
})

describe('caps', () => {
  /** Forty waits of 100 us and more. */
  function waits(): { tables: Tables; task: ReturnType<typeof taskRecord>; span: ReturnType<typeof spanOver> } {
    const tables = new Tables()
    const pieces = Array.from({ length: 40 }, (_, i) => [run(100_000), wait(150_000 + i * 1000, 'network')]).flat()
    return { tables, task: taskRecord({ timeline: tables.timeline(0, pieces) }), span: spanOver(0, 11 * MS) }
  }

  test('a span gets sixteen children, the longest, and says how many were left out', () => {
    const { tables, task, span } = waits()
    const { attributes, children, cut } = enrichSpan(inputFor(task, tables, span))
    checkChildren(span, children)
    expect([children.length, cut, byKey(attributes)['subspan.children_cut']]).toEqual([16, 24, 24])
    expect(Math.min(...children.map((child) => times(child)[1] - times(child)[0]))).toBe(150_000 + 24 * 1000)
  })

  test('the summary is one of the sixteen, and says it', () => {
    const { tables, task, span } = waits()
    const { children, cut } = enrichSpan(inputFor(task, tables, span, { mode: 'late' }))
    expect([children.length, cut, byKey(children[0].attributes)['subspan.children_cut']]).toEqual([16, 25, 25])
  })

  test('a trace gets no more than its share of spans', () => {
    const { tables, task, span } = waits()
    const budget = new TraceBudget({ spans: 20, bytes: 1e6 })
    expect(enrichSpan(inputFor(task, tables, span, { budget })).children).toHaveLength(16)
    const second = enrichSpan(inputFor(task, tables, { ...span, spanId: 'b7ad6b7169203331' }, { budget }))
    expect([second.children.length, second.cut, byKey(second.attributes)['subspan.children_cut']]).toEqual([4, 36, 36])
  })

  test('a trace gets no more than its share of bytes, counted at least as the wire has them', () => {
    const { tables, task, span } = waits()
    const budget = new TraceBudget({ spans: 500, bytes: 3000 })
    const { children } = enrichSpan(inputFor(task, tables, span, { budget, mode: 'late' }))
    const bytes = children.map((child) => encodeSpan(child).length)
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(3000)
    children.forEach((child, i) => {
      expect(sizeOf(child)).toBeGreaterThanOrEqual(bytes[i])
    })
  })

  test('a trace without room for the summary gets nothing', () => {
    const { tables, task, span } = waits()
    const budget = new TraceBudget({ spans: 0, bytes: 1e6 })
    expect(enrichSpan(inputFor(task, tables, span, { budget, mode: 'late' })).children).toEqual([])
  })

  test('no child is kept without the region it lies in', () => {
    const { tables, task, span } = waits()
    const regions = Array.from({ length: 30 }, (_, i) => region(`r${i}`, i * 10_000, 11 * MS - i * 10_000))
    for (const maxPerSpan of [1, 3, 16, 35, 200]) {
      const options = { ...DEFAULT_ENRICH_OPTIONS, maxPerSpan }
      const { children } = enrichSpan(inputFor({ ...task, regions }, tables, span, { options }))
      checkChildren(span, children)
      expect(children.length).toBeLessThanOrEqual(maxPerSpan)
    }
  })
})

describe('tasks below', () => {
  test('what lies in a task whose span shows it is not shown twice', () => {
    const { tables, task, span } = request()
    const inner = taskRecord({ id: 2, startNs: 100.6 * MS, endNs: 109 * MS })
    const found = names(enrichSpan(inputFor(task, tables, span, { innerTasks: [inner] })).children)
    expect(found).toEqual(['region cache.get', 'GC assist', 'syscall'])
  })

  test('but in one that worked on another goroutine it is', () => {
    const { tables, task, span } = request()
    const inner = taskRecord({ id: 2, startNs: 100.6 * MS, endNs: 109 * MS, goroutines: [7] })
    expect(names(enrichSpan(inputFor(task, tables, span, { innerTasks: [inner] })).children)).toContain('mutex wait')
  })
})

describe('the parts of a region', () => {
  const partsOf = (children: readonly NewSpan[], name: string): Record<string, unknown> => {
    const found = children.find((child) => child.name === name)
    const keys = Object.entries(byKey(found?.attributes ?? [])).filter(([key]) => /^subspan\.[a-z_]+_us$/.test(key))
    return Object.fromEntries(keys)
  }

  test('on the path are those of the path: a wait is told as what was waited for', () => {
    const tables = new Tables()
    const task = taskRecord({
      goroutines: [1, 2],
      timeline: tables.timeline(0, [
        run(MS),
        { ...wait(3 * MS, 'select'), via: 'network' },
        run(MS),
        wait(MS, 'chan receive'),
        { ...wait(2 * MS, 'sleep'), goroutine: 2 },
        { ...ready(0.5 * MS), wakerGoroutine: 2 },
        run(0.5 * MS),
      ]),
      regions: [
        region('call', 0.5 * MS, 4.5 * MS, {
          parts: { totalNs: 4 * MS, execNs: MS, blockNs: { select: 3 * MS } },
        }),
        // It waits for its helper, which was asleep but for the first millisecond.
        region('gather', 4.75 * MS, 8.5 * MS, {
          parts: { totalNs: 3.75 * MS, execNs: 0.25 * MS, schedWaitNs: 0.5 * MS, blockNs: { 'chan receive': 3 * MS } },
        }),
      ],
    })
    const { children } = enrichSpan(inputFor(task, tables, spanOver(0, 9 * MS)))
    expect(partsOf(children, 'region call')).toEqual({ 'subspan.exec_us': 1000, 'subspan.network_us': 3000 })
    expect(partsOf(children, 'region gather')).toEqual({
      'subspan.exec_us': 250,
      'subspan.sched_wait_us': 500,
      'subspan.chan_us': 1000,
      'subspan.sleep_us': 2000,
    })
  })

  test('in whose middle the path went elsewhere for another reason are its goroutine’s own', () => {
    const tables = new Tables()
    // It woke 2, which the path follows, and waited for the network meanwhile; then 2 waited for it.
    const task = taskRecord({
      goroutines: [1, 2],
      timeline: tables.timeline(0, [
        run(MS),
        { ...run(5 * MS), goroutine: 2 },
        { ...wait(2 * MS, 'select'), via: 'network' },
        run(MS),
      ]),
      regions: [
        region('fetch', 0.5 * MS, 8.5 * MS, { parts: { totalNs: 8 * MS, execNs: MS, blockNs: { select: 7 * MS } } }),
      ],
    })
    const { children } = enrichSpan(inputFor(task, tables, spanOver(0, 9 * MS)))
    expect(partsOf(children, 'region fetch')).toEqual({ 'subspan.exec_us': 1000, 'subspan.chan_us': 7000 })
  })

  test('beside the path are its goroutine’s own, as Go counts them', () => {
    const tables = new Tables()
    const task = taskRecord({
      goroutines: [1, 2, 3],
      timeline: tables.timeline(0, [run(MS), { ...wait(6 * MS, 'sleep'), goroutine: 2 }, run(MS)]),
      regions: [
        region('beside', MS, 4 * MS, {
          goroutine: 3,
          parts: { totalNs: 3 * MS, execNs: MS, blockNs: { select: 2 * MS } },
        }),
      ],
    })
    const { children } = enrichSpan(inputFor(task, tables, spanOver(0, 8 * MS)))
    expect(partsOf(children, 'region beside')).toEqual({ 'subspan.exec_us': 1000, 'subspan.chan_us': 2000 })
  })
})

describe('several goroutines', () => {
  test('the path’s waits on a worker lie under the worker’s region, else under the region that waited for it', () => {
    const tables = new Tables()
    const task = taskRecord({
      goroutines: [1, 2, 3],
      timeline: tables.timeline(0, [
        run(MS),
        { ...wait(3 * MS, 'network'), goroutine: 2 },
        { ...wait(2 * MS, 'sleep'), goroutine: 3 },
        ready(MS),
        run(MS),
      ]),
      regions: [region('gather', 0.5 * MS, 7.5 * MS), region('fetch', 0.9 * MS, 4.5 * MS, { goroutine: 2 })],
    })
    const span = spanOver(0, 8 * MS)
    const { children } = enrichSpan(inputFor(task, tables, span))
    checkChildren(span, children)
    expect(children.map((child) => [child.name, parentOf(child, children)])).toEqual([
      ['region gather', 'the span'],
      ['region fetch', 'the span'],
      ['network wait', 'region fetch'],
      ['sleep', 'region gather'],
      ['sched wait', 'region gather'],
    ])
  })
})

describe('spans that cannot be enriched are left as they are', () => {
  test.each([
    ['ends before it starts', { endUnixNs: OFFSET }],
    ['has no valid trace id', { traceId: '' }],
    ['has no valid span id', { spanId: 'xyz' }],
  ])('one that %s', (_, given) => {
    const { tables, task, span } = request()
    for (const mode of ['in-place', 'late'] as const) {
      expect(enrichSpan(inputFor(task, tables, { ...span, ...given }, { mode }))).toEqual({
        attributes: [],
        children: [],
        cut: 0,
      })
    }
  })

  test('one without length gets parts of zero', () => {
    const { tables, task } = request()
    const { attributes, children } = enrichSpan(inputFor(task, tables, spanOver(100 * MS, 100 * MS)))
    expect(sumOfParts(attributes)).toBe(0)
    expect(children).toEqual([])
  })

  test('one whose task has no timeline is unknown as a whole', () => {
    const { tables, span } = request()
    const values = byKey(enrichSpan(inputFor(taskRecord(), tables, span)).attributes)
    expect([values['subspan.unknown_us'], values['subspan.coverage']]).toEqual([12_400, 'partial'])
  })
})

test('whatever the path, the regions and the window: parts sum to the duration, children nest, ids are distinct and stable', () => {
  const piece: fc.Arbitrary<Piece> = fc.record({
    state: fc.constantFrom(...Object.values(GoState)),
    ns: fc.oneof(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 1, max: 5 * MS })),
    reason: fc.constantFrom('', 'select', 'sync', 'network', 'sleep', 'preempted'),
    via: fc.constantFrom('', '', 'network', 'syscall'),
    goroutine: fc.constantFrom(1, 1, 1, 2, 3),
    wakerTask: fc.constantFrom(-1, 1, 2),
  })
  const instant = fc.nat(60 * MS)
  const anyRegion: fc.Arbitrary<RegionRecord> = fc
    .tuple(fc.constantFrom(1, 1, 2), instant, instant, fc.nat(9), fc.constantFrom('a', 'b'))
    .map(([goroutine, x, y, open, name]) =>
      region(name, open === 0 ? null : Math.min(x, y), open === 1 ? null : Math.max(x, y), { goroutine }),
    )
  const anyRange = fc
    .tuple(
      fc.constantFrom('GC mark assist', 'stop-the-world (x)', 'GC incremental sweep'),
      instant,
      instant,
      fc.constantFrom(1, 2),
    )
    .map(([name, x, y, goroutine]) => [name, Math.min(x, y), Math.max(x, y), goroutine] as const)
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 60 }),
      fc.array(anyRegion, { maxLength: 20 }),
      fc.array(anyRange, { maxLength: 6 }),
      instant,
      instant,
      fc.constantFrom('in-place', 'late'),
      fc.integer({ min: 1, max: 40 }),
      (pieces, regions, ranges, x, y, mode, maxPerSpan) => {
        const tables = new Tables()
        const task = taskRecord({
          regions,
          timeline: tables.timeline(10 * MS, pieces),
          ranges: tables.ranges([...ranges].sort((one, other) => one[1] - other[1])),
        })
        const span = spanOver(Math.min(x, y), Math.max(x, y))
        const given = { mode, options: { ...DEFAULT_ENRICH_OPTIONS, maxPerSpan } } as const
        const { attributes, children } = enrichSpan(inputFor(task, tables, span, given))
        checkChildren(span, children)
        expect(children.length).toBeLessThanOrEqual(maxPerSpan)
        const carrier = mode === 'late' ? children[0].attributes : attributes
        expect(sumOfParts(carrier)).toBe(Number(span.endUnixNs - span.startUnixNs))
        expect(enrichSpan(inputFor(task, tables, span, given)).children).toEqual(children)
        for (const { name } of children) expect(name.startsWith('region') || !/\d/.test(name)).toBe(true)
      },
    ),
  )
})
