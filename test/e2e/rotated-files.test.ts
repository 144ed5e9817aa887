// rotated-files.test.ts: certificates, tokens and headers in files are replaced while Subspan runs, as cert-manager and Kubernetes do it.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

let folder: ReturnType<typeof temporaryFolder>
let sink: Sink
let subspan: SubspanProcess
beforeEach(async () => {
  folder = temporaryFolder()
  sink = await Sink.open()
})
afterEach(async () => {
  subspan.kill('SIGKILL')
  await subspan.ended
  await sink.close()
  folder.remove()
})

const at = (name: string): string => join(folder.path, name)

/** Puts the certificate and the key of this name where the doors have theirs. */
function place(name: 'server' | 'client'): void {
  copyFileSync(certificate(`${name}.pem`), at('door.pem'))
  copyFileSync(certificate(`${name}.key`), at('door.key'))
}

async function start(filesEvery: string): Promise<{ http: number; grpc: number }> {
  place('server')
  writeFileSync(at('tokens'), 'first-token\n')
  writeFileSync(at('headers'), 'authorization: Bearer first-header\n')
  const door = { certFile: at('door.pem'), keyFile: at('door.key') }
  const config = {
    receivers: { otlpGrpc: { ...door, tokensFile: at('tokens') }, jaegerHttp: door },
    destinations: [{ name: 'backend', endpoint: sink.endpoint, headersFile: at('headers') }],
    reload: { filesEvery },
    log: { format: 'json' },
  }
  writeFileSync(at('subspan.yaml'), JSON.stringify(config))
  subspan = await SubspanProcess.start(at('data'), null, {}, ['--config', at('subspan.yaml')])
  const portOf = (said: RegExp): number => Number(said.exec(subspan.stderr)?.[1])
  return {
    http: portOf(/https:\/\/127\.0\.0\.1:(\d+)\/api\/traces/),
    grpc: portOf(/https:\/\/127\.0\.0\.1:(\d+) \(OTLP/),
  }
}

/** Name in the certificate that a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN))
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}

/** What the gRPC door answers over this connection: 0 when it takes the call. */
function call(client: Client, token: string): Promise<number> {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  const same = (bytes: Buffer): Buffer => bytes
  return new Promise((resolve) => {
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, (error: ServiceError | null) =>
      resolve(error?.code ?? 0),
    )
  })
}

function dial(port: number): Client {
  const trusting = credentials.createSsl(readFileSync(certificate('ca.pem')))
  return new Client(`localhost:${port}`, trusting, { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1 })
}

let sent = 0
/** Sends one span; resolves with the header with which the backend got it. */
async function deliver(): Promise<string | undefined> {
  const before = sink.requests.length
  const id = (++sent).toString(16).padStart(16, '0')
  const span = { traceId: `${id}${id}`, spanId: id, name: 'span', startTimeUnixNano: '1', endTimeUnixNano: '2' }
  expect(await subspan.sendSpans(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }))).toBe(200)
  await until(() => sink.requests.length > before)
  return sink.requests.at(-1)?.headers.authorization
}

test('what has changed in files is used by itself, and calls that are open go on', async () => {
  const { http, grpc } = await start('50ms')
  const opened = dial(grpc)
  expect([await shown(http), await shown(grpc), await call(opened, 'first-token')]).toEqual(['server', 'server', 0])
  expect(await deliver()).toBe('Bearer first-header')

  place('client')
  writeFileSync(at('tokens'), 'second-token\n')
  await until(async () => (await shown(http)) === 'client' && (await shown(grpc)) === 'client')
  // The same connection, which was shown the certificate of before.
  await until(async () => (await call(opened, 'second-token')) === 0)
  expect(await call(opened, 'first-token')).toBe(16)
  const fresh = dial(grpc)
  expect(await call(fresh, 'second-token')).toBe(0)
  opened.close()
  fresh.close()

  writeFileSync(at('headers'), 'authorization: Bearer second-header\n')
  await until(async () => (await deliver()) === 'Bearer second-header')
  expect(subspan.stderr).toMatch(/"destinations":\["backend"\],.*files of certificates, tokens or headers have changed/)
  expect(subspan.stderr).not.toMatch(/(first|second)-(token|header)/)
})

test('what cannot be used is told, and what was there before holds', async () => {
  const { http } = await start('50ms')
  writeFileSync(at('door.pem'), 'this is no certificate')
  await until(() => /files have changed and cannot be used: what was in them before holds/.test(subspan.stderr))
  expect(subspan.stderr).toMatch(/door\.pem and the key \S+door\.key of receivers\.\w+ cannot be used together/)
  expect(await shown(http)).toBe('server')
  place('client')
  await until(async () => (await shown(http)) === 'client')
  expect(subspan.stderr.match(/files have changed and cannot be used/g)).toHaveLength(1)
})

test('a reload takes them at once; what cannot be used leaves all as it was', async () => {
  const { http, grpc } = await start('0')
  place('client')
  writeFileSync(at('headers'), 'Bearer without a name\n')
  subspan.kill('SIGHUP')
  // The reason comes after the line of the log.
  await until(() => /destination "backend": line 1 of headersFile \S+headers is no header/.test(subspan.stderr))
  expect(subspan.stderr).toMatch(/The configuration was not taken; the one before holds\./)
  expect([await shown(http), await shown(grpc)]).toEqual(['server', 'server'])
  writeFileSync(at('headers'), 'authorization: Bearer second-header\n')
  subspan.kill('SIGHUP')
  await until(() =>
    /backend changed; 0 targets of pulls; new certificates or tokens: receivers\.otlpGrpc, receivers\.jaegerHttp\./.test(
      subspan.stderr,
    ),
  )
  expect([await shown(http), await shown(grpc)]).toEqual(['client', 'client'])
  expect(await deliver()).toBe('Bearer second-header')
  // What a door is guarded by stays so.
  writeFileSync(at('subspan.yaml'), JSON.stringify({ receivers: { jaegerHttp: {} } }))
  subspan.kill('SIGHUP')
  await until(() => /receivers\.otlpGrpc would not ask for tokens any more: restart Subspan/.test(subspan.stderr))
})
