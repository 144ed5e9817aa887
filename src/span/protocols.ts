// protocols.ts: the protocols besides OTLP that spans come in, with their paths and methods.

import { convertPostSpans } from './jaeger/proto-batch.ts'
import { convertThriftBatch } from './jaeger/thrift-batch.ts'
import type { ConvertedRequest } from './span.ts'
import { convertZipkinJson } from './zipkin/json.ts'

/** A protocol with one request a body. */
export interface HttpSpanProtocol {
  /** For messages. */
  readonly name: string
  readonly path: string
  /** Types of bodies that are taken; an empty one stands for none. */
  readonly mediaTypes: readonly string[]
  /** @throws Failure SPANS_MALFORMED */
  readonly convert: (body: Uint8Array) => ConvertedRequest
}

export const JAEGER_THRIFT: HttpSpanProtocol = {
  name: 'Jaeger',
  path: '/api/traces',
  mediaTypes: ['application/x-thrift', 'application/vnd.apache.thrift.binary'],
  convert: convertThriftBatch,
}

export const ZIPKIN_JSON: HttpSpanProtocol = {
  name: 'Zipkin',
  path: '/api/v2/spans',
  // Browsers say text/plain of what a page posts unless they are told otherwise.
  mediaTypes: ['application/json', 'text/plain', ''],
  convert: convertZipkinJson,
}

/** jaeger.api_v2's method with a batch a message; its answer is an empty message. */
export const JAEGER_GRPC = {
  path: '/jaeger.api_v2.CollectorService/PostSpans',
  /** @throws Failure SPANS_MALFORMED */
  convert: convertPostSpans,
}

/** OpenCensus' methods: spans in a stream, and a stream for settings of the library, of which there are none here. */
export const OPENCENSUS_GRPC = {
  exportPath: '/opencensus.proto.agent.trace.v1.TraceService/Export',
  configPath: '/opencensus.proto.agent.trace.v1.TraceService/Config',
}
