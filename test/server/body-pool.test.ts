import { expect, test } from 'vitest'
import { BodyPool } from '../../src/server/body-pool.ts'

test('memory is at least as large as was asked for, and what was given back comes again', () => {
  const pool = new BodyPool()
  for (const bytes of [1, 262_144, 262_145, 3_000_000]) {
    const memory = pool.take(bytes)
    expect(memory.length).toBeGreaterThanOrEqual(bytes)
    expect(memory.length).toBeLessThanOrEqual(Math.max(262_144, 2 * bytes))
    pool.give(memory)
    expect(pool.take(bytes)).toBe(memory)
  }
})

test('what is in use is not handed out again', () => {
  const pool = new BodyPool()
  expect(pool.take(1_000)).not.toBe(pool.take(1_000))
})

test('no more than 32 MiB are kept', () => {
  const pool = new BodyPool()
  const memory = Array.from({ length: 40 }, () => pool.take(1 << 20))
  for (const one of memory) pool.give(one)
  const again = Array.from({ length: 40 }, () => pool.take(1 << 20))
  expect(again.filter((one) => memory.includes(one))).toHaveLength(32)
})
