// id-value.ts: one trace or span id in any of its spellings, to lower-case hex.

import { bytesOfBase64 } from '../base/base64.ts'
import { hexOf } from '../base/hex.ts'

const HEX = /^[0-9a-f]+$/
const DIGITS = /^[0-9]+$/
const ZEROS = /^0+$/
const HIGHEST_64 = (1n << 64n) - 1n
const HIGHEST_128 = (1n << 128n) - 1n

/** Shorter decimal numbers are counters rather than ids: a random 64-bit id has fewer than 8 digits once in 10^12. */
const FEWEST_DIGITS = 8
/** Shorter hex is a word rather than an id that lost its leading zeros. */
const FEWEST_HEX = 12

/** How an id may be spelled beyond hex of its full length. */
export interface IdSpelling {
  /** Whether sixteen digits, which may be either, are decimal (Datadog's spelling). */
  readonly decimal?: boolean
  /** Whether base64 may come without its padding; not where a plain word could stand. */
  readonly unpadded?: boolean
}

/**
 * A trace id from its text: hex (32 digits, 16 for 64-bit ids, or with the leading zeros left out), decimal, or base64 of its 16 bytes.
 *
 * @returns 32 lower-case hex digits, or 16 where only the low 64 bits are told; null when it is none, or zero
 */
export function traceIdOf(text: string, { decimal = false, unpadded = false }: IdSpelling = {}): string | null {
  const id = withoutPrefix(text)
  if (id.length > 40) return null
  if (DIGITS.test(id) && id.length !== 32 && (decimal || id.length !== 16)) return decimalId(id, HIGHEST_128)
  if (HEX.test(id) && id.length <= 32) {
    return paddedHex(id, id.length <= 16 ? 16 : 32)
  }
  return base64Id(text, 16, unpadded)
}

/**
 * A span id from its text: hex (16 digits, or with the leading zeros left out), decimal, or base64 of its 8 bytes.
 *
 * @returns 16 lower-case hex digits; null when it is none, or zero
 */
export function spanIdOf(text: string, { decimal = false, unpadded = false }: IdSpelling = {}): string | null {
  const id = withoutPrefix(text)
  if (id.length > 20) return null
  if (DIGITS.test(id) && (decimal || id.length !== 16)) return decimalId(id, HIGHEST_64)
  if (HEX.test(id) && id.length <= 16 && id.length >= FEWEST_HEX) return paddedHex(id, 16)
  return base64Id(text, 8, unpadded)
}

/** The span id in eight little-endian bytes; null when they are not eight, or all zero. */
export function spanIdOfBytes(bytes: Uint8Array): string | null {
  if (bytes.length !== 8) return null
  const id = hexOf(bytes.slice().reverse())
  return ZEROS.test(id) ? null : id
}

/** Whether the trace id of a task, whole or its low 64 bits, is that of a span. */
export function sameTrace(taskTraceId: string, spanTraceId: string): boolean {
  return taskTraceId.length === 32 ? taskTraceId === spanTraceId : spanTraceId.endsWith(taskTraceId)
}

function withoutPrefix(text: string): string {
  const id = text.toLowerCase()
  return id.startsWith('0x') ? id.slice(2) : id
}

function paddedHex(id: string, length: number): string | null {
  if (id.length < FEWEST_HEX || ZEROS.test(id)) return null
  return id.padStart(length, '0')
}

function decimalId(digits: string, highest: bigint): string | null {
  if (digits.length < FEWEST_DIGITS) return null
  const id = BigInt(digits)
  if (id === 0n || id > highest) return null
  return id.toString(16).padStart(id > HIGHEST_64 ? 32 : 16, '0')
}

function base64Id(text: string, size: number, unpadded: boolean): string | null {
  const padded = Math.ceil(size / 3) * 4
  if (text.length !== padded && !(unpadded && text.length === Math.ceil((size * 4) / 3))) return null
  const bytes = bytesOfBase64(text)
  if (bytes?.length !== size) return null
  const id = hexOf(bytes)
  return ZEROS.test(id) ? null : id
}
