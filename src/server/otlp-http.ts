// otlp-http.ts: the door for spans as OTLP/HTTP: POST /v1/traces, protobuf and JSON.
//
// Answers follow the OTLP specification: 200 with an ExportTraceServiceResponse, errors as google.rpc.Status, both in the
// encoding of the request. Senders try again after 429 and 503 only.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { utf8Of } from '../base/bytes.ts'
import { Failure } from '../base/failure.ts'
import type { Counters, Log } from '../bridge/ports.ts'
import { traceRequestFromJson } from '../span/otlp/json.ts'
import { encodeStatus, encodeTraceResponse } from '../span/otlp/response.ts'
import { answer, answering, mediaTypeOf, printable, retryAfter, stackOf, TEXT } from './answer.ts'
import { type BodyBudget, type BodyLimits, withBody } from './body.ts'
import { refusalOf } from './status.ts'

const TRACES_PATH = '/v1/traces'
const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

/** What the door needs. */
export interface OtlpHttpDoor {
  /**
   * Takes the spans of one OTLP protobuf trace request; resolves when they are on disk. The bytes are used for another request then.
   *
   * @throws Failure SPANS_MALFORMED, OVERLOADED, STORE
   */
  acceptSpans(request: Uint8Array): Promise<void>
  readonly limits: BodyLimits
  readonly budget: BodyBudget
  readonly counters: Counters
  readonly log: Log
}

/** A handler of requests for `listen`. */
export function otlpHttp(door: OtlpHttpDoor): (request: IncomingMessage, response: ServerResponse) => void {
  return answering('otlp_http', door, (request, response) => take(door, request, response))
}

/** @returns the HTTP status answered */
async function take(door: OtlpHttpDoor, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const path = (request.url ?? '').split('?', 1)[0]
  if (path !== TRACES_PATH) {
    const signal = /^\/v1\/(metrics|logs|profiles)$/.exec(path)?.[1] ?? /^\/v1development\/(profiles)$/.exec(path)?.[1]
    const next =
      signal === undefined
        ? `Traces are taken at POST ${TRACES_PATH}; captures, metrics and health have a port of their own.`
        : `Subspan takes traces only: send ${signal} to your backend directly.`
    return plain(request, response, 404, `There is nothing at ${printable(path)} here. ${next}\n`)
  }
  if (request.method !== 'POST') {
    const sentence = `${request.method ?? 'This method'} is not taken at ${TRACES_PATH}: POST is.\n`
    return plain(request, response, 405, sentence, { allow: 'POST' })
  }
  const contentType = request.headers['content-type'] ?? ''
  const mediaType = mediaTypeOf(request)
  if (mediaType !== PROTOBUF && mediaType !== JSON_TYPE) {
    const said = contentType === '' ? 'The request has no Content-Type' : `Content-Type ${printable(contentType)}`
    const sentence = `${said}, which is not taken at ${TRACES_PATH}: ${PROTOBUF} and ${JSON_TYPE} are.\n`
    return plain(request, response, 415, sentence)
  }
  const json = mediaType === JSON_TYPE
  try {
    await withBody(request, door.limits, door.budget, async (body) => {
      door.counters.add('subspan_receiver_bytes_total', body.length, { receiver: 'otlp_http' })
      await door.acceptSpans(json ? traceRequestFromJson(body) : body)
    })
    answer(request, response, 200, { 'content-type': mediaType }, encodeTraceResponse(json, null))
    return 200
  } catch (thrown) {
    if (!(thrown instanceof Failure)) door.log.error({ error: stackOf(thrown) }, 'a trace request met a defect')
    const refusal = refusalOf(thrown)
    const body = encodeStatus(json, { code: refusal.grpc, message: refusal.message })
    answer(request, response, refusal.http, { 'content-type': mediaType, ...retryAfter(refusal) }, body)
    return refusal.http
  }
}

function plain(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  sentence: string,
  headers: OutgoingHttpHeaders = {},
): number {
  answer(request, response, status, { ...TEXT, ...headers }, utf8Of(sentence))
  return status
}
