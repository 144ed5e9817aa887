package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// openTelemetry makes spans as otelhttp does, by hand.
type openTelemetry struct {
	known    *truth
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
	carry    propagation.TraceContext
	mu       sync.Mutex
	ended    []sdktrace.ReadOnlySpan
}

func newOTel(known *truth) *openTelemetry {
	o := &openTelemetry{known: known}
	o.provider = sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(o, sdktrace.WithBatchTimeout(200*time.Millisecond)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
	)
	o.tracer = o.provider.Tracer("shop")
	return o
}

func (o *openTelemetry) start(ctx context.Context, name string, kind int) (context.Context, func(string)) {
	before := recording.Load()
	// OpenTelemetry's numbers are OTLP's.
	ctx, span := o.tracer.Start(ctx, name, oteltrace.WithSpanKind(oteltrace.SpanKind(kind)))
	if !span.IsRecording() {
		return ctx, func(string) { span.End() }
	}
	id := span.SpanContext()
	noted := o.known.began(ctx, id.TraceID().String(), id.SpanID().String(), before)
	return ctx, func(last string) {
		if last != "" {
			span.SetName(last)
		}
		span.End()
		noted.end()
	}
}

func (o *openTelemetry) handler(name string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := o.carry.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if r.Header.Get("X-Unsampled") != "" {
			ctx = oteltrace.ContextWithRemoteSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
				TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, Remote: true,
			}))
		}
		ctx, end := o.start(ctx, name, server)
		defer end("")
		h(w, r.WithContext(ctx))
	})
}

func (o *openTelemetry) client() *http.Client { return &http.Client{Transport: otelTransport{o}} }

type otelTransport struct{ sdk *openTelemetry }

func (t otelTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, end := t.sdk.start(r.Context(), r.Method+" "+r.URL.Path, client)
	r = r.Clone(ctx)
	t.sdk.carry.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		end("")
		return nil, err
	}
	response.Body = &endingBody{ReadCloser: response.Body, end: func() { end("") }}
	return response, nil
}

// endingBody ends a span when the body of a response is closed.
type endingBody struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

func (b *endingBody) Close() error {
	defer b.once.Do(b.end)
	return b.ReadCloser.Close()
}

// ExportSpans keeps what the SDK exports.
func (o *openTelemetry) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = append(o.ended, spans...)
	return nil
}

// Shutdown has nothing to do.
func (o *openTelemetry) Shutdown(context.Context) error { return nil }

func (o *openTelemetry) flush() []record {
	o.provider.ForceFlush(context.Background())
	o.mu.Lock()
	defer o.mu.Unlock()
	var records []record
	for _, s := range o.ended {
		r := record{
			traceID: s.SpanContext().TraceID().String(), spanID: s.SpanContext().SpanID().String(),
			name: s.Name(), kind: int(s.SpanKind()), start: s.StartTime(), end: s.EndTime(),
		}
		if s.Parent().SpanID().IsValid() {
			r.parentID = s.Parent().SpanID().String()
		}
		records = append(records, r)
	}
	return records
}
