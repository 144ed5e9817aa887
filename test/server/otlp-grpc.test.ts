import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { BodyBudget } from '../../src/server/body.ts'
import type { Listener } from '../../src/server/listen.ts'
import { listenGrpc } from '../../src/server/grpc.ts'
import { otlpGrpc } from '../../src/server/otlp-grpc.ts'
import { OPEN, openSecurity, type Security, Tokens } from '../../src/server/security.ts'
import { retryDelayMs } from '../../src/span/otlp/response.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { certificate } from '../support/certificates.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { recording } from '../support/flow.ts'

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const [request] = recording().requests

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface DoorOptions {
  readonly accept?: () => Promise<void>
  readonly maxMessageBytes?: number
  readonly budget?: BodyBudget
  readonly security?: Security
}

async function door(options: DoorOptions = {}): Promise<{
  readonly listener: Listener
  readonly taken: Uint8Array[]
  readonly counters: MemoryCounters
  readonly log: MemoryLog
}> {
  const taken: Uint8Array[] = []
  const counters = new MemoryCounters()
  const log = new MemoryLog()
  const method = otlpGrpc(async (bytes) => {
    scanTraceRequest(bytes)
    await options.accept?.()
    taken.push(Uint8Array.from(bytes))
  })
  const listener = await listenGrpc(
    {
      receiver: 'otlp_grpc',
      maxMessageBytes: options.maxMessageBytes ?? 1 << 20,
      maxMessageOption: 'receivers.otlpGrpc.maxMessageBytes',
      budget: options.budget ?? new BodyBudget(1 << 24, 'receivers.maxBytes'),
      counters,
      log,
    },
    { unary: [method], streams: [] },
    { host: '127.0.0.1', port: 0, name: 'OTLP/gRPC', portOption: 'receivers.otlpGrpc.port' },
    options.security ?? OPEN,
  )
  ends.push(() => listener.close(100))
  return { listener, taken, counters, log }
}

interface Answer {
  readonly code: number
  readonly details: string
  /** What RetryInfo says; null without it. */
  readonly retryMs: number | null
  readonly body: Uint8Array | null
}

interface CallOptions {
  readonly metadata?: Metadata
  readonly gzip?: boolean
  readonly client?: Client
  readonly path?: string
}

function call(port: number, bytes: Uint8Array, options: CallOptions = {}): Promise<Answer> {
  const client =
    options.client ??
    new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
      'grpc.default_compression_algorithm': options.gzip === true ? compressionAlgorithms.gzip : 0,
    })
  ends.push(() => client.close())
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      options.path ?? EXPORT,
      (message: Uint8Array) => Buffer.from(message),
      (body) => body,
      bytes,
      options.metadata ?? new Metadata(),
      (error: ServiceError | null, body?: Buffer) => {
        const details = error?.metadata.get('grpc-status-details-bin')[0]
        resolve({
          code: error?.code ?? status.OK,
          details: error?.details ?? '',
          retryMs: Buffer.isBuffer(details) ? retryDelayMs(details) : null,
          body: body ?? null,
        })
      },
    )
  })
}

describe('requests', () => {
  test.each([[false], [true]])(
    'are taken as the bytes they are, and answered with an empty message (gzip %s)',
    async (gzip) => {
      const { listener, taken, counters } = await door()
      const answer = await call(listener.port, request, { gzip })
      expect(answer).toMatchObject({ code: status.OK, retryMs: null })
      expect(answer.body).toHaveLength(0)
      expect(taken).toEqual([Uint8Array.from(request)])
      expect(counters.of('subspan_receiver_requests_total', { receiver: 'otlp_grpc', status: '0' })).toBe(1)
      expect(counters.of('subspan_receiver_bytes_total', { receiver: 'otlp_grpc' })).toBe(request.length)
    },
  )

  test('an empty one is a success', async () => {
    const { listener } = await door()
    expect(await call(listener.port, new Uint8Array(0))).toMatchObject({ code: status.OK })
  })

  test('many at a time over one connection', async () => {
    const { listener, taken } = await door()
    const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
    })
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(listener.port, request, { client })))
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => status.OK))
    expect(taken).toHaveLength(40)
  })

  test('bytes that are no request are refused for good, with their place', async () => {
    const { listener, taken } = await door()
    const answer = await call(listener.port, Uint8Array.of(0x0a, 0x50, 0))
    expect(answer).toMatchObject({ code: status.INVALID_ARGUMENT, retryMs: null })
    expect(answer.details).toMatch(/80/)
    expect(taken).toEqual([])
  })

  test.each([[false], [true]])('one larger than allowed is refused without RetryInfo (gzip %s)', async (gzip) => {
    const { listener } = await door({ maxMessageBytes: 1_000 })
    const large = new Uint8Array(5_000)
    const answer = await call(listener.port, large, { gzip })
    expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED, retryMs: null })
    expect(gzipSync(large).length).toBeLessThan(1_000)
  })

  test('another method is unknown', async () => {
    const { listener } = await door()
    const path = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
    expect(await call(listener.port, request, { path })).toMatchObject({ code: status.UNIMPLEMENTED })
  })
})

describe('trouble', () => {
  test.each([
    [new Failure('OVERLOADED', 'the journal is full', 7), status.RESOURCE_EXHAUSTED, 7_000],
    [new Failure('STORE', 'the disk refused', 3), status.UNAVAILABLE, 3_000],
    [new Failure('BODY_TOO_LARGE', 'too many spans'), status.RESOURCE_EXHAUSTED, null],
  ])('%s is told with its status, and RetryInfo where trying again helps', async (failure, code, retryMs) => {
    const { listener } = await door({ accept: () => Promise.reject(failure) })
    expect(await call(listener.port, request)).toMatchObject({ code, details: failure.message, retryMs })
  })

  test('a defect is told in the log, and the sender may try again', async () => {
    const { listener, log } = await door({ accept: () => Promise.reject(new TypeError('secret detail')) })
    const answer = await call(listener.port, request)
    expect(answer).toMatchObject({ code: status.UNAVAILABLE, retryMs: 5_000 })
    expect(answer.details).not.toMatch(/secret/)
    expect(log.lines.at(-1)).toMatchObject({ level: 'error' })
  })

  test('when the bytes of all doors are used up, calls are refused and told when to come back', async () => {
    const budget = new BodyBudget(1_000, 'receivers.maxBytes')
    const { listener, taken } = await door({ budget })
    budget.take(1_001)
    expect(await call(listener.port, request)).toMatchObject({ code: status.RESOURCE_EXHAUSTED, retryMs: 1_000 })
    budget.give(1_001)
    expect(await call(listener.port, request)).toMatchObject({ code: status.OK })
    expect(taken).toHaveLength(1)
  })

  test('a port that is taken is told with the option that changes it', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const { counters, log } = await door()
    await expect(
      listenGrpc(
        {
          receiver: 'otlp_grpc',
          maxMessageBytes: 1,
          maxMessageOption: '',
          budget: new BodyBudget(1, ''),
          counters,
          log,
        },
        { unary: [otlpGrpc(() => Promise.resolve())], streams: [] },
        { host: '127.0.0.1', port, name: 'OTLP/gRPC', portOption: 'receivers.otlpGrpc.port' },
        OPEN,
      ),
    ).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(new RegExp(`port ${port} is taken.*receivers\\.otlpGrpc\\.port`)) as string,
    })
    other.close()
  })

  test('a close lets calls in work finish', async () => {
    let finish = (): void => undefined
    const working = new Promise<void>((resolve) => (finish = resolve))
    let came = (): void => undefined
    const arrived = new Promise<void>((resolve) => (came = resolve))
    const { listener } = await door({
      accept: () => {
        came()
        return working
      },
    })
    const answer = call(listener.port, request)
    await arrived
    const closed = listener.close(10_000)
    finish()
    expect(await answer).toMatchObject({ code: status.OK })
    await closed
  })
})

describe('guarded', () => {
  test('only calls with a token that is known are taken', async () => {
    const { listener, taken } = await door({ security: { tls: null, tokens: new Tokens(['one', 'two']) } })
    const bearing = (header: string): Metadata => {
      const metadata = new Metadata()
      metadata.set('authorization', header)
      return metadata
    }
    expect(await call(listener.port, request)).toMatchObject({ code: status.UNAUTHENTICATED, retryMs: null })
    const wrong = await call(listener.port, request, { metadata: bearing('Bearer three') })
    expect(wrong).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(wrong.details).not.toMatch(/three/)
    expect(await call(listener.port, request, { metadata: bearing('Bearer two') })).toMatchObject({ code: status.OK })
    expect(taken).toHaveLength(1)
  })

  test('TLS, and clients that show a certificate of the authority', async () => {
    const security = await openSecurity(
      {
        certFile: certificate('server.pem'),
        keyFile: certificate('server.key'),
        clientCaFile: certificate('ca.pem'),
        tokens: [],
        tokensFile: '',
      },
      'receivers.otlpGrpc',
    )
    const { listener, taken } = await door({ security })
    expect(listener.url).toBe(`https://127.0.0.1:${listener.port}`)
    const ca = readFileSync(certificate('ca.pem'))
    const known = credentials.createSsl(
      ca,
      readFileSync(certificate('client.key')),
      readFileSync(certificate('client.pem')),
    )
    const dial = (with_: typeof known): Client =>
      new Client(`localhost:${listener.port}`, with_, { 'grpc.enable_http_proxy': 0 })
    expect(await call(0, request, { client: dial(known) })).toMatchObject({ code: status.OK })
    expect(await call(0, request, { client: dial(credentials.createSsl(ca)) })).toMatchObject({
      code: status.UNAVAILABLE,
    })
    expect(taken).toHaveLength(1)
  })
})
