import { describe, expect, test } from 'vitest'
import { KindTable } from '../../src/enrich/kinds.ts'

describe('what is usual for a kind', () => {
  const kinds = new KindTable()
  for (let ms = 1; ms <= 100; ms++) kinds.add('GET /messages', ms * 1_000_000)
  for (let i = 0; i < 19; i++) kinds.add('rare', 1_000_000)

  test('is what nine in ten take', () => {
    expect(kinds.isUsual('GET /messages', 50_000_000)).toBe(true)
    expect(kinds.isUsual('GET /messages', 80_000_000)).toBe(true)
    expect(kinds.isUsual('GET /messages', 99_000_000)).toBe(false)
    expect(kinds.isUsual('GET /messages', 130_000_000)).toBe(false)
  })

  test('is not said of few, nor of unknown kinds', () => {
    expect(kinds.isUsual('rare', 1_000_000)).toBe(false)
    expect(kinds.isUsual('never seen', 1_000_000)).toBe(false)
  })

  test('is forgotten with the tasks', () => {
    const few = new KindTable()
    for (let i = 0; i < 30; i++) few.add('a', 0)
    expect(few.isUsual('a', 0)).toBe(true)
    few.clear()
    expect(few.isUsual('a', 0)).toBe(false)
  })
})
