// schema.ts: the messages of OTLP traces: their fields, numbers, types and names in protobuf and in JSON.
//
// Source: opentelemetry-proto (trace, common, resource, collector/trace) as of 1.11, google.rpc.Status. The field tables
// serve the JSON forms, the check of what the fast scan does not look into, and the words of errors.

/** How a field is stored; `id` is bytes that OTLP/JSON writes as hex instead of base64. */
export type FieldKind =
  | 'string'
  | 'bytes'
  | 'id'
  | 'message'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'enum'
  | 'double'
  | 'fixed64'
  | 'fixed32'

/** One field of a message. */
export interface FieldSchema {
  readonly number: number
  /** Name in protobuf, for errors. */
  readonly name: string
  /** Key in JSON: the name in lowerCamelCase. */
  readonly jsonName: string
  readonly kind: FieldKind
  readonly repeated: boolean
  /** 0 varint, 1 eight bytes, 2 length and content, 5 four bytes. */
  readonly wire: number
  /** Type of a field of kind `message`. */
  readonly message: MessageSchema | null
  /** Names of an enum's numbers. */
  readonly values: readonly string[]
  /** number × 8 + wire type. */
  readonly tag: number
}

/** One message type. */
export interface MessageSchema {
  readonly name: string
  readonly fields: readonly FieldSchema[]
  /** Fields by number; holes where the number is free. */
  readonly byNumber: readonly (FieldSchema | undefined)[]
  /** True for AnyValue: at most one field is set, and it is written even when it has its default value. */
  readonly oneof: boolean
}

const WIRE_TYPES: Readonly<Record<FieldKind, number>> = {
  string: 2,
  bytes: 2,
  id: 2,
  message: 2,
  bool: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  enum: 0,
  double: 1,
  fixed64: 1,
  fixed32: 5,
}

/** `[number, name, kind]`, with the message type or the enum's names where the kind asks for it. */
type FieldRow = readonly [number, string, FieldKind | `${FieldKind}[]`, (MessageSchema | readonly string[])?]

class Message implements MessageSchema {
  readonly fields: FieldSchema[] = []
  readonly byNumber: (FieldSchema | undefined)[] = []

  constructor(
    readonly name: string,
    rows: readonly FieldRow[],
    readonly oneof = false,
  ) {
    this.add(rows)
  }

  /** Adds fields; apart from the constructor because values nest in themselves. */
  add(rows: readonly FieldRow[]): void {
    for (const [number, name, type, detail] of rows) {
      const repeated = type.endsWith('[]')
      const kind = (repeated ? type.slice(0, -2) : type) as FieldKind
      const field: FieldSchema = {
        number,
        name,
        jsonName: name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        kind,
        repeated,
        wire: WIRE_TYPES[kind],
        message: detail instanceof Message ? detail : null,
        values: Array.isArray(detail) ? (detail as readonly string[]) : [],
        tag: number * 8 + WIRE_TYPES[kind],
      }
      this.fields.push(field)
      while (this.byNumber.length <= number) this.byNumber.push(undefined)
      this.byNumber[number] = field
    }
  }
}

const anyValue = new Message('AnyValue', [], true)
const keyValue = new Message('KeyValue', [
  [1, 'key', 'string'],
  [2, 'value', 'message', anyValue],
  [3, 'key_strindex', 'int32'],
])
const arrayValue = new Message('ArrayValue', [[1, 'values', 'message[]', anyValue]])
const keyValueList = new Message('KeyValueList', [[1, 'values', 'message[]', keyValue]])
anyValue.add([
  [1, 'string_value', 'string'],
  [2, 'bool_value', 'bool'],
  [3, 'int_value', 'int64'],
  [4, 'double_value', 'double'],
  [5, 'array_value', 'message', arrayValue],
  [6, 'kvlist_value', 'message', keyValueList],
  [7, 'bytes_value', 'bytes'],
  [8, 'string_value_strindex', 'int32'],
])

export const ANY_VALUE: MessageSchema = anyValue
export const KEY_VALUE: MessageSchema = keyValue

const entityRef = new Message('EntityRef', [
  [1, 'schema_url', 'string'],
  [2, 'type', 'string'],
  [3, 'id_keys', 'string[]'],
  [4, 'description_keys', 'string[]'],
])

export const RESOURCE: MessageSchema = new Message('Resource', [
  [1, 'attributes', 'message[]', keyValue],
  [2, 'dropped_attributes_count', 'uint32'],
  [3, 'entity_refs', 'message[]', entityRef],
])

export const SCOPE: MessageSchema = new Message('InstrumentationScope', [
  [1, 'name', 'string'],
  [2, 'version', 'string'],
  [3, 'attributes', 'message[]', keyValue],
  [4, 'dropped_attributes_count', 'uint32'],
])

export const EVENT: MessageSchema = new Message('Event', [
  [1, 'time_unix_nano', 'fixed64'],
  [2, 'name', 'string'],
  [3, 'attributes', 'message[]', keyValue],
  [4, 'dropped_attributes_count', 'uint32'],
])

export const LINK: MessageSchema = new Message('Link', [
  [1, 'trace_id', 'id'],
  [2, 'span_id', 'id'],
  [3, 'trace_state', 'string'],
  [4, 'attributes', 'message[]', keyValue],
  [5, 'dropped_attributes_count', 'uint32'],
  [6, 'flags', 'fixed32'],
])

const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((k) => `SPAN_KIND_${k}`)
const STATUS_CODES = ['UNSET', 'OK', 'ERROR'].map((code) => `STATUS_CODE_${code}`)

export const STATUS: MessageSchema = new Message('Status', [
  [2, 'message', 'string'],
  [3, 'code', 'enum', STATUS_CODES],
])

export const SPAN: MessageSchema = new Message('Span', [
  [1, 'trace_id', 'id'],
  [2, 'span_id', 'id'],
  [3, 'trace_state', 'string'],
  [4, 'parent_span_id', 'id'],
  [5, 'name', 'string'],
  [6, 'kind', 'enum', SPAN_KINDS],
  [7, 'start_time_unix_nano', 'fixed64'],
  [8, 'end_time_unix_nano', 'fixed64'],
  [9, 'attributes', 'message[]', keyValue],
  [10, 'dropped_attributes_count', 'uint32'],
  [11, 'events', 'message[]', EVENT],
  [12, 'dropped_events_count', 'uint32'],
  [13, 'links', 'message[]', LINK],
  [14, 'dropped_links_count', 'uint32'],
  [15, 'status', 'message', STATUS],
  [16, 'flags', 'fixed32'],
])

export const SCOPE_SPANS: MessageSchema = new Message('ScopeSpans', [
  [1, 'scope', 'message', SCOPE],
  [2, 'spans', 'message[]', SPAN],
  [3, 'schema_url', 'string'],
])

export const RESOURCE_SPANS: MessageSchema = new Message('ResourceSpans', [
  [1, 'resource', 'message', RESOURCE],
  [2, 'scope_spans', 'message[]', SCOPE_SPANS],
  [3, 'schema_url', 'string'],
])

/** ExportTraceServiceRequest, the same bytes as TracesData. */
export const TRACE_REQUEST: MessageSchema = new Message('ExportTraceServiceRequest', [
  [1, 'resource_spans', 'message[]', RESOURCE_SPANS],
])

export const PARTIAL_SUCCESS: MessageSchema = new Message('ExportTracePartialSuccess', [
  [1, 'rejected_spans', 'int64'],
  [2, 'error_message', 'string'],
])

export const TRACE_RESPONSE: MessageSchema = new Message('ExportTraceServiceResponse', [
  [1, 'partial_success', 'message', PARTIAL_SUCCESS],
])

/** google.rpc.Status without its details, whose type depends on the code. */
export const RPC_STATUS: MessageSchema = new Message('google.rpc.Status', [
  [1, 'code', 'int32'],
  [2, 'message', 'string'],
])

/**
 * google.rpc.Status as it comes in `grpc-status-details-bin`, with the one kind of detail that OTLP knows. Apart from `RPC_STATUS`, for
 * in JSON details have another form.
 */
const duration = new Message('google.protobuf.Duration', [
  [1, 'seconds', 'int64'],
  [2, 'nanos', 'int32'],
])
export const DURATION: MessageSchema = duration
const retryInfo = new Message('google.rpc.RetryInfo', [[1, 'retry_delay', 'message', duration]])
export const RETRY_INFO: MessageSchema = retryInfo
const any = new Message('google.protobuf.Any', [
  [1, 'type_url', 'string'],
  [2, 'value', 'bytes'],
])
export const ANY: MessageSchema = any
export const STATUS_WITH_DETAILS: MessageSchema = new Message('google.rpc.Status', [
  [1, 'code', 'int32'],
  [2, 'message', 'string'],
  [3, 'details', 'message[]', any],
])
