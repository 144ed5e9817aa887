// two-rooms.test.ts: where events are read later, by another thread, a generation stays where it is while the next one is read.

import { describe, expect, test } from 'vitest'
import type { LaterReading } from '../../src/capture/event-block.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { type FramedGeneration, GenerationFramer } from '../../src/capture/v2/framing.ts'
import { wireFormat } from '../../src/capture/v2/wire-format.ts'
import { captureFixtures } from '../support/fixtures.ts'
import { writeNumber, writePadded } from '../support/v2-wire.ts'

const CHUNK_BYTES = 100_000
const BATCH_BYTES = 65_536

/** Frames a capture, the header left out, that is read later. */
function framerOf(take: (generation: FramedGeneration) => void, waitForAll: () => void): GenerationFramer {
  const unused = (): never => {
    throw new Error('the framer asks for no blocks and waits for no generation')
  }
  const later: LaterReading = { nextBlock: unused, waitForEarlier: unused, waitForAll }
  return new GenerationFramer(wireFormat(26), 16, new ProblemList(), newCaptureMemory(), take, undefined, later)
}

/** A generation of so many batches of one thread, filled with its number. */
function* generation(number: number, batches: number): Generator<Uint8Array> {
  const payload = new Uint8Array(BATCH_BYTES).fill(number)
  for (let i = 0; i < batches; i++) {
    const header = [Ev.EventBatch, number]
    for (const value of [1, 1_000 + i]) writeNumber(header, BigInt(value))
    writePadded(header, BATCH_BYTES)
    yield Uint8Array.from(header)
    yield payload
  }
  yield Uint8Array.of(Ev.EndOfGeneration)
}

/** Whether the bytes of a generation are those of one of `generation`, beginning and ending with one batch. */
function isWhole(bytes: Uint8Array): boolean {
  const number = bytes[1]
  const last = bytes.subarray(bytes.length - BATCH_BYTES - 1, -1)
  return bytes[0] === Ev.EventBatch && bytes.at(-1) === Ev.EndOfGeneration && last.every((byte) => byte === number)
}

describe('a generation that is read later', () => {
  test('is not written over before the next but one is read', () => {
    const long = captureFixtures('captures/go1.26')
      .filter(({ name }) => name === 'messages-long')[0]
      .bytes()
    let before: { bytes: Uint8Array; copy: Uint8Array } | null = null
    let held = 0
    const take = ({ bytes }: FramedGeneration): void => {
      if (before !== null) {
        expect(before.bytes).toEqual(before.copy)
        held++
      }
      before = { bytes, copy: bytes.slice() }
    }
    const framer = framerOf(take, () => expect.unreachable())
    for (let from = 16; from < long.length; from += CHUNK_BYTES) framer.push(long.subarray(from, from + CHUNK_BYTES))
    framer.end()
    expect(held).toBeGreaterThanOrEqual(3)
  })

  test('is not written over by bytes that are passed over, nor by what comes after them', () => {
    const numbers: number[] = []
    const framer = framerOf(
      ({ number, bytes }) => {
        numbers.push(number)
        // It may be read until the next one is told.
        expect(earlier.every((one) => isWhole(one))).toBe(true)
        earlier.splice(0, 1, bytes)
      },
      () => expect.unreachable(),
    )
    const earlier: Uint8Array[] = []
    for (const piece of generation(1, 3)) framer.push(piece)
    for (let n = 0; n < 3; n++) framer.push(new Uint8Array(100))
    for (const piece of generation(2, 2)) framer.push(piece)
    expect(numbers).toEqual([1, 2])
  })

  test('has the only room when it is larger than 64 MiB, and is waited for before that is filled again', () => {
    const taken: FramedGeneration[] = []
    let waits = 0
    const framer = framerOf(
      (framed) => taken.push(framed),
      () => {
        expect(taken).toHaveLength(++waits)
        expect(taken[waits - 1].bytes).toSatisfy(isWhole)
      },
    )
    for (const piece of generation(1, 1_100)) framer.push(piece)
    expect(waits).toBe(1)
    for (const piece of generation(2, 3)) framer.push(piece)
    framer.end()
    expect(waits).toBe(2)
    expect(taken.map(({ number, batches }) => [number, batches.length])).toEqual([
      [1, 1_100],
      [2, 3],
    ])
  })
})
