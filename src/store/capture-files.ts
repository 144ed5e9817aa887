// capture-files.ts: captures as files, named by the hash of their bytes, within a total size.

import { createHash, type Hash, randomBytes, randomUUID } from 'node:crypto'
import { Failure, messageOf } from '../base/failure.ts'
import type { CaptureFiles, GrowingCapture, Log, StoredCapture } from '../bridge/ports.ts'
import { type Disk, type DiskFile, diskFailure } from './disk.ts'
import type { CaptureFileOptions } from './options.ts'

/** What the capture files need. */
export interface CaptureFilesSetup {
  /** A folder of their own; it is there. */
  readonly folder: string
  readonly options: CaptureFileOptions
  readonly disk: Disk
  readonly log: Log
}

const SUFFIX = '.capture'
const NAME = /^([0-9a-f]{32})\.capture$/
/** An upload that is not complete. */
const PART = '.part'
const RETRY_AFTER_SECONDS = 30

interface StoredFile {
  bytes: number
  /** Uploads and decodings that need it. */
  uses: number
}

/** Opens the folder; what unfinished uploads left is removed. */
export async function openCaptureFiles(setup: CaptureFilesSetup): Promise<StoredCaptureFiles> {
  const { folder, disk } = setup
  const files = new Map<string, StoredFile>()
  try {
    const found = [...(await disk.list(folder))].sort((a, b) => a.changedMs - b.changedMs)
    for (const { name, bytes } of found) {
      const id = NAME.exec(name)?.[1]
      if (id !== undefined) files.set(id, { bytes, uses: 0 })
      else if (name.endsWith(PART)) await disk.remove(`${folder}/${name}`)
    }
  } catch (thrown) {
    throw diskFailure(thrown, `the captures in ${folder} could not be read`)
  }
  return new StoredCaptureFiles(setup, files)
}

/** The capture files; made by `openCaptureFiles`. */
export class StoredCaptureFiles implements CaptureFiles {
  private total = 0
  private readonly removing = new Map<string, Promise<void>>()

  constructor(
    private readonly setup: CaptureFilesSetup,
    /** Oldest first. */
    private readonly files: Map<string, StoredFile>,
  ) {
    for (const { bytes } of files.values()) this.total += bytes
  }

  /** Bytes of all files, those that are being written included. */
  get bytes(): number {
    return this.total
  }

  /** The capture is in use until `settled` is called for it. What the chunks' source throws is thrown on. */
  async write(chunks: AsyncIterable<Uint8Array>): Promise<StoredCapture> {
    const { folder, disk } = this.setup
    const part = `${folder}/${randomUUID()}${PART}`
    const upload = { bytes: 0 }
    try {
      const file = await this.stored(disk.create(part))
      const hash = createHash('sha256')
      try {
        for await (const chunk of chunks) {
          const at = upload.bytes
          await this.takeRoom(upload, chunk.length)
          hash.update(chunk)
          await this.stored(file.write([chunk], at))
        }
        if (upload.bytes === 0) {
          const next = 'send what /debug/pprof/trace or FlightRecorder.WriteTo wrote'
          throw new Failure('CAPTURE_EMPTY', `the capture has no bytes: ${next}.`)
        }
        await this.stored(file.sync())
      } finally {
        await file.close()
      }
      return await this.keep(contentIdOf(hash), part, upload)
    } catch (thrown) {
      this.total -= upload.bytes
      await disk.remove(part).catch((error: unknown) => {
        this.setup.log.warn({ file: part, error: messageOf(error) }, 'the rest of an upload could not be removed')
      })
      throw thrown
    }
  }

  /** Gives a complete upload its name. */
  private async keep(id: string, part: string, upload: { bytes: number }): Promise<StoredCapture> {
    const { folder, disk } = this.setup
    const { bytes } = upload
    await this.removing.get(id)
    if (!this.use(id)) {
      await this.stored(disk.rename(part, this.path(id)))
      await this.stored(disk.syncFolder(folder))
      // Of two uploads of one capture at one time, the second finds the first here.
      if (!this.use(id)) {
        this.files.set(id, { bytes, uses: 1 })
        return { id, bytes, known: false }
      }
    }
    this.total -= bytes
    upload.bytes = 0
    await this.stored(disk.remove(part))
    return { id, bytes, known: true }
  }

  /** Its file has its name from the first byte on: what a process that dies leaves of it is decoded by the next. */
  begin(): GrowingCapture {
    const { folder, disk } = this.setup
    const id = randomBytes(16).toString('hex')
    const hash = createHash('sha256')
    const size = { bytes: 0 }
    let file: DiskFile | null = null
    return {
      id,
      add: async (chunk) => {
        const at = size.bytes
        await this.takeRoom(size, chunk.length)
        try {
          if (file === null) {
            file = await this.stored(disk.create(this.path(id)))
            // One use is the decoding's, the other is over when nothing comes any more.
            this.files.set(id, { bytes: 0, uses: 2 })
          }
          await this.stored(file.write([chunk], at))
        } catch (thrown) {
          this.total -= chunk.length
          size.bytes = at
          throw thrown
        }
        hash.update(chunk)
        const known = this.files.get(id)
        if (known !== undefined) known.bytes = size.bytes
      },
      end: async () => {
        const { bytes } = size
        try {
          await this.stored(file?.sync() ?? Promise.resolve())
          if (file !== null) await this.stored(disk.syncFolder(folder))
        } finally {
          this.settled(id)
          await file?.close()
        }
        return { contentId: contentIdOf(hash), bytes }
      },
    }
  }

  path(id: string): string {
    return `${this.setup.folder}/${id}${SUFFIX}`
  }

  /** The capture is (again, after a restart) to be decoded: its file stays. */
  needed(id: string): number {
    this.use(id)
    return this.files.get(id)?.bytes ?? 0
  }

  /** The capture was decoded or given up: its file may leave when others need the room. Once for every `write`, `needed` and first `add`. */
  settled(id: string): void {
    const file = this.files.get(id)
    if (file !== undefined) file.uses = Math.max(0, file.uses - 1)
  }

  async remove(id: string): Promise<void> {
    const file = this.files.get(id)
    if (file === undefined) return
    this.files.delete(id)
    const removal = this.setup.disk.remove(this.path(id))
    this.removing.set(
      id,
      removal.catch(() => undefined).finally(() => this.removing.delete(id)),
    )
    try {
      await removal
      this.total -= file.bytes
    } catch (thrown) {
      this.files.set(id, file)
      throw diskFailure(thrown, `the capture ${id} could not be removed`)
    }
  }

  /** Whether the file is there; if so it stays, and counts as the newest. */
  private use(id: string): boolean {
    const file = this.files.get(id)
    if (file === undefined) return false
    file.uses++
    this.files.delete(id)
    this.files.set(id, file)
    return true
  }

  private async takeRoom(upload: { bytes: number }, bytes: number): Promise<void> {
    const { maxBytes, keepBytes } = this.setup.options
    if (upload.bytes + bytes > maxBytes) {
      throw new Failure(
        'CAPTURE_TOO_LARGE',
        `the capture has ${number(upload.bytes + bytes)} bytes or more, one may have ${number(maxBytes)} at most: record for a shorter time, or raise captures.maxBytes.`,
      )
    }
    while (this.total + bytes > keepBytes) {
      const oldest = [...this.files].find(([, { uses }]) => uses === 0)
      if (oldest === undefined) {
        throw new Failure(
          'OVERLOADED',
          `captures that are not decoded yet hold ${number(this.total)} of ${number(keepBytes)} bytes: try again when some are, or raise captures.keepBytes.`,
          RETRY_AFTER_SECONDS,
        )
      }
      await this.remove(oldest[0])
    }
    this.total += bytes
    upload.bytes += bytes
  }

  private async stored<T>(step: Promise<T>): Promise<T> {
    try {
      return await step
    } catch (thrown) {
      throw diskFailure(thrown, `the capture could not be stored in ${this.setup.folder}`)
    }
  }
}

/** What a capture with these bytes is called. */
function contentIdOf(hash: Hash): string {
  return hash.digest('hex').slice(0, 32)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
