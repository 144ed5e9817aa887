import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyParts, GROUPS } from '../../src/breakdown/groups.ts'
import { bar, counted, duration, fitted, largestParts, size, table } from '../../src/cli/human.ts'
import type { Style } from '../../src/cli/terminal.ts'

const plain: Style = { colors: false, bold: (text) => text, dim: (text) => text, color: (_, text) => text, width: 100 }

describe('numbers for people', () => {
  test.each([
    [0, '0 ns'],
    [640, '640 ns'],
    [999, '999 ns'],
    [1_000, '1.00 us'],
    [12_340, '12.3 us'],
    [999_600, '1.00 ms'],
    [1_234_567, '1.23 ms'],
    [9_996_000, '10.0 ms'],
    [151_000_000, '151 ms'],
    [2_000_742_721, '2.00 s'],
    [7_200_000_000_000, '7,200 s'],
  ])('%d ns is %s', (ns, text) => {
    expect(duration(ns)).toBe(text)
  })

  test('sizes and counts carry their units, one of a thing is no plural', () => {
    expect([size(16), size(460_691), size(50_330_000), size(3_200_000_000)]).toEqual([
      '16 B',
      '460.7 kB',
      '50.3 MB',
      '3.20 GB',
    ])
    expect([counted(1, 'task'), counted(12_345, 'event')]).toEqual(['1 task', '12,345 events'])
  })

  test('a long name loses its middle, never its width', () => {
    expect(fitted('short', 10)).toBe('short')
    expect(fitted('github.com/acme/service.Handler', 12)).toBe('github…ndler')
    expect(fitted('github.com/acme/service.Handler', 12)).toHaveLength(12)
  })
})

describe('bars', () => {
  const parts = fc
    .array(fc.nat({ max: 10_000_000 }), { minLength: GROUPS.length, maxLength: GROUPS.length })
    .map((ns) => Object.assign(emptyParts(), Object.fromEntries(GROUPS.map((group, i) => [group, ns[i]]))))

  test('a bar has exactly its cells, and a larger part never has fewer of them by more than one', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 60 }), (grouped, cells) => {
        const drawn = bar(grouped, cells, plain)
        expect(drawn).toHaveLength(cells)
        const total = GROUPS.reduce((sum, group) => sum + grouped[group], 0)
        if (total === 0) return
        const letters = { exec: 'c', lock: 'l', network: 'n' } as const
        for (const [group, letter] of Object.entries(letters) as [keyof typeof letters, string][]) {
          const width = drawn.split(letter).length - 1
          expect(Math.abs(width - (grouped[group] / total) * cells)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  test('the largest parts are told first, in whole percent', () => {
    expect(largestParts({ ...emptyParts(), exec: 250, lock: 700, network: 50 }, 2)).toBe('70 % lock, 25 % on CPU')
    expect(largestParts(emptyParts(), 2)).toBe('')
  })
})

test('columns of a table line up, numbers to the right', () => {
  const rows = [
    ['a', '1', 'x'],
    ['long name', '12,345', 'y'],
  ]
  expect(table(['name', 'count', 'rest'], [false, true, false], rows, plain)).toBe(
    '  name        count  rest\n  a               1  x\n  long name  12,345  y\n',
  )
})
