// kills.test.ts: the program is killed at any moment, again and again, under load: what it acknowledged arrives, with one content for each id.
//
// SUBSPAN_KILLS says how often (`npm run test:kills`: 1,000), SUBSPAN_SEED which random numbers are drawn.

import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { idOf, recording, textAttribute } from '../support/flow.ts'
import { freePort } from '../support/free-port.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { requestsOf, Sender, spansIn } from '../support/span-load.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const KILLS = Number(process.env.SUBSPAN_KILLS ?? 100)
const SEED = Number(process.env.SUBSPAN_SEED ?? Date.now() % 1_000_000)
/** The recorded capture comes when so many kills are left: a capture that three deaths in a row interrupt is set aside. */
const CAPTURE_AT = 2
/** The spans that it is of leave from here on: of a run of an hour, those of its begin are older than `late.maxAge` by then. */
const RECORDED_AT = 90

const random = randomFrom(SEED)
const recorded = recording('demo/messages')
const recordedService =
  spansOfProtobuf(recorded.requests[0])[0].resource.attributes.find(({ key }) => key === 'service.name')?.value
    .string ?? ''

test(`${KILLS} kills, seed ${SEED}`, { timeout: 120_000 + KILLS * 15_000 }, async () => {
  const folder = temporaryFolder()
  const sink = await Sink.open()
  const [otlpPort, apiPort] = [await freePort(), await freePort()]
  const settings = {
    'receivers.otlpHttp.port': String(otlpPort),
    'api.port': String(apiPort),
    'hold.max': '700ms',
    'store.segmentBytes': '1MiB',
  }
  const acknowledged: Uint8Array[] = []
  const stop = new AbortController()
  const sender = new Sender(`http://127.0.0.1:${otlpPort}`)
  let killsLeft = KILLS
  const makers = [requestsOf('passing', 10), requestsOf('held', 10), requestsOf('passing', 100)]
  const toSend = [...recorded.requests]
  const load = makers.map(async (make) => {
    while (!stop.signal.aborted) {
      const request = (killsLeft <= RECORDED_AT && random() < 0.05 ? toSend.shift() : undefined) ?? make()
      if (await sender.deliver(request, stop.signal)) acknowledged.push(request)
      await pause(random() * 8)
    }
  })
  const announce = (): Promise<unknown> =>
    fetch(`http://127.0.0.1:${apiPort}/api/v1/captures/announce`, {
      method: 'POST',
      body: JSON.stringify({ service: 'held', seconds: 1 }),
    }).catch(() => null)
  // The backend refuses at times, and at times what it took is not known.
  sink.refuseBy(() => (random() < 0.1 ? { status: 503 } : null))

  let captureId = ''
  for (let kills = 0; killsLeft > 0; kills++) {
    const subspan = SubspanProcess.spawn(folder.path, sink.endpoint, settings)
    let ended = false
    void subspan.ended.then(() => (ended = true))
    if (random() < 0.2) await pause(random() * 500)
    else {
      const before = acknowledged.length
      await until(() => acknowledged.length > before || ended)
      if (random() < 0.6) void announce()
      if (random() < 0.1) sink.hangUpNext(1)
      if (captureId === '' && killsLeft <= CAPTURE_AT) {
        const answer = await fetch(`http://127.0.0.1:${apiPort}/api/v1/captures?service=${recordedService}`, {
          method: 'POST',
          body: recorded.capture,
        })
        captureId = ((await answer.json()) as { id: string }).id
      }
      // Some live long enough to write down how far the backend has come.
      await pause(kills % 12 === 11 ? 1_300 : random() * 150)
    }
    expect(ended, subspan.stderr).toBe(false)
    subspan.kill('SIGKILL')
    killsLeft--
    await subspan.ended
  }

  sink.refuseBy(null)
  const last = await SubspanProcess.start(folder.path, sink.endpoint, settings)
  for (const request of toSend) if (await sender.deliver(request, stop.signal)) acknowledged.push(request)
  stop.abort()
  await Promise.all(load)
  sender.close()
  if (captureId === '') captureId = await last.sendCapture(recorded.capture, recordedService)
  expect(await last.captureEnded(captureId)).toMatchObject({ state: 'done' })
  last.kill('SIGTERM')
  const { code, stderr } = await last.ended
  expect(code, stderr).toBe(0)

  // Everything that was acknowledged is there, each id with one content, children behind their parents.
  const contents = new Map<string, Buffer>()
  const changed: string[] = []
  const early: string[] = []
  for (const body of sink.bodies) {
    const spans = spansIn(body)
    for (const { id, bytes } of spans) {
      const before = contents.get(id)
      if (before === undefined) contents.set(id, bytes)
      else if (!before.equals(bytes)) changed.push(id)
    }
    for (const { traceId, parentSpanId, scope } of spans.some(({ bytes }) => bytes.includes('subspan.kind'))
      ? spansOfProtobuf(body)
      : []) {
      if (scope.name === 'subspan' && !contents.has(`${traceId} ${parentSpanId}`)) early.push(parentSpanId)
    }
  }
  expect(changed).toEqual([])
  expect(early).toEqual([])
  const missing = acknowledged.flatMap((request) => spansIn(request).filter(({ id }) => !contents.has(id)))
  expect(missing.map(({ id }) => id)).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(KILLS)

  // The recorded spans have their breakdown, in place or behind them.
  const explained = sink.bodies
    .filter((body) => Buffer.from(body).includes('subspan.capture'))
    .flatMap(spansOfProtobuf)
    .filter((span) => textAttribute(span, 'subspan.capture') !== null)
    .map((span) => (span.scope.name === 'subspan' ? `${span.traceId} ${span.parentSpanId}` : idOf(span)))
  expect(new Set(explained)).toEqual(new Set(recorded.matches.keys()))
  await sink.close()
  folder.remove()
})

/** Random numbers from 0 to 1 that a seed repeats (Marsaglia's xorshift, 32 bits). */
function randomFrom(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}
