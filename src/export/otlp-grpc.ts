// otlp-grpc.ts: sends trace requests to one destination over OTLP/gRPC and says what became of each.

import { Client, credentials, compressionAlgorithms, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { Failure, messageOf } from '../base/failure.ts'
import { EXPORT_METHOD, STATUS_DETAILS } from '../span/otlp/grpc.ts'
import { parseTraceResponse, retryDelayMs } from '../span/otlp/response.ts'
import { joinRequests } from '../span/otlp/rewrite.ts'
import type { Destination } from './destination.ts'
import type { DestinationFiles } from './destination-files.ts'
import { MAX_RETRY_AFTER_MS, reasonOf, type Sender, type SendResult } from './sender.ts'

const MAX_ANSWER_BYTES = 4 << 20
/** What OTLP says may be sent again; RESOURCE_EXHAUSTED only with RetryInfo. */
const RETRYABLE: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])
/** The HTTP status that says the same as a code, as the Collector has it; what is not here is 500. */
const HTTP_OF_CODE: ReadonlyMap<status, number> = new Map([
  [status.INVALID_ARGUMENT, 400],
  [status.UNAUTHENTICATED, 401],
  [status.PERMISSION_DENIED, 403],
  [status.UNIMPLEMENTED, 404],
  [status.RESOURCE_EXHAUSTED, 413],
])

/**
 * Prepares the sender of a destination.
 *
 * @param version of Subspan, for the User-Agent
 * @throws Failure DESTINATION for headers that gRPC does not allow
 */
export function openOtlpGrpc(destination: Destination, files: DestinationFiles, version: string): Sender {
  const { url, gzip, headers, name } = destination
  const { hostname, port, protocol } = new URL(url)
  const secure = protocol === 'https:'
  const { ca, cert, key } = files
  try {
    const client = new Client(
      `${hostname}:${port === '' ? (secure ? 443 : 80) : port}`,
      secure ? credentials.createSsl(ca ?? null, key ?? null, cert ?? null) : credentials.createInsecure(),
      {
        'grpc.primary_user_agent': `subspan/${version}`,
        'grpc.max_send_message_length': -1,
        'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
        'grpc.default_compression_algorithm': gzip ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
        // What is sent again, and when, is decided in one place: the delivery.
        'grpc.enable_retries': 0,
        // As with OTLP/HTTP, the address that is configured is the one that is asked.
        'grpc.enable_http_proxy': 0,
        'grpc.max_reconnect_backoff_ms': 10_000,
      },
    )
    const metadata = new Metadata()
    for (const [header, value] of Object.entries({ ...headers, ...files.headers })) metadata.set(header, value)
    return new OtlpGrpcSender(client, metadata, destination.timeoutMs)
  } catch (thrown) {
    throw new Failure('DESTINATION', `destination ${JSON.stringify(name)} cannot be used: ${messageOf(thrown)}.`)
  }
}

class OtlpGrpcSender implements Sender {
  constructor(
    private readonly client: Client,
    private readonly metadata: Metadata,
    private readonly timeoutMs: number,
  ) {}

  send(parts: readonly Uint8Array[], signal: AbortSignal): Promise<SendResult> {
    return new Promise((resolve) => {
      const call = this.client.makeUnaryRequest(
        EXPORT_METHOD,
        bufferOf,
        (answer) => answer,
        parts,
        this.metadata,
        { deadline: Date.now() + this.timeoutMs },
        (error, answer) => {
          signal.removeEventListener('abort', cancel)
          if (error === null) resolve({ kind: 'delivered', partial: partialOf(answer) })
          else if (signal.aborted) resolve({ kind: 'again', reason: 'Subspan is stopping', retryAfterMs: null })
          else resolve(judge(error))
        },
      )
      const cancel = (): void => call.cancel()
      signal.addEventListener('abort', cancel)
      if (signal.aborted) cancel()
    })
  }

  close(): void {
    this.client.close()
  }
}

function bufferOf(parts: readonly Uint8Array[]): Buffer {
  const { buffer, byteOffset, length } = joinRequests(parts)
  return Buffer.from(buffer, byteOffset, length)
}

function partialOf(answer: Buffer | undefined): ReturnType<typeof parseTraceResponse> {
  try {
    return parseTraceResponse(answer ?? new Uint8Array(0), false)
  } catch {
    // Whatever it says, the status says that it was taken.
    return null
  }
}

function judge({ code, details, metadata }: ServiceError): SendResult {
  const reason = reasonOf(`gRPC ${status[code]} (${code})${details === '' ? '' : `: ${details}`}`)
  const [packed] = metadata.get(STATUS_DETAILS)
  const delayMs = Buffer.isBuffer(packed) ? retryDelayMs(packed) : null
  if (RETRYABLE.has(code) || (code === status.RESOURCE_EXHAUSTED && delayMs !== null)) {
    return { kind: 'again', reason, retryAfterMs: delayMs === null ? null : Math.min(delayMs, MAX_RETRY_AFTER_MS) }
  }
  return { kind: 'refused', status: HTTP_OF_CODE.get(code) ?? 500, reason }
}
