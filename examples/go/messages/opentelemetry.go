package main

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"subspan.example/go/otelids"
)

// openTelemetry is the stock SDK with the stock exporter: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_… work.
type openTelemetry struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// startOpenTelemetry differs in one line between stock and with ids: the processor.
func startOpenTelemetry(ctx context.Context, ids bool) (*openTelemetry, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	// Host and process id say which process this is where OTEL_RESOURCE_ATTRIBUTES sets no service.instance.id.
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithAttributes(attribute.String("service.name", "messages")), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(described)}
	if ids {
		options = append(options, sdktrace.WithSpanProcessor(otelids.Processor{}))
	}
	provider := sdktrace.NewTracerProvider(options...)
	return &openTelemetry{provider, provider.Tracer("messages")}, nil
}

func (o *openTelemetry) server(r *http.Request, name string) (context.Context, span) {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return o.start(ctx, name, trace.SpanKindServer)
}

func (o *openTelemetry) internal(ctx context.Context, name string) (context.Context, span) {
	return o.start(ctx, name, trace.SpanKindInternal)
}

func (o *openTelemetry) client(ctx context.Context, name string) (context.Context, span) {
	return o.start(ctx, name, trace.SpanKindClient)
}

func (o *openTelemetry) start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, span) {
	ctx, s := o.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, otelSpan{s}
}

func (o *openTelemetry) shutdown(ctx context.Context) error { return o.provider.Shutdown(ctx) }

type otelSpan struct{ trace.Span }

func (s otelSpan) text(key, value string)       { s.SetAttributes(attribute.String(key, value)) }
func (s otelSpan) number(key string, value int) { s.SetAttributes(attribute.Int(key, value)) }
func (s otelSpan) end()                         { s.End() }
func (s otelSpan) fail(err error) {
	s.RecordError(err)
	s.SetStatus(codes.Error, err.Error())
}
