// hex.ts: bytes as hexadecimal digits and back.

/** Lower-case hex of `bytes[from, to)`. */
export function hexOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = ''
  let at = from
  for (; at + 8 <= to; at += 8) text += hexOfEight(bytes, at)
  for (; at < to; at++) text += String.fromCharCode(DIGITS[bytes[at] >> 4], DIGITS[bytes[at] & 15])
  return text
}

/** Ids have eight or sixteen bytes; one call that makes sixteen characters takes half the time of a table of digit pairs. */
function hexOfEight(bytes: Uint8Array, at: number): string {
  const a = bytes[at]
  const b = bytes[at + 1]
  const c = bytes[at + 2]
  const d = bytes[at + 3]
  const e = bytes[at + 4]
  const f = bytes[at + 5]
  const g = bytes[at + 6]
  const h = bytes[at + 7]
  return String.fromCharCode(
    DIGITS[a >> 4],
    DIGITS[a & 15],
    DIGITS[b >> 4],
    DIGITS[b & 15],
    DIGITS[c >> 4],
    DIGITS[c & 15],
    DIGITS[d >> 4],
    DIGITS[d & 15],
    DIGITS[e >> 4],
    DIGITS[e & 15],
    DIGITS[f >> 4],
    DIGITS[f & 15],
    DIGITS[g >> 4],
    DIGITS[g & 15],
    DIGITS[h >> 4],
    DIGITS[h & 15],
  )
}

/** The bytes of hex digits of either case; null for an odd count or another character. */
export function bytesOfHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = digitOf(text.charCodeAt(2 * i))
    const low = digitOf(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) return null
    bytes[i] = high * 16 + low
  }
  return bytes
}

/** 0–15 for the character code of a hex digit of either case, else -1. */
export function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Character codes of 0 to f. */
const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
