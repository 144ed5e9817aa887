// zstd.ts: unpacks a body packed with zstd within limits: what its headers ask for is looked at before memory is taken for it.
//
// Source of the frame format: RFC 8878. The library takes as much memory as a header asks for, up to 2 GB, so that headers are read here first.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { Decompress } from 'fzstd'

/** Largest window: what encoders use at their highest usual levels. */
const MAX_WINDOW_BYTES = 32 << 20
/** Each frame takes a window of its own; a sender writes one, a parallel packer some dozens. */
const MAX_FRAMES = 256
/** Packed bytes unpacked at a time, so that others have their turn in between. */
const PIECE_BYTES = 16 << 10

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

/**
 * Unpacks a whole body, piece by piece.
 *
 * @param add takes what was unpacked; it may throw to end it
 * @throws Error with what is wrong
 */
export async function unpackZstd(packed: Uint8Array, add: (chunk: Uint8Array) => void): Promise<void> {
  checkFrames(packed)
  if (packed.length === 0) return
  const unpacker = new Decompress((chunk) => {
    if (chunk.length > 0) add(chunk)
  })
  for (let at = 0; at < packed.length; at += PIECE_BYTES) {
    if (at > 0) await nextTurn()
    const end = at + PIECE_BYTES
    unpacker.push(packed.subarray(at, end), end >= packed.length)
  }
}

/** Walks over the frames and blocks without unpacking them. */
function checkFrames(packed: Uint8Array): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const need = (at: number, count: number): void => {
    if (at + count > packed.length) throw new Error(`it is cut: ${at + count - packed.length} more bytes are needed`)
  }
  let frames = 0
  let at = 0
  while (at < packed.length) {
    if (++frames > MAX_FRAMES) throw new Error(`it has more than ${MAX_FRAMES} frames`)
    need(at, 8)
    const magic = view.getUint32(at, true)
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
      const length = view.getUint32(at + 4, true)
      need(at + 8, length)
      at += 8 + length
      continue
    }
    if (magic !== MAGIC) throw new Error(`at byte ${at} no frame begins`)
    const flags = packed[at + 4]
    const single = (flags & 0x20) !== 0
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6]
    const dictionaryBytes = [0, 1, 2, 4][flags & 3]
    const sizeAt = at + 5 + (single ? 0 : 1) + dictionaryBytes
    need(sizeAt, sizeBytes)
    const windowBytes = single ? contentBytes(view, sizeAt, sizeBytes) : windowOf(packed[at + 5])
    if (windowBytes > MAX_WINDOW_BYTES) {
      throw new Error(
        `it asks for a window of ${windowBytes.toLocaleString('en-US')} bytes, at most ${MAX_WINDOW_BYTES.toLocaleString('en-US')} are given`,
      )
    }
    at = sizeAt + sizeBytes
    for (let last = false; !last;) {
      need(at, 3)
      const header = packed[at] | (packed[at + 1] << 8) | (packed[at + 2] << 16)
      last = (header & 1) !== 0
      // A block of one repeated byte holds that byte.
      const length = ((header >> 1) & 3) === 1 ? 1 : header >> 3
      need(at + 3, length)
      at += 3 + length
    }
    const checksumBytes = (flags & 4) === 0 ? 0 : 4
    need(at, checksumBytes)
    at += checksumBytes
  }
}

function contentBytes(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true) + 256
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true))
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}
