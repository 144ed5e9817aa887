// protobuf.ts: the fields of one protobuf message, read one after another with every length checked.
//
// For what is not hot: the fast scan (`otlp/scan.ts`) does the same with its state in locals and comes here for the
// seldom shapes and for the words of an error.

import { bigintOf, textOf } from '../base/bytes.ts'
import { Failure } from '../base/failure.ts'

/** What an error needs to name a field, and the type it must have. `otlp/schema.ts` holds those of OTLP. */
export interface MessageFields {
  readonly name: string
  readonly byNumber: readonly ({ readonly name: string; readonly wire: number } | undefined)[]
}

/** The message called `name` with the fields `[number, name, wire type]`. */
export function fieldsOf(
  name: string,
  rows: readonly (readonly [number: number, name: string, wire: number])[],
): MessageFields {
  const byNumber: ({ readonly name: string; readonly wire: number } | undefined)[] = []
  for (const [number, field, wire] of rows) {
    while (byNumber.length <= number) byNumber.push(undefined)
    byNumber[number] = { name: field, wire }
  }
  return { name, byNumber }
}

/** Messages may nest this deep, counted from the request: protobuf's own readers refuse deeper ones too. */
export const MAX_DEPTH = 100

const WIRE_NAMES = [
  'a varint',
  'eight bytes',
  'length and content',
  'a group',
  'a group',
  'four bytes',
  'no type',
  'no type',
]

const ADVICE =
  'The bytes are cut, damaged or of another kind: check the Content-Type of the sender and what stands in between.'

const doubleView = new DataView(new ArrayBuffer(8))

/**
 * Walks over the fields of the message in `bytes[at, end)`. After `next()` gave true, the field's number, place and value
 * stand in the properties.
 *
 * A known field with another wire type is refused, as the Collector does: passed on, it would cost the whole batch there.
 */
export class FieldCursor {
  field = 0
  wire = 0
  /** Offset of the field's tag. */
  tagAt = 0
  /** Where the tag ends: a length, a varint or a fixed number begins. */
  valueAt = 0
  /** Where the value's bytes begin: `valueAt`, for wire type 2 behind the length. */
  from = 0
  /** Where the field ends. */
  to: number
  /** A varint or fixed number, as two unsigned 32-bit halves. */
  low = 0
  high = 0

  constructor(
    private readonly bytes: Uint8Array,
    at: number,
    private readonly end: number,
    private readonly message: MessageFields,
  ) {
    this.to = at
  }

  /**
   * Reads the next field; false at the end of the message.
   *
   * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers.
   */
  next(): boolean {
    if (this.to >= this.end) return false
    this.tagAt = this.to
    this.field = 0
    this.from = this.to
    this.varint('its tag')
    const { low: tag } = this
    this.field = tag >>> 3
    this.wire = tag & 7
    if (this.high !== 0 || this.field === 0) {
      const number = bigintOf(this.low, this.high) >> 3n
      this.field = 0
      throw this.failure(`field number ${number} (1 to 536,870,911 exist)`)
    }
    const known = this.message.byNumber[this.field]
    if (known !== undefined && known.wire !== this.wire) {
      throw this.failure(
        `wire type ${this.wire} (${WIRE_NAMES[this.wire]}), expected ${known.wire} (${WIRE_NAMES[known.wire]})`,
      )
    }
    this.valueAt = this.to
    this.from = this.to
    switch (this.wire) {
      case 0:
        this.varint('the number')
        break
      case 1:
        this.skip(8)
        this.low = this.word(this.from)
        this.high = this.word(this.from + 4)
        break
      case 2: {
        this.varint('the length')
        this.from = this.to
        if (this.high !== 0) throw this.beyond(this.big())
        this.skip(this.low)
        break
      }
      case 5:
        this.skip(4)
        this.low = this.word(this.from)
        this.high = 0
        break
      default:
        throw this.failure(`wire type ${this.wire} (${WIRE_NAMES[this.wire]}), which OTLP does not use`)
    }
    return true
  }

  /** A varint or fixed number of 64 bits, unsigned. */
  big(): bigint {
    return bigintOf(this.low, this.high)
  }

  /** A varint as the signed 64-bit number that int32 and int64 fields hold. */
  signed(): bigint {
    return BigInt.asIntN(64, this.big())
  }

  /** A fixed number of eight bytes as a double. */
  double(): number {
    doubleView.setUint32(0, this.low, true)
    doubleView.setUint32(4, this.high, true)
    return doubleView.getFloat64(0, true)
  }

  /** Text of a field with length and content. */
  text(): string {
    return textOf(this.bytes, this.from, this.to)
  }

  /** Bytes of a field with length and content, not copied. */
  content(): Uint8Array {
    return this.bytes.subarray(this.from, this.to)
  }

  /** A failure that names this field and its place. */
  failure(what: string): Failure {
    const name = this.message.byNumber[this.field]?.name
    const field = this.field === 0 ? '' : ` field ${this.field}${name === undefined ? '' : ` (${name})`}`
    const place = `${this.message.name}${field} at byte ${this.tagAt.toLocaleString('en-US')}`
    return new Failure('SPANS_MALFORMED', `${place}: ${what}. ${ADVICE}`)
  }

  private word(at: number): number {
    const { bytes } = this
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
  }

  private skip(count: number): void {
    if (count > this.end - this.to) throw this.beyond(count)
    // Kept a small integer: were this field ever a double, every loop that takes its offsets from here would run on doubles.
    this.to = (this.to + count) | 0
  }

  private beyond(count: number | bigint): Failure {
    const verb = this.wire === 2 ? 'announced' : 'needed'
    const left = (this.end - this.to).toLocaleString('en-US')
    return this.failure(`${count.toLocaleString('en-US')} bytes ${verb}, ${left} left in the message`)
  }

  private varint(what: string): void {
    const { bytes, end } = this
    let at = this.to
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw this.failure(`${what} ends after ${at - this.from} of 1 to 10 bytes, 0 left in the message`)
      const byte = bytes[at++]
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else if (shift < 63) high |= bits << (shift - 32)
      else if (byte > 1) break
      else high |= bits << 31
      if (byte < 0x80) {
        this.low = low >>> 0
        this.high = high >>> 0
        this.to = at
        return
      }
    }
    throw this.failure(`${what} is longer than the 10 bytes (64 bits) a number may take`)
  }
}
