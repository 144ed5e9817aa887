// reencode.test.ts: the bytes of a capture follow from what was decoded of it.

import { describe, expect, test } from 'vitest'
import { Ev } from '../../src/capture/event-types.ts'
import { analyse, captureFixtures, corpusFixtures, isV2 } from '../support/fixtures.ts'
import { reencode } from '../support/reencode.ts'
import { concatBytes, HEADER_BYTES, joinBatches, readNumber, splitBatches } from '../support/v2-wire.ts'

const captures = [
  // Those written by hand hold what no runtime writes: equal times, statuses of other threads.
  ...captureFixtures().filter(({ name }) => name.startsWith('go')),
  ...corpusFixtures(),
]
  .filter(isV2)
  .filter(({ bytes }) => {
    // A damaged capture cannot follow from what could be read of it.
    try {
      return !analyse(bytes()).info.problems.some(({ code }) => !/MISUSE|CLOCK_STEP/.test(code))
    } catch {
      return false
    }
  })

describe('a recorded capture', () => {
  test('there are captures of every format', () => {
    expect(captures.length).toBeGreaterThanOrEqual(20)
  })

  test.each(captures)('$name: written again from its decoded events it is the same, byte for byte', ({ bytes }) => {
    const original = bytes()
    expect(Buffer.compare(reencode(original), original)).toBe(0)
  })

  // Two threads that meet the same stack at one time take an id each, and one of the two is not written.
  test('one whose table of stacks leaves an id out is written again too', () => {
    const recorded = captures[0].bytes()
    const batches = splitBatches(recorded)
    const whole = batches.findIndex(({ experiment, payload }) => experiment < 0 && payload[0] === Ev.Stacks)
    batches[whole].payload = withoutFirstStack(batches[whole].payload)
    const original = joinBatches(recorded.subarray(0, HEADER_BYTES), batches)
    expect(Buffer.compare(reencode(original), original)).toBe(0)
  })
})

function withoutFirstStack(payload: Uint8Array): Uint8Array {
  const { next } = readNumber(payload, 2)
  const frames = readNumber(payload, next)
  let end = frames.next
  for (let left = Number(frames.value) * 4; left > 0; left--) end = readNumber(payload, end).next
  return concatBytes([payload.subarray(0, 1), payload.subarray(end)])
}
