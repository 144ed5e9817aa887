// span.ts: spans as columns over the bytes of one OTLP trace request, and spans of our own making.
//
// The bytes of a request are never decoded as a whole on the way through: the columns say where in the bytes the few
// things lie that joining needs. What is not named here stays in the bytes and leaves as it came.

/** The resources of a request: one row per ResourceSpans message that holds a span. */
export interface ResourceRow {
  /** Content of the ResourceSpans message (without its tag and length) in `SpanTable.bytes`. */
  readonly from: number
  readonly to: number
  /** Serialized Resource message (merged when the message occurred more than once); empty when there was none. */
  readonly resource: Uint8Array
  readonly process: ProcessIdentity
}

/** Which running program made the spans of a resource (design section 1). */
export interface ProcessIdentity {
  /** Equal for equal processes; the partition key. */
  readonly key: string
  /** `service.name`, empty when the resource has none. */
  readonly service: string
  /**
   * The first present of service.instance.id, k8s.pod.uid (`uid/container` where the container is named),
   * host.id|host.name + process.pid (`host:pid`); empty when shared.
   */
  readonly instance: string
  /**
   * Every name a capture may use for this process: instance id, pod uid and name, each also with its container, host id
   * and name, each also with the process id. Pods, hosts and containers may be those of several processes.
   */
  readonly aliases: readonly string[]
  /** True when nothing tells replicas apart: such spans join by ids only. */
  readonly shared: boolean
}

/** Columns over one OTLP protobuf ExportTraceServiceRequest; one row per span, in the order of the bytes. */
export interface SpanTable {
  readonly bytes: Uint8Array
  readonly length: number
  /** Content of the Span message, without its tag and length. */
  readonly spanFrom: Int32Array
  readonly spanTo: Int32Array
  /** Offset of the 16 and 8 id bytes; -1 when missing, all zero or of another length. `parentIdAt` is -1 for a root. */
  readonly traceIdAt: Int32Array
  readonly spanIdAt: Int32Array
  readonly parentIdAt: Int32Array
  readonly nameFrom: Int32Array
  readonly nameTo: Int32Array
  /** Unix nanoseconds as two 32-bit halves: value = high × 2^32 + low. */
  readonly startLow: Uint32Array
  readonly startHigh: Uint32Array
  readonly endLow: Uint32Array
  readonly endHigh: Uint32Array
  /** Row in `resources`. */
  readonly resource: Int32Array
  /** 1 when the span carries `subspan.capture` already. */
  readonly enriched: Uint8Array
  readonly resources: readonly ResourceRow[]
}

/** A value of an attribute that we write; `int` for whole numbers, a plain number for doubles. */
export type AttributeValue =
  string | boolean | number | { readonly int: number | bigint } | { readonly bytes: Uint8Array } | readonly string[]

export interface Attribute {
  readonly key: string
  readonly value: AttributeValue
}

/** A link to another span. */
export interface SpanLink {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly attributes: readonly Attribute[]
}

/** What every span that we write has. */
export interface SpanHead {
  /** 16 and 8 bytes; the parent's has none for a root. */
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array
  readonly traceState: string
  readonly flags: number
  readonly name: string
  /** OTLP's number: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly startUnixNs: bigint
  readonly endUnixNs: bigint
}

/** A span of our own making. */
export interface NewSpan extends SpanHead {
  readonly attributes: readonly Attribute[]
  readonly links: readonly SpanLink[]
}

/** Attributes by key: setting a key again replaces its value. */
export type AttributeMap = Map<string, AttributeValue>

/** Something that happened during a span. */
export interface SpanEvent {
  readonly unixNs: bigint
  readonly name: string
  readonly attributes: AttributeMap
  readonly droppedAttributes: number
}

/** A link of a span that came in another protocol. */
export interface ConvertedLink {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly traceState: string
  readonly attributes: AttributeMap
  readonly droppedAttributes: number
}

/** A span that came in another protocol, in OTLP's terms. */
export interface ConvertedSpan extends SpanHead {
  readonly attributes: AttributeMap
  readonly droppedAttributes: number
  readonly events: readonly SpanEvent[]
  readonly droppedEvents: number
  readonly links: readonly ConvertedLink[]
  readonly droppedLinks: number
  /** OTLP's number: 0 unset, 1 ok, 2 error. */
  readonly statusCode: number
  readonly statusMessage: string
}

/** A request of another protocol as OTLP. */
export interface ConvertedRequest {
  /** An OTLP protobuf trace request; no bytes when there was no span in it. */
  readonly otlp: Uint8Array
  readonly spans: number
  /** Spans that could not be converted and are not in it, and why the first of them could not; null where all could. */
  readonly refusedSpans: number
  readonly refusal: string | null
}
