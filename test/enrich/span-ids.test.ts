import fc from 'fast-check'
import { expect, test } from 'vitest'
import { childSpanId } from '../../src/enrich/span-ids.ts'

const trace = new Uint8Array(16).fill(7)
const span = new Uint8Array(8).fill(9)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('the id is the 64-bit FNV-1a hash of trace id, span id, kind, goroutine and start, and stays so', () => {
  let hash = 0xcbf29ce484222325n
  const add = (bytes: Uint8Array): void => {
    for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  const number = (value: bigint): Uint8Array => new Uint8Array(new BigInt64Array([value]).buffer)
  add(trace)
  add(span)
  add(new TextEncoder().encode('wait\0'))
  add(number(36n))
  add(number(2_734_233_867_584n))
  expect(hex(childSpanId(trace, span, 'wait', 36, 2_734_233_867_584n))).toBe(hash.toString(16).padStart(16, '0'))
})

test('ids differ when anything they are made of differs, and are never zero', () => {
  const what = fc.tuple(
    fc.constantFrom('summary', 'region', 'wait', 'range'),
    fc.integer({ min: -1, max: 2 ** 40 }),
    fc.bigInt({ min: -1n, max: 2n ** 62n }),
    fc.nat(3),
  )
  fc.assert(
    fc.property(fc.uniqueArray(what, { selector: String, maxLength: 50 }), (all) => {
      const ids = all.map((one) => hex(childSpanId(trace, span, ...one)))
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids).not.toContain('0000000000000000')
      expect(all.map((one) => hex(childSpanId(trace, span, ...one)))).toEqual(ids)
    }),
  )
})
