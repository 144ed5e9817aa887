// pprof-trace.test.ts: what programs answer when they are asked for a recording, each with its sentence.

import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { recordTrace, type RecordingLimits } from '../../src/pull/pprof-trace.ts'
import type { PullTarget } from '../../src/pull/target.ts'
import { goError, Pprof, streamed } from '../support/pprof.ts'
import { temporaryFolder } from '../support/subspan-process.ts'

const LIMITS: RecordingLimits = { seconds: 0.2, timeoutMs: 2_000, maxBytes: 1 << 20 }
const open: Pprof[] = []
afterEach(async () => {
  for (const program of open.splice(0)) await program.close()
})

async function program(...answer: Parameters<typeof Pprof.open>): Promise<Pprof> {
  const opened = await Pprof.open(...answer)
  open.push(opened)
  return opened
}

interface Recorded {
  readonly bytes: Buffer
  readonly failure: Failure | null
}

async function record(
  target: PullTarget,
  limits: Partial<RecordingLimits> = {},
  signal = new AbortController().signal,
): Promise<Recorded> {
  const chunks: Uint8Array[] = []
  let failure: Failure | null = null
  try {
    for await (const chunk of recordTrace(target, { ...LIMITS, ...limits }, '1.2.3', signal)) chunks.push(chunk)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    failure = thrown
  }
  return { bytes: Buffer.concat(chunks), failure }
}

describe('a recording', () => {
  test('bears the headers of a file as they are when it is asked for; a file that cannot be used is told, not what is in it', async () => {
    const folder = temporaryFolder()
    const headersFile = join(folder.path, 'headers')
    const go = await program(streamed(Buffer.from('go 1.26 trace'), 1))
    for (const token of ['one', 'two']) {
      writeFileSync(headersFile, `authorization: Bearer ${token}\n`)
      expect((await record({ ...go.target(), headers: { authorization: 'Bearer x' }, headersFile })).failure).toBeNull()
    }
    expect(go.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer one', 'Bearer two'])
    writeFileSync(headersFile, 'hunter2')
    const { failure } = await record({ ...go.target(), headersFile })
    expect(failure?.message).toMatch(/^pull\.targets: line 1 of headersFile \S+headers is no header/)
    expect(failure?.message).not.toContain('hunter2')
    writeFileSync(headersFile, '# nothing\n')
    expect((await record({ ...go.target(), headersFile })).failure?.message).toMatch(/headers, which holds no header: /)
    folder.remove()
  })

  test('is what the program sent, asked for by its seconds, without compression', async () => {
    const capture = Buffer.alloc(100_000, 'go 1.26 trace')
    const go = await program(streamed(capture, 7))
    const { bytes, failure } = await record({ ...go.target(), headers: { authorization: 'Bearer x', host: 'inner' } })
    expect(failure).toBeNull()
    expect(bytes.equals(capture)).toBe(true)
    expect(go.requests).toMatchObject([
      {
        url: '/debug/pprof/trace?seconds=0.2',
        headers: {
          'user-agent': 'subspan/1.2.3',
          'accept-encoding': 'identity',
          authorization: 'Bearer x',
          host: 'inner',
        },
      },
    ])
  })

  test('comes while it is being recorded', async () => {
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    const capture = Buffer.alloc(20_000, 'x')
    const { target } = await program(streamed(capture, 2, () => gate)).then((opened) => ({ target: opened.target() }))
    const chunks = recordTrace(target, LIMITS, '1', new AbortController().signal)
    expect((await chunks.next()).value).toBeDefined()
    go()
    let rest = 0
    for await (const chunk of chunks) rest += chunk.length
    expect(rest).toBeGreaterThan(0)
  })
})

describe('a program that gives none', () => {
  test.each<[what: string, answer: ReturnType<typeof goError>, code: string, sentence: RegExp]>([
    [
      'is being recorded (Go 1.25 on)',
      goError(500, 'Could not enable tracing: execution tracer already enabled'),
      'TARGET_BUSY',
      /being recorded by somebody else already \(Could not enable tracing: execution tracer already enabled\).*try again/,
    ],
    [
      'is being recorded (before Go 1.25)',
      goError(500, 'Could not enable tracing: tracing is already enabled'),
      'TARGET_BUSY',
      /somebody else already/,
    ],
    [
      'refuses the seconds',
      goError(400, "profile duration exceeds server's WriteTimeout"),
      'TARGET',
      /refused a recording of 0\.2 s.*ask for fewer seconds than its http\.Server's WriteTimeout/,
    ],
    [
      'has no pprof',
      goError(404, '404 page not found'),
      'TARGET',
      /HTTP 404: 404 page not found: nothing is served there.*net\/http\/pprof/,
    ],
    ['takes no GET', goError(405, 'Method Not Allowed'), 'TARGET', /HTTP 405.*nothing is served there/],
    [
      'wants to know who asks',
      goError(401, 'who?'),
      'TARGET',
      /HTTP 401: who\?: set what it asks for in the target's headers/,
    ],
    [
      'points elsewhere',
      (_request, response) => void response.writeHead(302, { location: 'http://metadata.internal/' }).end(),
      'TARGET',
      /HTTP 302 and points to http:\/\/metadata\.internal\/: redirects are not followed/,
    ],
    [
      'answers a page',
      (_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in'),
      'TARGET',
      /HTML page, not a capture/,
    ],
    ['is broken', goError(503, 'no\u001b[31m backend'), 'TARGET', /HTTP 503: no \[31m backend\.$/],
    ['hangs up', (_request, response) => void response.destroy(), 'TARGET', /could not be asked \(socket hang up\)/],
  ])('because it %s', async (_what, answer, code, sentence) => {
    const go = await program(answer)
    const { bytes, failure } = await record(go.target())
    expect(bytes.length).toBe(0)
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as unknown })
    expect(failure?.message.startsWith(`${go.url}/debug/pprof/trace`)).toBe(true)
    expect(go.requests.length).toBe(1)
  })

  test('because nothing listens there', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const go = await program()
    const { failure } = await record({ ...go.target(), url: `http://user:secret@127.0.0.1:${port}/?token=secret` })
    expect(failure).toMatchObject({
      code: 'TARGET',
      message: expect.stringMatching(/ECONNREFUSED.*see that the program runs/) as unknown,
    })
    expect(failure?.message).not.toContain('secret')
  })

  test('because it never answers', async () => {
    const go = await program(() => undefined)
    const { failure } = await record(go.target(), { seconds: 0.05, timeoutMs: 50 })
    expect(failure).toMatchObject({
      code: 'TARGET_TIMEOUT',
      message: expect.stringMatching(
        /did not end its recording of 0\.05 s within 0\.1 s; .*before anything/,
      ) as unknown,
    })
  })

  test('because a file of its TLS cannot be read', async () => {
    const go = await program()
    const { failure } = await record({ ...go.target(), url: 'https://127.0.0.1:1', caFile: '/nowhere/ca.pem' })
    expect(failure).toMatchObject({ code: 'TARGET', message: expect.stringContaining('/nowhere/ca.pem') as unknown })
  })
})

describe('a recording that is cut is used up to there', () => {
  const first = Buffer.alloc(5_000, 'x')

  test('by a connection that ends', async () => {
    const go = await program((_request, response) => {
      response.write(first)
      setTimeout(() => response.destroy(), 30)
    })
    const { bytes, failure } = await record(go.target())
    expect(bytes.equals(first)).toBe(true)
    expect(failure).toMatchObject({
      code: 'TARGET',
      message: expect.stringMatching(
        /cut its recording of 0\.2 s off after 5,000 bytes.*what came before is used.*WriteTimeout/,
      ) as unknown,
    })
  })

  test('by a program that does not stop', async () => {
    const go = await program((_request, response) => void response.write(first))
    const { bytes, failure } = await record(go.target(), { seconds: 0.05, timeoutMs: 150 })
    expect(bytes.equals(first)).toBe(true)
    expect(failure).toMatchObject({
      code: 'TARGET_TIMEOUT',
      message: expect.stringMatching(/after 5,000 bytes.*Raise pull\.timeout/) as unknown,
    })
  })

  test('by its size', async () => {
    const go = await program(streamed(Buffer.alloc(60_000), 10))
    const { bytes, failure } = await record(go.target(), { maxBytes: 30_000 })
    expect(bytes.length).toBeGreaterThan(0)
    expect(bytes.length).toBeLessThanOrEqual(30_000)
    expect(failure).toMatchObject({
      code: 'CAPTURE_TOO_LARGE',
      message: expect.stringMatching(/larger than 30,000 bytes/) as unknown,
    })
  })

  test('by our own end', async () => {
    const stopping = new AbortController()
    const go = await program((_request, response) => {
      response.write(first)
      setTimeout(() => stopping.abort(), 30)
    })
    const { bytes, failure } = await record(go.target(), {}, stopping.signal)
    expect(bytes.equals(first)).toBe(true)
    expect(failure).toMatchObject({ code: 'TARGET', message: expect.stringMatching(/^Subspan is stopping/) as unknown })
  })
})

test('who leaves a recording ends it', async () => {
  let ended = (): void => undefined
  const gone = new Promise<void>((resolve) => (ended = resolve))
  const go = await program((_request, response) => {
    response.write(Buffer.alloc(5_000))
    response.once('close', ended)
  })
  for await (const chunk of recordTrace(go.target(), LIMITS, '1', new AbortController().signal)) {
    expect(chunk.length).toBeGreaterThan(0)
    break
  }
  await gone
})
