import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from '../../src/base/crc32.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ['nothing', new Uint8Array(0), 0],
  ['the nine digits', ascii('123456789'), 0xe3069283],
  ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes that count up', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ['32 bytes that count down', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
])('the checksum of %s is the published one', (_name, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})

test('summing in parts gives the sum of the whole, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const at = Math.min(cut, bytes.length)
      expect(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at))).toBe(crc32c(bytes))
    }),
  )
})

test('a flipped bit changes the sum', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, bit) => {
      const flipped = bytes.slice()
      flipped[(bit >> 3) % bytes.length] ^= 1 << (bit & 7)
      expect(crc32c(flipped)).not.toBe(crc32c(bytes))
    }),
  )
})
