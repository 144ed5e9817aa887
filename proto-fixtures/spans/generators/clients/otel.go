package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// runOtel makes spans with OpenTelemetry's SDK and has them exported in one request.
func runOtel(exporter sdktrace.SpanExporter) {
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Hour)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "shop"), attribute.String("service.instance.id", "shop-7d4b"), attribute.Int("process.pid", 4711),
			attribute.String("team", "checkout"))),
	)
	tracer := provider.Tracer("example.com/shop", trace.WithInstrumentationVersion("1.2.3"))
	state, err := trace.ParseTraceState("a=b,c=d")
	check(err)
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, SpanID: trace.SpanID{9, 8, 7, 6, 5, 4, 3, 2},
		TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
	ctx, root := tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), remote), "GET /cart", trace.WithSpanKind(trace.SpanKindServer))
	root.SetAttributes(attribute.String("text", "grün"), attribute.Int("http.status_code", 404), attribute.Bool("yes", true),
		attribute.Float64("half", 0.5), attribute.StringSlice("list", []string{"a", "b"}), attribute.IntSlice("numbers", []int{1, 2}))
	root.AddEvent("cache miss", trace.WithAttributes(attribute.Int("size", -5), attribute.String("pipe", "a|b")))
	root.AddEvent("plain")
	for i, kind := range []trace.SpanKind{trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer, trace.SpanKindInternal} {
		_, span := tracer.Start(ctx, kind.String(), trace.WithSpanKind(kind), trace.WithLinks(trace.Link{
			SpanContext: remote.WithSpanID(trace.SpanID{byte(i + 1)}), Attributes: []attribute.KeyValue{attribute.String("why", "batch")},
		}))
		switch i {
		case 0:
			span.SetStatus(codes.Error, "gone")
			span.SetAttributes(attribute.String("peer.service", "bank"), attribute.String("net.peer.ip", "10.1.2.3"), attribute.Int("net.peer.port", 8080))
		case 1:
			span.SetStatus(codes.Ok, "")
		}
		span.End()
	}
	_, other := provider.Tracer("example.com/other").Start(ctx, "other scope")
	other.SetStatus(codes.Error, "")
	other.End()
	root.End()
	check(provider.Shutdown(context.Background()))
}
