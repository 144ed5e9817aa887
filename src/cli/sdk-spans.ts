// sdk-spans.ts: recorded OTLP/JSON spans as the OpenTelemetry SDK holds them, ids and times as recorded, for its own exporter to send.

import type { Attributes, AttributeValue, HrTime, Link, SpanContext } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

/** An OTLP/JSON trace request as the recorder wrote it. */
export interface RecordedRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes?: readonly RecordedAttribute[] }
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly spans: readonly RecordedSpan[]
    }[]
  }[]
}

interface RecordedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly flags?: number
  readonly name: string
  readonly kind?: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: readonly RecordedAttribute[]
  readonly events?: readonly {
    readonly timeUnixNano: string
    readonly name: string
    readonly attributes?: readonly RecordedAttribute[]
  }[]
  readonly links?: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes?: readonly RecordedAttribute[]
  }[]
  readonly status?: { readonly code?: number; readonly message?: string }
}

interface RecordedAttribute {
  readonly key: string
  readonly value: RecordedValue
}

interface RecordedValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values?: readonly RecordedValue[] }
}

/** OTLP's flag that a parent is of another process. */
const PARENT_IS_REMOTE = 0x200

/** The spans of a request. */
export function sdkSpansOf({ resourceSpans }: RecordedRequest): ReadableSpan[] {
  return resourceSpans.flatMap(({ resource: { attributes }, scopeSpans }) => {
    const resource = resourceFromAttributes(attributesOf(attributes))
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span): ReadableSpan => {
        const { traceId, spanId, parentSpanId, flags = 1 } = span
        const context: SpanContext = { traceId, spanId, traceFlags: flags & 0xff }
        const parent: SpanContext | null =
          parentSpanId === undefined || parentSpanId === ''
            ? null
            : { traceId, spanId: parentSpanId, traceFlags: flags & 0xff, isRemote: (flags & PARENT_IS_REMOTE) !== 0 }
        const start = BigInt(span.startTimeUnixNano)
        const end = BigInt(span.endTimeUnixNano)
        return {
          name: span.name,
          // The SDK counts kinds from 0, OTLP from 1.
          kind: Math.max(0, (span.kind ?? 1) - 1),
          spanContext: () => context,
          ...(parent === null ? {} : { parentSpanContext: parent }),
          startTime: hrTime(start),
          endTime: hrTime(end),
          duration: hrTime(end - start),
          ended: true,
          status: {
            code: span.status?.code ?? 0,
            ...(span.status?.message === undefined ? {} : { message: span.status.message }),
          },
          attributes: attributesOf(span.attributes),
          events: (span.events ?? []).map((event) => ({
            name: event.name,
            time: hrTime(BigInt(event.timeUnixNano)),
            attributes: attributesOf(event.attributes),
          })),
          links: (span.links ?? []).map((link): Link => ({
            context: { traceId: link.traceId, spanId: link.spanId, traceFlags: 1 },
            attributes: attributesOf(link.attributes),
          })),
          resource,
          instrumentationScope: {
            name: scope?.name ?? '',
            ...(scope?.version === undefined ? {} : { version: scope.version }),
          },
          droppedAttributesCount: 0,
          droppedEventsCount: 0,
          droppedLinksCount: 0,
        }
      }),
    )
  })
}

/** Seconds and nanoseconds. */
function hrTime(ns: bigint): HrTime {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)]
}

function attributesOf(attributes: readonly RecordedAttribute[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: RecordedValue): AttributeValue {
  if (stringValue !== undefined) return stringValue
  if (boolValue !== undefined) return boolValue
  if (intValue !== undefined) return Number(intValue)
  if (doubleValue !== undefined) return doubleValue
  return (arrayValue?.values ?? []).map((one) => one.stringValue ?? '')
}
