// advice.test.ts: a capture that explains nothing says why, and what to do.

import { describe, expect, test } from 'vitest'
import { adviceOf } from '../../src/bridge/advice.ts'
import { KnownCapture } from '../../src/bridge/known-capture.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { Flow, recording } from '../support/flow.ts'
import { spansOfProtobuf } from '../support/otlp.ts'

const messages = recording()
const { attributes } = spansOfProtobuf(messages.requests[0])[0].resource
const service = attributes.find(({ key }) => key === 'service.name')?.value.string ?? ''
const instance = attributes.find(({ key }) => key === 'service.instance.id')?.value.string ?? ''

/** A span of a process, long before any capture here. */
function early(serviceName: string, instanceId: string): Uint8Array {
  const attribute = (key: string, stringValue: string): unknown => ({ key, value: { stringValue } })
  const resource = {
    attributes: [attribute('service.name', serviceName), attribute('service.instance.id', instanceId)],
  }
  const span = {
    traceId: '0123456789abcdef0123456789abcdef',
    spanId: Buffer.from(instanceId.padEnd(8, '-').slice(0, 8)).toString('hex'),
    name: 'long ago',
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000001000',
  }
  return traceRequestFromJson(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }))
}

async function adviceAfter(flow: Flow, asService: string, asInstance: string): Promise<string | null | undefined> {
  const { id } = await flow.capture(messages.capture, asService, asInstance)
  const view = flow.bridge.captureView(id)
  expect(view?.state).toBe('done')
  const told = flow.log.lines.filter(({ message }) => message === 'a capture explains no span so far')
  expect(told.map(({ fields }) => fields.advice)).toEqual(view?.advice === null ? [] : [view?.advice])
  return view?.advice
}

describe('a capture that explains no span', () => {
  test('under a name that no spans have: theirs are told', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    expect(await adviceAfter(flow, 'massages', '')).toMatch(
      `No spans of service "massages" have come here lately, but of service "${service}", instance "${instance}": upload it under`,
    )
  })

  test('under the instance of another replica: the instances are told, and those beyond three counted', async () => {
    const flow = new Flow()
    for (const replica of ['a', 'b', 'c', 'd', 'e']) await flow.spans(early('shop', replica))
    expect(await adviceAfter(flow, 'shop', 'f')).toMatch(
      'No spans of service "shop", instance "f" have come here lately, but of service "shop", instance "a"; service "shop", instance "b"; service "shop", instance "c" and 2 more:',
    )
  })

  test('when no spans come at all', async () => {
    expect(await adviceAfter(new Flow(), service, instance)).toMatch('No spans have come here lately')
  })

  test('when the spans of its process are of another time', async () => {
    const flow = new Flow()
    await flow.spans(early(service, instance))
    expect(await adviceAfter(flow, service, instance)).toMatch(
      `Spans of service "${service}", instance "${instance}" have come, none of them in its time`,
    )
  })

  test('as soon as one is explained there is none', async () => {
    const flow = new Flow()
    await flow.spans(...messages.requests)
    expect(await adviceAfter(flow, service, instance)).toBeNull()
  })

  test('while spans that left are not kept, none is given about spans', async () => {
    expect(await adviceAfter(new Flow({ late: false }), service, instance)).toBeNull()
  })

  test('without tasks: tracing was off, or the program idle', () => {
    const empty = new KnownCapture('c', { service, instance }, { by: 'upload', from: '', seconds: null }, 0, {})
    empty.end({
      header: 'go 1.26 trace',
      bytes: 100,
      events: 3,
      durationNs: 1_000,
      wallOffsetNs: null,
      clockSnapshots: [],
      problems: [],
      originNs: 0n,
      ticksPerSecond: 1e9,
    })
    expect(adviceOf(empty, [])).toMatch('The capture has no tasks')
  })

  test('when fits fail while nothing tells replicas apart: that a service.instance.id settles it is told', () => {
    const refused = 'the best offset between the clocks explains 88 of 296 spans.'
    const advice = (shared: boolean): string | null => {
      const process = { key: 'p', service: 'shop', instance: '', aliases: [], shared }
      const one = {
        state: 'done',
        tasksJoined: 0,
        name: { service: 'shop', instance: '' },
        unmatched: { 'no-task': 3 },
      }
      const nameTime = { eligible: 296, explained: 88, joined: 0, disbelieved: 0, refused }
      return adviceOf({ ...one, nameTime } as unknown as KnownCapture, [process])
    }
    expect(advice(false)).toBe(`Its tasks name no span that came, and by name and time ${refused}`)
    expect(advice(true)).toBe(
      `Its tasks name no span that came, and by name and time ${refused} The resource of these spans has nothing that tells replicas apart: give each process a service.instance.id (docs/joining.md).`,
    )
  })

  test.each([
    [
      'with spans in its time and no task of theirs',
      'no-task',
      '1,200 spans lie in its time and none of its tasks is theirs',
    ],
    ['whose clock nothing tells', 'no-clock', 'use Go 1.25 or newer'],
  ] as const)('%s', (_, reason, sentence) => {
    const strange = new KnownCapture(
      'c',
      { service: '', instance: '' },
      { by: 'upload', from: '', seconds: null },
      0,
      {},
    )
    strange.state = 'done'
    strange.miss(reason, 1_200)
    const process = { key: 'p', service: 'shop', instance: 'a', aliases: ['a'], shared: false }
    expect(adviceOf(strange, [process])).toMatch(sentence)
  })
})
