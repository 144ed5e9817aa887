import { gunzipSync } from 'node:zlib'
import nock from 'nock'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Destination } from '../../src/export/destination.ts'
import type { SendResult } from '../../src/export/sender.ts'
import { PLAIN_DESTINATION, sendOnce } from '../support/destination.ts'
import { oracle, spansOfJson, spansOfProtobuf } from '../support/otlp.ts'

const destination: Destination = { ...PLAIN_DESTINATION, url: 'http://backend.test:4318/v1/traces', timeoutMs: 5_000 }

const span = {
  traceId: Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex'),
  spanId: Buffer.from('1112131415161718', 'hex'),
  name: '/messages',
  startTimeUnixNano: '1700000000000000001',
  endTimeUnixNano: '1700000000000000009',
}
const request = oracle.Request.encode(
  oracle.Request.fromObject({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
).finish()

const send = (changes: Partial<Destination> = {}, signal?: AbortSignal): Promise<SendResult> =>
  sendOnce({ ...destination, ...changes }, request, signal)

function protobuf(type: typeof oracle.Response, message: object): Buffer {
  return Buffer.from(type.encode(type.fromObject(message)).finish())
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' }

describe('against a simulated backend', () => {
  const backend = (): nock.Interceptor => nock('http://backend.test:4318').post('/v1/traces')

  beforeEach(() => {
    nock.disableNetConnect()
  })

  afterEach(() => {
    nock.cleanAll()
    nock.enableNetConnect()
    nock.restore()
    nock.activate()
  })

  test.each([
    ['an empty body', 200, '', {}],
    ['an empty response', 200, '', PROTOBUF],
    ['an empty JSON response', 200, '{"partialSuccess":{}}', { 'content-type': 'application/json' }],
    ['a login page', 200, '<html>Sign in</html>', { 'content-type': 'text/html' }],
    ['rubbish', 200, Buffer.from([0xff, 0xff, 0xff]), PROTOBUF],
    ['another success', 202, '', {}],
    ['no content', 204, '', {}],
  ])('%s with a status that says so is delivered', async (_name, status, body, headers) => {
    backend().reply(status, body, headers)
    expect(await send()).toEqual({ kind: 'delivered', partial: null })
  })

  test.each([
    [
      'protobuf',
      PROTOBUF,
      protobuf(oracle.Response, { partialSuccess: { rejectedSpans: '3', errorMessage: 'too old' } }),
    ],
    [
      'JSON',
      { 'content-type': 'application/json' },
      '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}',
    ],
  ])('partial success in %s is delivered, with what was rejected', async (_name, headers, body) => {
    backend().reply(200, body, headers)
    expect(await send()).toEqual({ kind: 'delivered', partial: { rejectedSpans: 3n, message: 'too old' } })
  })

  test.each([429, 502, 503, 504])('%i may be tried again', async (status) => {
    backend().reply(status, protobuf(oracle.RpcStatus, { code: 14, message: 'come back' }), PROTOBUF)
    expect(await send()).toEqual({ kind: 'again', reason: `HTTP ${status}: come back`, retryAfterMs: null })
  })

  test.each([
    ['7', 7_000, 7_000],
    ['0', 0, 0],
    ['86400', 600_000, 600_000],
    ['soon', null, null],
    [new Date(Date.now() + 90_000).toUTCString(), 80_000, 90_000],
    [new Date(Date.now() - 90_000).toUTCString(), 0, 0],
  ])('Retry-After %s is heeded', async (value, least, most) => {
    backend().reply(429, '', { 'retry-after': value })
    const result = await send()
    expect(result.kind).toBe('again')
    const { retryAfterMs } = result as { retryAfterMs: number | null }
    if (least === null || most === null) expect(retryAfterMs).toBeNull()
    else {
      expect(retryAfterMs).toBeGreaterThanOrEqual(least)
      expect(retryAfterMs).toBeLessThanOrEqual(most)
    }
  })

  test.each([400, 401, 403, 404, 408, 413, 500, 501])('%i is refused for good', async (status) => {
    backend().reply(status, 'no\r\n\x1b[31msuch\x00 thing', { 'content-type': 'text/plain' })
    expect(await send()).toEqual({ kind: 'refused', status, reason: `HTTP ${status}: no [31msuch thing` })
  })

  test('a redirect is refused, not followed, and says where it leads', async () => {
    backend().reply(307, '', { location: 'https://backend.test/v1/traces' })
    const other = nock('https://backend.test').post('/v1/traces').reply(200)
    expect(await send()).toMatchObject({
      kind: 'refused',
      status: 307,
      reason: expect.stringMatching(/https:\/\/backend\.test\/v1\/traces: redirects are not followed/) as string,
    })
    expect(other.isDone()).toBe(false)
  })

  test('a long answer is read no further than its beginning', async () => {
    backend().reply(400, 'x'.repeat(1 << 20), { 'content-type': 'text/plain' })
    const { reason } = (await send()) as { reason: string }
    expect(reason.length).toBeLessThan(400)
  })

  test.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT'])('%s may be tried again', async (code) => {
    backend().replyWithError(Object.assign(new Error(`connect ${code}`), { code }))
    expect(await send()).toEqual({ kind: 'again', reason: `connect ${code}`, retryAfterMs: null })
  })

  test('the request has its bytes, our name, the destination’s headers', async () => {
    let body = ''
    nock('http://backend.test:4318', {
      reqheaders: {
        'content-type': 'application/x-protobuf',
        'user-agent': 'subspan/1.2.3',
        authorization: 'Bearer x',
      },
      badheaders: ['content-encoding'],
    })
      .post('/v1/traces', (sent: string) => ((body = sent), true))
      .reply(200)
    expect(await send({ headers: { authorization: 'Bearer x' } })).toMatchObject({ kind: 'delivered' })
    expect(body).toBe(Buffer.from(request).toString('hex'))
  })

  test('gzip unpacks to the same bytes', async () => {
    let body = ''
    nock('http://backend.test:4318', { reqheaders: { 'content-encoding': 'gzip' } })
      .post('/v1/traces', (sent: string) => ((body = sent), true))
      .reply(200)
    expect(await send({ gzip: true })).toMatchObject({ kind: 'delivered' })
    expect(new Uint8Array(gunzipSync(Buffer.from(body, 'hex')))).toEqual(new Uint8Array(request))
  })

  test('JSON holds the same spans', async () => {
    let body: unknown
    nock('http://backend.test:4318', { reqheaders: { 'content-type': 'application/json' } })
      .post('/v1/traces', (sent: unknown) => ((body = sent), true))
      .reply(200, '{}', { 'content-type': 'application/json' })
    expect(await send({ protocol: 'http/json' })).toEqual({ kind: 'delivered', partial: null })
    expect(spansOfJson(JSON.stringify(body))).toEqual(spansOfProtobuf(request))
  })
})
