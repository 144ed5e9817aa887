// listen.ts: an HTTP server on a port, with the limits every door has, and its end.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { utf8Of } from '../base/bytes.ts'
import { Failure, messageOf } from '../base/failure.ts'
import { answer } from './answer.ts'
import { OPEN, secureContextOf, type Security, type TlsMaterial, tlsServerOptions } from './security.ts'

/** Where and how a door listens. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** What listens there, for messages: "OTLP/HTTP". */
  readonly name: string
  /** Option that changes the port, for messages. */
  readonly portOption: string
  /** A request must have arrived whole within this time. */
  readonly requestTimeoutMs: number
  /** How often requests are looked at for having taken too long. */
  readonly checkEveryMs?: number
  /** Connections at a time, 1,000 unless told otherwise; more are closed as they come. */
  readonly maxConnections?: number
  /** Told of each that is closed so. */
  readonly onRefusedConnection?: () => void
  /** Who may use it; everybody unless told otherwise. */
  readonly security?: Security
  /** Paths that are answered without a token: health checks cannot bear one. */
  readonly openPaths?: readonly string[]
}

/** A door that is open. */
export interface Listener {
  /** `http://host:port` or `https://host:port`, with the address a client on this machine can use. */
  readonly url: string
  readonly port: number
  /** Shows this certificate to connections from now on; a door without TLS has no use for one. */
  renewTls(tls: TlsMaterial): void
  /** Takes no new connections, lets requests in work finish, ends at the deadline what is left. */
  close(deadlineMs: number): Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Longer than clients keep a connection idle, so that it is never closed under a request that is just being sent. */
const KEEP_ALIVE_MS = 120_000
const HEADERS_TIMEOUT_MS = 15_000
export const MAX_CONNECTIONS = 1_000

/** @throws Failure CONFIG when the port cannot be had, with the option that changes it */
export async function listen(handle: Handler, options: ListenOptions): Promise<Listener> {
  const { host, port, requestTimeoutMs, security = OPEN } = options
  const { tls } = security
  const limits: ServerOptions = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: options.checkEveryMs ?? 1_000,
  }
  const handler = security.tokens.asked ? guarded(handle, security, options.openPaths ?? []) : handle
  const secure = tls === null ? null : createSecureServer({ ...limits, ...tlsServerOptions(tls) }, handler)
  const server = secure ?? createServer(limits, handler)
  // The handler refuses what is too large before the client sends it, and asks for the rest.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    handler(request, response)
    setImmediate(() => {
      if (!response.headersSent && !response.destroyed) response.writeContinue()
    })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(error, socket, options))
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS
  server.on('drop', () => options.onRefusedConnection?.())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, options)))
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  return {
    url: urlOf(tls !== null, host, address.port),
    port: address.port,
    renewTls: (renewed) => secure?.setSecureContext(secureContextOf(renewed)),
    close: (deadlineMs) => close(server, deadlineMs),
  }
}

/** Address of a door for clients on this machine: one on every address is reached by the loopback one. */
export function urlOf(secure: boolean, host: string, port: number): string {
  const any = host === '0.0.0.0' || host === '::' || host === ''
  const name = any ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `${secure ? 'https' : 'http'}://${name}:${port}`
}

/** The same handler for those who bear a token; others are told so. */
function guarded(handle: Handler, { tokens }: Security, openPaths: readonly string[]): Handler {
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]
    if (openPaths.includes(path) || tokens.allow(request.headers.authorization)) {
      handle(request, response)
      return
    }
    const sentence = 'The request has no bearer token that is known here: send "Authorization: Bearer …".\n'
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'www-authenticate': 'Bearer' }
    answer(request, response, 401, headers, utf8Of(sentence))
  }
}

/** A port that another program has. */
export class PortTaken extends Failure {}

/** Why a port cannot be had, with the option that changes it. */
export function cannotListen(
  error: NodeJS.ErrnoException,
  { name, host, port, portOption }: Pick<ListenOptions, 'name' | 'host' | 'port' | 'portOption'>,
): Failure {
  const where = `${name} cannot listen on ${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new PortTaken(
        'CONFIG',
        `${where}: port ${port} is taken by another program. Stop that program, or choose another port with ${portOption} (0 takes a free one).`,
      )
    case 'EACCES':
      return new Failure(
        'CONFIG',
        `${where}: this user may not open port ${port}. Choose one from 1024 on with ${portOption}.`,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Failure(
        'CONFIG',
        `${where}: ${host} is no address of this machine. Set ${portOption.replace(/port$/, 'host')} to one, or to 0.0.0.0 for all.`,
      )
    default:
      return new Failure('CONFIG', `${where}: ${messageOf(error)}.`)
  }
}

/** Answers what never became a request: too slow, or no HTTP. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, { requestTimeoutMs }: ListenOptions): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [status, sentence] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', `the request did not arrive whole within ${requestTimeoutMs / 1000} s: send it again.`]
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'the headers of the request are longer than 16,384 bytes.']
        : [
            '400 Bad Request',
            'this is no HTTP/1.1 request: check that the sender speaks HTTP, not gRPC or TLS, to this port.',
          ]
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(sentence)}\r\n\r\n${sentence}`,
  )
}

async function close(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection kept alive becomes idle only after its last answer: look again until all are gone.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs)
  await closed
  clearInterval(idle)
  clearTimeout(deadline)
}
