// v2-kernel.test.ts: what the kernel does of events of Go 1.22 and newer and what TypeScript does of them is the same: all of a capture by
// TypeScript, and by both.

import { inspect } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { G_STATUS, M_G, M_P, ORDINAL, P_STATUS, REGISTERS_END, ROWS } from '../../src/capture/v2/order-layout.ts'
import { batch, wire } from '../support/capture-story.ts'
import { captureFixtures, isV2 } from '../support/fixtures.ts'
import { mutate } from '../support/mutations.ts'
import { Random } from '../support/random.ts'
import { type ToldEvents, toldEvents } from '../support/told-events.ts'
import { headerBytes, minorVersion } from '../support/v2-wire.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Rows of the columns that the kernel is shown: more than any fixture has threads or goroutines. */
const MOST_ROWS = 1 << 16

/** Events that the kernel told although it was to tell none. */
let byKernel = 0

/**
 * From now on the kernel hands every event to the model: it is shown columns of a world in which no thread runs anything, nothing is in any
 * state, and it is another generation than that of all that is known. The model has its own.
 */
function withoutKernel(): void {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as { run?: (...values: number[]) => number }
    const { run } = exports
    if (run === undefined) return exports
    const words = new Int32Array(this.buffer, 0, REGISTERS_END >> 2)
    const nothing = this.int32(MOST_ROWS).fill(-1)
    const noState = this.uint8(MOST_ROWS)
    return {
      ...exports,
      run: (...values: number[]) => {
        words[M_G >> 2] = words[M_P >> 2] = nothing.byteOffset
        words[G_STATUS >> 2] = words[P_STATUS >> 2] = noState.byteOffset
        words[ORDINAL >> 2] = -1
        const before = words[ROWS >> 2]
        const answer = run(...values)
        byKernel += words[ROWS >> 2] - before
        return answer
      },
    }
  })
}

/** Expects the same of a capture by both and by TypeScript alone; returns what is told. */
function expectSame(capture: Uint8Array, goTimes: boolean, what = ''): ToldEvents {
  const byBoth = toldEvents(capture, goTimes)
  byKernel = 0
  withoutKernel()
  const byModel = toldEvents(capture, goTimes)
  vi.restoreAllMocks()
  expect(byKernel, what).toBe(0)
  // Of rows only the first that differs is compared: to list what differs in all of them takes minutes.
  const differs = byBoth.rows.findIndex((row, i) => row !== byModel.rows[i])
  expect(byBoth.rows[differs], `row ${differs} ${what}`).toBe(byModel.rows[differs])
  expect(byBoth.rows.length, what).toBe(byModel.rows.length)
  expect(byBoth.end, what).toEqual(byModel.end)
  return byBoth
}

/** A capture of Go 1.23 of what threads 1 and 2 do in the first generation, and thread 1 in the second. */
function captureOf([first, second = [], later = []]: readonly (readonly number[][])[]): Uint8Array {
  const generation = (number: number, startNs: number): number[] => [
    ...batch(number, 0, startNs, [Ev.Strings]),
    ...batch(number, 0, startNs, wire('Frequency', 1_000_000_000)),
  ]
  return Uint8Array.from([
    ...headerBytes(23),
    ...batch(1, 1, 1_000, first.flat()),
    ...batch(1, 2, 1_000, second.flat()),
    ...generation(1, 1_000),
    ...batch(2, 1, 9_000, later.flat()),
    ...generation(2, 9_000),
  ])
}

const fixtures = ['captures', 'damaged', 'joins', 'accuracy']
  .flatMap((folder) => captureFixtures(folder))
  .filter((fixture) => isV2(fixture))
const small = captureFixtures().filter((fixture) => isV2(fixture) && fixture.bytes().length < 100_000)

describe.each([
  ['true times', false],
  ["Go's times", true],
])('with %s the kernel tells what TypeScript tells', (_, goTimes) => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('of %s', (_, { bytes }) => {
    expectSame(bytes(), goTimes)
  })

  // Contradictions that chance makes too seldom.
  test.each<[what: string, ...batches: number[][][]]>([
    [
      'a processor that two threads have, and both give away',
      [wire('ProcStatus', 10, 0, 1), wire('ProcStop', 100)],
      [wire('ProcStatus', 20, 0, 1), wire('ProcStop', 200)],
    ],
    [
      'a processor that starts in a generation that did not speak of it',
      [wire('ProcStatus', 10, 0, 1), wire('ProcStop', 100)],
      [],
      [wire('ProcStart', 100, 0, 1)],
    ],
    [
      'a processor that enters a system call in a generation that did not speak of it',
      [wire('ProcStatus', 10, 0, 1), wire('GoStatus', 10, 1, 1, 2)],
      [],
      [wire('GoSyscallBegin', 100, 1, 0)],
    ],
    [
      'sweeps and assists that begin twice and end twice',
      [
        wire('ProcStatus', 10, 0, 1),
        wire('GoStatus', 10, 1, 1, 2),
        ...['GCSweepBegin', 'GCMarkAssistBegin'].flatMap((name) => [wire(name, 10, 0), wire(name, 10, 0)]),
        ...[0, 1].flatMap(() => [wire('GCSweepEnd', 10, 0, 0), wire('GCMarkAssistEnd', 10)]),
      ],
    ],
  ])('of %s', (_, ...batches) => {
    const { end } = expectSame(captureOf(batches), goTimes)
    expect(inspect(end, { depth: 4 })).toMatch(/STATE_CONFLICT|ORDER_FORCED/)
  })

  test('however a capture is broken', () => {
    let compared = 0
    for (let seed = 1; compared < 100; seed++) {
      const random = new Random(seed)
      const capture = mutate(random.pick(small).bytes(), random, () => random.pick(small).bytes())
      // With another header another kernel reads it.
      if (minorVersion(capture) < 22) continue
      compared++
      expectSame(capture, goTimes, `seed ${seed}`)
    }
  })
})
