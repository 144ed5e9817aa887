// hash.ts: a 64-bit hash of bytes, numbers and text, in two 32-bit halves.

import { type Halves, utf8Of } from './bytes.ts'

/**
 * FNV-1a over what is added, 64 bits. Not for secrets: for ids that must come out the same every time.
 * Source of the constants: draft-eastlake-fnv (offset basis cbf29ce484222325, prime 2^40 + 0x1b3).
 */
export class Hash64 {
  private low = 0x84222325
  private high = 0xcbf29ce4

  byte(value: number): this {
    const mixed = (this.low ^ (value & 0xff)) >>> 0
    // x × (2^40 + 0x1b3): no product exceeds 2^41, so doubles are exact.
    const product = mixed * 0x1b3
    this.low = product >>> 0
    this.high = (this.high * 0x1b3 + (mixed << 8) + Math.floor(product / 4294967296)) >>> 0
    return this
  }

  bytes(values: Uint8Array): this {
    for (const value of values) this.byte(value)
    return this
  }

  /** The UTF-8 bytes of a text, then a zero byte, so that two texts in a row are told apart. */
  text(value: string): this {
    return this.bytes(utf8Of(value)).byte(0)
  }

  /** The eight bytes of a number's halves, the low ones first. */
  halves(value: Halves): this {
    for (let shift = 0; shift < 32; shift += 8) this.byte(value.low >>> shift)
    for (let shift = 0; shift < 32; shift += 8) this.byte(value.high >>> shift)
    return this
  }

  /** What was added so far. */
  get value(): Halves {
    return { low: this.low, high: this.high }
  }
}
