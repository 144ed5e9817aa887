// answer.ts: sends an answer so that the client sees it, also when its body was not read.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

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
