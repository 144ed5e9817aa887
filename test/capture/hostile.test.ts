// hostile.test.ts: small captures made to cost much: what they cost grows with their bytes, not with the square of them.

import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
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

/** A capture of one generation. */
function captureOf(batches: readonly Batch[]): Uint8Array {
  return joinBatches(headerBytes(22), [
    ...batches,
    batch(NONE, 1000, stringsPayload([[1, 'name'], [2, 'sync']])),
    batch(NONE, 1000, Uint8Array.from([8, 0xa8, 0xd6, 0xb9, 0x07])),
  ]) // prettier-ignore
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
    const generations = Array.from({ length: 100_000 }, (_, i) => ({
      ...batch(NONE, i * 10, Uint8Array.from([8, 0xa8, 0xd6, 0xb9, 0x07])),
      generation: BigInt(i + 1),
    }))
    expect(analysed(joinBatches(headerBytes(22), generations)).info.events).toBe(100_001)
  })
})
