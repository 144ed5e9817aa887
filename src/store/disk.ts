// disk.ts: the few things the store asks of a file system, so that tests can put a failing one in its place.

import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure, messageOf } from '../base/failure.ts'

/** An open file. */
export interface DiskFile {
  /** Writes all parts one after another from this offset on. */
  write(parts: readonly Uint8Array[], at: number): Promise<void>
  /** @returns bytes read from this offset on; fewer than `into` holds only at the end of the file */
  read(into: Uint8Array, at: number): Promise<number>
  /** Resolves when what was written will survive a power cut. */
  sync(): Promise<void>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** Name, size and time of a file. */
export interface DiskEntry {
  readonly name: string
  readonly bytes: number
  readonly changedMs: number
}

/** A file system. All paths are whole ones. */
export interface Disk {
  /**
   * A new file for writing; fails when it is there already.
   *
   * @param durable each write resolves when what it wrote will survive a power cut; nothing is to be synced then
   */
  create(path: string, durable?: boolean): Promise<DiskFile>
  openForReading(path: string): Promise<DiskFile>
  /** The bytes of a small file; null when there is none. */
  read(path: string): Promise<Uint8Array | null>
  /** Bytes of a file; 0 when there is none. */
  size(path: string): Promise<number>
  /** Puts a file there, or a new one in place of the old, wholly or not at all, even at a power cut. */
  replace(path: string, bytes: Uint8Array): Promise<void>
  /** Adds to the end of a file, which is made where there is none, durably. */
  append(path: string, bytes: Uint8Array): Promise<void>
  /** A file of the second name is replaced. */
  rename(from: string, to: string): Promise<void>
  /** Shortens a file to so many bytes, durably. */
  cut(path: string, bytes: number): Promise<void>
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): Promise<void>
  /** The files in a folder, in no order. */
  list(folder: string): Promise<readonly DiskEntry[]>
  /** Makes a folder and those around it, for this user only. */
  makeFolder(path: string): Promise<void>
  /** Resolves when names made, changed and removed in the folder will survive a power cut. */
  syncFolder(path: string): Promise<void>
}

/** The file system of this machine. */
export const nodeDisk: Disk = {
  async create(path, durable = false) {
    const { O_CREAT, O_EXCL, O_WRONLY } = constants
    const flags = O_CREAT | O_EXCL | O_WRONLY | (durable && WRITES_CAN_BE_DURABLE ? constants.O_DSYNC : 0)
    return new NodeFile(await open(path, flags, 0o600), durable && !WRITES_CAN_BE_DURABLE)
  },
  openForReading: async (path) => new NodeFile(await open(path, constants.O_RDONLY), false),
  async read(path) {
    try {
      return await readFile(path)
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return null
      throw thrown
    }
  },
  async size(path) {
    try {
      return (await stat(path)).size
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return 0
      throw thrown
    }
  },
  async replace(path, bytes) {
    const temporary = `${path}.new`
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await nodeDisk.syncFolder(dirname(path))
  },
  async append(path, bytes) {
    const handle = await open(path, 'a', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  rename,
  async cut(path, bytes) {
    const handle = await open(path, 'r+')
    try {
      await handle.truncate(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  remove: (path) => rm(path, { force: true }),
  async list(folder) {
    const entries: DiskEntry[] = []
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue
      try {
        const { size, mtimeMs } = await stat(`${folder}/${entry.name}`)
        entries.push({ name: entry.name, bytes: size, changedMs: mtimeMs })
      } catch (thrown) {
        // Another program may tidy up while we look.
        if (errorCode(thrown) !== 'ENOENT') throw thrown
      }
    }
    return entries
  },
  async makeFolder(path) {
    // Not by Node's own `recursive`: where no folder can be, as in /proc, Node 20 tries for ever and cannot be stopped.
    try {
      await makeOne(path)
    } catch (thrown) {
      if (errorCode(thrown) !== 'ENOENT' || dirname(path) === path) throw thrown
      await nodeDisk.makeFolder(dirname(path))
      await makeOne(path)
    }
  },
  async syncFolder(path) {
    // Windows cannot open a folder; it writes names through by itself.
    if (process.platform === 'win32') return
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}

/** Makes a folder, unless it is there. */
async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700)
  } catch (thrown) {
    if (errorCode(thrown) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw thrown
  }
}

/** Whether one call writes and syncs, which costs less than two: macOS syncs only to the disk's own memory so, Windows has no such call. */
const WRITES_CAN_BE_DURABLE = process.platform === 'linux'

class NodeFile implements DiskFile {
  constructor(
    private readonly handle: FileHandle,
    private readonly syncsAfterWrite: boolean,
  ) {}

  async write(parts: readonly Uint8Array[], at: number): Promise<void> {
    let left = parts.filter((part) => part.length > 0)
    let position = at
    while (left.length > 0) {
      const { bytesWritten } = await this.handle.writev(left, position)
      position += bytesWritten
      left = after(left, bytesWritten)
    }
    if (this.syncsAfterWrite) await this.sync()
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    let filled = 0
    while (filled < into.length) {
      const { bytesRead } = await this.handle.read(into, filled, into.length - filled, at + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  // The times of the file need not be on disk, its length is written with the data.
  sync = (): Promise<void> => this.handle.datasync()
  truncate = (bytes: number): Promise<void> => this.handle.truncate(bytes)
  close = (): Promise<void> => this.handle.close()
}

/** What is left of the parts after so many of their bytes. */
function after(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  let at = 0
  while (at < parts.length && skip >= parts[at].length) skip -= parts[at++].length
  const left = parts.slice(at)
  if (skip > 0) left[0] = left[0].subarray(skip)
  return left
}

/** `ENOSPC` and the like; empty for errors that are none of the system. */
export function errorCode(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : ''
  return typeof code === 'string' ? code : ''
}

/** Whether the disk, or what this user may have of it, is full. */
export function isFull(thrown: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(thrown))
}

/** Seconds after which a full disk may have room again. */
const FULL_DISK_SECONDS = 10

/**
 * What the disk's refusal means to whoever wanted something stored.
 *
 * @param what "the journal could not be written"
 */
export function diskFailure(thrown: unknown, what: string): Failure {
  if (thrown instanceof Failure) return thrown
  const code = errorCode(thrown)
  if (isFull(thrown)) {
    return new Failure(
      'STORE',
      `${what}: the disk is full (${messageOf(thrown)}). Nothing was taken: make room there, or lower store.maxBytes and captures.keepBytes.`,
      FULL_DISK_SECONDS,
    )
  }
  const next =
    code === 'EROFS'
      ? 'it is mounted read-only; mount it for writing, or set data.dir to another folder'
      : code === 'EACCES' || code === 'EPERM'
        ? 'give this user the right to write there, or set data.dir to another folder'
        : code === 'ENOENT' || code === 'ENOTDIR'
          ? 'no folder can be there; set data.dir to another one'
          : 'look at the disk, and at the logs of the system'
  return new Failure('STORE', `${what} (${messageOf(thrown)}): nothing was taken; ${next}.`, 5)
}
