// pull.ts: `subspan pull`: one capture now, through the running service, or into a file.

import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Failure, messageOf } from '../base/failure.ts'
import type { CaptureView } from '../bridge/capture-view.ts'
import { loadConfig } from '../config/load.ts'
import { PULL_TARGET_DEFAULTS } from '../config/options.ts'
import { tokensOf } from '../server/security.ts'
import { recordTrace } from '../pull/pprof-trace.ts'
import type { Pull } from '../pull/pulls.ts'
import { counted, duration, size } from './human.ts'
import { escapeControls, type Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Options of the command. */
export interface PullCommand {
  readonly seconds: number
  /** Where the capture goes; null: through the service. */
  readonly out: string | null
  /** Base address of the service's API; null: as configured. */
  readonly api: string | null
  readonly configFile: string | null
  readonly format: 'text' | 'json'
}

const LOOK_EVERY_MS = 250
/** Codes of OpenSSL and Node for certificates of unknown authorities, or of other names. */
const UNTRUSTED = /CERT|SIGNATURE|ISSUER/

/**
 * Has one capture recorded.
 *
 * @param url of the program's pprof, or the name of a target of the service
 * @returns the exit code
 * @throws Failure when there is no capture, with the reason
 */
export function pull(url: string, options: PullCommand, terminal: Terminal): Promise<number> {
  const { out } = options
  return out === null ? throughService(url, options, terminal) : intoFile(url, out, options, terminal)
}

// ---------------------------------------------------------------------------------------------------- into a file

async function intoFile(url: string, path: string, options: PullCommand, terminal: Terminal): Promise<number> {
  const { seconds } = options
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new Failure('USAGE', `${JSON.stringify(url)} is no address of a program's pprof: http://host:6060, say.`)
  }
  const { pull: limits, captures } = loadConfig({
    file: options.configFile,
    environment: process.env,
    flags: {},
  }).config
  const target = { ...PULL_TARGET_DEFAULTS, name: url, url }
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  const chunks = recordTrace(
    target,
    { seconds, timeoutMs: limits.timeoutMs, maxBytes: captures.maxBytes },
    VERSION,
    stopping.signal,
  )
  let file: Writable | null = null
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      file ??= await opened(path)
      bytes += chunk.length
      if (!file.write(chunk)) await once(file, 'drain')
      terminal.status(`recording ${seconds} s: ${size(bytes)}`)
    }
  } finally {
    // What came before a recording was cut is kept.
    terminal.status('')
    if (file !== null && path !== '-') {
      await closed(file, path)
      terminal.tell(`${path}: ${size(bytes)}; subspan analyze ${path} shows what is in it.`)
    }
  }
  if (bytes === 0) throw new Failure('TARGET', `${url} answered without a capture: 0 bytes.`)
  return 0
}

async function opened(path: string): Promise<Writable> {
  if (path === '-') return process.stdout
  const file = createWriteStream(path)
  try {
    await once(file, 'open')
  } catch (thrown) {
    throw new Failure('FILE', `${path} cannot be written: ${messageOf(thrown)}. Name a file in a folder that exists.`)
  }
  return file
}

async function closed(file: Writable, path: string): Promise<void> {
  try {
    file.end()
    await once(file, 'close')
  } catch (thrown) {
    throw new Failure('FILE', `${path} cannot be written: ${messageOf(thrown)}.`)
  }
}

// ---------------------------------------------------------------------------------------------------- through the service

async function throughService(wanted: string, options: PullCommand, terminal: Terminal): Promise<number> {
  const { seconds, format } = options
  const configured = await configuredApi(options.configFile)
  const api = (options.api ?? configured.url).replace(/\/+$/, '')
  const { token } = configured
  const { id, target } = await ask<Pull>(`${api}/api/v1/captures/pull`, token, { target: wanted, seconds })
  const address = `${api}/api/v1/captures/${id}`
  let view = await ask<CaptureView>(address, token)
  while (view.state === 'pending' || view.state === 'decoding') {
    terminal.status(
      `${view.receiving ? `recording ${seconds} s of` : 'decoding the capture of'} ${escapeControls(target)}: ` +
        `${size(view.fileBytes)}, ${counted(view.tasks.total, 'task')}, ${counted(joinedOf(view), 'span')} joined`,
    )
    await pause(LOOK_EVERY_MS)
    view = await ask<CaptureView>(address, token)
  }
  terminal.status('')
  if (format === 'json') terminal.write(`${JSON.stringify(view)}\n`)
  else terminal.write(escapeControls(textOf(view, address)))
  return view.state === 'failed' ? 1 : 0
}

/** Where the service's API is, and a token that it knows. @throws Failure CONFIG for a file of tokens that cannot be read */
async function configuredApi(
  configFile: string | null,
): Promise<{ readonly url: string; readonly token: string | undefined }> {
  const { api } = loadConfig({ file: configFile, environment: process.env, flags: {} }).config
  const { host, port, certFile } = api
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const scheme = certFile === '' ? 'http' : 'https'
  const [token] = await tokensOf(api, 'api')
  return { url: `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`, token }
}

/** Posts JSON, or gets. @throws Failure with the service's own sentence */
async function ask<T>(address: string, token: string | undefined, body?: object): Promise<T> {
  let status: number
  let text: string
  try {
    const response = await fetch(address, {
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    status = response.status
    text = await response.text()
  } catch (thrown) {
    const { cause } = thrown as { cause?: { code?: unknown } }
    if (UNTRUSTED.test(String(cause?.code))) {
      throw new Failure(
        'TARGET',
        `${new URL(address).origin} shows a certificate that is not trusted here (${messageOf(cause)}): name its authority with NODE_EXTRA_CA_CERTS=ca.pem, and the service by a name that its certificate has, with --api.`,
      )
    }
    throw new Failure(
      'TARGET',
      `no running Subspan answers at ${new URL(address).origin} (${messageOf(cause ?? thrown)}): start it with subspan serve, name it with --api, or record into a file with --out trace.out.`,
    )
  }
  if (status === 401) {
    throw new Failure(
      'TARGET',
      `${new URL(address).origin} asks for a token${token === undefined ? '' : ', and does not know the one that is configured here'}: give the command the service's configuration (--config), or one of its tokens as SUBSPAN_API_TOKENS.`,
    )
  }
  let answer: { readonly error?: { readonly message?: string } } | null
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    answer = null
  }
  if (answer !== null && status >= 200 && status < 300) return answer as T
  throw new Failure(
    'TARGET',
    answer?.error?.message ??
      `${address} answered HTTP ${status}, and no JSON as Subspan does: see that --api is the address of its API, port 6061 unless told otherwise.`,
  )
}

function joinedOf({ spans }: CaptureView): number {
  return Object.values(spans.joined).reduce((sum, count) => sum + count, 0)
}

/** What became of a capture, for people. */
function textOf(view: CaptureView, address: string): string {
  const { id, state, capture, fileBytes, tasks, spans, problems, failure, processes, advice } = view
  const length = capture === null ? '' : `, ${duration(capture.durationNs)}`
  const lines = [`capture ${id}: ${state}${length}, ${size(fileBytes)}, ${counted(tasks.total, 'task')}`]
  const row = (name: string, text: string): void => {
    if (text !== '') lines.push(`  ${name.padEnd(10)} ${text}`)
  }
  const rate = spans.joinRate === null ? '' : `, ${(spans.joinRate * 100).toFixed(1)} % of those within it`
  row('failure', failure?.message ?? '')
  row('joined', `${counted(joinedOf(view), 'span')}${rate}${listed(spans.joined, ': ')}`)
  row('unmatched', listed(spans.unmatched))
  row('left', listed(spans.left))
  row('processes', processes.join(', '))
  for (const { message } of problems) row('problem', message)
  row('advice', advice ?? '')
  row('see', address)
  return `${lines.join('\n')}\n`
}

/** `1,204 now, 88 hold`, without what is zero. */
function listed(counts: Readonly<Record<string, number>>, before = ''): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count.toLocaleString('en-US')} ${name}`)
  return parts.length === 0 ? '' : `${before}${parts.join(', ')}`
}
