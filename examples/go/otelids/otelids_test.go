package otelids

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime/trace"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

func tracerWith(processors ...sdktrace.SpanProcessor) oteltrace.Tracer {
	var options []sdktrace.TracerProviderOption
	for _, processor := range processors {
		options = append(options, sdktrace.WithSpanProcessor(processor))
	}
	return sdktrace.NewTracerProvider(options...).Tracer("test")
}

func TestACaptureHoldsTheIDsOfEverySpan(t *testing.T) {
	var capture bytes.Buffer
	if err := trace.Start(&capture); err != nil {
		t.Fatal(err)
	}
	tracer := tracerWith(Processor{})
	ctx, parent := tracer.Start(context.Background(), "parent")
	_, child := tracer.Start(ctx, "child")
	child.End()
	parent.End()
	trace.Stop()
	for _, span := range []oteltrace.Span{parent, child} {
		sc := span.SpanContext()
		if want := fmt.Sprintf("00-%s-%s-01", sc.TraceID(), sc.SpanID()); !strings.Contains(capture.String(), want) {
			t.Errorf("the capture holds no log %s", want)
		}
	}
}

func TestWithoutACaptureItCostsNoAllocation(t *testing.T) {
	span := func(tracer oteltrace.Tracer) func() {
		return func() {
			_, span := tracer.Start(context.Background(), "span")
			span.End()
		}
	}
	stock, ours := testing.AllocsPerRun(100, span(tracerWith(none{}))), testing.AllocsPerRun(100, span(tracerWith(Processor{})))
	if ours != stock {
		t.Errorf("a span makes %v allocations with the processor, %v without", ours, stock)
	}
}

// none does nothing: spans record only where there is a processor.
type none struct{ Processor }

func (none) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func BenchmarkSpan(b *testing.B) {
	spans := func(tracer oteltrace.Tracer) func(*testing.B) {
		return func(b *testing.B) {
			ctx := context.Background()
			for b.Loop() {
				_, span := tracer.Start(ctx, "span")
				span.End()
			}
		}
	}
	stock, ids := spans(tracerWith(none{})), spans(tracerWith(Processor{}))
	b.Run("no capture/stock", stock)
	b.Run("no capture/ids", ids)
	if err := trace.Start(io.Discard); err != nil {
		b.Fatal(err)
	}
	defer trace.Stop()
	b.Run("capture/stock", stock)
	b.Run("capture/ids", ids)
}
