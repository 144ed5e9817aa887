// Package otelids makes the task of every OpenTelemetry span known by its ids.
package otelids

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"subspan.example/go/taskids"
)

// Processor logs the ids of each span as it starts. The SDK for Go begins a task of runtime/trace for every span right
// after it has called its processors, so that the log stands immediately before the task on the same goroutine.
//
//	sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithSpanProcessor(otelids.Processor{}))
//
// It must be the last processor: one after it that logs, or begins a task of its own, would come between.
type Processor struct{}

// OnStart implements sdktrace.SpanProcessor.
func (Processor) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	sc := span.SpanContext()
	taskids.Log(ctx, sc.TraceID(), sc.SpanID())
}

// OnEnd implements sdktrace.SpanProcessor.
func (Processor) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown implements sdktrace.SpanProcessor.
func (Processor) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdktrace.SpanProcessor.
func (Processor) ForceFlush(context.Context) error { return nil }
