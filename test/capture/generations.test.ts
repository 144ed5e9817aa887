// generations.test.ts: what a capture says of its first generations does not depend on those that follow.

import { describe, expect, test } from 'vitest'
import type { CaptureProblem } from '../../src/capture/capture.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { captureFixtures, isV2 } from '../support/fixtures.ts'
import { HEADER_BYTES, joinBatches, splitBatches } from '../support/v2-wire.ts'

/** Every column of every event, row after row. */
function eventsOf(capture: Uint8Array): { columns: Float64Array; problems: readonly CaptureProblem[] } {
  const columns: number[] = []
  const decoder = new CaptureDecoder(
    {},
    {
      events: ({ length, kind, timeNs, goroutine, processor, thread, a, b, c, stack }) => {
        for (let i = 0; i < length; i++) {
          columns.push(kind[i], timeNs[i], goroutine[i], processor[i], thread[i], stack[i])
          if (hasArguments(kind[i])) columns.push(a[i], b[i])
          if (hasThird(kind[i])) columns.push(c[i])
        }
      },
    },
  )
  decoder.push(capture)
  const { problems } = decoder.end()
  return { columns: Float64Array.from(columns), problems }
}

// Columns that a kind does not use hold what was there before.
const hasArguments = (kind: number): boolean => [10, 12, 13, 14, 15, 16, 21, 25, 33, 40, 42, 43, 44, 47].includes(kind)
const hasThird = (kind: number): boolean => [13, 14, 15, 25, 40, 44, 47].includes(kind)

const captures = captureFixtures()
  .filter((fixture) => fixture.name.startsWith('go') && isV2(fixture))
  .map(({ name, bytes }) => {
    const batches = splitBatches(bytes())
    return { name, bytes, batches, numbers: [...new Set(batches.map(({ generation }) => generation))] }
  })
  .filter(({ numbers }) => numbers.length > 1)

describe('a capture cut after some of its generations', () => {
  test('there are some of several generations', () => {
    expect(captures.length).toBeGreaterThanOrEqual(5)
  })

  test.each(captures)(
    '$name: is the beginning of the whole, and nothing is wrong with it',
    ({ bytes, batches, numbers }) => {
      const capture = bytes()
      const whole = eventsOf(capture).columns
      for (let count = 1; count < numbers.length; count++) {
        const kept = batches.filter(({ generation }) => numbers.indexOf(generation) < count)
        const part = joinBatches(capture.subarray(0, HEADER_BYTES), kept)
        // The same bytes, cut: nothing of the test's own making is read.
        expect(Buffer.compare(part, capture.subarray(0, part.length))).toBe(0)
        const { columns, problems } = eventsOf(part)
        expect(problems).toEqual([])
        expect(columns.length).toBeGreaterThan(0)
        expect(columns.findIndex((value, i) => value !== whole[i])).toBe(-1)
      }
    },
  )
})
