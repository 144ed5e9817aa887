import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { GenerationFramer } from '../../src/capture/v2/framing.ts'
import { wireFormat } from '../../src/capture/v2/wire-format.ts'
import { analyse, type Analysed, captureFixtures, isV2, sumOf } from '../support/fixtures.ts'
import { known } from '../support/known-tasks.ts'

const all = captureFixtures()
const captures = all.filter(isV2)

function taskOf({ tasks }: Analysed, id: number): TaskRecord | undefined {
  return tasks.find((task) => task.id === id)
}

/** The goroutines that worked for a task. */
function workersOf(analysed: Analysed, id: number): readonly number[] {
  return taskOf(analysed, id)?.goroutines ?? []
}

/** Time that a task's path shows under the network, the poller's waits aside. */
function networkNs(analysed: Analysed, id: number): number {
  return taskOf(analysed, id)?.path?.viaNs.network ?? 0
}

function hasMore(some: readonly number[], others: readonly number[]): boolean {
  return some.length > others.length && others.every((goroutine) => some.includes(goroutine))
}

describe('a capture that is cut', () => {
  test.each(all)(
    '$name: cut at every 4 KiB it is read up to the cut, and what it calls whole is what the whole says',
    (fixture) => {
      const all = fixture.bytes()
      const uncut = analyse(all)
      // Captures of Go 1.21 and older have their stacks and their clock at the end.
      const without = isV2(fixture) ? undefined : 'stacks'
      const whole = known(uncut, without)
      const { ticksPerSecond } = uncut.info
      const step = Math.max(4096, Math.ceil(all.length / 40 / 4096) * 4096)
      for (let cut = 16; cut < all.length; cut += step) {
        const part = analyse(all.subarray(0, cut), { ticksPerSecond })
        expect(part.info.problems.length, `problems when cut at ${cut}`).toBeGreaterThan(0)
        for (const [id, text] of known(part, without)) {
          // Without its stack the loop of a connection, which works for whoever comes, counts for the task that dialled.
          if (without === 'stacks' && hasMore(workersOf(part, id), workersOf(uncut, id))) continue
          expect(text, `task ${id} when cut at ${cut}`).toBe(whole.get(id))
          // Without its stack a wait for the network may be told as another, and never the other way round.
          expect(networkNs(part, id), `network of task ${id} when cut at ${cut}`).toBeLessThanOrEqual(
            networkNs(uncut, id),
          )
        }
      }
    },
  )

  test('a cut inside the header is refused, with both numbers', () => {
    const all = captures[0].bytes()
    for (let cut = 1; cut < 16; cut++) {
      expect(() => analyse(all.subarray(0, cut))).toThrow(new RegExp(`${cut} of 16 bytes`))
    }
  })

  test('the header alone is a capture without events, and says that it was cut', () => {
    const { info, tasks } = analyse(captures[0].bytes().subarray(0, 16))
    expect(tasks.filter(({ id }) => id !== 0)).toEqual([])
    expect(info.problems.map(({ code }) => code)).toEqual(['CAPTURE_TRUNCATED'])
  })
})

describe('a capture that lost its middle', () => {
  const long = captures.filter(({ name }) => name === 'go1.26/messages-long')[0]
  const all = long.bytes()
  const starts: number[] = []
  const framer = new GenerationFramer(wireFormat(26), 16, new ProblemList(), newCaptureMemory(), ({ byteOffset }) =>
    starts.push(byteOffset),
  )
  framer.push(all.subarray(16))
  framer.end()
  const without = (from: number, to: number): Uint8Array => {
    const rest = new Uint8Array(all.length - (to - from))
    rest.set(all.subarray(0, from))
    rest.set(all.subarray(to), from)
    return rest
  }
  const middle = (generation: number): number =>
    Math.floor((starts[generation] + (starts[generation + 1] ?? all.length)) / 2)

  test('a whole generation: what lies on both sides is kept, and what is missing is told and marked', () => {
    expect(starts.length).toBeGreaterThanOrEqual(4)
    const whole = known(analyse(all))
    const { info, tasks } = analyse(without(starts[1], starts[2]))
    expect(info.problems[0].message).toMatch(/generation 3 follows generation 1 .* is missing/)
    const ends = tasks.map(({ endNs }) => endNs ?? 0)
    expect(Math.max(...ends)).toBeGreaterThan(info.durationNs * 0.8)
    for (const [id, text] of known({ tasks })) expect(text).toBe(whole.get(id))
  })

  test.each([1, 2, 3])(
    'from the middle of the first generation to the middle of number %d after it: the last is read',
    (after) => {
      if (after >= starts.length) return
      const { info } = analyse(without(middle(0), middle(after)))
      expect(info.problems.length).toBeGreaterThan(0)
      // Times go on to where the capture ended: what came after the hole was read.
      expect(info.durationNs).toBeGreaterThan(after < starts.length - 1 ? 3e9 : 2e9)
    },
  )
})

describe('bytes that are no batches', () => {
  test('however many follow the header, they are not kept, and the sentence says so', () => {
    const analysis = new CaptureAnalysis({}, { task: () => undefined })
    analysis.push(captures[0].bytes().subarray(0, 16))
    const zeros = new Uint8Array(1 << 20)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 64; i++) analysis.push(zeros)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 << 20)
    const { problems } = analysis.end()
    expect(problems.map(({ message }) => message).join('\n')).toMatch(
      /no batch of events was found in the 67,108,864 bytes/,
    )
  })
})

describe('a capture with damaged bytes', () => {
  const flips = fc.array(
    fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), bit: fc.nat({ max: 7 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )

  test.each(captures.filter((capture) => capture.bytes().length < 400_000).slice(0, 6))(
    '$name: whatever bits flip, reading ends, parts add up, and nothing but a refusal is thrown',
    ({ bytes }) => {
      const all = bytes()
      fc.assert(
        fc.property(flips, (places) => {
          const damaged = all.slice()
          for (const { at, bit } of places) damaged[16 + Math.floor(at * (all.length - 16))] ^= 1 << bit
          let result: Analysed
          try {
            result = analyse(damaged)
          } catch (error) {
            expect(error).toBeInstanceOf(Failure)
            return
          }
          for (const { path, work, regions } of result.tasks) {
            for (const breakdown of [path, work, ...regions.map((region) => region.breakdown)]) {
              if (breakdown !== null) expect(sumOf(breakdown)).toBe(breakdown.totalNs)
            }
          }
        }),
        { numRuns: 25 },
      )
    },
  )

  test('chunks of any size give the same', () => {
    const all = captures[0].bytes()
    const whole = JSON.stringify(analyse(all, {}, all.length).tasks)
    for (const chunkBytes of [777, 65_536, 1_000_003])
      expect(JSON.stringify(analyse(all, {}, chunkBytes).tasks)).toBe(whole)
  })
})
