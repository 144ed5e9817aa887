import { expect, test } from 'vitest'
import { ProblemList } from '../../src/capture/problems.ts'

test('a million problems of one kind take eight entries, and none is lost from the count', () => {
  const problems = new ProblemList()
  let built = 0
  for (let i = 0; i < 1_000_000; i++) {
    problems.add('UNKNOWN_STRING', i, () => {
      built++
      return `string ${i}`
    })
  }
  problems.add('ORDER_FORCED', null, () => 'another kind')
  expect(problems.list.filter(({ code }) => code === 'UNKNOWN_STRING')).toHaveLength(8)
  expect(built).toBe(8)
  expect(problems.countOf('UNKNOWN_STRING')).toBe(1_000_000)
  expect(problems.list.at(-1)).toEqual({ code: 'ORDER_FORCED', byteOffset: null, message: 'another kind', count: 1 })
})
