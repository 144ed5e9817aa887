// overlap.test.ts: two captures of one process that share half of their time, as two dumps of a flight recorder do: the pairs are those of
// `subspan join`, one capture enriches each span, and what the other says of it adds up.

import { describe, expect, test } from 'vitest'
import { joinSpanOf } from '../../src/bridge/release.ts'
import { joinTasks } from '../../src/join/join.ts'
import { selectSpans } from '../../src/span/otlp/rewrite.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { analyse } from '../support/fixtures.ts'
import { decidedSpans, Flow, idOf, recording } from '../support/flow.ts'
import { withGenerations } from '../support/generations.ts'

const { capture: whole, requests, matches } = recording('joins/go1.26-otel-long')
const FIRST = withGenerations(whole, 0, 2)
const SECOND = withGenerations(whole, 1, 3)
const WITHIN = withGenerations(whole, 1, 1)

/** Requests of seven spans each. */
const spans = requests.flatMap((request) => {
  const table = scanTraceRequest(request)
  return Array.from({ length: Math.ceil(table.length / 7) }, (_, piece) => {
    const chosen = new Uint8Array(table.length)
    chosen.fill(1, piece * 7, piece * 7 + 7)
    return selectSpans(table, chosen)
  })
})

/** What `subspan join` says of all spans and one capture. */
function offline(capture: Uint8Array): Map<string, string> {
  const rows = requests.flatMap((request) => {
    const table = scanTraceRequest(request)
    return Array.from({ length: table.length }, (_, row) => joinSpanOf(table, row))
  })
  const { tasks, info } = analyse(capture)
  const found = joinTasks(rows, { tasks, clockSnapshots: info.clockSnapshots, durationNs: info.durationNs })
  return new Map(found.matches.map(({ span, task }) => [idOf(rows[span]), String(tasks[task].id)]))
}

async function restarted({ clock, journal, files }: Flow): Promise<Flow> {
  const after = new Flow({}, { clock, journal, files })
  await after.bridge.recover()
  await after.clock.advance(1_000)
  return after
}

const ORDERS: Readonly<Record<string, (one: Uint8Array, other: Uint8Array) => Promise<Flow>>> = {
  'spans, then both captures': async (one, other) => {
    const flow = new Flow()
    await flow.spans(...spans)
    await flow.capture(one)
    await flow.capture(other)
    return flow
  },
  'both captures, then spans': async (one, other) => {
    const flow = new Flow()
    await flow.capture(one)
    await flow.capture(other)
    await flow.spans(...spans)
    return flow
  },
  'spans between the captures': async (one, other) => {
    const flow = new Flow()
    await flow.capture(one)
    await flow.spans(...spans)
    await flow.capture(other)
    return flow
  },
  'a restart between the captures': async (one, other) => {
    const flow = new Flow()
    await flow.spans(...spans)
    await flow.capture(one)
    const after = await restarted(flow)
    await after.capture(other)
    return after
  },
  'spans that wait for both': async (one, other) => {
    const flow = new Flow()
    flow.bridge.announce({ service: 'shop', instance: '' }, 5)
    await flow.spans(...spans)
    flow.decoder.stepping = true
    await flow.capture(one, 'shop')
    await flow.capture(other, 'shop')
    await flow.decoder.finish()
    return flow
  },
}

describe.each([
  ['the earlier first', FIRST, SECOND],
  ['the later first', SECOND, FIRST],
])('%s', (_, one, other) => {
  const expected = new Map([...offline(other), ...offline(one)])

  test.each(Object.keys(ORDERS))('%s', async (order) => {
    const flow = await ORDERS[order](one, other)
    await flow.clock.advance(10_000)

    const found = decidedSpans(flow)
    expect(new Map(found.map(({ id, taskId }) => [id, taskId]))).toEqual(expected)
    expect(found).toHaveLength(expected.size)
    expect(found.filter(({ id, taskId }) => (matches.get(id) ?? taskId) !== taskId)).toEqual([])

    // Newest first.
    const [later, earlier] = flow.bridge.captureViews()
    const joined = (view: typeof later) => Object.values(view.spans.joined).reduce((sum, one) => sum + one, 0)
    expect(joined(earlier) + joined(later)).toBe(expected.size)
    expect(joined(later) + later.spans.elsewhere).toBe(offline(other).size)
    expect([earlier.advice, later.advice]).toEqual([null, null])
  })
})

test('a capture within another one says that nothing is missing', async () => {
  const flow = await ORDERS['spans, then both captures'](FIRST, WITHIN)
  await flow.clock.advance(10_000)
  const [within] = flow.bridge.captureViews()
  expect(within.spans).toMatchObject({ joined: {}, elsewhere: offline(WITHIN).size })
  expect(within.advice).toMatch(/^\d+ spans have a task in it and were enriched by a capture that overlaps this one/)
})
