// hostile.test.ts: small captures made to cost much: what they cost grows with their bytes, not with the square of them.

import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { EvV1 } from '../../src/capture/v1/event-types.ts'
import { batchV1, beginV1, captureV1, eventV1 } from '../support/v1-wire.ts'
import {
  type Batch,
  headerBytes,
  joinBatches,
  joinEvents,
  NONE,
  stringsPayload,
  type WireEvent,
  wireEvent,
} from '../support/v2-wire.ts'

/** Bytes of a batch at most, with room for an event. */
const BATCH_BYTES = 60_000

function batch(thread: bigint | number, time: number, payload: Uint8Array): Batch {
  return { experiment: -1, generation: 1n, thread: BigInt(thread), time: BigInt(time), payload, endsGeneration: false }
}

/** A batch with the clock's frequency. */
const frequency = Uint8Array.from([8, 0xa8, 0xd6, 0xb9, 0x07])

/** A generation: batches of events, and its tables. */
function withTables(batches: readonly Batch[]): Batch[] {
  return [...batches, batch(NONE, 1000, stringsPayload([[1, 'name'], [2, 'sync']])), batch(NONE, 1000, frequency)] // prettier-ignore
}

/** A capture of one generation. */
function captureOf(batches: readonly Batch[]): Uint8Array {
  return joinBatches(headerBytes(22), withTables(batches))
}

/** Generations without events, the first of them number 2. */
function emptyGenerations(count: number, stepUnits: number): Batch[] {
  return Array.from({ length: count }, (_, i) => ({
    ...batch(NONE, 1_000_000 + i * stepUnits, frequency),
    generation: BigInt(i + 2),
  }))
}

/** The events of one thread, in as many batches as they need; the time goes on by one unit an event. */
function batchesOf(thread: number, events: readonly WireEvent[]): Batch[] {
  const batches: Batch[] = []
  const perBatch = Math.floor(BATCH_BYTES / 16)
  for (let at = 0; at < events.length; at += perBatch) {
    batches.push(batch(thread, 1000 + at, joinEvents(events.slice(at, at + perBatch))))
  }
  return batches
}

function analysed(capture: Uint8Array): { info: CaptureInfo; tasks: number; rows: number } {
  let tasks = 0
  let rows = 0
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    {
      task: ({ timeline, ranges }) => {
        tasks++
        rows += (timeline?.length ?? 0) + (ranges?.length ?? 0)
      },
    },
  )
  analysis.push(capture)
  return { info: analysis.end(), tasks, rows }
}

const begins = [wireEvent('ProcStatus', 1, 0, 1), wireEvent('GoStatus', 1, 1, 1, 2)]
const repeated = (count: number, make: (i: number) => readonly WireEvent[]): WireEvent[] =>
  Array.from({ length: count }, (_, i) => make(i)).flat()

describe('a capture made to cost much', () => {
  test('tens of thousands of threads that all wait for what never comes', () => {
    const threads = Array.from({ length: 60_000 }, (_, i) =>
      batch(i + 1, 1000 + i, joinEvents([wireEvent('GoStart', 1, 100_000 + i, 7)])),
    )
    const { info } = analysed(captureOf(threads))
    expect(info.problems.find(({ code }) => code === 'ORDER_FORCED')).toBeDefined()
    expect(info.events).toBeGreaterThan(60_000)
  })

  test.each([
    ['stays', (i: number) => [wireEvent('GoStop', 1, 2, 0), wireEvent('GoStart', 1, 1, i + 1)]],
    ['stops of the world', () => [wireEvent('STWBegin', 1, 1, 0), wireEvent('STWEnd', 1)]],
    ['ranges', () => [wireEvent('GCMarkAssistBegin', 1, 0), wireEvent('GCMarkAssistEnd', 1)]],
    ['mark phases', (i: number) => [wireEvent('GCBegin', 1, 2 * i + 1, 0), wireEvent('GCEnd', 1, 2 * i + 2)]],
  ])('thousands of tasks open at a time, over thousands of %s: none is lost, and the bound is told', (_what, make) => {
    const count = 8_000
    const events = [
      ...begins,
      ...repeated(count, (i) => [wireEvent('UserTaskBegin', 1, i + 1, 0, 1, 0)]),
      ...repeated(count, make),
      ...repeated(count, (i) => [wireEvent('UserTaskEnd', 1, i + 1, 0)]),
    ]
    const capture = captureOf(batchesOf(1, events))
    const { info, tasks, rows } = analysed(capture)
    expect(tasks).toBe(count)
    // Each of them over all of it would be more than a hundred million.
    expect(rows).toBeLessThan(30 * capture.length)
    expect(info.problems.find(({ code }) => code === 'LIMIT')?.message).toMatch(/steps over .* told as unknown/)
  })

  test('tens of thousands of threads, and as many contradictions', () => {
    const count = 40_000
    const threads = Array.from({ length: count }, (_, i) =>
      batch(i + 10, 1000 + i, joinEvents([wireEvent('ProcStatus', 1, i + 10, 1)])),
    )
    for (const make of [
      (i: number) => wireEvent('ProcStatus', 1, 5, 1 + (i & 1)),
      (i: number) => wireEvent('GoStatus', 1, 5, NONE, 1 + 3 * (i & 1)),
    ]) {
      const contradictions = batchesOf(
        1,
        Array.from({ length: count }, (_, i) => make(i)),
      )
      const { info } = analysed(captureOf([...threads, ...contradictions]))
      expect(info.problems.filter(({ code }) => code === 'STATE_CONFLICT').length).toBeGreaterThan(0)
    }
  })

  test.each([
    ['tasks', (i: number) => [wireEvent('UserTaskBegin', 1, i + 1, 0, 1, 0)]],
    [
      'tasks that ended before their regions',
      (i: number) => [
        wireEvent('GoCreate', 1, i + 2, 0, 0),
        wireEvent('UserTaskBegin', 1, i + 1, 0, 1, 0),
        wireEvent('GoStop', 1, 2, 0),
        wireEvent('GoStart', 1, i + 2, 1),
        wireEvent('UserRegionBegin', 1, i + 1, 1, 0),
        wireEvent('UserTaskEnd', 1, i + 1, 0),
        wireEvent('GoBlock', 1, 2, 0),
        wireEvent('GoStart', 1, 1, i + 1),
      ],
    ],
    ['goroutines', (i: number) => [wireEvent('GoCreate', 1, i + 2, 0, 0)]],
  ])('tens of thousands of open %s, and as many generations of nothing', (_what, make) => {
    const count = 40_000
    const first = withTables(batchesOf(1, [...begins, ...repeated(count, make)]))
    const generations = emptyGenerations(count, 1_000_000)
    const { info } = analysed(joinBatches(headerBytes(22), [...first, ...generations]))
    expect(info.events).toBeGreaterThan(2 * count)
  })

  test('regions over tens of thousands of mark phases', () => {
    const count = 60_000
    const events = [
      ...begins,
      ...repeated(count, (i) => [
        wireEvent('GoCreate', 1, i + 2, 0, 0),
        wireEvent('GoStop', 1, 2, 0),
        wireEvent('GoStart', 1, i + 2, 1),
        wireEvent('UserRegionBegin', 1, 0, 1, 0),
        wireEvent('GoStop', 1, 2, 0),
        wireEvent('GoStart', 1, 1, i + 1),
      ]),
      ...repeated(count, (i) => [wireEvent('GCBegin', 1, 2 * i + 1, 0), wireEvent('GCEnd', 1, 2 * i + 2)]),
      wireEvent('GoStop', 1, 2, 0),
      ...repeated(count, (i) => [
        wireEvent('GoStart', 1, i + 2, 2),
        wireEvent('UserRegionEnd', 1, 0, 1, 0),
        wireEvent('GoStop', 1, 2, 0),
      ]),
    ]
    expect(analysed(captureOf(batchesOf(1, events))).info.events).toBeGreaterThan(10 * count)
  })

  test('goroutines that count for hundreds of tasks within each other: the bound is told', () => {
    const events = [
      ...begins,
      ...repeated(256, (i) => [wireEvent('UserTaskBegin', 1, i + 1, i, 1, 0)]),
      ...repeated(60_000, (i) => [wireEvent('GoCreate', 1, i + 2, 0, 0)]),
    ]
    const { info } = analysed(captureOf(batchesOf(1, events)))
    expect(info.problems.find(({ code }) => code === 'LIMIT')?.message).toMatch(/count for the task itself only/)
  })

  test('a task that begins again and again beside a hundred thousand goroutines', () => {
    const created = repeated(100_000, (i) => [wireEvent('GoCreate', 1, i + 10, 0, 0)])
    const again = repeated(60_000, () => [wireEvent('UserTaskBegin', 1, 7, 0, 1, 0)])
    const { info, tasks } = analysed(captureOf(batchesOf(1, [...begins, ...created, ...again])))
    expect(info.problems.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(59_999)
    expect(tasks).toBeGreaterThan(59_999)
  })

  test('ids near 2^64 and ids that differ in their upper halves only', () => {
    const events = [
      ...begins,
      ...repeated(50_000, (i) => [
        wireEvent('GoCreate', 1, BigInt(i + 1) << 32n, 0, 0),
        wireEvent('GoCreate', 1, NONE - BigInt(i) * 4096n, 0, 0),
      ]),
    ]
    expect(analysed(captureOf(batchesOf(1, events))).info.events).toBeGreaterThan(100_000)
  })

  test('a hundred thousand empty generations', () => {
    const generations = emptyGenerations(100_000, 10)
    expect(analysed(joinBatches(headerBytes(22), generations)).info.events).toBe(100_001)
  })
})

describe('a capture of Go 1.21 made to cost much', () => {
  const waiting = (count: number): number[][] =>
    Array.from({ length: count }, (_, i) => batchV1(i + 1, 1001, eventV1(EvV1.GoStart, 1, 1_000_000 + i, 9)))

  test.each([
    ['whole', true],
    ['cut', false],
  ])('tens of thousands of processors that wait for what never comes, over as many events: %s', (_what, whole) => {
    const count = 60_000
    const events = Array.from({ length: count }, () => eventV1(EvV1.HeapAlloc, 1, 5))
    const { info } = analysed(captureV1([beginV1, ...waiting(count), batchV1(0, 2000, ...events)], whole))
    expect(info.problems.find(({ code }) => code === 'ORDER_FORCED')).toBeDefined()
    expect(info.events).toBeGreaterThan(2 * count)
  })

  test('tens of thousands of processors that wait for one goroutine, which does much else', () => {
    const count = 40_000
    const heads = Array.from({ length: count }, (_, i) =>
      batchV1(i + 1, 1001, eventV1(EvV1.GoUnblock, 1, 1, 1_000_000 + i, 0)),
    )
    const events = Array.from({ length: count }, () => [
      ...eventV1(EvV1.GoSched, 1, 0),
      ...eventV1(EvV1.GoStartLocal, 1, 1),
    ])
    const { info } = analysed(captureV1([beginV1, ...heads, batchV1(0, 2000, ...events)]))
    expect(info.events).toBeGreaterThan(3 * count)
  })

  test('tens of thousands of processors, and as many changes of their number', () => {
    const count = 60_000
    const starts = Array.from({ length: count }, (_, i) => batchV1(i + 1, 1001 + i, eventV1(EvV1.ProcStart, 1, 3)))
    const changes = Array.from({ length: count }, () => eventV1(EvV1.Gomaxprocs, 1, count + 5, 0))
    const { info } = analysed(captureV1([beginV1, ...starts, batchV1(0, 100_000, ...changes)], false))
    expect(info.events).toBeGreaterThan(2 * count)
  })

  test('hundreds of thousands of batches of one event', () => {
    const batches = Array.from({ length: 200_000 }, (_, i) => batchV1(i & 1, 2001 + i, eventV1(EvV1.HeapAlloc, 1, 5)))
    expect(analysed(captureV1([beginV1, ...batches])).info.events).toBeGreaterThan(200_000)
  })
})
