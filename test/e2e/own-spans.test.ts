// own-spans.test.ts: Subspan's own spans, asked for: they go where they are told, and never come back through Subspan.

import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fixturePath } from '../support/fixtures.ts'
import { recording } from '../support/flow.ts'
import { freePort } from '../support/free-port.ts'
import { type PlainSpan, spansOfJson, spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { run, SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

let folder: ReturnType<typeof temporaryFolder>
let backend: Sink
let own: Sink
beforeEach(async () => {
  folder = temporaryFolder()
  backend = await Sink.open()
  own = await Sink.open()
})
afterEach(async () => {
  await backend.close()
  await own.close()
  folder.remove()
})

const ownSpans = (): PlainSpan[] => own.bodies.flatMap((body) => spansOfJson(Buffer.from(body).toString()))

test('what it does is told to a backend of its own, and only there', async () => {
  const subspan = await SubspanProcess.start(folder.path, backend.endpoint, {
    'telemetry.tracesEndpoint': own.endpoint,
    'telemetry.serviceName': 'our-subspan',
  })
  const [request] = recording().requests
  expect(await subspan.sendSpans(request)).toBe(200)
  await subspan.captureEnded(
    await subspan.sendCapture(readFileSync(fixturePath('captures', 'go1.26', 'messages.trace')), 'messages'),
  )
  await until(() => backend.bodies.length > 0)
  subspan.kill('SIGTERM')
  const { code, stderr } = await subspan.ended
  expect(code, stderr).toBe(0)

  const spans = ownSpans()
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(['decode capture', 'export spans']))
  for (const { resource } of spans) {
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { string: 'our-subspan' } })
  }
  const services = backend.bodies
    .flatMap(spansOfProtobuf)
    .flatMap(({ resource }) => resource.attributes.filter(({ key }) => key === 'service.name'))
  expect(new Set(services.map(({ value }) => value.string))).toEqual(new Set(['messages']))
})

test('without being asked it makes none', async () => {
  const subspan = await SubspanProcess.start(folder.path, backend.endpoint)
  expect(await subspan.sendSpans(recording().requests[0])).toBe(200)
  await until(() => backend.bodies.length > 0)
  subspan.kill('SIGTERM')
  await subspan.ended
  expect(own.bodies).toEqual([])
})

test('an address where Subspan itself listens is refused: each own span would make another', async () => {
  const port = await freePort()
  const doors = ['opencensus', 'jaegerHttp', 'jaegerGrpc', 'zipkin'].map((door) => `receivers.${door}.enabled=false`)
  const settings = [
    `data.dir=${folder.path}`,
    `receivers.otlpHttp.port=${port}`,
    'receivers.otlpGrpc.port=0',
    'api.port=0',
    `telemetry.tracesEndpoint=http://localhost:${port}`,
    ...doors,
  ]
  const { code, stderr } = await run(['serve', ...settings.flatMap((setting) => ['--set', setting])])
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/telemetry\.tracesEndpoint is http:\/\/localhost:\d+, where Subspan itself listens/)
})
