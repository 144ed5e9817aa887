import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IdTable } from '../../src/base/id-table.ts'

describe('IdTable', () => {
  test('it finds, inserts and removes as a map does, whatever the order', () => {
    const id = fc.oneof(
      fc.integer({ min: 0, max: 40 }),
      fc.maxSafeInteger().map(Math.abs),
      fc.integer({ min: 0, max: 20 }).map((n) => n * 2 ** 32),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 }), (steps) => {
        const table = new IdTable(4)
        const model = new Map<number, number>()
        for (const [add, key] of steps) {
          if (add && !model.has(key)) {
            const row = table.insert(key)
            expect([...model.values()]).not.toContain(row)
            model.set(key, row)
          } else if (!add) {
            table.remove(key)
            model.delete(key)
          }
        }
        expect(table.size).toBe(model.size)
        for (const [, key] of steps) expect(table.find(key)).toBe(model.get(key) ?? -1)
        const seen = new Map<number, number>()
        table.forEach((key, row) => seen.set(key, row))
        expect(seen).toEqual(model)
      }),
    )
  })

  test('rows of removed ids are given out again, so that rows stay as many as ids were ever present at once', () => {
    const table = new IdTable()
    for (let id = 0; id < 10_000; id++) {
      table.insert(id)
      if (id >= 8) table.remove(id - 8)
    }
    expect(table.rowCount).toBe(9)
  })
})
