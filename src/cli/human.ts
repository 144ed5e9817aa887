// human.ts: numbers, sizes, times and shares as people read them.

import { type GroupedParts, GROUPS, type Group } from '../breakdown/groups.ts'
import type { Style } from './terminal.ts'

/** What people are told a group is, and how a bar draws it: a letter where there is no colour, a colour (ANSI) where there is. */
export const GROUP_LOOK: Readonly<
  Record<Group, { readonly label: string; readonly letter: string; readonly color: number }>
> = {
  exec: { label: 'on CPU', letter: 'c', color: 32 },
  schedWait: { label: 'scheduler wait', letter: 'r', color: 33 },
  network: { label: 'network', letter: 'n', color: 34 },
  lock: { label: 'lock', letter: 'l', color: 31 },
  chan: { label: 'channel', letter: 'h', color: 35 },
  syscall: { label: 'syscall', letter: 's', color: 36 },
  gcWait: { label: 'GC wait', letter: 'g', color: 91 },
  sleep: { label: 'sleep', letter: 'z', color: 94 },
  other: { label: 'other', letter: 'o', color: 37 },
  unknown: { label: 'unknown', letter: '?', color: 90 },
}

const TIME_UNITS = [
  { unit: 'ns', ns: 1, next: 1_000 },
  { unit: 'us', ns: 1_000, next: 1_000_000 },
  { unit: 'ms', ns: 1_000_000, next: 1_000_000_000 },
  { unit: 's', ns: 1_000_000_000, next: Infinity },
] as const

/** A length of time with three digits: `640 ns`, `12.4 ms`, `1.23 s`. */
export function duration(ns: number): string {
  for (const { unit, ns: size, next } of TIME_UNITS) {
    const text = size === 1 ? Math.round(ns).toString() : threeDigits(ns / size)
    // 999.6 us is 1.00 ms, not 1000 us.
    if (ns < next && Number(text) < 1000) return `${text} ${unit}`
  }
  return `${grouped(Math.round(ns / 1e9))} s`
}

/** A number of bytes: `460.7 kB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`
  return `${(bytes / 1e9).toFixed(2)} GB`
}

/** A whole number with its thousands apart: `12,345`. What the engine has for it loads tables of all languages first: some 20 ms. */
export function grouped(count: number): string {
  return count.toFixed(0).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** A count with its noun: `1 task`, `12,345 tasks`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

function threeDigits(value: number): string {
  if (value >= 99.95) return Math.round(value).toString()
  return value.toFixed(value >= 9.995 ? 1 : 2)
}

/** A bar whose cells are shared out among the groups; a group that rounds to nothing is left to the largest remainders. */
export function bar(parts: GroupedParts, cells: number, style: Style): string {
  const total = GROUPS.reduce((sum, group) => sum + parts[group], 0)
  if (total <= 0) return ' '.repeat(cells)
  const shares = GROUPS.map((group) => ({ group, exact: (parts[group] / total) * cells, cells: 0 }))
  let left = cells
  for (const share of shares) {
    share.cells = Math.floor(share.exact)
    left -= share.cells
  }
  const byRemainder = [...shares].sort((one, other) => other.exact - other.cells - (one.exact - one.cells))
  for (const share of byRemainder.slice(0, left)) share.cells++
  return shares
    .map(({ group, cells: width }) => {
      const { letter, color } = GROUP_LOOK[group]
      return width === 0 ? '' : style.colors ? style.color(color, '█'.repeat(width)) : letter.repeat(width)
    })
    .join('')
}

/** What the cells of bars mean, for the groups that occur. */
export function legend(groups: ReadonlySet<Group>, style: Style): string {
  return GROUPS.filter((group) => groups.has(group))
    .map((group) => {
      const { label, letter, color } = GROUP_LOOK[group]
      return `${style.colors ? style.color(color, '█') : letter} ${label}`
    })
    .join('   ')
}

/** The largest groups in words: `61 % lock, 20 % on CPU`. Shares under `leastPercent` are left out. */
export function largestParts(parts: GroupedParts, most: number, leastPercent = 1): string {
  const total = GROUPS.reduce((sum, group) => sum + parts[group], 0)
  if (total <= 0) return ''
  return GROUPS.map((group) => ({ group, percent: Math.round((100 * parts[group]) / total) }))
    .filter(({ percent }) => percent >= leastPercent)
    .sort((one, other) => other.percent - one.percent)
    .slice(0, most)
    .map(({ group, percent }) => `${percent} % ${GROUP_LOOK[group].label}`)
    .join(', ')
}

/** A text cut to a width, its middle left out: the beginning and the end of a name tell most. */
export function fitted(text: string, width: number): string {
  if (text.length <= width) return text
  const head = Math.ceil((width - 1) / 2)
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`
}

/** Lines of a table: columns as wide as their widest cell, numbers to the right. Cells may carry colours only in the last column. */
export function table(
  header: readonly string[],
  alignRight: readonly boolean[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        if (column === cells.length - 1) return cell
        return alignRight[column] === true ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
      })
      .join('  ')
      .trimEnd()
  return [style.dim(line(header)), ...rows.map(line)].map((text) => `  ${text}\n`).join('')
}
