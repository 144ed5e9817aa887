// stream.ts: the messages of one OpenCensus stream to OTLP: who sends is said once and remembered.
//
// Source: opencensus-proto's agent/trace service. A node holds until another one is sent, and so does a resource; a span may name a resource for itself.

import { base64Of } from '../../base/base64.ts'
import { Failure } from '../../base/failure.ts'
import { FieldCursor } from '../protobuf.ts'
import { NO_SCOPE, RequestWriter, type ResourceGroup } from '../otlp/request-writer.ts'
import type { ConvertedRequest } from '../span.ts'
import { EXPORT_REQUEST } from './messages.ts'
import { resourceOf } from './resource.ts'
import { readSpan } from './span.ts'

/** Bytes of a node, and of a resource, that are remembered: each message repeats them in OTLP. */
const MAX_REMEMBERED = 16 << 10

/** What one stream has said of itself. */
export class OpenCensusStream {
  private node: Uint8Array | null = null
  private resource = new Uint8Array(0)

  /**
   * The spans of the next message as an OTLP request.
   *
   * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers; REQUEST when nobody said whose spans these are
   */
  convert(message: Uint8Array): ConvertedRequest {
    const parts = new FieldCursor(message, 0, message.length, EXPORT_REQUEST)
    while (parts.next()) {
      if (parts.field === 1) this.node = remembered(parts, 'node')
      else if (parts.field === 3) this.resource = remembered(parts, 'resource')
    }
    const { node, resource } = this
    if (node === null) {
      throw new Failure(
        'REQUEST',
        'the first message of an OpenCensus stream has no node, which says whose spans these are: the exporter must send it first.',
      )
    }
    const writer = new RequestWriter()
    const groupOf = (where: Uint8Array): ResourceGroup =>
      writer.resource(base64Of(where), () => resourceOf(node, where))
    const common = groupOf(resource)
    const spans = new FieldCursor(message, 0, message.length, EXPORT_REQUEST)
    while (spans.next()) {
      if (spans.field !== 2) continue
      const { span, resource: own } = readSpan(message, spans.from, spans.to)
      writer.add(own === null ? common : groupOf(own), NO_SCOPE, span)
    }
    return writer.take()
  }
}

/** A copy: the message is let go of. */
function remembered(field: FieldCursor, what: string): Uint8Array<ArrayBuffer> {
  const content = field.content()
  if (content.length > MAX_REMEMBERED) {
    throw field.failure(
      `a ${what} of ${content.length.toLocaleString('en-US')} bytes, at most ${MAX_REMEMBERED.toLocaleString('en-US')} are remembered`,
    )
  }
  return new Uint8Array(content)
}
