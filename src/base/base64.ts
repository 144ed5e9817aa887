// base64.ts: bytes as base64 text and back.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Six bits by character code, -1 for other characters; `-` and `_` of the URL alphabet count as `+` and `/`. */
const SIX_BITS = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) SIX_BITS[ALPHABET.charCodeAt(i)] = i
SIX_BITS['-'.charCodeAt(0)] = 62
SIX_BITS['_'.charCodeAt(0)] = 63

/** Standard base64 with padding. */
export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const group = (bytes[i] << 16) | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0)
    text += ALPHABET[group >> 18] + ALPHABET[(group >> 12) & 63]
    text += (left > 1 ? ALPHABET[(group >> 6) & 63] : '=') + (left > 2 ? ALPHABET[group & 63] : '=')
  }
  return text
}

/** The bytes of base64 text in the standard or the URL alphabet, with or without padding; null when it is neither. */
export function bytesOfBase64(text: string): Uint8Array | null {
  let digits = text.length
  if (text.endsWith('==')) digits -= 2
  else if (text.endsWith('=')) digits -= 1
  if (digits % 4 === 1 || (digits !== text.length && text.length % 4 !== 0)) return null
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4))
  let group = 0
  let bits = 0
  let at = 0
  for (let i = 0; i < digits; i++) {
    const code = text.charCodeAt(i)
    const six = code < 128 ? SIX_BITS[code] : -1
    if (six < 0) return null
    group = ((group << 6) | six) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (group >> bits) & 0xff
    }
  }
  return bytes
}
