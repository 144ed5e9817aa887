// response.test.ts: answers of receivers, held against protobufjs in both directions.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { encodeStatus, encodeTraceResponse, parseStatus, parseTraceResponse } from '../../../src/span/otlp/response.ts'
import { decoded, oracle } from '../../support/otlp.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const parsed = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'))

const message = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(127, 128, 20_000).map((n) => 'x'.repeat(n)),
)
const int64 = fc.bigInt(-(1n << 63n), (1n << 63n) - 1n)
const int32 = fc.integer()

describe('success', () => {
  test('is zero bytes in protobuf and an empty object in JSON', () => {
    expect(encodeTraceResponse(false, null)).toHaveLength(0)
    expect(parsed(encodeTraceResponse(true, null))).toEqual({})
  })

  test.each([
    ['no bytes', '', true],
    ['no bytes', '', false],
    ['an empty object', '{}', true],
    ['an empty partial success', '{"partialSuccess":{}}', true],
    ['a partial success of nothing', '{"partialSuccess":{"rejectedSpans":"0","errorMessage":""}}', true],
    ['null', '{"partialSuccess":null}', true],
  ])('is read from %s: %s', (_, body, json) => {
    expect(parseTraceResponse(utf8(body), json)).toBeNull()
  })

  test('with unknown fields is still success', () => {
    expect(parseTraceResponse(utf8('{"other":[1]}'), true)).toBeNull()
    expect(parseTraceResponse(Uint8Array.from([0x0a, 0x00, 0x78, 0x01]), false)).toBeNull()
  })
})

describe('partial success', () => {
  test('is read by protobufjs and by JSON.parse as it was written', () => {
    fc.assert(
      fc.property(int64, message, (rejectedSpans, text) => {
        const partial = { rejectedSpans, message: text }
        const expected = { rejectedSpans: String(rejectedSpans), errorMessage: text }
        const { partialSuccess } = oracle.Response.toObject(
          oracle.Response.decode(encodeTraceResponse(false, partial)),
          { longs: String, defaults: true },
        ) as { partialSuccess: unknown }
        expect(partialSuccess).toEqual(expected)
        expect(parsed(encodeTraceResponse(true, partial))).toEqual({ partialSuccess: expected })
      }),
    )
  })

  test('is read from what protobufjs and JSON.stringify write', () => {
    fc.assert(
      fc.property(int64, message, (rejectedSpans, text) => {
        const partialSuccess = { rejectedSpans: String(rejectedSpans), errorMessage: text }
        const expected = rejectedSpans === 0n && text === '' ? null : { rejectedSpans, message: text }
        const bytes = oracle.Response.encode(oracle.Response.fromObject({ partialSuccess })).finish()
        expect(parseTraceResponse(bytes, false)).toEqual(expected)
        expect(parseTraceResponse(utf8(JSON.stringify({ partialSuccess })), true)).toEqual(expected)
      }),
    )
  })

  test('its count may be a bare number in JSON', () => {
    const body = utf8('{"partialSuccess":{"rejectedSpans":9007199254740993}}')
    expect(parseTraceResponse(body, true)).toEqual({ rejectedSpans: 9007199254740993n, message: '' })
  })

  test('what is no answer of a receiver is refused', () => {
    for (const json of [true, false]) {
      expect(() => parseTraceResponse(utf8('<!doctype html><title>Log in</title>'), json)).toThrow(Failure)
    }
    expect(() => parseTraceResponse(utf8('{"partialSuccess":{"rejectedSpans":"many"}}'), true)).toThrow(
      /partialSuccess\.rejectedSpans, byte 35 of 43: rejectedSpans is to be a whole number, found "many"/,
    )
  })
})

describe('an error answer', () => {
  test('is read by protobufjs and by JSON.parse as it was written', () => {
    fc.assert(
      fc.property(int32, message, (code, text) => {
        const status = { code, message: text }
        const type = oracle.RpcStatus
        expect(type.toObject(type.decode(encodeStatus(false, status)), { defaults: true })).toEqual(status)
        expect(parsed(encodeStatus(true, status))).toEqual(status)
      }),
    )
  })

  test('is read from what protobufjs and JSON.stringify write', () => {
    fc.assert(
      fc.property(int32, message, (code, text) => {
        const status = { code, message: text }
        const expected = code === 0 && text === '' ? null : status
        expect(parseStatus(oracle.RpcStatus.encode(oracle.RpcStatus.fromObject(status)).finish(), false)).toEqual(
          expected,
        )
        expect(parseStatus(utf8(JSON.stringify(status)), true)).toEqual(expected)
      }),
    )
  })

  test('is read with details of any kind beside it', () => {
    const details =
      '{"code":14,"message":"full","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"5s"}]}'
    expect(parseStatus(utf8(details), true)).toEqual({ code: 14, message: 'full' })
    // Field 3 is details, repeated Any.
    const bytes = Uint8Array.from([0x08, 14, 0x12, 4, ...utf8('full'), 0x1a, 2, 0x0a, 0])
    expect(parseStatus(bytes, false)).toEqual({ code: 14, message: 'full' })
    expect(decoded(oracle.RpcStatus, bytes)).toEqual({ code: 14, message: 'full' })
  })

  test.each(['', '<html>502 Bad Gateway</html>', 'upstream connect error', '[]', '{"code":"x"}', '\u0000'])(
    'the body %j is none, and does not throw',
    (body) => {
      expect(parseStatus(utf8(body), true)).toBeNull()
      expect(parseStatus(utf8(body), false)).toBeNull()
    },
  )
})
