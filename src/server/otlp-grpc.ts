// otlp-grpc.ts: the door for spans as OTLP/gRPC: opentelemetry.proto.collector.trace.v1.TraceService/Export.
//
// Messages stay bytes in both directions. A sender that should try again is told when, by RetryInfo among the status's details; without it
// senders drop what was refused with RESOURCE_EXHAUSTED.

import {
  logVerbosity,
  Metadata,
  ResponderBuilder,
  type sendUnaryData,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  type ServerUnaryCall,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js'
import { Failure, messageOf } from '../base/failure.ts'
import type { Counters, Log } from '../bridge/ports.ts'
import { EXPORT_METHOD, STATUS_DETAILS } from '../span/otlp/grpc.ts'
import { encodeRetryStatus, encodeTraceResponse } from '../span/otlp/response.ts'
import type { BodyBudget } from './body.ts'
import { cannotListen, type Listener, type ListenOptions, urlOf } from './listen.ts'
import type { Security } from './security.ts'
import { type Refusal, refusalOf } from './status.ts'
import { leaveBehind } from './young-garbage.ts'

/** What the door needs. */
export interface OtlpGrpcDoor {
  /**
   * Takes the spans of one OTLP protobuf trace request; resolves when they are on disk.
   *
   * @throws Failure SPANS_MALFORMED, OVERLOADED, STORE
   */
  acceptSpans(request: Uint8Array): Promise<void>
  /** Bytes of one message, unpacked. */
  readonly maxMessageBytes: number
  readonly budget: BodyBudget
  readonly counters: Counters
  readonly log: Log
}

/** Calls at a time on one connection; a sender has a handful. */
const MAX_STREAMS = 128
/** A batch of some hundred kilobytes must not wait for permission after every 64 KiB. */
const FLOW_WINDOW_BYTES = 1 << 20

const same = (bytes: Buffer): Buffer => bytes

// The library would write to standard error in a form of its own; what it says reaches us as errors too.
setLogVerbosity(logVerbosity.NONE)

/** @throws Failure CONFIG when the port cannot be had, with the option that changes it */
export async function listenOtlpGrpc(
  door: OtlpGrpcDoor,
  options: Pick<ListenOptions, 'host' | 'port' | 'name' | 'portOption'>,
  { tls, tokens }: Security,
): Promise<Listener> {
  const server = new Server({
    'grpc.max_receive_message_length': door.maxMessageBytes,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    'grpc-node.flow_control_window': FLOW_WINDOW_BYTES,
    interceptors: tokens.asked ? [guard(door, tokens)] : [],
  })
  const method = {
    path: EXPORT_METHOD,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } as const
  server.addService(
    { export: method },
    {
      export: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        void take(door, call.request, callback)
      },
    },
  )
  const { host, port: wanted } = options
  const address = `${host.includes(':') ? `[${host}]` : host}:${wanted}`
  const credentials =
    tls === null
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(
          tls.clientCa,
          [{ private_key: tls.key, cert_chain: tls.cert }],
          tls.clientCa !== null,
        )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(cannotListen(withCode(error), options))
    })
  })
  return { url: urlOf(tls !== null, host, port), port, close: (deadlineMs) => close(server, deadlineMs) }
}

async function take(door: OtlpGrpcDoor, request: Buffer, callback: sendUnaryData<Buffer>): Promise<void> {
  const { budget, counters, log } = door
  let taken = 0
  let code: number = status.OK
  try {
    budget.take(request.length)
    taken = request.length
    counters.add('subspan_receiver_bytes_total', request.length, { receiver: 'otlp_grpc' })
    await door.acceptSpans(request)
    callback(null, Buffer.from(encodeTraceResponse(false, null)))
  } catch (thrown) {
    if (!(thrown instanceof Failure)) {
      const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
      log.error({ error }, 'a trace request met a defect')
    }
    const refusal = refusalOf(thrown)
    code = refusal.grpc
    callback({ code, details: refusal.message, metadata: detailsOf(refusal) })
  } finally {
    budget.give(taken)
    leaveBehind(taken)
    count(door, code)
  }
}

/** Refuses strangers by the first headers of a call, before its message is read. */
function guard(door: OtlpGrpcDoor, tokens: Security['tokens']): ServerInterceptor {
  return (_method, call) => {
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        if (tokens.allow(metadata.get('authorization')[0]?.toString())) {
          next(metadata)
          return
        }
        const { grpc, message } = refusalOf(
          new Failure('TOKEN', 'the call has no bearer token that is known here: send authorization: Bearer ….'),
        )
        count(door, grpc)
        call.sendStatus({ code: grpc, details: message })
      })
      .build()
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build())
  }
}

function count({ counters }: OtlpGrpcDoor, code: number): void {
  counters.add('subspan_receiver_requests_total', 1, { receiver: 'otlp_grpc', status: String(code) })
}

function detailsOf({ grpc, message, retryAfterSeconds }: Refusal): Metadata {
  const metadata = new Metadata()
  if (retryAfterSeconds !== null) {
    metadata.set(STATUS_DETAILS, Buffer.from(encodeRetryStatus({ code: grpc, message }, retryAfterSeconds)))
  }
  return metadata
}

/** The library tells the system's error in words only. */
function withCode(error: Error): NodeJS.ErrnoException {
  const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND)\b/.exec(error.message)?.[0]
  return Object.assign(new Error(messageOf(error)), code === undefined ? {} : { code })
}

async function close(server: Server, deadlineMs: number): Promise<void> {
  const deadline = setTimeout(() => server.forceShutdown(), deadlineMs)
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  clearTimeout(deadline)
}
