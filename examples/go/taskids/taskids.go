// Package taskids writes trace and span ids where Subspan reads them in a capture of Go's execution tracer: into the
// name of a task, or into a log. It needs nothing but the standard library, so that any tracer can use it.
package taskids

import (
	"context"
	"encoding/hex"
	"runtime/trace"
)

// NewTask begins a task of runtime/trace whose name holds the ids of a span, for tracers that begin none themselves.
// While no capture is taken it costs what trace.NewTask costs: the ids are not even formatted.
//
//	ctx, task := taskids.NewTask(ctx, "auth.AccessToken", sc.TraceID(), sc.SpanID())
//	defer task.End()
func NewTask(ctx context.Context, name string, traceID [16]byte, spanID [8]byte) (context.Context, *trace.Task) {
	if trace.IsEnabled() {
		name += " traceparent=" + traceparent(traceID, spanID)
	}
	return trace.NewTask(ctx, name)
}

// Log logs the ids of a span; nothing happens while no capture is taken. Written under a task, they are the task's own.
// Written right before a task begins, on the same goroutine, they are those of the task that begins.
func Log(ctx context.Context, traceID [16]byte, spanID [8]byte) {
	if trace.IsEnabled() {
		trace.Log(ctx, "traceparent", traceparent(traceID, spanID))
	}
}

// traceparent is the form of W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header, flagged as sampled:
// spans that are not have no ids worth looking for.
func traceparent(traceID [16]byte, spanID [8]byte) string {
	text := [55]byte{0: '0', 1: '0', 2: '-', 35: '-', 52: '-', 53: '0', 54: '1'}
	hex.Encode(text[3:], traceID[:])
	hex.Encode(text[36:], spanID[:])
	return string(text[:])
}
