// json-reader.ts: a message in OTLP/JSON, as UTF-8 bytes, to protobuf in one pass.
//
// Bytes to bytes: strings are copied without becoming JavaScript strings, and numbers are read digit by digit, so that
// 64-bit ones stay exact even where a sender wrote them without quotes (JSON.parse would round them). Faster than
// JSON.parse alone.

import { bytesOfBase64 } from '../../base/base64.ts'
import { ByteWriter, halvesOf, textOf, utf8Of } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { digitOf } from '../../base/hex.ts'
import { MAX_DEPTH } from '../protobuf.ts'
import { tooDeep } from './check.ts'
import { jsonPathAt, shown } from './json-place.ts'
import { fieldOf, planOf } from './json-plan.ts'
import type { FieldPlan, MessagePlan } from './json-plan.ts'
import type { MessageSchema } from './schema.ts'

/**
 * The protobuf form of a JSON message. Unknown keys are passed over, null counts as absent, a key that comes twice in an
 * object is refused (readers differ on which counts); default values are left out as protobuf encoders do.
 *
 * @param json text, or its UTF-8 bytes.
 * @throws Failure SPANS_MALFORMED with the JSON path and the byte offset; BODY_TOO_LARGE for millions of list items with next to nothing in them.
 */
export function messageFromJson(schema: MessageSchema, json: string | Uint8Array): Uint8Array {
  const reader = new JsonReader(typeof json === 'string' ? utf8Of(json) : json)
  reader.document(planOf(schema))
  return reader.out.take()
}

/** Beyond so many list items they must have so many bytes each: the shortest attribute takes twice that, and an item costs time that its bytes do not tell. */
const FREE_ITEMS = 1_000_000
const LEAST_ITEM_BYTES = 8

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d
const END = -1

/** 1 for the bytes that a string may hold as they are and that need no care: printable ASCII but for quote and backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
)

/** Value of a hex digit by its byte, -1 for others. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) => digitOf(byte))

/** A JSON number: the grammar, for what is not plain digits. */
const NUMBER = /^-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/

const TWO_32 = 4294967296
const TWO_64 = 1n << 64n

class JsonReader {
  readonly out: ByteWriter
  private at = 0
  private readonly end: number
  /** The last whole number read: magnitude as two halves, and its sign. */
  private low = 0
  private high = 0
  private negative = false
  /** Items of all lists so far. */
  private items = 0

  constructor(private readonly bytes: Uint8Array) {
    this.end = bytes.length
    this.out = new ByteWriter(Math.max(256, bytes.length >> 1))
  }

  document(plan: MessagePlan): void {
    const { bytes } = this
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3
    if (this.next() === END) throw this.failure(this.at, 'the body is empty, expected an object')
    this.message(plan, 1)
    if (this.next() !== END) throw this.failure(this.at, `expected the end, found ${this.found(this.at)}`)
  }

  /** Passes white space; the byte then at hand, or END. */
  private next(): number {
    const { bytes, end } = this
    let at = this.at
    while (at < end) {
      const byte = bytes[at]
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at
        return byte
      }
      at++
    }
    this.at = at
    return END
  }

  private message(plan: MessagePlan, depth: number): void {
    if (this.next() !== 0x7b) throw this.expected('an object')
    if (depth > MAX_DEPTH) throw this.failure(this.at, tooDeep(depth))
    this.at++
    if (this.next() === 0x7d) {
      this.at++
      return
    }
    let seen = 0
    let before: FieldPlan | null = null
    for (;;) {
      if (this.next() !== QUOTE) throw this.expected('a key')
      const keyAt = this.at
      const likely: FieldPlan | null = before === null ? plan.first : before.follower
      let field: FieldPlan | null
      if (likely !== null && this.isKey(likely.key)) {
        field = likely
        this.at += likely.key.length + 2
      } else {
        field = this.key(plan)
        if (before === null) plan.first = field
        else before.follower = field
      }
      before = field
      if (this.next() !== 0x3a) throw this.expected('":"')
      this.at++
      const first = this.next()
      if (field === null) {
        this.skip(first, depth)
      } else {
        if ((seen & field.bit) !== 0) throw this.failure(keyAt, `the key "${field.name}" comes twice`)
        seen |= field.bit
        if (first === 0x6e) this.literal('null')
        else if (field.repeated) this.list(field, first, depth)
        else this.value(field, first, depth, plan.oneof)
      }
      const separator = this.next()
      this.at++
      if (separator === 0x2c) {
        this.next()
        continue
      }
      if (separator === 0x7d) return
      this.at--
      throw this.expected('"," or "}"')
    }
  }

  /** Whether the string at hand is this key. */
  private isKey(key: Uint8Array): boolean {
    const { bytes } = this
    const from = this.at + 1
    const size = key.length
    let i = 0
    while (i < size && bytes[from + i] === key[i]) i++
    return i === size && bytes[from + size] === QUOTE
  }

  /** Reads a key; its field, or null when the message has none of that name. */
  private key(plan: MessagePlan): FieldPlan | null {
    const { bytes } = this
    const from = this.at + 1
    let to = from
    let byte = bytes[to]
    while (byte !== QUOTE && byte !== BACKSLASH && byte >= 0x20) byte = bytes[++to]
    if (byte === QUOTE) {
      this.at = to + 1
      return fieldOf(plan, bytes, from, to)
    }
    const name = utf8Of(this.text())
    return fieldOf(plan, name, 0, name.length)
  }

  private list(field: FieldPlan, first: number, depth: number): void {
    if (first !== 0x5b) throw this.expected('an array')
    this.at++
    let byte = this.next()
    if (byte === 0x5d) {
      this.at++
      return
    }
    for (;;) {
      if (++this.items > FREE_ITEMS && this.items * LEAST_ITEM_BYTES > this.end) throw this.tooManyItems()
      if (byte === 0x6e) throw this.failure(this.at, 'null stands in an array, expected a value')
      this.value(field, byte, depth, true)
      byte = this.next()
      if (byte === 0x2c) {
        this.at++
        byte = this.next()
        continue
      }
      if (byte !== 0x5d) throw this.expected('"," or "]"')
      this.at++
      return
    }
  }

  /** Reads one value and writes it with its tag; unless `always`, nothing is written for a default value. */
  private value(field: FieldPlan, first: number, depth: number, always: boolean): void {
    const { out, at } = this
    switch (field.kind) {
      case 'message': {
        if (field.message === null) return
        out.byte(field.tag)
        const part = out.beginPart(field.lengthWidth)
        this.message(field.message, depth + 1)
        out.endPart(part, field.lengthWidth)
        return
      }
      case 'string':
        this.string(field.tag, first, always)
        return
      case 'id':
        this.id(field.tag, first)
        return
      case 'fixed64':
        if (!this.integer(field, first) || this.negative) throw this.range(field, at, '0 to 18,446,744,073,709,551,615')
        if (this.low !== 0 || this.high !== 0) {
          out.byte(field.tag)
          out.fixed64(this.low, this.high)
        }
        return
      case 'int64':
        if (this.integer(field, first) && this.isSigned64()) {
          this.signed(field.tag, always)
        } else if (field.doubleTag !== 0 && first !== QUOTE) {
          // OpenTelemetry JS writes every whole number as an intValue, 1e300 too; in protobuf it makes these a double.
          this.at = at
          out.byte(field.doubleTag)
          out.double(this.double(first))
        } else {
          throw this.range(field, at, '-9,223,372,036,854,775,808 to 9,223,372,036,854,775,807')
        }
        return
      case 'int32':
      case 'enum':
        if (field.kind === 'enum' && first === QUOTE && this.enumName(field)) {
          this.signed(field.tag, always)
          return
        }
        if (!this.integer(field, first) || this.high !== 0 || this.low > (this.negative ? 0x80000000 : 0x7fffffff)) {
          throw this.range(field, at, '-2,147,483,648 to 2,147,483,647')
        }
        this.signed(field.tag, always)
        return
      case 'uint32':
      case 'fixed32':
        if (!this.integer(field, first) || this.negative || this.high !== 0) {
          throw this.range(field, at, '0 to 4,294,967,295')
        }
        if (this.low === 0) return
        out.varint(field.tag)
        if (field.kind === 'uint32') out.varint(this.low)
        else out.fixed32(this.low)
        return
      case 'bool': {
        const value = first === 0x74
        if (!value && first !== 0x66) throw this.expected('true or false')
        this.literal(value ? 'true' : 'false')
        if (!value && !always) return
        out.byte(field.tag)
        out.byte(value ? 1 : 0)
        return
      }
      case 'double': {
        const value = this.double(first)
        if (value === 0 && !always) return
        out.byte(field.tag)
        out.double(value)
        return
      }
      case 'bytes': {
        if (first !== QUOTE) throw this.expected('a string in base64')
        const value = bytesOfBase64(this.text())
        if (value === null) throw this.failure(at, 'this is no base64')
        out.byte(field.tag)
        out.varint(value.length)
        out.raw(value)
      }
    }
  }

  private string(tag: number, first: number, always: boolean): void {
    if (first !== QUOTE) throw this.expected('a string')
    const { bytes, out } = this
    const from = this.at + 1
    let to = from
    while (PLAIN[bytes[to]] === 1) to++
    if (bytes[to] === QUOTE) {
      this.at = to + 1
      if (to === from && !always) return
      out.byte(tag)
      out.varint(to - from)
      out.raw(bytes, from, to)
      return
    }
    const text = this.text()
    if (text === '' && !always) return
    out.byte(tag)
    const part = out.beginPart()
    out.utf8(text)
    out.endPart(part)
  }

  /** The string at hand, with its escapes resolved; bytes that are no UTF-8 become U+FFFD. */
  private text(): string {
    const { bytes, end } = this
    const from = this.at
    let escaped = false
    let to = from + 1
    for (; ; to++) {
      if (to >= end) throw this.failure(from, `a string begins here and does not end: ${end - from} bytes are left`)
      const byte = bytes[to]
      if (byte === QUOTE) break
      if (byte < 0x20) throw this.failure(to, `control character ${byte} in a string, it must be escaped`)
      if (byte === BACKSLASH) {
        escaped = true
        to++
      }
    }
    this.at = to + 1
    if (!escaped) return textOf(bytes, from + 1, to)
    try {
      return String(JSON.parse(textOf(bytes, from, to + 1)))
    } catch {
      throw this.failure(from, 'a string with an unknown escape')
    }
  }

  private id(tag: number, first: number): void {
    if (first !== QUOTE) throw this.expected('a string of hex digits')
    const { bytes, out } = this
    const from = this.at + 1
    let to = from
    while (HEX[bytes[to]] >= 0) to++
    if (bytes[to] !== QUOTE || (to - from) % 2 !== 0) {
      const found = bytes[to] === QUOTE ? `${to - from} digits, an odd count` : this.found(to)
      throw this.failure(
        from,
        `expected an even count of hex digits (ids are hex in OTLP/JSON, not base64), found ${found}`,
      )
    }
    this.at = to + 1
    if (to === from) return
    out.byte(tag)
    out.varint((to - from) / 2)
    for (let at = from; at < to; at += 2) out.byte(HEX[bytes[at]] * 16 + HEX[bytes[at + 1]])
  }

  /**
   * Reads a whole number, in quotes or not: its magnitude into `low` and `high`, its sign into `negative`.
   *
   * @returns false when its magnitude takes more than 64 bits.
   */
  private integer(field: FieldPlan, first: number): boolean {
    const { bytes } = this
    const quoted = first === QUOTE
    let at = this.at + (quoted ? 1 : 0)
    const negative = bytes[at] === MINUS
    if (negative) at++
    const digitsAt = at
    // Fifteen digits fit a double; the few after them go by 32-bit halves.
    let value = 0
    let byte = bytes[at]
    while (byte >= 0x30 && byte <= 0x39 && at - digitsAt < 15) {
      value = value * 10 + (byte - 0x30)
      byte = bytes[++at]
    }
    let high = Math.floor(value / TWO_32)
    let low = value - high * TWO_32
    while (byte >= 0x30 && byte <= 0x39 && high < TWO_32) {
      low = low * 10 + (byte - 0x30)
      const carry = Math.floor(low / TWO_32)
      low -= carry * TWO_32
      high = high * 10 + carry
      byte = bytes[++at]
    }
    const leadingZero = bytes[digitsAt] === 0x30 && at - digitsAt > 1
    const ended = quoted ? byte === QUOTE : !isNumberByte(byte)
    if (at === digitsAt || leadingZero || !ended || high >= TWO_32) return this.wholeNumber(field, first)
    this.at = quoted ? at + 1 : at
    this.low = low
    this.high = high
    this.negative = negative && (low !== 0 || high !== 0)
    return true
  }

  /** As `integer`, for other notations (1.0, 12e2) and for what is too long or no number at all. */
  private wholeNumber(field: FieldPlan, first: number): boolean {
    const from = this.at
    const text = this.numberText(first)
    const magnitude = wholeMagnitude(text)
    if (magnitude === null) throw this.failure(from, `${field.name} is to be a whole number, found ${shown(text)}`)
    const { low, high } = halvesOf(magnitude)
    this.low = low
    this.high = high
    this.negative = text.startsWith('-') && magnitude !== 0n
    return magnitude < TWO_64
  }

  /** Whether the number last read fits 64 bits with a sign. */
  private isSigned64(): boolean {
    return this.high < 0x80000000 || (this.negative && this.high === 0x80000000 && this.low === 0)
  }

  /** Writes the number last read as a varint in two's complement. */
  private signed(tag: number, always: boolean): void {
    let { low, high } = this
    if (low === 0 && high === 0 && !always) return
    if (this.negative) {
      low = (~low + 1) >>> 0
      high = (~high + (low === 0 ? 1 : 0)) >>> 0
    }
    this.out.byte(tag)
    this.out.varint64(low, high)
  }

  /** Reads the name of an enum's number; false, with nothing read, when the string is no name (but digits, perhaps). */
  private enumName(field: FieldPlan): boolean {
    const from = this.at
    const text = this.text()
    const number = field.values.indexOf(text)
    if (number < 0) {
      if (!/^[-0-9]/.test(text)) {
        throw this.failure(
          from,
          `${field.name} ${shown(text)} is unknown: a number is expected, or one of ${field.values.join(', ')}`,
        )
      }
      this.at = from
      return false
    }
    this.low = number
    this.high = 0
    this.negative = false
    return true
  }

  private double(first: number): number {
    const from = this.at
    const text = this.numberText(first)
    if (first === QUOTE && (text === 'NaN' || text === 'Infinity' || text === '-Infinity')) return Number(text)
    if (!NUMBER.test(text)) throw this.failure(from, `expected a number, found ${shown(text)}`)
    const value = Number(text)
    if (!Number.isFinite(value))
      throw this.failure(from, `${shown(text)} is beyond what a double can hold (about 1.8e308)`)
    return value
  }

  /** The characters of a number, in quotes or not. */
  private numberText(first: number): string {
    if (first === QUOTE) return this.text()
    const { bytes } = this
    const from = this.at
    let to = from
    while (isNumberByte(bytes[to])) to++
    if (to === from) throw this.expected('a number')
    this.at = to
    return textOf(bytes, from, to)
  }

  private literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.at + i] !== word.charCodeAt(i)) throw this.expected(word)
    }
    this.at += word.length
  }

  /** Passes over a value that no field takes. */
  private skip(first: number, depth: number): void {
    switch (first) {
      case QUOTE:
        this.text()
        return
      case 0x74:
        this.literal('true')
        return
      case 0x66:
        this.literal('false')
        return
      case 0x6e:
        this.literal('null')
        return
      case 0x7b:
      case 0x5b:
        break
      default: {
        const from = this.at
        const text = this.numberText(first)
        if (!NUMBER.test(text)) throw this.failure(from, `expected a value, found ${shown(text)}`)
        return
      }
    }
    if (depth >= MAX_DEPTH) throw this.failure(this.at, `values nest ${depth + 1} deep, ${MAX_DEPTH} are read`)
    const close = first + 2 // } and ] both stand two after what they close
    this.at++
    if (this.next() === close) {
      this.at++
      return
    }
    for (;;) {
      if (first === 0x7b) {
        if (this.next() !== QUOTE) throw this.expected('a key')
        this.text()
        if (this.next() !== 0x3a) throw this.expected('":"')
        this.at++
      }
      this.skip(this.next(), depth + 1)
      const separator = this.next()
      if (separator !== 0x2c && separator !== close) throw this.expected(`"," or "${String.fromCharCode(close)}"`)
      this.at++
      if (separator === close) return
    }
  }

  private tooManyItems(): Failure {
    const [items, bytes] = [this.items.toLocaleString('en-US'), this.end.toLocaleString('en-US')]
    return new Failure(
      'BODY_TOO_LARGE',
      `${items} list items or more in ${bytes} bytes: beyond ${FREE_ITEMS.toLocaleString('en-US')} they are taken when they have ${LEAST_ITEM_BYTES} bytes each or more. ` +
        'Nearly all of them are empty: look at what the sender writes, and send smaller batches.',
    )
  }

  private range(field: FieldPlan, from: number, range: string): Failure {
    const found = textOf(this.bytes, from, this.at).replaceAll('"', '')
    return this.failure(from, `${field.name} is ${shown(found)}, ${range} is its range`)
  }

  private expected(what: string): Failure {
    return this.failure(this.at, `expected ${what}, found ${this.found(this.at)}`)
  }

  private found(at: number): string {
    if (at >= this.end) return 'the end'
    const byte = this.bytes[at]
    return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte ${byte}`
  }

  private failure(offset: number, what: string): Failure {
    const { bytes } = this
    const path = jsonPathAt(bytes, offset)
    const place = `${path === '' ? '' : `${path}, `}byte ${offset.toLocaleString('en-US')} of ${bytes.length.toLocaleString('en-US')}`
    return new Failure(
      'SPANS_MALFORMED',
      `${place}: ${what}. The body is cut, damaged or no OTLP/JSON: check the Content-Type of the sender and what stands in between.`,
    )
  }
}

function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === MINUS || byte === 0x2b || byte === 0x2e || (byte | 0x20) === 0x65
}

/**
 * The magnitude of a whole number in any notation, 2^64 for all that is larger; null for what is no number or has a
 * fraction.
 */
function wholeMagnitude(text: string): bigint | null {
  const parts = NUMBER.exec(text)
  if (parts === null) return null
  const [, whole, fraction = '', exponent = '0'] = parts
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return 0n
  // How many of the digits, filled up with zeros, stand before the decimal point.
  const size = digits.length - fraction.length + Number(exponent)
  if (size <= 0 || /[1-9]/.test(digits.slice(size))) return null
  if (size > 20) return TWO_64
  const magnitude = BigInt(digits.slice(0, size).padEnd(size, '0'))
  return magnitude < TWO_64 ? magnitude : TWO_64
}
