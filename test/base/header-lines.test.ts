import { expect, test } from 'vitest'
import { readHeaderLines } from '../../src/base/header-lines.ts'

test.each([
  ['', {}],
  ['# a comment\n\n', {}],
  ['Authorization: Bearer a:b=c\r\nx-tenant:red', { authorization: 'Bearer a:b=c', 'x-tenant': 'red' }],
  ['a: 1\na: 2\n', { a: '2' }],
])('%j', (text, headers) => {
  expect(readHeaderLines(text)).toEqual(headers)
})

test.each([
  ['a: 1\nno colon\n', 2],
  [': no name', 1],
  ['no value:', 1],
  ['two words: x', 1],
  ['a: control\x01', 1],
  ['a: \u20ac', 1],
])('%j has a line that is none: %i', (text, line) => {
  expect(readHeaderLines(text)).toBe(line)
})
