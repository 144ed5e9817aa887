// messages.ts: the messages of OpenCensus' agent protocol that Subspan reads, by field number.
//
// Source: opencensus-proto 0.4 (agent/common, agent/trace, resource, trace).

import { fieldsOf } from '../protobuf.ts'

export const EXPORT_REQUEST = fieldsOf('ExportTraceServiceRequest', [
  [1, 'node', 2],
  [2, 'spans', 2],
  [3, 'resource', 2],
])
export const NODE = fieldsOf('Node', [
  [1, 'identifier', 2],
  [2, 'library_info', 2],
  [3, 'service_info', 2],
  [4, 'attributes', 2],
])
export const IDENTIFIER = fieldsOf('ProcessIdentifier', [
  [1, 'host_name', 2],
  [2, 'pid', 0],
  [3, 'start_timestamp', 2],
])
export const LIBRARY = fieldsOf('LibraryInfo', [
  [1, 'language', 0],
  [2, 'exporter_version', 2],
  [3, 'core_library_version', 2],
])
export const SERVICE = fieldsOf('ServiceInfo', [[1, 'name', 2]])
export const RESOURCE = fieldsOf('Resource', [
  [1, 'type', 2],
  [2, 'labels', 2],
])
/** An entry of a map. */
export const ENTRY = fieldsOf('map entry', [
  [1, 'key', 2],
  [2, 'value', 2],
])
export const SPAN = fieldsOf('Span', [
  [1, 'trace_id', 2],
  [2, 'span_id', 2],
  [3, 'parent_span_id', 2],
  [4, 'name', 2],
  [5, 'start_time', 2],
  [6, 'end_time', 2],
  [7, 'attributes', 2],
  [8, 'stack_trace', 2],
  [9, 'time_events', 2],
  [10, 'links', 2],
  [11, 'status', 2],
  [12, 'same_process_as_parent_span', 2],
  [13, 'child_span_count', 2],
  [14, 'kind', 0],
  [15, 'tracestate', 2],
  [16, 'resource', 2],
])
export const TEXT = fieldsOf('TruncatableString', [
  [1, 'value', 2],
  [2, 'truncated_byte_count', 0],
])
export const ATTRIBUTES = fieldsOf('Attributes', [
  [1, 'attribute_map', 2],
  [2, 'dropped_attributes_count', 0],
])
export const VALUE = fieldsOf('AttributeValue', [
  [1, 'string_value', 2],
  [2, 'int_value', 0],
  [3, 'bool_value', 0],
  [4, 'double_value', 1],
])
export const EVENTS = fieldsOf('TimeEvents', [
  [1, 'time_event', 2],
  [2, 'dropped_annotations_count', 0],
  [3, 'dropped_message_events_count', 0],
])
export const EVENT = fieldsOf('TimeEvent', [
  [1, 'time', 2],
  [2, 'annotation', 2],
  [3, 'message_event', 2],
])
export const ANNOTATION = fieldsOf('Annotation', [
  [1, 'description', 2],
  [2, 'attributes', 2],
])
export const MESSAGE_EVENT = fieldsOf('MessageEvent', [
  [1, 'type', 0],
  [2, 'id', 0],
  [3, 'uncompressed_size', 0],
  [4, 'compressed_size', 0],
])
export const LINKS = fieldsOf('Links', [
  [1, 'link', 2],
  [2, 'dropped_links_count', 0],
])
export const LINK = fieldsOf('Link', [
  [1, 'trace_id', 2],
  [2, 'span_id', 2],
  [3, 'type', 0],
  [4, 'attributes', 2],
  [5, 'tracestate', 2],
])
export const STATUS = fieldsOf('Status', [
  [1, 'code', 0],
  [2, 'message', 2],
])
export const TRACESTATE = fieldsOf('Tracestate', [[1, 'entries', 2]])
export const BOOL_VALUE = fieldsOf('google.protobuf.BoolValue', [[1, 'value', 0]])
