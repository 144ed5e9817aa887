// foreign-fixtures.ts: recorded requests of other protocols than OTLP, and what the Collector makes of them (proto-fixtures/spans/README.md).

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { OpenCensusStream } from '../../src/span/opencensus/stream.ts'
import { JAEGER_GRPC, JAEGER_THRIFT, ZIPKIN_JSON } from '../../src/span/protocols.ts'
import type { ConvertedRequest } from '../../src/span/span.ts'
import { type PlainAttribute, type PlainSpan, sorted, spansOfJson } from './otlp.ts'

const folder = new URL('../../proto-fixtures/spans/', import.meta.url)

/** One recorded body, message or stream. */
export interface ForeignFixture {
  /** `jaeger/client-go.thrift` */
  readonly file: string
  /** The body, or the messages of the stream in their order. */
  readonly messages: readonly Uint8Array[]
  /** Converts the messages of one sender one after another. */
  readonly converter: () => (message: Uint8Array) => ConvertedRequest
  readonly expected: readonly PlainSpan[]
}

const CONVERTERS: Readonly<Record<string, () => (message: Uint8Array) => ConvertedRequest>> = {
  '.thrift': () => JAEGER_THRIFT.convert,
  '.bin': () => JAEGER_GRPC.convert,
  '.json': () => ZIPKIN_JSON.convert,
  '.stream': () => {
    const stream = new OpenCensusStream()
    return (message) => stream.convert(message)
  },
}

/** Every recording: a new file is a new test. */
export function foreignFixtures(): ForeignFixture[] {
  return ['jaeger', 'opencensus', 'zipkin'].flatMap((protocol) =>
    readdirSync(fileURLToPath(new URL(protocol, folder)))
      .filter((name) => !name.endsWith('.expected.json'))
      .map((name) => {
        const file = `${protocol}/${name}`
        const [stem, ending] = /^(.*)(\.\w+)$/.exec(file)?.slice(1) ?? []
        const bytes = new Uint8Array(readFileSync(new URL(file, folder)))
        const expected = spansOfJson(readFileSync(new URL(`${stem}.expected.json`, folder), 'utf8'))
        return {
          file,
          messages: ending === '.stream' ? messagesOf(bytes) : [bytes],
          converter: CONVERTERS[ending],
          expected: inOrder(expected),
        }
      }),
  )
}

/** Spans in the order of ids, attributes in that of keys: the Collector keeps them in maps without an order. */
export function inOrder(spans: readonly PlainSpan[]): PlainSpan[] {
  return sorted(spans).map((span) => ({
    ...span,
    resource: { ...span.resource, attributes: byKey(span.resource.attributes) },
    attributes: byKey(span.attributes),
    events: span.events.map((event) => ({ ...event, attributes: byKey(event.attributes) })),
    links: span.links.map((link) => ({ ...link, attributes: byKey(link.attributes) })),
  }))
}

function byKey(attributes: readonly PlainAttribute[]): PlainAttribute[] {
  return [...attributes].sort(({ key }, other) => (key < other.key ? -1 : key > other.key ? 1 : 0))
}

/** Messages, each behind its length in four bytes. */
function messagesOf(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  const messages: Uint8Array[] = []
  for (let at = 0; at < stream.length;) {
    const length = view.getUint32(at)
    messages.push(stream.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return messages
}
