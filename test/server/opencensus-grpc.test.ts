import { type ClientDuplexStream, Client, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { BodyBudget } from '../../src/server/body.ts'
import { listenGrpc } from '../../src/server/grpc.ts'
import { opencensusGrpc } from '../../src/server/opencensus-grpc.ts'
import { OPEN } from '../../src/server/security.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { foreignFixtures, inOrder } from '../support/foreign-fixtures.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { until } from '../support/subspan-process.ts'

const SERVICE = '/opencensus.proto.agent.trace.v1.TraceService'
const fixture = foreignFixtures().find(({ file }) => file === 'opencensus/ocagent.stream')
const messages = fixture?.messages ?? []

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Stream {
  readonly call: ClientDuplexStream<Uint8Array, Buffer>
  readonly ended: Promise<StatusObject>
}

async function door(accept: () => Promise<void> = () => Promise.resolve(), patienceMs = 10_000) {
  const taken: Uint8Array[] = []
  const counters = new MemoryCounters()
  const shared = {
    receiver: 'opencensus',
    budget: new BodyBudget(1 << 24, 'receivers.maxBytes'),
    counters,
    log: new MemoryLog(),
  }
  const opencensus = opencensusGrpc(
    {
      ...shared,
      acceptSpans: async (bytes) => {
        await accept()
        taken.push(bytes.slice())
      },
    },
    patienceMs,
  )
  const listener = await listenGrpc(
    { ...shared, maxMessageBytes: 1 << 20, maxMessageOption: '' },
    { unary: [], streams: opencensus.methods },
    { host: '127.0.0.1', port: 0, name: 'OpenCensus', portOption: 'receivers.opencensus.port' },
    OPEN,
  )
  ends.push(() => listener.close(100))
  const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 })
  ends.push(() => client.close())
  const open = (method: string): Stream => {
    const call = client.makeBidiStreamRequest(
      `${SERVICE}/${method}`,
      (message: Uint8Array) => Buffer.from(message),
      (body) => body,
      new Metadata(),
    )
    call.on('error', () => undefined).resume()
    return { call, ended: new Promise((resolve) => call.once('status', resolve)) }
  }
  return { open, taken, counters, opencensus }
}

describe('a stream of spans', () => {
  test('is taken message by message, its node remembered, and ends well when its sender ends it', async () => {
    const { open, taken, counters } = await door()
    const { call, ended } = open('Export')
    for (const message of messages) call.write(message)
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(inOrder(taken.flatMap((otlp) => spansOfProtobuf(otlp)))).toEqual(fixture?.expected)
    expect(counters.of('subspan_receiver_requests_total', { receiver: 'opencensus', status: '0' })).toBe(
      messages.length,
    )
  })

  test('of which nobody says whose spans they are is refused', async () => {
    const { open, taken } = await door()
    const { call, ended } = open('Export')
    call.write(messages[1])
    const { code, details } = await ended
    expect(code).toBe(status.INVALID_ARGUMENT)
    expect(details).toMatch(/first message of an OpenCensus stream has no node/)
    expect(taken).toEqual([])
  })

  test('with a message that is none ends with the place; what came before is taken', async () => {
    const { open, taken } = await door()
    const { call, ended } = open('Export')
    call.write(messages[0])
    call.write(messages[1])
    call.write(Uint8Array.of(0x12, 0x05, 1))
    const { code, details } = await ended
    expect(code).toBe(status.INVALID_ARGUMENT)
    expect(details).toMatch(/5 bytes announced, 1 left/)
    expect(taken).toHaveLength(1)
  })

  test('waits while its spans do not fit, and loses none', async () => {
    let full = 3
    const { open, taken } = await door(() =>
      full-- > 0 ? Promise.reject(new Failure('OVERLOADED', 'the journal is full.')) : Promise.resolve(),
    )
    const { call, ended } = open('Export')
    for (const message of messages) call.write(message)
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    expect(taken.flatMap((otlp) => spansOfProtobuf(otlp))).toHaveLength(fixture?.expected.length ?? 0)
  })

  test('whose spans do not fit for too long ends with the reason, and what is lost is counted', async () => {
    const refuse = (): Promise<void> => Promise.reject(new Failure('OVERLOADED', 'the journal is full.'))
    const { open, counters } = await door(refuse, 0)
    const { call, ended } = open('Export')
    for (const message of messages) call.write(message)
    expect(await ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'the journal is full.' })
    expect(counters.of('subspan_receiver_refused_spans_total', { receiver: 'opencensus' })).toBe(7)
  })

  test('is told when the door closes, and loses nothing that came', async () => {
    const { open, taken, opencensus } = await door()
    const { call, ended } = open('Export')
    call.write(messages[0])
    call.write(messages[1])
    await until(() => taken.length === 1)
    opencensus.stop()
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE, details: 'Subspan is stopping.' })
  })

  test('whose sender goes away is read to the last message that came', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    let came = 0
    const { open: begin, taken } = await door(() => {
      came++
      return gate
    })
    const { call, ended } = begin('Export')
    for (const message of [messages[0], messages[1], messages[1]]) call.write(message)
    await until(() => came === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    call.cancel()
    expect(await ended).toMatchObject({ code: status.CANCELLED })
    open()
    await until(() => taken.length === 2)
  })

  test('two at a time are each of their own sender', async () => {
    const { open, taken } = await door()
    const [one, other] = [open('Export'), open('Export')]
    one.call.write(messages[0])
    other.call.write(messages[1])
    expect(await other.ended).toMatchObject({ code: status.INVALID_ARGUMENT })
    one.call.write(messages[1])
    one.call.end()
    expect(await one.ended).toMatchObject({ code: status.OK })
    expect(taken).toHaveLength(1)
  })
})

test('settings that a library asks for are none: it is heard to its end', async () => {
  const { open } = await door()
  const { call, ended } = open('Config')
  call.write(Uint8Array.of(0x0a, 0))
  call.write(Uint8Array.of(0x0a, 0))
  call.end()
  expect(await ended).toMatchObject({ code: status.OK })
})
