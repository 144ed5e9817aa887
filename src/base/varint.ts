// varint.ts: unsigned LEB128 numbers (Go's uvarint, protobuf's varint) where speed does not decide.

/**
 * Reads unsigned LEB128 numbers from a byte range.
 *
 * Numbers come back as doubles: exact below 2^53, rounded above (2^64 - 1, the tracer's "none", comes back as 2^64, see
 * `NONE_U64`). After a number that ends outside the range, is longer than ten bytes or exceeds 2^64 - 1, `failed` is true and
 * every further read gives 0.
 */
export class VarintReader {
  failed = false

  constructor(
    private bytes: Uint8Array,
    public offset: number,
    private end: number,
  ) {}

  /** Begins anew with another range. */
  restart(bytes: Uint8Array, offset: number, end: number): this {
    this.bytes = bytes
    this.offset = offset
    this.end = end
    this.failed = false
    return this
  }

  get done(): boolean {
    return this.offset >= this.end || this.failed
  }

  /** One raw byte. */
  byte(): number {
    if (this.offset >= this.end) {
      this.failed = true
      return 0
    }
    return this.bytes[this.offset++]
  }

  read(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.failed || this.offset >= this.end) {
        this.failed = true
        return 0
      }
      const byte = this.bytes[this.offset++]
      if (i === 9 && byte > 1) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    this.failed = true
    return 0
  }

  /** As `read`, for numbers that must be exact above 2^53 (clock readings). */
  readBig(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.failed || this.offset >= this.end) {
        this.failed = true
        return 0n
      }
      const byte = this.bytes[this.offset++]
      if (shift === 63n && byte > 1) break
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    this.failed = true
    return 0n
  }
}

/** Position after the number that `readLong` read last; Infinity when it was none. */
export let longEnd = 0

/**
 * Reads on in a number whose first byte, 0x80 or more, is known: for loops that read the many short numbers themselves. A number that no
 * writer makes (longer than ten bytes, above 2^64 - 1) makes the position after it impossible.
 *
 * @param from position of the second byte
 */
export function readLong(bytes: Uint8Array, from: number, first: number): number {
  const second = bytes[from]
  if (second < 0x80) {
    longEnd = from + 1
    return (first & 0x7f) | (second << 7)
  }
  const third = bytes[from + 1]
  if (third < 0x80) {
    longEnd = from + 2
    return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14)
  }
  return readLongest(bytes, from, first)
}

/** As `readLong`, by a loop: on its own, so that the rest is small enough to become part of its callers. */
function readLongest(bytes: Uint8Array, from: number, first: number): number {
  let at = from
  let value = first & 0x7f
  let scale = 128
  for (let length = 2; length <= 10; length++) {
    const byte = bytes[at++]
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      longEnd = length === 10 && byte > 1 ? Infinity : at
      return value
    }
    scale *= 128
  }
  longEnd = Infinity
  return value
}
