// recovery.test.ts: what the journal of an earlier run says of captures and their tasks.

import { expect, test } from 'vitest'
import { RecentSpans } from '../../src/bridge/recent-spans.ts'
import { readJournal } from '../../src/bridge/recovery.ts'
import { Requests } from '../../src/bridge/requests.ts'
import { Flow, recording, TEST_OPTIONS } from '../support/flow.ts'

const messages = recording()

test('tasks that were given are read of captures that are decoded again, of none that is kept no longer', async () => {
  const flow = new Flow()
  const { id } = await flow.capture(messages.capture)
  await flow.spans(...messages.requests)
  const journal = flow.journal.cutAt(flow.journal.entries.length)
  const given = async (afterMs: number): Promise<number> => {
    const { recentMaxBytes, lateMaxAgeMs } = TEST_OPTIONS
    const recent = new RecentSpans(recentMaxBytes, lateMaxAgeMs)
    const nowMs = flow.clock.nowMs() + afterMs
    const read = await readJournal(journal, recent, new Requests(), TEST_OPTIONS, nowMs)
    return read.given.of(id).length
  }
  expect(await given(TEST_OPTIONS.joinKeepMs)).toBe(messages.matches.size)
  expect(await given(TEST_OPTIONS.joinKeepMs + 1)).toBe(0)
})
