// answer.ts: what the HTTP doors share: an answer that the client sees, also when its body was not read, and what is said in it.

import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http'
import { messageOf } from '../base/failure.ts'
import type { Counters, Log } from '../bridge/ports.ts'
import type { Refusal } from './status.ts'

/** Headers of an answer for people. */
export const TEXT = { 'content-type': 'text/plain; charset=utf-8' }

/** After an early answer the rest of a body is thrown away for this long and this many bytes; then the connection ends. */
const LINGER_MS = 2_000
const LINGER_BYTES = 64 << 20

/**
 * Answers a request. When its body was not read to the end, the connection is closed after the answer, but not at once: a
 * connection that is reset while the client still writes loses the answer too.
 */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Uint8Array,
): void {
  if (response.headersSent || response.destroyed) return
  if (request.complete || !hasBody(request)) {
    response.writeHead(status, { ...headers, 'content-length': body.length })
    response.end(body)
    return
  }
  response.writeHead(status, { ...headers, 'content-length': body.length, connection: 'close' })
  response.write(body)
  let left = LINGER_BYTES
  const leave = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(leave, LINGER_MS)
  request.once('end', leave).once('close', leave).once('error', leave)
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) leave()
  })
  request.resume()
}

/** Whether a body was announced. */
function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return (length !== undefined && length !== '0') || request.headers['transfer-encoding'] !== undefined
}

/**
 * A handler of requests that counts what was answered.
 *
 * @param receiver the door's name as a metric's label
 * @param take answers a request; resolves with the HTTP status
 */
export function answering(
  receiver: string,
  { counters, log }: { readonly counters: Counters; readonly log: Log },
  take: (request: IncomingMessage, response: ServerResponse) => Promise<number>,
): RequestListener {
  return (request, response) => {
    take(request, response).then(
      (status) => counters.add('subspan_receiver_requests_total', 1, { receiver, status: String(status) }),
      (thrown: unknown) => {
        log.error({ error: messageOf(thrown) }, 'answering a trace request failed')
        response.destroy()
      },
    )
  }
}

/** The Content-Type without its parameters; empty when there is none. */
export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase()
}

/** The header that says when to try again, where that helps. */
export function retryAfter({ retryAfterSeconds }: Refusal): OutgoingHttpHeaders {
  return retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }
}

/** What a stranger sent, short and in quotation marks. */
export function printable(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** Where something was thrown. */
export function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
