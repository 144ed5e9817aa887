// limits.test.ts: requests made to cost more than their bytes: each is refused, or costs what its bytes do.

import { expect, test } from 'vitest'
import { ByteWriter, utf8Of } from '../../../src/base/bytes.ts'
import { convertThriftBatch } from '../../../src/span/jaeger/thrift-batch.ts'
import { OpenCensusStream } from '../../../src/span/opencensus/stream.ts'
import { convertZipkinJson } from '../../../src/span/zipkin/json.ts'

/** A field with length and content. */
function part(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const out = new ByteWriter()
  out.byte(tag)
  const at = out.beginPart()
  for (const content of contents) out.raw(content)
  out.endPart(at)
  return out.take()
}

test('a list in Thrift that announces more than there is', () => {
  // A batch whose second field is a list of 2^31 - 1 structs.
  const bytes = Uint8Array.of(15, 0, 2, 12, 0x7f, 0xff, 0xff, 0xff, 0)
  expect(() => convertThriftBatch(bytes)).toThrow(/announces 2,147,483,647 bytes or items, 1 bytes are left/)
})

test('structs in Thrift nested without end', () => {
  const bytes = new Uint8Array(3 * 100_000)
  for (let at = 0; at < bytes.length; at += 3) bytes[at] = 12
  expect(() => convertThriftBatch(bytes)).toThrow(/values nest deeper than 32/)
})

test('a set of booleans in Thrift as long as its bytes is passed over in time', () => {
  const items = 1_000_000
  const bytes = new Uint8Array(8 + items)
  bytes.set([14, 0, 9, 2, items >>> 24, (items >>> 16) & 255, (items >>> 8) & 255, items & 255])
  expect(() => convertThriftBatch(bytes)).toThrow(/ends: 1 bytes needed, 0 left/)
})

test('a node of OpenCensus larger than is remembered', () => {
  const node = part(0x0a, part(0x1a, part(0x0a, utf8Of('x'.repeat(20_000)))))
  expect(() => new OpenCensusStream().convert(node)).toThrow(/a node of 20,00\d bytes, at most 16,384 are remembered/)
})

test('spans of OpenCensus each with a resource of its own', () => {
  const stream = new OpenCensusStream()
  stream.convert(part(0x0a, part(0x1a, part(0x0a, utf8Of('x'.repeat(16_000))))))
  const own = (at: number): Uint8Array => {
    const out = new ByteWriter()
    const resource = part(0x0a, utf8Of(String(at)))
    out.byte(0x82)
    out.byte(1)
    out.varint(resource.length)
    out.raw(resource)
    return part(0x12, out.take())
  }
  expect(stream.convert(own(1)).spans).toBe(1)
  const many = Buffer.concat(Array.from({ length: 2_000 }, (_, at) => own(at)))
  expect(() => stream.convert(many)).toThrow(/spans of more than 1,024 resources and scopes: send smaller batches/)
})

test('lists in JSON nested without end', () => {
  const deep = `[${'['.repeat(500_000)}${']'.repeat(500_000)}]`
  expect(() => convertZipkinJson(utf8Of(deep))).toThrow(
    /byte 100: lists and objects lie in each other deeper than 100 levels/,
  )
})
