// otlp-http.ts: sends trace requests to one destination over OTLP/HTTP and says what became of each.

import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { textOf, utf8Of } from '../base/bytes.ts'
import { messageOf } from '../base/failure.ts'
import { traceRequestToJson } from '../span/otlp/json.ts'
import { parseStatus, parseTraceResponse } from '../span/otlp/response.ts'
import { joinRequests } from '../span/otlp/rewrite.ts'
import type { Destination } from './destination.ts'
import type { DestinationFiles } from './destination-files.ts'
import { bytesOf, MAX_RETRY_AFTER_MS, reasonOf, type Sender, type SendResult } from './sender.ts'

const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** An answer is read up to this; what a destination has to say fits. */
const MAX_ANSWER_BYTES = 64 << 10
const zip = promisify(gzip)

/**
 * Prepares the sender of a destination.
 *
 * @param version of Subspan, for the User-Agent
 */
export function openOtlpHttp(destination: Destination, files: DestinationFiles, version: string): Sender {
  const { ca, cert, key, headers } = files
  const keepAlive = { keepAlive: true, maxSockets: 4 }
  const secure = destination.url.startsWith('https:')
  const agent = secure ? new https.Agent({ ...keepAlive, ca, cert, key }) : new http.Agent(keepAlive)
  const all = { 'user-agent': `subspan/${version}`, ...destination.headers, ...headers }
  return new OtlpHttpSender(destination, agent, all)
}

class OtlpHttpSender implements Sender {
  constructor(
    private readonly destination: Destination,
    private readonly agent: http.Agent | https.Agent,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  async send(parts: readonly Uint8Array[], signal: AbortSignal): Promise<SendResult> {
    const { protocol, gzip: packed } = this.destination
    const json = protocol === 'http/json'
    let body = parts
    try {
      if (json) body = [utf8Of(traceRequestToJson(joinRequests(parts)))]
      if (packed) body = [await zip(joinRequests(body), { level: 1 })]
    } catch (thrown) {
      return { kind: 'refused', status: null, reason: `it could not be written: ${messageOf(thrown)}` }
    }
    const allHeaders = {
      ...this.headers,
      'content-type': json ? 'application/json' : 'application/x-protobuf',
      'content-length': String(bytesOf(body)),
      ...(packed ? { 'content-encoding': 'gzip' } : {}),
    }
    const first = await this.post(body, allHeaders, signal)
    // The destination had closed a connection that lay idle: a new one may do.
    return first === 'stale' ? this.lastTry(body, allHeaders, signal) : first
  }

  close(): void {
    this.agent.destroy()
  }

  private async lastTry(
    body: readonly Uint8Array[],
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<SendResult> {
    const result = await this.post(body, headers, signal)
    return result === 'stale' ? { kind: 'again', reason: 'the connection was closed', retryAfterMs: null } : result
  }

  private post(
    body: readonly Uint8Array[],
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<SendResult | 'stale'> {
    const { url, timeoutMs } = this.destination
    return new Promise((resolve) => {
      let request: ClientRequest
      let timer: NodeJS.Timeout | undefined = undefined
      const end = (result: SendResult | 'stale'): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        resolve(result)
      }
      const failed = (thrown: unknown): void => {
        const code = thrown instanceof Error && 'code' in thrown ? thrown.code : ''
        const stale = request?.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') && !signal.aborted
        end(stale ? 'stale' : { kind: 'again', reason: reasonOf(messageOf(thrown)), retryAfterMs: null })
      }
      const abort = (): void => {
        request.destroy(new Error('Subspan is stopping'))
      }
      try {
        const { request: post } = url.startsWith('https:') ? https : http
        request = post(url, { method: 'POST', agent: this.agent, headers })
      } catch (thrown) {
        end({ kind: 'refused', status: null, reason: reasonOf(messageOf(thrown)) })
        return
      }
      timer = setTimeout(() => request.destroy(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs)
      signal.addEventListener('abort', abort)
      request.once('error', failed)
      request.once('response', (response) => {
        // From here on the status decides, even when the answer breaks off.
        request.off('error', failed).on('error', () => undefined)
        answerOf(response).then((answer) => end(this.judge(response, answer)), failed)
      })
      // The parts go to the system together as they are: joining them would copy every byte once more.
      request.cork()
      for (const part of body) request.write(part)
      request.end()
      if (signal.aborted) abort()
    })
  }

  /** @param answer null when it broke off */
  private judge(response: IncomingMessage, answer: Uint8Array | null): SendResult {
    const status = response.statusCode ?? 0
    const contentType = response.headers['content-type'] ?? ''
    const json = contentType === '' ? this.destination.protocol === 'http/json' : contentType.includes('json')
    if (status >= 200 && status < 300) {
      try {
        return { kind: 'delivered', partial: answer === null ? null : parseTraceResponse(answer, json) }
      } catch {
        // Whatever it says, the status says that it was taken.
        return { kind: 'delivered', partial: null }
      }
    }
    const bytes = answer ?? new Uint8Array(0)
    const said = contentType.startsWith('text/') ? textOf(bytes) : (parseStatus(bytes, json)?.message ?? '')
    const reason = reasonOf(`HTTP ${status}${said === '' ? '' : `: ${said}`}`)
    if (RETRYABLE.has(status)) return { kind: 'again', reason, retryAfterMs: retryAfterMs(response) }
    if (status >= 300 && status < 400) {
      const to = response.headers.location ?? 'nowhere'
      return { kind: 'refused', status, reason: reasonOf(`${reason}, to ${to}: redirects are not followed`) }
    }
    return { kind: 'refused', status, reason }
  }
}

/** The first bytes of an answer; null when it broke off before its end. */
async function answerOf(response: IncomingMessage): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      if (bytes < MAX_ANSWER_BYTES) chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - bytes))
      bytes += chunk.length
    }
  } catch {
    return null
  }
  return Buffer.concat(chunks)
}

/** Retry-After in seconds or as a date, in milliseconds from now; null when there is none that can be read. */
function retryAfterMs({ headers }: IncomingMessage): number | null {
  const text = headers['retry-after']?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}
