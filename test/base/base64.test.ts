// base64.test.ts: base64, held against Node's Buffer.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base64Of, bytesOfBase64 } from '../../src/base/base64.ts'

test('bytes become the text that Buffer writes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      expect(base64Of(bytes)).toBe(Buffer.from(bytes).toString('base64'))
    }),
  )
})

test('text of either alphabet, with padding or without, becomes the bytes that it came from', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      const standard = Buffer.from(bytes).toString('base64')
      const url = Buffer.from(bytes).toString('base64url')
      for (const text of [standard, standard.replace(/=+$/, ''), url, url.padEnd(standard.length, '=')]) {
        expect(bytesOfBase64(text)).toEqual(bytes)
      }
    }),
  )
})

test.each([
  'A',
  'AAAAA',
  '=',
  '==',
  '====',
  'A===',
  'AA=',
  'AAA==',
  'AAAA=',
  'AAAA==',
  'A A=',
  'AA\n=',
  'A*==',
  'ÄÄ==',
  'AA=A',
])('%j is no base64', (text) => {
  expect(bytesOfBase64(text)).toBeNull()
})
