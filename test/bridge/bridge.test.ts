// bridge.test.ts: the four ways in which spans leave, in every order of spans and captures.

import { describe, expect, test, vi } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { EntryKind } from '../../src/bridge/ports.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { settle } from '../support/fake-clock.ts'
import {
  durationNs,
  Flow,
  idOf,
  recording,
  type Recording,
  sumOfParts,
  textAttribute,
  withoutOurs,
} from '../support/flow.ts'
import { type PlainSpan, spansOfProtobuf } from '../support/otlp.ts'

const messages = recording()
const { service, instance } = nameOf(messages)

/** The request with the most spans that have a task. */
const richest = messages.requests.reduce((best, request) => (matchedIn(request) > matchedIn(best) ? request : best))

/** A request of another process, with one span. */
const stranger = traceRequestFromJson(
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'stranger' } }] },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: [
              {
                traceId: '0123456789abcdef0123456789abcdef',
                spanId: '0123456789abcdef',
                name: 'elsewhere',
                startTimeUnixNano: '1700000000000000000',
                endTimeUnixNano: '1700000000000001000',
              },
            ],
          },
        ],
      },
    ],
  }),
)

describe('spans first, nothing known of captures', () => {
  test('they leave at once as the very bytes that came', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    expect(bodiesOf(flow)).toEqual(texts(messages.requests))
    expect(flow.journal.sent().every(({ meta }) => meta.way === 'pass')).toBe(true)
  })

  test('they are acknowledged only when they are on disk', async () => {
    const flow = new Flow()
    let open = (): void => undefined
    flow.journal.gate = new Promise((resolve) => (open = resolve))
    let acknowledged = false
    const accepted = flow.bridge.acceptSpans(messages.requests[0]).then(() => (acknowledged = true))
    await settle()
    expect(acknowledged).toBe(false)
    open()
    await accepted
    expect(flow.journal.entries).toHaveLength(1)
  })

  test('a disk that refuses is told to the sender, and the same request is taken when it comes again', async () => {
    const flow = new Flow()
    flow.journal.failures.push(new Failure('OVERLOADED', 'the journal is full', 3))
    await expect(flow.bridge.acceptSpans(messages.requests[0])).rejects.toMatchObject({
      code: 'OVERLOADED',
      retryAfterSeconds: 3,
    })
    expect(flow.journal.entries).toHaveLength(0)
    await flow.spans(messages.requests[0])
    expect(flow.journal.sent()).toHaveLength(1)
  })

  test('a request without spans is taken and goes nowhere', async () => {
    const flow = new Flow()
    await flow.spans(new Uint8Array(0))
    expect(flow.journal.entries).toHaveLength(0)
  })

  test('bytes that are no request are refused', async () => {
    const flow = new Flow()
    await expect(flow.bridge.acceptSpans(Uint8Array.of(0x0a, 0x7f, 1))).rejects.toMatchObject({
      code: 'SPANS_MALFORMED',
    })
  })
})

describe.each([
  ['captures/go1.22/messages', 'without clock snapshots'],
  ['captures/go1.22/messages-log-otel', 'with ids in logs'],
  ['captures/go1.26/messages', 'with clock snapshots'],
])('%s (%s)', (name) => {
  const recorded = recording(name)
  const named = nameOf(recorded)

  test('capture first: its spans leave once, enriched in place', async () => {
    const flow = new Flow()
    await flow.capture(recorded.capture, named.service, named.instance)
    await flow.spans(...recorded.requests)
    expectEachOnce(flow, recorded)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(recorded.matches.keys()))
    expectTrueBreakdowns(inPlace(flow))
    expectChildrenOf(flow)
    expect(flow.defects()).toEqual([])
  })

  test('spans first: each joined one is followed by a summary child, and is not sent again', async () => {
    const flow = new Flow()
    await flow.spans(...recorded.requests)
    await flow.capture(recorded.capture, named.service, named.instance)
    expectEachOnce(flow, recorded)
    expect(bodiesOf(flow).slice(0, recorded.requests.length)).toEqual(texts(recorded.requests))
    expect(inPlace(flow)).toEqual([])
    expect(
      summaries(flow)
        .map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`)
        .sort(),
    ).toEqual([...recorded.matches.keys()].sort())
    expectTrueBreakdowns(summaries(flow))
    expectChildrenOf(flow)
    expect(flow.defects()).toEqual([])
  })

  test('interleaved: each joined span gets its breakdown once, in place or by its summary', async () => {
    const flow = new Flow()
    const middle = recorded.requests.length >> 1
    await flow.spans(...recorded.requests.slice(0, middle))
    await flow.capture(recorded.capture, named.service, named.instance)
    await flow.spans(...recorded.requests.slice(middle))
    expectEachOnce(flow, recorded)
    const enriched = [
      ...inPlace(flow).map(idOf),
      ...summaries(flow).map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`),
    ]
    expect(enriched.sort()).toEqual([...recorded.matches.keys()].sort())
    expectTrueBreakdowns([...inPlace(flow), ...summaries(flow)])
    expectChildrenOf(flow)
  })

  test('announced: spans wait for the capture and leave once, enriched in place', async () => {
    const flow = new Flow()
    flow.bridge.announce(named, 2)
    await flow.spans(...recorded.requests)
    expect(flow.journal.sent()).toEqual([])
    await flow.clock.advance(2_500)
    await flow.capture(recorded.capture, named.service, named.instance)
    expectEachOnce(flow, recorded)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(recorded.matches.keys()))
    expectTrueBreakdowns(inPlace(flow))
    expect(summaries(flow)).toEqual([])
  })

  test('unnamed: the ids tell whose capture it is', async () => {
    const flow = new Flow()
    await flow.spans(...recorded.requests, stranger)
    const { id } = await flow.capture(recorded.capture)
    expect(summaries(flow)).toHaveLength(recorded.matches.size)
    expect(flow.bridge.captureView(id)).toMatchObject({ state: 'done', processes: [processKey(recorded)] })
  })
})

describe('spans that wait', () => {
  test('leave as they came where the tasks that were found for them are kept no longer when their turn comes', async () => {
    const keepMs = 5_000
    const flow = new Flow({ joinKeepMs: keepMs, holdMaxMs: 60_000 })
    flow.bridge.announce({ service, instance }, 2)
    await flow.spans(...messages.requests)
    flow.decoder.stepping = true
    await flow.capture(messages.capture, service, instance)
    // Each look at the clock takes so long that one breakdown is written at a time, and the first is long in reaching the disk.
    const now = flow.clock.nowMs.bind(flow.clock)
    let ticksMs = 0
    vi.spyOn(flow.clock, 'nowMs').mockImplementation(() => now() + (ticksMs += 10))
    let open = (): void => undefined
    flow.journal.gate = new Promise((resolve) => (open = resolve))
    while (flow.counters.of('subspan_holds_ended_total', { reason: 'decided' }) === 0) await flow.decoder.step()
    flow.journal.gate = null
    await flow.decoder.finish()
    await flow.clock.advance(keepMs)
    open()
    await settle()
    await flow.clock.advance(60_000)
    expectEachOnce(flow, messages)
    const enriched = inPlace(flow).length
    expect(enriched).toBeGreaterThan(0)
    expect(enriched).toBeLessThan(messages.matches.size)
    expect(flow.log.lines.filter(({ level }) => level !== 'info')).toEqual([])
  })

  test('those of other processes do not', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service, instance }, 5)
    await flow.spans(joined(messages.requests[0], stranger))
    expect(flow.sent().map(({ name }) => name)).toEqual(['elsewhere'])
    expect(flow.journal.sent()[0].body).toEqual(stranger)
    await flow.clock.advance(8_000)
    expect(bodiesOf(flow).slice(1)).toEqual(texts([messages.requests[0]]))
  })

  test('leave as they came when hold.max is over, counted from their acceptance', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service, instance }, 60)
    await flow.spans(messages.requests[0])
    await flow.clock.advance(3_000)
    await flow.spans(messages.requests[1])
    await flow.clock.advance(4_999)
    expect(flow.journal.sent()).toHaveLength(0)
    await flow.clock.advance(1)
    expect(bodiesOf(flow)).toEqual(texts([messages.requests[0]]))
    await flow.clock.advance(3_000)
    expect(bodiesOf(flow)).toEqual(texts(messages.requests.slice(0, 2)))
  })

  test('leave together when their time is up within a few milliseconds, early rather than late', async () => {
    const flow = new Flow({ holdMode: 'always', holdMaxMs: 1_000 })
    for (const stepMs of [0, 5, 2, 93]) {
      await flow.clock.advance(stepMs)
      await flow.spans(messages.requests[flow.journal.entries.length])
    }
    await flow.clock.advance(899)
    expect(flow.journal.sent()).toEqual([])
    await flow.clock.advance(1)
    expect(bodiesOf(flow)).toEqual(texts(messages.requests.slice(0, 3)))
    await flow.clock.advance(99)
    expect(bodiesOf(flow)).toEqual(texts(messages.requests.slice(0, 3)))
    await flow.clock.advance(1)
    expect(bodiesOf(flow)).toEqual(texts(messages.requests.slice(0, 4)))
  })

  test('leave when the announcement is over and no capture came', async () => {
    const flow = new Flow({ holdMaxMs: 2_000 })
    flow.bridge.announce({ service, instance }, 1)
    await flow.clock.advance(2_500)
    await flow.spans(messages.requests[0])
    expect(flow.journal.sent()).toHaveLength(0)
    await flow.clock.advance(500)
    expect(flow.journal.sent()).toHaveLength(1)
    await flow.spans(messages.requests[1])
    expect(flow.journal.sent()).toHaveLength(2)
  })

  test('leave as soon as the part of the capture that covers them is decoded', async () => {
    const long = recording('captures/go1.26/messages-long')
    const flow = new Flow()
    flow.decoder.stepping = true
    const named = nameOf(long)
    await flow.capture(long.capture, named.service, named.instance)
    await flow.spans(...long.requests)
    const leftAfter: number[] = []
    do leftAfter.push(flow.journal.sent().length)
    while (await flow.decoder.step())
    await flow.decoder.finish()
    expectEachOnce(flow, long)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(long.matches.keys()))
    // Some left before the last step, and not all at once.
    expect(new Set(leftAfter).size).toBeGreaterThan(2)
  })

  test('when they take too many bytes the oldest leave as they came', async () => {
    const bytes = messages.requests.slice(0, 3).reduce((sum, { length }) => sum + length, 0)
    const flow = new Flow({ holdMaxBytes: bytes })
    flow.bridge.announce({ service, instance }, 60)
    await flow.spans(...messages.requests.slice(0, 3))
    const gone = bodiesOf(flow)
    expect(gone.length).toBeGreaterThan(0)
    expect(gone).toEqual(texts(messages.requests.slice(0, gone.length)))
    expect(flow.counters.of('subspan_holds_ended_total', { reason: 'crowded' })).toBe(gone.length)
    await flow.clock.advance(8_000)
    expectEachOnce(flow, {
      ...messages,
      spanIds: messages.requests.slice(0, 3).flatMap((r) => spansOfProtobuf(r).map(idOf)),
    })
  })

  test('a release that the disk refuses is tried again, and nothing is lost', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service, instance }, 60)
    await flow.spans(messages.requests[0])
    flow.journal.failures.push(new Failure('STORE', 'the disk is full'), new Failure('STORE', 'the disk is full'))
    await flow.clock.advance(8_500)
    expect(flow.journal.sent()).toHaveLength(0)
    await flow.clock.advance(2_000)
    expect(bodiesOf(flow)).toEqual(texts([messages.requests[0]]))
  })

  test('hold.mode never: no span waits, whatever is announced', async () => {
    const flow = new Flow({ holdMode: 'never' })
    flow.bridge.announce({ service, instance }, 5)
    await flow.spans(messages.requests[0])
    expect(flow.journal.sent()).toHaveLength(1)
  })

  test('hold.mode always: spans wait though nothing is announced, and leave enriched when a capture comes', async () => {
    const flow = new Flow({ holdMode: 'always' })
    await flow.spans(...messages.requests)
    expect(flow.journal.sent()).toHaveLength(0)
    await flow.clock.advance(4_000)
    await flow.capture(messages.capture)
    await flow.clock.advance(4_000)
    expectEachOnce(flow, messages)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(messages.matches.keys()))
  })

  test('leave as soon as a capture without a name turns out to be the one that was announced', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service, instance }, 60)
    await flow.spans(...messages.requests)
    await flow.capture(recording('captures/go1.22/messages-log-otel').capture)
    expect(flow.journal.sent()).toEqual([])
    await flow.capture(messages.capture)
    expect(inPlace(flow).length).toBeGreaterThan(0)
    await flow.clock.advance(8_000)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(messages.matches.keys()))
    expectEachOnce(flow, messages)
  })

  test('at the end of the program they leave, written down', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service, instance }, 60)
    await flow.spans(messages.requests[0])
    await flow.bridge.stop(1_000)
    expect(bodiesOf(flow)).toEqual(texts([messages.requests[0]]))
  })
})

describe('never twice', () => {
  test('a request sent again after a lost answer leaves as identical bytes, also when its capture has come meanwhile', async () => {
    const flow = new Flow()
    await flow.spans(richest)
    await flow.capture(messages.capture, service)
    await flow.spans(richest)
    const originals = flow.journal.sent().filter(({ meta }) => meta.way === 'pass')
    expect(texts(originals.map(({ body }) => body))).toEqual(texts([richest, richest]))
    const first = new Set(spansOfProtobuf(richest).map(idOf))
    const matched = [...messages.matches.keys()].filter((id) => first.has(id))
    expect(matched.length).toBeGreaterThan(0)
    expect(summaries(flow)).toHaveLength(matched.length)
  })

  test('a request sent again that left enriched, or waits, is not taken twice', async () => {
    const flow = new Flow()
    await flow.capture(messages.capture, service)
    await flow.spans(...messages.requests, ...messages.requests)
    expect(inPlace(flow).map(idOf).sort()).toEqual([...messages.matches.keys()].sort())
    expectOneContentEach(flow.sent())
    expect(flow.counters.of('subspan_requests_repeated_total')).toBe(messages.requests.length)

    const waiting = new Flow()
    waiting.bridge.announce({ service, instance }, 60)
    await waiting.spans(...messages.requests, ...messages.requests)
    await waiting.clock.advance(8_000)
    expectEachOnce(waiting, messages)
  })

  test('a span that was followed by children of one capture is not followed by those of another', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    await flow.capture(messages.capture, service)
    const children = flow.sentChildren().length
    const packedOtherwise = await flow.capture(joined(messages.capture, new TextEncoder().encode('trailing')), service)
    expect(packedOtherwise.known).toBe(false)
    expect(flow.sentChildren()).toHaveLength(children)
  })

  test('the same capture again has the same id and does nothing', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    const first = await flow.capture(messages.capture, service)
    const before = flow.journal.entries.length
    const second = await flow.capture(messages.capture, service)
    expect(second).toEqual({ ...first, known: true })
    expect(flow.files.uses.get(first.id)).toBe(0)
    expect(flow.journal.entries).toHaveLength(before)
  })

  test('a span that carries a breakdown already leaves as it came and is never followed', async () => {
    const source = new Flow()
    await source.capture(messages.capture, service)
    await source.spans(...messages.requests)
    const enriched = source.journal.sent().map(({ body }) => body)
    for (const order of ['capture first', 'spans first', 'announced']) {
      const flow = new Flow()
      if (order === 'announced') flow.bridge.announce({ service, instance }, 5)
      if (order === 'capture first') await flow.capture(messages.capture, service)
      await flow.spans(...enriched)
      if (order === 'spans first') await flow.capture(messages.capture, service)
      await flow.clock.advance(8_000)
      expect(bodiesOf(flow), order).toEqual(texts(enriched))
    }
  })
})

describe('captures', () => {
  test('a capture of another service adds nothing, though its tasks have the ids', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    await flow.capture(messages.capture, 'another')
    expect(flow.sentChildren()).toEqual([])
  })

  test('tell what became of the spans of their process', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    const { id } = await flow.capture(messages.capture, service, instance)
    const view = flow.bridge.captureView(id)
    expect(view).toMatchObject({ id, state: 'done', service, instance, failure: null, clock: { method: 'snapshot' } })
    expect(view?.spans.joined).toEqual({ 'task-name': messages.matches.size })
    const unmatched = Object.values(view?.spans.unmatched ?? {}).reduce((sum, count) => sum + count, 0)
    expect(unmatched).toBe(messages.spanIds.length - messages.matches.size)
    expect(view?.spans.left).toEqual({ now: 0, hold: 0, late: messages.matches.size })
    expect(view?.tasks.joined).toBe(messages.matches.size)
  })

  test('one whose worker dies is set aside with the reason; the spans that waited for it leave', async () => {
    const flow = new Flow()
    flow.decoder.failures.push(new Failure('CAPTURE_WORKER', 'the worker died'))
    flow.bridge.announce({ service, instance }, 5)
    await flow.spans(messages.requests[0])
    const { id } = await flow.capture(messages.capture, service, instance)
    expect(flow.bridge.captureView(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'CAPTURE_WORKER', message: 'the worker died' },
    })
    expect(bodiesOf(flow)).toEqual(texts([messages.requests[0]]))
    expect(flow.journal.ofKind(EntryKind.captureSettled)).toHaveLength(1)
  })

  test('without clock snapshots, spans without a task are told why by the clock that the others gave', async () => {
    const older = recording('captures/go1.22/messages')
    const flow = new Flow()
    await flow.spans(...older.requests)
    const { id } = await flow.capture(older.capture)
    const view = flow.bridge.captureView(id)
    expect(view?.clock.method).toBe('id-pairs')
    expect(Object.keys(view?.spans.unmatched ?? {}).sort()).toEqual(['no-task', 'not-in-capture'])
    expect(view?.spans.joinRate).toBeGreaterThan(0.9)
  })

  test('one that fails for another reason is decoded once more, and set aside when it fails again', async () => {
    const again = new Flow()
    again.decoder.failures.push(new Error('a read failed'))
    const first = await again.capture(messages.capture)
    expect(again.bridge.captureView(first.id)).toMatchObject({ state: 'done' })

    const twice = new Flow()
    twice.decoder.failures.push(new Error('a read failed'), new Error('a read failed again'))
    const second = await twice.capture(messages.capture)
    expect(twice.bridge.captureView(second.id)).toMatchObject({
      state: 'failed',
      failure: { message: 'a read failed again' },
    })
  })

  test('bytes that are no capture are refused before anything is stored', async () => {
    const flow = new Flow()
    const html = new TextEncoder().encode('<html><body>Sign in</body></html>')
    await expect(flow.capture(html)).rejects.toMatchObject({ code: 'CAPTURE_NOT_GO' })
    await expect(flow.capture(new Uint8Array(0))).rejects.toMatchObject({ code: 'CAPTURE_EMPTY' })
    expect(flow.files.files.size).toBe(0)
    expect(flow.journal.entries).toEqual([])
  })

  test('their tasks can be joined for join.keep, and no longer', async () => {
    const flow = new Flow({ joinKeepMs: 10_000 })
    await flow.capture(messages.capture, service)
    await flow.clock.advance(9_000)
    await flow.spans(richest)
    await flow.clock.advance(2_000)
    await flow.spans(...messages.requests.filter((request) => request !== richest))
    const first = new Set(spansOfProtobuf(richest).map(idOf))
    expect(inPlace(flow).length).toBeGreaterThan(0)
    expect(inPlace(flow).every((span) => first.has(idOf(span)))).toBe(true)
    expectEachOnce(flow, messages)
  })

  test('spans that left longer ago than late.maxAge are not followed', async () => {
    const flow = new Flow({ lateMaxAgeMs: 10_000 })
    await flow.spans(richest)
    await flow.clock.advance(11_000)
    await flow.spans(...messages.requests.filter((request) => request !== richest))
    await flow.capture(messages.capture, service)
    const first = new Set(spansOfProtobuf(richest).map(idOf))
    expect(summaries(flow).length).toBeGreaterThan(0)
    expect(summaries(flow).some(({ traceId, parentSpanId }) => first.has(`${traceId} ${parentSpanId}`))).toBe(false)
  })

  test('late off: spans that have left are not followed', async () => {
    const flow = new Flow({ late: false })
    await flow.spans(...messages.requests)
    await flow.capture(messages.capture, service)
    expect(flow.sentChildren()).toEqual([])
  })

  test('children never stand in the journal before their parent', async () => {
    const flow = new Flow()
    let open = (): void => undefined
    // The spans are on their way to the disk while the capture is decoded.
    flow.journal.gate = new Promise((resolve) => (open = resolve))
    const accepted = Promise.all(messages.requests.map((request) => flow.bridge.acceptSpans(request)))
    flow.journal.gate = null
    await flow.capture(messages.capture, service)
    open()
    await accepted
    await settle()
    expect(summaries(flow)).toHaveLength(messages.matches.size)
    expectChildrenOf(flow)
    expectEachOnce(flow, messages)
  })
})

describe('after a restart', () => {
  /** A run with spans that pass, wait, are followed and leave now. */
  async function run(): Promise<Flow> {
    const flow = new Flow()
    const { requests } = messages
    await flow.spans(requests[0])
    flow.bridge.announce({ service, instance }, 3)
    await flow.spans(requests[1], joined(requests[2], stranger))
    await flow.clock.advance(1_000)
    await flow.capture(messages.capture, service, instance)
    await flow.spans(...requests.slice(3))
    return flow
  }

  test('at every point, all that is in the journal leaves, each span with one content, and followed once', async () => {
    const whole = await run()
    expectEachOnce(whole, {
      ...messages,
      spanIds: [...messages.spanIds, '0123456789abcdef0123456789abcdef 0123456789abcdef'],
    })
    const before = whole.journal.groups.map((group) => group[group.length - 1])
    for (const length of [0, ...before]) {
      const flow = new Flow({}, { clock: whole.clock, journal: whole.journal.cutAt(length), files: whole.files })
      const acknowledged = spansIn(flow)
      await flow.bridge.recover()
      await flow.clock.advance(9_000)
      // Every span that had been acknowledged has left.
      expect(new Set(flow.sentOriginals().map(idOf)), `cut after ${length}`).toEqual(acknowledged)
      expectOneContentEach(flow.sent())
      expectFollowedOnce(flow)
      expectChildrenOf(flow)
      expect(flow.defects()).toEqual([])
    }
  })

  test('again and again: what was in the journal twice over still leaves with one content', async () => {
    const whole = await run()
    let flow = new Flow({}, { clock: whole.clock, journal: whole.journal.cutAt(5), files: whole.files })
    await flow.bridge.recover()
    for (let round = 0; round < 3; round++) {
      flow = new Flow(
        {},
        { clock: flow.clock, journal: flow.journal.cutAt(flow.journal.entries.length - round), files: flow.files },
      )
      await flow.bridge.recover()
      await flow.clock.advance(3_000)
      expectOneContentEach(flow.sent())
      expectFollowedOnce(flow)
    }
  })

  test('spans that waited leave at their deadline, counted from their acceptance', async () => {
    const first = new Flow()
    first.bridge.announce({ service, instance }, 30)
    await first.spans(messages.requests[0])
    await first.clock.advance(5_000)
    const flow = new Flow({}, { clock: first.clock, journal: first.journal.cutAt(1), files: first.files })
    await flow.bridge.recover()
    await flow.clock.advance(2_999)
    expect(flow.journal.sent()).toEqual([])
    await flow.clock.advance(1)
    expect(bodiesOf(flow)).toEqual(texts([messages.requests[0]]))
  })

  test('a capture that was done with can still be joined with spans that come now', async () => {
    const first = new Flow()
    await first.capture(messages.capture, service)
    const flow = new Flow({}, { clock: first.clock, journal: first.journal.cutAt(9), files: first.files })
    await flow.bridge.recover()
    await settle()
    await flow.spans(...messages.requests)
    expect(new Set(inPlace(flow).map(idOf))).toEqual(new Set(messages.matches.keys()))
  })

  test('a capture that was set aside is still shown with its reason, and not decoded again', async () => {
    const first = new Flow()
    first.decoder.failures.push(new Failure('CAPTURE_WORKER', 'the worker died'))
    const { id } = await first.capture(messages.capture, service)
    const flow = new Flow({}, { clock: first.clock, journal: first.journal.cutAt(9), files: first.files })
    await flow.bridge.recover()
    await settle()
    expect(flow.bridge.captureView(id)).toMatchObject({ state: 'failed', failure: { message: 'the worker died' } })
    expect(flow.sentChildren()).toEqual([])
  })

  test('a capture whose decoding the program did not survive three times is set aside; one that was stopped in time is not', async () => {
    const restarted = (before: Flow): Flow => {
      const journal = before.journal.cutAt(before.journal.entries.length)
      const flow = new Flow({}, { clock: before.clock, journal, files: before.files })
      flow.decoder.stepping = true
      return flow
    }
    let flow = new Flow()
    flow.decoder.stepping = true
    const { id } = await flow.capture(messages.capture, service)
    for (let stopped = 0; stopped < 4; stopped++) {
      await flow.bridge.stop(1_000)
      flow = restarted(flow)
      await flow.bridge.recover()
      await settle()
    }
    for (let death = 1; death < 3; death++) {
      expect(flow.bridge.captureView(id)).toMatchObject({ state: 'decoding' })
      flow = restarted(flow)
      await flow.bridge.recover()
      await settle()
    }
    expect(flow.bridge.captureView(id)).toMatchObject({ state: 'decoding' })
    flow = restarted(flow)
    await flow.bridge.recover()
    await settle()
    expect(flow.bridge.captureView(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'CAPTURE_WORKER', message: expect.stringMatching(/ended the whole program 3 times/) as string },
    })
  })

  test('a request sent again after the restart is known', async () => {
    const first = await run()
    const flow = new Flow(
      {},
      { clock: first.clock, journal: first.journal.cutAt(first.journal.entries.length), files: first.files },
    )
    await flow.bridge.recover()
    await settle()
    const { requests } = messages
    await flow.spans(requests[0], requests[1], joined(requests[2], stranger), ...requests.slice(3))
    expect(flow.counters.of('subspan_requests_repeated_total')).toBe(requests.length)
    expectOneContentEach(flow.sent())
    expectFollowedOnce(flow)
  })

  /** Spans in entries that were acknowledged. */
  function spansIn(flow: Flow): Set<string> {
    const ids = new Set<string>()
    for (const { kind, body, meta } of flow.journal.entries) {
      if ((kind !== EntryKind.outgoing && kind !== EntryKind.held) || meta.way === 'late') continue
      for (const span of spansOfProtobuf(body)) if (span.scope.name !== 'subspan') ids.add(idOf(span))
    }
    return ids
  }
})

// ---------------------------------------------------------------------------------------------------- what must hold

/** Every span of the recording left once, and its own fields are as they came. */
function expectEachOnce(flow: Flow, { requests, spanIds }: Recording): void {
  expect(flow.sentOriginals().map(idOf).sort()).toEqual([...spanIds].sort())
  const came = new Map(requests.flatMap((request) => spansOfProtobuf(request)).map((span) => [idOf(span), span]))
  for (const span of flow.sentOriginals()) {
    const before = came.get(idOf(span))
    if (before !== undefined) expect(withoutOurs(span)).toEqual(before)
  }
}

/** Parts sum to the duration, to the nanosecond. */
function expectTrueBreakdowns(spans: readonly PlainSpan[]): void {
  expect(spans.length).toBeGreaterThan(0)
  for (const span of spans) {
    expect(sumOfParts(span)).toBe(durationNs(span))
    expect(textAttribute(span, 'subspan.capture')).toMatch(/^[0-9a-f]{32}$/)
  }
}

/** Children stand under a span that was sent before them or with them, within its time, with its resource. */
function expectChildrenOf(flow: Flow): void {
  const known = new Map<string, PlainSpan>()
  for (const { body } of flow.journal.sent()) {
    const spans = spansOfProtobuf(body)
    for (const span of spans) known.set(idOf(span), span)
    for (const child of spans.filter(({ scope }) => scope.name === 'subspan')) {
      const parent = known.get(`${child.traceId} ${child.parentSpanId}`)
      expect(parent).toBeDefined()
      if (parent === undefined) continue
      expect(child.resource).toEqual(parent.resource)
      expect(BigInt(child.startUnixNs)).toBeGreaterThanOrEqual(BigInt(parent.startUnixNs))
      expect(BigInt(child.endUnixNs)).toBeLessThanOrEqual(BigInt(parent.endUnixNs))
    }
  }
}

/** No span id goes out twice with different content. */
function expectOneContentEach(spans: readonly PlainSpan[]): void {
  const contents = new Map<string, PlainSpan>()
  for (const span of spans) {
    const before = contents.get(idOf(span))
    if (before !== undefined) expect(span).toEqual(before)
    contents.set(idOf(span), span)
  }
}

/** No span is enriched in place and followed, or followed twice by different children. */
function expectFollowedOnce(flow: Flow): void {
  const followed = summaries(flow).map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`)
  expect(new Set(followed).size).toBe(followed.length)
  const enriched = new Set(inPlace(flow).map(idOf))
  expect(followed.filter((id) => enriched.has(id))).toEqual([])
}

function matchedIn(request: Uint8Array): number {
  return spansOfProtobuf(request).filter((span) => messages.matches.has(idOf(span))).length
}

/** Bodies as text: vitest compares texts a hundred times faster than arrays. */
function texts(bodies: readonly Uint8Array[]): string[] {
  return bodies.map((body) => Buffer.from(body).toString('latin1'))
}

function bodiesOf(flow: Flow): string[] {
  return texts(flow.journal.sent().map(({ body }) => body))
}

function inPlace(flow: Flow): PlainSpan[] {
  return flow.sentOriginals().filter((span) => textAttribute(span, 'subspan.capture') !== null)
}

function summaries(flow: Flow): PlainSpan[] {
  return flow.sentChildren().filter((span) => textAttribute(span, 'subspan.kind') === 'summary')
}

function nameOf({ requests }: Recording): { service: string; instance: string } {
  const { attributes } = spansOfProtobuf(requests[0])[0].resource
  const of = (key: string): string => attributes.find((attribute) => attribute.key === key)?.value.string ?? ''
  return { service: of('service.name'), instance: of('service.instance.id') }
}

function processKey(recorded: Recording): string {
  const named = nameOf(recorded)
  return named.instance === '' ? named.service : `${named.service}/${named.instance}`
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([first, second]))
}
