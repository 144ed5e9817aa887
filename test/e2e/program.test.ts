// program.test.ts: the built program as a person or an init system meets it: its start, its end, its answers to bad input.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { idOf, recording } from '../support/flow.ts'
import { fixturePath } from '../support/fixtures.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { run, SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const recorded = recording()

test('serve --demo shows the trace before and after, and leaves nothing behind', async () => {
  const folder = temporaryFolder()
  const { code, stdout, stderr } = await run(['serve', '--demo'], { TMPDIR: folder.path })
  expect(code, stderr).toBe(0)
  const [, before, after] = /Before:[^\n]*\n\n(.*?)\n\nAfter:[^\n]*\n\n(.*)/s.exec(stdout) ?? []
  for (const name of ['/messages', 'auth.AccessToken', 'cache.Lookup', 'spanner.Query']) {
    expect(before).toContain(name)
    expect(after).toContain(name)
  }
  expect(before).not.toContain('→')
  expect(before).not.toContain('region')
  expect(after).toMatch(/→ [\d.]+ ms: \d+ % /)
  expect(after).toMatch(/region \S+/)
  expect(stdout).not.toContain('\u001b')
  expect(readdirSync(folder.path)).toEqual([])
  folder.remove()
})

test('npm start runs the program that package.json names', () => {
  const { scripts, bin } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    scripts: Record<string, string>
    bin: Record<string, string>
  }
  expect(scripts.start).toContain(`node ${bin.subspan} serve`)
})

/** The doors of other protocols would take the ports that programs have by convention. */
const OTHERS_OFF = ['opencensus', 'jaegerHttp', 'jaegerGrpc', 'zipkin'].flatMap((receiver) => [
  '--set',
  `receivers.${receiver}.enabled=false`,
])

describe('the start', () => {
  test('says where it listens, where its data is, and that there is no default destination', async () => {
    const folder = temporaryFolder()
    const subspan = await SubspanProcess.start(folder.path, null)
    expect(subspan.stderr).toContain(`spans      ${subspan.otlpUrl}/v1/traces`)
    expect(subspan.stderr).toContain(folder.path)
    expect(subspan.stderr).toMatch(/nowhere: there is no default destination.*OTEL_EXPORTER_OTLP_ENDPOINT/)
    // Spans are taken all the same.
    expect(await subspan.sendSpans(recorded.requests[0])).toBe(200)
    subspan.kill('SIGTERM')
    expect((await subspan.ended).code).toBe(0)
    folder.remove()
  })

  test('a port that is taken: exit 2, which port and which option', async () => {
    const folder = temporaryFolder()
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const { code, stderr } = await run([
      'serve',
      '--set',
      `data.dir=${folder.path}`,
      '--set',
      `api.port=${port}`,
      '--set',
      'receivers.otlpHttp.port=0',
      '--set',
      'receivers.otlpGrpc.port=0',
      ...OTHERS_OFF,
    ])
    taken.close()
    expect(code).toBe(2)
    expect(stderr).toMatch(new RegExp(`port ${port} is taken.*api\\.port`))
    folder.remove()
  })

  test('a door that is on by itself gives way to a program that has its port; one that is asked for does not', async () => {
    const folder = temporaryFolder()
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const subspan = await SubspanProcess.start(folder.path, null, { 'receivers.zipkin.port': String(port) })
    expect(subspan.stderr).toMatch(
      new RegExp(`not Zipkin: port ${port} is taken by another program\\. Set receivers\\.zipkin\\.port`),
    )
    expect(subspan.stderr).toMatch(/spans +http:\S+\/api\/traces \(Jaeger over HTTP\)/)
    subspan.kill('SIGTERM')
    expect((await subspan.ended).code).toBe(0)
    const asked = SubspanProcess.spawn(folder.path, null, {
      'receivers.zipkin.port': String(port),
      'receivers.zipkin.enabled': 'true',
    })
    const { code, stderr } = await asked.ended
    taken.close()
    expect(code).toBe(2)
    expect(stderr).toMatch(new RegExp(`port ${port} is taken.*receivers\\.zipkin\\.port`))
    folder.remove()
  })

  test('a destination that is Subspan itself is refused', async () => {
    const folder = temporaryFolder()
    const first = await SubspanProcess.start(folder.path, null)
    const port = new URL(first.otlpUrl).port
    first.kill('SIGTERM')
    await first.ended
    const { code, stderr } = await run(
      [
        'serve',
        ...['--set', `data.dir=${folder.path}`],
        ...['--set', 'api.port=0'],
        ...['--set', `receivers.otlpHttp.port=${port}`],
        ...['--set', 'receivers.otlpGrpc.port=0'],
        ...OTHERS_OFF,
      ],
      { OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:${port}` },
    )
    expect(code).not.toBe(0)
    expect(stderr).toContain('where Subspan itself listens')
    folder.remove()
  })

  test('a second Subspan on the same data folder is refused', async () => {
    const folder = temporaryFolder()
    const first = await SubspanProcess.start(folder.path, null)
    const { code, stderr } = await run([
      'serve',
      '--set',
      `data.dir=${folder.path}`,
      '--set',
      'api.port=0',
      '--set',
      'receivers.otlpHttp.port=0',
      '--set',
      'receivers.otlpGrpc.port=0',
      ...OTHERS_OFF,
    ])
    expect(code).not.toBe(0)
    expect(stderr).toContain(folder.path)
    first.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    folder.remove()
  })
})

describe('the end', () => {
  test('SIGTERM: what waits is written down and delivered; what cannot be is delivered after the next start', async () => {
    const folder = temporaryFolder()
    const sink = await Sink.open()
    const { requests } = recorded
    const first = await SubspanProcess.start(folder.path, sink.endpoint)
    const { attributes } = spansOfProtobuf(requests[0])[0].resource
    await first.announce(attributes.find(({ key }) => key === 'service.name')?.value.string ?? '', '', 60)
    expect(await first.sendSpans(requests[0])).toBe(200)
    expect(sink.bodies).toEqual([])
    first.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    expect(sink.bodies.flatMap(spansOfProtobuf).map(idOf)).toEqual(spansOfProtobuf(requests[0]).map(idOf))

    const { port } = sink
    await sink.close()
    const second = await SubspanProcess.start(folder.path, `http://127.0.0.1:${port}`)
    expect(await second.sendSpans(requests[1])).toBe(200)
    second.kill('SIGTERM')
    expect((await second.ended).code).toBe(0)

    const back = await Sink.open(port)
    const third = await SubspanProcess.start(folder.path, `http://127.0.0.1:${port}`)
    await back.until(({ bodies }) => bodies.length > 0)
    expect(back.bodies.flatMap(spansOfProtobuf).map(idOf)).toEqual(spansOfProtobuf(requests[1]).map(idOf))
    third.kill('SIGTERM')
    expect((await third.ended).code).toBe(0)
    await back.close()
    folder.remove()
  })
})

test('subspan pull reaches a service with TLS and a token of its own, and says what to do about its certificate', async () => {
  const folder = temporaryFolder()
  const door = {
    'api.certFile': certificate('server.pem'),
    'api.keyFile': certificate('server.key'),
    'api.tokens': 'a-long-secret',
  }
  const subspan = await SubspanProcess.start(folder.path, null, door)
  const pull = (environment: Record<string, string>): ReturnType<typeof run> =>
    run(['pull', 'http://messages:6060', '--api', subspan.apiUrl], environment)

  const distrusting = await pull({ SUBSPAN_API_TOKENS: 'a-long-secret' })
  expect(distrusting.code).not.toBe(0)
  expect(distrusting.stderr).toContain('NODE_EXTRA_CA_CERTS')
  const unknown = await pull({ NODE_EXTRA_CA_CERTS: certificate('ca.pem') })
  expect(unknown.stderr).toMatch(/127\.0\.0\.1:\d+ asks for a token: give the command the service's configuration/)
  const wrong = await pull({ NODE_EXTRA_CA_CERTS: certificate('ca.pem'), SUBSPAN_API_TOKENS: 'another-secret' })
  expect(wrong.stderr).toMatch(/asks for a token, and does not know the one that is configured here: give/)
  // The service answers; it knows no such target.
  const trusting = await pull({ NODE_EXTRA_CA_CERTS: certificate('ca.pem'), SUBSPAN_API_TOKENS: 'a-long-secret' })
  expect(trusting.stderr).toContain('is no target that captures may be pulled from')
  const tokensFile = join(folder.path, 'tokens')
  writeFileSync(tokensFile, 'a-long-secret\n')
  const byFile = await pull({ NODE_EXTRA_CA_CERTS: certificate('ca.pem'), SUBSPAN_API_TOKENS_FILE: tokensFile })
  expect(byFile.stderr).toBe(trusting.stderr)
  const elsewhere = await run(['pull', 'messages', '--api', `${subspan.apiUrl}/another`], {
    NODE_EXTRA_CA_CERTS: certificate('ca.pem'),
    SUBSPAN_API_TOKENS: 'a-long-secret',
  })
  expect(elsewhere.stderr).toContain('there is nothing at POST')
  const told = [distrusting, unknown, wrong, trusting, byFile, elsewhere].map(({ stderr }) => stderr).join('')
  expect(told).not.toMatch(/a-long-secret|another-secret/)
  subspan.kill('SIGTERM')
  expect((await subspan.ended).code).toBe(0)
  folder.remove()
})

test('bad captures and bodies get their answers, and cost nothing else', async () => {
  const folder = temporaryFolder()
  const sink = await Sink.open()
  const subspan = await SubspanProcess.start(folder.path, sink.endpoint)
  const capture = readFileSync(fixturePath('captures', 'go1.26', 'messages-long.trace'))
  const flipped = Buffer.from(capture)
  for (let at = Math.floor(flipped.length * 0.7); at < flipped.length; at += 5_000) flipped[at] ^= 0x10

  const post = async (content: Uint8Array | string): Promise<{ status: number; message: string }> => {
    const response = await fetch(`${subspan.apiUrl}/api/v1/captures`, { method: 'POST', body: content })
    const answer = (await response.json()) as { error?: { message: string } }
    return { status: response.status, message: answer.error?.message ?? '' }
  }
  expect(await post('')).toMatchObject({ status: 400, message: expect.stringMatching(/empty|no bytes/) as unknown })
  expect(await post('<html><body>Sign in</body></html>')).toMatchObject({
    status: 400,
    message: expect.stringMatching(/HTML page.*33 bytes.*debug\/pprof\/trace/) as unknown,
  })
  expect(await post('go 1.10 trace\0\0\0')).toMatchObject({
    status: 422,
    message: expect.stringMatching(/go 1\.10 trace.*Go 1\.11 or newer/) as unknown,
  })
  expect(await post(gzipSync('not a capture at all'))).toMatchObject({ status: 400 })

  // What can be read of a cut or damaged capture is read, and the problem told.
  for (const damaged of [capture.subarray(0, Math.floor(capture.length * 0.8)), flipped]) {
    const id = await subspan.sendCapture(damaged)
    expect(await subspan.captureEnded(id)).toMatchObject({ state: 'done' })
    const { problems, tasks } = (await (await fetch(`${subspan.apiUrl}/api/v1/captures/${id}`)).json()) as {
      problems: { message: string }[]
      tasks: { total: number }
    }
    expect(problems.length).toBeGreaterThan(0)
    expect(tasks.total).toBeGreaterThan(0)
  }

  const spans = async (content: Uint8Array | string, type: string): Promise<number> => {
    const response = await fetch(`${subspan.otlpUrl}/v1/traces`, {
      method: 'POST',
      body: content,
      headers: { 'content-type': type },
    })
    await response.arrayBuffer()
    return response.status
  }
  expect(await spans('{"resourceSpans":', 'application/json')).toBe(400)
  expect(await spans(Uint8Array.of(0x0a, 0x50, 0), 'application/x-protobuf')).toBe(400)
  expect(await spans(recorded.requests[0], 'text/html')).toBe(415)

  // All the while, spans pass.
  expect(await subspan.sendSpans(recorded.requests[0])).toBe(200)
  await sink.until(({ bodies }) => bodies.length > 0)
  expect(sink.bodies.flatMap(spansOfProtobuf).map(idOf)).toEqual(spansOfProtobuf(recorded.requests[0]).map(idOf))
  await until(async () => (await fetch(`${subspan.apiUrl}/readyz`)).status === 200)
  subspan.kill('SIGTERM')
  expect((await subspan.ended).code).toBe(0)
  await sink.close()
  folder.remove()
})
