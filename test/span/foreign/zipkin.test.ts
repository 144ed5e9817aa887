import { expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { utf8Of } from '../../../src/base/bytes.ts'
import { convertZipkinJson } from '../../../src/span/zipkin/json.ts'
import { inOrder } from '../../support/foreign-fixtures.ts'
import { type PlainSpan, spansOfProtobuf } from '../../support/otlp.ts'

const good = { traceId: '0123456789abcdef0123456789abcdef', id: '1', timestamp: 1_700_000_000_000_001, duration: 5 }

function converted(...spans: unknown[]): PlainSpan[] {
  return inOrder(spansOfProtobuf(convertZipkinJson(utf8Of(JSON.stringify(spans))).otlp))
}

function refusal(body: string): string {
  try {
    convertZipkinJson(utf8Of(body))
  } catch (thrown) {
    if (thrown instanceof Failure) return `${thrown.code} ${thrown.message}`
    throw thrown
  }
  throw new Error('it was taken')
}

test('times are microseconds, ids get zeros before them', () => {
  expect(converted({ ...good, traceId: 'abc', parentId: '2' })).toMatchObject([
    {
      traceId: '00000000000000000000000000000abc',
      spanId: '0000000000000001',
      parentSpanId: '0000000000000002',
      startUnixNs: '1700000000000001000',
      endUnixNs: '1700000000000006000',
    },
  ])
})

test('a span without a start keeps its length, and says that it has none', () => {
  expect(converted({ ...good, timestamp: undefined })).toMatchObject([
    {
      startUnixNs: '0',
      endUnixNs: '5000',
      attributes: [{ key: 'otel.zipkin.absentField.startTime', value: { bool: true } }],
    },
  ])
})

test('a span that is its own parent is a root', () => {
  expect(converted({ ...good, parentId: '0000000000000001' })).toMatchObject([{ parentSpanId: '' }])
})

test('programs of one service are told apart by their tags', () => {
  const of = (id: string, instance: string): object => ({
    ...good,
    id,
    localEndpoint: { serviceName: 'shop' },
    tags: { 'service.instance.id': instance, 'faas.id': 'f', own: 'x' },
  })
  expect(converted(of('1', 'a'), of('2', 'b'), of('3', 'a')).map(({ resource }) => resource.attributes)).toEqual(
    ['a', 'b', 'a'].map((instance) => [
      { key: 'cloud.resource_id', value: { string: 'f' } },
      { key: 'service.instance.id', value: { string: instance } },
      { key: 'service.name', value: { string: 'shop' } },
    ]),
  )
})

test('the name of the service may be that of another attribute', () => {
  const tags = { 'otlp.service.name.source': 'faas.name' }
  const [{ resource }] = converted({ ...good, tags, localEndpoint: { serviceName: 'f' } })
  expect(resource.attributes).toEqual([{ key: 'faas.name', value: { string: 'f' } }])
})

test.each([
  [{ 'otel.status_code': 'STATUS_CODE_OK' }, { code: 1, message: '' }, []],
  [{ 'otel.status_code': 'Error', 'otel.status_description': 'no' }, { code: 2, message: 'no' }, []],
  [{ error: 'true' }, { code: 2, message: '' }, []],
  [{ error: 'timeout' }, { code: 2, message: '' }, ['error']],
  [{ 'otel.status_code': 'constructor' }, { code: 0, message: '' }, []],
])('status of %j', (tags, status, keys) => {
  const [span] = converted({ ...good, tags })
  expect(span.status).toEqual(status)
  expect(span.attributes.map(({ key }) => key)).toEqual(keys)
})

test('annotations in the form of the Collector are events with attributes, others are what they say', () => {
  const annotations = ['plain', 'a|b', 'named|{"s":"a|b","i":3,"d":0.5,"b":true,"n":null}|7', 'x|y|z', 'x|{}|many'].map(
    (value) => ({ timestamp: 1, value }),
  )
  const [{ events }] = converted({ ...good, annotations })
  expect(events.map(({ name, attributes, droppedAttributes }) => [name, attributes.length, droppedAttributes])).toEqual(
    [
      ['plain', 0, 0],
      ['a', 0, 0],
      ['named', 4, 7],
      ['x|y|z', 0, 0],
      ['x|{}|many', 0, 0],
    ],
  )
  expect(events[2].attributes).toEqual([
    { key: 'b', value: { bool: true } },
    { key: 'd', value: { double: 0.5 } },
    { key: 'i', value: { int: '3' } },
    { key: 's', value: { string: 'a|b' } },
  ])
})

test('tags in the form of the Collector are links; one that only looks like it stays a tag', () => {
  const trace = '0102030405060708090a0b0c0d0e0f10'
  const [span] = converted({
    ...good,
    tags: {
      'otlp.link.0': `${trace}|0102030405060708|a=b|{"why":"x|y"}|2`,
      'otlp.link.1': 'no link',
      'otlp.link.2': `"${trace}"|"0102030405060708"||{}|0`,
    },
  })
  expect(span.links).toEqual([
    {
      traceId: trace,
      spanId: '0102030405060708',
      traceState: 'a=b',
      flags: 0,
      attributes: [{ key: 'why', value: { string: 'x|y' } }],
      droppedAttributes: 2,
    },
    { traceId: trace, spanId: '0102030405060708', traceState: '', flags: 0, attributes: [], droppedAttributes: 0 },
  ])
  expect(span.attributes).toEqual([{ key: 'otlp.link.1', value: { string: 'no link' } }])
})

test.each([
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['no address', 'no address'],
])('address %s is %s', (ipv6, shown) => {
  const [span] = converted({ ...good, remoteEndpoint: { ipv4: '10.9.9.9', ipv6, port: 80 } })
  expect(span.attributes).toEqual([
    { key: 'net.peer.port', value: { int: '80' } },
    { key: 'network.peer.address', value: { string: shown } },
  ])
})

test.each([
  ['{', /^SPANS_MALFORMED the body is no JSON/],
  ['{}', /the body is an object, expected a list/],
  ['null', /the body is null/],
  ['[[]]', /span 0 of 1: the span is a list, expected an object/],
  ['[{"id":"1"}]', /traceId is missing, expected up to 32 hex digits/],
  ['[{"traceId":"1","id":"0"}]', /id is "0".*not all zero/],
  ['[{"traceId":"1","id":"11111111111111111"}]', /id is "11111111111111111", expected up to 16/],
  ['[{"traceId":"1","id":"1","name":3}]', /name is 3, expected a text/],
  ['[{"traceId":"1","id":"1","timestamp":"5"}]', /timestamp is "5", expected a number of microseconds/],
  ['[{"traceId":"1","id":"1","duration":1e300}]', /duration is 1e\+300/],
  ['[{"traceId":"1","id":"1","localEndpoint":{"port":70000}}]', /port of localEndpoint is 70000, expected 0 to 65,535/],
  ['[{"traceId":"1","id":"1","annotations":{}}]', /annotations are no list/],
])('%s is refused with its place', (body, sentence) => {
  expect(refusal(body)).toMatch(sentence)
})

test('bodies that cost far more than their bytes are refused early', () => {
  expect(refusal('['.repeat(1_000_000))).toMatch(
    /^SPANS_MALFORMED byte 100: lists and objects lie in each other deeper than 100 levels/,
  )
  expect(refusal(`[{"traceId":"1","id":"0","name":"${'['.repeat(200)}\\"${'{'.repeat(200)}"}]`)).toMatch(/id is "0"/)
  expect(refusal(`[${'1,'.repeat(1_000_000)}1]`)).toMatch(
    /^SPANS_MALFORMED span 0 of 1000001: .*; so are 9,999 others, and none is taken/,
  )
})
