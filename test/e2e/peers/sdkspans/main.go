// Command sdkspans sends spans with the stock OpenTelemetry SDK, over OTLP/gRPC or OTLP/HTTP as OTEL_EXPORTER_OTLP_PROTOCOL says, to
// where OTEL_EXPORTER_OTLP_ENDPOINT says, and prints "trace span" of each, one a line. It fails when the exporter does.
//
//	sdkspans -spans 500
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	count := flag.Int("spans", 500, "spans to send, in one request")
	flag.Parse()
	ctx := context.Background()
	exporter, err := exporterOf(ctx, os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if err != nil {
		log.Fatal(err)
	}
	recorder := &collected{}
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	tracer := provider.Tracer("sdkspans")
	for i := range *count {
		_, span := tracer.Start(ctx, "sdkspans.Work")
		span.SetAttributes(
			attribute.Int("number", i),
			attribute.Int64("large", 1<<62+int64(i)),
			attribute.Float64("share", 0.1),
			attribute.StringSlice("words", []string{"one", "zwei", strings.Repeat("三", i%50)}),
		)
		span.AddEvent("half")
		span.End()
	}
	if err := exporter.ExportSpans(ctx, recorder.spans); err != nil {
		log.Fatal(err)
	}
	if err := exporter.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	for _, span := range recorder.spans {
		fmt.Println(span.SpanContext().TraceID(), span.SpanContext().SpanID())
	}
}

func exporterOf(ctx context.Context, protocol string) (*otlptrace.Exporter, error) {
	switch protocol {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: grpc or http/protobuf", protocol)
}

// collected keeps the spans that have ended.
type collected struct{ spans []sdk.ReadOnlySpan }

func (c *collected) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (c *collected) OnEnd(span sdk.ReadOnlySpan)                { c.spans = append(c.spans, span) }
func (c *collected) Shutdown(context.Context) error             { return nil }
func (c *collected) ForceFlush(context.Context) error           { return nil }
