import { expect, test } from 'vitest'
import { linksOf, NONE, parentOf, resourceOf, takeKind, takeStatus } from '../../../src/span/jaeger/conventions.ts'
import type { AttributeMap, AttributeValue } from '../../../src/span/span.ts'

const CLIENT = 3
const SERVER = 2
const INTERNAL = 1

function map(entries: Readonly<Record<string, AttributeValue>>): AttributeMap {
  return new Map(Object.entries(entries))
}

test.each([
  ['client', CLIENT],
  ['server', SERVER],
  ['internal', INTERNAL],
  ['producer', 4],
  ['consumer', 5],
  ['strange', 0],
  // A name that every object has.
  ['constructor', 0],
])('kind %s is %i, and no attribute any more', (name, kind) => {
  const attributes = map({ 'span.kind': name })
  expect(takeKind(attributes)).toBe(kind)
  expect(attributes.size).toBe(0)
})

test.each<[Readonly<Record<string, AttributeValue>>, number, number, string, string[]]>([
  [{ error: true }, INTERNAL, 2, '', []],
  [{ error: 'true' }, INTERNAL, 0, '', ['error']],
  [{ error: true, 'http.status_message': 'gone' }, INTERNAL, 2, 'gone', ['http.status_message']],
  [{ error: true, 'otel.status_code': 'OK', 'otel.status_description': 'no' }, INTERNAL, 2, 'no', []],
  [
    { 'otel.status_code': 'ok', 'http.response.status_code': { int: 500 } },
    CLIENT,
    1,
    '',
    ['http.response.status_code'],
  ],
  [{ 'http.response.status_code': { int: 404 } }, CLIENT, 2, '', ['http.response.status_code']],
  [{ 'http.response.status_code': { int: 404 } }, SERVER, 0, '', ['http.response.status_code']],
  [{ 'http.response.status_code': '503' }, SERVER, 2, '', ['http.response.status_code']],
  [{ 'http.response.status_code': 'none' }, SERVER, 0, '', ['http.response.status_code']],
  [{ 'http.response.status_code': 503.5 }, SERVER, 0, '', ['http.response.status_code']],
])('status of %j for kind %i', (entries, kind, code, message, left) => {
  const attributes = map(entries)
  expect(takeStatus(attributes, kind)).toEqual({ code, message })
  expect([...attributes.keys()]).toEqual(left)
})

test('a process keeps its tags, under the names of OTLP where these are free', () => {
  const tags = map({ hostname: 'a', 'jaeger.version': 'Go-2.30.0', own: true })
  expect([...resourceOf('shop', tags)]).toEqual([
    ['service.name', 'shop'],
    ['own', true],
    ['host.name', 'a'],
    ['opencensus.exporterversion', 'Jaeger-Go-2.30.0'],
  ])
  expect([...resourceOf('', map({ hostname: 'a', 'host.name': 'b' }))]).toEqual([
    ['hostname', 'a'],
    ['host.name', 'b'],
  ])
  expect(resourceOf('OTLPResourceNoServiceName', tags).size).toBe(0)
})

test('the parent is the first child-of of the same trace, else the first follows-from; other references are links', () => {
  const trace = new Uint8Array(16).fill(1)
  const other = new Uint8Array(16).fill(2)
  const span = (id: number): Uint8Array => new Uint8Array(8).fill(id)
  const references = [
    { traceId: other, spanId: span(3), followsFrom: false },
    { traceId: trace, spanId: span(4), followsFrom: true },
    { traceId: trace, spanId: span(5), followsFrom: false },
  ]
  expect(parentOf(references, trace)).toEqual(span(5))
  expect(parentOf(references.slice(0, 2), trace)).toEqual(span(4))
  expect(parentOf(references.slice(0, 1), trace)).toEqual(NONE)
  expect(
    linksOf(references, span(5)).map(({ spanId, attributes }) => [spanId[0], attributes.get('opentracing.ref_type')]),
  ).toEqual([
    [3, 'child_of'],
    [4, 'follows_from'],
  ])
})
