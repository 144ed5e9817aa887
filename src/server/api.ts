// api.ts: the HTTP API: captures in, what became of them, health and metrics.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { pipeline, type Transform } from 'node:stream'
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express'
import { utf8Of } from '../base/bytes.ts'
import { Failure, messageOf } from '../base/failure.ts'
import type { Announcement } from '../bridge/announcements.ts'
import type { CaptureView } from '../bridge/capture-view.ts'
import type { AcceptedCapture } from '../bridge/captures.ts'
import type { CaptureName, CaptureOrigin, Counters, Log } from '../bridge/ports.ts'
import { answer, retryAfter } from './answer.ts'
import { type BodyBudget, encodingOf, unpackerOf, withBody } from './body.ts'
import { refusalOf } from './status.ts'

/** What the API needs. */
export interface ApiDoor {
  /** @throws Failure for bytes that are no capture, or do not fit, or cannot be stored */
  acceptCapture(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): Promise<AcceptedCapture>
  /** Newest first. */
  captures(): readonly CaptureView[]
  capture(id: string): CaptureView | null
  /** @throws Failure OVERLOADED */
  announce(name: CaptureName, seconds: number): Announcement
  /** Announced and not come yet, oldest first. */
  announcements(): readonly Announcement[]
  /**
   * Has a capture recorded; resolves with what is answered when that is under way.
   *
   * @throws Failure when the target may not be asked, or refuses
   */
  pull(target: string, seconds: number): Promise<{ readonly id: string }>
  /**
   * Has the configuration read again; resolves with what came of it. Null where nobody may.
   *
   * @throws Failure when it cannot be used
   */
  readonly reload: (() => Promise<object>) | null
  /** Null when ready, else why not, as a sentence. */
  notReady(): string | null
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  readonly maxCaptureBytes: number
  /** Option that raises `maxCaptureBytes`, for messages. */
  readonly maxCaptureOption: string
  /** An upload that sends nothing for this long is given up. */
  readonly idleTimeoutMs: number
  /** Host names beside addresses, localhost and names without a dot under which the API may be asked. */
  readonly allowedHosts: readonly string[]
  readonly budget: BodyBudget
  readonly counters: Counters
  readonly log: Log
}

const CAPTURES = '/api/v1/captures'
const RELOAD = '/api/v1/reload'
/** Seconds that may be announced at once. */
const MAX_ANNOUNCED_SECONDS = 3_600
const MAX_NAME = 512
const DEFAULT_PULL_SECONDS = 5
const SMALL = { maxBytes: 16_384, option: 'nothing: such a request is small' }
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

/** A handler of requests for `listen`. */
export function api(door: ApiDoor): (request: IncomingMessage, response: ServerResponse) => void {
  const app: Express = express()
  app.disable('x-powered-by')
  app.disable('etag')

  app.get('/healthz', (request, response) => {
    send(request, response, 200, { status: 'alive' })
  })
  app.get('/readyz', (request, response) => {
    const reason = door.notReady()
    send(request, response, reason === null ? 200 : 503, reason === null ? { ready: true } : { ready: false, reason })
  })
  app.get('/metrics', async (request, response) => {
    const { contentType, text } = await door.metrics()
    answer(request, response, 200, { 'content-type': contentType }, utf8Of(text))
  })

  app.use('/api', checkHost(door.allowedHosts), (_request, _response, next) => {
    const reason = door.notReady()
    if (reason !== null) throw new Failure('STORE', reason, 1)
    next()
  })
  app.post(CAPTURES, async (request, response) => {
    const accepted = await takeCapture(door, request)
    const status = `${CAPTURES}/${accepted.id}`
    send(request, response, 202, { ...accepted, status }, { location: status })
  })
  app.post(`${CAPTURES}/announce`, async (request, response) => {
    const { name, seconds } = await withBody(request, SMALL, door.budget, (body) =>
      Promise.resolve(parseAnnouncement(body)),
    )
    send(request, response, 202, door.announce(name, seconds))
  })
  app.post(`${CAPTURES}/pull`, async (request, response) => {
    const { target, seconds } = await withBody(request, SMALL, door.budget, (body) => Promise.resolve(parsePull(body)))
    const pull = await door.pull(target, seconds)
    const status = `${CAPTURES}/${pull.id}`
    send(request, response, 202, { ...pull, status }, { location: status })
  })
  app.post(RELOAD, async (request, response) => {
    if (door.reload === null) {
      throw new Forbidden(
        'the configuration is read again only for those who bear a token: set api.tokens or api.tokensFile, or send the process SIGHUP.',
      )
    }
    let reloaded: object
    try {
      reloaded = await door.reload()
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      // It is what was written that cannot be used, whoever asked.
      throw new Failure('REQUEST', `the configuration was not taken, the one before holds. ${thrown.message}`)
    }
    send(request, response, 200, reloaded)
  })
  app.get(CAPTURES, (request, response) => {
    send(request, response, 200, { captures: door.captures(), announced: door.announcements() })
  })
  app.get(`${CAPTURES}/:id`, (request, response) => {
    const view = door.capture(request.params.id)
    if (view === null) {
      throw new Failure(
        'NOT_FOUND',
        `there is no capture ${JSON.stringify(request.params.id.slice(0, 64))}: it was never sent, or is kept no longer. GET ${CAPTURES} lists those there are.`,
      )
    }
    send(request, response, 200, view)
  })
  for (const path of [CAPTURES, `${CAPTURES}/announce`, `${CAPTURES}/pull`, RELOAD]) app.all(path, refuseMethod)
  app.use((request) => {
    throw new Failure(
      'NOT_FOUND',
      `there is nothing at ${request.method} ${JSON.stringify(request.path.slice(0, 80))}: the API is below ${CAPTURES}, health at /healthz and /readyz, metrics at /metrics.`,
    )
  })
  app.use(refuse(door.log))
  return (request, response) => {
    response.once('finish', () => {
      door.counters.add('subspan_receiver_requests_total', 1, { receiver: 'api', status: String(response.statusCode) })
    })
    app(request, response)
  }
}

const refuseMethod: RequestHandler = (request, response) => {
  const body = { error: { code: 'REQUEST', message: `${request.method} is not taken at ${request.path}.` } }
  const allow = request.path === CAPTURES ? 'GET, POST' : 'POST'
  send(request, response, 405, body, { allow })
}

async function takeCapture(door: ApiDoor, request: Request): Promise<AcceptedCapture> {
  const contentType = (request.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase()
  if (contentType.startsWith('multipart/')) {
    throw new Failure(
      'MEDIA_TYPE',
      `Content-Type ${contentType} is a form, but the body must be the capture itself: use curl --data-binary @trace.out, not -F.`,
    )
  }
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > door.maxCaptureBytes) {
    throw new Failure(
      'CAPTURE_TOO_LARGE',
      `the body announces ${announced.toLocaleString('en-US')} bytes, a capture may have ${door.maxCaptureBytes.toLocaleString('en-US')} at most: record for a shorter time, or raise ${door.maxCaptureOption}.`,
    )
  }
  const unknown = Object.keys(request.query).find((parameter) => parameter !== 'service' && parameter !== 'instance')
  if (unknown !== undefined) {
    throw new Failure(
      'REQUEST',
      `${JSON.stringify(unknown.slice(0, 64))} in the query is not known: a capture is named by ?service=auth&instance=auth-7d4b.`,
    )
  }
  const name = {
    service: nameIn(request.query.service, 'service'),
    instance: nameIn(request.query.instance, 'instance'),
  }
  const unpacker = unpackerOf(encodingOf(request))
  const sent = untilIdle(request, door.idleTimeoutMs)
  const origin = { by: 'upload', from: request.socket.remoteAddress ?? '', seconds: null } as const
  return door.acceptCapture(name, origin, unpacker === null ? sent : unpacked(sent, unpacker))
}

/** The chunks of an upload; gives up on a sender that stops in the middle. */
async function* untilIdle(request: Request, idleMs: number): AsyncGenerator<Uint8Array> {
  let received = 0
  const announced = request.headers['content-length']
  const so = (): string =>
    `${received.toLocaleString('en-US')}${announced === undefined ? '' : ` of ${Number(announced).toLocaleString('en-US')}`} bytes of the body`
  const iterator = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>
  for (;;) {
    let next: IteratorResult<Uint8Array> | null
    try {
      next = await within(iterator.next(), idleMs)
    } catch {
      throw new Failure('REQUEST', `the connection ended after ${so()}.`)
    }
    if (next === null) {
      throw new Failure('BODY_TIMEOUT', `nothing came for ${idleMs / 1000} s after ${so()}: send it again.`)
    }
    if (next.done === true) return
    received += next.value.length
    yield next.value
  }
}

/** What the promise brings, or null when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Takes the transfer's compression off, so that the same capture is the same however it was sent. */
async function* unpacked(source: AsyncIterable<Uint8Array>, unpacker: Transform): AsyncGenerator<Uint8Array> {
  pipeline(source, unpacker, () => undefined)
  try {
    yield* unpacker as AsyncIterable<Uint8Array>
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new Failure(
      'BODY_COMPRESSION',
      `the body could not be unpacked as its Content-Encoding says: ${messageOf(thrown)}. A capture that is a .gz file itself is sent without the header.`,
    )
  }
}

function nameIn(value: unknown, parameter: string): string {
  if (value === undefined) return ''
  if (typeof value !== 'string' || value.length > MAX_NAME) {
    throw new Failure(
      'REQUEST',
      `${parameter} in the query must be given once, with at most ${MAX_NAME} characters: ?service=auth&instance=auth-7d4b.`,
    )
  }
  return value
}

/** The members of a JSON object; none when it is no object. */
function parseMembers(body: Uint8Array, example: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (thrown) {
    throw new Failure('REQUEST', `the body is no JSON (${messageOf(thrown)}): send ${example}.`)
  }
  return (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>
}

function parsePull(body: Uint8Array): { readonly target: string; readonly seconds: number } {
  const example = '{"target":"http://auth:6060","seconds":5}'
  const { target, seconds = DEFAULT_PULL_SECONDS } = parseMembers(body, example)
  if (typeof target !== 'string' || target === '') {
    throw new Failure('REQUEST', `a pull names a target of pull.targets, by name or address: ${example}.`)
  }
  if (typeof seconds !== 'number') {
    throw new Failure('REQUEST', `seconds is ${JSON.stringify(seconds)}: it must be a number, as in ${example}.`)
  }
  return { target, seconds }
}

function parseAnnouncement(body: Uint8Array): { readonly name: CaptureName; readonly seconds: number } {
  const { service, instance, seconds } = parseMembers(body, '{"service":"auth","seconds":5}')
  if (typeof service !== 'string' || service === '') {
    throw new Failure(
      'REQUEST',
      'an announcement names the service whose spans shall wait: {"service":"auth","instance":"auth-7d4b","seconds":5}.',
    )
  }
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > MAX_ANNOUNCED_SECONDS) {
    throw new Failure(
      'REQUEST',
      `seconds is ${JSON.stringify(seconds) ?? 'missing'}: it must be a number above 0 and at most ${MAX_ANNOUNCED_SECONDS}, the length of the recording.`,
    )
  }
  return { name: { service: nameIn(service, 'service'), instance: nameIn(instance, 'instance') }, seconds }
}

/**
 * A page of a stranger can make a browser ask any address by a name of its own (DNS rebinding), or post without being
 * asked. It cannot do so under an address, localhost, or a name without a dot, and it cannot hide its origin.
 */
function checkHost(allowedHosts: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    const host = request.headers.host ?? ''
    const name = host
      .replace(/:\d+$/, '')
      .replace(/^\[(.*)\]$/, '$1')
      .toLowerCase()
    const known = isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost') || allowedHosts.includes(name)
    if (name === '' || !known) {
      throw new Forbidden(
        `Host ${JSON.stringify(host.slice(0, 80))} is not one that this API answers to: ask it by address, or list the name in api.allowedHosts.`,
      )
    }
    const { origin } = request.headers
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new Forbidden(
        `Origin ${JSON.stringify(origin.slice(0, 80))} is another site than ${host}: its pages may not use this API.`,
      )
    }
    next()
  }
}

class Forbidden extends Error {}

function refuse(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) {
      next(thrown)
      return
    }
    if (thrown instanceof Forbidden) {
      send(request, response, 403, { error: { code: 'FORBIDDEN', message: thrown.message } })
      return
    }
    if (isClientError(thrown)) {
      send(request, response, 400, {
        error: { code: 'REQUEST', message: `${thrown.message}: the path cannot be read.` },
      })
      return
    }
    if (!(thrown instanceof Failure)) {
      log.error(
        { error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) },
        'an API request met a defect',
      )
    }
    const refusal = refusalOf(thrown)
    const { code, message } = refusal
    send(request, response, refusal.http, { error: { code, message } }, retryAfter(refusal))
  }
}

/** Express's own complaint about a path with a broken percent sign. */
function isClientError(thrown: unknown): thrown is Error {
  return thrown instanceof URIError
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  answer(request, response, status, { ...JSON_TYPE, ...headers }, utf8Of(`${JSON.stringify(body)}\n`))
}
