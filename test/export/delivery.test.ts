import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { EntryKind } from '../../src/bridge/ports.ts'
import { Delivery, type DeliverySetup, type OutgoingSource } from '../../src/export/delivery.ts'
import { destinationFromEnvironment } from '../../src/export/destination.ts'
import { readDestinationFiles } from '../../src/export/destination-files.ts'
import { openOtlpHttp } from '../../src/export/otlp-http.ts'
import type { SendResult } from '../../src/export/sender.ts'
import { joinRequests } from '../../src/span/otlp/rewrite.ts'
import { openStore } from '../../src/store/store.ts'
import { FakeClock, MemoryCounters, MemoryLog, settle } from '../support/fake-clock.ts'
import { Sink } from '../support/sink.ts'

interface Written {
  readonly body: Uint8Array
  readonly meta: Readonly<{ [key: string]: unknown }>
  readonly writtenMs: number
}

/** What a journal would give: entry 1 is the first. */
class MemorySource implements OutgoingSource {
  readonly entries: Written[] = []
  failures = 0
  private readonly waiting = new Set<() => void>()

  constructor(private readonly nowMs: () => number) {}

  /** One request for each word: four bytes of protobuf around it are not needed here, the words are sent as they are. */
  write(words: readonly string[], meta: Written['meta'] = {}): void {
    for (const word of words) {
      this.entries.push({ body: new TextEncoder().encode(`${word} `), meta, writtenMs: this.nowMs() })
    }
    for (const look of [...this.waiting]) look()
  }

  readOutgoing: OutgoingSource['readOutgoing'] = (after, maxBytes, accept) => {
    if (this.failures > 0) {
      this.failures--
      return Promise.reject(new Failure('STORE', 'too many open files'))
    }
    if (after >= this.entries.length) return Promise.resolve(null)
    const requests: Uint8Array[] = []
    let bytes = 0
    let through = after
    for (const entry of this.entries.slice(after)) {
      if (accept(entry)) {
        if (requests.length > 0 && bytes + entry.body.length > maxBytes) break
        requests.push(entry.body)
        bytes += entry.body.length
      }
      through++
    }
    return Promise.resolve({ requests, through, oldestMs: this.entries[after].writtenMs })
  }

  appended: OutgoingSource['appended'] = (after, signal) =>
    new Promise((resolve) => {
      const look = (): void => {
        if (this.entries.length <= after && !signal.aborted) return
        this.waiting.delete(look)
        resolve()
      }
      this.waiting.add(look)
      signal.addEventListener('abort', look)
      look()
    })

  close = (): Promise<void> => Promise.resolve()

  bytesAfter = (sequence: number): number =>
    this.entries.slice(sequence).reduce((sum, { body }) => sum + body.length, 0)
}

const delivered: SendResult = { kind: 'delivered', partial: null }
const again: SendResult = { kind: 'again', reason: 'HTTP 503', retryAfterMs: null }

/** A delivery whose destination answers as `answer` says. */
function deliveryTo(
  answer: (words: string, at: number, signal: AbortSignal) => SendResult | Promise<SendResult>,
  changes: Partial<DeliverySetup> = {},
) {
  const clock = new FakeClock()
  const counters = new MemoryCounters()
  const log = new MemoryLog()
  const source = new MemorySource(() => clock.nowMs())
  const sent: { readonly words: string; readonly atMs: number }[] = []
  const letters: { readonly words: string; readonly status: number | null; readonly reason: string }[] = []
  const cursor = { through: 0, advance: (through: number) => void (cursor.through = through) }
  const startMs = clock.nowMs()
  const delivery = new Delivery({
    destination: { name: 'backend', late: true, lateMaxAgeMs: 600_000 },
    source,
    sender: {
      send(request, signal) {
        const words = new TextDecoder().decode(joinRequests(request)).trim()
        sent.push({ words, atMs: clock.nowMs() - startMs })
        return Promise.resolve(answer(words, sent.length - 1, signal))
      },
      close: () => undefined,
    },
    deadLetters: {
      add({ status, reason, body }) {
        letters.push({ words: new TextDecoder().decode(body).trim(), status, reason })
        return Promise.resolve()
      },
    },
    clock,
    counters,
    log,
    random: () => 0.5,
    ...changes,
    cursor,
  })
  return { clock, counters, log, source, sent, letters, cursor, delivery, words: () => sent.map(({ words }) => words) }
}

describe('delivering', () => {
  test('what is in the journal goes out joined, what comes later goes out when it comes', async () => {
    const { delivery, source, words, cursor } = deliveryTo(() => delivered)
    source.write(['a', 'b', 'c'])
    delivery.start()
    await settle()
    expect(words()).toEqual(['a b c'])
    source.write(['d'])
    await settle()
    expect(words()).toEqual(['a b c', 'd'])
    expect(cursor.through).toBe(4)
    await delivery.stop(1_000)
  })

  test('requests are joined up to the size that a destination takes', async () => {
    const { delivery, source, words } = deliveryTo(() => delivered, { maxRequestBytes: 10 })
    source.write(['a', 'b', 'a-long-one-alone', 'c', 'd', 'e', 'f', 'g', 'h'])
    delivery.start()
    await settle()
    expect(words()).toEqual(['a b', 'a-long-one-alone', 'c d e f g', 'h'])
    await delivery.stop(1_000)
  })

  test('where little comes it goes at once; what comes right after a request goes out together when the time is up', async () => {
    const { clock, delivery, source, sent } = deliveryTo(() => delivered, { gatherMs: 5, maxRequestBytes: 10 })
    delivery.start()
    for (const [word, stepMs] of [
      ['a', 0],
      ['b', 2],
      ['c', 1],
      ['d', 2],
      ['e', 1],
      ['long', 0],
      ['longer', 100],
      ['f', 1],
    ] as const) {
      source.write([word])
      await settle()
      await clock.advance(stepMs)
    }
    expect(sent).toEqual([
      { words: 'a', atMs: 0 },
      { words: 'b c d', atMs: 5 },
      { words: 'e long', atMs: 10 },
      { words: 'longer', atMs: 15 },
      { words: 'f', atMs: 106 },
    ])
    await delivery.stop(1_000)
  })

  test('what is gathered is sent at a stop', async () => {
    const { delivery, source, words } = deliveryTo(() => delivered, { gatherMs: 60_000 })
    delivery.start()
    for (const word of ['a', 'b']) {
      source.write([word])
      await settle()
    }
    expect(words()).toEqual(['a'])
    await delivery.stop(1_000)
    expect(words()).toEqual(['a', 'b'])
  })

  test('what comes while a request is under way goes out in the next', async () => {
    let answer: (result: SendResult) => void = () => undefined
    const { delivery, source, words, cursor } = deliveryTo(() => new Promise((resolve) => (answer = resolve)))
    source.write(['a'])
    delivery.start()
    await settle()
    source.write(['b', 'c'])
    await settle()
    expect(words()).toEqual(['a'])
    expect(cursor.through).toBe(0)
    answer(delivered)
    await settle()
    expect(words()).toEqual(['a', 'b c'])
    expect(cursor.through).toBe(1)
    answer(delivered)
    await delivery.stop(1_000)
    expect(cursor.through).toBe(3)
  })

  test('children of spans that have left go only where they are wanted, and not too late', async () => {
    const answers = () => delivered
    const off = deliveryTo(answers, { destination: { name: 'x', late: false, lateMaxAgeMs: 600_000 } })
    const on = deliveryTo(answers, { destination: { name: 'x', late: true, lateMaxAgeMs: 600_000 } })
    for (const { source, clock, delivery } of [off, on]) {
      source.write(['a'])
      source.write(['young'], { way: 'late', leftMs: clock.nowMs() - 600_000 })
      source.write(['old'], { way: 'late', leftMs: clock.nowMs() - 600_001 })
      source.write(['b'], { way: 'now' })
      delivery.start()
      await settle()
      await delivery.stop(1_000)
    }
    expect(off.words()).toEqual(['a b'])
    expect(on.words()).toEqual(['a young b'])
    expect(off.cursor.through).toBe(4)
  })
})

describe('a destination that fails', () => {
  test('gets the same bytes again, later and later, until it takes them', async () => {
    const { clock, delivery, source, sent, log, cursor, counters } = deliveryTo((_, at) => (at < 8 ? again : delivered))
    source.write(['a'])
    delivery.start()
    for (let second = 0; second < 100; second++) await clock.advance(1_000)
    expect(sent.map(({ words }) => words)).toEqual(Array(9).fill('a'))
    const waits = sent.slice(1).map(({ atMs }, at) => atMs - sent[at].atMs)
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    expect(cursor.through).toBe(1)
    expect(log.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'warn: a destination does not take spans now: they stay in the journal and are sent again',
      'info: exporting again after 8 failed tries in 92 s; nothing was lost',
    ])
    expect(counters.of('subspan_export_requests_total', { destination: 'backend', result: 'again' })).toBe(8)
    expect(counters.of('subspan_export_requests_total', { destination: 'backend', result: 'delivered' })).toBe(1)
    await delivery.stop(1_000)
  })

  test.each([
    [0, 250],
    [0.999999, 749.9995],
  ])('is asked again after a time that differs by chance (%d: %d ms)', async (chance, ms) => {
    const { clock, delivery, source, sent } = deliveryTo((_, at) => (at < 1 ? again : delivered), {
      random: () => chance,
    })
    source.write(['a'])
    delivery.start()
    await clock.advance(1_000)
    expect(sent[1].atMs).toBeCloseTo(ms, 3)
    await delivery.stop(1_000)
  })

  test('is not asked again before the time it asked for', async () => {
    const later: SendResult = { kind: 'again', reason: 'HTTP 429', retryAfterMs: 42_000 }
    const { clock, delivery, source, sent } = deliveryTo((_, at) => (at < 1 ? later : delivered))
    source.write(['a'])
    delivery.start()
    await clock.advance(41_999)
    expect(sent).toHaveLength(1)
    await clock.advance(1)
    expect(sent).toHaveLength(2)
    await delivery.stop(1_000)
  })

  test('shows in the backlog', async () => {
    const { clock, delivery, source } = deliveryTo((_, at) => (at < 1 ? again : delivered))
    source.write(['abc'])
    delivery.start()
    await clock.advance(400)
    expect(delivery.backlog()).toEqual({ bytes: 4, oldestAgeMs: 400, failingForMs: 400 })
    await clock.advance(400)
    expect(delivery.backlog()).toEqual({ bytes: 0, oldestAgeMs: 0, failingForMs: 0 })
    await delivery.stop(1_000)
  })
})

describe('a request that is refused for good', () => {
  test('does not take others with it, wherever poisoned ones lie among them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (poisoned) => {
        const names = poisoned.map((bad, at) => `${bad ? 'bad' : 'good'}${at}`)
        const taken: string[] = []
        const { delivery, source, letters, cursor } = deliveryTo((words) => {
          if (words.includes('bad')) return { kind: 'refused', status: 400, reason: 'HTTP 400: no' }
          taken.push(...words.split(' '))
          return delivered
        })
        source.write(names)
        delivery.start()
        await settle()
        await delivery.stop(1_000)
        expect(taken).toEqual(names.filter((name) => name.startsWith('good')))
        expect(letters.map(({ words }) => words)).toEqual(names.filter((name) => name.startsWith('bad')))
        expect(cursor.through).toBe(names.length)
      }),
      { numRuns: 40 },
    )
  })

  test('is set aside with its reason, counted by status, and told once', async () => {
    const { delivery, source, letters, counters, log } = deliveryTo((words) =>
      words === 'fine' ? delivered : { kind: 'refused', status: 400, reason: 'HTTP 400: no such field' },
    )
    source.write(['bad'])
    delivery.start()
    await settle()
    source.write(['worse'])
    await settle()
    source.write(['fine'])
    await settle()
    await delivery.stop(1_000)
    expect(letters).toEqual([
      { words: 'bad', status: 400, reason: 'HTTP 400: no such field' },
      { words: 'worse', status: 400, reason: 'HTTP 400: no such field' },
    ])
    expect(counters.of('subspan_dead_letters_total', { destination: 'backend', status: '400' })).toBe(2)
    expect(log.lines).toHaveLength(1)
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { reason: 'HTTP 400: no such field' } })
  })

  test.each([401, 403, 404, 307])('by a status that is not about it (%i) is not cut in pieces', async (status) => {
    const { delivery, source, letters, words } = deliveryTo(() => ({ kind: 'refused', status, reason: 'no' }))
    source.write(['a', 'b', 'c', 'd'])
    delivery.start()
    await settle()
    await delivery.stop(1_000)
    expect(words()).toEqual(['a b c d'])
    expect(letters.map(({ words }) => words)).toEqual(['a b c d'])
  })

  test('waits for the disk that should take it', async () => {
    let full = true
    const set: string[] = []
    const { clock, delivery, source, cursor } = deliveryTo(() => ({ kind: 'refused', status: 400, reason: 'no' }), {
      deadLetters: {
        add({ body }) {
          if (full) return Promise.reject(new Failure('OVERLOADED', 'the disk is full'))
          set.push(new TextDecoder().decode(body).trim())
          return Promise.resolve()
        },
      },
    })
    source.write(['bad'])
    delivery.start()
    await clock.advance(10_000)
    expect(cursor.through).toBe(0)
    full = false
    await clock.advance(10_000)
    expect(set).toEqual(['bad'])
    expect(cursor.through).toBe(1)
    await delivery.stop(1_000)
  })
})

test('partial success is not sent again; rejected spans are counted and told', async () => {
  const partial: SendResult = { kind: 'delivered', partial: { rejectedSpans: 3n, message: 'too old' } }
  const { delivery, source, words, counters, log } = deliveryTo(() => partial)
  source.write(['a'])
  delivery.start()
  await settle()
  source.write(['b'])
  await settle()
  await delivery.stop(1_000)
  expect(words()).toEqual(['a', 'b'])
  expect(counters.of('subspan_export_rejected_spans_total', { destination: 'backend' })).toBe(6)
  expect(counters.of('subspan_export_requests_total', { destination: 'backend', result: 'partial' })).toBe(2)
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { reason: 'too old' } }])
})

test('a journal that cannot be read now is read again', async () => {
  const { clock, delivery, source, words } = deliveryTo(() => delivered)
  source.failures = 2
  source.write(['a'])
  delivery.start()
  await clock.advance(10_000)
  expect(words()).toEqual(['a'])
  await delivery.stop(1_000)
})

describe('a stop', () => {
  test('delivers what is there first', async () => {
    const { delivery, source, words, cursor } = deliveryTo(() => delivered, { maxRequestBytes: 2 })
    source.write(['a', 'b', 'c'])
    delivery.start()
    await delivery.stop(1_000)
    expect(words()).toEqual(['a', 'b', 'c'])
    expect(cursor.through).toBe(3)
  })

  test('tries a failing destination once more and leaves the rest in the journal', async () => {
    const { clock, delivery, source, sent, cursor } = deliveryTo(() => again)
    source.write(['a'])
    delivery.start()
    await clock.advance(100)
    expect(sent).toHaveLength(1)
    // The clock stands still: were it waited for, this would never end.
    await delivery.stop(60_000)
    expect(sent).toHaveLength(2)
    expect(cursor.through).toBe(0)
  })

  test('breaks off at its deadline', async () => {
    const { clock, delivery, source, cursor } = deliveryTo(
      (_, __, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(again))),
    )
    source.write(['a'])
    delivery.start()
    await settle()
    const stopped = delivery.stop(5_000)
    await clock.advance(5_000)
    await stopped
    expect(cursor.through).toBe(0)
  })
})

test('from a journal on disk to a backend that fails, hangs up and refuses, everything arrives once or is set aside', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'subspan-delivery-'))
  const sink = await Sink.open()
  sink.failNext(1, { status: 503, headers: { 'retry-after': '0' } })
  sink.hangUpNext(1)
  sink.refuseBy((body) => (Buffer.from(body).includes('poison') ? { status: 400, body: 'poison' } : null))
  const clock = { nowMs: Date.now, after: timer }
  const counters = new MemoryCounters()
  const log = new MemoryLog()
  const destination = destinationFromEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint })
  if (destination === null) throw new Error('no destination')
  const store = await openStore({
    dir,
    journal: { maxBytes: 1 << 24, retainMs: 60_000, fsync: false, segmentBytes: 1_000 },
    captures: { maxBytes: 1_000, keepBytes: 1_000 },
    deadLetters: { maxBytes: 100_000 },
    destinations: [destination.name],
    clock,
    counters,
    log,
  })
  const delivery = new Delivery({
    destination,
    sender: openOtlpHttp(destination, await readDestinationFiles(destination), '1.2.3'),
    source: store.journal.reader(),
    cursor: store.cursors.of(destination.name),
    deadLetters: store.deadLetters,
    maxRequestBytes: 2_000,
    random: () => 0,
    clock,
    counters,
    log,
  })
  const names = Array.from({ length: 100 }, (_, at) => (at % 33 === 7 ? `poison${at}` : `span${at}`))
  const write = (name: string): Promise<unknown> =>
    store.journal.append([{ kind: EntryKind.outgoing, meta: {}, body: resourceSpansNamed(name) }])
  await Promise.all(names.slice(0, 50).map(write))
  delivery.start()
  for (const name of names.slice(50)) await write(name)
  const wanted = names.filter((name) => name.startsWith('span'))
  const arrived = (): string[] =>
    sink.bodies.flatMap(
      (body) =>
        Buffer.from(body)
          .toString('latin1')
          .match(/span\d+/g) ?? [],
    )
  await sink.until(() => arrived().length >= wanted.length)
  await delivery.stop(10_000)
  expect(arrived()).toEqual(wanted)
  expect(counters.of('subspan_dead_letters_total', { destination: 'otlp', status: '400' })).toBe(3)
  expect(store.cursors.of('otlp').through).toBe(100)
  await store.close()
  await sink.close()
  await rm(dir, { recursive: true })

  function timer(ms: number, run: () => void): () => void {
    const handle = setTimeout(run, ms)
    return () => clearTimeout(handle)
  }

  /** `resource_spans { schema_url: name }`. */
  function resourceSpansNamed(name: string): Uint8Array {
    return Buffer.from([0x0a, name.length + 2, 0x1a, name.length, ...Buffer.from(name)])
  }
})
