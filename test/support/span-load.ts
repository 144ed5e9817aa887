// span-load.ts: OTLP requests by the thousand, each with spans of its own, and senders that never give up.

import { randomFillSync } from 'node:crypto'
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'

/** Makes requests of one service; only their ids differ. */
export function requestsOf(service: string, spans: number): () => Uint8Array {
  const span = (at: number): object => ({
    traceId: '0123456789abcdef0123456789abcdef',
    spanId: '0123456789abcdef',
    name: `${service} ${at}`,
    kind: 2,
    startTimeUnixNano: String(1_800_000_000_000_000_000n + BigInt(at)),
    endTimeUnixNano: String(1_800_000_000_001_000_000n + BigInt(at)),
    attributes: [{ key: 'http.route', value: { stringValue: `/messages/${at}` } }],
  })
  const template = traceRequestFromJson(
    JSON.stringify({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: service } },
              { key: 'service.instance.id', value: { stringValue: `${service}-0` } },
            ],
          },
          scopeSpans: [{ scope: { name: 'load' }, spans: Array.from({ length: spans }, (_, at) => span(at)) }],
        },
      ],
    }),
  )
  const { traceIdAt, spanIdAt, length } = scanTraceRequest(template)
  return () => {
    const request = template.slice()
    for (let row = 0; row < length; row++) {
      randomFillSync(request, traceIdAt[row], 16)
      randomFillSync(request, spanIdAt[row], 8)
    }
    return request
  }
}

/** Ids of a request's spans, with the bytes of each. */
export function spansIn(request: Uint8Array): { readonly id: string; readonly bytes: Buffer }[] {
  const table = scanTraceRequest(request)
  const all = Buffer.from(request.buffer, request.byteOffset, request.length)
  return Array.from({ length: table.length }, (_, row) => ({
    id: `${all.toString('hex', table.traceIdAt[row], table.traceIdAt[row] + 16)} ${all.toString('hex', table.spanIdAt[row], table.spanIdAt[row] + 8)}`,
    bytes: all.subarray(table.spanFrom[row], table.spanTo[row]),
  }))
}

/** Posts requests over connections of its own. */
export class Sender {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(private readonly url: string) {}

  /** The status that a request was answered with; 0 when there was no answer. */
  post(request: Uint8Array): Promise<number> {
    return new Promise((resolve) => {
      const post = httpRequest(
        `${this.url}/v1/traces`,
        { method: 'POST', agent: this.agent, headers: { 'content-type': 'application/x-protobuf' } },
        (response) => {
          response.resume()
          response.once('end', () => resolve(response.statusCode ?? 0)).once('error', () => resolve(0))
        },
      )
      post.once('error', () => resolve(0))
      post.end(request)
    })
  }

  /** Sends a request until it is taken, as SDKs do with what may succeed later; false when the signal came first. */
  async deliver(request: Uint8Array, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const status = await this.post(request)
      if (status === 200) return true
      if (![0, 429, 502, 503, 504].includes(status)) throw new Error(`a request was answered ${status}`)
      await pause(15)
    }
    return false
  }

  close(): void {
    this.agent.destroy()
  }
}
