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
