// pprof.ts: programs with net/http/pprof as a pull meets them: what they answer to /debug/pprof/trace, over real connections.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { PullTarget } from '../../src/pull/target.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A program that answers as a test wants it. */
export class Pprof {
  readonly requests: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = []
  answer: Answer = (_request, response) => void response.end()

  private constructor(private readonly server: Server) {}

  static async open(answer?: Answer): Promise<Pprof> {
    const server = createServer((request, response) => {
      program.requests.push({ url: request.url ?? '', headers: request.headers })
      void program.answer(request, response)
    })
    const program = new Pprof(server)
    if (answer !== undefined) program.answer = answer
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return program
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** As a target of pulls. */
  target(service = '', instance = ''): PullTarget {
    return {
      name: 'program',
      url: this.url,
      service,
      instance,
      headers: {},
      headersFile: '',
      caFile: '',
      certFile: '',
      keyFile: '',
    }
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

/** Go's own refusal: text, with its mark. */
export function goError(status: number, text: string): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-go-pprof': '1' })
    response.end(`${text}\n`)
  }
}

/** Sends bytes piece by piece; between two pieces it waits for `next`. */
export function streamed(
  capture: Uint8Array,
  pieces: number,
  next: (sent: number) => Promise<void> = () => pause(5),
): Answer {
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    const size = Math.ceil(capture.length / pieces)
    for (let at = 0; at < capture.length && !response.destroyed; at += size) {
      response.write(capture.subarray(at, at + size))
      await next(Math.min(at + size, capture.length))
    }
    response.end()
  }
}
