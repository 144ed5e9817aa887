// orders.test.ts: recorded spans and captures through the built program and real connections, in the three orders.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { durationNs, idOf, recording, type Recording, sumOfParts, textAttribute, withoutOurs } from '../support/flow.ts'
import { type PlainSpan, spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder } from '../support/subspan-process.ts'
import { readFileSync } from 'node:fs'
import { fixturePath } from '../support/fixtures.ts'

const NAMES = [
  'captures/go1.22/messages',
  'captures/go1.22/messages-log-otel',
  'captures/go1.24/messages-log-traceparent',
  'captures/go1.25/messages-name-w3c',
  'captures/go1.26/messages-p8',
  'captures/go1.27/messages',
]

let sink: Sink
let subspan: SubspanProcess
let folder: ReturnType<typeof temporaryFolder>

// Recordings made with one seed share some ids, so that each has a Subspan of its own.
beforeEach(async () => {
  folder = temporaryFolder()
  sink = await Sink.open()
  subspan = await SubspanProcess.start(folder.path, sink.endpoint)
})
afterEach(async () => {
  subspan.kill('SIGTERM')
  const { code, stderr } = await subspan.ended
  await sink.close()
  folder.remove()
  expect(code, stderr).toBe(0)
})

/** The lines of a recording as they were recorded. */
function jsonOf(name: string): string[] {
  return readFileSync(`${fixturePath(name)}.spans.otlp.jsonl`, 'utf8')
    .trim()
    .split('\n')
}

describe.each([...NAMES.entries()])('%i: %s', (at, name) => {
  const recorded = { ...recording(name), json: jsonOf(name) }
  const order = (['spans first', 'capture first', 'interleaved'] as const)[at % 3]

  test(order, async () => {
    const { service, instance } = nameOf(recorded)
    const { requests, json, matches } = recorded
    const middle = requests.length >> 1
    // Every other request as JSON, some of them packed.
    const send = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) {
        expect(await subspan.sendSpans(i % 2 === 0 ? requests[i] : json[i], i % 3 === 0)).toBe(200)
      }
    }
    const capture = async (): Promise<void> => {
      const id = await subspan.sendCapture(recorded.capture, service, instance)
      expect(await subspan.captureEnded(id)).toMatchObject({ state: 'done' })
    }
    if (order === 'spans first') await send(0, requests.length)
    if (order === 'interleaved') await send(0, middle)
    await capture()
    if (order === 'capture first') await send(0, requests.length)
    if (order === 'interleaved') await send(middle, requests.length)

    const sent = (): PlainSpan[] => sink.bodies.flatMap(spansOfProtobuf)
    const originals = (): PlainSpan[] => sent().filter(({ scope }) => scope.name !== 'subspan')
    const enriched = (): PlainSpan[] => sent().filter((span) => textAttribute(span, 'subspan.capture') !== null)
    await sink.until(() => originals().length >= recorded.spanIds.length && enriched().length >= matches.size)

    // Every span once, its own fields as they came.
    const came = new Map(requests.flatMap((request) => spansOfProtobuf(request)).map((span) => [idOf(span), span]))
    expect(originals().map(idOf).sort()).toEqual([...recorded.spanIds].sort())
    for (const span of originals()) expect(withoutOurs(span)).toEqual(came.get(idOf(span)))
    // Those that came as protobuf: the very bytes.
    const bodies = Buffer.concat(sink.bodies)
    for (let i = 0; i < requests.length; i += 2) {
      const table = scanTraceRequest(requests[i])
      for (let row = 0; row < table.length; row++) {
        expect(bodies.includes(Buffer.from(requests[i].subarray(table.spanFrom[row], table.spanTo[row])))).toBe(true)
      }
    }
    // Those that have a task, and no others, got their breakdown, once; its parts sum to the duration to the nanosecond.
    const whose = enriched().map((span) =>
      span.scope.name === 'subspan' ? `${span.traceId} ${span.parentSpanId}` : idOf(span),
    )
    expect(whose.sort()).toEqual([...matches.keys()].sort())
    for (const span of enriched()) expect(sumOfParts(span)).toBe(durationNs(span))
    // In place where the capture was there first, by a child where it came after.
    const inPlace = enriched().filter(({ scope }) => scope.name !== 'subspan').length
    if (order === 'spans first') expect(inPlace).toBe(0)
    if (order === 'capture first') expect(inPlace).toBe(matches.size)

    const metrics = await (await fetch(`${subspan.apiUrl}/metrics`)).text()
    expect(metrics).toMatch(new RegExp(`^subspan_spans_accepted_total ${recorded.spanIds.length}$`, 'm'))
    expect(metrics).toMatch(/^subspan_captures_total\{state="done"\} 1$/m)
    expect((await fetch(`${subspan.apiUrl}/readyz`)).status).toBe(200)
  })
})

function nameOf({ requests }: Recording): { service: string; instance: string } {
  const { attributes } = spansOfProtobuf(requests[0])[0].resource
  const of = (key: string): string => attributes.find((attribute) => attribute.key === key)?.value.string ?? ''
  return { service: of('service.name'), instance: of('service.instance.id') }
}
