// Nock replaces Node's sockets from its import on, so that what is about connections has this file of its own.

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import type { Destination } from '../../src/export/destination.ts'
import { readDestinationFiles } from '../../src/export/destination-files.ts'
import { openOtlpHttp } from '../../src/export/otlp-http.ts'
import type { SendResult } from '../../src/export/sender.ts'
import { PLAIN_DESTINATION, sendOnce } from '../support/destination.ts'
import { Sink } from '../support/sink.ts'

const destination: Destination = { ...PLAIN_DESTINATION, timeoutMs: 30_000 }

/** A request without spans: `resource_spans` with nothing in it. */
const request = Uint8Array.of(0x0a, 0)

const send = (changes: Partial<Destination> = {}, signal?: AbortSignal): Promise<SendResult> =>
  sendOnce({ ...destination, ...changes }, request, signal)

test('connections are kept for the next request, and one that was closed idle costs no try', async () => {
  const sink = await Sink.open()
  const there = { ...destination, url: `${sink.endpoint}/v1/traces` }
  const sender = openOtlpHttp(there, await readDestinationFiles(there), '1.2.3')
  const { signal } = new AbortController()
  const results = [await sender.send([request], signal), await sender.send([request], signal)]
  expect(sink.requests.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'keep-alive'])
  // The second request comes over the kept connection, which is closed under it; the same request comes again over a new one.
  sink.hangUpNext(1)
  results.push(await sender.send([request], signal))
  expect(results.map(({ kind }) => kind)).toEqual(['delivered', 'delivered', 'delivered'])
  expect(sink.requests.map(({ status }) => status)).toEqual([200, 200, 0, 200])
  sender.close()
  await sink.close()
})

test('a connection closed without an answer, nobody listening, and no answer in time may be tried again', async () => {
  const sink = await Sink.open()
  const url = `${sink.endpoint}/v1/traces`
  sink.hangUpNext(1)
  expect(await send({ url })).toMatchObject({ kind: 'again' })
  sink.slowDown(60_000)
  expect(await send({ url, timeoutMs: 30 })).toEqual({
    kind: 'again',
    reason: 'no whole answer within 30 ms',
    retryAfterMs: null,
  })
  await sink.close()
  expect(await send({ url })).toMatchObject({
    kind: 'again',
    reason: expect.stringMatching(/ECONNREFUSED/) as string,
  })
})

test('a stop breaks a request off', async () => {
  const sink = await Sink.open()
  sink.slowDown(60_000)
  const stop = new AbortController()
  const sending = send({ url: `${sink.endpoint}/v1/traces` }, stop.signal)
  setImmediate(() => stop.abort())
  expect(await sending).toMatchObject({ kind: 'again', reason: 'Subspan is stopping' })
  await sink.close()
})

test.each(['that breaks off', 'that never ends'])('an answer %s after a status of success is success', async (how) => {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('half')
      if (how === 'that breaks off') setImmediate(() => response.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const url = `http://127.0.0.1:${port}/v1/traces`
  expect(await send({ url, timeoutMs: 300 })).toEqual({ kind: 'delivered', partial: null })
  server.closeAllConnections()
  server.close()
})
