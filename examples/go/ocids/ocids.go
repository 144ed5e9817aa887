// Package ocids makes the task of every OpenCensus span known by its ids.
package ocids

import (
	"context"

	"go.opencensus.io/trace"

	"subspan.example/go/taskids"
)

// Tracer logs the ids of each span as the first thing under its task. OpenCensus calls nobody before it begins the task
// of a span, so this tracer stands around the one that does.
//
//	trace.DefaultTracer = ocids.Tracer{Tracer: trace.DefaultTracer}
type Tracer struct{ trace.Tracer }

// StartSpan implements trace.Tracer.
func (t Tracer) StartSpan(ctx context.Context, name string, options ...trace.StartOption) (context.Context, *trace.Span) {
	return logged(t.Tracer.StartSpan(ctx, name, options...))
}

// StartSpanWithRemoteParent implements trace.Tracer.
func (t Tracer) StartSpanWithRemoteParent(ctx context.Context, name string, parent trace.SpanContext, options ...trace.StartOption) (context.Context, *trace.Span) {
	return logged(t.Tracer.StartSpanWithRemoteParent(ctx, name, parent, options...))
}

func logged(ctx context.Context, span *trace.Span) (context.Context, *trace.Span) {
	if sc := span.SpanContext(); sc.IsSampled() {
		taskids.Log(ctx, sc.TraceID, sc.SpanID)
	}
	return ctx, span
}
