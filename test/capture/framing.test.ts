// framing.test.ts: a capture is cut into generations, and one that is too long into parts.

import { describe, expect, test } from 'vitest'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { GenerationFramer } from '../../src/capture/v2/framing.ts'
import { wireFormat } from '../../src/capture/v2/wire-format.ts'
import { captureFixtures } from '../support/fixtures.ts'

const HEADER_BYTES = 16
const capture = captureFixtures()
  .filter(({ name }) => name === 'go1.26/messages-long')[0]
  .bytes()

/** Generations, or parts of them, that a framer hands over, each with its batches in hex, and the problems it tells of. */
function framed(maxGenerationBytes?: number, chunkBytes = 10_000) {
  const problems = new ProblemList()
  const parts: { number: number; byteOffset: number; length: number; complete: boolean; batches: string[] }[] = []
  const framer = new GenerationFramer(
    wireFormat(26),
    HEADER_BYTES,
    problems,
    newCaptureMemory(),
    ({ number, byteOffset, bytes, batches, complete }) =>
      parts.push({
        number,
        byteOffset,
        length: bytes.length,
        complete,
        batches: batches.map(({ from, to }) => Buffer.from(bytes.subarray(from, to)).toString('hex')),
      }),
    maxGenerationBytes,
  )
  for (let at = HEADER_BYTES; at < capture.length; at += chunkBytes) framer.push(capture.subarray(at, at + chunkBytes))
  framer.end()
  return { parts, problems: problems.list }
}

describe('generations longer than may be', () => {
  const whole = framed()

  test('are none where nothing is said of how long they may be', () => {
    expect(whole.problems).toEqual([])
    expect(whole.parts.length).toBeGreaterThan(3)
    expect(whole.parts.every(({ complete }) => complete)).toBe(true)
  })

  test.each([1_000, 10_000, 1_000_000])(
    'are handed over in parts, no batch twice and none lost, in chunks of %i bytes',
    (chunkBytes) => {
      const longest = Math.max(...whole.parts.map(({ length }) => length))
      const most = Math.floor(longest / 3)
      const { parts, problems } = framed(most, chunkBytes)
      expect(parts.length).toBeGreaterThan(whole.parts.length)
      expect(parts.flatMap(({ batches }) => batches)).toEqual(whole.parts.flatMap(({ batches }) => batches))
      // Each begins where the one before ended.
      for (const [i, { byteOffset, length }] of parts.entries()) {
        if (i + 1 < parts.length) expect(parts[i + 1].byteOffset).toBe(byteOffset + length)
      }
      // What is not the end of its generation is not said to be whole.
      const ends = parts.filter(({ number }, i) => parts[i + 1]?.number !== number)
      expect(parts.filter((part) => !ends.includes(part)).every(({ complete }) => !complete)).toBe(true)
      expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['LIMIT']))
      expect(problems[0].message).toContain(
        `is longer than ${most.toLocaleString('en-US')} bytes: it is read in parts.`,
      )
      expect(problems[0].byteOffset).toBe(parts[1].byteOffset)
    },
  )
})
