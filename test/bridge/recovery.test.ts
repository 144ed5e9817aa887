// recovery.test.ts: what the journal of an earlier run says of captures and their tasks.

import { expect, test } from 'vitest'
import type { Journal, JournalEntry } from '../../src/bridge/ports.ts'
import { RecentSpans } from '../../src/bridge/recent-spans.ts'
import { readJournal } from '../../src/bridge/recovery.ts'
import { Requests } from '../../src/bridge/requests.ts'
import { Flow, recording, TEST_OPTIONS } from '../support/flow.ts'

const messages = recording()

/** How many tasks were given of a capture, read so long after the clock of the flow that wrote the journal. */
async function given(flow: Flow, journal: Journal, id: string, afterMs: number): Promise<number> {
  const { recentMaxBytes, lateMaxAgeMs } = TEST_OPTIONS
  const recent = new RecentSpans(recentMaxBytes, lateMaxAgeMs)
  const read = await readJournal(journal, recent, new Requests(), TEST_OPTIONS, flow.clock.nowMs() + afterMs)
  return read.given.of(id).length
}

test('tasks that were given are read of captures that are decoded again, of none that is kept no longer', async () => {
  const flow = new Flow()
  const { id } = await flow.capture(messages.capture)
  await flow.spans(...messages.requests)
  const journal = flow.journal.cutAt(flow.journal.entries.length)
  expect(await given(flow, journal, id, TEST_OPTIONS.joinKeepMs)).toBe(messages.matches.size)
  expect(await given(flow, journal, id, TEST_OPTIONS.joinKeepMs + 1)).toBe(0)
})

// Its id is told by its bytes: a thousand captures later it is taken once more.
test('tasks that were given are read of a capture that came again after it was kept no longer', async () => {
  const flow = new Flow()
  const { id } = await flow.capture(messages.capture)
  await flow.spans(...messages.requests)
  const journal = flow.journal.cutAt(flow.journal.entries.length)
  const laterMs = 2 * TEST_OPTIONS.joinKeepMs
  const later = (entry: JournalEntry): JournalEntry => ({
    ...entry,
    sequence: entry.sequence + flow.journal.entries.length,
    writtenMs: entry.writtenMs + laterMs,
    ...(entry.settles === undefined ? {} : { settles: entry.settles + flow.journal.entries.length }),
  })
  journal.entries.push(...flow.journal.entries.map(later))
  expect(await given(flow, journal, id, laterMs)).toBe(messages.matches.size)
})
