// grpc-sink.ts: a small OTLP/gRPC backend for tests: keeps what came, and fails when told to.

import { Metadata, type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js'
import { until } from './subspan-process.ts'

/** What the next call is answered instead of being taken. */
export interface GrpcRefusal {
  readonly code: number
  readonly details: string
  /** `grpc-status-details-bin`. */
  readonly statusDetails?: Uint8Array
}

const same = (bytes: Buffer): Buffer => bytes

/** A backend on a free port of loopback. */
export class GrpcSink {
  /** Requests that were taken. */
  readonly bodies: Uint8Array[] = []
  readonly calls: { readonly metadata: Metadata; readonly code: number }[] = []
  /** Used up one by one. */
  readonly refusals: GrpcRefusal[] = []
  /** What those that are taken are answered. */
  answer: Uint8Array = new Uint8Array(0)
  /** Calls are answered only while this is false. */
  silent = false
  port = 0
  private readonly server = new Server({ 'grpc.max_receive_message_length': -1 })

  static async open(credentials = ServerCredentials.createInsecure(), port = 0): Promise<GrpcSink> {
    const sink = new GrpcSink()
    sink.server.addService(
      {
        export: {
          path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      { export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => sink.take(call, done) },
    )
    sink.port = await new Promise((resolve, reject) => {
      sink.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound)
        else reject(error)
      })
    })
    return sink
  }

  /** Resolves when the condition holds for what has come. */
  until(condition: (sink: GrpcSink) => boolean): Promise<void> {
    return until(() => condition(this))
  }

  close(): void {
    this.server.forceShutdown()
  }

  private take({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
    const refusal = this.refusals.shift()
    this.calls.push({ metadata, code: refusal?.code ?? 0 })
    if (this.silent) return
    if (refusal === undefined) {
      this.bodies.push(request)
      done(null, Buffer.from(this.answer))
      return
    }
    const trailers = new Metadata()
    if (refusal.statusDetails !== undefined) {
      trailers.set('grpc-status-details-bin', Buffer.from(refusal.statusDetails))
    }
    done({ code: refusal.code, details: refusal.details, metadata: trailers })
  }
}
