// reload.test.ts: destinations, targets and tokens are changed while spans come: each span that was acknowledged arrives, and where it should.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const TOKEN = 'first-token-of-the-api'
let folder: ReturnType<typeof temporaryFolder>
let sinks: Sink[]
let subspan: SubspanProcess
beforeEach(async () => {
  folder = temporaryFolder()
  sinks = await Promise.all([Sink.open(), Sink.open(), Sink.open()])
})
afterEach(async () => {
  subspan.kill('SIGKILL')
  await subspan.ended
  for (const sink of sinks) await sink.close()
  folder.remove()
})

const file = (): string => join(folder.path, 'subspan.yaml')
const tokensFile = (): string => join(folder.path, 'tokens')

function write(destinations: readonly (readonly [name: string, sink: Sink])[], more = ''): void {
  const items = destinations.map(([name, sink]) => `  - { name: ${name}, endpoint: "${sink.endpoint}" }`)
  writeFileSync(file(), `destinations:\n${items.join('\n')}\napi: { tokensFile: "${tokensFile()}" }\n${more}`)
}

async function start(): Promise<void> {
  writeFileSync(tokensFile(), `${TOKEN}\n`)
  subspan = await SubspanProcess.start(join(folder.path, 'data'), null, {}, ['--config', file()])
}

async function reload(token = TOKEN): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${subspan.apiUrl}/api/v1/reload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} }
}

let sent = 0
/** Sends one span; its name is returned once it is acknowledged. */
async function send(): Promise<string> {
  const name = `span ${++sent}`
  const id = sent.toString(16).padStart(16, '0')
  const span = { traceId: `${id}${id}`, spanId: id, name, startTimeUnixNano: '1', endTimeUnixNano: '2' }
  expect(await subspan.sendSpans(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }))).toBe(200)
  return name
}

const namesAt = (sink: Sink): string[] => sink.bodies.flatMap(spansOfProtobuf).map(({ name }) => name)

test('spans come while a destination is added, moved and taken away: none is lost, none is sent twice', async () => {
  const [first, second, moved] = sinks
  write([['one', first]])
  await start()
  const acknowledged: string[] = []
  let sending = true
  const work = (async () => {
    while (sending) acknowledged.push(await send())
  })()

  await until(() => namesAt(first).length > 10)
  write([
    ['one', first],
    ['two', second],
  ])
  subspan.kill('SIGHUP')
  await until(() => /destinations two added; 0 targets/.test(subspan.stderr))
  await until(() => namesAt(second).length > 10)

  write([
    ['one', moved],
    ['two', second],
  ])
  expect(await reload()).toMatchObject({
    status: 200,
    body: { destinations: { added: [], changed: ['one'], removed: [] }, afterRestart: [] },
  })
  await until(() => namesAt(moved).length > 10)

  write([['one', moved]])
  expect(await reload()).toMatchObject({ status: 200, body: { destinations: { removed: ['two'] } } })
  const atSecond = namesAt(second).length
  for (let time = 0; time < 20; time++) acknowledged.push(await send())

  sending = false
  await work
  await until(() => namesAt(first).length + namesAt(moved).length >= acknowledged.length)
  expect([...namesAt(first), ...namesAt(moved)].sort()).toEqual([...acknowledged].sort())
  expect(namesAt(second)).toHaveLength(atSecond)
})

test('what cannot be used is told with its place, and the configuration before holds', async () => {
  const [first] = sinks
  write([['one', first]])
  await start()
  const complaints: [written: string, said: RegExp][] = [
    [
      'destinations:\n  - { name: one, endpoynt: "http://x" }\n',
      /subspan\.yaml:2:\d+: there is no option destinations\.0\.endpoynt/,
    ],
    [`destinations:\n  - { name: one, endpoint: "${subspan.otlpUrl}" }\n`, /where Subspan itself listens/],
    [
      `destinations:\n  - { name: one, endpoint: "https://localhost:1", caFile: "${folder.path}/none.pem" }\n`,
      /none\.pem/,
    ],
  ]
  for (const [written, said] of complaints) {
    writeFileSync(file(), `${written}api: { tokensFile: "${tokensFile()}" }\n`)
    const { status, body } = await reload()
    expect(status).toBe(400)
    expect((body.error as { message: string }).message).toMatch(said)
    const name = await send()
    await until(() => namesAt(first).includes(name))
  }
  writeFileSync(file(), 'destinations: []\n')
  subspan.kill('SIGHUP')
  await until(() =>
    /The configuration was not taken; the one before holds\.\n.*api would not ask for tokens any more/.test(
      subspan.stderr,
    ),
  )
})

test('targets and tokens are those of the file from then on; the rest is named for a restart', async () => {
  const [first] = sinks
  write([['one', first]])
  await start()
  write([['one', first]], 'pull: { targets: [{ url: "http://127.0.0.1:1", service: shop }] }\nhold: { max: 3s }\n')
  writeFileSync(tokensFile(), 'second-token\n')
  expect(await reload()).toMatchObject({ status: 200, body: { targets: 1, afterRestart: ['hold.max'] } })
  expect((await reload()).status).toBe(401)
  expect((await reload('second-token')).status).toBe(200)
  const response = await fetch(`${subspan.apiUrl}/api/v1/captures/pull`, {
    method: 'POST',
    headers: { authorization: 'Bearer second-token' },
    body: JSON.stringify({ target: '127.0.0.1:1' }),
  })
  expect(await response.text()).not.toMatch(/is no target/)
  expect(subspan.stderr).not.toContain('token-of-the-api')
  expect(subspan.stderr).not.toContain('second-token')
})
