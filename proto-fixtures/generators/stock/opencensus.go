package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.opencensus.io/plugin/ochttp"
	octrace "go.opencensus.io/trace"
)

// openCensus makes spans of servers and clients with ochttp.
type openCensus struct {
	known *truth
	mu    sync.Mutex
	ended []*octrace.SpanData
}

func newOpenCensus(known *truth) *openCensus {
	o := &openCensus{known: known}
	octrace.RegisterExporter(o)
	octrace.ApplyConfig(octrace.Config{DefaultSampler: octrace.AlwaysSample()})
	return o
}

// note notes the span of a context; what it returns is to be called after the span's end.
func (o *openCensus) note(ctx context.Context, before bool) *pair {
	id := octrace.FromContext(ctx).SpanContext()
	return o.known.began(ctx, id.TraceID.String(), id.SpanID.String(), before)
}

func (o *openCensus) start(ctx context.Context, name string, _ int) (context.Context, func(string)) {
	before := recording.Load()
	ctx, span := octrace.StartSpan(ctx, name)
	noted := o.note(ctx, before)
	return ctx, func(last string) {
		if last != "" {
			span.SetName(last)
		}
		span.End()
		noted.end()
	}
}

type beforeKey struct{}

func (o *openCensus) handler(name string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sampler := octrace.AlwaysSample()
		if r.Header.Get("X-Unsampled") != "" {
			sampler = octrace.NeverSample()
		}
		before := recording.Load()
		var noted *pair
		stock := ochttp.Handler{
			StartOptions:   octrace.StartOptions{Sampler: sampler},
			FormatSpanName: func(*http.Request) string { return name },
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				noted = o.note(r.Context(), before)
				h(w, r)
			}),
		}
		stock.ServeHTTP(w, r)
		noted.end()
	})
}

func (o *openCensus) client() *http.Client {
	return &http.Client{Transport: openCensusTransport{o}}
}

type openCensusTransport struct{ sdk *openCensus }

func (t openCensusTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	before := recording.Load()
	var noted *pair
	stock := ochttp.Transport{
		FormatSpanName: func(r *http.Request) string { return r.Method + " " + r.URL.Path },
		Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			noted = t.sdk.note(r.Context(), before)
			return http.DefaultTransport.RoundTrip(r)
		}),
	}
	response, err := stock.RoundTrip(r)
	if err != nil {
		noted.end()
		return nil, err
	}
	response.Body = &endingBody{ReadCloser: response.Body, end: noted.end}
	return response, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ExportSpan keeps what the SDK exports.
func (o *openCensus) ExportSpan(s *octrace.SpanData) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = append(o.ended, s)
}

func (o *openCensus) flush() []record {
	time.Sleep(50 * time.Millisecond)
	o.mu.Lock()
	defer o.mu.Unlock()
	kinds := map[int]int{octrace.SpanKindUnspecified: internal, octrace.SpanKindServer: server, octrace.SpanKindClient: client}
	var records []record
	for _, s := range o.ended {
		r := record{
			traceID: s.TraceID.String(), spanID: s.SpanID.String(),
			name: s.Name, kind: kinds[s.SpanKind], start: s.StartTime, end: s.EndTime,
		}
		if s.ParentSpanID != (octrace.SpanID{}) {
			r.parentID = s.ParentSpanID.String()
		}
		records = append(records, r)
	}
	return records
}
