import { expect, test } from 'vitest'
import { TraceBudget } from '../../src/enrich/budget.ts'

test('a trace gets so many spans and no more; other traces have their own count', () => {
  const budget = new TraceBudget({ spans: 2, bytes: 1000 })
  expect([budget.take('a', 10), budget.take('a', 10), budget.take('a', 10)]).toEqual([true, true, false])
  expect(budget.take('b', 10)).toBe(true)
})

test('a trace gets so many bytes and no more; a smaller span may still fit', () => {
  const budget = new TraceBudget({ spans: 10, bytes: 100 })
  expect([budget.take('a', 60), budget.take('a', 60), budget.take('a', 40), budget.take('a', 1)]).toEqual([
    true,
    false,
    true,
    false,
  ])
})

test('of more traces than it remembers the one added to longest ago begins anew', () => {
  const budget = new TraceBudget({ spans: 1, bytes: 100 }, 2)
  expect([budget.take('a', 1), budget.take('b', 1), budget.take('c', 1)]).toEqual([true, true, true])
  expect(budget.take('a', 1)).toBe(true)
  expect(budget.take('c', 1)).toBe(false)
})
