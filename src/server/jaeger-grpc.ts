// jaeger-grpc.ts: the door for Jaeger's spans over gRPC: jaeger.api_v2.CollectorService/PostSpans.

import { JAEGER_GRPC } from '../span/protocols.ts'
import { type ConvertedDoor, ConvertedRequests } from './converted.ts'
import type { UnaryMethod } from './grpc.ts'

/** The method, for `listenGrpc`. */
export function jaegerGrpc(door: ConvertedDoor): UnaryMethod {
  const requests = new ConvertedRequests(door)
  return {
    path: JAEGER_GRPC.path,
    async take(message) {
      await requests.accept(JAEGER_GRPC.convert(message))
      return new Uint8Array(0)
    },
  }
}
