import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64Of } from '../../src/base/base64.ts'
import { Failure } from '../../src/base/failure.ts'
import { bytesOfHex } from '../../src/base/hex.ts'
import { compilePattern, taskNameEvidence, taskType } from '../../src/join/task-name.ts'
import { OTHER_SPAN, SPAN, task, TRACE } from './builders.ts'

const base64 = (hex: string): string => base64Of(bytesOfHex(hex) ?? new Uint8Array())
const decimal = (hex: string): string => BigInt(`0x${hex}`).toString()

function idsOf(name: string, namePatterns: RegExp[] = []): { traceId: string | null; spanId: string } | null {
  const ids = taskNameEvidence.idsOf(task({ name }), { namePatterns })
  return ids === null ? null : { traceId: ids.traceId, spanId: ids.spanId }
}

describe('both ids in the name', () => {
  const forms: readonly (readonly [form: string, name: string])[] = [
    ['the form of the seed', `cache.Lookup traceID=${TRACE} spanID=${SPAN}`],
    ['spans first', `cache.Lookup spanID=${SPAN} traceID=${TRACE}`],
    ['snake case', `cache.Lookup trace_id=${TRACE} span_id=${SPAN}`],
    ['kebab case and colons', `cache.Lookup trace-id: ${TRACE}, span-id: ${SPAN}`],
    ['capitals', `cache.Lookup TraceID=${TRACE.toUpperCase()};SpanID=${SPAN.toUpperCase()}`],
    ['camel case', `cache.Lookup traceId:${TRACE};spanId:${SPAN}`],
    ['short keys', `cache.Lookup [trace=${TRACE} span=${SPAN}]`],
    ['keys without an equals sign', `cache.Lookup traceID ${TRACE} spanID ${SPAN}`],
    ['brackets', `cache.Lookup (traceID=${TRACE}|spanID=${SPAN})`],
    ['brackets for an equals sign', `cache.Lookup traceID[${TRACE}] spanID[${SPAN}]`],
    ['JSON', `cache.Lookup {"trace_id":"${TRACE}","span_id":"${SPAN}"}`],
    ['a query', `cache.Lookup?trace_id=${TRACE}&span_id=${SPAN}`],
    ['a prefix', `cache.Lookup otel.trace_id=${TRACE} otel.span_id=${SPAN}`],
    ['a hexadecimal prefix', `cache.Lookup traceID=0x${TRACE} spanID=0x${SPAN}`],
    ['W3C traceparent with its key', `cache.Lookup traceparent=00-${TRACE}-${SPAN}-01`],
    ['W3C traceparent alone', `cache.Lookup 00-${TRACE}-${SPAN}-00`],
    ['W3C traceparent first', `00-${TRACE}-${SPAN}-01 cache.Lookup`],
    ['trace/span', `cache.Lookup ${TRACE}/${SPAN}`],
    ['trace:span', `cache.Lookup ${TRACE}:${SPAN}`],
    ['trace-span', `cache.Lookup#${TRACE}-${SPAN}`],
    ['two words', `cache.Lookup ${TRACE} ${SPAN}`],
    ['B3 single', `cache.Lookup ${TRACE}-${SPAN}-1-${OTHER_SPAN}`],
    ['Jaeger, leading zeros left out', `cache.Lookup ${TRACE}:${SPAN.slice(2)}:${OTHER_SPAN}:1`],
    ['Google Cloud, the span decimal', `cache.Lookup ${TRACE}/${decimal(SPAN)};o=1`],
    ['the span decimal', `cache.Lookup traceID=${TRACE} spanID=${decimal(SPAN)}`],
    ['both decimal', `cache.Lookup traceID=${decimal(TRACE)} spanID=${decimal(SPAN)}`],
    ['base64', `cache.Lookup traceID=${base64(TRACE)} spanID=${base64(SPAN)}`],
    [
      'base64 without padding',
      `cache.Lookup traceID=${base64(TRACE).replace(/=/g, '')} spanID=${base64(SPAN).replace(/=/g, '')}`,
    ],
    ['a parent beside them', `cache.Lookup parentSpanID=${OTHER_SPAN} traceID=${TRACE} spanID=${SPAN}`],
    ['a parent with a separate key', `cache.Lookup traceID=${TRACE} parent_span_id=${OTHER_SPAN} span_id=${SPAN}`],
  ]
  test.each(forms)('%s', (_, name) => {
    expect(idsOf(name)).toEqual({ traceId: TRACE, spanId: SPAN })
  })

  test.each(forms.filter(([form]) => !/parent|Google/.test(form)))('%s: the type is the name alone', (_, name) => {
    expect(taskType(name)).toBe('cache.Lookup')
  })

  test('of 64 bits, as Datadog writes them', () => {
    const low = TRACE.slice(16)
    const name = `web.request dd.trace_id=${decimal(low)} dd.span_id=${decimal(SPAN)}`
    expect(idsOf(name)).toEqual({ traceId: low, spanId: SPAN })
    expect(taskType(name)).toBe('web.request')
  })

  test('sixteen digits are hex, but decimal under a key of Datadog and beside a decimal trace id', () => {
    expect(idsOf(`a traceID=${TRACE} spanID=1234567890123456`)?.spanId).toBe('1234567890123456')
    const asDecimal = 1234567890123456n.toString(16).padStart(16, '0')
    expect(idsOf('a dd.trace_id=7277407061855694839 dd.span_id=1234567890123456')?.spanId).toBe(asDecimal)
    expect(idsOf('a trace_id=7277407061855694839 span_id=1234567890123456')?.spanId).toBe(asDecimal)
  })

  test('any ids, in any of the spellings', () => {
    const hexOf = (bytes: number): fc.Arbitrary<string> =>
      fc
        .uint8Array({ minLength: bytes, maxLength: bytes })
        .filter((id) => id.some((byte) => byte !== 0))
        .map((id) => Buffer.from(id).toString('hex'))
    fc.assert(
      fc.property(
        hexOf(16),
        hexOf(8),
        fc.constantFrom(
          'traceID=T spanID=S',
          'trace_id:"T", span_id:"S"',
          '00-T-S-01',
          'T/S',
          '[T|S]',
          'trace=T&span=S',
        ),
        fc.constantFrom('GET /messages', 'cache.Lookup', 'a=b c', 'parent', ''),
        (traceId, spanId, form, name) => {
          expect(idsOf(`${name} ${form.replace('T', traceId).replace('S', spanId)}`)).toEqual({ traceId, spanId })
        },
      ),
    )
  })
})

describe('a span id alone', () => {
  test.each([
    ['with a key', `cache.Lookup spanID=${SPAN}`, 'cache.Lookup'],
    ['bare', `cache.Lookup ${SPAN}`, 'cache.Lookup'],
    ['in brackets', `cache.Lookup [${SPAN}] warm`, 'cache.Lookup warm'],
    ['at the end of a path', `GET /messages/${SPAN}`, 'GET /messages'],
  ])('%s', (_, name, type) => {
    expect(idsOf(name)).toEqual({ traceId: null, spanId: SPAN })
    expect(taskType(name)).toBe(type)
  })
})

describe('no ids', () => {
  test.each([
    'cache.Lookup',
    '/messages',
    '',
    'GET /v1/users?limit=10000000000000000&offset=20',
    'trace: span: fast',
    `only a trace ${TRACE}`,
    `two spans ${SPAN} ${OTHER_SPAN}`,
    `parent=${SPAN}`,
    `parent span id=${SPAN}`,
    `user=${SPAN}`,
    `cache.Lookup parent_span_id=${SPAN}`,
    `cache.Lookup link=${TRACE}/${SPAN}`,
    `linkedFrom parent=00-${TRACE}-${SPAN}-01`,
    `zero spanID=0000000000000000`,
    `zero 00-00000000000000000000000000000000-0000000000000000-00`,
    `sync.span=FetchOrders`,
    'order 18446744073709551616 of 99999999999999999999',
  ])('%j', (name) => {
    expect(idsOf(name)).toBeNull()
  })

  test.each(['cache.Lookup', '/messages', 'GET /v1/users?limit=10', 'a: b, c (d)', '  spaced  '])(
    'the type of %j is itself',
    (name) => {
      expect(taskType(name)).toBe(name)
    },
  )
})

test('the type of a name that is nothing but ids is empty', () => {
  expect(taskType(`traceID=${TRACE} spanID=${SPAN}`)).toBe('')
})

describe('configured patterns', () => {
  test('come before the known forms', () => {
    const pattern = compilePattern('<(?<trace>[0-9a-f]{32})~(?<span>[0-9a-f]{16})>')
    const name = `cache.Lookup <${TRACE}~${SPAN}> spanID=${OTHER_SPAN}`
    expect(idsOf(name, [pattern])).toEqual({ traceId: TRACE, spanId: SPAN })
    expect(taskType(`cache.Lookup <${TRACE}~${SPAN}>`, { namePatterns: [pattern] })).toBe('cache.Lookup')
  })

  test('that do not fit leave the known forms', () => {
    expect(idsOf(`a ${TRACE}/${SPAN}`, [compilePattern('id=(?<span>\\w+)')])).toEqual({ traceId: TRACE, spanId: SPAN })
  })

  test.each([
    ['(', /is no regular expression/],
    ['trace=(?<trace>\\w+)', /no group named span/],
  ])('%j is refused', (pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(Failure)
    expect(() => compilePattern(pattern)).toThrow(message)
  })
})

test('whatever a name holds, reading it ends, and its type is not longer than the name', () => {
  const bit = fc.constantFrom(
    'traceID',
    'span_id',
    '=',
    ':',
    ' ',
    '"',
    TRACE,
    SPAN,
    '00-',
    '-01',
    '/',
    'ü',
    '\u0000',
    '[',
    '=a',
  )
  fc.assert(
    fc.property(fc.array(bit, { maxLength: 60 }), (bits) => {
      const name = bits.join('')
      idsOf(name)
      expect(taskType(name).length).toBeLessThanOrEqual(name.length)
    }),
  )
  // A megabyte of near misses: only a bounded part is looked at.
  idsOf('traceID='.repeat(131_072))
  idsOf(`${'a'.repeat(31)}-`.repeat(32_768))
})
