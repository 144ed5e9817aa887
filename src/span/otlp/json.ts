// json.ts: OTLP/JSON trace requests to protobuf and back.

import { textOf } from '../../base/bytes.ts'
import { messageFromJson } from './json-reader.ts'
import { messageToJson } from './json-writer.ts'
import { TRACE_REQUEST } from './schema.ts'

/**
 * The protobuf form of an OTLP/JSON trace request. Everything OTLP defines is kept, 64-bit numbers exactly (as strings or
 * as bare numbers); names of kinds and status codes are taken too, ids in either case; keys that OTLP does not know are
 * passed over.
 *
 * @param json text, or its UTF-8 bytes (as they came: strings are then copied, never decoded).
 * @throws Failure SPANS_MALFORMED with the JSON path and the byte offset.
 */
export function traceRequestFromJson(json: string | Uint8Array): Uint8Array {
  return messageFromJson(TRACE_REQUEST, json)
}

/**
 * OTLP/JSON text, one line, of a protobuf trace request; 64-bit numbers as decimal strings, ids as lower-case hex. Fields
 * that OTLP does not know are left out: JSON has no place for them.
 *
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers.
 */
export function traceRequestToJson(bytes: Uint8Array): string {
  return textOf(messageToJson(TRACE_REQUEST, bytes))
}
