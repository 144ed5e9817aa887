// pieces.test.ts: what is told of a capture is a matter of its events alone, not of the pieces in which bytes come and events are handed on.

import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type * as EventBlocks from '../../src/capture/event-block.ts'
import { captureFixtures } from '../support/fixtures.ts'
import type * as Fixtures from '../support/fixtures.ts'

const captures = [...captureFixtures(), ...captureFixtures('damaged')].filter((one) => one.bytes().length > 1_000)

/** Everything that an analysis tells, or why it tells nothing, as text. */
function toldOf(analyse: typeof Fixtures.analyse, bytes: Uint8Array, chunkBytes?: number): string {
  try {
    const told = analyse(bytes, { timelines: true, stacks: true }, chunkBytes)
    // Decoding is ahead of the analysis by a block, so what each finds wrong may come in another order.
    const problems = told.info.problems.map((problem) => JSON.stringify(problem)).sort()
    return JSON.stringify([{ ...told.info, problems }, told.tasks, told.tables], plain)
  } catch (thrown) {
    return String(thrown)
  }
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** The analysis with blocks of so many events. */
async function withBlocksOf(rows: number): Promise<typeof Fixtures.analyse> {
  vi.resetModules()
  vi.doMock('../../src/capture/event-block.ts', async (original) => ({
    ...(await original<typeof EventBlocks>()),
    BLOCK_ROWS: rows,
  }))
  const { analyse } = await import('../support/fixtures.ts')
  return analyse
}

afterEach(() => {
  vi.doUnmock('../../src/capture/event-block.ts')
  vi.resetModules()
})

describe('what is told of a capture', () => {
  test.each(captures)('$name: is the same whatever the pieces its bytes come in', async ({ bytes }) => {
    const { analyse } = await import('../support/fixtures.ts')
    const all = bytes()
    const whole = toldOf(analyse, all, all.length)
    fc.assert(
      fc.property(fc.integer({ min: 1 + (all.length >> 10), max: all.length }), (chunkBytes) => {
        expect(toldOf(analyse, all, chunkBytes) === whole, `pieces of ${chunkBytes} bytes`).toBe(true)
      }),
      { numRuns: 2 },
    )
  })

  test.each([64, 1_000, 3_333])('is the same with events handed on by %d', async (rows) => {
    const usual = await withBlocksOf(4_096)
    const told = captures.map(({ bytes }) => toldOf(usual, bytes()))
    const other = await withBlocksOf(rows)
    const differ = captures.filter(({ bytes }, i) => toldOf(other, bytes()) !== told[i])
    expect(differ.map(({ name }) => name)).toEqual([])
  })
})
