// input.ts: files and standard input as streams of unpacked bytes.

import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Failure, messageOf } from '../base/failure.ts'
import { unpack } from '../decoding/unpack.ts'
import { inputName } from './input-name.ts'

/** Bytes read at a time: large enough that a batch rarely straddles two reads. */
const CHUNK_BYTES = 1 << 20

/** What a progress line needs. */
export interface InputProgress {
  /** Bytes of the file read so far, packed. */
  readonly readBytes: number
  /** Size of the file; null for standard input. */
  readonly totalBytes: number | null
}

/**
 * Reads a file (or standard input for `-`) and unpacks gzip or zstd, found by its first bytes.
 *
 * @throws Failure FILE when it cannot be read, CAPTURE_COMPRESSION when the packing is broken. What was unpacked before is yielded first.
 */
export async function* readInput(
  path: string,
  onProgress?: (progress: InputProgress) => void,
): AsyncGenerator<Uint8Array> {
  const totalBytes = path === '-' ? null : await sizeOf(path)
  const source = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES })
  let readBytes = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        const bytes = chunk as Uint8Array
        readBytes += bytes.length
        yield bytes
        onProgress?.({ readBytes, totalBytes })
      }
    } catch (error) {
      throw fileFailure(path, error)
    }
  }
  yield* unpack(counted(), inputName(path))
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw new Failure('FILE', `${path} is a folder: name the capture files in it.`)
    // Opening a pipe and closing it again would take its writer the reader.
    if (!found.isFile()) return null
    const file = await open(path, 'r')
    await file.close()
    return found.size
  } catch (error) {
    throw fileFailure(path, error)
  }
}

function fileFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT')
    return new Failure('FILE', `${path} does not exist: check the path (relative to ${process.cwd()}).`)
  if (code === 'EACCES') return new Failure('FILE', `${path} may not be read by this user: check its permissions.`)
  return new Failure('FILE', `${inputName(path)} cannot be read: ${messageOf(error)}.`)
}
