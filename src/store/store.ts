// store.ts: the data folder with everything in it, opened and closed together.

import type { Clock, Counters, Log } from '../bridge/ports.ts'
import { openCaptureFiles, type StoredCaptureFiles } from './capture-files.ts'
import { type Cursors, openCursors } from './cursors.ts'
import { openDataFolder } from './data-folder.ts'
import { DeadLetters } from './dead-letters.ts'
import { type Disk, diskFailure, nodeDisk } from './disk.ts'
import { openJournal, type SegmentedJournal } from './journal.ts'
import type { CaptureFileOptions, JournalOptions } from './options.ts'

/** What the store needs. */
export interface StoreSetup {
  /** Made where there is none. */
  readonly dir: string
  readonly journal: JournalOptions
  readonly captures: CaptureFileOptions
  readonly deadLetters: { readonly maxBytes: number }
  /** Names of the destinations; their cursors go by them. */
  readonly destinations: readonly string[]
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  readonly disk?: Disk
}

/** Everything that is kept. */
export interface Store {
  /** The data folder's whole path. */
  readonly path: string
  readonly journal: SegmentedJournal
  readonly cursors: Cursors
  readonly captures: StoredCaptureFiles
  readonly deadLetters: DeadLetters
  /** Writes what is waiting, then leaves the folder to others. */
  close(): Promise<void>
}

/**
 * Opens the data folder.
 *
 * @throws Failure STORE when it cannot be used; damage in it never stops a start
 */
export async function openStore(setup: StoreSetup): Promise<Store> {
  const { dir, destinations, clock, counters, log, disk = nodeDisk } = setup
  const folder = await openDataFolder(dir, disk, log)
  let opened: SegmentedJournal | null = null
  try {
    const cursors = await openCursors({ path: folder.cursors, disk, clock, log })
    const journal = await openJournal({
      folder: folder.journal,
      options: setup.journal,
      disk,
      clock,
      counters,
      log,
      deliveredThrough: () => cursors.lowest(),
      ours: () => folder.lock.held,
      usedThrough: cursors.usedThrough,
    })
    opened = journal
    cursors.begin(destinations, journal.lastSequence)
    const captures = await openCaptureFiles({ folder: folder.captures, options: setup.captures, disk, log })
    const deadLetters = new DeadLetters({ path: folder.deadLetters, ...setup.deadLetters, disk, clock })
    return {
      path: folder.path,
      journal,
      cursors,
      captures,
      deadLetters,
      async close() {
        await journal.close()
        await cursors.flush()
        await folder.lock.release()
      },
    }
  } catch (thrown) {
    await opened?.close()
    await folder.lock.release()
    throw diskFailure(thrown, `the data folder ${folder.path} could not be used`)
  }
}
