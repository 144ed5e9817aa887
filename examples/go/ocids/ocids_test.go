package ocids

import (
	"bytes"
	"context"
	"fmt"
	"io"
	runtimetrace "runtime/trace"
	"strings"
	"testing"

	"go.opencensus.io/trace"
)

var (
	stockTracer = trace.DefaultTracer
	sampled     = trace.WithSampler(trace.AlwaysSample())
	unsampled   = trace.WithSampler(trace.NeverSample())
)

// captured is the capture of what run does with a tracer that logs ids.
func captured(t *testing.T, run func(trace.Tracer)) string {
	t.Helper()
	var capture bytes.Buffer
	if err := runtimetrace.Start(&capture); err != nil {
		t.Fatal(err)
	}
	run(Tracer{stockTracer})
	runtimetrace.Stop()
	return capture.String()
}

func logOf(span *trace.Span) string {
	sc := span.SpanContext()
	return fmt.Sprintf("00-%s-%s-01", sc.TraceID, sc.SpanID)
}

func TestACaptureHoldsTheIDsOfEverySpan(t *testing.T) {
	var all []*trace.Span
	capture := captured(t, func(tracer trace.Tracer) {
		ctx, parent := tracer.StartSpan(context.Background(), "parent", sampled)
		_, child := tracer.StartSpan(ctx, "child")
		_, remote := tracer.StartSpanWithRemoteParent(context.Background(), "remote", parent.SpanContext(), sampled)
		all = append(all, parent, child, remote)
		remote.End()
		child.End()
		parent.End()
	})
	for _, span := range all {
		if !strings.Contains(capture, logOf(span)) {
			t.Errorf("the capture holds no log %s", logOf(span))
		}
	}
}

func TestIDsOfUnsampledSpansAreNotLogged(t *testing.T) {
	var span *trace.Span
	capture := captured(t, func(tracer trace.Tracer) {
		_, span = tracer.StartSpan(context.Background(), "span", unsampled)
		span.End()
	})
	if strings.Contains(capture, logOf(span)) {
		t.Error("the capture holds the ids of a span that nobody will send")
	}
}

func TestWithoutACaptureItCostsNoAllocation(t *testing.T) {
	span := func(tracer trace.Tracer) func() {
		return func() {
			_, span := tracer.StartSpan(context.Background(), "span", sampled)
			span.End()
		}
	}
	stock, ours := testing.AllocsPerRun(100, span(stockTracer)), testing.AllocsPerRun(100, span(Tracer{stockTracer}))
	if ours != stock {
		t.Errorf("a span makes %v allocations with the tracer, %v without", ours, stock)
	}
}

func BenchmarkSpan(b *testing.B) {
	spans := func(tracer trace.Tracer) func(*testing.B) {
		return func(b *testing.B) {
			ctx := context.Background()
			for b.Loop() {
				_, span := tracer.StartSpan(ctx, "span", sampled)
				span.End()
			}
		}
	}
	stock, ids := spans(stockTracer), spans(Tracer{stockTracer})
	b.Run("no capture/stock", stock)
	b.Run("no capture/ids", ids)
	if err := runtimetrace.Start(io.Discard); err != nil {
		b.Fatal(err)
	}
	defer runtimetrace.Stop()
	b.Run("capture/stock", stock)
	b.Run("capture/ids", ids)
}
