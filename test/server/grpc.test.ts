// grpc.test.ts: what every gRPC door does against clients that mean no good.

import { connect, type ClientHttp2Session } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { BodyBudget } from '../../src/server/body.ts'
import { listenGrpc } from '../../src/server/grpc.ts'
import { otlpGrpc } from '../../src/server/otlp-grpc.ts'
import { OPEN } from '../../src/server/security.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function door(options: { messageTimeoutMs?: number; maxConnections?: number } = {}) {
  const counters = new MemoryCounters()
  let taken = 0
  const method = otlpGrpc(() => {
    taken++
    return Promise.resolve()
  })
  const { messageTimeoutMs, maxConnections } = options
  const listener = await listenGrpc(
    {
      receiver: 'otlp_grpc',
      maxMessageBytes: 1 << 20,
      maxMessageOption: 'receivers.otlpGrpc.maxMessageBytes',
      budget: new BodyBudget(1 << 24, 'receivers.maxBytes'),
      counters,
      log: new MemoryLog(),
      ...(messageTimeoutMs === undefined ? {} : { messageTimeoutMs }),
    },
    { unary: [method], streams: [] },
    {
      host: '127.0.0.1',
      port: 0,
      name: 'OTLP/gRPC',
      portOption: 'receivers.otlpGrpc.port',
      ...(maxConnections === undefined ? {} : { maxConnections }),
    },
    OPEN,
  )
  ends.push(() => listener.close(100))
  return { port: listener.port, counters, taken: () => taken }
}

function session(port: number): ClientHttp2Session {
  const opened = connect(`http://127.0.0.1:${port}`)
  opened.on('error', () => undefined)
  ends.push(() => opened.destroy())
  return opened
}

/** Begins a call, sends some bytes of it, and gives the status it ends with. */
function begun(
  opened: ClientHttp2Session,
  bytes: Uint8Array,
  whole = false,
): Promise<{ code: string; message: string }> {
  return new Promise((resolve) => {
    const call = opened.request({
      ':method': 'POST',
      ':path': EXPORT,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let headers: Readonly<Record<string, unknown>> = {}
    call.on('error', () => undefined)
    call.on('response', (answered) => (headers = { ...headers, ...(answered as Readonly<Record<string, unknown>>) }))
    call.on('trailers', (answered) => (headers = { ...headers, ...(answered as Readonly<Record<string, unknown>>) }))
    call.on('end', () => {
      resolve({
        code: String(headers['grpc-status']),
        message: decodeURIComponent(String(headers['grpc-message'])),
      })
    })
    call.resume()
    if (whole) call.end(bytes)
    else call.write(bytes)
  })
}

test('a call whose message does not come is ended with a sentence, and others are taken meanwhile', async () => {
  const { port, counters, taken } = await door({ messageTimeoutMs: 200 })
  const opened = session(port)
  // Five bytes that announce a message of a hundred, and three of these.
  const slow = begun(opened, Uint8Array.of(0, 0, 0, 0, 100, 1, 2, 3))
  // A whole one whose end does not come either.
  const endless = begun(opened, Uint8Array.of(0, 0, 0, 0, 0))
  expect(await begun(opened, Uint8Array.of(0, 0, 0, 0, 0), true)).toMatchObject({ code: '0' })
  expect(taken()).toBe(1)
  expect((await endless).code).toBe('4')
  expect(await slow).toEqual({ code: '4', message: 'the message did not come whole within 0.2 s: send it again.' })
  expect(counters.of('subspan_receiver_requests_total', { receiver: 'otlp_grpc', status: '4' })).toBe(2)
})

test('more connections than there may be are closed as they come, and counted', async () => {
  const { port, counters } = await door({ maxConnections: 2 })
  const sockets: Socket[] = []
  for (let one = 0; one < 2; one++) {
    await new Promise<void>((resolve) => sockets.push(connectSocket(port, '127.0.0.1', resolve)))
  }
  ends.push(() => sockets.forEach((socket) => socket.destroy()))
  await new Promise((resolve) =>
    connectSocket(port, '127.0.0.1')
      .on('error', () => undefined)
      .once('close', resolve),
  )
  expect(counters.of('subspan_receiver_connections_refused_total', { receiver: 'otlp_grpc' })).toBe(1)
})

test('bytes that are no HTTP/2 end their connection only', async () => {
  const { port, taken } = await door()
  await new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    socket.on('error', () => undefined).on('data', () => undefined)
    socket.once('close', resolve)
  })
  expect(await begun(session(port), Uint8Array.of(0, 0, 0, 0, 0), true)).toMatchObject({ code: '0' })
  expect(taken()).toBe(1)
})
