// request-writer.ts: puts spans that came in another protocol together to one OTLP request, grouped by resource and scope.

import { ByteWriter } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import type { AttributeMap, ConvertedRequest, ConvertedSpan } from '../span.ts'
import { encodeResource, writeBytes, writeConvertedSpan, writeScope } from './write.ts'

/** Name and version of what made a span; both empty where nothing is said. */
export interface Scope {
  readonly name: string
  readonly version: string
}

export const NO_SCOPE: Scope = { name: '', version: '' }

/** Groups of one request, at most: each costs memory of its own, and a sender has a handful. */
const MAX_GROUPS = 1_024
/** Bytes of the OTLP of one request, at most: a resource that is said once may have to be written for many groups. */
const MAX_BYTES = 64 << 20

interface Group {
  readonly scope: Scope
  readonly spans: ByteWriter
}

/** One resource with its scopes. */
export class ResourceGroup {
  readonly groups = new Map<string, Group>()

  constructor(readonly resource: Uint8Array) {}
}

/** Writes one request; where it is refused, it is refused as a whole. */
export class RequestWriter {
  private readonly resources = new Map<string, ResourceGroup>()
  private groups = 0
  private bytes = 0
  private spans = 0

  /**
   * The resource known by `key` in this request.
   *
   * @param attributesOf asked once for each key
   * @throws Failure SPANS_MALFORMED beyond the limits of one request
   */
  resource(key: string, attributesOf: () => AttributeMap): ResourceGroup {
    let known = this.resources.get(key)
    if (known === undefined) {
      known = new ResourceGroup(encodeResource(attributesOf()))
      this.grow(known.resource.length)
      this.resources.set(key, known)
    }
    return known
  }

  /** @throws Failure SPANS_MALFORMED beyond the limits of one request */
  add(resource: ResourceGroup, scope: Scope, span: ConvertedSpan): void {
    const key = `${scope.name}\n${scope.version}`
    let group = resource.groups.get(key)
    if (group === undefined) {
      if (++this.groups > MAX_GROUPS) {
        throw tooMuch(`spans of more than ${number(MAX_GROUPS)} resources and scopes`)
      }
      group = { scope, spans: new ByteWriter(512) }
      resource.groups.set(key, group)
    }
    const { spans } = group
    const before = spans.length
    spans.byte(0x12)
    const part = spans.beginPart(2)
    writeConvertedSpan(spans, span)
    spans.endPart(part, 2)
    this.grow(spans.length - before)
    this.spans++
  }

  /** The request; no bytes when no span was added. */
  take(refusedSpans = 0, refusal: string | null = null): ConvertedRequest {
    const out = new ByteWriter(this.bytes + 64 * this.groups)
    for (const { resource, groups } of this.resources.values()) {
      if (groups.size === 0) continue
      out.byte(0x0a)
      const resourceSpans = out.beginPart(3)
      writeBytes(out, 0x0a, resource)
      for (const { scope, spans } of groups.values()) {
        out.byte(0x12)
        const scopeSpans = out.beginPart(3)
        if (scope.name !== '' || scope.version !== '') writeScope(out, scope.name, scope.version)
        out.raw(spans.take())
        out.endPart(scopeSpans, 3)
      }
      out.endPart(resourceSpans, 3)
    }
    return { otlp: out.take(), spans: this.spans, refusedSpans, refusal }
  }

  private grow(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > MAX_BYTES) throw tooMuch(`more than ${number(MAX_BYTES)} bytes of spans as OTLP`)
  }
}

function tooMuch(what: string): Failure {
  return new Failure('SPANS_MALFORMED', `the request holds ${what}: send smaller batches.`)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
