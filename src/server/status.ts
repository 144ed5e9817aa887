// status.ts: what a failure is called in HTTP and in gRPC. The only such table: doors never decide by message text.

import { Failure, type FailureCode } from '../base/failure.ts'

/** Both numbers of a failure. */
export interface FailureStatus {
  readonly http: number
  /** Number of the gRPC status; also `code` in the google.rpc.Status body of OTLP/HTTP. */
  readonly grpc: number
}

const INVALID_ARGUMENT = 3
const NOT_FOUND = 5
const RESOURCE_EXHAUSTED = 8
const DEADLINE_EXCEEDED = 4
const ABORTED = 10
const INTERNAL = 13
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16

/**
 * OTLP senders try again after 429, 502, 503 and 504 only and drop the spans after any other error, so that only what
 * may succeed later has one of these.
 */
const STATUS_OF_CODE: Readonly<Record<FailureCode, FailureStatus>> = {
  CAPTURE_EMPTY: { http: 400, grpc: INVALID_ARGUMENT },
  CAPTURE_NOT_GO: { http: 400, grpc: INVALID_ARGUMENT },
  CAPTURE_VERSION: { http: 422, grpc: INVALID_ARGUMENT },
  CAPTURE_COMPRESSION: { http: 400, grpc: INVALID_ARGUMENT },
  CAPTURE_TOO_LARGE: { http: 413, grpc: RESOURCE_EXHAUSTED },
  CAPTURE_WORKER: { http: 500, grpc: INTERNAL },
  SPANS_MALFORMED: { http: 400, grpc: INVALID_ARGUMENT },
  BODY_TOO_LARGE: { http: 413, grpc: RESOURCE_EXHAUSTED },
  BODY_COMPRESSION: { http: 400, grpc: INVALID_ARGUMENT },
  BODY_TIMEOUT: { http: 408, grpc: DEADLINE_EXCEEDED },
  MEDIA_TYPE: { http: 415, grpc: INVALID_ARGUMENT },
  REQUEST: { http: 400, grpc: INVALID_ARGUMENT },
  NOT_FOUND: { http: 404, grpc: NOT_FOUND },
  TOKEN: { http: 401, grpc: UNAUTHENTICATED },
  OVERLOADED: { http: 429, grpc: RESOURCE_EXHAUSTED },
  STORE: { http: 503, grpc: UNAVAILABLE },
  DESTINATION: { http: 500, grpc: INTERNAL },
  TARGET: { http: 502, grpc: UNAVAILABLE },
  TARGET_BUSY: { http: 409, grpc: ABORTED },
  TARGET_TIMEOUT: { http: 504, grpc: DEADLINE_EXCEEDED },
  CONFIG: { http: 500, grpc: INTERNAL },
  FILE: { http: 500, grpc: INTERNAL },
  USAGE: { http: 500, grpc: INTERNAL },
}

/** What a sender of spans or captures is told. */
export interface Refusal extends FailureStatus {
  readonly code: FailureCode | 'INTERNAL'
  readonly message: string
  /** Value of Retry-After; null where trying again does not help. */
  readonly retryAfterSeconds: number | null
}

/**
 * The answer for whatever was thrown. What is no Failure is a defect of ours: the sender may try again, and its words
 * stay in our log.
 */
export function refusalOf(thrown: unknown): Refusal {
  if (!(thrown instanceof Failure)) {
    const message = 'Subspan met something it did not expect; its log says what. Nothing was taken: send it again.'
    return { code: 'INTERNAL', http: 503, grpc: UNAVAILABLE, message, retryAfterSeconds: 5 }
  }
  const { http, grpc } = STATUS_OF_CODE[thrown.code]
  const retryAfterSeconds = http === 429 || http === 503 ? Math.max(1, Math.ceil(thrown.retryAfterSeconds ?? 1)) : null
  return { code: thrown.code, http, grpc, message: thrown.message, retryAfterSeconds }
}
