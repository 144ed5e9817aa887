import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUPS } from '../../src/breakdown/groups.ts'
import { cutText, microseconds, overlapsOf, partAttributes, utf8Length } from '../../src/enrich/attributes.ts'
import { stackText } from '../../src/enrich/stack-text.ts'
import { byKey, PARTS, sumOfParts } from './builders.ts'

test('microseconds with three decimals give back every nanosecond', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat().map((ns) => ns % 2 ** 50),
      (ns) => {
        expect(Math.round(microseconds(ns) * 1000)).toBe(ns)
      },
    ),
  )
  expect(microseconds(12_345)).toBe(12.345)
})

test('the parts are the ten of the contract, and their sum is that of the groups to the nanosecond', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4_000_000_000), { minLength: 10, maxLength: 10 }), (ns) => {
      const parts = Object.fromEntries(GROUPS.map((group, i) => [group, ns[i]])) as Parameters<typeof partAttributes>[0]
      const attributes = partAttributes(parts)
      expect(Object.keys(byKey(attributes))).toEqual(PARTS.map((part) => `subspan.${part}_us`))
      expect(sumOfParts(attributes)).toBe(ns.reduce((sum, value) => sum + value, 0))
    }),
  )
})

test('stops of the world count together, whatever and whoever stopped it', () => {
  const rangeNs = {
    'GC mark assist': 5,
    'GC incremental sweep': 7,
    'stop-the-world (GC mark termination)': 11,
    'stop-the-world (read mem stats)': 13,
  }
  const overlaps = overlapsOf({
    rangeNs,
    blockNs: { 'GC mark assist wait for work': 2 },
    gcOverlapNs: 17,
    stwWaitNs: { 'stop-the-world (GC mark termination)': 5 },
  })
  expect(overlaps).toEqual({
    gcAssistNs: 5,
    gcAssistWaitNs: 2,
    gcStwNs: 29,
    gcStwOwnNs: 24,
    gcStwReason: 'GC mark termination',
    gcSweepNs: 7,
    gcOverlapNs: 17,
  })
})

describe('texts', () => {
  const text = fc.string({ unit: 'binary', maxLength: 80 })

  test('are measured as UTF-8', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(utf8Length(value)).toBe(new TextEncoder().encode(value).length)
      }),
    )
    expect(utf8Length('\ud800x')).toBe(4)
  })

  test('are cut at a character, with an ellipsis, never longer than allowed', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 3, max: 60 }), (value, most) => {
        const cut = cutText(value, most)
        expect(utf8Length(cut)).toBeLessThanOrEqual(most)
        if (utf8Length(value) <= most) expect(cut).toBe(value)
        else expect(cut.endsWith('…') && value.startsWith(cut.slice(0, -1))).toBe(true)
      }),
    )
  })
})

describe('a stack', () => {
  const frame = (name: string): { function: string; file: string; line: number } => ({
    function: name,
    file: '/src/a.go',
    line: 7,
  })

  test('is written the way Go writes one', () => {
    expect(stackText([frame('sync.(*Mutex).Lock'), frame('main.work')])).toBe(
      'sync.(*Mutex).Lock\n\t/src/a.go:7\nmain.work\n\t/src/a.go:7',
    )
  })

  test('keeps as many whole frames as fit a kilobyte', () => {
    const deep = stackText(Array.from({ length: 128 }, (_, i) => frame(`main.work${i}`)))
    expect(utf8Length(deep)).toBeLessThanOrEqual(1024)
    expect(utf8Length(deep)).toBeGreaterThan(950)
    expect(deep.endsWith('\n\t/src/a.go:7')).toBe(true)
  })

  test('of one frame that is too long is that frame’s function, cut', () => {
    const text = stackText([frame('x'.repeat(5000))])
    expect(utf8Length(text)).toBeLessThanOrEqual(1024)
    expect(text.startsWith('xxx')).toBe(true)
  })

  test('without frames is empty', () => {
    expect(stackText([])).toBe('')
  })
})
