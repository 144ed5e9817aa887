// requests.test.ts: which requests came lately.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Requests } from '../../src/bridge/requests.ts'

const keyOf = (number: number): string =>
  `${1_000 + number}-${1 + (number % 7)}-${number.toString(16).padStart(48, '0')}-${(number * 3).toString(16).padStart(16, '0')}`
const MINUTES_5_MS = 300_000

test('a request is found by its key until it is five minutes old, and no other is', async () => {
  const requests = new Requests()
  for (let i = 0; i < 100; i++) requests.add(keyOf(i), Promise.resolve(), i % 2 === 0, i * 1_000)
  for (let i = 0; i < 100; i++) {
    const found = requests.find(keyOf(i))
    expect([await found?.stored, found?.asItCame]).toEqual([true, i % 2 === 0])
  }
  expect(requests.find(keyOf(100))).toBeNull()
  expect(requests.find('no key')).toBeNull()
  requests.add(keyOf(100), Promise.resolve(), true, MINUTES_5_MS + 49_500)
  expect(requests.find(keyOf(49))).toBeNull()
  expect(requests.find(keyOf(50))).not.toBeNull()
})

test('one that is being written is found; when it does not reach the disk, it was never there', async () => {
  const requests = new Requests()
  let fail = (): void => undefined
  requests.add(keyOf(1), new Promise((_, reject) => (fail = () => reject(new Error('full')))), true, 0)
  const found = requests.find(keyOf(1))
  fail()
  expect(await found?.stored).toBe(false)
  expect(requests.find(keyOf(1))).toBeNull()
  requests.add(keyOf(1), Promise.resolve(), false, 1)
  expect(requests.find(keyOf(1))?.asItCame).toBe(false)
  expect(await requests.find(keyOf(1))?.stored).toBe(true)
})

test('after a restart a request of several parts left as it came only when all of them did', () => {
  const requests = new Requests()
  for (const [key, asItCame] of [
    [keyOf(1), true],
    [keyOf(2), true],
    [keyOf(2), false],
    [keyOf(3), false],
    [keyOf(3), true],
  ] as const)
    requests.restore(key, asItCame, 1_000, 2_000)
  requests.restore(keyOf(4), true, 0, MINUTES_5_MS + 1)
  for (const nothing of [undefined, null, 7, '']) requests.restore(nothing, true, 1_000, 2_000)
  expect([1, 2, 3, 4].map((number) => requests.find(keyOf(number))?.asItCame)).toEqual([true, false, false, undefined])
})

test('of very many the oldest are forgotten', () => {
  const requests = new Requests()
  for (let i = 0; i < 250_000; i++) requests.restore(keyOf(i), true, 0, 0)
  expect(requests.find(keyOf(149_999))).toBeNull()
  for (const number of [150_000, 200_000, 249_999]) expect(requests.find(keyOf(number))).not.toBeNull()
})

test('it says what a map of keys would say', async () => {
  const operation = fc.record({
    number: fc.nat(20),
    asItCame: fc.boolean(),
    stored: fc.boolean(),
    stepMs: fc.nat(60_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const requests = new Requests()
      const model = new Map<number, { readonly asItCame: boolean; readonly atMs: number }>()
      let nowMs = 0
      for (const { number, asItCame, stored, stepMs } of operations) {
        nowMs += stepMs
        for (const [key, { atMs }] of model) if (nowMs - atMs > MINUTES_5_MS) model.delete(key)
        if (requests.find(keyOf(number)) !== null && model.has(number)) continue
        requests.add(keyOf(number), stored ? Promise.resolve() : Promise.reject(new Error('no')), asItCame, nowMs)
        const outcome = await requests.find(keyOf(number))?.stored
        expect(outcome).toBe(stored)
        if (stored) model.set(number, { asItCame, atMs: nowMs })
      }
      for (const [number, { asItCame }] of model) expect(requests.find(keyOf(number))?.asItCame).toBe(asItCame)
    }),
  )
})
