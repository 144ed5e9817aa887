// bytes.test.ts: the byte writer, held against protobufjs's Writer, and text and numbers, held against Node.

import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { bigintOf, ByteWriter, halvesOf, textOf, utf8Of, varintWidth } from '../../src/base/bytes.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function written(write: (out: ByteWriter) => void, capacity?: number): string {
  const out = new ByteWriter(capacity)
  write(out)
  return hex(out.take())
}

function byProtobufjs(write: (writer: protobuf.Writer) => void): string {
  const writer = protobuf.Writer.create()
  write(writer)
  return hex(writer.finish())
}

/** Whole numbers, many of them next to where a varint takes another byte. */
const upTo53Bits = fc.oneof(
  fc.maxSafeNat(),
  fc.tuple(fc.nat(52), fc.constantFrom(-1, 0, 1)).map(([bits, off]) => Math.max(0, 2 ** bits + off)),
)
const upTo64Bits = fc.oneof(
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.tuple(fc.nat(63), fc.constantFrom(-1n, 0n, 1n)).map(([bits, off]) => (1n << BigInt(bits)) + off),
)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ maxLength: 60 }),
)

describe('numbers are the bytes that protobufjs writes', () => {
  test('varints up to 2^53 - 1', () => {
    fc.assert(
      fc.property(upTo53Bits, (value) => {
        const bytes = written((out) => out.varint(value))
        expect(bytes).toBe(byProtobufjs((writer) => writer.uint64(value)))
        expect(varintWidth(value)).toBe(bytes.length / 2)
      }),
    )
  })

  test('varints of two halves', () => {
    fc.assert(
      fc.property(upTo64Bits, (value) => {
        const { low, high } = halvesOf(value)
        const long = { low: low | 0, high: high | 0, unsigned: true }
        expect(written((out) => out.varint64(low, high))).toBe(byProtobufjs((writer) => writer.uint64(long)))
        expect(written((out) => out.fixed64(low, high))).toBe(byProtobufjs((writer) => writer.fixed64(long)))
      }),
    )
  })

  test('fixed and floating-point numbers', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.double({ noNaN: true }), (whole, double) => {
        expect(written((out) => out.fixed32(whole))).toBe(byProtobufjs((writer) => writer.fixed32(whole)))
        expect(written((out) => out.double(double))).toBe(byProtobufjs((writer) => writer.double(double)))
      }),
    )
    expect(written((out) => out.double(NaN))).toBe(byProtobufjs((writer) => writer.double(NaN)))
  })
})

describe('a growing writer', () => {
  test('holds all that was written, whatever its first size', () => {
    const step = fc.oneof(
      fc.nat(255).map((byte) => [(out: ByteWriter) => out.byte(byte), Buffer.of(byte)] as const),
      fc.uint8Array({ maxLength: 100 }).map((raw) => [(out: ByteWriter) => out.raw(raw), Buffer.from(raw)] as const),
      text.map((drawn) => [(out: ByteWriter) => out.utf8(drawn), Buffer.from(drawn, 'utf8')] as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(300), (steps, capacity) => {
        const bytes = written((out) => steps.forEach(([write]) => write(out)), capacity)
        expect(bytes).toBe(hex(Buffer.concat(steps.map(([, expected]) => expected))))
      }),
    )
  })

  test('copies a part of an array', () => {
    const source = Uint8Array.from({ length: 200 }, (_, i) => i)
    for (const [from, to] of [
      [0, 200],
      [3, 3],
      [3, 20],
      [3, 150],
      [0, 31],
      [0, 32],
      [168, 200],
    ] as const) {
      expect(written((out) => out.raw(source, from, to))).toBe(hex(source.slice(from, to)))
    }
  })

  test('gives away bytes that a later writer does not change', () => {
    const out = new ByteWriter(16)
    out.raw(new Uint8Array(16).fill(7))
    const taken = out.take()
    new ByteWriter(16).raw(new Uint8Array(16).fill(9))
    expect(hex(taken)).toBe('07'.repeat(16))
  })
})

describe('parts with their length before them', () => {
  test('are what protobufjs writes, whatever width was guessed and however they nest', () => {
    interface Part {
      readonly width: number
      readonly content: readonly (Uint8Array | Part)[]
    }
    const { part } = fc.letrec<{ part: Part; item: Uint8Array | Part }>((tie) => ({
      part: fc.record({ width: fc.integer({ min: 1, max: 4 }), content: fc.array(tie('item'), { maxLength: 3 }) }),
      item: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(0, 1, 100, 127, 128, 16_383, 16_384, 40_000).map((size) => new Uint8Array(size).fill(size)),
        tie('part'),
      ),
    }))
    const ours = (out: ByteWriter, { width, content }: Part): void => {
      const at = out.beginPart(width)
      for (const item of content) {
        if (item instanceof Uint8Array) out.raw(item)
        else ours(out, item)
      }
      out.endPart(at, width)
    }
    const theirs = (writer: protobuf.Writer, { content }: Part): void => {
      writer.fork()
      for (const item of content) {
        if (item instanceof Uint8Array) writer.raw(item)
        else theirs(writer, item)
      }
      writer.ldelim()
    }
    fc.assert(
      fc.property(part, (drawn) => {
        expect(written((out) => ours(out, drawn)) === byProtobufjs((writer) => theirs(writer, drawn))).toBe(true)
      }),
    )
  })

  test('may be longer than two million bytes', () => {
    const content = new Uint8Array(2 ** 21).fill(1)
    for (const width of [1, 3, 4]) {
      const out = new ByteWriter()
      const at = out.beginPart(width)
      out.raw(content)
      out.endPart(at, width)
      expect(hex(out.take().subarray(0, 5))).toBe('8080800101')
    }
  })
})

describe('text', () => {
  test('becomes the UTF-8 that Buffer writes, lone surrogates U+FFFD', () => {
    fc.assert(
      fc.property(text, (drawn) => {
        expect(hex(utf8Of(drawn))).toBe(hex(Buffer.from(drawn, 'utf8')))
        expect(written((out) => out.utf8(drawn))).toBe(hex(Buffer.from(drawn, 'utf8')))
      }),
    )
    expect(written((out) => out.utf8('a\ud800'))).toBe(hex(Buffer.from('a\ufffd')))
  })

  test('is read from UTF-8 as it was, also a byte order mark', () => {
    fc.assert(
      fc.property(text, fc.nat(3), fc.nat(3), (drawn, before, after) => {
        const wellFormed = Buffer.from(drawn, 'utf8').toString('utf8')
        const bytes = Buffer.concat([Buffer.alloc(before, 0xff), Buffer.from(drawn, 'utf8'), Buffer.alloc(after, 0xff)])
        expect(textOf(bytes, before, bytes.length - after)).toBe(wellFormed)
      }),
    )
    expect(textOf(Buffer.from('\ufeffa'))).toBe('\ufeffa')
  })

  test('that is no UTF-8 is read with U+FFFD, short or long', () => {
    expect(textOf(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\ufffdb')
    expect(textOf(Uint8Array.of(...Buffer.from('x'.repeat(40)), 0xc3))).toBe(`${'x'.repeat(40)}\ufffd`)
  })
})

describe('halves of 64-bit numbers', () => {
  test('are the number modulo 2^64, and come back as it', () => {
    fc.assert(
      fc.property(fc.bigInt(-(1n << 63n), (1n << 64n) - 1n), (value) => {
        const { low, high } = halvesOf(value)
        expect(bigintOf(low, high)).toBe(BigInt.asUintN(64, value))
      }),
    )
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(halvesOf(value)).toEqual(halvesOf(BigInt(value)))
      }),
    )
    expect(halvesOf(-0)).toEqual({ low: 0, high: 0 })
  })
})
