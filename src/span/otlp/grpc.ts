// grpc.ts: names that OTLP/gRPC goes by, the same for the door and for destinations.

/** The method that takes traces. */
export const EXPORT_METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

/** Metadata that holds a google.rpc.Status with its details, RetryInfo among them. */
export const STATUS_DETAILS = 'grpc-status-details-bin'
