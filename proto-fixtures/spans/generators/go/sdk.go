package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// fixedIDs gives 1, 2, 3, …, with high bits set, so that no digit of an id is lost unnoticed.
type fixedIDs struct {
	seed uint64
	next uint64
}

func (ids *fixedIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	ids.next++
	var id trace.TraceID
	binary.BigEndian.PutUint64(id[:8], 0xf0e1d2c3b4a59687)
	binary.BigEndian.PutUint64(id[8:], ids.seed+ids.next)
	return id, ids.NewSpanID(ctx, id)
}

func (ids *fixedIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	ids.next++
	var id trace.SpanID
	binary.BigEndian.PutUint64(id[:], ids.seed+ids.next)
	return id
}

// recordSDK makes spans with two tracer providers (two resources) and exports them as one batch.
func recordSDK(pathOf func(name string) string) error {
	ctx := context.Background()
	memory := tracetest.NewInMemoryExporter()
	makeShopSpans(ctx, memory)
	makeBareSpan(ctx, memory)
	spans := memory.GetSpans().Snapshots()

	var body []byte
	var header http.Header
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ = io.ReadAll(request.Body)
		header = request.Header
	}))
	defer sink.Close()
	for name, compression := range map[string]otlptracehttp.Compression{
		"go-sdk.bin":    otlptracehttp.NoCompression,
		"go-sdk.bin.gz": otlptracehttp.GzipCompression,
	} {
		exporter, err := otlptracehttp.New(ctx,
			otlptracehttp.WithEndpointURL(sink.URL+"/v1/traces"), otlptracehttp.WithCompression(compression))
		if err != nil {
			return err
		}
		if err := exporter.ExportSpans(ctx, spans); err != nil {
			return err
		}
		if err := exporter.Shutdown(ctx); err != nil {
			return err
		}
		gzipped := header.Get("Content-Encoding") == "gzip"
		if header.Get("Content-Type") != "application/x-protobuf" || gzipped != strings.HasSuffix(name, ".gz") {
			return fmt.Errorf("%s: unexpected headers %v", name, header)
		}
		if err := os.WriteFile(pathOf(name), body, 0o644); err != nil {
			return err
		}
	}
	expected := make([]expectedSpan, 0, len(spans))
	for _, span := range spans {
		expected = append(expected, expectedOfSDK(span))
	}
	client := "OpenTelemetry Go SDK " + moduleVersion("go.opentelemetry.io/otel/sdk") + ", exporter otlptracehttp"
	return writeExpected(pathOf("go-sdk.expected.json"), client, expected)
}

func makeShopSpans(ctx context.Context, exporter sdktrace.SpanExporter) {
	process := resource.NewWithAttributes("https://opentelemetry.io/schemas/1.37.0",
		attribute.String("service.name", "shop"),
		attribute.String("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"),
		attribute.String("host.name", "node-1"),
		attribute.Int("process.pid", 4711),
		attribute.StringSlice("process.command_args", []string{"/shop", "--port", "8080"}),
		attribute.String("telemetry.sdk.language", "go"),
	)
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 24
	limits.EventCountLimit = 3
	limits.LinkCountLimit = 3
	limits.AttributePerEventCountLimit = 2
	limits.AttributePerLinkCountLimit = 2
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithResource(process),
		sdktrace.WithIDGenerator(&fixedIDs{seed: 0x8000000000000000}), sdktrace.WithRawSpanLimits(limits))
	server := provider.Tracer("example.com/shop/http", trace.WithInstrumentationVersion("1.4.0"),
		trace.WithSchemaURL("https://opentelemetry.io/schemas/1.26.0"),
		trace.WithInstrumentationAttributes(attribute.String("flavour", "verbose"), attribute.Bool("beta", true)))
	client := provider.Tracer("example.com/shop/client")

	// Above 2^53 and not a multiple of 256: a reader that goes through doubles is off.
	start := time.Unix(0, 1764000000123456789)
	after := func(ns int64) trace.SpanEndEventOption { return trace.WithTimestamp(start.Add(time.Duration(ns))) }
	at := func(ns int64) trace.SpanStartEventOption { return trace.WithTimestamp(start.Add(time.Duration(ns))) }

	remoteState, _ := trace.ParseTraceState("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c},
		SpanID:     trace.SpanID{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31},
		TraceFlags: trace.FlagsSampled,
		TraceState: remoteState,
		Remote:     true,
	})
	local := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 7}, SpanID: trace.SpanID{7: 9}, TraceFlags: 0,
	})

	// A server span with a remote parent, every type of attribute, and more of everything than the limits let through.
	ctx, root := server.Start(trace.ContextWithRemoteSpanContext(ctx, remote), "GET /messages/:id",
		trace.WithSpanKind(trace.SpanKindServer), at(0))
	root.SetAttributes(
		attribute.String("string", "value"),
		attribute.String("string.empty", ""),
		attribute.String("string.unicode", "Grüße, 世界 🚀 \u0000\u001f\"\\/\u2028"),
		attribute.String("string.long", strings.Repeat("0123456789abcdef", 1100)),
		attribute.Bool("bool.true", true),
		attribute.Bool("bool.false", false),
		attribute.Int64("int", 200),
		attribute.Int64("int.zero", 0),
		attribute.Int64("int.negative", -1),
		attribute.Int64("int.max", math.MaxInt64),
		attribute.Int64("int.min", math.MinInt64),
		attribute.Int64("int.beyond_double", 9007199254740993),
		attribute.Float64("double", 0.1),
		attribute.Float64("double.max", math.MaxFloat64),
		attribute.Float64("double.smallest", math.SmallestNonzeroFloat64),
		attribute.Float64("double.minus_zero", math.Copysign(0, -1)),
		attribute.Float64("double.infinity", math.Inf(-1)),
		attribute.StringSlice("strings", []string{"a", "", "ü"}),
		attribute.BoolSlice("bools", []bool{true, false}),
		attribute.Int64Slice("ints", []int64{0, -1, 9007199254740993}),
		attribute.Float64Slice("doubles", []float64{1.5, -2.25}),
		attribute.KeyValue{Key: "bytes", Value: attribute.ByteSliceValue([]byte{0, 1, 0xfe, 0xff})},
		attribute.KeyValue{Key: "list", Value: attribute.SliceValue(
			attribute.StringValue("mixed"), attribute.Int64Value(-5), attribute.SliceValue(attribute.BoolValue(true)))},
		attribute.KeyValue{Key: "map", Value: attribute.MapValue(
			attribute.String("inner", "x"), attribute.KeyValue{Key: "deeper", Value: attribute.MapValue(attribute.Int("n", 1))})},
		attribute.String("dropped.one", "beyond the limit of 24"),
		attribute.String("dropped.two", "beyond the limit of 24"),
	)
	for i := range 5 {
		root.AddEvent(fmt.Sprintf("event %d", i), after(int64(1000*i+1)), trace.WithAttributes(
			attribute.Int("number", i), attribute.String("text", "e"), attribute.Bool("dropped", true)))
	}
	for range 4 {
		root.AddLink(trace.Link{SpanContext: remote, Attributes: []attribute.KeyValue{attribute.String("why", "batch")}})
	}
	root.AddLink(trace.Link{SpanContext: local, Attributes: []attribute.KeyValue{
		attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("c", 3)}})
	root.SetStatus(codes.Error, "upstream gave 503: „später“")

	// One child of every kind, in another scope.
	for i, kind := range []trace.SpanKind{trace.SpanKindInternal, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer} {
		_, child := client.Start(ctx, "cache.Lookup", trace.WithSpanKind(kind), at(int64(100+i)))
		if kind == trace.SpanKindClient {
			child.SetStatus(codes.Ok, "")
		}
		child.End(after(int64(5000 + i)))
	}
	root.End(after(12_400_000))
}

// makeBareSpan makes one root span with nothing on it, of a process that cannot be told apart from its replicas.
func makeBareSpan(ctx context.Context, exporter sdktrace.SpanExporter) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "cron"))),
		sdktrace.WithIDGenerator(&fixedIDs{seed: 0x4000000000000000}))
	start := time.Unix(0, 1764000001000000001)
	_, span := provider.Tracer("").Start(ctx, "tick", trace.WithTimestamp(start))
	span.End(trace.WithTimestamp(start))
}

func expectedOfSDK(span sdktrace.ReadOnlySpan) expectedSpan {
	context, parent := span.SpanContext(), span.Parent()
	scope := span.InstrumentationScope()
	expected := expectedSpan{
		Resource: expectedResource{
			Attributes: expectedOfAttributes(span.Resource().Attributes()), SchemaURL: span.Resource().SchemaURL()},
		Scope: expectedScope{Name: scope.Name, Version: scope.Version, SchemaURL: scope.SchemaURL,
			Attributes: expectedOfAttributes(scope.Attributes.ToSlice())},
		TraceID:           context.TraceID().String(),
		SpanID:            context.SpanID().String(),
		TraceState:        context.TraceState().String(),
		Flags:             flagsOf(context.TraceFlags(), parent.IsRemote()),
		Name:              span.Name(),
		Kind:              int(span.SpanKind()), // Go numbers them as OTLP does
		StartUnixNs:       unixNs(span.StartTime()),
		EndUnixNs:         unixNs(span.EndTime()),
		Attributes:        expectedOfAttributes(span.Attributes()),
		DroppedAttributes: span.DroppedAttributes(),
		Events:            []expectedEvent{},
		DroppedEvents:     span.DroppedEvents(),
		Links:             []expectedLink{},
		DroppedLinks:      span.DroppedLinks(),
		// Go's codes: 0 unset, 1 error, 2 ok. OTLP's: 0 unset, 1 ok, 2 error.
		Status: expectedStatus{
			Code: map[codes.Code]int{codes.Unset: 0, codes.Ok: 1, codes.Error: 2}[span.Status().Code], Message: span.Status().Description},
	}
	if parent.SpanID().IsValid() {
		expected.ParentSpanID = parent.SpanID().String()
	}
	for _, event := range span.Events() {
		expected.Events = append(expected.Events, expectedEvent{TimeUnixNs: unixNs(event.Time), Name: event.Name,
			Attributes: expectedOfAttributes(event.Attributes), DroppedAttributes: event.DroppedAttributeCount})
	}
	// The exporter leaves a link's trace state out.
	for _, link := range span.Links() {
		context := link.SpanContext
		expected.Links = append(expected.Links, expectedLink{TraceID: context.TraceID().String(),
			SpanID:     context.SpanID().String(),
			Flags:      flagsOf(context.TraceFlags(), context.IsRemote()),
			Attributes: expectedOfAttributes(link.Attributes), DroppedAttributes: link.DroppedAttributeCount})
	}
	return expected
}

// flagsOf: the low eight bits are W3C trace flags; 0x100 says that 0x200, "remote", is known.
func flagsOf(flags trace.TraceFlags, remote bool) uint32 {
	all := uint32(flags) | 0x100
	if remote {
		all |= 0x200
	}
	return all
}

func expectedOfAttributes(attributes []attribute.KeyValue) []expectedAttribute {
	expected := []expectedAttribute{}
	for _, attribute := range attributes {
		expected = append(expected, expectedAttribute{Key: string(attribute.Key), Value: expectedOfValue(attribute.Value)})
	}
	return expected
}

func expectedOfValue(value attribute.Value) expectedValue {
	switch value.Type() {
	case attribute.STRING:
		return expectedValue{"string": value.AsString()}
	case attribute.BOOL:
		return expectedValue{"bool": value.AsBool()}
	case attribute.INT64:
		return intValue(value.AsInt64())
	case attribute.FLOAT64:
		return doubleValue(value.AsFloat64())
	case attribute.BYTESLICE:
		return expectedValue{"bytes": hex.EncodeToString(value.AsByteSlice())}
	case attribute.MAP:
		return expectedValue{"map": expectedOfAttributes(value.AsMap())}
	case attribute.STRINGSLICE:
		return listOf(value.AsStringSlice(), func(text string) expectedValue { return expectedValue{"string": text} })
	case attribute.BOOLSLICE:
		return listOf(value.AsBoolSlice(), func(is bool) expectedValue { return expectedValue{"bool": is} })
	case attribute.INT64SLICE:
		return listOf(value.AsInt64Slice(), intValue)
	case attribute.FLOAT64SLICE:
		return listOf(value.AsFloat64Slice(), doubleValue)
	case attribute.SLICE:
		return listOf(value.AsSlice(), expectedOfValue)
	default:
		return expectedValue{}
	}
}

func listOf[Item any](items []Item, valueOf func(Item) expectedValue) expectedValue {
	values := []expectedValue{}
	for _, item := range items {
		values = append(values, valueOf(item))
	}
	return expectedValue{"list": values}
}
