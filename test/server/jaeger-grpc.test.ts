import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { BodyBudget } from '../../src/server/body.ts'
import { listenGrpc } from '../../src/server/grpc.ts'
import { jaegerGrpc } from '../../src/server/jaeger-grpc.ts'
import { OPEN } from '../../src/server/security.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { foreignFixtures, inOrder } from '../support/foreign-fixtures.ts'
import { spansOfProtobuf } from '../support/otlp.ts'

const POST_SPANS = '/jaeger.api_v2.CollectorService/PostSpans'
const fixture = foreignFixtures().find(({ file }) => file === 'jaeger/post-spans.bin')

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function door(accept: () => Promise<void> = () => Promise.resolve()) {
  const taken: Uint8Array[] = []
  const counters = new MemoryCounters()
  const shared = {
    receiver: 'jaeger_grpc',
    budget: new BodyBudget(1 << 24, 'receivers.maxBytes'),
    counters,
    log: new MemoryLog(),
  }
  const method = jaegerGrpc({
    ...shared,
    acceptSpans: async (bytes) => {
      await accept()
      taken.push(bytes.slice())
    },
  })
  const listener = await listenGrpc(
    { ...shared, maxMessageBytes: 1 << 20, maxMessageOption: '' },
    { unary: [method], streams: [] },
    { host: '127.0.0.1', port: 0, name: 'Jaeger over gRPC', portOption: 'receivers.jaegerGrpc.port' },
    OPEN,
  )
  ends.push(() => listener.close(100))
  const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 })
  ends.push(() => client.close())
  const call = (bytes: Uint8Array): Promise<{ code: number; details: string; body: Buffer | null }> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(
        POST_SPANS,
        (message: Uint8Array) => Buffer.from(message),
        (body) => body,
        bytes,
        new Metadata(),
        (error: ServiceError | null, body?: Buffer) =>
          resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', body: body ?? null }),
      )
    })
  return { call, taken, counters }
}

test('a batch is taken as OTLP, each span under its process, and answered with an empty message', async () => {
  const { call, taken, counters } = await door()
  const [message] = fixture?.messages ?? []
  expect(await call(message)).toMatchObject({ code: status.OK, body: Buffer.alloc(0) })
  expect(taken.map((otlp) => inOrder(spansOfProtobuf(otlp)))).toEqual([fixture?.expected])
  expect(counters.of('subspan_receiver_requests_total', { receiver: 'jaeger_grpc', status: '0' })).toBe(1)
  expect(counters.of('subspan_receiver_bytes_total', { receiver: 'jaeger_grpc' })).toBe(message.length)
})

test('a batch without spans is taken, and nothing is stored', async () => {
  const { call, taken } = await door()
  expect(await call(new Uint8Array(0))).toMatchObject({ code: status.OK })
  expect(taken).toEqual([])
})

test('what is none is refused for good, with its place', async () => {
  const { call, taken } = await door()
  // A batch with a span whose trace id has three bytes.
  const answer = await call(Uint8Array.of(0x0a, 0x07, 0x0a, 0x05, 0x0a, 0x03, 1, 2, 3))
  expect(answer.code).toBe(status.INVALID_ARGUMENT)
  expect(answer.details).toMatch(/Span field 1 \(trace_id\) at byte 4: an id of 3 bytes, expected 16/)
  expect(taken).toEqual([])
})

test('what does not fit now is refused so that the sender tries again', async () => {
  const { call } = await door(() => Promise.reject(new Failure('OVERLOADED', 'the journal is full.')))
  const answer = await call(fixture?.messages[0] ?? new Uint8Array(0))
  expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'the journal is full.' })
})
