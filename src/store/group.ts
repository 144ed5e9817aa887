// group.ts: entries that are written together: all of them are there, or none is.
//
// Their frames stand one after another with consecutive numbers; the first and the last say that they are.

import { crc32 } from 'node:zlib'
import type { NewEntry } from '../bridge/ports.ts'
import {
  FIRST_OF_GROUP,
  type Frame,
  HEADER_BYTES,
  LAST_OF_GROUP,
  scanFrames,
  type Window,
  writeHeader,
} from './frame.ts'

/** Entries to be written together. */
export interface Group {
  readonly entries: readonly NewEntry[]
  /** The meta of each, as it is written. */
  readonly metas: readonly Uint8Array[]
}

/** A larger body is handed to the system as it is, a smaller one is copied next to its header. */
const COPY_BELOW_BYTES = 8_192

/**
 * The frames of these groups, as parts to be written one after another.
 *
 * @param first sequence number of the first entry
 */
export function encodeGroups(groups: readonly Group[], first: number, writtenMs: number, salt: number): Uint8Array[] {
  let small = 0
  for (const { entries, metas } of groups) {
    for (let at = 0; at < entries.length; at++) {
      const { length } = entries[at].body
      small += HEADER_BYTES + metas[at].length + (length < COPY_BELOW_BYTES ? length : 0)
    }
  }
  const parts: Uint8Array[] = []
  const bytes = new Uint8Array(small)
  let from = 0
  let to = 0
  let sequence = first
  for (const { entries, metas } of groups) {
    for (let at = 0; at < entries.length; at++) {
      const { kind, body, settles } = entries[at]
      const meta = metas[at]
      const header = {
        kind,
        flags: (at === 0 ? FIRST_OF_GROUP : 0) | (at === entries.length - 1 ? LAST_OF_GROUP : 0),
        sequence: sequence++,
        writtenMs,
        settles: settles ?? 0,
        metaBytes: meta.length,
        bodyBytes: body.length,
        payloadSum: crc32(body, crc32(meta, salt)),
      }
      writeHeader(bytes, to, header, salt)
      bytes.set(meta, to + HEADER_BYTES)
      to += HEADER_BYTES + meta.length
      if (body.length < COPY_BELOW_BYTES) {
        bytes.set(body, to)
        to += body.length
      } else {
        parts.push(bytes.subarray(from, to), body)
        from = to
      }
    }
  }
  if (to > from) parts.push(bytes.subarray(from, to))
  return parts
}

/**
 * The groups of a segment that are whole, in order.
 *
 * @param first sequence number of the segment's first frame
 */
export async function* wholeGroups(window: Window, first: number, salt: number): AsyncGenerator<readonly Frame[]> {
  let group: Frame[] = []
  for await (const found of scanFrames(window, first, salt)) {
    if (!('header' in found)) {
      group = []
      continue
    }
    const { flags, sequence } = found.header
    if ((flags & FIRST_OF_GROUP) !== 0) group = []
    else if (group.length === 0 || group[group.length - 1].header.sequence + 1 !== sequence) {
      group = []
      continue
    }
    group.push(found)
    if ((flags & LAST_OF_GROUP) === 0) continue
    yield group
    group = []
  }
}
