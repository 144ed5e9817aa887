// sink.ts: a small OTLP/HTTP backend for tests: keeps what came, and fails, lags and hangs up when told to.

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** One request as it came, its body unpacked. */
export interface SunkRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
  /** What it was answered; 0: the connection was closed without an answer. */
  readonly status: number
}

/** What is done with the next requests instead of taking them. */
export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A backend on a free port. */
export class Sink {
  /** Everything that came, refused or not. */
  readonly requests: SunkRequest[] = []
  private readonly server: Server
  private readonly refusals: (Refusal | 'hang up')[] = []
  private readonly looking = new Set<() => void>()
  private delayMs = 0
  private judge: ((body: Uint8Array) => Refusal | null) | null = null

  private constructor() {
    this.server = createServer((request, response) => {
      void this.take(request, response)
    })
  }

  /** Opens one; close it at the end of the test. */
  static async open(port = 0): Promise<Sink> {
    const sink = new Sink()
    await new Promise<void>((resolve) => sink.server.listen(port, '127.0.0.1', resolve))
    return sink
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Base address, for OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Bodies that were taken (answered 2xx), unpacked, in order. */
  get bodies(): Uint8Array[] {
    return this.requests.filter(({ status }) => status >= 200 && status < 300).map(({ body }) => body)
  }

  /** Refuses the next requests in this way. */
  failNext(times: number, refusal: Refusal): void {
    for (let at = 0; at < times; at++) this.refusals.push(refusal)
  }

  /** Closes the connection under the next requests, after they have come whole. */
  hangUpNext(times: number): void {
    for (let at = 0; at < times; at++) this.refusals.push('hang up')
  }

  /** Refuses requests by their bodies from now on; null takes them. */
  refuseBy(judge: ((body: Uint8Array) => Refusal | null) | null): void {
    this.judge = judge
  }

  /** Answers that much later from now on. */
  slowDown(ms: number): void {
    this.delayMs = ms
  }

  /** Resolves as soon as the condition holds for what has come; asked again with each request. */
  until(condition: (sink: Sink) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition(this)) return
        this.looking.delete(look)
        resolve()
      }
      this.looking.add(look)
      look()
    })
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk)
    } catch {
      // The sender gave up.
      return
    }
    const sent = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs).unref())
    const refusal = this.refusals.shift() ?? this.judge?.(body) ?? null
    const status = refusal === 'hang up' ? 0 : (refusal?.status ?? 200)
    const { method = '', url: path = '', headers } = request
    this.requests.push({ method, path, headers, body, status })
    if (refusal === 'hang up') request.socket.destroy()
    else {
      response.writeHead(status, { 'content-type': request.headers['content-type'] ?? '', ...refusal?.headers })
      response.end(refusal?.body)
    }
    for (const look of [...this.looking]) look()
  }
}
