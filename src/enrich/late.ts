// late.ts: the summary child of a span that had left before its capture came: it carries the attributes that the span cannot get any more.

import type { Attribute, NewSpan } from '../span/span.ts'
import { childSpanId } from './span-ids.ts'

/** OTLP's kind of our spans: internal. */
export const INTERNAL = 1

/** The parent as its children see it. */
export interface ParentSpan {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly traceState: string
  readonly flags: number
  readonly startUnixNs: bigint
  readonly endUnixNs: bigint
}

/** A span over the whole window of its parent, with the attributes that an early span would have got itself. @param name `summaryName` */
export function summarySpan(parent: ParentSpan, name: string, attributes: readonly Attribute[]): NewSpan {
  return {
    traceId: parent.traceId,
    spanId: childSpanId(parent.traceId, parent.spanId, 'summary', -1, -1n),
    parentSpanId: parent.spanId,
    traceState: parent.traceState,
    flags: childFlags(parent.flags),
    name,
    kind: INTERNAL,
    startUnixNs: parent.startUnixNs,
    endUnixNs: parent.endUnixNs,
    attributes: [{ key: 'subspan.kind', value: 'summary' }, ...attributes],
    links: [],
  }
}

/** The W3C flags of the parent; where it is known whether its own parent is remote, ours is known not to be. */
export function childFlags(flags: number): number {
  return flags & 0x1ff
}
