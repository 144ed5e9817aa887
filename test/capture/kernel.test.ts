// kernel.test.ts: what kernels and TypeScript have to agree on.

import { describe, expect, test } from 'vitest'
import { BLOCK_END, BLOCK_ROWS, BLOCK_TIME, ORDER_REGISTERS, STATES_REGISTERS } from '../../src/capture/block-layout.ts'
import { EventBlock } from '../../src/capture/event-block.ts'
import { Ev, eventSpecs } from '../../src/capture/event-types.ts'
import { STATES_REGISTERS_END } from '../../src/breakdown/states-layout.ts'
import {
  ARGUMENT_COUNTS,
  BATCH_SLACK,
  MOST_ARGUMENTS,
  REGISTERS_END,
  STRING_PLACES,
} from '../../src/capture/v2/order-layout.ts'

describe('kernels and TypeScript', () => {
  test('have a row of the table for each event number', () => {
    expect(eventSpecs.map(({ name }) => name).sort()).toEqual(Object.keys(Ev).sort())
    expect(new Set(eventSpecs.map(({ number }) => number)).size).toBe(eventSpecs.length)
  })

  test('keep registers and the columns of a block apart', () => {
    expect(ARGUMENT_COUNTS + 256).toBeLessThanOrEqual(STRING_PLACES)
    expect(ORDER_REGISTERS).toBe(0)
    expect(REGISTERS_END).toBeLessThanOrEqual(STATES_REGISTERS)
    expect(STATES_REGISTERS_END).toBeLessThanOrEqual(BLOCK_TIME)
    const block = new EventBlock()
    const columns = Object.values(block).filter((value) => ArrayBuffer.isView(value))
    expect(columns).toHaveLength(9)
    const places = columns
      .map(({ byteOffset, byteLength }) => ({ from: byteOffset, to: byteOffset + byteLength }))
      .sort((one, other) => one.from - other.from)
    expect(places[0].from).toBe(BLOCK_TIME)
    for (const [i, { to }] of places.entries()) expect(to).toBeLessThanOrEqual(places[i + 1]?.from ?? BLOCK_END)
    for (const column of columns) expect(column).toHaveLength(BLOCK_ROWS)
  })

  test('have slack behind a batch for an event of five numbers of ten bytes', () => {
    expect(1 + (1 + MOST_ARGUMENTS) * 10).toBeLessThanOrEqual(BATCH_SLACK)
  })
})
