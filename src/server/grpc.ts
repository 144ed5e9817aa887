// grpc.ts: a gRPC server on a port, with the limits every door has, its guard and its end. Messages stay bytes in both directions.
//
// A sender that should try again is told when, by RetryInfo among the status's details; without it senders drop what was refused with
// RESOURCE_EXHAUSTED.

import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import {
  logVerbosity,
  Metadata,
  type MethodDefinition,
  ResponderBuilder,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  ServerListenerBuilder,
  type ServerUnaryCall,
  setLogVerbosity,
  status,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import { Failure } from '../base/failure.ts'
import type { Counters, Log } from '../bridge/ports.ts'
import { STATUS_DETAILS } from '../span/otlp/grpc.ts'
import { encodeRetryStatus } from '../span/otlp/response.ts'
import type { BodyBudget } from './body.ts'
import { counted } from './grpc-bytes.ts'
import { cannotListen, type Listener, type ListenOptions, MAX_CONNECTIONS, urlOf } from './listen.ts'
import { secureContextOf, type Security, tlsServerOptions } from './security.ts'
import { type Refusal, refusalOf } from './status.ts'
import { leaveBehind } from './young-garbage.ts'

/** What every gRPC door needs. */
export interface GrpcDoor {
  /** Its name as a metric's label. */
  readonly receiver: string
  /** Bytes of one message, unpacked. */
  readonly maxMessageBytes: number
  /** Option that raises it, for the answer. */
  readonly maxMessageOption: string
  /** The one message of a call must have come whole within this time of its beginning; 30 s unless told otherwise. */
  readonly messageTimeoutMs?: number
  readonly budget: BodyBudget
  readonly counters: Counters
  readonly log: Log
}

/** A call with one message and one answer. */
export interface UnaryMethod {
  readonly path: string
  /** @returns the answer's message; what it throws becomes the call's status */
  readonly take: (message: Buffer) => Promise<Uint8Array>
}

/** A call with streams of messages both ways. */
export interface StreamMethod {
  readonly path: string
  readonly serve: (call: ServerDuplexStream<Buffer, Buffer>) => void
}

/** Calls at a time on one connection; a sender has a handful. */
const MAX_STREAMS = 128
/** A batch of some hundred kilobytes must not wait for permission after every 64 KiB. */
const FLOW_WINDOW_BYTES = 1 << 20
const MESSAGE_TIMEOUT_MS = 30_000
/** A connection without a call is closed after this time; clients open another one without being told. */
const IDLE_MS = 10 * 60_000
/** A peer that does not answer a ping is gone. */
const PING_EVERY_MS = 60_000
const PING_TIMEOUT_MS = 20_000

const same = (bytes: Buffer): Buffer => bytes

// The library would write to standard error in a form of its own; what it says reaches us as errors too.
setLogVerbosity(logVerbosity.NONE)

/** @throws Failure CONFIG when the port cannot be had, with the option that changes it */
export async function listenGrpc(
  door: GrpcDoor,
  methods: { readonly unary: readonly UnaryMethod[]; readonly streams: readonly StreamMethod[] },
  options: Pick<ListenOptions, 'host' | 'port' | 'name' | 'portOption' | 'maxConnections'>,
  { tls, tokens }: Security,
): Promise<Listener> {
  const unary = new Set(methods.unary.map(({ path }) => path))
  const refuse = (call: ServerInterceptingCallInterface, thrown: unknown): void => {
    const refusal = refusalFor(door, thrown)
    countCall(door, refusal.grpc)
    call.sendStatus({ code: refusal.grpc, details: refusal.message, metadata: detailsOf(refusal) })
  }
  // The first of them is told first of what comes.
  const first = counted(door, unary, refuse)
  const last = impatient(door, unary)
  const server = new Server({
    'grpc.max_receive_message_length': door.maxMessageBytes,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    'grpc.max_connection_idle_ms': IDLE_MS,
    'grpc.keepalive_time_ms': PING_EVERY_MS,
    'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
    'grpc-node.flow_control_window': FLOW_WINDOW_BYTES,
    interceptors: tokens.asked ? [first, guard(door, tokens), last] : [first, last],
  })
  const service: Record<string, MethodDefinition<Buffer, Buffer>> = {}
  const handlers: Record<string, UntypedHandleCall> = {}
  for (const { path, take } of methods.unary) {
    service[path] = definition(path, false)
    handlers[path] = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      void takeUnary(door, call.request, take, callback)
    }
  }
  for (const { path, serve } of methods.streams) {
    service[path] = definition(path, true)
    handlers[path] = serve
  }
  server.addService(service, handlers)
  // Connections are taken, and TLS is spoken, by a listener of our own: the library can neither limit their number nor change a certificate.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const take = (socket: Socket): void => injector.injectConnection(socket.setNoDelay())
  const secure = tls === null ? null : createSecureServer({ ...tlsServerOptions(tls), ALPNProtocols: ['h2'] }, take)
  const listener = secure ?? createServer(take)
  const { host, port: wanted, maxConnections = MAX_CONNECTIONS } = options
  listener.maxConnections = maxConnections
  listener.on('drop', () =>
    door.counters.add('subspan_receiver_connections_refused_total', 1, { receiver: door.receiver }),
  )
  await new Promise<void>((resolve, reject) => {
    listener.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, options)))
    listener.listen({ host, port: wanted }, () => {
      listener.removeAllListeners('error')
      resolve()
    })
  })
  const { port } = listener.address() as AddressInfo
  return {
    url: urlOf(tls !== null, host, port),
    port,
    renewTls: (renewed) => secure?.setSecureContext(secureContextOf(renewed)),
    async close(deadlineMs) {
      listener.close()
      const deadline = setTimeout(() => server.forceShutdown(), deadlineMs)
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      clearTimeout(deadline)
    },
  }
}

function definition(path: string, streams: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}

async function takeUnary(
  door: GrpcDoor,
  request: Buffer,
  take: UnaryMethod['take'],
  callback: sendUnaryData<Buffer>,
): Promise<void> {
  const { budget, counters, receiver } = door
  let taken = 0
  let code: number = status.OK
  try {
    budget.take(request.length)
    taken = request.length
    counters.add('subspan_receiver_bytes_total', request.length, { receiver })
    callback(null, Buffer.from(await take(request)))
  } catch (thrown) {
    const refusal = refusalFor(door, thrown)
    code = refusal.grpc
    callback({ code, details: refusal.message, metadata: detailsOf(refusal) })
  } finally {
    budget.give(taken)
    leaveBehind(taken)
    countCall(door, code)
  }
}

/** The refusal for whatever was thrown; a defect of ours is logged. */
export function refusalFor({ log }: Pick<GrpcDoor, 'log'>, thrown: unknown): Refusal {
  if (!(thrown instanceof Failure)) {
    const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    log.error({ error }, 'a trace request met a defect')
  }
  return refusalOf(thrown)
}

/** Counts an answer by its status. */
export function countCall({ counters, receiver }: Pick<GrpcDoor, 'counters' | 'receiver'>, code: number): void {
  counters.add('subspan_receiver_requests_total', 1, { receiver, status: String(code) })
}

/** Refuses strangers by the first headers of a call, before its message is read. */
function guard(door: GrpcDoor, tokens: Security['tokens']): ServerInterceptor {
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
        countCall(door, grpc)
        call.sendStatus({ code: grpc, details: message })
      })
      .build()
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build())
  }
}

/** Ends calls whose one message does not come. */
function impatient(door: GrpcDoor, paths: ReadonlySet<string>): ServerInterceptor {
  const { messageTimeoutMs = MESSAGE_TIMEOUT_MS } = door
  return (method, call) => {
    if (!paths.has(method.path)) return new ServerInterceptingCall(call)
    let timer: NodeJS.Timeout | undefined
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        timer = setTimeout(() => {
          const details = `the message did not come whole within ${messageTimeoutMs / 1_000} s: send it again.`
          countCall(door, status.DEADLINE_EXCEEDED)
          call.sendStatus({ code: status.DEADLINE_EXCEEDED, details })
        }, messageTimeoutMs)
        timer.unref()
        next(metadata)
      })
      .withOnReceiveHalfClose((next) => {
        clearTimeout(timer)
        next()
      })
      .withOnCancel(() => clearTimeout(timer))
      .build()
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build())
  }
}

function detailsOf({ grpc, message, retryAfterSeconds }: Refusal): Metadata {
  const metadata = new Metadata()
  if (retryAfterSeconds !== null) {
    metadata.set(STATUS_DETAILS, Buffer.from(encodeRetryStatus({ code: grpc, message }, retryAfterSeconds)))
  }
  return metadata
}
