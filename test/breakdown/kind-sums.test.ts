import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { GROUP_COUNT } from '../../src/breakdown/groups.ts'
import { KindSums } from '../../src/breakdown/kind-sums.ts'
import { StatesKernel } from '../../src/breakdown/states-kernel.ts'
import { TYPE_KINDS } from '../../src/breakdown/states-layout.ts'
import { BLOCK_END } from '../../src/capture/block-layout.ts'

const noParts = new Float64Array(GROUP_COUNT)

/** Durations of a kind. */
class Durations {
  private readonly kinds = new KindSums(new StatesKernel(new KernelMemory(BLOCK_END)), TYPE_KINDS, 10)
  private readonly row = this.kinds.rowOf('get')

  add(ns: number): void {
    this.kinds.add(this.row, ns, noParts)
  }

  get count(): number {
    return this.kinds.countOf(this.row)
  }

  get maxNs(): number {
    return this.kinds.longestNsOf(this.row)
  }

  get totalNs(): number {
    return this.kinds.totalNsOf(this.row)
  }

  percentile(share: number): number {
    return this.kinds.percentile(this.row, share)
  }
}

function nearestRank(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

function filled(values: readonly number[]): Durations {
  const durations = new Durations()
  for (const value of values) durations.add(value)
  return durations
}

describe('durations', () => {
  test('of none there is no percentile', () => {
    expect(new Durations().percentile(0.5)).toBe(0)
  })

  test('a few are told exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 50 }), (values) => {
        const durations = filled(values)
        for (const share of [0, 0.5, 0.99, 1]) expect(durations.percentile(share)).toBe(nearestRank(values, share))
      }),
    )
  })

  test('of very many the count, the sum and the longest are exact, and percentiles are off by less than 1 in 4,096', () => {
    const values = Array.from({ length: 50_000 }, (_, i) => Math.floor(1.0005 ** (i % 40_000) * 3))
    const durations = filled(values)
    expect(durations.count).toBe(values.length)
    expect(durations.maxNs).toBe(Math.max(...values))
    expect(durations.totalNs).toBe(values.reduce((sum, ns) => sum + ns, 0))
    for (const share of [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1]) {
      const exact = nearestRank(values, share)
      expect(Math.abs(durations.percentile(share) - exact)).toBeLessThanOrEqual(exact / 4096 + 1)
    }
  })
})
