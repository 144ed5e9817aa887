import fc from 'fast-check'
import { expect, test } from 'vitest'
import { halvesOf, utf8Of } from '../../src/base/bytes.ts'
import { Hash64 } from '../../src/base/hash.ts'

const hex = ({ low, high }: { low: number; high: number }): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')

// Test vectors of the FNV draft (draft-eastlake-fnv, appendix C).
test.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['b', 'af63df4c8601f1a5'],
  ['foobar', '85944171f73967e8'],
])('the published hash of %j is %s', (text, hash) => {
  expect(hex(new Hash64().bytes(utf8Of(text)).value)).toBe(hash)
})

test('halves of 32 bits give what 64-bit arithmetic gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      let hash = 0xcbf29ce484222325n
      for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
      expect(hex(new Hash64().bytes(bytes).value)).toBe(hash.toString(16).padStart(16, '0'))
    }),
  )
})

test('numbers are hashed as their eight bytes, the low ones first, and texts end with a zero byte', () => {
  const bytes = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1)
  expect(new Hash64().halves(halvesOf(0x0102030405060708n)).value).toEqual(new Hash64().bytes(bytes).value)
  expect(new Hash64().text('ab').text('c').value).toEqual(new Hash64().bytes(utf8Of('ab\0c\0')).value)
  expect(new Hash64().text('ab').text('c').value).not.toEqual(new Hash64().text('a').text('bc').value)
})
