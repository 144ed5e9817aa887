import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NONE_U64 } from '../../src/base/id-table.ts'
import { VarintReader } from '../../src/base/varint.ts'

/** LEB128 by its definition, seven bits at a time. */
function uvarint(value: bigint): number[] {
  const bytes: number[] = []
  for (; value >= 128n; value >>= 7n) bytes.push(Number(value & 127n) | 128)
  return [...bytes, Number(value)]
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

describe('VarintReader', () => {
  test('numbers below 2^53 come back exact, larger ones rounded as a double rounds them, all of them exact as bigint', () => {
    fc.assert(
      fc.property(fc.array(u64, { minLength: 1 }), (numbers) => {
        const bytes = Uint8Array.from(numbers.flatMap(uvarint))
        const reader = new VarintReader(bytes, 0, bytes.length)
        const exact = new VarintReader(bytes, 0, bytes.length)
        for (const number of numbers) {
          // Added seven bits at a time, a double may differ from the nearest by one unit in its last place.
          const read = reader.read()
          if (number <= BigInt(Number.MAX_SAFE_INTEGER)) expect(BigInt(read)).toBe(number)
          else expect(Math.abs(read - Number(number))).toBeLessThanOrEqual(Number(number) * Number.EPSILON)
          expect(exact.readBig()).toBe(number)
        }
        expect(reader.failed || exact.failed).toBe(false)
        expect(reader.done && exact.done).toBe(true)
      }),
    )
  })

  test("the tracer's none, 2^64 - 1, reads as NONE_U64", () => {
    const bytes = Uint8Array.from(uvarint(2n ** 64n - 1n))
    expect(new VarintReader(bytes, 0, bytes.length).read()).toBe(NONE_U64)
  })

  test('a number that ends outside the range, has eleven bytes or exceeds 64 bits fails, and so does every read after it', () => {
    const broken = [
      [0x80],
      [0xff, 0xff, 0xff],
      [...new Array<number>(10).fill(0x80), 1],
      [...new Array<number>(9).fill(0xff), 2],
    ]
    for (const bytes of broken) {
      for (const read of ['read', 'readBig'] as const) {
        const reader = new VarintReader(Uint8Array.from([...bytes, 7, 7]), 0, bytes.length)
        expect(Number(reader[read]())).toBe(0)
        expect(reader.failed).toBe(true)
        expect(Number(reader[read]())).toBe(0)
        expect(reader.done).toBe(true)
      }
    }
  })
})
