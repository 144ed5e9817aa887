// json.test.ts: OTLP/JSON to protobuf and back, against protobufjs, JSON.parse and the rules of the protocol.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { traceRequestFromJson, traceRequestToJson } from '../../../src/span/otlp/json.ts'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import { MAX_DEPTH } from '../../../src/span/protobuf.ts'
import { decoded, oracle, spansOfJson, spansOfProtobuf } from '../../support/otlp.ts'
import type { PlainSpan, PlainValue } from '../../support/otlp.ts'
import { anyPlace, requestFields, wireBytes } from '../../support/otlp-arbitrary.ts'
import type { WireField } from '../../support/otlp-arbitrary.ts'
import { otlpFixtures } from '../../support/otlp-fixtures.ts'

/** A request with one span of this JSON text. */
const withSpan = (span: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`
const withValue = (value: string): string => withSpan(`{"attributes":[{"key":"k","value":${value}}]}`)

function spanOf(span: string): PlainSpan {
  return spansOfProtobuf(traceRequestFromJson(withSpan(span)))[0]
}

function valueOf(value: string): PlainValue {
  return spansOfProtobuf(traceRequestFromJson(withValue(value)))[0].attributes[0].value
}

function failureOf(json: string | Uint8Array): Failure {
  try {
    traceRequestFromJson(json)
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
  throw new Error('the request was taken')
}

function messageOf(json: string | Uint8Array): string {
  const { code, message } = failureOf(json)
  expect(code).toBe('SPANS_MALFORMED')
  return message
}

const IDS = new Set(['traceId', 'spanId', 'parentSpanId'])
const SIXTY_FOUR_BITS = new Set(['startTimeUnixNano', 'endTimeUnixNano', 'timeUnixNano', 'intValue'])
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((kind) => `SPAN_KIND_${kind}`)
const CODES = ['UNSET', 'OK', 'ERROR'].map((code) => `STATUS_CODE_${code}`)

/**
 * Writes a message as some sender might: keys in any order and of either spelling, 64-bit numbers with or without quotes,
 * enums by name or number, ids in either case, escapes and white space anywhere, null for what is absent, unknown keys.
 */
class AnySender {
  constructor(private readonly choices: Iterator<number>) {}

  /** True once in `times`. */
  private once(times: number): boolean {
    return Number(this.choices.next().value) % times === 0
  }

  value(key: string, value: unknown): string {
    if (Array.isArray(value)) return `[${value.map((item) => this.value(key, item)).join(this.space(','))}]`
    if (value instanceof Uint8Array) return this.bytes(key, value)
    if (typeof value === 'object' && value !== null) return this.message(value as Record<string, unknown>)
    if (typeof value === 'number') return this.number(key, value)
    if (SIXTY_FOUR_BITS.has(key) && this.once(2)) return String(value)
    return typeof value === 'string' ? this.text(value) : JSON.stringify(value)
  }

  private message(message: Record<string, unknown>): string {
    const entries = Object.entries(message).map(
      ([key, value]) => `${this.key(key)}${this.space(':')}${this.value(key, value)}`,
    )
    if (this.once(5)) entries.push(`"unknown"${this.space(':')}{"a":[1,-2.5e3,"\\"]}",{}],"__proto__":null,"b":[]}`)
    if (this.once(5) && !('name' in message) && !('key' in message)) entries.push('"name":null')
    if (this.once(3)) entries.reverse()
    return `{${entries.join(this.space(','))}}`
  }

  private key(key: string): string {
    if (this.once(6)) return JSON.stringify(key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    return this.once(6) ? this.text(key) : JSON.stringify(key)
  }

  private bytes(key: string, value: Uint8Array): string {
    const bytes = Buffer.from(value)
    if (!IDS.has(key)) return JSON.stringify(bytes.toString(this.once(3) ? 'base64url' : 'base64'))
    return JSON.stringify(this.once(2) ? bytes.toString('hex') : bytes.toString('hex').toUpperCase())
  }

  private number(key: string, value: number): string {
    if (key === 'kind' && this.once(2)) return JSON.stringify(KINDS[value])
    if (key === 'code' && this.once(2)) return JSON.stringify(CODES[value])
    const text = Object.is(value, -0) ? '-0' : String(value)
    return !Number.isFinite(value) || this.once(4) ? JSON.stringify(text) : text
  }

  private text(text: string): string {
    if (!this.once(3)) return JSON.stringify(text)
    const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
    return `"${Array.from({ length: text.length }, (_, i) => escape(text[i])).join('')}"`
  }

  private space(separator: string): string {
    return this.once(5) ? ` \n${separator}\t\r` : separator
  }
}

describe('random requests', () => {
  test('in the JSON of any sender they are what they are in protobuf', () => {
    fc.assert(
      fc.property(requestFields, fc.infiniteStream(fc.nat()), (fields, choices) => {
        const bytes = wireBytes(fields)
        const text = new AnySender(choices).value('', decoded(oracle.Request, bytes))
        expect(() => JSON.parse(text) as unknown).not.toThrow()
        const expected = spansOfProtobuf(bytes)
        expect(spansOfProtobuf(traceRequestFromJson(text))).toEqual(expected)
        expect(spansOfProtobuf(traceRequestFromJson(Buffer.from(text)))).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  test('as JSON of ours JSON.parse reads what protobufjs reads from the bytes', () => {
    fc.assert(
      fc.property(requestFields, (fields) => {
        const bytes = wireBytes(fields)
        const text = traceRequestToJson(bytes)
        expect(text).not.toContain('\n')
        expect(spansOfJson(text)).toEqual(spansOfProtobuf(bytes))
      }),
      { numRuns: 150 },
    )
  })

  test('nothing is taken that JSON.parse refuses, and what is refused as bad JSON JSON.parse refuses too', () => {
    const bodies = otlpFixtures().filter(({ json }) => json)
    const edit = fc.tuple(anyPlace, fc.constantFrom(...'{}[]",:\\ 0-.e5tn\n', '', '""', 'null', '1 ', 'x'))
    fc.assert(
      fc.property(fc.constantFrom(...bodies), fc.array(edit, { minLength: 1, maxLength: 3 }), ({ body }, edits) => {
        // Long text only makes it less likely that an edit hits something.
        let text = Buffer.from(body)
          .toString('utf8')
          .replace(/(0123456789abcdef)+/, 'long')
        for (const [place, piece] of edits) {
          const at = place % text.length
          text = text.slice(0, at) + piece + text.slice(at + 1)
        }
        const parses = ((): boolean => {
          try {
            JSON.parse(text)
            return true
          } catch {
            return false
          }
        })()
        try {
          traceRequestFromJson(text)
          expect(parses).toBe(true)
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown
          expect(thrown.code).toBe('SPANS_MALFORMED')
          if (parses) expect(thrown.message).toMatch(REFUSED_THOUGH_JSON)
        }
      }),
      { numRuns: 800 },
    )
  })

  test('a body cut anywhere is refused', () => {
    for (const { body } of otlpFixtures().filter(({ json }) => json)) {
      for (let size = 0; size < body.length; size += 37) messageOf(body.subarray(0, size))
    }
  })
})

/** Reasons that are about OTLP, not about JSON. */
const REFUSED_THOUGH_JSON =
  /expected (an object|an array|a string|a number|true or false|an even count of hex digits)|comes twice|null stands in an array|is to be a whole number|is its range|this is no base64|is unknown|beyond what a double can hold/

describe('numbers', () => {
  test.each([
    ['"1764000000123456789"', '1764000000123456789'],
    ['1764000000123456789', '1764000000123456789'],
    ['18446744073709551615', '18446744073709551615'],
    ['"18446744073709551615"', '18446744073709551615'],
    ['9007199254740993', '9007199254740993'],
    ['0', '0'],
    ['-0', '0'],
    ['"0"', '0'],
    ['1e3', '1000'],
    ['"1.5e1"', '15'],
    ['1764000000.123456789e9', '1764000000123456789'],
    ['0.000001e8', '100'],
    ['10.00', '10'],
    ['null', '0'],
  ])('the time %s is %s', (json, startUnixNs) => {
    expect(spanOf(`{"startTimeUnixNano":${json}}`).startUnixNs).toBe(startUnixNs)
    expect(spanOf(` {  "startTimeUnixNano" : ${json} } `).startUnixNs).toBe(startUnixNs)
  })

  test.each([
    [
      '18446744073709551616',
      /startTimeUnixNano is "18446744073709551616", 0 to 18,446,744,073,709,551,615 is its range/,
    ],
    [
      '"99999999999999999999999"',
      /startTimeUnixNano is .*99999999999999999999999.*, 0 to 18,446,744,073,709,551,615 is its range/,
    ],
    ['-1', /startTimeUnixNano is "-1", 0 to 18,446,744,073,709,551,615 is its range/],
    ['1e300', /startTimeUnixNano is "1e300", 0 to/],
    ['1.5', /startTimeUnixNano is to be a whole number, found "1\.5"/],
    ['1e-1', /is to be a whole number, found "1e-1"/],
    ['01', /is to be a whole number, found "01"/],
    ['"01"', /is to be a whole number, found "01"/],
    ['""', /is to be a whole number, found ""/],
    ['" 1"', /is to be a whole number, found " 1"/],
    ['"0x10"', /is to be a whole number, found "0x10"/],
    ['"12a"', /is to be a whole number, found "12a"/],
    ['-', /is to be a whole number, found "-"/],
    ['+1', /is to be a whole number, found "\+1"/],
    ['12a', /expected "," or "}", found "a"/],
    ['true', /expected a number, found "t"/],
    ['{}', /expected a number, found "{"/],
  ])('the time %s is refused', (json, message) => {
    expect(messageOf(withSpan(`{"startTimeUnixNano":${json}}`))).toMatch(message)
  })

  test.each([
    ['"9223372036854775807"', '9223372036854775807'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['"-9223372036854775808"', '-9223372036854775808'],
    ['-1', '-1'],
    ['0', '0'],
    ['4611686018427388000', '4611686018427388000'],
  ])('the integer %s is %s', (json, int) => {
    expect(valueOf(`{"intValue":${json}}`)).toEqual({ int })
  })

  // What OpenTelemetry JS writes for a number that is whole but no 64-bit integer; its protobuf form is a double.
  test.each([
    ['9223372036854776000', 2 ** 63],
    ['-9223372036854776000', -(2 ** 63)],
    ['9223372036854775808', 2 ** 63],
    ['1e+300', 1e300],
    ['-1.7976931348623157e+308', -Number.MAX_VALUE],
  ])('the integer %s, too large for 64 bits, is kept as a double', (json, double) => {
    expect(valueOf(`{"intValue":${json}}`)).toEqual({ double })
  })

  test('the same in quotes is refused: no such number was meant', () => {
    const json = withValue('{"intValue":"9223372036854775808"}')
    expect(messageOf(json)).toContain(
      `resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.intValue, byte ${json.indexOf('"9223')} of ${json.length}: ` +
        'intValue is "9223372036854775808", -9,223,372,036,854,775,808 to 9,223,372,036,854,775,807 is its range',
    )
  })

  test.each([
    ['0.1', 0.1],
    ['3', 3],
    ['"-2.5"', -2.5],
    ['"NaN"', NaN],
    ['"Infinity"', Infinity],
    ['"-Infinity"', -Infinity],
    ['-0', -0],
    ['"-0"', -0],
    ['5e-324', 5e-324],
    ['1.7976931348623157E+308', Number.MAX_VALUE],
    ['1e-400', 0],
  ])('the double %s is %s', (json, double) => {
    expect(valueOf(`{"doubleValue":${json}}`)).toEqual({ double })
  })

  test.each([
    ['1e400', /"1e400" is beyond what a double can hold/],
    ['"nan"', /expected a number, found "nan"/],
    ['NaN', /expected a number, found "N"/],
    ['.5', /expected a number, found "\.5"/],
    ['1.', /expected a number, found "1\."/],
    ['true', /expected a number, found "t"/],
  ])('the double %s is refused', (json, message) => {
    expect(messageOf(withValue(`{"doubleValue":${json}}`))).toMatch(message)
  })

  test('counts and flags take 32 bits and no more', () => {
    const span = spanOf('{"flags":4294967295,"droppedAttributesCount":"4294967295"}')
    expect([span.flags, span.droppedAttributes]).toEqual([0xffffffff, 0xffffffff])
    expect(messageOf(withSpan('{"flags":4294967296}'))).toMatch(
      /flags is "4294967296", 0 to 4,294,967,295 is its range/,
    )
    expect(messageOf(withSpan('{"droppedLinksCount":-1}'))).toMatch(/droppedLinksCount is "-1", 0 to 4,294,967,295/)
  })
})

describe('enums', () => {
  test('kinds and status codes are numbers, numbers in quotes or names', () => {
    for (const [number, name] of KINDS.entries()) {
      for (const json of [`${number}`, `"${number}"`, `"${name}"`]) expect(spanOf(`{"kind":${json}}`).kind).toBe(number)
    }
    for (const [number, name] of CODES.entries()) {
      expect(spanOf(`{"status":{"code":"${name}"}}`).status.code).toBe(number)
      expect(spanOf(`{"status":{"code":${number}}}`).status.code).toBe(number)
    }
  })

  test('a number that OTLP does not name yet is kept, a name that it does not have is refused', () => {
    expect(spanOf('{"kind":77}').kind).toBe(77)
    expect(spanOf('{"kind":-1}').kind).toBe(-1)
    expect(messageOf(withSpan('{"kind":"SERVER"}'))).toMatch(
      /kind "SERVER" is unknown: a number is expected, or one of SPAN_KIND_UNSPECIFIED, /,
    )
    expect(messageOf(withSpan('{"kind":2147483648}'))).toMatch(/-2,147,483,648 to 2,147,483,647 is its range/)
    expect(messageOf(withSpan('{"kind":1.5}'))).toMatch(/kind is to be a whole number, found "1\.5"/)
  })
})

describe('ids and bytes', () => {
  test('ids are hex of either case, of any length', () => {
    const span = spanOf(
      '{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"00aB"}',
    )
    expect([span.traceId, span.spanId, span.parentSpanId]).toEqual([
      '5b8efff798038103d269b633813fc60c',
      'eee19b7ec3c1b174',
      '00ab',
    ])
    expect(spanOf('{"traceId":"","spanId":null}')).toMatchObject({ traceId: '', spanId: '' })
  })

  test.each([
    ['"W47/95gDgQPSabYzgT/GDA=="', /ids are hex in OTLP\/JSON, not base64\), found "W"/],
    ['"abc"', /expected an even count of hex digits .* found 3 digits, an odd count/],
    ['"ab\\u0063d"', /found "\\"/],
    ['12', /expected a string of hex digits, found "1"/],
  ])('the id %s is refused', (json, message) => {
    expect(messageOf(withSpan(`{"traceId":${json}}`))).toMatch(message)
  })

  test.each([
    ['', ''],
    ['AAH+/w==', '0001feff'],
    ['AAH-_w==', '0001feff'],
    ['AAH+/w', '0001feff'],
    ['AAH\\u002b\\/w==', '0001feff'],
  ])('bytes are base64 of either alphabet: %s', (base64, bytes) => {
    expect(valueOf(`{"bytesValue":"${base64}"}`)).toEqual({ bytes })
  })

  test.each(['A', 'AA=', 'AAAA=', '====', 'A A=', 'ä', '*'])('the bytes %s are refused', (base64) => {
    expect(messageOf(withValue(`{"bytesValue":"${base64}"}`))).toMatch(/this is no base64/)
  })
})

describe('keys', () => {
  test('the spelling of protobuf is taken beside that of JSON', () => {
    const text = '{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"0102","start_time_unix_nano":"5"}]}]}]}'
    expect(spansOfProtobuf(traceRequestFromJson(text))[0]).toMatchObject({ traceId: '0102', startUnixNs: '5' })
  })

  test('unknown keys are passed over with whatever they hold', () => {
    const values = [
      '1',
      '-1.5e3',
      '"\\"}"',
      'true',
      'false',
      'null',
      '{}',
      '[]',
      '[[{"a":[]},{}],1]',
      '{"a":{"b":"]"}}',
    ]
    for (const value of values) {
      expect(spanOf(`{"other":${value},"name":"a","":${value}}`).name).toBe('a')
      expect(spanOf(`{"name":"a" , "Name" : ${value} }`).name).toBe('a')
    }
    for (const value of [
      '01',
      'tru',
      'nul',
      '{',
      '[',
      '{"a"}',
      '[1,]',
      '{"a":1,}',
      "'a'",
      'undefined',
      '"\u0001"',
      '--1',
    ]) {
      messageOf(withSpan(`{"other":${value}}`))
    }
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('the key %s is one like any other', (key) => {
    expect(spanOf(`{"${key}":{"name":"no"},"name":"yes"}`).name).toBe('yes')
    const bytes = traceRequestFromJson(
      withSpan(`{"attributes":[{"key":"${key}","value":{"kvlistValue":{"values":[{"key":"${key}"}]}}}]}`),
    )
    expect(spansOfProtobuf(bytes)[0].attributes).toEqual([{ key, value: { map: [{ key, value: {} }] } }])
    expect(spansOfJson(traceRequestToJson(bytes))).toEqual(spansOfProtobuf(bytes))
    expect(({} as Record<string, unknown>).name).toBeUndefined()
  })

  test('a key that comes twice is refused, in one spelling or two', () => {
    const json = withSpan('{"name":"a","kind":1,"name":"b"}')
    expect(messageOf(json)).toContain(
      `resourceSpans[0].scopeSpans[0].spans[0], byte ${json.lastIndexOf('"name"')} of ${json.length}: the key "name" comes twice`,
    )
    expect(messageOf(withSpan('{"traceId":"01","trace_id":"01"}'))).toMatch(/the key "trace_id" comes twice/)
  })

  test('keys may be escaped', () => {
    expect(spanOf('{"n\\u0061me":"a"}').name).toBe('a')
  })
})

describe('null, empty and default', () => {
  test('null is absent for every kind of field, and is refused in an array', () => {
    const nulls =
      '{"traceId":null,"name":null,"kind":null,"startTimeUnixNano":null,"attributes":null,"events":null,"status":null,"flags":null}'
    expect(spanOf(nulls)).toEqual(spanOf('{}'))
    expect(spansOfProtobuf(traceRequestFromJson('{"resourceSpans":null}'))).toEqual([])
    expect(messageOf('{"resourceSpans":[null]}')).toMatch(/^resourceSpans\[0], byte 18 of 24: null stands in an array/)
  })

  test('a value that is empty, zero or false is kept as that value, one that is null is none', () => {
    expect(valueOf('{"stringValue":""}')).toEqual({ string: '' })
    expect(valueOf('{"boolValue":false}')).toEqual({ bool: false })
    expect(valueOf('{"intValue":"0"}')).toEqual({ int: '0' })
    expect(valueOf('{"doubleValue":0}')).toEqual({ double: 0 })
    expect(valueOf('{"bytesValue":""}')).toEqual({ bytes: '' })
    expect(valueOf('{"arrayValue":{}}')).toEqual({ list: [] })
    expect(valueOf('{"kvlistValue":{"values":[]}}')).toEqual({ map: [] })
    expect(valueOf('{}')).toEqual({})
    expect(valueOf('{"doubleValue":null}')).toEqual({})
  })

  test('an empty object is a request without spans, with white space and a byte order mark around it too', () => {
    expect(traceRequestFromJson('{}')).toHaveLength(0)
    expect(traceRequestFromJson('\ufeff \r\n\t{ } \n')).toHaveLength(0)
  })
})

describe('text', () => {
  test('escapes, any plane of Unicode and lone surrogates', () => {
    expect(spanOf('{"name":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9ü世🚀\\ud83d\\ude80"}').name).toBe('"\\/\b\f\n\r\téü世🚀🚀')
    expect(spanOf('{"name":"a\\ud800b"}').name).toBe('a\ufffdb')
  })

  test('bytes that are no UTF-8 become U+FFFD', () => {
    const bytes = Buffer.from(withSpan('{"name":"a?b"}'))
    bytes[bytes.indexOf('?')] = 0xff
    expect(spansOfProtobuf(traceRequestFromJson(bytes))[0].name).toBe('a\ufffdb')
  })

  test.each([
    ['"a\nb"', /control character 10 in a string, it must be escaped/],
    ['"\\x41"', /a string with an unknown escape/],
    ['"\\u12"', /a string with an unknown escape/],
    ["'a'", /expected a string, found "'"/],
    ['12', /expected a string, found "1"/],
  ])('the text %s is refused', (json, message) => {
    expect(messageOf(withSpan(`{"name":${json}}`))).toMatch(message)
  })
})

describe('no request', () => {
  test.each([
    ['', /^byte 0 of 0: the body is empty, expected an object/],
    ['   ', /^byte 3 of 3: the body is empty, expected an object/],
    ['[]', /^byte 0 of 2: expected an object, found "\["/],
    ['null', /^byte 0 of 4: expected an object, found "n"/],
    ['"text"', /^byte 0 of 6: expected an object, found "\\?""/],
    ['<html>', /^byte 0 of 6: expected an object, found "<"/],
    ['{} {}', /^byte 3 of 5: expected the end, found "{"/],
    ['{"resourceSpans":{}}', /^resourceSpans, byte 17 of 20: expected an array, found "{"/],
    [
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":',
      /^resourceSpans\[0]\.scopeSpans\[0]\.spans\[1]\.name, byte 64 of 64: expected a string, found the end/,
    ],
    [
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a',
      /^resourceSpans\[0]\.scopeSpans\[0]\.spans\[0]\.name, byte 51 of 53: a string begins here and does not end: 2 bytes are left/,
    ],
    ['{"resourceSpans":[{}', /^resourceSpans\[0], byte 20 of 20: expected "," or "]", found the end/],
    ['{resourceSpans:[]}', /^byte 1 of 18: expected a key, found "r"/],
    ['{"resourceSpans",[]}', /^(resourceSpans, )?byte 16 of 20: expected ":", found ","/],
    ['{"resourceSpans":[],}', /expected a key, found "}"/],
    ['{"resourceSpans":[{},]}', /^resourceSpans\[1], byte 21 of 23: expected an object, found "]"/],
  ])('%s', (json, message) => {
    expect(messageOf(json)).toMatch(message)
    expect(messageOf(json)).toMatch(/check the Content-Type/)
  })

  test('a protobuf body sent as JSON is refused', () => {
    for (const { body } of otlpFixtures().filter(({ json }) => !json)) messageOf(body)
  })
})

describe('depth', () => {
  const nest = (lists: number, innermost: string): string =>
    withValue(`${'{"arrayValue":{"values":['.repeat(lists)}${innermost}${']}}'.repeat(lists)}`)
  // Request, ResourceSpans, ScopeSpans, Span, KeyValue, AnyValue: six; then each list adds ArrayValue and AnyValue.
  const most = (MAX_DEPTH - 6) / 2

  test('as deep as protobuf allows, and one deeper is refused, saying both numbers', () => {
    const bytes = traceRequestFromJson(nest(most, '{"boolValue":true}'))
    expect(spansOfProtobuf(bytes)).toHaveLength(1)
    expect(traceRequestFromJson(traceRequestToJson(bytes))).toEqual(bytes)
    expect(messageOf(nest(most + 1, '{}'))).toContain(`messages nest ${MAX_DEPTH + 1} deep, ${MAX_DEPTH} are read`)
  })

  test('what is passed over may not nest without end either', () => {
    const unknown = (arrays: number): string => `{"unknown":${'['.repeat(arrays)}${']'.repeat(arrays)}}`
    expect(traceRequestFromJson(unknown(MAX_DEPTH - 1))).toHaveLength(0)
    expect(messageOf(unknown(1_000_000))).toContain(`values nest ${MAX_DEPTH + 1} deep, ${MAX_DEPTH} are read`)
  })

  test('protobuf that nests deeper is not written as JSON', () => {
    let value: WireField[] = []
    for (let i = 0; i <= most; i++) value = [[5, 'message', [[1, 'message', value]]]]
    const attribute: WireField = [9, 'message', [[2, 'message', value]]]
    const bytes = wireBytes([[1, 'message', [[2, 'message', [[2, 'message', [attribute]]]]]]])
    expect(() => traceRequestToJson(bytes)).toThrow(`messages nest ${MAX_DEPTH + 1} deep`)
  })
})

describe('size', () => {
  const requestOf = (count: number, item: string): string =>
    `{"resourceSpans":[${`${item},`.repeat(count - 1)}${item}]}`

  test('a million empty items are taken, more are refused with both numbers', () => {
    expect(scanTraceRequest(traceRequestFromJson(requestOf(1_000_000, '{}'))).length).toBe(0)
    const { code, message } = failureOf(requestOf(1_000_001, ' {} '))
    expect(code).toBe('BODY_TOO_LARGE')
    expect(message).toContain('1,000,001 list items or more in 5,000,024 bytes')
    expect(message).toContain('when they have 8 bytes each')
  })

  test('more than a million items that say something are taken', () => {
    const attributes = `{"attributes":[${Array.from({ length: 1_200_000 }, () => '{"key":"a"}').join(',')}]}`
    const request = traceRequestFromJson(`{"resourceSpans":[{"scopeSpans":[{"spans":[${attributes}]}]}]}`)
    expect(scanTraceRequest(request).length).toBe(1)
  })
})

describe('our JSON', () => {
  const write = (...span: WireField[]): unknown => {
    const bytes = wireBytes([[1, 'message', [[2, 'message', [[2, 'message', span]]]]]])
    const parsed = JSON.parse(traceRequestToJson(bytes)) as {
      resourceSpans: { scopeSpans: { spans: unknown[] }[] }[]
    }
    return parsed.resourceSpans[0].scopeSpans[0].spans[0]
  }

  test('64-bit numbers are text, 32-bit ones and enums numbers, ids lower-case hex', () => {
    expect(
      write(
        [1, 'bytes', Uint8Array.from([0xab, 0xcd])],
        [6, 'varint', 2n],
        [7, 'fixed64', 1764000000123456789n],
        [10, 'varint', 0xffffffffn],
        [16, 'fixed32', 0x301],
      ),
    ).toEqual({
      traceId: 'abcd',
      kind: 2,
      startTimeUnixNano: '1764000000123456789',
      droppedAttributesCount: 0xffffffff,
      flags: 0x301,
    })
  })

  test('of a value set twice the last kind stays, a message in two parts is merged', () => {
    const text: WireField = [1, 'bytes', Buffer.from('a')]
    expect(write([9, 'message', [[2, 'message', [text, [3, 'varint', 5n]]]]])).toEqual({
      attributes: [{ value: { intValue: '5' } }],
    })
    expect(write([9, 'message', [[2, 'message', [[3, 'varint', 5n], text]]]])).toEqual({
      attributes: [{ value: { stringValue: 'a' } }],
    })
    expect(write([15, 'message', [[3, 'varint', 2n]]], [15, 'message', [[2, 'bytes', Buffer.from('m')]]])).toEqual({
      status: { code: 2, message: 'm' },
    })
  })

  test('values that do not stand together are written together', () => {
    const text = (number: number, value: string): WireField => [number, 'bytes', Buffer.from(value)]
    const key = (name: string): WireField => [9, 'message', [text(1, name)]]
    expect(write(key('a'), text(5, 'first'), key('b'), [12, 'varint', 1n], key('c'), text(5, 'second'))).toEqual({
      name: 'second',
      attributes: [{ key: 'a' }, { key: 'b' }, { key: 'c' }],
      droppedEventsCount: 1,
    })
  })

  test('values set twice on every level take no longer than once', () => {
    // Were each level done twice, this would be 2^40 times the work.
    let value: WireField[] = [[3, 'varint', 1n]]
    for (let i = 0; i < 40; i++)
      value = [
        [5, 'message', [[1, 'message', value]]],
        [5, 'message', []],
      ]
    const [{ value: any }] = (write([9, 'message', [[2, 'message', value]]]) as { attributes: { value: object }[] })
      .attributes
    expect(JSON.stringify(any)).toBe(`${'{"arrayValue":{"values":['.repeat(40)}{"intValue":"1"}${']}}'.repeat(40)}`)
  })

  test('negative integers are negative, in a kind as well', () => {
    expect(
      write([6, 'varint', (1n << 64n) - 1n], [9, 'message', [[2, 'message', [[3, 'varint', (1n << 64n) - 7n]]]]]),
    ).toEqual({
      kind: -1,
      attributes: [{ value: { intValue: '-7' } }],
    })
  })

  test('fields that OTLP does not know are left out', () => {
    expect(write([5, 'bytes', Buffer.from('a')], [1000, 'varint', 1n], [20, 'bytes', Buffer.from('x')])).toEqual({
      name: 'a',
    })
  })

  test('damaged protobuf is refused with its place', () => {
    expect(() => traceRequestToJson(Uint8Array.from([0x0a, 0x05]))).toThrow(
      /ExportTraceServiceRequest field 1 \(resource_spans\) at byte 0: 5 bytes announced, 0 left/,
    )
  })
})
