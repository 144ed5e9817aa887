import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/base/bytes.ts'
import { StringTable } from '../../src/capture/string-table.ts'

function tableOf(entries: readonly (readonly [number, Uint8Array])[]): StringTable {
  const all = new ByteWriter()
  for (const [, bytes] of entries) all.raw(bytes)
  const table = new StringTable(all.take())
  let from = 0
  for (const [id, bytes] of entries) table.add(id, from, (from += bytes.length))
  return table
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('StringTable', () => {
  test('strings are found by id, and the first of an id wins', () => {
    const table = tableOf([
      [1, utf8('select')],
      [2, utf8('größer als zwanzig Zeichen, mit Umlaut')],
      [1, utf8('sync')],
    ])
    expect(table.get(1)).toBe('select')
    expect(table.get(2)).toBe('größer als zwanzig Zeichen, mit Umlaut')
  })

  test('id 0 is the empty string, an absent id is undefined', () => {
    const table = tableOf([[1, utf8('a')]])
    expect(table.get(0)).toBe('')
    expect(table.get(2)).toBeUndefined()
    expect(new StringTable(utf8('')).get(7)).toBeUndefined()
  })

  test('an id near 2^63 costs no memory', () => {
    const huge = 2 ** 63
    const table = tableOf([
      [huge, utf8('far')],
      [3, utf8('near')],
    ])
    expect(table.get(huge)).toBe('far')
    expect(table.get(3)).toBe('near')
    expect(table.get(4)).toBeUndefined()
  })

  test('bytes that are no UTF-8 are kept as they are beside the text', () => {
    const binary = Uint8Array.from([0x8f, 0x00, 0xff, 0x10, 1, 2, 3, 4])
    const table = tableOf([
      [1, binary],
      [2, utf8('naïve')],
    ])
    expect(table.binary(1)).toEqual(binary)
    expect(table.get(1)).toContain('\ufffd')
    expect(table.binary(2)).toBeNull()
  })

  test('strings added after a look-up are found as well', () => {
    const table = new StringTable(utf8('ab'))
    table.add(1, 0, 1)
    expect(table.get(2)).toBeUndefined()
    table.add(2, 1, 2)
    expect([table.get(1), table.get(2)]).toEqual(['a', 'b'])
  })
})
