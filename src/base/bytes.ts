// bytes.ts: a growing byte writer (protobuf's forms of numbers, text, length-prefixed parts) and text from bytes.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

const TWO_32 = 4294967296

/** Bytes written one after another into an array that grows by doubling. */
export class ByteWriter {
  private bytes: Uint8Array
  /** Bytes written so far. */
  length = 0

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(Math.max(16, capacity))
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** A whole number, 0 to 2^53 - 1, as a varint. */
  varint(value: number): void {
    if (value < 0x80) {
      this.byte(value)
      return
    }
    this.reserve(8)
    while (value >= 0x80) {
      this.bytes[this.length++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    this.bytes[this.length++] = value
  }

  /** The 64-bit number high × 2^32 + low (both halves unsigned) as a varint. */
  varint64(low: number, high: number): void {
    this.reserve(10)
    while (high > 0) {
      this.bytes[this.length++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    while (low >= 0x80) {
      this.bytes[this.length++] = (low & 0x7f) | 0x80
      low >>>= 7
    }
    this.bytes[this.length++] = low
  }

  /** An unsigned 32-bit number, little-endian. */
  fixed32(value: number): void {
    this.reserve(4)
    this.bytes[this.length++] = value & 0xff
    this.bytes[this.length++] = (value >>> 8) & 0xff
    this.bytes[this.length++] = (value >>> 16) & 0xff
    this.bytes[this.length++] = value >>> 24
  }

  /** The 64-bit number high × 2^32 + low, little-endian. */
  fixed64(low: number, high: number): void {
    this.fixed32(low)
    this.fixed32(high)
  }

  /** A double, little-endian. */
  double(value: number): void {
    doubleView.setFloat64(0, value, true)
    this.fixed64(doubleView.getUint32(0, true), doubleView.getUint32(4, true))
  }

  /** `source[from, to)`. */
  raw(source: Uint8Array, from = 0, to = source.length): void {
    const count = to - from
    this.reserve(count)
    const { bytes } = this
    let at = this.length
    // Below some thirty bytes a loop is faster than making a view and copying it.
    if (count < 32) for (let i = from; i < to; i++) bytes[at++] = source[i]
    else bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at)
    this.length += count
  }

  /** UTF-8 of `text`; lone surrogates become U+FFFD. */
  utf8(text: string): void {
    this.reserve(text.length * 3)
    const { bytes } = this
    let at = this.length
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) {
        at += encoder.encodeInto(i === 0 ? text : text.slice(i), bytes.subarray(at)).written
        break
      }
      bytes[at++] = code
    }
    this.length = at
  }

  /**
   * Begins a part whose length goes before it and is not known yet.
   *
   * @param width bytes its length will likely take (1 below 128, 2 below 16,384, 3 below 2,097,152); a wrong guess costs
   *   one move of the part.
   * @returns what `endPart` needs.
   */
  beginPart(width = 1): number {
    this.reserve(width)
    this.length += width
    return this.length
  }

  /** Ends the part that began at `contentAt` with the same `width`: writes its length before it. */
  endPart(contentAt: number, width = 1): void {
    const size = this.length - contentAt
    const needed = varintWidth(size)
    if (needed !== width) {
      this.reserve(needed)
      this.bytes.copyWithin(contentAt - width + needed, contentAt, this.length)
      this.length += needed - width
    }
    let at = contentAt - width
    let rest = size
    while (rest >= 0x80) {
      this.bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[at] = rest
  }

  /** What was written. The writer must not be used after it: when little of its array is unused, that array is given away. */
  take(): Uint8Array {
    const { bytes, length } = this
    return bytes.length - length <= length >> 4 ? bytes.subarray(0, length) : bytes.slice(0, length)
  }
}

/** Bytes that a varint of `value` (0 to 2^53 - 1) takes. */
export function varintWidth(value: number): number {
  let width = 1
  for (; value >= 0x80; value = Math.floor(value / 0x80)) width++
  return width
}

/** Text of UTF-8 `bytes[from, to)`; what is not UTF-8 becomes U+FFFD, a byte order mark stays. */
export function textOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  if (to - from > 24) return decoder.decode(bytes.subarray(from, to))
  // Most names are short and ASCII: putting them together here is twice as fast as calling the decoder.
  let text = ''
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (byte >= 0x80) return decoder.decode(bytes.subarray(from, to))
    text += String.fromCharCode(byte)
  }
  return text
}

/** UTF-8 of `text`; lone surrogates become U+FFFD. */
export function utf8Of(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Two unsigned 32-bit halves of a 64-bit number. */
export interface Halves {
  readonly low: number
  readonly high: number
}

/** The halves of a whole number modulo 2^64 (negative ones in two's complement). */
export function halvesOf(value: number | bigint): Halves {
  if (typeof value === 'number' && value >= 0)
    return { low: (value % TWO_32) >>> 0, high: Math.floor(value / TWO_32) >>> 0 }
  const wrapped = BigInt.asUintN(64, BigInt(value))
  return { low: Number(wrapped & 0xffffffffn), high: Number(wrapped >> 32n) }
}

/** The number high × 2^32 + low. */
export function bigintOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low)
}

const doubleView = new DataView(new ArrayBuffer(8))
