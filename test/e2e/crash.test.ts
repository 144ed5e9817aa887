// crash.test.ts: the program is killed in the middle of its work, twice: what it had acknowledged arrives, with one content for each id.

import { expect, test } from 'vitest'
import { idOf, recording, textAttribute } from '../support/flow.ts'
import { type PlainSpan, spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const recorded = recording('demo/messages')
const { attributes } = spansOfProtobuf(recorded.requests[0])[0].resource
const service = attributes.find(({ key }) => key === 'service.name')?.value.string ?? ''

test('kill -9 while spans pass, wait, and are followed', async () => {
  const folder = temporaryFolder()
  const sink = await Sink.open()
  const acknowledged: Uint8Array[] = []
  const third = Math.ceil(recorded.requests.length / 3)
  const send = async (subspan: SubspanProcess, requests: readonly Uint8Array[]): Promise<void> => {
    for (const request of requests) {
      expect(await subspan.sendSpans(request)).toBe(200)
      acknowledged.push(request)
    }
  }

  // Spans pass and are delivered, others while the backend refuses, and others wait for a capture that is announced.
  const first = await SubspanProcess.start(folder.path, sink.endpoint, { 'hold.max': '2s' })
  await send(first, recorded.requests.slice(0, 1))
  await sink.until(({ bodies }) => bodies.length > 0)
  sink.refuseBy(() => ({ status: 503 }))
  await send(first, recorded.requests.slice(1, third))
  await first.announce(service, '', 60)
  await send(first, recorded.requests.slice(third, 2 * third))
  first.kill('SIGKILL')
  expect((await first.ended).signal).toBe('SIGKILL')

  // The capture is accepted, and the program dies before, while or after it has sent anything of it.
  const second = await SubspanProcess.start(folder.path, sink.endpoint, { 'hold.max': '2s' })
  const id = await second.sendCapture(recorded.capture, service)
  await send(second, recorded.requests.slice(2 * third))
  second.kill('SIGKILL')
  await second.ended
  sink.refuseBy(null)

  const last = await SubspanProcess.start(folder.path, sink.endpoint, { 'hold.max': '2s' })
  await last.captureEnded(id)
  const sent = (): PlainSpan[] => sink.bodies.flatMap(spansOfProtobuf)
  const originals = (): PlainSpan[] => sent().filter(({ scope }) => scope.name !== 'subspan')
  const whose = (): string[] =>
    sent()
      .filter((span) => textAttribute(span, 'subspan.capture') !== null)
      .map((span) => (span.scope.name === 'subspan' ? `${span.traceId} ${span.parentSpanId}` : idOf(span)))
  const expected = new Set(acknowledged.flatMap((request) => spansOfProtobuf(request).map(idOf)))
  await until(
    () => new Set(originals().map(idOf)).size >= expected.size && new Set(whose()).size >= recorded.matches.size,
  )
  last.kill('SIGTERM')
  const { code, stderr } = await last.ended
  expect(code, stderr).toBe(0)

  expect(new Set(originals().map(idOf))).toEqual(expected)
  expect(new Set(whose())).toEqual(new Set(recorded.matches.keys()))
  const contents = new Map<string, PlainSpan>()
  for (const span of sent()) {
    const before = contents.get(idOf(span))
    if (before !== undefined) expect(span).toEqual(before)
    contents.set(idOf(span), span)
  }
  await sink.close()
  folder.remove()
})
