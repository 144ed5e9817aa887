// next-version.test.ts: what a further version of Go would take: rows of the table of events. Captures are rewritten as one would write them that has a
// new event and gives others more arguments, or another order of them, and are read with rows for it.

import { describe, expect, test } from 'vitest'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { Ev, type EventSpec, eventSpecs } from '../../src/capture/event-types.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { DecoderV2 } from '../../src/capture/v2/decoder.ts'
import { wireFormat, type WireFormat } from '../../src/capture/v2/wire-format.ts'
import { captureFixtures } from '../support/fixtures.ts'
import { lostOf, writingTo } from '../support/told-events.ts'
import {
  type Batch,
  concatBytes,
  HEADER_BYTES,
  joinBatches,
  joinEvents,
  NONE,
  splitBatches,
  splitEvents,
  type WireEvent,
} from '../support/v2-wire.ts'

const NEXT = 28
const NEWS = 53

/** Rows of that version. */
const specs: readonly EventSpec[] = [
  ...eventSpecs,
  { number: NEWS, name: 'News', args: ['dt', 'g', 'news_string', 'stack'], since: NEXT },
  // More arguments than the kernel has room for, in front of those it knows and behind them.
  { number: Ev.GoUnblock, name: 'GoUnblock', args: ['dt', 'one', 'g', 'g_seq', 'two', 'stack', 'three'], since: NEXT },
  // Another order.
  {
    number: Ev.UserTaskBegin,
    name: 'UserTaskBegin',
    args: ['dt', 'name_string', 'stack', 'task', 'parent_task'],
    since: NEXT,
  },
  // One that is written no more.
  { number: Ev.GoCreate, name: 'GoCreate', args: ['dt', 'new_g', 'stack'], since: NEXT },
]

/** An event as that version writes it. */
function asNext({ kind, args }: WireEvent): WireEvent[] {
  const [dt, a, b, c, d] = args
  switch (kind) {
    case Ev.GoUnblock:
      return [{ kind, args: [dt, 1n << 63n, a, b, 300n, c, 7n] }]
    case Ev.UserTaskBegin:
      return [{ kind, args: [dt, c, d, a, b] }]
    case Ev.GoCreate:
      return [{ kind, args: [dt, a, c] }]
    case Ev.GoBlock:
      return [
        { kind, args },
        { kind: NEWS, args: [0n, 5n, 1n, 0n] },
      ]
    default:
      return [{ kind, args }]
  }
}

/** The same, as Go 1.26 would tell it: without what is no more there. */
function asBefore({ kind, args }: WireEvent): WireEvent[] {
  return [{ kind, args: kind === Ev.GoCreate ? args.with(2, 0n) : args }]
}

/** Longest payload that is written; longer ones go on in a further batch, as the writer does. */
const MOST_BYTES = 30_000

function rewritten(capture: Uint8Array, rewrite: (event: WireEvent) => WireEvent[]): Uint8Array {
  const batches = splitBatches(capture).flatMap((batch) => {
    const events = batch.experiment < 0 ? splitEvents(batch.payload) : null
    return events === null ? [batch] : rewrittenBatch(batch, events.flatMap(rewrite))
  })
  return joinBatches(capture.subarray(0, HEADER_BYTES), batches)
}

function rewrittenBatch(batch: Batch, events: readonly WireEvent[]): Batch[] {
  const batches: Batch[] = []
  let part: WireEvent[] = []
  let bytes = 0
  let { time } = batch
  let from = time
  const close = (): void => {
    batches.push({ ...batch, time: from, payload: joinEvents(part), endsGeneration: false })
    part = []
    bytes = 0
    from = time
  }
  for (const event of events) {
    part.push(event)
    bytes += joinEvents([event]).length
    time += event.args[0]
    if (bytes > MOST_BYTES) close()
  }
  close()
  batches[batches.length - 1].endsGeneration = batch.endsGeneration
  return batches
}

/** What a decoder tells of a capture, apart from its events' number. */
function told(capture: Uint8Array, format: WireFormat) {
  const rows: string[] = []
  const problems = new ProblemList()
  const decoder = new DecoderV2(format, { goTimes: false }, problems, writingTo(rows), newCaptureMemory())
  decoder.push(capture.subarray(HEADER_BYTES))
  decoder.end()
  return {
    rows,
    lost: lostOf({ lost: decoder.lost.list }),
    problems: problems.list.map(({ code }) => code),
    events: decoder.events,
  }
}

describe('a further version of Go', () => {
  const captures = captureFixtures().filter(({ name }) =>
    /^go1\.2[67]\/(messages|corners|misuse-tolerated)$/.test(name),
  )

  test.each(captures)(
    'that has new events and gives others more arguments is read by its rows alone: $name',
    ({ bytes }) => {
      let news = 0
      const next = rewritten(bytes(), (event) => {
        const events = asNext(event)
        news += events.length - 1
        return events
      })
      const before = told(rewritten(bytes(), asBefore), wireFormat(26))
      const after = told(next, wireFormat(NEXT, specs))
      expect(news).toBeGreaterThan(10)
      expect(after.rows).toEqual(before.rows)
      expect(after).toEqual({ ...before, events: before.events + news })
    },
  )

  test.each(captures)('changes nothing for the captures of those before it: $name', ({ bytes }) => {
    expect(told(bytes(), wireFormat(26, specs))).toEqual(told(bytes(), wireFormat(26)))
  })

  test.each(captures)(
    'loses the rest of a batch that ends inside one of its events, and no more: $name',
    ({ bytes }) => {
      const capture = rewritten(bytes(), asNext)
      const format = wireFormat(NEXT, specs)
      const { rows } = told(capture, format)
      const batches = splitBatches(capture)
      const last = batches.findLastIndex(({ experiment, thread }) => experiment < 0 && thread !== NONE)
      const unblock = joinEvents(asNext({ kind: Ev.GoUnblock, args: [1n, 1n, 1n, 0n] }))
      for (let left = 1; left < unblock.length; left++) {
        const cut = batches.map((batch, i) => {
          const payload = concatBytes([batch.payload, unblock.subarray(0, left)])
          return i === last ? { ...batch, payload } : batch
        })
        const after = told(joinBatches(capture.subarray(0, HEADER_BYTES), cut), format)
        expect(after.problems.filter((code) => code === 'BATCH_DAMAGED')).toHaveLength(1)
        expect(after.rows).toEqual(rows)
      }
    },
  )

  test('that gives an event more arguments than there is room for is refused when it is put in the table, not when a capture is read', () => {
    const args = ['dt', 'a', 'b', 'c', 'd', 'e']
    expect(() => wireFormat(NEXT, [...eventSpecs, { number: NEWS, name: 'News', args, since: NEXT }])).toThrow(/News/)
  })
})
