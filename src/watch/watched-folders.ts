// watched-folders.ts: captures that fall into folders: what a flight recorder writes when something was slow.
//
// Folders are listed once a second: what the system tells of changes gets lost on network file systems and in volumes that are mounted
// later. A file is taken when it has not changed for a while, for nobody says when it is whole.

import { constants, createReadStream } from 'node:fs'
import { lstat, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, messageOf } from '../base/failure.ts'
import type { CaptureName, CaptureOrigin, Clock, Counters, Log } from '../bridge/ports.ts'

/** A folder into which captures fall. */
export interface WatchedFolder {
  readonly folder: string
  /** Which process they are of; empty where that is not known. In a folder below this one, its name stands for a missing instance. */
  readonly service: string
  readonly instance: string
  /** Whether a capture is deleted once it is taken. */
  readonly remove: boolean
}

/** What watching needs. */
export interface WatchedFoldersSetup {
  readonly folders: readonly WatchedFolder[]
  /** Takes a capture; resolves when it is on disk. @throws Failure with what is wrong with it */
  readonly acceptCapture: (
    name: CaptureName,
    origin: CaptureOrigin,
    chunks: AsyncIterable<Uint8Array>,
  ) => Promise<{ readonly id: string }>
  /** At the start, files that have not changed for so long are left alone: the spans of their time are known no more. */
  readonly maxAgeMs: number
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

const LOOK_EVERY_MS = 1_000
/** A file that has not changed for so long is whole. A flight recorder writes what it has in one go. */
const STILL_MS = 2_000
/** Names under which programs write what they rename when it is whole. */
const UNFINISHED = /^\.|\.(?:tmp|temp|part|partial|swp)$|~$/i
// Node takes numbers as well; its types know names only.
const NO_LINKS = (constants.O_RDONLY | constants.O_NOFOLLOW) as unknown as string
/** Refusals after which the same file may be taken later. */
const PASSING = new Set(['OVERLOADED', 'STORE'])

/** What is known of a file. */
interface SeenFile {
  readonly bytes: number
  readonly changedMs: number
  /** Since when it has been like this, by our own clock: that of a file system may be another's. */
  readonly sinceMs: number
  /** It was taken, or refused for good. */
  done: boolean
}

/** A file in a watched folder. */
interface FoundFile {
  readonly path: string
  readonly name: CaptureName
  readonly bytes: number
  readonly changedMs: number
  readonly remove: boolean
}

/** Takes the captures of folders, from `start` to `stop`. */
export class WatchedFolders {
  private seen = new Map<string, SeenFile>()
  /** Folders that could not be read when they were looked at last. */
  private readonly unreadable = new Set<string>()
  private first = true
  private stopped = false
  private cancel: () => void = () => undefined
  private looking: Promise<void> = Promise.resolve()

  constructor(private readonly setup: WatchedFoldersSetup) {}

  start(): void {
    if (this.setup.folders.length > 0) this.lookSoon(0)
  }

  /** What is being taken comes to its end; nothing new is looked at. */
  async stop(): Promise<void> {
    this.stopped = true
    this.cancel()
    await this.looking
  }

  private lookSoon(inMs: number): void {
    this.cancel = this.setup.clock.after(inMs, () => {
      this.looking = this.look().finally(() => {
        if (!this.stopped) this.lookSoon(LOOK_EVERY_MS)
      })
    })
  }

  private async look(): Promise<void> {
    const found = (await Promise.all(this.setup.folders.map((folder) => this.filesOf(folder)))).flat()
    const nowMs = this.setup.clock.nowMs()
    const before = this.seen
    // Files that are gone are forgotten.
    this.seen = new Map()
    let old = 0
    for (const { path, bytes, changedMs } of found) {
      const known = before.get(path)
      if (known !== undefined && known.bytes === bytes && known.changedMs === changedMs) {
        this.seen.set(path, known)
        continue
      }
      const tooOld = this.first && nowMs - changedMs > this.setup.maxAgeMs
      if (tooOld) old++
      // One that was written before we looked for the first time does not have to prove itself.
      const sinceMs = this.first ? Math.min(nowMs, changedMs) : nowMs
      this.seen.set(path, { bytes, changedMs, sinceMs, done: tooOld })
    }
    if (old > 0) {
      this.setup.log.info({ files: old }, 'old files in watched folders are left alone: their spans are known no more')
    }
    this.first = false
    for (const file of found) {
      if (this.stopped) return
      const known = this.seen.get(file.path)
      if (known === undefined || known.done || file.bytes === 0 || nowMs - known.sinceMs < STILL_MS) continue
      known.done = await this.take(file)
    }
  }

  /** @returns whether nothing more is to be done with it */
  private async take({ path, name, remove }: FoundFile): Promise<boolean> {
    const { acceptCapture, counters, log } = this.setup
    try {
      // What was a file when it was looked at may be a link by now.
      const chunks = createReadStream(path, { flags: NO_LINKS }) as AsyncIterable<Uint8Array>
      const { id } = await acceptCapture(name, { by: 'watch', from: path, seconds: null }, chunks)
      counters.add('subspan_watched_files_total', 1, { result: 'taken' })
      log.info({ file: path, capture: id }, 'a capture was taken from a watched folder')
    } catch (thrown) {
      const code = thrown instanceof Failure ? thrown.code : 'FILE'
      if (PASSING.has(code)) return false
      counters.add('subspan_watched_files_total', 1, { result: code })
      log.warn({ file: path, error: messageOf(thrown) }, 'a file in a watched folder is not taken, and left there')
      return true
    }
    try {
      if (remove) await unlink(path)
    } catch (thrown) {
      log.warn({ file: path, error: messageOf(thrown) }, 'a capture that was taken cannot be deleted')
    }
    return true
  }

  /** The regular files of a folder and of those right below it, by their names. */
  private async filesOf(watched: WatchedFolder): Promise<FoundFile[]> {
    const { folder } = watched
    try {
      const files = await this.filesIn(folder, watched, true)
      if (this.unreadable.delete(folder)) this.setup.log.info({ folder }, 'a watched folder can be read now')
      return files
    } catch (thrown) {
      if (!this.unreadable.has(folder)) {
        this.unreadable.add(folder)
        this.setup.log.warn({ folder, error: messageOf(thrown) }, 'a watched folder cannot be read; trying again')
      }
      return []
    }
  }

  private async filesIn(folder: string, watched: WatchedFolder, below: boolean): Promise<FoundFile[]> {
    const { service, instance, remove } = watched
    const entries = await readdir(folder, { withFileTypes: true })
    const found: FoundFile[] = []
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (UNFINISHED.test(entry.name)) continue
      const path = join(folder, entry.name)
      try {
        if (entry.isDirectory() && below) {
          const inside = { ...watched, instance: instance === '' ? entry.name : instance }
          found.push(...(await this.filesIn(path, inside, false)))
        } else if (entry.isFile()) {
          const { size, mtimeMs } = await lstat(path)
          found.push({ path, name: { service, instance }, bytes: size, changedMs: mtimeMs, remove })
        }
      } catch {
        // It went away between two looks, or is somebody else's.
      }
    }
    return found
  }
}
