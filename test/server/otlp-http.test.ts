// otlp-http.test.ts: what senders of spans are answered, over real connections.

import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { BodyBudget } from '../../src/server/body.ts'
import { listen, type Listener } from '../../src/server/listen.ts'
import { otlpHttp } from '../../src/server/otlp-http.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { recording } from '../support/flow.ts'
import { decoded, oracle, spansOfProtobuf } from '../support/otlp.ts'

const PROTOBUF = 'application/x-protobuf'
const [body] = recording().requests
const open: Listener[] = []

afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close(0)
})

interface Door {
  readonly url: string
  readonly port: number
  readonly taken: Uint8Array[]
  readonly log: MemoryLog
  readonly counters: MemoryCounters
}

interface DoorOptions {
  readonly maxBytes?: number
  readonly budgetBytes?: number
  readonly requestTimeoutMs?: number
  readonly accept?: (bytes: Uint8Array) => Promise<void>
}

async function door(options: DoorOptions = {}): Promise<Door> {
  const taken: Uint8Array[] = []
  const log = new MemoryLog()
  const counters = new MemoryCounters()
  const handler = otlpHttp({
    acceptSpans: async (bytes) => {
      scanTraceRequest(bytes)
      await options.accept?.(bytes)
      taken.push(bytes.slice())
    },
    limits: { maxBytes: options.maxBytes ?? 1 << 20, option: 'receivers.otlpHttp.maxBodyBytes' },
    budget: new BodyBudget(options.budgetBytes ?? 1 << 24, 'receivers.maxBytes'),
    counters,
    log,
  })
  const listener = await listen(handler, {
    host: '127.0.0.1',
    port: 0,
    name: 'OTLP/HTTP',
    portOption: 'receivers.otlpHttp.port',
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    checkEveryMs: 20,
  })
  open.push(listener)
  return { url: `${listener.url}/v1/traces`, port: listener.port, taken, log, counters }
}

async function post(url: string, content: Uint8Array | string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', body: content, headers })
  return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** The sentence in a google.rpc.Status body. */
function sentenceOf({ headers, body }: Answer): string {
  return headers.get('content-type') === 'application/json'
    ? (JSON.parse(Buffer.from(body).toString()) as { message: string }).message
    : (decoded(oracle.RpcStatus, body).message as string)
}

describe('requests that are taken', () => {
  test('protobuf: the very bytes; the answer is an empty ExportTraceServiceResponse', async () => {
    const { url, taken } = await door()
    const answer = await post(url, body, { 'content-type': `${PROTOBUF}; charset=x` })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(PROTOBUF)
    expect(answer.body).toHaveLength(0)
    expect(taken).toHaveLength(1)
    expect(Buffer.compare(taken[0], body)).toBe(0)
  })

  test('JSON: the same spans', async () => {
    const { url, taken } = await door()
    const text =
      '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"scope":{"name":"t"},"spans":' +
      '[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"x","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000001}]}]}]}'
    const answer = await post(url, text, { 'content-type': 'Application/JSON; charset=utf-8' })
    expect(answer.status).toBe(200)
    expect(Buffer.from(answer.body).toString()).toBe('{}')
    const [span] = spansOfProtobuf(taken[0])
    expect(span).toMatchObject({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      endUnixNs: '1544712661000000001',
    })
  })

  test.each([
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['identity', body],
  ])('Content-Encoding %s is unpacked', async (encoding, packed) => {
    const { url, taken } = await door()
    const answer = await post(url, packed, { 'content-type': PROTOBUF, 'content-encoding': encoding })
    expect(answer.status).toBe(200)
    expect(Buffer.compare(taken[0], body)).toBe(0)
  })

  test('Content-Encoding zstd is unpacked', async () => {
    const { url, taken } = await door()
    const packed = readFileSync(new URL('../../proto-fixtures/spans/otlp/go-sdk.bin.zst', import.meta.url))
    const answer = await post(url, packed, { 'content-type': PROTOBUF, 'content-encoding': 'zstd' })
    expect(answer.status).toBe(200)
    const plain = readFileSync(new URL('../../proto-fixtures/spans/otlp/go-sdk.bin', import.meta.url))
    expect(Buffer.compare(taken[0], plain)).toBe(0)
  })

  test('a body of zero bytes is a request without spans', async () => {
    const { url } = await door()
    expect((await post(url, '', { 'content-type': PROTOBUF })).status).toBe(200)
  })

  test('a chunked body', async () => {
    const { port, taken } = await door()
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        { port, path: '/v1/traces', method: 'POST', headers: { 'content-type': PROTOBUF } },
        (response) => resolve(response.resume().statusCode ?? 0),
      )
      request.on('error', reject)
      request.write(body.subarray(0, 1000))
      setTimeout(() => request.end(body.subarray(1000)), 5)
    })
    expect(status).toBe(200)
    expect(Buffer.compare(taken[0], body)).toBe(0)
  })

  test('the answer comes only when the spans are accepted', async () => {
    let store = (): void => undefined
    const { url } = await door({ accept: () => new Promise((resolve) => (store = resolve)) })
    let answered = false
    const answer = post(url, body, { 'content-type': PROTOBUF }).then((got) => {
      answered = true
      return got.status
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(answered).toBe(false)
    store()
    expect(await answer).toBe(200)
  })

  test('one connection serves many requests', async () => {
    const { url, taken } = await door()
    for (let i = 0; i < 5; i++) expect((await post(url, body, { 'content-type': PROTOBUF })).status).toBe(200)
    expect(taken).toHaveLength(5)
  })
})

describe('requests that are refused', () => {
  test.each([
    ['protobuf', PROTOBUF, Uint8Array.of(0x0a, 0x7f, 0x01), /ExportTraceServiceRequest|offset|byte/],
    ['JSON', 'application/json', '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', /traceId/],
    ['JSON that is none', 'application/json', '<html>', /JSON|offset|byte/i],
  ])('malformed %s: 400 with a status in its encoding that says where', async (_name, type, content, sentence) => {
    const { url, taken } = await door()
    const answer = await post(url, content, { 'content-type': type })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe(type)
    expect(sentenceOf(answer)).toMatch(sentence)
    expect(answer.headers.get('retry-after')).toBeNull()
    expect(taken).toEqual([])
  })

  test.each([
    ['text/plain', /text\/plain.*application\/x-protobuf and application\/json/],
    ['application/x-www-form-urlencoded', /application\/x-protobuf/],
    ['application/grpc', /application\/x-protobuf/],
  ])('Content-Type %s: 415', async (type, sentence) => {
    const { url } = await door()
    const answer = await post(url, 'x', { 'content-type': type })
    expect(answer.status).toBe(415)
    expect(Buffer.from(answer.body).toString()).toMatch(sentence)
  })

  test('an encoding that cannot be unpacked: 415 naming those that can', async () => {
    const { url } = await door()
    const answer = await post(url, body, { 'content-type': PROTOBUF, 'content-encoding': 'snappy' })
    expect(answer.status).toBe(415)
    expect(sentenceOf(answer)).toMatch(/"snappy".*gzip, deflate, zstd or none/)
  })

  test('gzip that is none, and gzip that is cut: 400', async () => {
    const { url } = await door()
    const headers = { 'content-type': PROTOBUF, 'content-encoding': 'gzip' }
    for (const content of [body, gzipSync(body).subarray(0, 500)]) {
      const answer = await post(url, content, headers)
      expect(answer.status).toBe(400)
      expect(sentenceOf(answer)).toMatch(/Content-Encoding gzip, but unpacking/)
    }
  })

  test('a gzip bomb: refused with both numbers before it is unpacked whole', async () => {
    const { url } = await door({ maxBytes: 64 << 20 })
    const bomb = gzipSync(Buffer.alloc(50 << 20))
    const answer = await post(url, bomb, { 'content-type': PROTOBUF, 'content-encoding': 'gzip' })
    expect(answer.status).toBe(400)
    expect(sentenceOf(answer)).toMatch(/unpack to more than .* over 300 times/)
  })

  test('a body that unpacks to more than the limit: 413', async () => {
    const { url } = await door({ maxBytes: body.length - 1 })
    const answer = await post(url, gzipSync(body), { 'content-type': PROTOBUF, 'content-encoding': 'gzip' })
    expect(answer.status).toBe(413)
    expect(sentenceOf(answer)).toContain((body.length - 1).toLocaleString('en-US'))
  })

  test('a body longer than the limit that announces nothing: 413', async () => {
    const { port } = await door({ maxBytes: 10_000 })
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        { port, path: '/v1/traces', method: 'POST', headers: { 'content-type': PROTOBUF } },
        (response) => resolve(response.resume().statusCode ?? 0),
      )
      request.on('error', reject)
      for (let i = 0; i < 20; i++) request.write(Buffer.alloc(1_000))
      request.end()
    })
    expect(status).toBe(413)
  })

  test('an announced body of 1 GiB: 413 with both numbers, though the sender never stops sending', async () => {
    const { port, taken } = await door()
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.setEncoding('latin1')
      socket.on('data', (chunk: string) => {
        text += chunk
        if (text.includes('raise receivers')) resolve(text)
      })
      socket.on('error', reject)
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: ${1 << 30}\r\n\r\n`,
      )
      const chunk = Buffer.alloc(1 << 16)
      const write = (): void => {
        if (!socket.destroyed && text === '') socket.write(chunk, () => setImmediate(write))
        else socket.destroy()
      }
      write()
    })
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('1,073,741,824')
    expect(answer).toContain('1,048,576')
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(taken).toEqual([])
  })

  test('a client that asks first (Expect: 100-continue) is refused before it sends, and asked to go on otherwise', async () => {
    const { port, taken } = await door()
    const ask = (length: number, content: Uint8Array): Promise<{ continued: boolean; status: number }> =>
      new Promise((resolve, reject) => {
        let continued = false
        const request = httpRequest(
          {
            port,
            path: '/v1/traces',
            method: 'POST',
            headers: { 'content-type': PROTOBUF, 'content-length': length, expect: '100-continue' },
          },
          (response) => {
            resolve({ continued, status: response.resume().statusCode ?? 0 })
            request.destroy()
          },
        )
        request.on('continue', () => {
          continued = true
          request.end(content)
        })
        request.on('error', reject)
        request.flushHeaders()
      })
    expect(await ask(1 << 30, new Uint8Array(0))).toEqual({ continued: false, status: 413 })
    expect(await ask(body.length, body)).toEqual({ continued: true, status: 200 })
    expect(taken).toHaveLength(1)
  })

  test('other methods: 405 naming POST; other paths: 404 that says where traces go', async () => {
    const { url } = await door()
    const got = await fetch(url)
    expect(got.status).toBe(405)
    expect(got.headers.get('allow')).toBe('POST')
    const metrics = await post(url.replace('traces', 'metrics'), body, { 'content-type': PROTOBUF })
    expect(metrics.status).toBe(404)
    expect(Buffer.from(metrics.body).toString()).toMatch(/send metrics to your backend/)
    const elsewhere = await fetch(url.replace('/v1/traces', '/'))
    expect(await elsewhere.text()).toMatch(/POST \/v1\/traces/)
  })

  test('bytes that are no HTTP: 400 with a sentence', async () => {
    const { port } = await door()
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*this is no HTTP\/1\.1 request/s)
  })

  test('a body that comes too slowly: 408', async () => {
    const { port, taken } = await door({ requestTimeoutMs: 150 })
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: 100\r\n\r\n12345`,
      )
    })
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*did not arrive whole within 0\.15 s/s)
    expect(taken).toEqual([])
  })

  test('a client that goes away in the middle costs nothing but its own request', async () => {
    const { url, port } = await door({ budgetBytes: body.length })
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('close', () => resolve())
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body.subarray(0, 1_000), () => setTimeout(() => socket.destroy(), 20))
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    // What it had taken of the memory for bodies was given back.
    expect((await post(url, body, { 'content-type': PROTOBUF })).status).toBe(200)
  })

  test.each([
    [new Failure('OVERLOADED', 'the journal is full', 7), 429, '7', 'the journal is full'],
    [new Failure('STORE', 'the disk is gone'), 503, '1', 'the disk is gone'],
    [new Error('a secret of ours'), 503, '5', /something it did not expect/],
  ])('%s: %i with Retry-After', async (failure, status, retryAfter, sentence) => {
    const { url, log } = await door({ accept: () => Promise.reject(failure) })
    for (const type of [PROTOBUF, 'application/json']) {
      const answer = await post(url, type === PROTOBUF ? body : '{}', { 'content-type': type })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('retry-after')).toBe(retryAfter)
      expect(sentenceOf(answer)).toMatch(sentence)
      expect(sentenceOf(answer)).not.toContain('secret')
    }
    expect(log.lines.some(({ level }) => level === 'error')).toBe(!(failure instanceof Failure))
  })

  test('bodies together over the budget: 429, and 200 again when it is free', async () => {
    let store = (): void => undefined
    let first = true
    const { url, counters } = await door({
      budgetBytes: body.length + 100,
      accept: () => {
        if (!first) return Promise.resolve()
        first = false
        return new Promise((resolve) => (store = resolve))
      },
    })
    const waiting = post(url, body, { 'content-type': PROTOBUF })
    while (first) await new Promise((resolve) => setTimeout(resolve, 5))
    const refused = await post(url, body, { 'content-type': PROTOBUF })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(sentenceOf(refused)).toContain('receivers.maxBytes')
    store()
    expect((await waiting).status).toBe(200)
    expect((await post(url, body, { 'content-type': PROTOBUF })).status).toBe(200)
    expect(counters.of('subspan_receiver_requests_total', { receiver: 'otlp_http', status: '429' })).toBe(1)
  })
})

describe('listening', () => {
  test('a port that is taken: a sentence with the port and the option', async () => {
    const { port } = await door()
    const options = {
      host: '127.0.0.1',
      port,
      name: 'OTLP/HTTP',
      portOption: 'receivers.otlpHttp.port',
      requestTimeoutMs: 1_000,
    }
    await expect(listen(() => undefined, options)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(new RegExp(`port ${port} is taken.*receivers\\.otlpHttp\\.port`)) as unknown,
    })
  })

  test('an address of another machine: a sentence with the option', async () => {
    const options = { host: '192.0.2.1', port: 0, name: 'the API', portOption: 'api.port', requestTimeoutMs: 1_000 }
    await expect(listen(() => undefined, options)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/192\.0\.2\.1 is no address of this machine.*api\.host/) as unknown,
    })
  })

  test('closing waits for the request in work and takes no new connection', async () => {
    let store = (): void => undefined
    let working = false
    const { url } = await door({
      accept: () =>
        new Promise((resolve) => {
          working = true
          store = resolve
        }),
    })
    const answer = post(url, body, { 'content-type': PROTOBUF })
    while (!working) await new Promise((resolve) => setTimeout(resolve, 5))
    const [listener] = open.splice(0)
    const closed = listener.close(5_000)
    await expect(fetch(url)).rejects.toThrow()
    store()
    expect((await answer).status).toBe(200)
    await closed
  })
})
