// js-sdk.mjs: records what the OpenTelemetry JS SDK sends as OTLP traces, with what the bodies must decode to.
//
//   node proto-fixtures/spans/generators/js-sdk.mjs DIRECTORY
//
// writes js-sdk.json and js-sdk.json.gz (bodies as the exporter posts them), js-sdk.bin (the same spans by the SDK's own
// protobuf writer) and js-sdk.expected.json, which comes from the SDK's spans in memory. Ids and times are fixed.

import { createServer } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { context, createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('usage: node js-sdk.mjs DIRECTORY\n')
  process.exit(2)
}

/** Unix time of the first span: odd to the nanosecond, beyond what a double holds. */
const START = [1764000000, 123456789]
const at = (ns) => [START[0], START[1] + ns]

const spans = [...shopSpans(), ...bareSpan()]
for (const [file, compression] of [
  ['js-sdk.json', 'none'],
  ['js-sdk.json.gz', 'gzip'],
]) {
  const { body, headers } = await posted(compression)
  const gzipped = headers['content-encoding'] === 'gzip'
  if (headers['content-type'] !== 'application/json' || gzipped !== file.endsWith('.gz')) {
    throw new Error(`${file}: unexpected headers ${JSON.stringify(headers)}`)
  }
  writeFileSync(join(directory, file), body)
}
writeFileSync(join(directory, 'js-sdk.bin'), ProtobufTraceSerializer.serializeRequest(spans))
const expected = spans.map(expectedOf).sort((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1))
const client = `OpenTelemetry JS SDK ${versionOf('sdk-trace-base')}, exporter-trace-otlp-http ${versionOf('exporter-trace-otlp-http')}`
writeFileSync(join(directory, 'js-sdk.expected.json'), JSON.stringify({ client, spans: expected }, null, 1) + '\n')

function shopSpans() {
  const { provider, memory } = providerOf(
    resourceFromAttributes(
      {
        'service.name': 'shop-web',
        'host.name': 'node-1',
        'host.id': 'fdbf79e8af94cb7f9e8df36789187052',
        'process.pid': 4712,
        'process.command_args': ['node', '--enable-source-maps', 'web.js'],
      },
      { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' },
    ),
    0x80000000,
  )
  const tracer = provider.getTracer('shop/web', '1.4.0', { schemaUrl: 'https://opentelemetry.io/schemas/1.26.0' })
  const remote = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
    traceState: createTraceState('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'),
  }
  const root = tracer.startSpan(
    'GET /messages/:id',
    { kind: SpanKind.SERVER, startTime: at(0) },
    trace.setSpanContext(ROOT_CONTEXT, remote),
  )
  root.setAttributes({
    string: 'value',
    'string.empty': '',
    'string.unicode': 'Grüße, 世界 🚀 \u0000\u001f"\\/\u2028',
    'string.lone_surrogate': 'a\ud800b',
    'string.long': '0123456789abcdef'.repeat(1100),
    'bool.true': true,
    'bool.false': false,
    int: 200,
    'int.zero': 0,
    'int.negative': -1,
    'int.beyond_double': 2 ** 53 + 2,
    // Whole, but too large for 64 bits: the exporter writes an intValue all the same in JSON, a double in protobuf.
    'double.2^63': 2 ** 63,
    'double.whole': 1e300,
    double: 0.1,
    'double.max': Number.MAX_VALUE,
    'double.smallest': Number.MIN_VALUE,
    strings: ['a', '', 'ü'],
    'strings.with_null': ['a', null, 'b'],
    bools: [true, false],
    numbers: [0, -1, 1.5],
    'dropped.one': 'beyond the limit of 20',
    'dropped.two': 'beyond the limit of 20',
  })
  for (let i = 0; i < 5; i++) root.addEvent(`event ${i}`, { number: i, text: 'e', dropped: true }, at(1000 * i + 1))
  for (let i = 0; i < 4; i++) root.addLink({ context: remote, attributes: { why: 'batch' } })
  root.addLink({
    context: { traceId: '00000000000000000000000000000007', spanId: '0000000000000009', traceFlags: 0 },
    attributes: { a: 1, b: 2, c: 3 },
  })
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'upstream gave 503: „später“' })
  const client = provider.getTracer('shop/client')
  const inRoot = trace.setSpan(context.active(), root)
  for (const kind of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
    const child = client.startSpan('cache.Lookup', { kind, startTime: at(100 + kind) }, inRoot)
    if (kind === SpanKind.CLIENT) child.setStatus({ code: SpanStatusCode.OK })
    child.end(at(5000 + kind))
  }
  root.end(at(12_400_000))
  return memory.getFinishedSpans()
}

/** One root span with nothing on it, of a process that cannot be told apart from its replicas. */
function bareSpan() {
  const { provider, memory } = providerOf(resourceFromAttributes({ 'service.name': 'cron' }), 0x40000000)
  provider
    .getTracer('cron')
    .startSpan('tick', { startTime: at(0) }, ROOT_CONTEXT)
    .end(at(0))
  return memory.getFinishedSpans()
}

function providerOf(resource, seed) {
  const memory = new InMemorySpanExporter()
  let next = seed
  const hex = (digits) => (++next).toString(16).padStart(digits, '0')
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(memory)],
    idGenerator: { generateTraceId: () => `f0e1d2c3b4a59687${hex(16)}`, generateSpanId: () => `c0ffee00${hex(8)}` },
    spanLimits: {
      attributeCountLimit: 20,
      eventCountLimit: 3,
      linkCountLimit: 3,
      attributePerEventCountLimit: 2,
      attributePerLinkCountLimit: 2,
    },
  })
  return { provider, memory }
}

/** Has the stock exporter post the spans to a listener of ours; the body and headers that came. */
async function posted(compression) {
  let request
  const server = createServer(async (incoming, answer) => {
    const parts = []
    for await (const part of incoming) parts.push(part)
    request = { body: Buffer.concat(parts), headers: incoming.headers }
    answer.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${server.address().port}/v1/traces`, compression })
  await new Promise((resolve, reject) => {
    exporter.export(spans, ({ error }) => (error === undefined ? resolve() : reject(error)))
  })
  await exporter.shutdown()
  server.close()
  server.closeAllConnections()
  return request
}

function versionOf(name) {
  const url = new URL(`../../../node_modules/@opentelemetry/${name}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')).version
}

function expectedOf(span) {
  const { traceId, spanId, traceState, traceFlags } = span.spanContext()
  const parent = span.parentSpanContext
  const scope = span.instrumentationScope
  return {
    resource: { attributes: attributesOf(span.resource.attributes), schemaUrl: span.resource.schemaUrl ?? '' },
    scope: {
      name: scope.name,
      version: scope.version ?? '',
      attributes: attributesOf(scope.attributes ?? {}),
      schemaUrl: scope.schemaUrl ?? '',
    },
    traceId,
    spanId,
    parentSpanId: parent?.spanId ?? '',
    traceState: traceState?.serialize() ?? '',
    flags: flagsOf(traceFlags, parent?.isRemote),
    name: span.name,
    kind: span.kind + 1, // the API begins at internal = 0, OTLP at unspecified
    startUnixNs: nanosecondsOf(span.startTime),
    endUnixNs: nanosecondsOf(span.endTime),
    attributes: attributesOf(span.attributes),
    droppedAttributes: span.droppedAttributesCount,
    events: span.events.map((event) => ({
      timeUnixNs: nanosecondsOf(event.time),
      name: event.name,
      attributes: attributesOf(event.attributes ?? {}),
      droppedAttributes: event.droppedAttributesCount ?? 0,
    })),
    droppedEvents: span.droppedEventsCount,
    links: span.links.map((link) => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      traceState: link.context.traceState?.serialize() ?? '',
      flags: flagsOf(link.context.traceFlags, link.context.isRemote),
      attributes: attributesOf(link.attributes ?? {}),
      droppedAttributes: link.droppedAttributesCount ?? 0,
    })),
    droppedLinks: span.droppedLinksCount,
    status: { code: span.status.code, message: span.status.message ?? '' },
  }
}

/** The low eight bits are W3C trace flags; 0x100 says that 0x200, "remote", is known. */
function flagsOf(traceFlags, isRemote) {
  return traceFlags | 0x100 | (isRemote ? 0x200 : 0)
}

function nanosecondsOf([seconds, nanoseconds]) {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds))
}

function attributesOf(attributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }))
}

/** A JavaScript number is an integer in OTLP when it is whole and fits 64 bits: so the SDK's protobuf writer has it. */
function valueOf(value) {
  if (value === null || value === undefined) return {}
  if (typeof value === 'string') return { string: value.toWellFormed() }
  if (typeof value === 'boolean') return { bool: value }
  if (Array.isArray(value)) return { list: value.map(valueOf) }
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) return { int: String(BigInt(value)) }
  const bits = Buffer.alloc(8)
  bits.writeDoubleBE(value)
  return { double: bits.toString('hex') }
}
