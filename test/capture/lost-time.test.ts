// lost-time.test.ts: lost stretches of a capture, and what became of them since somebody was told.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LostTime, LostTimes } from '../../src/capture/lost-time.ts'

const time = fc.integer({ min: 0, max: 1_000_000 })
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ at: time, forNs: fc.oneof(time, fc.constant(Infinity)) }) },
  { weight: 2, arbitrary: fc.record({ endBy: time }) },
  { weight: 5, arbitrary: fc.constant('told' as const) },
)

describe('lost stretches', () => {
  test('that touch are one, and one without an end ends where it is said to', () => {
    const lost = new LostTimes()
    lost.add(10, 20)
    lost.add(15, 30)
    lost.add(50, 60)
    lost.add(70, Infinity)
    lost.add(90, 95)
    lost.endBy(80)
    expect(lost.list).toEqual([
      { startNs: 10, endNs: 30 },
      { startNs: 50, endNs: 60 },
      { startNs: 70, endNs: 80 },
    ])
  })

  test('what a contradiction says of the time before a stretch without an end is kept when that ends', () => {
    const lost = new LostTimes()
    lost.add(100, Infinity)
    lost.add(50, 120)
    lost.endBy(200)
    expect(lost.list).toEqual([{ startNs: 50, endNs: 200 }])
  })

  test('who is told what is new knows all of them, and is told of one stretch for one that was added', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1_000 }), (steps) => {
        const lost = new LostTimes()
        const told: LostTime[] = []
        let added = 0
        let ended = false
        const tell = (): void => {
          const news = lost.takeNews()
          if (news !== null) {
            if (!ended) expect(news.changed.length).toBeLessThanOrEqual(added)
            told.splice(news.kept, Infinity, ...news.changed)
          }
          expect(told).toEqual(lost.list)
          expect(lost.takeNews()).toBeNull()
          added = 0
          ended = false
        }
        for (const one of steps) {
          if (one === 'told') tell()
          else if ('endBy' in one) {
            lost.endBy(one.endBy)
            ended = true
          } else {
            lost.add(one.at, one.at + one.forNs)
            added++
          }
        }
        tell()
      }),
    )
  })
})
