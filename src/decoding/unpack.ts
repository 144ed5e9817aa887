// unpack.ts: gzip and zstd around a capture are found by their first bytes and taken off while it streams.

import { Failure, messageOf } from '../base/failure.ts'

// What unpacks is loaded when something is packed: most captures are not.

/** Bytes unpacked at a time. */
const CHUNK_BYTES = 1 << 20

/**
 * Unpacks gzip (1f 8b) and zstd (28 b5 2f fd); anything else passes unchanged.
 *
 * @param name of the input, for messages
 * @throws Failure CAPTURE_COMPRESSION when the packing is broken; what was unpacked before is yielded first
 */
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
  const { createGunzip } = await import('node:zlib')
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
  const { Decompress } = await import('fzstd')
  const ready: Uint8Array[] = []
  const decompressor = new Decompress((chunk) => ready.push(chunk))
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

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
