// name-time.test.ts: stock spans and captures in the flow: whatever comes first, what is decided is what `subspan join` says of all
// together, and true.

import { describe, expect, test } from 'vitest'
import { joinSpanOf } from '../../src/bridge/release.ts'
import { HEADER_BYTES } from '../../src/capture/header.ts'
import { joinTasks } from '../../src/join/join.ts'
import { selectSpans } from '../../src/span/otlp/rewrite.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { spansOf } from '../join/spans-of.ts'
import { settle } from '../support/fake-clock.ts'
import { analyse, fixturePath } from '../support/fixtures.ts'
import { decidedSpans, Flow, idOf, recording, textAttribute } from '../support/flow.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { joinBatches, splitBatches } from '../support/v2-wire.ts'

const NAMES = ['go1.22-otel', 'go1.22-opencensus', 'go1.26-otel', 'go1.26-opencensus', 'go1.26-otel-saturated']

/** Every span that was decided on, with its task, by the journal. */
function decided(flow: Flow): Map<string, string> {
  const found = new Map<string, string>()
  for (const { id, taskId } of decidedSpans(flow)) {
    expect(found.get(id) ?? taskId).toBe(taskId)
    found.set(id, taskId)
  }
  return found
}

/** What `subspan join` says of all spans and a whole capture. */
function offline(name: string, capture = recording(`joins/${name}`).capture): Map<string, string> {
  const spans = spansOf(fixturePath('joins', `${name}.spans.otlp.jsonl`))
  const { tasks, info } = analyse(capture)
  const { matches } = joinTasks(spans, { tasks, clockSnapshots: info.clockSnapshots, durationNs: info.durationNs })
  return new Map(matches.map(({ span, task }) => [idOf(spans[span]), String(tasks[task].id)]))
}

/** Pairs that are not those of the recording program. */
function wrong(found: ReadonlyMap<string, string>, name: string): string[] {
  const { matches } = recording(`joins/${name}`)
  return [...found].filter(([id, taskId]) => (matches.get(id) ?? taskId) !== taskId).map(([id]) => id)
}

describe.each(NAMES)('%s', (name) => {
  const { capture, requests, matches } = recording(`joins/${name}`)

  test.each([
    ['named', 'shop', 'shop-0'],
    ['unnamed', '', ''],
  ])('spans that had left before their %s capture came', async (_, service, instance) => {
    const flow = new Flow()
    await flow.spans(...requests)
    await flow.capture(capture, service, instance)
    await flow.clock.advance(1_000)
    expect(flow.defects()).toEqual([])
    expect(decided(flow)).toEqual(offline(name))
    expect(flow.sentChildren().filter((span) => textAttribute(span, 'subspan.kind') === 'summary').length).toBe(
      offline(name).size,
    )
  })

  test('spans that wait for an announced capture', async () => {
    const flow = new Flow()
    flow.bridge.announce({ service: 'shop', instance: 'shop-0' }, 2)
    await flow.spans(...requests)
    expect(flow.sent()).toEqual([])
    flow.decoder.stepping = true
    await flow.capture(capture, 'shop', 'shop-0')
    await flow.decoder.finish()
    await flow.clock.advance(10_000)
    expect(flow.defects()).toEqual([])
    const found = decided(flow)
    expect(wrong(found, name)).toEqual([])
    expect([...matches.keys()].filter((id) => !found.has(id)).length).toBeLessThanOrEqual(0.01 * matches.size)
    // Those whose generation was not decoded when their time was up get their breakdown as children; each span has one.
    const [view] = flow.bridge.captureViews()
    expect(view.spans.joined['name-time']).toBe(found.size)
    expect(view.tasks.joined).toBe(found.size)
  })

  test('spans that come after their capture', async () => {
    const flow = new Flow()
    await flow.capture(capture, 'shop', 'shop-0')
    await flow.spans(...requests)
    await flow.clock.advance(1_000)
    expect(flow.defects()).toEqual([])
    const found = decided(flow)
    expect(wrong(found, name)).toEqual([])
    expect([...matches.keys()].filter((id) => !found.has(id)).length).toBeLessThanOrEqual(0.01 * matches.size)
  })

  test('spans that come while it is being recorded', async () => {
    const flow = new Flow()
    const fed = await flow.record('shop', 'shop-0')
    for (let i = 0; i < requests.length; i++) {
      const at = (part: number): number => Math.round((capture.length * part) / requests.length)
      await fed.feed(capture.subarray(at(i), at(i + 1)))
      await flow.spans(requests[i])
    }
    await fed.finish()
    await flow.clock.advance(10_000)
    expect(flow.defects()).toEqual([])
    const found = decided(flow)
    expect(wrong(found, name)).toEqual([])
    expect([...matches.keys()].filter((id) => !found.has(id)).length).toBeLessThanOrEqual(0.01 * matches.size)
  })

  test('the same capture twice, and a restart in between: no span gets a second breakdown, no task a second span', async () => {
    const flow = new Flow()
    await flow.spans(...requests.slice(0, 3))
    await flow.capture(capture, 'shop', 'shop-0')
    await flow.clock.advance(1_000)
    await flow.capture(capture, 'shop', 'shop-0')
    await settle()
    const { clock, journal, files } = flow
    const after = new Flow({}, { clock, journal, files })
    await after.bridge.recover()
    await after.clock.advance(1_000)
    await after.spans(...requests.slice(3))
    await after.clock.advance(1_000)
    expect(after.defects()).toEqual([])
    const found = decided(after)
    expect(wrong(found, name)).toEqual([])
    expect(new Set(found.values()).size).toBe(found.size)
  })
})

describe.each([
  'joins/go1.22-otel',
  'joins/go1.22-opencensus',
  'joins/go1.26-otel',
  'captures/go1.24/messages-log-traceparent',
])('after a restart, %s', (name) => {
  const { capture, requests } = recording(name)
  const spans = requests.flatMap((request) => {
    const table = scanTraceRequest(request)
    return Array.from({ length: table.length }, (_, row) => {
      const chosen = new Uint8Array(table.length)
      chosen[row] = 1
      return { bytes: selectSpans(table, chosen), span: joinSpanOf(table, row) }
    })
  })
  const expected = ((): Map<string, string> => {
    const { tasks, info } = analyse(capture)
    const { clockSnapshots, durationNs } = info
    const { matches } = joinTasks(
      spans.map(({ span }) => span),
      { tasks, clockSnapshots, durationNs },
    )
    return new Map(matches.map(({ span, task }) => [idOf(spans[span].span), String(tasks[task].id)]))
  })()
  const last = spans.filter(({ span }) => expected.has(idOf(span))).slice(-3)
  const first = spans.filter((one) => !last.includes(one)).map(({ bytes }) => bytes)

  test.each(['spans before the capture', 'spans after the capture'])(
    'its clock and what was joined are known, and three spans more find their tasks; %s',
    async (order) => {
      const flow = new Flow()
      if (order === 'spans before the capture') await flow.spans(...first)
      await flow.capture(capture, ...(name.startsWith('joins/') ? ['shop', 'shop-0'] : []))
      if (order === 'spans after the capture') await flow.spans(...first)
      await flow.clock.advance(10_000)
      const [before] = flow.bridge.captureViews()
      const { clock, journal, files } = flow
      const after = new Flow({}, { clock, journal, files })
      await after.bridge.recover()
      await after.clock.advance(1_000)
      const [view] = after.bridge.captureViews()
      expect(view.clock.method).toBe(before.clock.method)
      const apartNs = Number(BigInt(view.clock.offsetNs ?? 0) - BigInt(before.clock.offsetNs ?? 0))
      expect(Math.abs(apartNs)).toBeLessThanOrEqual(before.clock.errorNs ?? 0)
      expect(view.clock.errorNs).toBeLessThanOrEqual(before.clock.errorNs ?? 0)
      expect(view.tasks).toEqual(before.tasks)
      expect(view.spans.joined).toEqual(before.spans.joined)
      expect(view.spans.left).toEqual(before.spans.left)
      expect(view.spans.unmatched).toEqual(before.spans.unmatched)
      expect(view.processes).toEqual(before.processes)
      await after.spans(...last.map(({ bytes }) => bytes))
      await after.clock.advance(10_000)
      expect(after.defects()).toEqual([])
      const found = decided(after)
      expect([...found].filter(([id, taskId]) => expected.get(id) !== taskId)).toEqual([])
      for (const { span } of last) expect(found.get(idOf(span))).toBe(expected.get(idOf(span)))
    },
  )
})

test('of few spans the last make the clocks clear: all get their tasks, though no more come', async () => {
  const { capture, requests, matches } = recording('joins/go1.22-otel')
  const { tasks, info } = analyse(capture)
  const { clockSnapshots, durationNs } = info
  const whole = requests.flatMap((request) => {
    const table = scanTraceRequest(request)
    return Array.from({ length: table.length }, (_, row) => ({ table, row, span: joinSpanOf(table, row) })).filter(
      ({ span }) => matches.has(idOf(span)),
    )
  })
  const joined = (count: number): number =>
    joinTasks(
      whole.slice(0, count).map(({ span }) => span),
      { tasks, clockSnapshots, durationNs },
    ).matches.length
  let enough = 5
  while (joined(enough) === 0 && enough < whole.length) enough++
  const single = whole.slice(0, enough).map(({ table, row }) => {
    const chosen = new Uint8Array(table.length)
    chosen[row] = 1
    return selectSpans(table, chosen)
  })
  // One span more than those that told nothing is too few for another look at once.
  expect(enough).toBeLessThan(1.25 * (enough - 1))
  const flow = new Flow()
  await flow.spans(...single.slice(0, -1))
  await flow.capture(capture, 'shop', 'shop-0')
  await flow.spans(...single.slice(-1))
  expect(decided(flow).size).toBe(0)
  await flow.clock.advance(10_000)
  expect(flow.defects()).toEqual([])
  expect(decided(flow).size).toBe(joined(enough))
})

describe('two captures that overlap', () => {
  const name = 'go1.26-otel-long'
  const { capture, requests, matches } = recording(`joins/${name}`)
  const batches = splitBatches(capture)
  const generations = [...new Set(batches.map(({ generation }) => generation))]
  const part = (from: number, to: number): Uint8Array =>
    joinBatches(
      capture.subarray(0, HEADER_BYTES),
      batches.filter(
        ({ generation }) => generations.indexOf(generation) >= from && generations.indexOf(generation) < to,
      ),
    )
  const first = part(0, 2)
  const second = part(1, generations.length)
  const ofFirst = offline(name, first)
  const ofSecond = offline(name, second)
  const together = new Map([...ofSecond, ...ofFirst])
  const middle = Math.floor(requests.length / 2)

  /** Each span has one task, the right one, and as many have as of both captures offline. */
  async function expectAsOffline(flow: Flow): Promise<void> {
    await flow.clock.advance(10_000)
    expect(flow.defects()).toEqual([])
    const found = decided(flow)
    expect(wrong(found, name)).toEqual([])
    const missing = [...together.keys()].filter((id) => !found.has(id))
    expect(missing.length).toBeLessThanOrEqual(0.01 * together.size)
    const summaries = flow.sentChildren().filter((span) => textAttribute(span, 'subspan.kind') === 'summary')
    expect(new Set(summaries.map(({ parentSpanId }) => parentSpanId)).size).toBe(summaries.length)
  }

  test('they are two, and share a part of the spans', () => {
    expect(generations.length).toBeGreaterThanOrEqual(3)
    const both = [...ofFirst.keys()].filter((id) => ofSecond.has(id))
    expect(both.length).toBeGreaterThan(20)
    expect(together.size).toBeGreaterThan(0.98 * matches.size)
  })

  test('the spans come before them', async () => {
    const flow = new Flow()
    await flow.spans(...requests)
    for (const bytes of [first, second]) await flow.capture(bytes, 'shop', 'shop-0')
    await expectAsOffline(flow)
  })

  test('the spans come between them, and after', async () => {
    const flow = new Flow()
    await flow.capture(first, 'shop', 'shop-0')
    await flow.spans(...requests.slice(0, middle))
    await flow.capture(second, 'shop', 'shop-0')
    await flow.spans(...requests.slice(middle))
    await expectAsOffline(flow)
  })

  test('the spans come after them, whichever came first', async () => {
    for (const captures of [
      [first, second],
      [second, first],
      [capture, second],
      [first, capture],
    ]) {
      const flow = new Flow()
      for (const bytes of captures) await flow.capture(bytes, 'shop', 'shop-0')
      await flow.spans(...requests)
      await expectAsOffline(flow)
    }
  })

  test('both are being decoded while the spans come', async () => {
    const flow = new Flow()
    flow.decoder.stepping = true
    for (const bytes of [first, second]) await flow.capture(bytes, 'shop', 'shop-0')
    for (const request of requests) {
      await flow.spans(request)
      await flow.decoder.step()
    }
    await flow.decoder.finish()
    await expectAsOffline(flow)
  })
})

test('spans of other processes that come between do not become the capture’s', async () => {
  const name = 'go1.26-otel'
  const others = recording('joins/go1.24-otel').requests
  const flow = new Flow()
  await flow.capture(recording(`joins/${name}`).capture)
  for (const request of [...others, ...recording(`joins/${name}`).requests]) await flow.spans(request)
  await flow.clock.advance(1_000)
  const found = decided(flow)
  const foreign = new Set(others.flatMap((request) => spansOfProtobuf(request).map(idOf)))
  expect([...found.keys()].filter((id) => foreign.has(id))).toEqual([])
  expect(wrong(found, name)).toEqual([])
})
