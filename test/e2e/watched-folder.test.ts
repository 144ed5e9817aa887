// watched-folder.test.ts: a capture that a program drops into a folder, through the built program.

import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recording, textAttribute } from '../support/flow.ts'
import { type PlainSpan, spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder } from '../support/subspan-process.ts'

const recorded = recording('captures/go1.26/messages')

let sink: Sink
let data: ReturnType<typeof temporaryFolder>
let dumps: ReturnType<typeof temporaryFolder>
beforeEach(async () => {
  data = temporaryFolder()
  dumps = temporaryFolder()
  sink = await Sink.open()
})
afterEach(async () => {
  await sink.close()
  data.remove()
  dumps.remove()
})

test('the spans that had left get their breakdown, once, also after a restart', async () => {
  const settings = { 'watch.folders': JSON.stringify([{ folder: dumps.path, service: 'messages' }]) }
  const first = await SubspanProcess.start(data.path, sink.endpoint, settings)
  expect(first.stderr).toContain(dumps.path)
  for (const request of recorded.requests) expect(await first.sendSpans(request)).toBe(200)

  const instance = spansOfProtobuf(recorded.requests[0])[0].resource.attributes.find(
    ({ key }) => key === 'service.instance.id',
  )?.value.string
  mkdirSync(join(dumps.path, instance ?? ''))
  const path = join(dumps.path, instance ?? '', 'slow.trace')
  writeFileSync(`${path}.tmp`, recorded.capture)
  renameSync(`${path}.tmp`, path)

  const enriched = (): PlainSpan[] =>
    sink.bodies.flatMap(spansOfProtobuf).filter((span) => textAttribute(span, 'subspan.capture') !== null)
  await sink.until(() => enriched().length >= recorded.matches.size)
  const { captures } = (await (await fetch(`${first.apiUrl}/api/v1/captures`)).json()) as {
    captures: Record<string, unknown>[]
  }
  expect(captures).toMatchObject([{ origin: { by: 'watch', from: path }, service: 'messages', instance }])
  first.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)

  const second = await SubspanProcess.start(data.path, sink.endpoint, settings)
  const taken = async (): Promise<boolean> =>
    /subspan_watched_files_total\{result="taken"\} 1/.test(await (await fetch(`${second.apiUrl}/metrics`)).text())
  await expect.poll(taken, { timeout: 20_000 }).toBe(true)
  second.kill('SIGTERM')
  expect((await second.ended).code).toBe(0)
  expect(enriched()).toHaveLength(recorded.matches.size)
  expect(readdirSync(join(path, '..'))).toEqual(['slow.trace'])
})
