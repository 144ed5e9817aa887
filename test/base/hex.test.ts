// hex.test.ts: hexadecimal digits, held against Node's Buffer.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfHex, digitOf, hexOf } from '../../src/base/hex.ts'

test('bytes become the digits that Buffer writes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString('hex'))
    }),
  )
})

test('a part of an array becomes the digits of that part', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (bytes, one, other) => {
      const [from, to] = [one % (bytes.length + 1), other % (bytes.length + 1)].sort((a, b) => a - b)
      expect(hexOf(bytes, from, to)).toBe(Buffer.from(bytes.subarray(from, to)).toString('hex'))
    }),
  )
})

test('digits of either case become the bytes that they came from', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = Buffer.from(bytes).toString('hex')
      expect(bytesOfHex(text)).toEqual(bytes)
      expect(bytesOfHex(text.toUpperCase())).toEqual(bytes)
    }),
  )
})

test.each(['a', 'abc', 'ag', '0x', ' 00', '0 0 ', '-1', 'é0', '０0', '\u0130f'])('%j is no hex', (text) => {
  expect(bytesOfHex(text)).toBeNull()
})

test('a character is a digit exactly when a pattern says so', () => {
  for (let code = 0; code < 0x300; code++) {
    const character = String.fromCharCode(code)
    expect(digitOf(code)).toBe(/^[0-9a-fA-F]$/.test(character) ? parseInt(character, 16) : -1)
  }
})
