// grpc-memory.test.ts: what many senders at a time can make the gRPC door hold.

import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { setTimeout } from 'node:timers/promises'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { retryDelayMs } from '../../src/span/otlp/response.ts'
import { recording } from '../support/flow.ts'
import { SubspanProcess, temporaryFolder } from '../support/subspan-process.ts'

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const MIB = 1 << 20
const BUDGET_MIB = 32

const ends: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A frame of gRPC. */
function framed(message: Uint8Array, packed = false): Buffer {
  const head = Buffer.alloc(5)
  head[0] = packed ? 1 : 0
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

interface Answer {
  readonly code: string
  readonly message: string
  readonly retryMs: number | null
}

/** Begins a call with these bytes; it ends when `end` is called, or it is answered. */
function begin(session: ClientHttp2Session, bytes: Uint8Array, headers: Record<string, string> = {}) {
  const call: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': EXPORT,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  let said: Readonly<Record<string, unknown>> = {}
  const answer = new Promise<Answer>((resolve) => {
    const take = (more: object): void => void (said = { ...said, ...more })
    call
      .on('error', () => undefined)
      .on('response', take)
      .on('trailers', take)
    call.once('close', () => {
      const details = said['grpc-status-details-bin']
      const status = typeof details === 'string' ? Buffer.from(details, 'base64') : null
      resolve({
        code: String(said['grpc-status']),
        message: decodeURIComponent(String(said['grpc-message'])),
        retryMs: status === null ? null : retryDelayMs(status),
      })
    })
  })
  call.resume()
  call.write(bytes)
  return { answer, end: () => call.end() }
}

/** A Subspan with a small budget for bodies, and as many connections to it as told. */
async function serving(connections: number) {
  const folder = temporaryFolder()
  ends.push(() => folder.remove())
  const subspan = await SubspanProcess.start(folder.path, null, {
    'receivers.maxBytes': `${BUDGET_MIB}MiB`,
    'receivers.otlpGrpc.port': '0',
  })
  ends.push(() => {
    subspan.kill('SIGKILL')
    return subspan.ended
  })
  const sessions = Array.from({ length: connections }, () => {
    const session = connect(subspan.otlpGrpcUrl, { maxSessionMemory: 1_000 })
    session.on('error', () => undefined)
    ends.push(() => session.destroy())
    return session
  })
  return { subspan, sessions }
}

/** Most memory that the process has had, MiB. */
function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

test('two hundred senders with four megabytes each are told to come again, and hold no more than the budget', async () => {
  const { subspan, sessions } = await serving(20)
  const before = peakMiB(subspan.pid)
  const most = framed(new Uint8Array(4_000_000)).subarray(0, -1)
  const calls = Array.from({ length: 200 }, (_, i) => begin(sessions[i % sessions.length], most))
  const answers: Answer[] = []
  await new Promise<void>((resolve) => {
    for (const { answer } of calls) {
      void answer.then((one) => {
        answers.push(one)
        // So many may stay: their bytes fit.
        if (answers.length >= calls.length - (BUDGET_MIB * MIB) / most.length) resolve()
      })
    }
  })
  for (const { code, message, retryMs } of answers) {
    expect(code).toBe('8')
    expect(message).toMatch(/requests in work hold [\d,]+ bytes, [\d,]+ more would exceed 33,554,432/)
    expect(retryMs).toBe(1_000)
  }
  expect(peakMiB(subspan.pid) - before).toBeLessThan(6 * BUDGET_MIB)
  for (const session of sessions) session.destroy()

  // As senders do: after a moment, and over another connection where the one before is closed.
  for (let code = ''; code !== '0'; await setTimeout(20)) {
    const session = connect(subspan.otlpGrpcUrl, { maxSessionMemory: 1_000 })
    session.on('error', () => undefined)
    const call = begin(session, framed(recording().requests[0]))
    call.end()
    code = (await call.answer).code
    session.destroy()
  }
}, 60_000)

test('packed messages that would be a hundred times as large are refused before they are', async () => {
  const { subspan, sessions } = await serving(20)
  const before = peakMiB(subspan.pid)
  const bomb = framed(gzipSync(new Uint8Array(60 * MIB)), true)
  expect(bomb.length).toBeLessThan(MIB / 8)
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => {
      const call = begin(sessions[i % sessions.length], bomb, { 'grpc-encoding': 'gzip' })
      call.end()
      return call.answer
    }),
  )
  for (const { code, message } of answers) {
    expect(['3', '8']).toContain(code)
    expect(message).toMatch(/over 300 times as many|would exceed/)
  }
  expect(peakMiB(subspan.pid) - before).toBeLessThan(6 * BUDGET_MIB)
}, 60_000)

test.each([
  ['gzip', gzipSync(recording().requests[0])],
  ['deflate', deflateSync(recording().requests[0])],
  ['zstd', readFileSync(new URL('../../proto-fixtures/spans/otlp/go-sdk.bin.zst', import.meta.url))],
])('messages packed with %s are taken', async (encoding, packed) => {
  const { sessions } = await serving(1)
  const call = begin(sessions[0], framed(packed, true), { 'grpc-encoding': encoding })
  call.end()
  expect(await call.answer).toMatchObject({ code: '0' })
})
