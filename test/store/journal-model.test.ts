import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EntryKind } from '../../src/bridge/ports.ts'
import type { SegmentedJournal } from '../../src/store/journal.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { entry, journalIn, replayed, temporaryFolder, wordsOf } from './setup.ts'

type Step =
  | { readonly do: 'send' | 'hold' | 'capture'; readonly bytes: number }
  /** Settles the oldest or the newest of what waits; a held entry with a body of its own or with the held one. */
  | { readonly do: 'release' | 'settle'; readonly oldest: boolean; readonly own: boolean }
  | { readonly do: 'deliver'; readonly bytes: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('send' as const, 'hold' as const, 'capture' as const),
      bytes: fc.integer({ min: 1, max: 300 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('release' as const, 'settle' as const),
      oldest: fc.boolean(),
      own: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), bytes: fc.integer({ min: 1, max: 600 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1_000, max: 90_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

test('whatever happens in whatever order: all that leaves is delivered in order, and what waits is found again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), async (steps) => {
      const folder = await temporaryFolder()
      const clock = new FakeClock()
      let cursor = 0
      let life = 0
      const open = (): Promise<SegmentedJournal> => {
        const own = ++life
        return journalIn(folder, {
          clock,
          // One that was killed does nothing more.
          ours: () => own === life,
          deliveredThrough: () => cursor,
          usedThrough: cursor,
          options: { segmentBytes: 400, retainMs: 30_000, maxBytes: 4_000 },
        })
      }
      let journal = await open()
      let reader = journal.reader()
      /** What an outside observer knows: what went out in which order, what waits. */
      const left: string[] = []
      const arrived: string[] = []
      const held = new Map<number, string>()
      const captures = new Set<number>()
      const settled = new Set<number>()
      let count = 0

      for (const now of [...steps, { do: 'deliver', bytes: 1_000_000 } as const]) {
        const words = `${++count}`
        switch (now.do) {
          case 'send':
          case 'hold':
          case 'capture': {
            const kind = { send: EntryKind.outgoing, hold: EntryKind.held, capture: EntryKind.capture }[now.do]
            const text = words.padEnd(now.bytes, '.')
            const taken = await journal.append([entry(kind, text)]).catch(() => null)
            if (taken === null) break
            if (now.do === 'send') left.push(text)
            else if (now.do === 'hold') held.set(taken[0], text)
            else captures.add(taken[0])
            break
          }
          case 'release': {
            const sequence = [...held.keys()].at(now.oldest ? 0 : -1)
            if (sequence === undefined) break
            const body = now.own ? entry(EntryKind.released, `${words} changed`).body : new Uint8Array(0)
            const taken = await journal
              .append([{ kind: EntryKind.released, meta: {}, body, settles: sequence }])
              .catch(() => null)
            if (taken === null) break
            left.push(now.own ? `${words} changed` : (held.get(sequence) ?? ''))
            held.delete(sequence)
            settled.add(sequence)
            break
          }
          case 'settle': {
            const sequence = [...captures].at(now.oldest ? 0 : -1)
            if (sequence === undefined) break
            const taken = await journal.append([entry(EntryKind.captureSettled, words, sequence)]).catch(() => null)
            if (taken === null) break
            captures.delete(sequence)
            settled.add(sequence)
            break
          }
          case 'deliver':
            for (;;) {
              const batch = await reader.readOutgoing(cursor, now.bytes)
              if (batch === null) break
              arrived.push(...wordsOf(batch.requests))
              cursor = batch.through
              if (now.bytes < 1_000_000) break
            }
            break
          case 'wait':
            await clock.advance(now.ms)
            await journal.retain()
            break
          case 'restart': {
            // As after a kill: nothing was closed.
            journal = await open()
            reader = journal.reader()
            const waiting = new Set<number>()
            for (const { kind, sequence, settles } of await replayed(journal)) {
              if (kind === EntryKind.held || kind === EntryKind.capture) waiting.add(sequence)
              if (settles !== undefined) waiting.delete(settles)
            }
            expect([...waiting].sort()).toEqual([...held.keys(), ...captures].sort())
            expect([...waiting].filter((sequence) => settled.has(sequence))).toEqual([])
            break
          }
        }
        for (const [sequence, text] of held) {
          expect(wordsOf([(await journal.body(sequence)) ?? new Uint8Array(0)])).toEqual([text])
        }
      }
      expect(arrived).toEqual(left)
    }),
    { numRuns: 25 },
  )
})
