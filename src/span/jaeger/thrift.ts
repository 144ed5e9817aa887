// thrift.ts: the fields of Thrift structs in the binary protocol, read one after another with every length checked.
//
// Source: the Thrift binary protocol specification. All numbers are big-endian; a struct is fields, each with a byte of type and two of
// number, up to a type 0. Containers announce their length: nothing is made of what is announced and not there.

import { bigintOf, textOf } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'

/** Types of fields. */
export const STOP = 0
export const BOOL = 2
export const DOUBLE = 4
export const I32 = 8
export const I64 = 10
export const STRING = 11
export const STRUCT = 12
export const LIST = 15

/** Structs and containers in each other, at most; a Jaeger batch has five. */
const MAX_DEPTH = 32
const SIZES: Readonly<Record<number, number>> = { [BOOL]: 1, 3: 1, [DOUBLE]: 8, 6: 2, [I32]: 4, [I64]: 8, 16: 16 }
const MAP = 13
const SET = 14

const ADVICE =
  'The bytes are cut, damaged or of another kind: the body must be one jaeger.Batch in Thrift’s binary protocol.'

/** Reads `bytes` from its start. */
export class ThriftCursor {
  /** Type and number of the field that `next` found. */
  type = STOP
  field = 0
  private at = 0
  private readonly view: DataView

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** A reader that goes on from here by itself. */
  copy(): ThriftCursor {
    const copy = new ThriftCursor(this.bytes)
    copy.at = this.at
    return copy
  }

  /**
   * Goes to the next field of a struct; false at its end.
   *
   * @param struct its name, for errors
   * @throws Failure SPANS_MALFORMED with struct, offset and both numbers, as everything here
   */
  next(struct: string): boolean {
    this.need(1, struct)
    this.type = this.bytes[this.at++]
    if (this.type === STOP) return false
    this.need(2, struct)
    this.field = this.view.getInt16(this.at)
    this.at += 2
    return true
  }

  bool(): boolean {
    this.need(1, 'a bool')
    return this.bytes[this.at++] !== 0
  }

  i32(): number {
    this.need(4, 'an i32')
    this.at += 4
    return this.view.getInt32(this.at - 4)
  }

  /** An i64 as an unsigned number: ids are such. */
  u64(): bigint {
    this.need(8, 'an i64')
    this.at += 8
    return bigintOf(this.view.getUint32(this.at - 4), this.view.getUint32(this.at - 8))
  }

  i64(): bigint {
    return BigInt.asIntN(64, this.u64())
  }

  double(): number {
    this.need(8, 'a double')
    this.at += 8
    return this.view.getFloat64(this.at - 8)
  }

  /** The bytes of a string or binary, not copied. */
  binary(): Uint8Array {
    const length = this.length('a string', 1)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  text(): string {
    return textOf(this.binary())
  }

  /**
   * Begins a list of structs.
   *
   * @returns how many there are, as far as the bytes that are left can hold them
   */
  structs(what: string): number {
    this.need(1, what)
    const type = this.bytes[this.at++]
    const length = this.length(what, 1)
    if (type !== STRUCT && length > 0) throw this.failure(`${what} is a list of type ${type}, expected ${STRUCT}`)
    return length
  }

  /** Passes over the value of a field. */
  skip(type = this.type, depth = 1): void {
    if (depth > MAX_DEPTH) throw this.failure(`values nest deeper than ${MAX_DEPTH}`)
    const size = SIZES[type]
    if (size !== undefined) {
      this.need(size, 'a value')
      this.at += size
      return
    }
    switch (type) {
      case STRING:
        this.binary()
        return
      case STRUCT:
        while (this.next('a struct')) this.skip(this.type, depth + 1)
        return
      case LIST:
      case SET:
      case MAP: {
        const kinds = type === MAP ? 2 : 1
        this.need(kinds, 'a container')
        const inner = [...this.bytes.subarray(this.at, this.at + kinds)]
        this.at += kinds
        const length = this.length('a container', kinds)
        for (let item = 0; item < length; item++) for (const one of inner) this.skip(one, depth + 1)
        return
      }
      default:
        throw this.failure(`a field has type ${type}, which Thrift does not have`)
    }
  }

  failure(what: string): Failure {
    return new Failure('SPANS_MALFORMED', `Thrift at byte ${number(this.at)}: ${what}. ${ADVICE}`)
  }

  /** A length of four bytes, of items that take `least` bytes each. */
  private length(what: string, least: number): number {
    const length = this.i32()
    const left = this.bytes.length - this.at
    if (length < 0 || length * least > left) {
      throw this.failure(`${what} announces ${number(length)} bytes or items, ${number(left)} bytes are left`)
    }
    return length
  }

  private need(count: number, what: string): void {
    const left = this.bytes.length - this.at
    if (count > left) throw this.failure(`${what} ends: ${count} bytes needed, ${left} left`)
  }
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
