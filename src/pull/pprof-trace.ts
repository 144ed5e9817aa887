// pprof-trace.ts: asks one program for a recording (`/debug/pprof/trace?seconds=N` of net/http/pprof) and gives it on while it comes.
//
// The program begins to record when it is asked, and sends what it has about once a second; little output lies in its buffer of 4 KiB
// until there is more. It stops recording when we go away. Source: net/http/pprof and runtime/trace, Go 1.11 to 1.27.

import { readFile } from 'node:fs/promises'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Failure, messageOf } from '../base/failure.ts'
import { headersOfFile } from '../base/header-lines.ts'
import { oneLine } from '../base/one-line.ts'
import { type PullTarget, shownAddress, traceUrl } from './target.ts'

/** What a recording may take. */
export interface RecordingLimits {
  readonly seconds: number
  /** For it to end, beyond its length. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** A connection that takes longer does not come any more. */
const CONNECT_MS = 10_000
const MAX_ANSWER_BYTES = 16 << 10
const MAX_SAID = 200

/**
 * Records one capture.
 *
 * @param version of Subspan, for the User-Agent
 * @param signal breaks it off
 * @throws Failure TARGET, TARGET_BUSY, TARGET_TIMEOUT, CAPTURE_TOO_LARGE; what came before has been given on
 */
export async function* recordTrace(
  target: PullTarget,
  limits: RecordingLimits,
  version: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const { seconds, timeoutMs, maxBytes } = limits
  const startedMs = performance.now()
  const where = shownAddress(traceUrl(target.url, seconds).href)
  let bytes = 0
  const soFar = (): string =>
    bytes === 0
      ? 'before anything of the capture had come'
      : `after ${number(bytes)} bytes and ${((performance.now() - startedMs) / 1_000).toFixed(1)} s; what came before is used`
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), seconds * 1_000 + timeoutMs)
  const ending = AbortSignal.any([signal, deadline.signal])
  const brokenOff = (thrown: unknown): Failure => {
    if (signal.aborted) return new Failure('TARGET', `Subspan is stopping: the recording of ${where} ended ${soFar()}.`)
    if (deadline.signal.aborted) {
      return new Failure(
        'TARGET_TIMEOUT',
        `${where} did not end its recording of ${seconds} s within ${seconds + timeoutMs / 1_000} s; it was left ${soFar()}. Raise pull.timeout if the program takes long to stop.`,
      )
    }
    return new Failure(
      'TARGET',
      `${where} cut its recording of ${seconds} s off ${soFar()} (${messageOf(thrown)}): it ended, or its server's WriteTimeout or a proxy between is shorter than that; ask for fewer seconds.`,
    )
  }
  let response: IncomingMessage | null = null
  try {
    response = await ask(target, seconds, version, ending)
    await checkAnswer(response, where, seconds)
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      if (bytes + chunk.length > maxBytes) {
        throw new Failure(
          'CAPTURE_TOO_LARGE',
          `the capture of ${where} is larger than ${number(maxBytes)} bytes and was left ${soFar()}. Ask for fewer seconds, or raise captures.maxBytes.`,
        )
      }
      bytes += chunk.length
      yield chunk
    }
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    if (response === null && !ending.aborted) throw unreachable(thrown, where)
    throw brokenOff(thrown)
  } finally {
    clearTimeout(timer)
    response?.destroy()
  }
}

async function ask(
  target: PullTarget,
  seconds: number,
  version: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = traceUrl(target.url, seconds)
  const secure = url.protocol === 'https:'
  const [ca, cert, key] = secure
    ? await Promise.all([target.caFile, target.certFile, target.keyFile].map(contentOf))
    : []
  const headers = {
    'user-agent': `subspan/${version}`,
    'accept-encoding': 'identity',
    ...target.headers,
    ...(await headersOf(target.headersFile)),
  }
  return new Promise((resolve, reject) => {
    const request = secure
      ? https.request(url, { agent: false, headers, signal, ca, cert, key })
      : http.request(url, { agent: false, headers, signal })
    const connecting = setTimeout(
      () => request.destroy(new Error(`no connection within ${CONNECT_MS / 1_000} s`)),
      CONNECT_MS,
    )
    request.once('socket', (socket) =>
      socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connecting)),
    )
    request.once('close', () => clearTimeout(connecting))
    request.on('error', reject).once('response', resolve)
    request.end()
  })
}

/** @throws Failure TARGET for a file that cannot be read or used; what it holds is not told */
async function headersOf(file: string): Promise<Readonly<Record<string, string>>> {
  const refusal = (sentence: string): Failure => new Failure('TARGET', `pull.targets: ${sentence}`)
  return headersOfFile(file, (await contentOf(file))?.toString('latin1') ?? null, refusal)
}

async function contentOf(file: string): Promise<Buffer | undefined> {
  if (file === '') return undefined
  try {
    return await readFile(file)
  } catch (thrown) {
    throw new Failure('TARGET', `${file} of pull.targets cannot be read (${messageOf(thrown)}).`)
  }
}

function unreachable(thrown: unknown, where: string): Failure {
  return new Failure(
    'TARGET',
    `${where} could not be asked (${messageOf(thrown)}): see that the program runs and serves net/http/pprof there.`,
  )
}

/** @throws Failure for every answer that is no capture */
async function checkAnswer(response: IncomingMessage, where: string, seconds: number): Promise<void> {
  const status = response.statusCode ?? 0
  const html = (response.headers['content-type'] ?? '').includes('html')
  if (status === 200 && !html) return
  const said = html ? '' : await textOf(response)
  const answered = `${where} answered HTTP ${status}${said === '' ? '' : `: ${said}`}`
  if (status === 200) {
    throw new Failure(
      'TARGET',
      `${where} answered with an HTML page, not a capture: a login or an error page of something before the program, perhaps; give the address of its pprof itself.`,
    )
  }
  if (said.startsWith('Could not enable tracing')) {
    throw new Failure(
      'TARGET_BUSY',
      `${where} is being recorded by somebody else already (${said}), and Go records a program once at a time: try again when that has ended.`,
    )
  }
  if (said.includes('WriteTimeout')) {
    throw new Failure(
      'TARGET',
      `${where} refused a recording of ${seconds} s (${said}): ask for fewer seconds than its http.Server's WriteTimeout, or raise that.`,
    )
  }
  if (status >= 300 && status < 400) {
    throw new Failure(
      'TARGET',
      `${answered} and points to ${oneLine(response.headers.location ?? 'nowhere', MAX_SAID)}: redirects are not followed; set the target's url to it if it is the program's.`,
    )
  }
  if (status === 401 || status === 403) {
    throw new Failure('TARGET', `${answered}: set what it asks for in the target's headers or headersFile.`)
  }
  if (status === 404 || status === 405) {
    throw new Failure(
      'TARGET',
      `${answered}: nothing is served there; the program imports net/http/pprof, or serves it under another path, which belongs into the target's url.`,
    )
  }
  throw new Failure('TARGET', `${answered}.`)
}

/** The beginning of an answer, on one line. */
async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) break
  }
  return oneLine(Buffer.concat(chunks).toString('utf8'), MAX_SAID)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
