// otlp-grpc.ts: the door for spans as OTLP/gRPC: opentelemetry.proto.collector.trace.v1.TraceService/Export.

import { EXPORT_METHOD } from '../span/otlp/grpc.ts'
import { encodeTraceResponse } from '../span/otlp/response.ts'
import type { UnaryMethod } from './grpc.ts'

/**
 * The method of OTLP, for `listenGrpc`.
 *
 * @param acceptSpans takes one OTLP protobuf trace request; resolves when its spans are on disk, throws Failure SPANS_MALFORMED, OVERLOADED, STORE
 */
export function otlpGrpc(acceptSpans: (request: Uint8Array) => Promise<void>): UnaryMethod {
  return {
    path: EXPORT_METHOD,
    async take(message) {
      await acceptSpans(message)
      return encodeTraceResponse(false, null)
    },
  }
}
