// v1-kernel.test.ts: what the kernel does of events of Go 1.21 and older and what TypeScript does of them is the same: all of a capture by
// TypeScript, and by both.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { eventSpecsV1, EvV1, timedNumbers } from '../../src/capture/v1/event-types.ts'
import { BATCH_SLACK, NUMBERS, PARKED, REGISTERS_END, SHAPES } from '../../src/capture/v1/order-layout.ts'
import { STATES_REGISTERS } from '../../src/capture/block-layout.ts'
import { captureFixtures, corpusFixtures, isV2 } from '../support/fixtures.ts'
import { mutate } from '../support/mutations.ts'
import { Random } from '../support/random.ts'
import { toldEvents } from '../support/told-events.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Calls of the kernel. */
let calls = 0

/** From now on the kernel hands every event to the model, as it does where any cursor is parked. */
function withoutKernel(): void {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as { run: (...values: number[]) => number }
    const parked = new Int32Array(this.buffer, PARKED, 1)
    return {
      ...exports,
      run: (...values: number[]) => {
        calls++
        parked[0] = Math.max(1, parked[0])
        return exports.run(...values)
      },
    }
  })
}

const fixtures = [
  ...['captures', 'damaged', 'joins', 'accuracy'].flatMap((folder) => captureFixtures(folder)),
  ...corpusFixtures(),
].filter((fixture) => /^go 1\.(?:11|19|21) trace/.test(Buffer.from(fixture.bytes().subarray(0, 16)).toString('latin1')))
const small = captureFixtures().filter((fixture) => !isV2(fixture) && fixture.bytes().length < 200_000)

describe.each([
  ['true times', false],
  ["Go's times", true],
])('with %s the kernel tells what TypeScript tells', (_, goTimes) => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('of %s', (_, { bytes }) => {
    const capture = bytes()
    const byBoth = toldEvents(capture, goTimes)
    withoutKernel()
    calls = 0
    expect(byBoth).toEqual(toldEvents(capture, goTimes))
    expect(calls).toBeGreaterThan(byBoth.rows.length / 2)
  })

  test('however a capture is broken', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed)
      const capture = mutate(random.pick(small).bytes(), random, () => random.pick(small).bytes())
      const byBoth = toldEvents(capture, goTimes)
      withoutKernel()
      expect(byBoth, `seed ${seed}`).toEqual(toldEvents(capture, goTimes))
      vi.restoreAllMocks()
    }
  })
})

describe('the kernel of older captures and TypeScript', () => {
  test('have a row of the table for each event number', () => {
    expect(eventSpecsV1.map(({ name }) => name).sort()).toEqual(Object.keys(EvV1).sort())
    expect(new Set(eventSpecsV1.map(({ number }) => number)).size).toBe(eventSpecsV1.length)
  })

  test('keep registers apart', () => {
    expect(SHAPES + 256).toBeLessThanOrEqual(NUMBERS)
    expect(NUMBERS + timedNumbers.length).toBeLessThanOrEqual(REGISTERS_END)
    expect(REGISTERS_END).toBeLessThanOrEqual(STATES_REGISTERS)
  })

  test('have slack behind a batch for an event of five numbers of ten bytes, and for the length of a text behind the longest', () => {
    expect(2 + Math.max(...timedNumbers) * 10).toBeLessThanOrEqual(BATCH_SLACK)
    expect(2 + 255 + 10).toBeLessThanOrEqual(BATCH_SLACK)
  })
})
