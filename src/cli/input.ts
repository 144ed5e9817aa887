// input.ts: files and standard input as streams of unpacked bytes.

import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { Decompress as ZstdDecompress } from 'fzstd'
import { Failure, messageOf } from '../base/failure.ts'

/** Bytes read at a time: large enough that a batch rarely straddles two reads. */
const CHUNK_BYTES = 1 << 20

/** What a progress line needs. */
export interface InputProgress {
  /** Bytes of the file read so far, packed. */
  readonly readBytes: number
  /** Size of the file; null for standard input. */
  readonly totalBytes: number | null
}

/** Name for messages: `-` is standard input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path
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

/** Unpacks gzip (1f 8b) and zstd (28 b5 2f fd); anything else passes unchanged. */
export async function* unpack(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  let head = new Uint8Array(0)
  let ended = false
  while (head.length < 4 && !ended) {
    const next = await iterator.next()
    if (next.done === true) ended = true
    else head = head.length === 0 ? new Uint8Array(next.value) : concat(head, next.value)
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head
    if (ended) return
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) return
      yield next.value
    }
  }
  if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(rest(), name)
  else if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) yield* unzstd(rest(), name)
  else yield* rest()
}

async function* gunzip(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const gunzipper = createGunzip({ chunkSize: CHUNK_BYTES })
  const pump = (async () => {
    for await (const chunk of source) {
      if (!gunzipper.write(chunk)) await new Promise((resolve) => gunzipper.once('drain', resolve))
    }
    gunzipper.end()
  })()
  pump.catch((error: unknown) => gunzipper.destroy(error instanceof Error ? error : new Error(String(error))))
  try {
    for await (const chunk of gunzipper) yield chunk as Uint8Array
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(
      'CAPTURE_COMPRESSION',
      `${name} is gzip, but unpacking failed: ${messageOf(error)}. The file may be cut; what came before is used.`,
    )
  }
  await pump
}

async function* unzstd(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = []
  const decompressor = new ZstdDecompress((chunk) => ready.push(chunk))
  try {
    for await (const chunk of source) {
      decompressor.push(chunk)
      yield* ready.splice(0)
    }
    decompressor.push(new Uint8Array(0), true)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(
      'CAPTURE_COMPRESSION',
      `${name} is zstd, but unpacking failed: ${messageOf(error)}. The file may be cut; what came before is used.`,
    )
  }
  yield* ready
}

/** The whole of an input as text, for span files. */
export async function readText(path: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of readInput(path)) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

/** The whole of an input as bytes. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readInput(path)) chunks.push(chunk.slice())
  return Buffer.concat(chunks)
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const file = await open(path, 'r')
    await file.close()
    const found = await stat(path)
    if (found.isDirectory()) throw new Failure('FILE', `${path} is a folder: name the capture files in it.`)
    return found.isFile() ? found.size : null
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

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
