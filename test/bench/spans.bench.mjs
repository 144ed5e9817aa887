// spans.bench.mjs: speed of reading, rewriting and writing OTLP trace requests, in spans per second of CPU time.
//
// After `npm run build`: node test/bench/spans.bench.mjs. The request is 1,000 spans as an HTTP service sends them (five
// attributes each). protobufjs decodes the same bytes for comparison.

import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { traceRequestFromJson, traceRequestToJson } from '../../dist/span/otlp/json.js'
import { appendAttributes, selectSpans } from '../../dist/span/otlp/rewrite.js'
import { endUnixNs, spanIdHex, spanName, startUnixNs, traceIdHex } from '../../dist/span/otlp/rows.js'
import { scanTraceRequest } from '../../dist/span/otlp/scan.js'
import { encodeAttributes, encodeResourceSpans } from '../../dist/span/otlp/write.js'

const SPANS = 1000

const schema = await protobuf.load(
  fileURLToPath(new URL('../../proto-fixtures/schemas/otlp-trace.proto', import.meta.url)),
)
const Request = schema.lookupType('subspan.otlp.ExportTraceServiceRequest')

const bytes = request(SPANS)
const collectorBytes = backwards(bytes, Request)
const table = scanTraceRequest(bytes)
const jsonText = traceRequestToJson(bytes)
const json = new TextEncoder().encode(jsonText)
const addition = encodeAttributes([
  { key: 'subspan.verdict', value: '12.4 ms: 61 % waiting for a mutex' },
  { key: 'subspan.exec_us', value: 2512.25 },
  { key: 'subspan.capture', value: 'c-0123456789abcdef' },
])
const tenth = new Map(Array.from({ length: SPANS / 10 }, (_, i) => [i * 10, addition]))
const every = new Map(Array.from({ length: SPANS }, (_, i) => [i, addition]))
const half = Uint8Array.from({ length: SPANS }, (_, i) => i & 1)
const ourSpans = Array.from({ length: SPANS }, (_, i) => newSpan(i))

console.log(`${SPANS} spans: ${bytes.length} bytes protobuf, ${json.length} bytes JSON; node ${process.version}`)
const reference = measure('protobufjs decode', () => Request.decode(bytes))
measure('scan', () => scanTraceRequest(bytes), reference)
measure('scan, written by a Collector (last field first)', () => scanTraceRequest(collectorBytes), reference)
measure(
  'scan, ids, name and times read',
  () => {
    const scanned = scanTraceRequest(bytes)
    let total = 0
    for (let row = 0; row < scanned.length; row++) {
      total += traceIdHex(scanned, row).length + spanIdHex(scanned, row).length + spanName(scanned, row).length
      if (endUnixNs(scanned, row) < startUnixNs(scanned, row)) total++
    }
    return total
  },
  reference,
)
measure('keep every second span', () => selectSpans(table, half), reference)
measure('append 3 attributes to every tenth span', () => appendAttributes(table, tenth), reference)
measure('append 3 attributes to every span', () => appendAttributes(table, every), reference)
measure(
  'write spans of our own, 3 attributes',
  () => encodeResourceSpans(new Uint8Array(0), 'subspan', '1', ourSpans),
  reference,
)
const jsonReference = measure('JSON.parse', () => JSON.parse(jsonText))
measure('JSON bytes to protobuf', () => traceRequestFromJson(json), jsonReference)
measure('JSON text to protobuf', () => traceRequestFromJson(jsonText), jsonReference)
measure('protobuf to JSON text', () => traceRequestToJson(bytes), jsonReference)

/** Best of several rounds of CPU time, which other programs on the machine disturb least. */
function measure(name, work, compared) {
  const begun = performance.now()
  let calls = 0
  while (performance.now() - begun < 300) {
    work()
    calls++
  }
  const perRound = Math.max(1, Math.round(calls / 3))
  let best = Infinity
  for (let round = 0; round < 8; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < perRound; i++) work()
    const used = process.cpuUsage(before)
    best = Math.min(best, (used.user + used.system) / perRound)
  }
  const rate = (SPANS / best) * 1e6
  const ratio = compared === undefined ? '' : `  x${(rate / compared).toFixed(1)}`
  console.log(
    `${name.padEnd(48)}${(rate / 1e6).toFixed(2).padStart(8)} M spans/CPU-s${(best / 1000).toFixed(3).padStart(9)} ms${ratio}`,
  )
  return rate
}

function request(count) {
  const string = (key, value) => ({ key, value: { stringValue: value } })
  const int = (key, value) => ({ key, value: { intValue: value } })
  const spans = Array.from({ length: count }, (_, i) => ({
    traceId: idBytes(16, i >> 3),
    spanId: idBytes(8, i),
    parentSpanId: i & 7 ? idBytes(8, i - 1) : undefined,
    name: ['GET /messages', 'auth.AccessToken', 'cache.Lookup', 'spanner.Query'][i & 3],
    kind: 1 + (i % 3),
    startTimeUnixNano: protobuf.util.Long.fromString(String(1764000000000000000n + BigInt(i) * 1234567n)),
    endTimeUnixNano: protobuf.util.Long.fromString(String(1764000000012400000n + BigInt(i) * 1234567n)),
    attributes: [
      string('http.request.method', 'GET'),
      string('http.route', '/messages/:id'),
      int('http.response.status_code', 200),
      string('server.address', 'shop-7f9c.example.internal'),
      int('user.number', 1000 + i),
    ],
    status: {},
    flags: 257,
  }))
  const resource = {
    attributes: [string('service.name', 'shop'), string('host.name', 'node-1'), int('process.pid', 4711)],
  }
  return Request.encode(
    Request.create({
      resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'shop', version: '1.4.0' }, spans }] }],
    }),
  ).finish()
}

/** The same message with the fields of every message from the last to the first, as the Collector writes them. */
function backwards(message, type) {
  const reader = protobuf.Reader.create(message)
  const fields = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const inner = type?.fieldsById[tag >>> 3]?.resolve().resolvedType
    if ((tag & 7) === 2) {
      const content = reader.bytes()
      fields.push((writer) => writer.uint32(tag).bytes(inner?.fieldsById ? backwards(content, inner) : content))
    } else {
      const from = reader.pos
      reader.skipType(tag & 7)
      const raw = message.subarray(from, reader.pos)
      fields.push((writer) => writer.uint32(tag).raw(raw))
    }
  }
  return fields
    .reverse()
    .reduce((writer, write) => (write(writer), writer), protobuf.Writer.create())
    .finish()
}

function idBytes(size, number) {
  const id = new Uint8Array(size).fill(0x5a)
  new DataView(id.buffer).setUint32(size - 4, number + 1)
  return id
}

function newSpan(i) {
  return {
    traceId: idBytes(16, i >> 3),
    spanId: idBytes(8, i),
    parentSpanId: idBytes(8, i + 1),
    traceState: '',
    flags: 1,
    name: 'lock wait',
    kind: 1,
    startUnixNs: 1764000000000000000n + BigInt(i),
    endUnixNs: 1764000000000500000n + BigInt(i),
    attributes: [
      { key: 'subspan.kind', value: 'wait' },
      { key: 'subspan.merged_count', value: { int: 3 } },
      { key: 'code.stacktrace', value: 'sync.(*Mutex).Lock\n\tsync/mutex.go:90\nmain.lookup\n\tmain.go:42' },
    ],
    links: [],
  }
}
