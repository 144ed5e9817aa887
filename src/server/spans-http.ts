// spans-http.ts: doors for spans of other protocols over HTTP: Jaeger's Thrift and Zipkin's JSON, one request a body.
//
// Both protocols answer 202 when the spans were taken, and have words for people only where they were not.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { utf8Of } from '../base/bytes.ts'
import { Failure } from '../base/failure.ts'
import type { HttpSpanProtocol } from '../span/protocols.ts'
import { answer, answering, mediaTypeOf, printable, retryAfter, stackOf, TEXT } from './answer.ts'
import { type BodyLimits, withBody } from './body.ts'
import { type ConvertedDoor, ConvertedRequests } from './converted.ts'
import { refusalOf } from './status.ts'

/** What such a door needs. */
export interface SpansHttpDoor extends ConvertedDoor {
  readonly protocol: HttpSpanProtocol
  readonly limits: BodyLimits
}

/** A handler of requests for `listen`. */
export function spansHttp(door: SpansHttpDoor): (request: IncomingMessage, response: ServerResponse) => void {
  const requests = new ConvertedRequests(door)
  return answering(door.receiver, door, (request, response) => take(door, requests, request, response))
}

/** @returns the HTTP status answered */
async function take(
  door: SpansHttpDoor,
  requests: ConvertedRequests,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number> {
  const { protocol, limits, budget, counters, receiver } = door
  const say = (status: number, sentence: string, headers: OutgoingHttpHeaders = {}): number => {
    answer(request, response, status, { ...TEXT, ...headers }, utf8Of(sentence))
    return status
  }
  const path = (request.url ?? '').split('?', 1)[0]
  if (path !== protocol.path) {
    return say(
      404,
      `There is nothing at ${printable(path)} here. ${protocol.name} spans are taken at POST ${protocol.path}.\n`,
    )
  }
  if (request.method !== 'POST') {
    return say(405, `${request.method ?? 'This method'} is not taken at ${path}: POST is.\n`, { allow: 'POST' })
  }
  const mediaType = mediaTypeOf(request)
  if (!protocol.mediaTypes.includes(mediaType)) {
    const said = mediaType === '' ? 'The request has no Content-Type' : `Content-Type ${printable(mediaType)}`
    const taken = protocol.mediaTypes.filter((type) => type.startsWith('application/')).join(' and ')
    return say(415, `${said}, which is not taken at ${path}: ${taken}.\n`)
  }
  try {
    const refusal = await withBody(request, limits, budget, async (body) => {
      counters.add('subspan_receiver_bytes_total', body.length, { receiver })
      const converted = protocol.convert(body)
      await requests.accept(converted)
      return converted.refusal === null
        ? ''
        : `${converted.refusedSpans} of ${converted.refusedSpans + converted.spans} spans were not taken. ${converted.refusal}.\n`
    })
    return say(202, refusal)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) door.log.error({ error: stackOf(thrown) }, 'a trace request met a defect')
    const refused = refusalOf(thrown)
    return say(refused.http, `${refused.message}\n`, retryAfter(refused))
  }
}
