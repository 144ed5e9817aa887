import { cp, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EntryKind, type JournalEntry, type NewEntry } from '../../src/bridge/ports.ts'
import type { SegmentedJournal } from '../../src/store/journal.ts'
import { FakeClock, MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { entry, faultyDisk, journalIn, replayed, temporaryFolder, wordsOf } from './setup.ts'

const { outgoing, held, released, capture, captureSettled } = EntryKind

/** What of an entry its writer said. */
function said({ kind, meta, body, settles }: NewEntry): object {
  return { kind, meta, body: Buffer.from(body).toString('hex'), settles }
}

const newEntry: fc.Arbitrary<NewEntry> = fc.record(
  {
    kind: fc.constantFrom(outgoing, held, released, capture, captureSettled),
    meta: fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.string({ maxLength: 12 }), fc.integer()), {
      maxKeys: 3,
    }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      // Long enough to be written without being copied.
      fc.nat(255).map((byte) => new Uint8Array(9_000).fill(byte)),
    ),
    settles: fc.integer({ min: 1, max: 40 }),
  },
  { requiredKeys: ['kind', 'meta', 'body'] },
)
const groups = fc.array(fc.array(newEntry, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })

async function segmentsOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.journal')).sort()
}

describe('what was appended', () => {
  test('is replayed as it was, in order, with the numbers that append told', async () => {
    await fc.assert(
      fc.asyncProperty(groups, async (appended) => {
        const folder = await temporaryFolder()
        const journal = await journalIn(folder, { options: { segmentBytes: 4_000 } })
        const sequences = (await Promise.all(appended.map((group) => journal.append(group)))).flat()
        await journal.close()
        const entries = await replayed(await journalIn(folder))
        expect(entries.map(said)).toEqual(appended.flat().map(said))
        expect(entries.map(({ sequence }) => sequence)).toEqual(sequences)
        expect(sequences).toEqual(appended.flat().map((_, at) => at + 1))
      }),
      { numRuns: 30 },
    )
  })

  test('is replayed in whole groups, a prefix of them, wherever the last file ends', async () => {
    await fc.assert(
      fc.asyncProperty(groups, fc.double({ min: 0, max: 1, noNaN: true }), async (appended, where) => {
        const folder = await temporaryFolder()
        const journal = await journalIn(folder)
        // One after another, so that each group is a write of its own, then together.
        const half = appended.length >> 1
        for (const group of appended.slice(0, half)) await journal.append(group)
        await Promise.all(appended.slice(half).map((group) => journal.append(group)))
        await journal.close()
        const [segment] = await segmentsOf(folder)
        const path = join(folder, segment)
        const ends: number[] = []
        let end = 0
        for (const group of appended) {
          for (const { meta, body } of group) end += 48 + Buffer.byteLength(JSON.stringify(meta)) + body.length
          ends.push(end)
        }
        expect((await stat(path)).size).toBe(end)
        const cut = Math.floor(where * end)
        await truncate(path, cut)
        const whole = appended.slice(0, ends.filter((groupEnd) => groupEnd <= cut).length)

        const reopened = await journalIn(folder)
        expect((await replayed(reopened)).map(said)).toEqual(whole.flat().map(said))
        // What comes next gets numbers that none before it had, and is there after another start.
        const [next] = await reopened.append([entry(outgoing, 'next')])
        expect(next).toBeGreaterThan(whole.flat().length)
        await reopened.close()
        const again = await replayed(await journalIn(folder))
        expect(again.map(said)).toEqual([...whole.flat(), entry(outgoing, 'next')].map(said))
      }),
      { numRuns: 60 },
    )
  })

  test('is replayed apart from the groups whose bytes are damaged', async () => {
    await fc.assert(
      fc.asyncProperty(
        groups,
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 5,
        }),
        async (appended, flips) => {
          const folder = await temporaryFolder()
          const journal = await journalIn(folder)
          await Promise.all(appended.map((group) => journal.append(group)))
          await journal.close()
          const [segment] = await segmentsOf(folder)
          const path = join(folder, segment)
          const bytes = await readFile(path)
          const flipped = new Map<number, number>()
          for (const [where, mask] of flips) flipped.set(Math.floor(where * (bytes.length - 1)), mask)
          for (const [at, mask] of flipped) bytes[at] ^= mask
          await writeFile(path, bytes)

          let end = 0
          const intact = appended.filter((group) => {
            const from = end
            for (const { meta, body } of group) end += 48 + Buffer.byteLength(JSON.stringify(meta)) + body.length
            return ![...flipped.keys()].some((at) => at >= from && at < end)
          })
          const entries = await replayed(await journalIn(folder))
          expect(entries.map(said)).toEqual(intact.flat().map(said))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('has its own number after a start, though all segments are gone and only cursors remember', async () => {
    const journal = await journalIn(await temporaryFolder(), { usedThrough: 41 })
    expect(await journal.append([entry(outgoing, 'a')])).toEqual([42])
  })
})

describe('damage', () => {
  test('inside the journal is counted and told, and what follows is read', async () => {
    const folder = await temporaryFolder()
    const journal = await journalIn(folder)
    for (const words of ['first', 'second', 'third']) await journal.append([entry(outgoing, words)])
    await journal.close()
    const [segment] = await segmentsOf(folder)
    const bytes = await readFile(join(folder, segment))
    const frame = bytes.length / 3
    expect(Number.isInteger(frame)).toBe(false)
    const secondAt = bytes.indexOf('{"words":"second"}') - 48
    bytes.fill(0, secondAt, secondAt + 60)
    await writeFile(join(folder, segment), bytes)

    const counters = new MemoryCounters()
    const log = new MemoryLog()
    const reopened = await journalIn(folder, { counters, log })
    expect(wordsOf((await replayed(reopened)).map(({ body }) => body))).toEqual(['first', 'third'])
    const damaged = bytes.indexOf('{"words":"third"}') - 48 - secondAt
    expect(counters.of('subspan_journal_damaged_bytes_total')).toBe(damaged)
    expect(log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringMatching(/damaged/) as string }),
    )
  })

  test('of a file that is rubbish from end to end does not stop the start', async () => {
    const folder = await temporaryFolder()
    const journal = await journalIn(folder)
    await journal.append([entry(outgoing, 'a')])
    await journal.close()
    const [segment] = await segmentsOf(folder)
    await writeFile(join(folder, segment), Buffer.alloc(10_000, 0xb7))
    await writeFile(join(folder, '0000000000000900-00000000.journal'), Buffer.from('<html>not a journal</html>'))
    await writeFile(join(folder, 'notes.txt'), 'somebody was here')
    const reopened = await journalIn(folder)
    expect(await replayed(reopened)).toEqual([])
    const [sequence] = await reopened.append([entry(outgoing, 'b')])
    expect(sequence).toBeGreaterThan(900)
    await reopened.close()
    expect((await replayed(await journalIn(folder))).map(({ sequence }) => sequence)).toEqual([sequence])
  })

  test('frames inside a body are not taken for entries, whatever is broken around them', async () => {
    const folder = await temporaryFolder()
    const other = await journalIn(await temporaryFolder())
    await other.append([entry(outgoing, 'smuggled')])
    await other.close()
    const journal = await journalIn(folder)
    const foreign = await readFile(await onlySegment(folder, journal))
    await journal.append([{ kind: outgoing, meta: {}, body: foreign }])
    await journal.close()
    const path = await onlySegment(folder, journal)
    const bytes = await readFile(path)
    // The header of the second entry, with the body that holds a whole frame, is destroyed.
    bytes.fill(0xff, foreign.length, foreign.length + 48)
    await writeFile(path, bytes)
    const entries = await replayed(await journalIn(folder))
    expect(wordsOf(entries.map(({ body }) => body))).toEqual(['own'])

    async function onlySegment(where: string, open: typeof journal): Promise<string> {
      if ((await segmentsOf(where)).length === 0) await open.append([entry(outgoing, 'own')])
      return join(where, (await segmentsOf(where))[0])
    }
  })

  test('that happens while it runs leaves out the entry, is counted, and does not stop a destination', async () => {
    const folder = await temporaryFolder()
    const counters = new MemoryCounters()
    const journal = await journalIn(folder, { counters })
    for (const words of ['first', 'second', 'third']) await journal.append([entry(outgoing, words)])
    const path = join(folder, (await segmentsOf(folder))[0])
    const bytes = await readFile(path)
    bytes[bytes.indexOf('"second"') + 1] ^= 1
    await writeFile(path, bytes)
    const batch = await journal.reader().readOutgoing(0, 1_000)
    expect(wordsOf(batch?.requests ?? [])).toEqual(['first', 'third'])
    expect(batch?.through).toBe(3)
    expect(counters.of('subspan_journal_damaged_entries_total')).toBe(1)
    expect(await journal.body(2)).toBeNull()
  })
})

describe('writing', () => {
  test('appends that wait at one moment share one fsync', async () => {
    const counters = new MemoryCounters()
    const journal = await journalIn(await temporaryFolder(), { options: { fsync: true }, counters })
    const sequences = await Promise.all(
      Array.from({ length: 50 }, (_, at) => journal.append([entry(outgoing, `${at}`)])),
    )
    expect(sequences.flat()).toEqual(Array.from({ length: 50 }, (_, at) => at + 1))
    expect(counters.of('subspan_journal_fsyncs_total')).toBe(1)
  })

  test('nothing can be read before its fsync has returned', async () => {
    const syncing: (() => void)[] = []
    const disk = faultyDisk(() => null)
    const journal = await journalIn(await temporaryFolder(), {
      options: { fsync: true },
      disk: {
        ...disk,
        async create(path, durable) {
          const file = await disk.create(path, durable)
          return {
            ...file,
            async write(parts, at) {
              await file.write(parts, at)
              await new Promise<void>((resolve) => syncing.push(resolve))
            },
          }
        },
      },
    })
    let resolved = false
    const appending = journal.append([entry(outgoing, 'a')]).then(() => (resolved = true))
    while (syncing.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(await journal.reader().readOutgoing(0, 1_000)).toBeNull()
    expect(resolved).toBe(false)
    syncing[0]()
    await appending
    expect(wordsOf((await journal.reader().readOutgoing(0, 1_000))?.requests ?? [])).toEqual(['a'])
  })

  test('a failed fsync fails the append and is never retried on that file: a new segment begins', async () => {
    const folder = await temporaryFolder()
    const clock = new FakeClock()
    const synced: string[] = []
    let failing = false
    const disk = faultyDisk((operation, path) => {
      if (operation === 'sync') synced.push(path)
      return operation === 'sync' && failing ? 'EIO' : null
    })
    const journal = await journalIn(folder, { options: { fsync: true }, disk, clock })
    await journal.append([entry(outgoing, 'before')])
    failing = true
    const error = await journal.append([entry(outgoing, 'lost')]).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/could not be written \(EIO/) as string,
    })
    failing = false
    await clock.advance(1_000)
    const [sequence] = await journal.append([entry(outgoing, 'after')])
    expect(sequence).toBe(3)
    const [first, second] = await segmentsOf(folder)
    expect(synced.map((path) => path.slice(folder.length + 1))).toEqual([first, first, second])
    await journal.close()
    const entries = await replayed(await journalIn(folder))
    expect(wordsOf(entries.map(({ body }) => body))).toEqual(['before', 'after'])
  })

  test.each([
    ['ENOSPC', 'STORE', /disk is full/],
    ['EROFS', 'STORE', /mounted read-only/],
    ['EACCES', 'STORE', /right to write/],
  ])(
    '%s fails appends as %s, half-written bytes do not count, and writing goes on when the disk does',
    async (code, failure, words) => {
      const folder = await temporaryFolder()
      const clock = new FakeClock()
      const log = new MemoryLog()
      let failing = false
      const disk = faultyDisk((operation) => (operation === 'write' && failing ? code : null))
      const journal = await journalIn(folder, { disk, clock, log })
      await journal.append([entry(outgoing, 'before')])
      failing = true
      for (let at = 0; at < 3; at++) {
        const error = await journal.append([entry(outgoing, 'lost')]).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({ code: failure, message: expect.stringMatching(words) as string })
        expect((error as { retryAfterSeconds: number }).retryAfterSeconds).toBeGreaterThan(0)
        await clock.advance(1_000)
      }
      expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
      failing = false
      await journal.append([entry(outgoing, 'after')])
      expect(log.lines.at(-1)?.message).toMatch(/takes entries again/)
      expect(wordsOf((await journal.reader().readOutgoing(0, 1_000))?.requests ?? [])).toEqual(['before', 'after'])
      await journal.close()
      const reopened = await journalIn(folder)
      expect(wordsOf((await replayed(reopened)).map(({ body }) => body))).toEqual(['before', 'after'])
    },
  )

  test('a full disk makes the journal give up what is delivered, and the append goes through', async () => {
    const folder = await temporaryFolder()
    let full = false
    const disk = faultyDisk((operation) => {
      if (operation === 'remove') full = false
      return operation === 'write' && full ? 'ENOSPC' : null
    })
    const journal = await journalIn(folder, { disk, options: { segmentBytes: 100 }, deliveredThrough: () => 2 })
    for (const words of ['a', 'b', 'c']) await journal.append([entry(outgoing, words)])
    full = true
    await journal.append([entry(outgoing, 'd')])
    expect(wordsOf((await replayedNow(journal)).map(({ body }) => body))).toEqual(['b', 'c', 'd'])
  })

  test('what is appended after the close is refused, what was waiting is written', async () => {
    const folder = await temporaryFolder()
    const journal = await journalIn(folder)
    const waiting = journal.append([entry(outgoing, 'a')])
    const closing = journal.close()
    await expect(journal.append([entry(outgoing, 'b')])).rejects.toMatchObject({ code: 'STORE' })
    expect(await waiting).toEqual([1])
    await closing
  })

  test('nothing is written any more when another process has taken the folder', async () => {
    let ours = true
    const journal = await journalIn(await temporaryFolder(), { ours: () => ours })
    await journal.append([entry(outgoing, 'a')])
    ours = false
    await expect(journal.append([entry(outgoing, 'b')])).rejects.toMatchObject({ code: 'STORE' })
  })
})

describe('reading what goes out', () => {
  test('a released entry without a body is the held one', async () => {
    const journal = await journalIn(await temporaryFolder())
    await journal.append([entry(held, 'held one')])
    await journal.append([entry(outgoing, 'out'), entry(capture, 'a capture')])
    await journal.append([{ kind: released, meta: {}, body: new Uint8Array(0), settles: 1 }])
    await journal.append([{ ...entry(released, 'with more'), settles: 1 }])
    const batch = await journal.reader().readOutgoing(0, 1_000)
    expect(wordsOf(batch?.requests ?? [])).toEqual(['out', 'held one', 'with more'])
    expect(batch?.through).toBe(5)
    expect(wordsOf([(await journal.body(4)) ?? new Uint8Array(0)])).toEqual(['held one'])
    expect(await journal.reader().readOutgoing(5, 1_000)).toBeNull()
  })

  test('is the same in one segment and across many, in batches of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        groups,
        fc.integer({ min: 1, max: 20_000 }),
        fc.constantFrom(200, 5_000, 1 << 20),
        async (appended, maxBytes, segmentBytes) => {
          const journal = await journalIn(await temporaryFolder(), { options: { segmentBytes } })
          await Promise.all(appended.map((group) => journal.append(group)))
          const entries = appended.flat()
          const expected = entries.flatMap(({ kind, body, settles }, at) => {
            if (kind !== outgoing && kind !== released) return []
            if (body.length > 0 || kind === outgoing) return body.length > 0 ? [body] : []
            return [bodyBehind(entries, at, settles)].filter((found) => found.length > 0)
          })
          const requests: Uint8Array[] = []
          let after = 0
          for (;;) {
            const batch = await journal.reader().readOutgoing(after, maxBytes)
            if (batch === null) break
            expect(batch.through).toBeGreaterThan(after)
            const bytes = batch.requests.reduce((sum, { length }) => sum + length, 0)
            expect(batch.requests.length <= 1 || bytes <= maxBytes).toBe(true)
            requests.push(...batch.requests)
            after = batch.through
          }
          expect(requests.map((body) => Buffer.from(body).toString('hex'))).toEqual(
            expected.map((body) => Buffer.from(body).toString('hex')),
          )
        },
      ),
      { numRuns: 40 },
    )

    /** A released entry may, in this test, settle anything, also another released one. */
    function bodyBehind(entries: readonly NewEntry[], at: number, settles: number | undefined): Uint8Array {
      const target = settles === undefined || settles > at ? undefined : entries[settles - 1]
      if (target === undefined) return new Uint8Array(0)
      if (target.kind !== released || target.body.length > 0) return target.body
      return bodyBehind(entries, (settles ?? 0) - 1, target.settles)
    }
  })

  test('leaves out what a destination does not take', async () => {
    const journal = await journalIn(await temporaryFolder())
    await journal.append([
      entry(outgoing, 'a'),
      { ...entry(outgoing, 'late'), meta: { late: true } },
      entry(outgoing, 'b'),
    ])
    const batch = await journal.reader().readOutgoing(0, 1_000, ({ meta }) => meta.late !== true)
    expect(wordsOf(batch?.requests ?? [])).toEqual(['a', 'b'])
    expect(batch?.through).toBe(3)
  })

  test('a file that cannot be opened now is no loss: reading fails and is tried again', async () => {
    let failing = false
    const disk = faultyDisk((operation) => (operation === 'open' && failing ? 'EMFILE' : null))
    const journal = await journalIn(await temporaryFolder(), { disk })
    await journal.append([entry(outgoing, 'a')])
    failing = true
    await expect(journal.reader().readOutgoing(0, 1_000)).rejects.toMatchObject({ code: 'STORE' })
    failing = false
    expect(wordsOf((await journal.reader().readOutgoing(0, 1_000))?.requests ?? [])).toEqual(['a'])
  })

  test('wakes those that wait for more, and those that wait no longer', async () => {
    const journal = await journalIn(await temporaryFolder())
    const ended = new AbortController()
    const woken: string[] = []
    const waiting = [
      journal.appended(0, new AbortController().signal).then(() => woken.push('first')),
      journal.appended(1, new AbortController().signal).then(() => woken.push('second')),
      journal.appended(9, ended.signal).then(() => woken.push('ended')),
    ]
    await journal.append([entry(outgoing, 'a')])
    await waiting[0]
    expect(woken).toEqual(['first'])
    await journal.append([entry(outgoing, 'b')])
    await waiting[1]
    ended.abort()
    await Promise.all(waiting)
    expect(woken).toEqual(['first', 'second', 'ended'])
  })

  test('tells how many bytes lie behind a cursor', async () => {
    const folder = await temporaryFolder()
    const journal = await journalIn(folder, { options: { segmentBytes: 200 } })
    for (let at = 0; at < 10; at++) await journal.append([entry(outgoing, 'x'.repeat(50))])
    expect((await segmentsOf(folder)).length).toBeGreaterThan(3)
    expect(journal.bytesAfter(0)).toBe(journal.bytes)
    expect(journal.bytesAfter(4)).toBe((journal.bytes / 10) * 6)
    expect(journal.bytesAfter(10)).toBe(0)
  })
})

describe('retention', () => {
  /** A journal whose segments hold one entry each. */
  async function small(delivered: () => number, options: { maxBytes?: number; retainMs?: number } = {}) {
    const folder = await temporaryFolder()
    const clock = new FakeClock()
    const counters = new MemoryCounters()
    const log = new MemoryLog()
    const open = () =>
      journalIn(folder, {
        clock,
        counters,
        log,
        deliveredThrough: delivered,
        options: { segmentBytes: 10, retainMs: 60_000, ...options },
      })
    return { folder, clock, counters, log, journal: await open(), open }
  }

  /** Time goes by, and the journal looks what is old. */
  async function grow(clock: FakeClock, journal: SegmentedJournal, ms: number): Promise<void> {
    await clock.advance(ms)
    await journal.retain()
  }

  async function left(journal: SegmentedJournal) {
    return wordsOf((await replayedNow(journal)).map(({ body }) => body))
  }

  test('what is delivered leaves when it is old, what is not stays however old', async () => {
    let delivered = 0
    const { clock, journal, open } = await small(() => delivered)
    for (const words of ['a', 'b', 'c', 'd']) await journal.append([entry(outgoing, words)])
    await grow(clock, journal, 120_000)
    expect(await left(journal)).toEqual(['a', 'b', 'c', 'd'])
    delivered = 2
    await grow(clock, journal, 5_000)
    expect(await left(journal)).toEqual(['c', 'd'])
    await journal.close()
    expect(wordsOf((await replayed(await open())).map(({ body }) => body))).toEqual(['c', 'd'])
  })

  test('what is delivered and young stays, for captures that come later', async () => {
    const { clock, journal } = await small(() => Infinity)
    for (const words of ['a', 'b']) await journal.append([entry(outgoing, words)])
    await grow(clock, journal, 50_000)
    expect(await left(journal)).toEqual(['a', 'b'])
  })

  test('a held entry stays until it is released and that is delivered', async () => {
    let delivered = 1
    const { clock, journal } = await small(() => delivered)
    await journal.append([entry(held, 'held')])
    await journal.append([entry(outgoing, 'x')])
    delivered = 2
    await grow(clock, journal, 120_000)
    expect(await left(journal)).toEqual(['held', 'x'])
    await journal.append([{ kind: released, meta: {}, body: new Uint8Array(0), settles: 1 }])
    await journal.append([entry(outgoing, 'y')])
    await grow(clock, journal, 120_000)
    // The release still needs the held bytes.
    expect(await left(journal)).toEqual(['held', 'held', 'y'])
    delivered = 4
    await grow(clock, journal, 5_000)
    expect(await left(journal)).toEqual(['y'])
  })

  test('a release never goes before what it settles, or that would look unsettled at the next start', async () => {
    const { clock, journal } = await small(() => Infinity)
    // One group: both entries in the first segment.
    await journal.append([entry(held, 'held'), entry(capture, 'a capture')])
    await journal.append([entry(released, 'released', 1)])
    await journal.append([entry(outgoing, 'x')])
    await grow(clock, journal, 120_000)
    // The capture keeps the first segment, the first the second, nothing keeps the third but that it is the last.
    expect(await left(journal)).toEqual(['held', 'a capture', 'released', 'x'])
    await journal.append([entry(captureSettled, 'settled', 2)])
    await grow(clock, journal, 120_000)
    expect(await left(journal)).toEqual(['settled'])
  })

  test('an open capture does not keep everything after it', async () => {
    const { clock, journal } = await small(() => Infinity)
    await journal.append([entry(capture, 'a capture')])
    for (const words of ['a', 'b', 'c']) await journal.append([entry(outgoing, words)])
    await grow(clock, journal, 120_000)
    expect(await left(journal)).toEqual(['a capture', 'c'])
  })

  test('where room is needed, the oldest delivered leave before their time', async () => {
    const { journal, counters } = await small(() => 2, { maxBytes: 900 })
    for (const letter of 'abcd') await journal.append([plain(letter.repeat(150))])
    expect((await left(journal)).map(([letter]) => letter)).toEqual(['a', 'b', 'c', 'd'])
    await journal.append([plain('e'.repeat(150))])
    expect((await left(journal)).map(([letter]) => letter)).toEqual(['b', 'c', 'd', 'e'])
    await journal.append([plain('f'.repeat(150))])
    expect((await left(journal)).map(([letter]) => letter)).toEqual(['c', 'd', 'e', 'f'])
    expect(counters.of('subspan_journal_deleted_bytes_total', { reason: 'space' })).toBe(400)
    await expect(journal.append([plain('g'.repeat(150))])).rejects.toMatchObject({ code: 'OVERLOADED' })
  })

  test('when only undelivered entries are left, new ones are refused with a time to try again, and taken later', async () => {
    let delivered = 0
    const { journal, log, open } = await small(() => delivered, { maxBytes: 1_000 })
    const accepted: string[] = []
    let refusal: unknown = null
    for (let at = 0; at < 20 && refusal === null; at++) {
      const words = `${at}`.repeat(100)
      await journal.append([entry(outgoing, words)]).then(
        () => accepted.push(words),
        (thrown: unknown) => (refusal = thrown),
      )
    }
    expect(refusal).toMatchObject({
      code: 'OVERLOADED',
      retryAfterSeconds: expect.any(Number) as number,
      message: expect.stringMatching(/store\.maxBytes 1,000/) as string,
    })
    expect(journal.bytes).toBeLessThanOrEqual(1_000)
    expect(await left(journal)).toEqual(accepted)
    expect(log.lines.filter(({ message }) => /is full/.test(message))).toHaveLength(1)
    await journal.append([entry(outgoing, 'refused')]).catch(() => undefined)
    expect(log.lines.filter(({ message }) => /is full/.test(message))).toHaveLength(1)
    delivered = 2
    await journal.append([entry(outgoing, 'again')])
    await journal.close()
    expect(wordsOf((await replayed(await open())).map(({ body }) => body)).at(-1)).toBe('again')
  })

  test('what settles something is taken though the journal is full: else nothing would ever be free again', async () => {
    const { journal } = await small(() => 0, { maxBytes: 1_000 })
    await journal.append([{ ...plain('h'.repeat(800)), kind: held }])
    await expect(journal.append([plain('o'.repeat(200))])).rejects.toMatchObject({ code: 'OVERLOADED' })
    await journal.append([{ kind: released, meta: { why: 'w'.repeat(150) }, body: new Uint8Array(0), settles: 1 }])
    expect((await journal.reader().readOutgoing(0, 10_000))?.requests.map(({ length }) => length)).toEqual([800])
  })

  test('without a destination the oldest leave when room is needed, and nothing is refused', async () => {
    const { journal } = await small(() => Infinity, { maxBytes: 2_000 })
    for (let at = 0; at < 60; at++) {
      await journal.append([entry(outgoing, `${at} `.repeat(30))])
      expect(journal.bytes).toBeLessThanOrEqual(2_000)
    }
    const words = (await left(journal)).map((text) => Number(text.split(' ', 1)[0]))
    expect(words.at(-1)).toBe(59)
    expect(words.length).toBeGreaterThan(3)
    expect(words).toEqual(Array.from({ length: words.length }, (_, at) => 60 - words.length + at))
  })

  test('numbers go on after everything left', async () => {
    const { folder, clock, journal, open } = await small(() => Infinity, { maxBytes: 400 })
    for (let at = 0; at < 10; at++) await journal.append([entry(outgoing, 'x'.repeat(150))])
    await grow(clock, journal, 120_000)
    await journal.close()
    expect((await segmentsOf(folder)).length).toBeLessThan(3)
    const again = await open()
    expect(await again.append([entry(outgoing, 'next')])).toEqual([11])
  })
})

test('a journal whose folder is copied while it is written opens with whole groups', async () => {
  const folder = await temporaryFolder()
  const copy = await temporaryFolder()
  const journal = await journalIn(folder)
  const pairs = Array.from({ length: 200 }, (_, at) => journal.append([entry(held, `${at}`), entry(outgoing, `${at}`)]))
  await pairs[0]
  const more = Array.from({ length: 200 }, (_, at) =>
    journal.append([entry(held, `m${at}`), entry(outgoing, `m${at}`)]),
  )
  await cp(folder, copy, { recursive: true })
  await Promise.all([...pairs, ...more])
  const entries = await replayed(await journalIn(copy))
  expect(entries.length).toBeGreaterThanOrEqual(2)
  for (let at = 0; at < entries.length; at += 2) {
    expect(entries[at].meta).toEqual(entries[at + 1].meta)
    expect([entries[at].kind, entries[at + 1].kind]).toEqual([held, outgoing])
  }
})

/** An outgoing entry without meta: 48 bytes of header, `{}`, the body. */
function plain(words: string): NewEntry {
  return { ...entry(outgoing, words), meta: {} }
}

/** All that the journal has now; `replay` gives what it had when it was opened. */
async function replayedNow(journal: SegmentedJournal): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for (let sequence = 1; sequence <= journal.lastSequence; sequence++) {
    const body = await journal.body(sequence)
    if (body !== null) entries.push({ sequence, body, kind: outgoing, meta: {}, writtenMs: 0 })
  }
  return entries
}
