// as-offline.test.ts: the same recording through the running flow, in several orders and pieces, and through `subspan join`: no span gets
// another task, and where the flow knows as much, the pairs are the same.

import { describe, expect, test } from 'vitest'
import { joinSpanOf } from '../../src/bridge/release.ts'
import { joinTasks } from '../../src/join/join.ts'
import { selectSpans } from '../../src/span/otlp/rewrite.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { traceIdHex } from '../../src/span/otlp/rows.ts'
import { analyse, type Analysed, corpusFixtures } from '../support/fixtures.ts'
import { corpusRecording, decidedSpans, Flow, idOf, recording } from '../support/flow.ts'
import { random } from '../support/generated-process.ts'

const NAMES = [
  'joins/go1.22-otel',
  'joins/go1.22-opencensus',
  'joins/go1.26-otel',
  'joins/go1.26-opencensus-saturated',
  'joins/go1.26-otel-renamed',
  'joins/go1.23-opencensus-library',
  'joins/go1.26-otel-library',
  'joins/go1.27-otel-renamed-library',
  'captures/go1.26/messages',
  'captures/go1.24/messages-log-traceparent',
]

/** Those of the corpus beside the project that are whole, by kind of evidence; none where there is no corpus. */
const CORPUS = corpusFixtures().filter(({ name }) =>
  /^corpus\/((otel|opencensus)-(stock|helper|renamed).*|ids-in-log-.*|datadog-style.*)-go1\.(11|21|24|26)$/.test(name),
)
const RECORDINGS = [
  ...NAMES.map((name) => [name, () => recording(name)] as const),
  ...CORPUS.map((fixture) => [fixture.name, () => corpusRecording(fixture)] as const),
]

/**
 * Shares of the traces and spans of a request. All traces come in small requests, half of them in large ones: what either tells the other
 * tells too, at a third of the time.
 */
const LOADS = [
  { share: 1, spansEach: 7 },
  { share: 0.5, spansEach: 10_000 },
  { share: 0.05, spansEach: 10_000 },
  { share: 0.05, spansEach: 7 },
  { share: 0.01, spansEach: 10_000 },
  { share: 0.01, spansEach: 7 },
]

/** Of the pairs that are found offline so many may be missing where each request is decided by what is known when it comes: two, or this share. */
const MISSING_ONE_BY_ONE = 0.005

/** The requests with only some of their traces, each cut into pieces of so many spans. */
function pieces(requests: readonly Uint8Array[], share: number, spansEach: number, seed: number): Uint8Array[] {
  const next = random(seed)
  const kept = new Map<string, boolean>()
  return requests.flatMap((request) => {
    const table = scanTraceRequest(request)
    const rows: number[] = []
    for (let row = 0; row < table.length; row++) {
      const trace = traceIdHex(table, row)
      if (!kept.has(trace)) kept.set(trace, next() < share)
      if (kept.get(trace) === true) rows.push(row)
    }
    const cut: Uint8Array[] = []
    for (let at = 0; at < rows.length; at += spansEach) {
      const chosen = new Uint8Array(table.length)
      for (const row of rows.slice(at, at + spansEach)) chosen[row] = 1
      cut.push(selectSpans(table, chosen))
    }
    return cut
  })
}

/** What `subspan join` says of all the spans and the whole capture. */
function offline(requests: readonly Uint8Array[], { tasks, info }: Analysed): Map<string, string> {
  const spans = requests.flatMap((request) => {
    const table = scanTraceRequest(request)
    return Array.from({ length: table.length }, (_, row) => joinSpanOf(table, row))
  })
  const { matches } = joinTasks(spans, { tasks, clockSnapshots: info.clockSnapshots, durationNs: info.durationNs })
  return new Map(matches.map(({ span, task }) => [idOf(spans[span]), String(tasks[task].id)]))
}

/** Every span that was decided on, with its task, by the journal. */
function decided(flow: Flow): Map<string, string> {
  const found = new Map<string, string>()
  for (const { id, taskId } of decidedSpans(flow)) {
    expect(found.get(id) ?? taskId).toBe(taskId)
    found.set(id, taskId)
  }
  return found
}

async function restarted({ clock, journal, files }: Flow): Promise<Flow> {
  const after = new Flow({}, { clock, journal, files })
  await after.bridge.recover()
  await after.clock.advance(1_000)
  return after
}

type Order = (spans: readonly Uint8Array[], capture: Uint8Array) => Promise<Flow>

/** All that is joined is decided together: as offline, exactly. */
const TOGETHER: Readonly<Record<string, Order>> = {
  'spans before the capture': async (spans, capture) => {
    const flow = new Flow()
    await flow.spans(...spans)
    await flow.capture(capture)
    return flow
  },
  'a restart between the spans and the capture': async (spans, capture) => {
    const flow = new Flow()
    await flow.spans(...spans)
    const after = await restarted(flow)
    await after.capture(capture)
    return after
  },
  'spans before, and the same capture twice': async (spans, capture) => {
    const flow = new Flow()
    await flow.spans(...spans)
    await flow.capture(capture)
    await flow.clock.advance(1_000)
    await flow.capture(capture)
    return flow
  },
}

/** Each request is decided by what is known when it comes. */
const ONE_BY_ONE: Readonly<Record<string, Order>> = {
  'spans after the capture': async (spans, capture) => {
    const flow = new Flow()
    await flow.capture(capture)
    await flow.spans(...spans)
    return flow
  },
  'half of the spans before, half after': async (spans, capture) => {
    const flow = new Flow()
    await flow.spans(...spans.filter((_, i) => i % 2 === 0))
    await flow.capture(capture)
    await flow.clock.advance(1_000)
    await flow.spans(...spans.filter((_, i) => i % 2 === 1))
    return flow
  },
  'spans after the capture and a restart': async (spans, capture) => {
    const flow = new Flow()
    await flow.capture(capture)
    await flow.spans(...spans.slice(0, spans.length / 2))
    await flow.clock.advance(1_000)
    const after = await restarted(flow)
    await after.spans(...spans.slice(spans.length / 2))
    return after
  },
}

describe.each(RECORDINGS)('%s', (_, read) => {
  const { capture, requests, matches } = read()

  const analysed = analyse(capture)

  describe.each(LOADS)('$share of the traces, in requests of up to $spansEach spans', ({ share, spansEach }) => {
    const spans = pieces(requests, share, spansEach, 5)
    const expected = offline(spans, analysed)

    test.each(Object.keys(TOGETHER))('%s', async (order) => {
      const flow = await TOGETHER[order](spans, capture)
      await flow.clock.advance(10_000)
      expect(decided(flow)).toEqual(expected)
    })

    test.each(Object.keys(ONE_BY_ONE))('%s', async (order) => {
      const flow = await ONE_BY_ONE[order](spans, capture)
      await flow.clock.advance(10_000)
      const found = decided(flow)
      const others = [...found].filter(([id, task]) => (expected.get(id) ?? task) !== task)
      const wrong = [...found].filter(([id, task]) => (matches.get(id) ?? task) !== task)
      const missing = [...expected.keys()].filter((id) => !found.has(id))
      expect(others).toEqual([])
      expect(wrong).toEqual([])
      expect(missing.length).toBeLessThanOrEqual(Math.max(2, MISSING_ONE_BY_ONE * expected.size))
    })
  })
})
