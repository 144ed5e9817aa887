// worker-limits.test.ts: a capture that its worker cannot finish is set aside with its reason; the service goes on.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { recording } from '../support/flow.ts'
import { fixturePath } from '../support/fixtures.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const recorded = recording()
const other = new Uint8Array(readFileSync(fixturePath('captures', 'go1.26', 'corners.trace')))

interface CaptureAnswer {
  readonly state: string
  readonly failure: string | null
}

async function captureOf(subspan: SubspanProcess, id: string): Promise<CaptureAnswer> {
  const response = await fetch(`${subspan.apiUrl}/api/v1/captures/${id}`)
  return (await response.json()) as CaptureAnswer
}

describe('a capture that its worker cannot finish', () => {
  test.each([
    ['in time', { 'decode.deadline': '1ms' }, /did not end within .* decode\.deadline/],
    ['within its memory', { 'decode.memoryBytes': '1MiB' }, /bytes of memory.*decode\.memoryBytes/],
  ])('%s is set aside with its reason, and spans go on', async (_what, settings, reason) => {
    const folder = temporaryFolder()
    const sink = await Sink.open()
    const subspan = await SubspanProcess.start(folder.path, sink.endpoint, settings)
    const id = await subspan.sendCapture(other)
    await until(async () => reason.test(JSON.stringify(await captureOf(subspan, id))))
    expect(await subspan.sendSpans(recorded.requests[0])).toBe(200)
    await until(() => sink.bodies.length > 0)
    expect((await fetch(`${subspan.apiUrl}/healthz`)).status).toBe(200)
    subspan.kill('SIGTERM')
    expect((await subspan.ended).code).toBe(0)
    await sink.close()
    folder.remove()
  })
})
