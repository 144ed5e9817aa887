// span-load.mjs: sends numbered spans over OTLP/HTTP and waits until the sink has all of them; prints one line of JSON.
//
// node span-load.mjs URL SPANS BATCH CONNECTIONS RATE SINK: RATE is in spans a second, 0 for as fast as they are answered.
// Eight spans a trace, eight attributes each, four of the resource: 300 bytes a span. The id of a span is its number.

import http from 'node:http'
import { ByteWriter } from '../../dist/base/bytes.js'

const [url, spansText, batchText, connectionsText, rateText, sink] = process.argv.slice(2)
const [spans, batch, connections, rate] = [spansText, batchText, connectionsText, rateText].map(Number)
const requests = Math.ceil(spans / batch)
const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
const template = templateOf(batch)
const latencies = []
let next = 0
let retries = 0

const beganMs = performance.now()
await Promise.all(Array.from({ length: connections }, () => send(Buffer.from(template.bytes))))
const sentMs = performance.now()
const sent = requests * batch
let stats = await statsOf()
for (const untilMs = sentMs + 60_000; stats.distinct < sent && performance.now() < untilMs; stats = await statsOf()) {
  await new Promise((resolve) => setTimeout(resolve, 20))
}
latencies.sort((a, b) => a - b)
const seconds = (performance.now() - beganMs) / 1000
console.log(
  JSON.stringify({
    sent,
    retries,
    lost: sent - stats.distinct,
    doubled: stats.received - stats.distinct,
    perSecond: Math.round(sent / seconds),
    p50Ms: latencies[Math.floor(latencies.length * 0.5)],
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
  }),
)
agent.destroy()

async function send(bytes) {
  while (next < requests) {
    const number = next++
    if (rate > 0) {
      const waitMs = beganMs + (number * batch * 1000) / rate - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    for (let i = 0; i < batch; i++) {
      const id = number * batch + i
      bytes.writeUInt32BE(Math.floor(id / 8) + 1, template.traceIdAt[i] + 12)
      bytes.writeUInt32BE(id + 1, template.spanIdAt[i] + 4)
    }
    const startedMs = performance.now()
    while (!(await post(bytes))) {
      retries++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    latencies.push(performance.now() - startedMs)
  }
}

/** False when it is to be sent again. */
function post(bytes) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': bytes.length }
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve(true)
        else if ([429, 503].includes(response.statusCode)) resolve(false)
        else reject(new Error(`HTTP ${response.statusCode}`))
      })
    })
    request.once('error', () => resolve(false))
    request.end(bytes)
  })
}

async function statsOf() {
  return (await fetch(`${sink}/stats`)).json()
}

/** One request, and where the ids stand in it. */
function templateOf(count) {
  const out = new ByteWriter(count * 320)
  const text = new TextEncoder()
  const field = (tag, bytes) => {
    out.byte(tag)
    out.varint(bytes.length)
    out.raw(bytes)
  }
  const attribute = (tag, key, value) => {
    out.byte(tag)
    const pair = out.beginPart()
    field(0x0a, text.encode(key))
    out.byte(0x12)
    const any = out.beginPart()
    field(0x0a, text.encode(value))
    out.endPart(any)
    out.endPart(pair)
  }
  out.byte(0x0a)
  const resourceSpans = out.beginPart()
  out.byte(0x0a)
  const resource = out.beginPart()
  for (const [key, value] of [
    ['service.name', 'shop'],
    ['service.instance.id', 'shop-7d4b'],
    ['host.name', 'node-1'],
    ['deployment.environment', 'bench'],
  ]) {
    attribute(0x0a, key, value)
  }
  out.endPart(resource)
  out.byte(0x12)
  const scopeSpans = out.beginPart()
  for (let i = 0; i < count; i++) {
    out.byte(0x12)
    const span = out.beginPart()
    field(0x0a, new Uint8Array(16).fill(0x5a))
    field(0x12, new Uint8Array(8).fill(0xa5))
    field(0x2a, text.encode('GET /messages'))
    out.byte(0x30)
    out.byte(2)
    out.byte(0x39)
    out.fixed64(0x5f000000 + i, 0x18a40000)
    out.byte(0x41)
    out.fixed64(0x5f100000 + i, 0x18a40000)
    for (let at = 0; at < 8; at++) attribute(0x4a, `http.attribute.${at}`, `value ${at}`)
    out.endPart(span)
  }
  out.endPart(scopeSpans)
  out.endPart(resourceSpans)
  const bytes = Buffer.from(out.take())
  const traceIdAt = placesOf(bytes, Buffer.alloc(16, 0x5a))
  const spanIdAt = placesOf(bytes, Buffer.alloc(8, 0xa5))
  if (traceIdAt.length !== count || spanIdAt.length !== count) throw new Error('the ids of the template were not found')
  return { bytes, traceIdAt, spanIdAt }
}

function placesOf(bytes, id) {
  const places = []
  for (let at = bytes.indexOf(id); at >= 0; at = bytes.indexOf(id, at + id.length)) places.push(at)
  return places
}
