// failure.ts: the one error type of the house. A failure names what is wrong, where, both numbers and what to do next.

/**
 * What kind of thing went wrong. Doors map codes to their own answers (`server/status.ts` to HTTP, `cli/` to exit codes);
 * nothing else decides by message text.
 */
export type FailureCode =
  | 'CAPTURE_EMPTY' // no bytes at all
  | 'CAPTURE_NOT_GO' // no Go execution-trace header
  | 'CAPTURE_VERSION' // a Go header of a version that cannot be read
  | 'CAPTURE_COMPRESSION' // the gzip or zstd wrapper is broken
  | 'CAPTURE_TOO_LARGE'
  | 'CAPTURE_WORKER' // the worker that decoded it died, ran out of memory or out of time
  | 'SPANS_MALFORMED' // bytes that are no OTLP request in the encoding they claim
  | 'BODY_TOO_LARGE'
  | 'BODY_COMPRESSION'
  | 'BODY_TIMEOUT' // a body that came too slowly
  | 'MEDIA_TYPE'
  | 'REQUEST' // a request whose parameters cannot be used
  | 'NOT_FOUND'
  | 'TOKEN' // a request without a bearer token that is known
  | 'OVERLOADED' // bounded memory or disk is used up; try again later
  | 'STORE' // the disk refused
  | 'DESTINATION' // a configured destination cannot be used
  | 'TARGET' // a program that was asked for a capture gave none, or not all of it
  | 'TARGET_BUSY' // it is being recorded by somebody
  | 'TARGET_TIMEOUT'
  | 'CONFIG'
  | 'FILE' // a file that cannot be read or written
  | 'USAGE' // wrong command line

/** Thrown at the edge of what a function can do with its input; never for an outside reason above the doors. */
export class Failure extends Error {
  override readonly name = 'Failure'
  constructor(
    readonly code: FailureCode,
    message: string,
    /** Seconds after which the same request may succeed, for overload. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message)
  }
}

/** The message of whatever was thrown, for joining into a sentence. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
