// api.test.ts: captures, announcements, health and metrics over real connections.

import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import type { CaptureName } from '../../src/bridge/ports.ts'
import { api, type ApiDoor } from '../../src/server/api.ts'
import { BodyBudget } from '../../src/server/body.ts'
import { listen, type Listener } from '../../src/server/listen.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'

const ID = '0123456789abcdef0123456789abcdef'
const open: Listener[] = []

afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close(0)
})

interface TestDoor {
  readonly url: string
  readonly port: number
  readonly uploads: { readonly name: CaptureName; readonly bytes: Buffer }[]
  readonly log: MemoryLog
}

async function door(overrides: Partial<ApiDoor> = {}): Promise<TestDoor> {
  const uploads: { name: CaptureName; bytes: Buffer }[] = []
  const log = new MemoryLog()
  const listener = await listen(
    api({
      acceptCapture: async (name, _origin, chunks) => {
        const parts: Uint8Array[] = []
        for await (const chunk of chunks) parts.push(chunk.slice())
        uploads.push({ name, bytes: Buffer.concat(parts) })
        return { id: ID, bytes: Buffer.concat(parts).length, known: uploads.length > 1 }
      },
      captures: () => [],
      capture: () => null,
      announce: (name, seconds) => ({ ...name, seconds, untilUnixNs: '1' }),
      announcements: () => [],
      pull: () => Promise.reject(new Failure('NOT_FOUND', 'no target')),
      reload: null,
      notReady: () => null,
      metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'subspan_up 1\n' }),
      maxCaptureBytes: 1 << 20,
      maxCaptureOption: 'captures.maxBytes',
      idleTimeoutMs: 5_000,
      allowedHosts: ['subspan.example.com'],
      budget: new BodyBudget(1 << 20, 'receivers.maxBytes'),
      counters: new MemoryCounters(),
      log,
      ...overrides,
    }),
    { host: '127.0.0.1', port: 0, name: 'the API', portOption: 'api.port', requestTimeoutMs: 60_000 },
  )
  open.push(listener)
  return { url: listener.url, port: listener.port, uploads, log }
}

async function errorOf(response: Response): Promise<{ code: string; message: string }> {
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  return ((await response.json()) as { error: { code: string; message: string } }).error
}

describe('uploading a capture', () => {
  test('202 with the id and where to look; the body is the capture', async () => {
    const { url, uploads } = await door()
    const capture = Buffer.from('go 1.26 trace\0\0\0and more')
    const response = await fetch(`${url}/api/v1/captures?service=auth&instance=auth-7d4b`, {
      method: 'POST',
      body: capture,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(response.status).toBe(202)
    expect(response.headers.get('location')).toBe(`/api/v1/captures/${ID}`)
    expect(await response.json()).toEqual({
      id: ID,
      bytes: capture.length,
      known: false,
      status: `/api/v1/captures/${ID}`,
    })
    expect(uploads).toEqual([{ name: { service: 'auth', instance: 'auth-7d4b' }, bytes: capture }])
  })

  test('without a name', async () => {
    const { url, uploads } = await door()
    expect((await fetch(`${url}/api/v1/captures`, { method: 'POST', body: 'x' })).status).toBe(202)
    expect(uploads[0].name).toEqual({ service: '', instance: '' })
  })

  test('Content-Encoding zstd is left on: such a capture is known by its first bytes', async () => {
    const { url, uploads } = await door()
    await fetch(`${url}/api/v1/captures`, { method: 'POST', body: 'packed', headers: { 'content-encoding': 'zstd' } })
    expect(uploads.map(({ bytes }) => bytes)).toEqual([Buffer.from('packed')])
  })

  test('Content-Encoding gzip is taken off, a .gz file is stored as it is', async () => {
    const { url, uploads } = await door()
    const packed = gzipSync('go 1.26 trace')
    await fetch(`${url}/api/v1/captures`, { method: 'POST', body: packed, headers: { 'content-encoding': 'gzip' } })
    await fetch(`${url}/api/v1/captures`, { method: 'POST', body: packed })
    expect(uploads.map(({ bytes }) => bytes)).toEqual([Buffer.from('go 1.26 trace'), packed])
  })

  test.each([
    [new Failure('CAPTURE_EMPTY', 'the capture is empty: 0 bytes'), 400],
    [new Failure('CAPTURE_NOT_GO', 'this is an HTML page'), 400],
    [new Failure('CAPTURE_VERSION', 'the header says go 1.10'), 422],
    [new Failure('CAPTURE_COMPRESSION', 'broken gzip'), 400],
    [new Failure('CAPTURE_TOO_LARGE', 'too large'), 413],
    [new Failure('OVERLOADED', 'full', 4), 429],
    [new Failure('STORE', 'the disk is gone'), 503],
  ])('%s: %i with code and sentence', async (failure, status) => {
    const { url } = await door({ acceptCapture: () => Promise.reject(failure) })
    const response = await fetch(`${url}/api/v1/captures`, { method: 'POST', body: 'x' })
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '4' : status === 503 ? '1' : null)
    expect(await errorOf(response)).toEqual({ code: failure.code, message: failure.message })
  })

  test('gzip that is broken: 400', async () => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures`, {
      method: 'POST',
      body: 'no gzip',
      headers: { 'content-encoding': 'gzip' },
    })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).code).toBe('BODY_COMPRESSION')
  })

  test('a form instead of the capture: 415 that says how to send it', async () => {
    const { url } = await door()
    const form = new FormData()
    form.set('file', new Blob(['go 1.26 trace']))
    const response = await fetch(`${url}/api/v1/captures`, { method: 'POST', body: form })
    expect(response.status).toBe(415)
    expect((await errorOf(response)).message).toContain('--data-binary')
  })

  test('an announced body of 1 GiB: 413 with both numbers, before anything is read', async () => {
    const { port, uploads } = await door()
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(
        { port, path: '/api/v1/captures', method: 'POST', headers: { 'content-length': 1 << 30 } },
        (response) => {
          let text = ''
          response.on('data', (chunk) => (text += String(chunk)))
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, text })
            request.destroy()
          })
        },
      )
      request.on('error', reject)
      request.write('x')
    })
    expect(status).toBe(413)
    expect(text).toContain('1,073,741,824')
    expect(text).toContain('1,048,576')
    expect(uploads).toEqual([])
  })

  test('an upload that stops in the middle: 408', async () => {
    const { port, uploads } = await door({ idleTimeoutMs: 50 })
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.includes('send it again')) socket.destroy()
      })
      socket.on('close', () => resolve(text))
      socket.write('POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n12345')
    })
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answer).toContain('after 5 of 100 bytes')
    expect(uploads).toEqual([])
  })

  test('a misspelled parameter: 400, for the capture would have no name', async () => {
    const { url, uploads } = await door()
    const response = await fetch(`${url}/api/v1/captures?servce=a`, { method: 'POST', body: 'go 1.26 trace' })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toMatch(/^"servce" in the query is not known: a capture is named by/)
    expect(uploads).toEqual([])
  })

  test('a name given twice: 400', async () => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures?service=a&service=b`, { method: 'POST', body: 'x' })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toContain('service')
  })

  test('a defect of ours: 503, its words in the log only', async () => {
    const { url, log } = await door({ acceptCapture: () => Promise.reject(new Error('a secret')) })
    const response = await fetch(`${url}/api/v1/captures`, { method: 'POST', body: 'x' })
    expect(response.status).toBe(503)
    expect((await errorOf(response)).message).not.toContain('secret')
    expect(JSON.stringify(log.lines)).toContain('a secret')
  })
})

describe('announcing', () => {
  test('202 with until when spans wait', async () => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures/announce`, {
      method: 'POST',
      body: JSON.stringify({ service: 'auth', instance: 'auth-1', seconds: 2.5 }),
    })
    expect(response.status).toBe(202)
    expect(await response.json()).toEqual({ service: 'auth', instance: 'auth-1', seconds: 2.5, untilUnixNs: '1' })
  })

  test.each([
    ['no JSON', 'no JSON'],
    ['{"seconds":5}', 'names the service'],
    ['{"service":"a"}', 'seconds is missing'],
    ['{"service":"a","seconds":0}', 'seconds is 0'],
    ['{"service":"a","seconds":"5"}', 'seconds is "5"'],
    ['{"service":"a","seconds":90000}', 'at most 3600'],
    ['null', 'names the service'],
  ])('%s: 400', async (content, sentence) => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures/announce`, { method: 'POST', body: content })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toContain(sentence)
  })
})

describe('pulling', () => {
  test('202 with the id and where to look, when the recording is under way', async () => {
    const asked: unknown[] = []
    const { url } = await door({
      pull: (target, seconds) => {
        asked.push([target, seconds])
        return Promise.resolve({ id: ID, target: 'auth', service: 'auth', instance: '', seconds })
      },
    })
    const post = (content: string): Promise<Response> =>
      fetch(`${url}/api/v1/captures/pull`, { method: 'POST', body: content })
    const response = await post('{"target":"http://auth:6060","seconds":2.5}')
    expect(response.status).toBe(202)
    expect(response.headers.get('location')).toBe(`/api/v1/captures/${ID}`)
    expect(await response.json()).toEqual({
      id: ID,
      target: 'auth',
      service: 'auth',
      instance: '',
      seconds: 2.5,
      status: `/api/v1/captures/${ID}`,
    })
    await post('{"target":"auth"}')
    expect(asked).toEqual([
      ['http://auth:6060', 2.5],
      ['auth', 5],
    ])
  })

  test.each([
    [new Failure('NOT_FOUND', 'no target'), 404],
    [new Failure('REQUEST', 'too long'), 400],
    [new Failure('TARGET', 'it ended'), 502],
    [new Failure('TARGET_BUSY', 'it is being recorded'), 409],
    [new Failure('TARGET_TIMEOUT', 'it did not answer'), 504],
    [new Failure('OVERLOADED', 'too many', 5), 429],
  ])('%s: %i with code and sentence', async (failure, status) => {
    const { url } = await door({ pull: () => Promise.reject(failure) })
    const response = await fetch(`${url}/api/v1/captures/pull`, { method: 'POST', body: '{"target":"auth"}' })
    expect(response.status).toBe(status)
    expect(await errorOf(response)).toEqual({ code: failure.code, message: failure.message })
  })

  test.each([
    ['no JSON', 'auth', /no JSON.*\{"target":"http:\/\/auth:6060","seconds":5\}/],
    ['no target', '{"seconds":5}', /names a target/],
    ['seconds as text', '{"target":"auth","seconds":"5"}', /seconds is "5": it must be a number/],
  ])('%s: 400', async (_what, content, sentence) => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures/pull`, { method: 'POST', body: content })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toMatch(sentence)
  })
})

describe('looking', () => {
  test('an unknown capture: 404 that says where those there are are listed', async () => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/captures/ffff`)
    expect(response.status).toBe(404)
    expect((await errorOf(response)).message).toContain('GET /api/v1/captures')
  })

  test('other paths 404, other methods 405, broken percent signs 400', async () => {
    const { url } = await door()
    expect((await fetch(`${url}/nothing`)).status).toBe(404)
    const put = await fetch(`${url}/api/v1/captures`, { method: 'PUT', body: 'x' })
    expect(put.status).toBe(405)
    expect(put.headers.get('allow')).toBe('GET, POST')
    expect((await fetch(`${url}/api/v1/captures/%zz`)).status).toBe(400)
  })

  test('health, readiness and metrics', async () => {
    const ready = await door()
    expect((await fetch(`${ready.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${ready.url}/readyz`)).status).toBe(200)
    const metrics = await fetch(`${ready.url}/metrics`)
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(await metrics.text()).toBe('subspan_up 1\n')

    const starting = await door({ notReady: () => 'the journal is being read' })
    const readiness = await fetch(`${starting.url}/readyz`)
    expect(readiness.status).toBe(503)
    expect(await readiness.json()).toEqual({ ready: false, reason: 'the journal is being read' })
    expect((await fetch(`${starting.url}/healthz`)).status).toBe(200)
  })
})

describe('pages of strangers', () => {
  /** Fetch sets Host itself, so that the request is made by hand. */
  function ask(port: number, headers: Record<string, string>): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ port, path: '/api/v1/captures', headers }, (response) =>
        resolve(response.resume().statusCode ?? 0),
      )
      request.on('error', reject).end()
    })
  }

  test.each([
    ['127.0.0.1:6061', 200],
    ['[::1]:6061', 200],
    ['localhost', 200],
    ['subspan:6061', 200],
    ['subspan.example.com', 200],
    ['evil.example.com', 403],
    ['127.0.0.1.evil.example.com', 403],
  ])('Host %s: %i', async (host, status) => {
    const { port } = await door()
    expect(await ask(port, { host })).toBe(status)
  })

  test.each([
    ['http://localhost:6061', 200],
    ['http://evil.example.com', 403],
    ['null', 403],
  ])('Origin %s: %i', async (origin, status) => {
    const { port } = await door()
    expect(await ask(port, { host: 'localhost:6061', origin })).toBe(status)
  })
})

describe('reading the configuration again', () => {
  test('is for those who bear a token only', async () => {
    const { url } = await door()
    const response = await fetch(`${url}/api/v1/reload`, { method: 'POST' })
    expect(response.status).toBe(403)
    expect((await errorOf(response)).message).toMatch(/set api\.tokens or api\.tokensFile, or send the process SIGHUP/)
  })

  test('says what came of it', async () => {
    const { url } = await door({ reload: () => Promise.resolve({ targets: 3 }) })
    const response = await fetch(`${url}/api/v1/reload`, { method: 'POST' })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ targets: 3 })
  })

  test('a configuration that cannot be used: 400 with what is wrong', async () => {
    const wrong = new Failure('CONFIG', 'subspan.yaml:3:1: there is no option holt.')
    const { url } = await door({ reload: () => Promise.reject(wrong) })
    const response = await fetch(`${url}/api/v1/reload`, { method: 'POST' })
    expect(response.status).toBe(400)
    expect((await errorOf(response)).message).toMatch(/not taken, the one before holds\. subspan\.yaml:3:1/)
  })
})
