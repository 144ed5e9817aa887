// tables.test.ts: the tables of a generation as the kernel reads them, against a plain reading of the same bytes.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/base/bytes.ts'
import { VarintReader } from '../../src/base/varint.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { OrderKernel } from '../../src/capture/v2/order-kernel.ts'
import { BATCH_SLACK, PLACES_COUNT, STRING_PLACES } from '../../src/capture/v2/order-layout.ts'
import { type Damaged, GenerationTables } from '../../src/capture/v2/tables.ts'
import { wireFormat } from '../../src/capture/v2/wire-format.ts'

const memory = newCaptureMemory()
const tables = new GenerationTables(new OrderKernel(memory, wireFormat(26)))

/** Reads payloads of batches as one generation. */
function read(payloads: readonly Uint8Array[]): { tables: GenerationTables; damages: string[] } {
  const bytes = memory.uint8(payloads.reduce((sum, { length }) => sum + length, BATCH_SLACK))
  let at = 0
  const batches = payloads.map((payload) => {
    bytes.set(payload, at)
    return { experiment: -1, thread: 1, timeUnits: 0, from: at, to: (at += payload.length) }
  })
  const damages: string[] = []
  const damaged: Damaged = (offset, what) => damages.push(`${what} at ${offset}`)
  tables.begin(bytes.subarray(0, at), batches)
  for (const batch of batches) {
    if (bytes[batch.from] === Ev.Strings) tables.readStrings(batch, damaged)
    else tables.readStacks(batch, damaged)
  }
  tables.end()
  memory.release(bytes)
  return { tables, damages }
}

/** What a batch of strings says, the first of an id only, read number by number; and whether it is damaged. */
function plainly(payload: Uint8Array): { texts: Map<number, string>; sound: boolean } {
  const texts = new Map<number, string>()
  const reader = new VarintReader(payload, 1, payload.length)
  while (!reader.done) {
    const kind = reader.byte()
    const id = reader.read()
    const length = reader.read()
    if (kind !== Ev.String || reader.failed || length > payload.length - reader.offset) return { texts, sound: false }
    const text = Buffer.from(payload.subarray(reader.offset, (reader.offset += length))).toString()
    if (!texts.has(id)) texts.set(id, text)
  }
  return { texts, sound: !reader.failed }
}

function stringBatch(entries: readonly (readonly [number, string])[]): Uint8Array {
  const writer = new ByteWriter()
  writer.byte(Ev.Strings)
  for (const [id, text] of entries) {
    writer.byte(Ev.String)
    writer.varint(id)
    writer.varint(Buffer.byteLength(text))
    writer.raw(Buffer.from(text))
  }
  return writer.take()
}

const ids = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 0, max: 5_000 }),
  fc.maxSafeInteger().map(Math.abs),
)
const batch = fc.array(fc.tuple(ids, fc.string({ maxLength: 300 }))).map(stringBatch)

describe('strings of a generation', () => {
  test('are those that the bytes say, whatever their ids', () => {
    fc.assert(
      fc.property(batch, (payload) => {
        const { texts } = plainly(payload)
        const { tables, damages } = read([payload])
        expect(damages).toEqual([])
        texts.delete(0)
        for (const [id, text] of texts) expect(tables.strings.get(id)).toBe(text)
        for (let id = 1; id < 30; id++) expect(tables.strings.has(id)).toBe(texts.has(id))
      }),
    )
  })

  test('are read up to the damage, and no further, when bytes are changed or cut', () => {
    let damaged = 0
    fc.assert(
      fc.property(batch, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (payload, place, byte, cut) => {
        const broken = payload.slice(0, 1 + (cut % payload.length))
        if (broken.length > 1) broken[1 + (place % (broken.length - 1))] = byte
        const { texts, sound } = plainly(broken)
        const { tables, damages } = read([broken])
        expect(damages.length).toBe(sound ? 0 : 1)
        if (!sound) damaged++
        texts.delete(0)
        for (const [id, text] of texts) expect(tables.strings.get(id)).toBe(text)
        for (let id = 1; id < 30; id++) expect(tables.strings.has(id)).toBe(texts.has(id))
      }),
      { numRuns: 500 },
    )
    expect(damaged).toBeGreaterThan(50)
  })

  test('of one generation are not those of the next', () => {
    read([stringBatch(Array.from({ length: 3_000 }, (_, i) => [i + 1, `string ${i}`]))])
    expect(tables.strings.denseTo).toBe(3_000)
    const { strings } = read([stringBatch([[2, 'two']])]).tables
    expect([strings.has(1), strings.get(2), strings.has(3), strings.has(3_000)]).toEqual([false, 'two', false, false])
    expect(strings.size).toBe(1)
  })

  test('of several batches are one table, of which the first of an id counts', () => {
    const { strings } = read([
      stringBatch([[1, 'one']]),
      stringBatch([
        [1, 'other'],
        [2, 'two'],
      ]),
    ]).tables
    expect([strings.get(1), strings.get(2), strings.size, strings.denseTo]).toEqual(['one', 'two', 2, 2])
  })
})

/** A stack as it is written: each frame a counter, a function, a file and a line. */
type Frames = readonly (readonly [number, number, number, number])[]

function stackBatch(entries: readonly (readonly [number, Frames])[]): Uint8Array {
  const writer = new ByteWriter()
  writer.byte(Ev.Stacks)
  for (const [id, frames] of entries) {
    writer.byte(Ev.Stack)
    writer.varint(id)
    writer.varint(frames.length)
    for (const number of frames.flat()) writer.varint(number)
  }
  return writer.take()
}

const number = fc.oneof(fc.nat({ max: 127 }), fc.nat({ max: 40_000 }), fc.maxSafeInteger().map(Math.abs))
const frames = fc.array(fc.tuple(number, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), number), {
  maxLength: 40,
})

describe('stacks of a generation', () => {
  const names = stringBatch([
    [1, 'main.main'],
    [2, 'main.go'],
    [3, 'main.run'],
  ])
  const text = ['', 'main.main', 'main.go', 'main.run']

  test('have the frames that the bytes say, however long their numbers are', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.tuple(
            ids.filter((id) => id > 0),
            frames,
          ),
          { selector: ([id]) => id },
        ),
        (entries) => {
          const { tables, damages } = read([stackBatch(entries), names])
          expect(damages).toEqual([])
          expect(tables.stacks.size).toBe(entries.length)
          for (const [id, wanted] of entries) {
            const told = wanted.map(([, name, file, line]) => ({ function: text[name], file: text[file], line }))
            expect(tables.stacks.frames(id)).toEqual(told)
          }
        },
      ),
    )
  })

  test('are kept up to one that is cut', () => {
    fc.assert(
      fc.property(
        frames,
        frames.filter(({ length }) => length > 0),
        fc.nat(),
        (first, second, cut) => {
          const whole = stackBatch([[1, first]])
          const both = stackBatch([
            [1, first],
            [2, second],
          ])
          const to = whole.length + 1 + (cut % (both.length - whole.length - 1))
          const { tables, damages } = read([both.subarray(0, to), names])
          expect(damages).toHaveLength(1)
          expect(tables.stacks.frames(1)).toHaveLength(first.length)
          expect(tables.stacks.has(2)).toBe(false)
        },
      ),
    )
  })
})

test('strings whose id is one beyond the columns are not written beside them', () => {
  const fresh = newCaptureMemory()
  const kernel = new OrderKernel(fresh, wireFormat(26))
  const own = new GenerationTables(kernel)
  const payload = stringBatch([
    [1_023, 'last'],
    [1_024, 'beyond'],
  ])
  const bytes = fresh.uint8(payload.length + BATCH_SLACK)
  bytes.set(payload)
  const batch = { experiment: -1, thread: 1, timeUnits: 0, from: 0, to: payload.length }
  own.begin(bytes.subarray(0, payload.length), [batch])
  own.readStrings(batch, () => undefined)
  own.end()
  // The kernel counts what it wrote.
  expect(kernel.words[(STRING_PLACES + PLACES_COUNT) >> 2]).toBe(1)
  expect([own.strings.get(1_023), own.strings.get(1_024)]).toEqual(['last', 'beyond'])
})

test('tables of two generations hold where they are read later, and no longer', () => {
  const fresh = newCaptureMemory()
  const own = new GenerationTables(new OrderKernel(fresh, wireFormat(26)), 2)
  const numbered = [1, 2, 3].map((number) => {
    const payload = stringBatch(
      Array.from({ length: 10 * number }, (_, i) => [i + 1, `${i} of ${number}`] as [number, string]),
    )
    const bytes = fresh.uint8(payload.length + BATCH_SLACK)
    bytes.set(payload)
    const batch = { experiment: -1, thread: 1, timeUnits: 0, from: 0, to: payload.length }
    own.begin(bytes.subarray(0, payload.length), [batch])
    own.readStrings(batch, () => expect.unreachable())
    own.end()
    return own.strings
  })
  const [first, second, third] = numbered
  expect([second.size, second.get(1), second.get(20)]).toEqual([20, '0 of 2', '19 of 2'])
  expect([third.size, third.get(1), third.get(30)]).toEqual([30, '0 of 3', '29 of 3'])
  // Its columns are those of the third now.
  expect(first.get(30)).not.toBeUndefined()
})
