// span-id-set.test.ts: span ids by hash.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SpanIdSet, spanIdHash, spanIdHashOfHex } from '../../src/bridge/span-id-set.ts'

const idOf = fc.uint8Array({ minLength: 8, maxLength: 8 })

test('an id has one hash, as bytes anywhere and as digits, and it is never zero', () => {
  fc.assert(
    fc.property(idOf, fc.nat(20), (id, at) => {
      const bytes = new Uint8Array(at + 8)
      bytes.set(id, at)
      const hash = spanIdHash(bytes, at)
      expect(hash).toBeGreaterThan(0)
      expect(spanIdHashOfHex(Buffer.from(id).toString('hex'))).toBe(hash)
    }),
  )
})

test('numbered ids have hashes of their own', () => {
  for (const half of [0, 4]) {
    const hashes = new Set<number>()
    const id = Buffer.alloc(8, 0x5a)
    for (let i = 0; i < 50_000; i++) {
      id.writeUInt32BE(i, half)
      hashes.add(spanIdHash(id, 0))
    }
    expect(hashes.size).toBeGreaterThan(49_998)
  }
})

test('a set has what was added, and nothing else', () => {
  const hash = fc.integer({ min: 1, max: 0xffffffff })
  fc.assert(
    fc.property(fc.uniqueArray(hash, { maxLength: 500 }), fc.array(hash), (added, others) => {
      const set = new SpanIdSet()
      for (const one of [...added, ...added]) set.add(one)
      for (const one of added) expect(set.has(one)).toBe(true)
      for (const one of others) expect(set.has(one)).toBe(added.includes(one))
      expect(set.has(0)).toBe(false)
    }),
  )
})
