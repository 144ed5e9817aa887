// frame.ts: how one entry lies in a segment of the journal, and how frames are found again behind damage.
//
// A frame: magic, checksum of the header, lengths, checksum of the payload, kind, flags, sequence, time, settled sequence (48 bytes,
// little-endian), then the meta as JSON, then the body. Both checksums (CRC-32) begin with the segment's salt, which stands in the
// name of its file: bytes that a stranger sent inside a body, or that an older file left on the disk, never pass for a frame.

import { crc32 } from 'node:zlib'
import { textOf } from '../base/bytes.ts'
import { EntryKind, type JournalEntry } from '../bridge/ports.ts'
import type { DiskFile } from './disk.ts'

export const HEADER_BYTES = 48
const MAGIC = Buffer.from([0xb7, 0x53, 0x62, 0x1e])

/** The entry is the first, the last, of those that were written together. */
export const FIRST_OF_GROUP = 1
export const LAST_OF_GROUP = 2

/** What a frame's header says. */
export interface FrameHeader {
  readonly kind: number
  readonly flags: number
  readonly sequence: number
  /** Unix milliseconds. */
  readonly writtenMs: number
  /** 0: none. */
  readonly settles: number
  readonly metaBytes: number
  readonly bodyBytes: number
  /** CRC-32 of meta and body, from the salt on. */
  readonly payloadSum: number
}

/** Writes a header at `into[at, at + 48)`. */
export function writeHeader(into: Uint8Array, at: number, header: FrameHeader, salt: number): void {
  const view = new DataView(into.buffer, into.byteOffset + at, HEADER_BYTES)
  into.set(MAGIC, at)
  view.setUint32(8, header.metaBytes, true)
  view.setUint32(12, header.bodyBytes, true)
  view.setUint32(16, header.payloadSum, true)
  view.setUint8(20, header.kind)
  view.setUint8(21, header.flags)
  view.setUint16(22, 0, true)
  setWhole(view, 24, header.sequence)
  setWhole(view, 32, header.writtenMs)
  setWhole(view, 40, header.settles)
  view.setUint32(4, crc32(into.subarray(at + 8, at + HEADER_BYTES), salt), true)
}

/** The header at `bytes[at, at + 48)`; null when there is none that is whole. */
export function readHeader(bytes: Uint8Array, at: number, salt: number): FrameHeader | null {
  if (at + HEADER_BYTES > bytes.length) return null
  for (let i = 0; i < MAGIC.length; i++) if (bytes[at + i] !== MAGIC[i]) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES)
  if (view.getUint32(4, true) !== crc32(bytes.subarray(at + 8, at + HEADER_BYTES), salt)) return null
  return {
    metaBytes: view.getUint32(8, true),
    bodyBytes: view.getUint32(12, true),
    payloadSum: view.getUint32(16, true),
    kind: view.getUint8(20),
    flags: view.getUint8(21),
    sequence: getWhole(view, 24),
    writtenMs: getWhole(view, 32),
    settles: getWhole(view, 40),
  }
}

/** Bytes of a whole frame. */
export function frameBytes({ metaBytes, bodyBytes }: FrameHeader): number {
  return HEADER_BYTES + metaBytes + bodyBytes
}

/** A whole number up to 2^53 - 1 as 64 bits. */
function setWhole(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 4294967296, true)
  view.setUint32(at + 4, Math.floor(value / 4294967296), true)
}

function getWhole(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4294967296 + view.getUint32(at, true)
}

/** A stretch of a file in memory that moves along as it is read. What was given out stays as it is. */
export class Window {
  private bytes = new Uint8Array(0)
  private from = 0

  constructor(
    private readonly file: DiskFile,
    /** Bytes of the file that are to be read; what comes after them is not there yet, or none of ours. */
    readonly end: number,
    private readonly chunkBytes = 1 << 20,
  ) {}

  /** `count` bytes of the file from `at` on; null when the file ends before. */
  async view(at: number, count: number): Promise<Uint8Array | null> {
    if (at + count > this.end) return null
    if (at < this.from || at + count > this.from + this.bytes.length) {
      const bytes = new Uint8Array(Math.min(Math.max(count, this.chunkBytes), this.end - at))
      const filled = await this.file.read(bytes, at)
      this.bytes = bytes.subarray(0, filled)
      this.from = at
      // The file is shorter than it was when it was looked at.
      if (filled < count) return null
    }
    return this.bytes.subarray(at - this.from, at - this.from + count)
  }

  /** Offset of the first magic from `at` on; -1 when there is none. */
  async findMagic(at: number): Promise<number> {
    let position = at
    for (;;) {
      const bytes = await this.view(position, Math.min(this.chunkBytes, this.end - position))
      if (bytes === null || bytes.length < MAGIC.length) return -1
      const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(MAGIC)
      if (found >= 0) return position + found
      position += bytes.length - (MAGIC.length - 1)
    }
  }
}

/** A frame that was found whole, with its payload. */
export interface Frame {
  readonly at: number
  readonly header: FrameHeader
  /** Meta, then body. */
  readonly payload: Uint8Array
}

/** The frame at `bytes[at, …)`; null when it is not whole. */
export function wholeFrame(bytes: Uint8Array, at: number, salt: number): Frame | null {
  const header = readHeader(bytes, at, salt)
  if (header === null) return null
  const payload = bytes.subarray(at + HEADER_BYTES, at + frameBytes(header))
  if (payload.length < header.metaBytes + header.bodyBytes || crc32(payload, salt) !== header.payloadSum) return null
  return { at, header, payload }
}

/** The frame at this offset; null when it is not whole. */
export async function readFrame(window: Window, at: number, salt: number): Promise<Frame | null> {
  const head = await window.view(at, HEADER_BYTES)
  const header = head === null ? null : readHeader(head, 0, salt)
  if (header === null) return null
  const payload = await window.view(at + HEADER_BYTES, header.metaBytes + header.bodyBytes)
  if (payload === null || crc32(payload, salt) !== header.payloadSum) return null
  return { at, header, payload }
}

/** The entry of a frame; null when its kind is none that this version knows. */
export function entryOf({ header, payload }: Frame): JournalEntry | null {
  const { kind, sequence, writtenMs, settles, metaBytes } = header
  if (!isEntryKind(kind)) return null
  const meta = JSON.parse(textOf(payload, 0, metaBytes)) as Record<string, unknown>
  const body = payload.subarray(metaBytes)
  return { kind, meta, body, sequence, writtenMs, ...(settles === 0 ? {} : { settles }) }
}

/** What each kind is called, by its number. */
export const KIND_NAMES = new Map(Object.entries(EntryKind).map(([name, kind]) => [kind, name]))

function isEntryKind(kind: number): kind is EntryKind {
  return KIND_NAMES.has(kind as EntryKind)
}

/** Bytes of a segment in which no whole frame lies. */
export interface Damage {
  readonly from: number
  readonly to: number
}

/**
 * All whole frames of a segment in order, with the damaged stretches between them.
 *
 * @param first sequence number of its first frame. A later frame has a later number, and no more numbers are left out than
 *   frames fit into what was skipped.
 */
export async function* scanFrames(window: Window, first: number, salt: number): AsyncGenerator<Frame | Damage> {
  let at = 0
  let least = first
  while (at < window.end) {
    let candidate = at
    let frame = await readFrame(window, candidate, salt)
    while (frame === null || !fits(frame.header.sequence, least, candidate - at)) {
      candidate = await window.findMagic(candidate + 1)
      if (candidate < 0) {
        yield { from: at, to: window.end }
        return
      }
      frame = await readFrame(window, candidate, salt)
    }
    if (candidate > at) yield { from: at, to: candidate }
    yield frame
    least = frame.header.sequence + 1
    at = candidate + frameBytes(frame.header)
  }
}

function fits(sequence: number, least: number, skippedBytes: number): boolean {
  return sequence >= least && sequence <= least + skippedBytes / HEADER_BYTES
}
