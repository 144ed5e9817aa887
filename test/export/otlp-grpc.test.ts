import { readFileSync } from 'node:fs'
import { ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Destination } from '../../src/export/destination.ts'
import { readDestinationFiles } from '../../src/export/destination-files.ts'
import { openOtlpGrpc } from '../../src/export/otlp-grpc.ts'
import type { SendResult } from '../../src/export/sender.ts'
import { encodeRetryStatus, encodeTraceResponse } from '../../src/span/otlp/response.ts'
import { certificate } from '../support/certificates.ts'
import { PLAIN_DESTINATION } from '../support/destination.ts'
import { GrpcSink } from '../support/grpc-sink.ts'

const destination: Destination = { ...PLAIN_DESTINATION, protocol: 'grpc' }

/** Two requests without spans. */
const parts = [Uint8Array.of(0x0a, 0), Uint8Array.of(0x0a, 2, 0x1a, 0)]

async function send(
  port: number,
  changes: Partial<Destination> = {},
  signal = new AbortController().signal,
): Promise<SendResult> {
  const changed = { ...destination, url: `http://127.0.0.1:${port}/`, ...changes }
  const sender = openOtlpGrpc(changed, await readDestinationFiles(changed), '1.2.3')
  try {
    return await sender.send(parts, signal)
  } finally {
    sender.close()
  }
}

describe('against a real backend', () => {
  let sink: GrpcSink

  beforeEach(async () => {
    sink = await GrpcSink.open()
  })

  afterEach(() => sink.close())

  test.each([[false], [true]])('the parts go as one message, with our name and headers (gzip %s)', async (gzip) => {
    expect(await send(sink.port, { gzip, headers: { authorization: 'Bearer x' } })).toEqual({
      kind: 'delivered',
      partial: null,
    })
    expect(sink.bodies.map((body) => [...body])).toEqual([[0x0a, 0, 0x0a, 2, 0x1a, 0]])
    const [{ metadata }] = sink.calls
    expect(metadata.get('authorization')).toEqual(['Bearer x'])
    expect(String(metadata.get('user-agent')[0])).toMatch(/^subspan\/1\.2\.3 /)
  })

  test('partial success is delivered, with what was rejected', async () => {
    sink.answer = encodeTraceResponse(false, { rejectedSpans: 3n, message: 'too old' })
    expect(await send(sink.port)).toEqual({ kind: 'delivered', partial: { rejectedSpans: 3n, message: 'too old' } })
  })

  test('an answer that is none of OTLP is still success', async () => {
    sink.answer = Uint8Array.of(0xff, 0xff)
    expect(await send(sink.port)).toEqual({ kind: 'delivered', partial: null })
  })

  test.each([
    status.CANCELLED,
    status.DEADLINE_EXCEEDED,
    status.ABORTED,
    status.OUT_OF_RANGE,
    status.UNAVAILABLE,
    status.DATA_LOSS,
  ])('status %i may be tried again', async (code) => {
    sink.refusals.push({ code, details: 'come back' })
    expect(await send(sink.port)).toEqual({
      kind: 'again',
      reason: `gRPC ${status[code]} (${code}): come back`,
      retryAfterMs: null,
    })
  })

  test.each([
    [status.INVALID_ARGUMENT, 400],
    [status.UNAUTHENTICATED, 401],
    [status.PERMISSION_DENIED, 403],
    [status.UNIMPLEMENTED, 404],
    [status.RESOURCE_EXHAUSTED, 413],
    [status.UNKNOWN, 500],
    [status.NOT_FOUND, 500],
    [status.ALREADY_EXISTS, 500],
    [status.FAILED_PRECONDITION, 500],
    [status.INTERNAL, 500],
  ])('status %i is refused for good', async (code, http) => {
    sink.refusals.push({ code, details: 'no\r\n\x1b[31msuch thing' })
    expect(await send(sink.port)).toEqual({
      kind: 'refused',
      status: http,
      reason: `gRPC ${status[code]} (${code}): no [31msuch thing`,
    })
  })

  test.each([
    [status.RESOURCE_EXHAUSTED, 7, 7_000],
    [status.UNAVAILABLE, 2, 2_000],
    [status.UNAVAILABLE, 86_400, 600_000],
  ])('RetryInfo makes status %i one to be tried again, in its time', async (code, seconds, retryAfterMs) => {
    const statusDetails = encodeRetryStatus({ code, message: 'busy' }, seconds)
    sink.refusals.push({ code, details: 'busy', statusDetails })
    expect(await send(sink.port)).toMatchObject({ kind: 'again', retryAfterMs })
  })

  test('status details that are rubbish say nothing', async () => {
    const statusDetails = Uint8Array.of(0x1a, 0x50, 1)
    sink.refusals.push({ code: status.UNAVAILABLE, details: '', statusDetails })
    expect(await send(sink.port)).toMatchObject({ kind: 'again', retryAfterMs: null })
  })

  test('no answer in time may be tried again, and a stop breaks a call off', async () => {
    sink.silent = true
    expect(await send(sink.port, { timeoutMs: 300 })).toMatchObject({
      kind: 'again',
      reason: expect.stringMatching(/DEADLINE_EXCEEDED/) as string,
    })
    const stop = new AbortController()
    const sending = send(sink.port, {}, stop.signal)
    await sink.until(({ calls }) => calls.length === 2)
    stop.abort()
    expect(await sending).toEqual({ kind: 'again', reason: 'Subspan is stopping', retryAfterMs: null })
  })
})

test('nobody listening may be tried again', async () => {
  const gone = await GrpcSink.open()
  gone.close()
  expect(await send(gone.port)).toMatchObject({
    kind: 'again',
    reason: expect.stringMatching(/^gRPC UNAVAILABLE \(14\)/) as string,
  })
})

test('TLS with a certificate of our own, to a backend that asks for it', async () => {
  const credentials = ServerCredentials.createSsl(
    readFileSync(certificate('ca.pem')),
    [{ private_key: readFileSync(certificate('server.key')), cert_chain: readFileSync(certificate('server.pem')) }],
    true,
  )
  const sink = await GrpcSink.open(credentials)
  const url = `https://localhost:${sink.port}/`
  const known = { url, caFile: certificate('ca.pem') }
  const ours = { certFile: certificate('client.pem'), keyFile: certificate('client.key') }
  expect(await send(sink.port, { ...known, ...ours })).toEqual({ kind: 'delivered', partial: null })
  expect(await send(sink.port, known)).toMatchObject({ kind: 'again' })
  expect(await send(sink.port, { url, ...ours })).toMatchObject({
    kind: 'again',
    reason: expect.stringMatching(/certificate/) as string,
  })
  sink.close()
})

test('certificates that cannot be read are told before anything is sent', async () => {
  await expect(send(1, { url: 'https://localhost:1/', caFile: '/nowhere/ca.pem' })).rejects.toMatchObject({
    code: 'DESTINATION',
    message: expect.stringMatching(/"backend": \/nowhere\/ca\.pem cannot be read/) as string,
  })
})
