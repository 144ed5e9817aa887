// setup.ts: folders, time and disks for the tests of the store.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { JournalEntry, NewEntry } from '../../src/bridge/ports.ts'
import { type Disk, type DiskFile, nodeDisk } from '../../src/store/disk.ts'
import { type JournalSetup, openJournal, type SegmentedJournal } from '../../src/store/journal.ts'
import type { JournalOptions } from '../../src/store/options.ts'
import { FakeClock, MemoryCounters, MemoryLog } from '../support/fake-clock.ts'

const folders: string[] = []
const journals: SegmentedJournal[] = []

afterEach(async () => {
  await Promise.all(journals.splice(0).map((journal) => journal.close()))
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })))
})

/** An empty folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'subspan-store-'))
  folders.push(folder)
  return folder
}

/** What an operation of a disk does instead of its work; null: its work. */
export type Fault = (operation: 'create' | 'write' | 'sync' | 'remove' | 'open', path: string) => string | null

/** This machine's disk, with faults: the error code that `fault` returns is thrown. A durable write syncs too. */
export function faultyDisk(fault: Fault): Disk {
  const check = (operation: Parameters<Fault>[0], path: string): void => {
    const code = fault(operation, path)
    if (code !== null) throw Object.assign(new Error(`${code}: simulated`), { code })
  }
  const wrap = (file: DiskFile, path: string, durable: boolean): DiskFile => ({
    async write(parts, at) {
      const code = fault('write', path)
      if (code === null) {
        await file.write(parts, at)
        if (durable) check('sync', path)
        return
      }
      // A disk that becomes full takes what it can.
      const first = parts[0]
      await file.write([first.subarray(0, first.length >> 1)], at)
      throw Object.assign(new Error(`${code}: simulated`), { code })
    },
    read: (into, at) => file.read(into, at),
    async sync() {
      check('sync', path)
      await file.sync()
    },
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  })
  return {
    ...nodeDisk,
    async create(path, durable = false) {
      check('create', path)
      return wrap(await nodeDisk.create(path, durable), path, durable)
    },
    async openForReading(path) {
      check('open', path)
      return nodeDisk.openForReading(path)
    },
    async remove(path) {
      check('remove', path)
      await nodeDisk.remove(path)
    },
  }
}

export const generous: JournalOptions = {
  maxBytes: 1 << 30,
  retainMs: 600_000,
  fsync: false,
  segmentBytes: 1 << 24,
}

/** Opens a journal that is closed after the test. */
export async function journalIn(
  folder: string,
  setup: Partial<Omit<JournalSetup, 'options'>> & { options?: Partial<JournalOptions> } = {},
): Promise<SegmentedJournal> {
  const journal = await openJournal({
    folder,
    disk: nodeDisk,
    clock: new FakeClock(),
    counters: new MemoryCounters(),
    log: new MemoryLog(),
    deliveredThrough: () => 0,
    ours: () => true,
    usedThrough: 0,
    ...setup,
    options: { ...generous, ...setup.options },
  })
  journals.push(journal)
  return journal
}

/** All that a journal replays. */
export async function replayed(journal: SegmentedJournal): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for await (const entry of journal.replay()) entries.push(entry)
  return entries
}

/** An entry of a kind with a body in words. */
export function entry(kind: NewEntry['kind'], words: string, settles?: number): NewEntry {
  return { kind, meta: { words }, body: new TextEncoder().encode(words), ...(settles === undefined ? {} : { settles }) }
}

/** The words of bodies. */
export function wordsOf(bodies: Iterable<Uint8Array>): string[] {
  return [...bodies].map((body) => new TextDecoder().decode(body))
}
