// event-ring.test.ts: what one end of the ring tells, the other reads, in order and where it was written.

import { expect, test } from 'vitest'
import { BLOCKS } from '../../src/capture/block-layout.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { newRingControl, RingReader, type RingRecord, RingWriter } from '../../src/decoding/event-ring.ts'
import { Random } from '../support/random.ts'

test('records come as they were told, each with its own block, round and round', () => {
  const control = newRingControl()
  const { buffer } = newCaptureMemory()
  const writer = new RingWriter(control, buffer)
  const reader = new RingReader(control, buffer)
  const random = new Random(5)
  const untaken: RingRecord[] = []
  let told = 0
  let blocks = 0
  let taken = 0
  while (taken < 40 * BLOCKS) {
    // As many blocks as there are, and no more, are told ahead: with one more this thread would wait for itself.
    if (
      untaken.filter(({ rows }) => rows > 0).length < BLOCKS &&
      untaken.length < 2 * BLOCKS &&
      random.below(2) === 0
    ) {
      const rows = random.below(3) === 0 ? 0 : 1 + random.below(100)
      const block = rows > 0 ? writer.nextBlock() : null
      if (block !== null) {
        blocks++
        block.kind.fill(told & 0xff, 0, rows)
        block.timeNs.fill(told, 0, rows)
        block.stack.fill(-told, 0, rows)
      }
      const record = { rows, messages: told++, generationEnds: random.below(9) === 0 }
      writer.tell(record)
      untaken.push(record)
    }
    expect(reader.ready).toBe(untaken.length > 0)
    if (untaken.length === 0 || random.below(2) === 0) continue
    const { record } = reader
    expect(record).toEqual(untaken.shift())
    if (record.rows > 0) {
      const { block } = reader
      const number = record.messages
      for (const column of [block.timeNs, block.stack.map((value) => -value)]) {
        expect(column.subarray(0, record.rows).every((value) => value === number)).toBe(true)
      }
      expect(block.kind.subarray(0, record.rows).every((kind) => kind === (number & 0xff))).toBe(true)
    }
    reader.release(record)
    taken++
  }
  expect(blocks).toBeGreaterThan(10 * BLOCKS)
  writer.waitFor(told - untaken.length)
})

test('a reader with nothing to read comes back after as long as it was told to wait', () => {
  const reader = new RingReader(newRingControl(), newCaptureMemory().buffer)
  expect(reader.wait(1)).toBe(false)
})
