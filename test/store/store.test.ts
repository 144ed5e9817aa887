import { readdir, rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { EntryKind } from '../../src/bridge/ports.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { FakeClock, MemoryCounters, MemoryLog } from '../support/fake-clock.ts'
import { entry, generous, temporaryFolder, wordsOf } from './setup.ts'

function storeIn(dir: string, destinations: readonly string[] = ['jaeger']): Promise<Store> {
  return openStore({
    dir,
    journal: generous,
    captures: { maxBytes: 1_000, keepBytes: 2_000 },
    deadLetters: { maxBytes: 1_000 },
    destinations,
    clock: new FakeClock(),
    counters: new MemoryCounters(),
    log: new MemoryLog(),
  })
}

test('what was stored and not delivered is delivered after a start, and only that', async () => {
  const dir = await temporaryFolder()
  const store = await storeIn(dir)
  await store.journal.append([entry(EntryKind.outgoing, 'a')])
  await store.journal.append([entry(EntryKind.outgoing, 'b')])
  store.cursors.of('jaeger').advance(1)
  await store.close()
  const again = await storeIn(dir)
  const batch = await again.journal.reader().readOutgoing(again.cursors.of('jaeger').through, 1_000)
  expect(wordsOf(batch?.requests ?? [])).toEqual(['b'])
  await again.close()
})

test('a second store in the same folder is refused until the first is closed', async () => {
  const dir = await temporaryFolder()
  const store = await storeIn(dir)
  await expect(storeIn(dir)).rejects.toMatchObject({ code: 'STORE' })
  await store.close()
  await (await storeIn(dir)).close()
  expect(await readdir(dir)).not.toContain('subspan.lock')
})

test('numbers are never used twice, even when the whole journal is gone', async () => {
  const dir = await temporaryFolder()
  const store = await storeIn(dir)
  for (const words of ['a', 'b', 'c']) await store.journal.append([entry(EntryKind.outgoing, words)])
  store.cursors.of('jaeger').advance(3)
  await store.close()
  await rm(`${dir}/journal`, { recursive: true })
  const again = await storeIn(dir)
  expect(await again.journal.append([entry(EntryKind.outgoing, 'd')])).toEqual([4])
  const batch = await again.journal.reader().readOutgoing(again.cursors.of('jaeger').through, 1_000)
  expect(wordsOf(batch?.requests ?? [])).toEqual(['d'])
  await again.close()
})
