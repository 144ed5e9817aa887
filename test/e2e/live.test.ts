// live.test.ts: a Go service under load is recorded on demand, twice, with a crash in between: what arrives live is what joining finds offline.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { idOf, textAttribute } from '../support/flow.ts'
import { freePort } from '../support/free-port.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { run, SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const GENERATORS = fileURLToPath(new URL('../../proto-fixtures/generators', import.meta.url))
const hasGo = spawnSync('go', ['version']).status === 0
const GO_ENVIRONMENT = { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off', GOTOOLCHAIN: 'local' }

interface View {
  readonly id: string
  readonly state: string
  readonly receiving: boolean
  readonly service: string
  readonly origin: { readonly by: string; readonly from: string; readonly seconds: number | null }
  readonly problems: readonly { readonly code: string }[]
  readonly spans: {
    readonly joined: Readonly<Record<string, number>>
    readonly left: Readonly<Record<'now' | 'hold' | 'late', number>>
    readonly joinRate: number | null
  }
}

const folder = temporaryFolder()
const out = join(folder.path, 'recorded')
const dataDir = join(folder.path, 'data')
let sink: Sink
let service: ChildProcess | null = null
let serviceUrl = ''
let otlpPort = 0

beforeAll(async () => {
  if (!hasGo) return
  const program = join(folder.path, 'messages')
  execFileSync('go', ['build', '-trimpath', '-o', program, './messages'], { cwd: GENERATORS, env: GO_ENVIRONMENT })
  sink = await Sink.open()
  otlpPort = await freePort()
  service = spawn(program, ['-live', `http://127.0.0.1:${otlpPort}/v1/traces`, '-out', out, '-clients', '2'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  serviceUrl = await new Promise((resolve) => service?.stdout?.once('data', (line) => resolve(String(line).trim())))
}, 240_000)

afterAll(async () => {
  service?.kill('SIGKILL')
  if (hasGo) await sink.close()
  folder.remove()
})

function start(): Promise<SubspanProcess> {
  return SubspanProcess.start(dataDir, sink.endpoint, {
    'receivers.otlpHttp.port': String(otlpPort),
    'pull.targets': `[{name: messages, url: "${serviceUrl}", service: messages}]`,
  })
}

async function post(
  address: string,
  body: string | Uint8Array,
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(address, { method: 'POST', body })
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
}

function pull({ apiUrl }: SubspanProcess, seconds: number): ReturnType<typeof post> {
  return post(`${apiUrl}/api/v1/captures/pull`, JSON.stringify({ target: 'messages', seconds }))
}

async function viewOf({ apiUrl }: SubspanProcess, id: string): Promise<View> {
  return (await (await fetch(`${apiUrl}/api/v1/captures/${id}`)).json()) as View
}

test.skipIf(!hasGo)('live is offline (needs Go in the path)', { timeout: 240_000 }, async () => {
  const first = await start()
  await sink.until(({ bodies }) => bodies.length > 3)

  // While somebody else records, nobody can.
  const other = new AbortController()
  const others = await fetch(`${serviceUrl}/debug/pprof/trace?seconds=200`, { signal: other.signal })
  expect(others.status).toBe(200)
  expect(await pull(first, 4)).toMatchObject({
    status: 409,
    answer: { error: { code: 'TARGET_BUSY', message: expect.stringMatching(/somebody else already/) as unknown } },
  })
  other.abort()
  await others.arrayBuffer().catch(() => null)

  // A recording, as soon as the other has ended.
  let began = await pull(first, 4)
  await until(async () => {
    if (began.status !== 202) began = await pull(first, 4)
    return began.status === 202
  })
  expect(began.answer).toMatchObject({ target: 'messages', service: 'messages', seconds: 4 })
  const id = String(began.answer.id)
  await until(async () => (await viewOf(first, id)).state === 'done')
  const done = await viewOf(first, id)
  expect(done).toMatchObject({
    service: 'messages',
    origin: { by: 'pull', from: serviceUrl, seconds: 4 },
    problems: [],
  })
  expect(done.spans.left.hold).toBeGreaterThan(0)

  // Through the command line: spans leave while it goes on. Killed in the middle: what came of it is used after the next start.
  const asked = run(['pull', 'messages', '--seconds', '20', '--api', first.apiUrl])
  await until(async () => {
    const { captures } = (await (await fetch(`${first.apiUrl}/api/v1/captures`)).json()) as { captures: View[] }
    return captures.some((view) => view.id !== id && view.receiving && view.spans.left.hold > 0)
  })
  first.kill('SIGKILL')
  await first.ended
  expect(await asked).toMatchObject({ code: 1 })
  const second = await start()

  // Recorded by hand and uploaded, twice.
  let bytes = new Uint8Array(0)
  await until(async () => {
    const response = await fetch(`${serviceUrl}/debug/pprof/trace?seconds=1.5`)
    if (response.status !== 200) return false
    bytes = new Uint8Array(await response.arrayBuffer())
    return true
  })
  const upload = `${second.apiUrl}/api/v1/captures?service=messages`
  expect(await post(upload, bytes)).toMatchObject({ status: 202, answer: { known: false } })
  expect(await post(upload, bytes)).toMatchObject({ status: 202, answer: { known: true } })
  // The first one, sent again by its file, is known by its bytes.
  expect(await post(upload, new Uint8Array(readFileSync(join(dataDir, 'captures', `${id}.capture`))))).toMatchObject({
    status: 202,
    answer: { id, known: true },
  })

  service?.stdin?.end()
  await new Promise((resolve) => service?.once('close', resolve))
  await until(async () => {
    const { captures } = (await (await fetch(`${second.apiUrl}/api/v1/captures`)).json()) as { captures: View[] }
    return captures.length === 3 && captures.every(({ state }) => state === 'done')
  })
  second.kill('SIGTERM')
  const { code, stderr } = await second.ended
  expect(code, stderr).toBe(0)

  const captures = readdirSync(join(dataDir, 'captures')).map((name) => join(dataDir, 'captures', name))
  expect(captures).toHaveLength(3)
  const offline = await run([
    ...['join', '--format', 'json', '--spans', `${out}.spans.otlp.jsonl`, '--capture', ...captures],
  ])
  const { matches } = JSON.parse(offline.stdout) as { matches: { traceId: string; spanId: string; taskId: string }[] }
  const truth = new Map(
    readFileSync(`${out}.truth.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { traceId: string; spanId: string; taskId: string; exported: boolean })
      .map((line) => [idOf(line), line]),
  )
  const exported = new Set([...truth].filter(([, line]) => line.exported).map(([key]) => key))
  expect(exported.size).toBeGreaterThan(200)
  for (const match of matches) expect(match.taskId).toBe(truth.get(idOf(match))?.taskId)

  const sent = sink.bodies.flatMap(spansOfProtobuf)
  const originals = sent.filter(({ scope }) => scope.name !== 'subspan')
  expect(new Set(originals.map(idOf))).toEqual(exported)
  const explained = sent
    .filter((span) => textAttribute(span, 'subspan.capture') !== null)
    .map((span) => (span.scope.name === 'subspan' ? `${span.traceId} ${span.parentSpanId}` : idOf(span)))
  expect(new Set(explained)).toEqual(new Set(matches.map(idOf)))
})
