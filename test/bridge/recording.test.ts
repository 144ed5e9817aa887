// recording.test.ts: captures that are decoded while they are being recorded.

import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { EntryKind } from '../../src/bridge/ports.ts'
import { Flow, idOf, recording, textAttribute } from '../support/flow.ts'
import { type PlainSpan, spansOfProtobuf } from '../support/otlp.ts'

const long = recording('captures/go1.26/messages-long')
const { attributes } = spansOfProtobuf(long.requests[0])[0].resource
const service = attributes.find(({ key }) => key === 'service.name')?.value.string ?? ''

/** The capture in pieces. */
function pieces(count: number): Uint8Array[] {
  const size = Math.ceil(long.capture.length / count)
  return Array.from({ length: count }, (_, at) => long.capture.subarray(at * size, (at + 1) * size))
}

function enriched(flow: Flow): PlainSpan[] {
  return flow.sentOriginals().filter((span) => textAttribute(span, 'subspan.capture') !== null)
}

/** Ids of spans that got their breakdown, in place or by a summary. */
function broughtDown(flow: Flow): Set<string> {
  const summaries = flow.sentChildren().filter((span) => textAttribute(span, 'subspan.kind') === 'summary')
  return new Set([
    ...enriched(flow).map(idOf),
    ...summaries.map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`),
  ])
}

describe('a recording', () => {
  test('spans wait from its beginning on, and leave enriched while it goes on', async () => {
    const flow = new Flow({ holdMaxMs: 60_000 })
    const fed = await flow.record(service)
    await flow.spans(...long.requests)
    expect(flow.sent()).toEqual([])
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'pending', receiving: true, fileBytes: 0 })

    const left: number[] = []
    const parts = pieces(20)
    for (const part of parts.slice(0, -1)) {
      await fed.feed(part)
      left.push(enriched(flow).length)
    }
    // Before its end many have left, generation by generation.
    expect(new Set(left).size).toBeGreaterThan(2)
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'decoding', receiving: true })
    await fed.feed(parts[parts.length - 1])
    await fed.finish()
    await fed.live.received

    expect(flow.sentOriginals().map(idOf).sort()).toEqual([...long.spanIds].sort())
    expect(new Set(enriched(flow).map(idOf))).toEqual(new Set(long.matches.keys()))
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({
      state: 'done',
      service,
      origin: { by: 'pull', from: 'http://program', seconds: 5 },
      receiving: false,
      fileBytes: long.capture.length,
      problems: [],
      spans: { joined: { 'task-name': long.matches.size } },
    })
    expect(flow.defects()).toEqual([])
  })

  test('spans of other processes pass', async () => {
    const flow = new Flow()
    await flow.record('another')
    await flow.spans(...long.requests)
    expect(flow.sentOriginals()).toHaveLength(long.spanIds.length)
  })

  test('gives the same as the same capture uploaded, whenever spans come', async () => {
    const offline = new Flow()
    await offline.spans(...long.requests)
    await offline.capture(long.capture, service)
    expect(broughtDown(offline)).toEqual(new Set(long.matches.keys()))

    // Some of the spans before, some during, some after it.
    const flow = new Flow({ holdMaxMs: 60_000 })
    const third = Math.ceil(long.requests.length / 3)
    await flow.spans(...long.requests.slice(0, third))
    const fed = await flow.record(service)
    const [first, ...rest] = pieces(4)
    await fed.feed(first)
    await flow.spans(...long.requests.slice(third, 2 * third))
    await fed.feed(...rest)
    await fed.finish()
    await flow.spans(...long.requests.slice(2 * third))
    expect(broughtDown(flow)).toEqual(broughtDown(offline))
    const before = offline.bridge.captureViews()[0].spans
    const after = flow.bridge.captureViews()[0].spans
    expect(after.joined).toEqual(before.joined)
    expect(after.unmatched).toEqual(before.unmatched)
    expect(after.joinRate).toBe(before.joinRate)
  })

  test('uploaded afterwards, it is known', async () => {
    const flow = new Flow()
    const fed = await flow.record(service)
    await fed.feed(long.capture)
    await fed.finish()
    expect(await flow.capture(long.capture, service)).toMatchObject({ id: fed.live.id, known: true })
    expect(flow.bridge.captureViews()).toHaveLength(1)
    expect([...flow.files.files.keys()]).toEqual([fed.live.id])

    const again = new Flow({}, flow)
    await again.bridge.recover()
    expect(await again.capture(long.capture, service)).toMatchObject({ id: fed.live.id, known: true })
  })
})

describe('a recording that ends before its time', () => {
  test('is used as far as it came, and says why', async () => {
    const flow = new Flow({ holdMaxMs: 60_000 })
    const fed = await flow.record(service)
    await flow.spans(...long.requests)
    const parts = pieces(10)
    await fed.feed(...parts.slice(0, 7))
    await fed.finish(new Failure('TARGET', 'the program ended.'))
    const view = flow.bridge.captureView(fed.live.id)
    expect(view).toMatchObject({ state: 'done', receiving: false })
    expect(view?.problems[0]).toMatchObject({ code: 'CAPTURE_TRUNCATED', message: 'the program ended.' })
    expect(enriched(flow).length).toBeGreaterThan(0)
    expect(enriched(flow).length).toBeLessThan(long.matches.size)
    // Nobody waits for the rest.
    expect(flow.sentOriginals()).toHaveLength(long.spanIds.length)
  })

  test('before anything came: it failed, with the reason, and nobody waits', async () => {
    const flow = new Flow()
    const fed = await flow.record(service)
    await flow.spans(...long.requests)
    expect(flow.sent()).toEqual([])
    await fed.finish(new Failure('TARGET_BUSY', 'it is being recorded.'))
    await expect(fed.live.began).rejects.toThrow('it is being recorded.')
    expect(flow.sentOriginals()).toHaveLength(long.spanIds.length)
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({
      state: 'failed',
      failure: { code: 'TARGET_BUSY', message: 'it is being recorded.' },
      problems: [],
    })
    expect(flow.journal.ofKind(EntryKind.capture)).toEqual([])
    expect(flow.files.files.size).toBe(0)
  })

  test('with what is no capture: it failed, and nothing is stored', async () => {
    const flow = new Flow()
    const fed = await flow.record(service)
    await fed.feed(Buffer.alloc(1_000, '<html>'))
    await fed.finish()
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'failed', failure: { code: 'CAPTURE_NOT_GO' } })
    expect(flow.files.files.size).toBe(0)
  })

  test('because the journal refuses: it failed, and nobody waits', async () => {
    const flow = new Flow()
    const fed = await flow.record(service)
    await flow.spans(long.requests[0])
    flow.journal.failures.push(new Failure('STORE', 'the disk refuses'))
    await fed.feed(...pieces(3))
    await fed.finish()
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'failed', failure: { code: 'STORE' } })
    expect(flow.files.files.size).toBe(0)
    expect(flow.sentOriginals().length).toBe(spansOfProtobuf(long.requests[0]).length)
  })
})

describe('a decoding that fails', () => {
  test('for an outside reason is done again when all has come', async () => {
    const flow = new Flow({ holdMaxMs: 60_000 })
    const fed = await flow.record(service)
    await flow.spans(...long.requests)
    flow.decoder.failures.push(new Error('the worker could not be started'))
    await fed.feed(...pieces(3))
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'pending', receiving: true })
    expect(flow.sent()).toEqual([])
    await fed.finish()
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'done', receiving: false })
    expect(broughtDown(flow)).toEqual(new Set(long.matches.keys()))
  })

  test('for good lets the spans go', async () => {
    const flow = new Flow({ holdMaxMs: 60_000 })
    const fed = await flow.record(service)
    await flow.spans(...long.requests)
    flow.decoder.failures.push(new Failure('CAPTURE_WORKER', 'the worker died'))
    await fed.feed(...pieces(3))
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'failed' })
    expect(flow.sentOriginals()).toHaveLength(long.spanIds.length)
    await fed.finish()
    expect(flow.bridge.captureView(fed.live.id)).toMatchObject({ state: 'failed', receiving: false })
  })
})

test('when the program dies meanwhile, what came is decoded after the next start', async () => {
  const flow = new Flow()
  const fed = await flow.record(service)
  await flow.spans(...long.requests)
  await fed.feed(...pieces(10).slice(0, 7))
  const left = enriched(flow).length

  const { clock, files, journal } = flow
  const next = new Flow({}, { clock, files, journal: journal.cutAt(journal.entries.length) })
  await next.bridge.recover()
  await next.clock.advance(10_000)
  expect(next.bridge.captureView(fed.live.id)).toMatchObject({
    state: 'done',
    origin: { by: 'pull', from: 'http://program', seconds: 5 },
  })
  expect(next.sentOriginals().map(idOf).sort()).toEqual([...long.spanIds].sort())
  expect(broughtDown(next).size).toBeGreaterThanOrEqual(left)
  expect(next.defects()).toEqual([])
})

test('two recordings that overlap: a span is brought down by one of them', async () => {
  const flow = new Flow({ holdMaxMs: 60_000 })
  const first = await flow.record(service)
  await first.feed(...pieces(4).slice(0, 2))
  const second = await flow.record(service)
  await flow.spans(...long.requests)
  await second.feed(long.capture)
  await first.finish(new Failure('TARGET', 'cut.'))
  await second.finish()
  expect(flow.sentOriginals().map(idOf).sort()).toEqual([...long.spanIds].sort())
  expect(broughtDown(flow)).toEqual(new Set(long.matches.keys()))
  expect(
    enriched(flow).length +
      new Set(
        flow
          .sentChildren()
          .filter((span) => textAttribute(span, 'subspan.kind') === 'summary')
          .map(idOf),
      ).size,
  ).toBe(long.matches.size)
})

test('at the end of the program what is being recorded is left for the next', async () => {
  const flow = new Flow()
  const fed = await flow.record(service)
  await flow.spans(long.requests[0])
  await fed.feed(...pieces(4).slice(0, 2))
  const stopped = flow.bridge.stop(1_000)
  await fed.finish(new Failure('TARGET', 'Subspan is stopping'))
  await stopped
  expect(flow.sentOriginals().length).toBe(spansOfProtobuf(long.requests[0]).length)
  expect(flow.journal.ofKind(EntryKind.captureSettled)).toEqual([])
})
