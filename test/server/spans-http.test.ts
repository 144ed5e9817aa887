import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { BodyBudget } from '../../src/server/body.ts'
import { listen, type Listener } from '../../src/server/listen.ts'
import { spansHttp } from '../../src/server/spans-http.ts'
import { type HttpSpanProtocol, JAEGER_THRIFT, ZIPKIN_JSON } from '../../src/span/protocols.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { foreignFixtures, inOrder } from '../support/foreign-fixtures.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { repeatingFrame } from '../support/zstd-frames.ts'

const fixtures = foreignFixtures()
const open: Listener[] = []
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close(100)
})

interface DoorOptions {
  readonly maxBytes?: number
  readonly budget?: BodyBudget
  readonly requestTimeoutMs?: number
  readonly maxConnections?: number
  readonly accept?: () => Promise<void>
}

async function door(protocol: HttpSpanProtocol, options: DoorOptions = {}) {
  const taken: Uint8Array[] = []
  const log = new MemoryLog()
  const counters = new MemoryCounters()
  const receiver = protocol === ZIPKIN_JSON ? 'zipkin' : 'jaeger_http'
  let refusedConnections = 0
  const handler = spansHttp({
    protocol,
    receiver,
    acceptSpans: async (bytes) => {
      await options.accept?.()
      taken.push(bytes.slice())
    },
    limits: { maxBytes: options.maxBytes ?? 1 << 20, option: `receivers.${receiver}.maxBodyBytes` },
    budget: options.budget ?? new BodyBudget(1 << 24, 'receivers.maxBytes'),
    counters,
    log,
  })
  const listener = await listen(handler, {
    host: '127.0.0.1',
    port: 0,
    name: protocol.name,
    portOption: 'receivers.zipkin.port',
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    checkEveryMs: 20,
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    onRefusedConnection: () => void refusedConnections++,
  })
  open.push(listener)
  return {
    url: listener.url + protocol.path,
    port: listener.port,
    taken,
    log,
    counters,
    receiver,
    refused: () => refusedConnections,
  }
}

async function post(
  url: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
  const response = await fetch(url, { method: 'POST', body, headers })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const PROTOCOLS = [
  { protocol: JAEGER_THRIFT, type: 'application/x-thrift', folder: 'jaeger/', ending: '.thrift' },
  { protocol: ZIPKIN_JSON, type: 'application/json', folder: 'zipkin/', ending: '.json' },
]

describe.each(PROTOCOLS)('$protocol.name', ({ protocol, type, folder, ending }) => {
  const own = fixtures.filter(({ file }) => file.startsWith(folder) && file.endsWith(ending))
  const [{ messages, expected }] = own
  const [body] = messages

  test.each(own)('$file: 202, and the spans are taken as OTLP', async ({ messages: [message], expected: spans }) => {
    const { url, taken, counters, receiver } = await door(protocol)
    const answer = await post(url, message, { 'content-type': `${type}; charset=utf-8` })
    expect(answer).toMatchObject({ status: 202, text: '' })
    expect(taken.map((otlp) => inOrder(spansOfProtobuf(otlp)))).toEqual([spans])
    expect(counters.of('subspan_receiver_requests_total', { receiver, status: '202' })).toBe(1)
    expect(counters.of('subspan_receiver_bytes_total', { receiver })).toBe(message.length)
  })

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('packed with %s', async (encoding, pack) => {
    const { url, taken } = await door(protocol)
    const answer = await post(url, pack(body), { 'content-type': type, 'content-encoding': encoding })
    expect(answer.status).toBe(202)
    expect(taken.map((otlp) => spansOfProtobuf(otlp).length)).toEqual([expected.length])
  })

  test.each([
    ['gzip', gzipSync(Buffer.alloc(50 << 20))],
    ['zstd', repeatingFrame(1 << 30, 0)],
  ])('a bomb of %s: 413 with both numbers, before it is unpacked whole', async (encoding, bomb) => {
    const { url, taken } = await door(protocol)
    const answer = await post(url, bomb, { 'content-type': type, 'content-encoding': encoding })
    expect(answer.status).toBe(413)
    expect(answer.text).toMatch(/unpacks to more than 1,048,576 bytes, at most 1,048,576 are taken.*maxBodyBytes/)
    expect(taken).toEqual([])
  })

  test('a body that comes too slowly: 408', async () => {
    const { port } = await door(protocol, { requestTimeoutMs: 100 })
    const said = await new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          `POST ${protocol.path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\nx`,
        )
      })
      socket.on('data', (chunk) => (text += String(chunk))).once('close', () => resolve(text))
    })
    expect(said).toMatch(/^HTTP\/1\.1 408 .*did not arrive whole within 0\.1 s/s)
  })

  test('more connections than there may be are closed as they come, and counted', async () => {
    const { port, refused } = await door(protocol, { maxConnections: 2 })
    const sockets = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => resolve(socket))
          }),
      ),
    )
    await new Promise((resolve) =>
      connect(port, '127.0.0.1')
        .on('error', () => undefined)
        .once('close', resolve),
    )
    expect(refused()).toBe(1)
    for (const socket of sockets) socket.destroy()
  })

  test.each([
    ['another path', '/elsewhere', 'POST', type, 404, /spans are taken at POST \/api/],
    ['another method', '', 'GET', '', 405, /POST is/],
    ['another type', '', 'POST', 'text/html', 415, /"text\/html", which is not taken/],
  ])('%s is answered with what is taken', async (_name, path, method, contentType, status, sentence) => {
    const { url } = await door(protocol)
    const response = await fetch(path === '' ? url : new URL(path, url), {
      method,
      headers: { 'content-type': contentType },
      ...(method === 'POST' ? { body } : {}),
    })
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(sentence)
  })

  test('what is no request of its kind: 400 with the place', async () => {
    const { url, taken } = await door(protocol)
    const answer = await post(url, body.subarray(0, body.length - 20), { 'content-type': type })
    expect(answer.status).toBe(400)
    expect(answer.text).toMatch(/\d/)
    expect(taken).toEqual([])
  })

  test.each([
    [new Failure('OVERLOADED', 'the journal is full.', 3), 429, '3'],
    [new Failure('STORE', 'the disk refused.'), 503, '1'],
  ])('%s: told when to come back', async (failure, status, after) => {
    const { url } = await door(protocol, { accept: () => Promise.reject(failure) })
    const answer = await post(url, body, { 'content-type': type })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('retry-after')).toBe(after)
    expect(answer.text).toContain(failure.message)
  })

  test('the OTLP form counts against the budget too, and nothing of it stays taken', async () => {
    const budget = new BodyBudget(body.length + 10, 'receivers.maxBytes')
    const { url } = await door(protocol, { budget })
    for (let time = 0; time < 2; time++) {
      const answer = await post(url, body, { 'content-type': type })
      expect(answer.status).toBe(429)
      expect(answer.text).toContain('receivers.maxBytes')
    }
    budget.take(body.length + 10)
    budget.give(body.length + 10)
  })

  test('a defect is told in the log, and the sender may try again', async () => {
    const { url, log } = await door(protocol, { accept: () => Promise.reject(new TypeError('oops')) })
    expect(await post(url, body, { 'content-type': type })).toMatchObject({ status: 503 })
    expect(JSON.stringify(log)).toContain('oops')
  })
})

describe('spans of Zipkin that cannot be understood', () => {
  const good = { traceId: 'abc', id: '1', timestamp: 1_700_000_000_000_000, duration: 5 }

  test('are left out, counted, and told once in the log; the others are taken', async () => {
    const { url, taken, counters, log } = await door(ZIPKIN_JSON)
    const body = JSON.stringify([good, { ...good, id: 'xyz' }, null, { ...good, id: '2', tags: { a: [] } }])
    for (let time = 0; time < 2; time++) {
      const answer = await post(url, body, { 'content-type': 'application/json' })
      expect(answer.status).toBe(202)
      expect(answer.text).toBe(
        '2 of 3 spans were not taken. span 1 of 4: id is "xyz", expected up to 16 hex digits that are not all zero.\n',
      )
    }
    expect(taken.map((otlp) => spansOfProtobuf(otlp).length)).toEqual([1, 1])
    expect(counters.of('subspan_receiver_refused_spans_total', { receiver: 'zipkin' })).toBe(4)
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  test('all of them: 400', async () => {
    const { url, taken } = await door(ZIPKIN_JSON)
    const answer = await post(url, JSON.stringify([{ ...good, timestamp: -1 }]), {})
    expect(answer.status).toBe(400)
    expect(answer.text).toMatch(/^span 0 of 1: timestamp is -1, expected a number of microseconds\./)
    expect(taken).toEqual([])
  })

  test('an empty list is taken, and nothing is stored', async () => {
    const { url, taken } = await door(ZIPKIN_JSON)
    expect(await post(url, '[]', { 'content-type': 'application/json' })).toMatchObject({ status: 202, text: '' })
    expect(taken).toEqual([])
  })
})
