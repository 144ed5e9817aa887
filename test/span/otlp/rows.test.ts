// rows.test.ts: single values of a row. `scan.test.ts` holds all of them against protobufjs; here is what it cannot draw.

import { expect, test } from 'vitest'
import {
  endUnixNs,
  flagsOf,
  parentSpanIdHex,
  resourceSchemaUrl,
  spanIdHex,
  spanName,
  startUnixNs,
  traceIdHex,
  traceStateOf,
  withOwnBytes,
} from '../../../src/span/otlp/rows.ts'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { wireBytes } from '../../support/otlp-arbitrary.ts'
import type { WireField } from '../../support/otlp-arbitrary.ts'

const text = (number: number, value: string): WireField => [number, 'bytes', Buffer.from(value)]

function tableOf(...span: WireField[]): ReturnType<typeof scanTraceRequest> {
  return scanTraceRequest(wireBytes([[1, 'message', [[2, 'message', [[2, 'message', span]]]]]]))
}

test('a span without any field has empty text, zero times and no flags', () => {
  const table = tableOf()
  const texts = [traceIdHex, spanIdHex, parentSpanIdHex, spanName, traceStateOf].map((read) => read(table, 0))
  expect(texts).toEqual(['', '', '', '', ''])
  expect([startUnixNs(table, 0), endUnixNs(table, 0), flagsOf(table, 0)]).toEqual([0n, 0n, 0])
  expect(resourceSchemaUrl(table, 0)).toBe('')
})

test('ids are lower-case hex with every leading zero', () => {
  const table = tableOf(
    [1, 'bytes', Uint8Array.from([0x00, 0x0a, ...new Array<number>(13).fill(0), 0xff])],
    [2, 'bytes', Uint8Array.from([0, 0, 0, 0, 0, 0, 0x0f, 0xab])],
    [4, 'bytes', Uint8Array.from([0xab, 0xcd, 0xef, 0, 0, 0, 0, 1])],
  )
  expect(traceIdHex(table, 0)).toBe('000a00000000000000000000000000ff')
  expect(spanIdHex(table, 0)).toBe('0000000000000fab')
  expect(parentSpanIdHex(table, 0)).toBe('abcdef0000000001')
})

test('a name that is no UTF-8 is read with replacement characters, and its bytes stay', () => {
  const table = tableOf([5, 'bytes', Uint8Array.from([0x61, 0xff, 0x62])])
  expect(spanName(table, 0)).toBe('a\ufffdb')
  expect([...table.bytes.subarray(table.nameFrom[0], table.nameTo[0])]).toEqual([0x61, 0xff, 0x62])
})

test('of a field that occurs twice the last counts', () => {
  const table = tableOf(
    text(3, 'a=1'),
    text(5, 'first'),
    [16, 'fixed32', 1],
    [7, 'fixed64', 5n],
    text(3, 'b=2'),
    text(5, 'second'),
    [16, 'fixed32', 0x80000301],
    [7, 'fixed64', 6n],
  )
  expect([traceStateOf(table, 0), spanName(table, 0)]).toEqual(['b=2', 'second'])
  expect([flagsOf(table, 0), startUnixNs(table, 0)]).toEqual([0x80000301, 6n])
})

test('a table with bytes of its own says the same when the bytes it was scanned from are overwritten', () => {
  const resource: WireField = [
    1,
    'message',
    [[1, 'message', [text(1, 'service.name'), [2, 'message', [text(1, 'shop')]]]]],
  ]
  const span: WireField = [2, 'message', [[2, 'message', [text(5, 'GET /'), [1, 'bytes', new Uint8Array(16).fill(7)]]]]]
  for (const resources of [[resource], [resource, resource]]) {
    // As in a pool: the request lies somewhere in larger memory.
    const wire = wireBytes([[1, 'message', [...resources, span]]])
    const memory = new Uint8Array(wire.length + 20)
    memory.set(wire, 10)
    const table = scanTraceRequest(memory.subarray(10, 10 + wire.length))
    const own = withOwnBytes(table)
    const said = (): unknown[] => [
      spanName(own, 0),
      traceIdHex(own, 0),
      Buffer.from(own.resources[0].resource).toString('latin1'),
      Buffer.from(own.bytes).toString('hex'),
    ]
    const before = said()
    memory.fill(0xee)
    expect(said()).toEqual(before)
    expect(before[0]).toBe('GET /')
    expect(before[2]).toContain('shop')
  }
})
