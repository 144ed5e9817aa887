// layouts.test.ts: what kernels and TypeScript tell each other lies at numbers given by hand (the `*-layout.ts` files): no two things share a place.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TABLE_HEADER_BYTES } from '../../src/base/id-table-layout.ts'
import { GROUP_BYTES, MOST_RUNS } from '../../src/breakdown/states-layout.ts'
import { BLOCK_TIME, ORDER_REGISTERS, STATES_REGISTERS } from '../../src/capture/block-layout.ts'
import { PLACES_HIGHEST } from '../../src/capture/v2/order-layout.ts'

const WORD = 4
const DOUBLE = 8
const BYTE_FOR_EACH_FIRST_BYTE = 256
const BYTE_FOR_EACH_KIND = 64
const PLACES = PLACES_HIGHEST + WORD

/** Registers that are more than a word or a double. */
const LAYOUTS: readonly [file: string, base: number, end: number, sizes: Readonly<Record<string, number>>][] = [
  [
    'capture/v1/order-layout.ts',
    ORDER_REGISTERS,
    STATES_REGISTERS,
    {
      GOROUTINES: TABLE_HEADER_BYTES,
      THREADS: TABLE_HEADER_BYTES,
      SHAPES: BYTE_FOR_EACH_FIRST_BYTE,
      NUMBERS: BYTE_FOR_EACH_KIND,
    },
  ],
  [
    'capture/v2/order-layout.ts',
    ORDER_REGISTERS,
    STATES_REGISTERS,
    {
      GOROUTINES: TABLE_HEADER_BYTES,
      PROCESSORS: TABLE_HEADER_BYTES,
      MODEL_ARGUMENTS: 4 * DOUBLE,
      ARGUMENT_COUNTS: BYTE_FOR_EACH_FIRST_BYTE,
      STRING_PLACES: PLACES,
      STACK_PLACES: PLACES,
    },
  ],
  [
    'breakdown/states-layout.ts',
    STATES_REGISTERS,
    BLOCK_TIME,
    {
      TASK_IDS: TABLE_HEADER_BYTES,
      TASK_SERIALS: TABLE_HEADER_BYTES,
      PARTS: GROUP_BYTES,
      NAME_RUNS: 2 * MOST_RUNS * WORD,
    },
  ],
]

const source = fileURLToPath(new URL('../../src/', import.meta.url))
const room = (file: string): string => file.slice(0, file.lastIndexOf('/'))

/** All that is written in TypeScript and for the kernels in a room, its folders included. */
function textOf(folder: string): string {
  return readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.wasm.ts'))
    .map((name) => readFileSync(join(source, folder, name), 'utf8'))
    .join('\n')
}

/** Registers of a layout, as it is written: name and place, by place. */
function registersOf(file: string, base: number): { name: string; at: number }[] {
  const text = readFileSync(join(source, file), 'utf8')
  return [...text.matchAll(/^export const (\w+) = (?:ORDER|STATES)_REGISTERS(?: \+ (\d+))?$/gm)]
    .map(([, name, offset]) => ({ name, at: base + Number(offset ?? 0) }))
    .sort((one, other) => one.at - other.at)
}

describe.each(LAYOUTS)('registers of %s', (file, base, end, sizes) => {
  const code = textOf(room(file))
  const registers = registersOf(file, base)
  const isDouble = (name: string): boolean => new RegExp(`(<f64>\\(|doubles\\[)${name}( >> 3\\]|[,)])`).test(code)
  const sizeOf = (name: string): number => sizes[name] ?? (isDouble(name) ? DOUBLE : WORD)

  test('are read from the file, doubles among them', () => {
    const names = registers.map(({ name }) => name)
    expect(names.length).toBeGreaterThan(30)
    expect(names).toEqual(expect.arrayContaining(Object.keys(sizes)))
    expect(names.filter(isDouble).length).toBeGreaterThan(3)
  })

  test('do not share a place, and lie as their kind asks for', () => {
    const shared = registers.flatMap(({ name, at }, i) => {
      const next = registers.at(i + 1)
      return next !== undefined && at + sizeOf(name) > next.at ? [`${name} and ${next.name}`] : []
    })
    expect(shared).toEqual([])
    expect(registers.filter(({ name, at }) => at % (isDouble(name) ? DOUBLE : WORD) !== 0)).toEqual([])
  })

  test('end before what comes after them', () => {
    const last = registers.filter(({ name }) => !name.endsWith('REGISTERS_END')).at(-1)
    const ends = registers.find(({ name }) => name.endsWith('REGISTERS_END'))
    expect(last).toBeDefined()
    expect(ends).toBeDefined()
    if (last === undefined || ends === undefined) return
    expect(last.at + sizeOf(last.name)).toBeLessThanOrEqual(ends.at)
    expect(ends.at).toBeLessThanOrEqual(end)
  })
})
