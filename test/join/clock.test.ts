import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CaptureClock } from '../../src/join/clock.ts'
import type { ClockOffset } from '../../src/join/match.ts'
import { ORIGIN } from './builders.ts'

const SECOND = 1_000_000_000
const snapshot = (traceNs: number, offNs = 0): { traceNs: number; unixNs: bigint; monotonicNs: bigint } => ({
  traceNs,
  unixNs: ORIGIN + BigInt(traceNs + offNs),
  monotonicNs: 0n,
})

/** Lags of a tracer: how much later than the span its task begins and ends; measured shapes (floor, typical, rare). */
interface Tracer {
  readonly start: readonly [number, number, number]
  readonly end: readonly [number, number, number]
}
const OPENTELEMETRY: Tracer = { start: [300, 1_400, 60_000], end: [100, 600, 40_000] }
const OWN_TRACER: Tracer = { start: [1_100, 2_500, 60_000], end: [100, 500, 30_000] }
const ENDS_TASK_FIRST: Tracer = { start: [500, 1_400, 60_000], end: [-150, -1_500, -40_000] }
const BEGINS_TASK_FIRST: Tracer = { start: [-500, -1_800, -50_000], end: [150, 700, 30_000] }

/** The lag of a share 0..1 of the pairs: half lie below the typical one, delays grow exponentially, one in fifty is rare. */
function lag([floor, typical, rare]: readonly [number, number, number], share: number): number {
  if (share > 0.98) return typical + (rare - typical) * (share - 0.98) * 50
  return floor + (typical - floor) * -Math.log2(1 - share)
}

function clockOf(tracer: Tracer, count: number, seed: number, roundNs = 1n): CaptureClock {
  const clock = new CaptureClock([], 2 * SECOND)
  let state = seed >>> 0
  const share = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  for (let i = 0; i < count; i++) {
    const from = Math.round(share() * SECOND)
    const to = from + 100_000 + Math.round(share() * 5_000_000)
    const startUnixNs = ((ORIGIN + BigInt(from)) / roundNs) * roundNs
    clock.addPair(
      { startUnixNs, endUnixNs: startUnixNs + (BigInt(to - from) / roundNs) * roundNs },
      { startNs: from + Math.round(lag(tracer.start, share())), endNs: to + Math.round(lag(tracer.end, share())) },
    )
  }
  return clock
}

const off = ({ offsetNs }: ClockOffset): number => Number((offsetNs ?? 0n) - ORIGIN)

describe('by snapshots', () => {
  test('the offset is theirs, and the bound covers how far they differ', () => {
    const clock = new CaptureClock([snapshot(0), snapshot(SECOND, 40), snapshot(2 * SECOND, -30)], 2 * SECOND).offset()
    expect(clock.method).toBe('snapshot')
    expect(Math.abs(off(clock))).toBeLessThanOrEqual(40)
    expect(clock.errorNs).toBeGreaterThanOrEqual(70)
    expect(clock.errorNs).toBeLessThanOrEqual(1_000)
  })

  test('a step of the wall clock widens the bound over both sides', () => {
    const clock = new CaptureClock([snapshot(0), snapshot(SECOND, 3_000_000)], 2 * SECOND).offset()
    expect(Math.abs(off(clock)) + (clock.errorNs ?? 0)).toBeGreaterThanOrEqual(3_000_000)
    expect(Math.abs(off(clock) - 3_000_000)).toBeLessThanOrEqual(clock.errorNs ?? 0)
  })

  test('pairs that agree leave them', () => {
    const clock = new CaptureClock([snapshot(0)], SECOND)
    for (let i = 0; i < 10; i++) {
      const startUnixNs = ORIGIN + BigInt(i * 1000)
      clock.addPair({ startUnixNs, endUnixNs: startUnixNs + 500n }, { startNs: i * 1000 + 700, endNs: i * 1000 + 900 })
    }
    expect(clock.offset()).toMatchObject({ method: 'snapshot', offsetNs: ORIGIN })
  })

  test('many pairs that say otherwise overrule them: the spans were stamped by another clock', () => {
    const clock = new CaptureClock([snapshot(0)], SECOND)
    for (let i = 0; i < 10; i++) {
      const startUnixNs = ORIGIN + BigInt(3 * SECOND + i * 1000)
      clock.addPair({ startUnixNs, endUnixNs: startUnixNs + 500n }, { startNs: i * 1000 + 700, endNs: i * 1000 + 900 })
    }
    const offset = clock.offset()
    expect(offset.method).toBe('id-pairs')
    expect(Math.abs(off(offset) - 3 * SECOND)).toBeLessThanOrEqual(offset.errorNs ?? 0)
  })

  test('fewer than five pairs do not', () => {
    const clock = new CaptureClock([snapshot(0)], SECOND)
    clock.addPair(
      { startUnixNs: ORIGIN + 5n * 1_000_000_000n, endUnixNs: ORIGIN + 6n * 1_000_000_000n },
      { startNs: 0, endNs: 1 },
    )
    expect(clock.offset().method).toBe('snapshot')
  })
})

describe('by pairs', () => {
  const tracers: readonly (readonly [string, Tracer])[] = [
    ['tasks that end after their spans (OpenTelemetry)', OPENTELEMETRY],
    ['tasks whose ids are formatted first', OWN_TRACER],
    ['tasks that end before their spans', ENDS_TASK_FIRST],
    ['tasks that begin before their spans', BEGINS_TASK_FIRST],
  ]

  test.each(tracers)('%s: the true offset lies within the bound, a few microseconds', (_, tracer) => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 50, max: 400 }), (seed, count) => {
        const clock = clockOf(tracer, count, seed).offset()
        expect(clock.method).toBe('id-pairs')
        expect(clock.errorNs).toBeLessThanOrEqual(5_000)
        expect(Math.abs(off(clock))).toBeLessThanOrEqual(clock.errorNs ?? 0)
      }),
      { numRuns: 50, seed: 7 },
    )
  })

  test.each(tracers.slice(0, 3))(
    '%s: a handful of pairs tells it within the bound, some tens of microseconds',
    (_, tracer) => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 3, max: 20 }), (seed, count) => {
          const clock = clockOf(tracer, count, seed).offset()
          expect(clock.errorNs).toBeLessThanOrEqual(60_000)
          expect(Math.abs(off(clock))).toBeLessThanOrEqual(clock.errorNs ?? 0)
        }),
        { numRuns: 50, seed: 7 },
      )
    },
  )

  test.each([1_000n, 1_000_000n])('times rounded to %s ns widen the bound', (roundNs) => {
    const clock = clockOf(OPENTELEMETRY, 100, 7, roundNs).offset()
    expect(clock.errorNs).toBeGreaterThanOrEqual(Number(roundNs))
    expect(Math.abs(off(clock))).toBeLessThanOrEqual(clock.errorNs ?? 0)
  })

  test('a pair that is none does not move the offset', () => {
    const clock = clockOf(OPENTELEMETRY, 60, 1)
    const before = off(clock.offset())
    clock.addPair({ startUnixNs: ORIGIN, endUnixNs: ORIGIN + 1_000n }, { startNs: 300_000_000, endNs: 400_000_000 })
    expect(Math.abs(off(clock.offset()) - before)).toBeLessThanOrEqual(200)
  })

  test('ends that are unknown leave the starts', () => {
    const clock = new CaptureClock([], SECOND)
    for (let i = 0; i < 60; i++) {
      const startUnixNs = ORIGIN + BigInt(i * 10_000)
      clock.addPair({ startUnixNs, endUnixNs: 0n }, { startNs: i * 10_000 + 500 + (i % 7) * 100, endNs: null })
    }
    expect(Math.abs(off(clock.offset()))).toBeLessThanOrEqual(clock.offset().errorNs ?? 0)
  })

  test('tasks whose start the capture does not hold say nothing', () => {
    const clock = new CaptureClock([], SECOND)
    clock.addPair({ startUnixNs: ORIGIN, endUnixNs: ORIGIN + 5n }, { startNs: null, endNs: 5 })
    expect(clock.offset()).toEqual({ method: 'none', offsetNs: null, errorNs: null })
  })

  test('only so many pairs are kept', () => {
    expect(clockOf(OPENTELEMETRY, 6_000, 3).pairs).toBeLessThanOrEqual(4_096)
  })
})
