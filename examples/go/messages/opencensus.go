package main

import (
	"context"
	"net/http"
	"time"

	"contrib.go.opencensus.io/exporter/ocagent"
	"go.opencensus.io/plugin/ochttp/propagation/tracecontext"
	"go.opencensus.io/trace"

	"subspan.example/go/ocids"
)

// openCensus is the stock library with the stock exporter, which speaks gRPC to an agent: Subspan listens as one.
type openCensus struct{ exporter *ocagent.Exporter }

// startOpenCensus differs in one line between stock and with ids: the tracer.
func startOpenCensus(agent string, ids bool) (*openCensus, error) {
	exporter, err := ocagent.NewExporter(ocagent.WithInsecure(), ocagent.WithAddress(agent),
		ocagent.WithServiceName("messages"), ocagent.WithReconnectionPeriod(time.Second))
	if err != nil {
		return nil, err
	}
	trace.RegisterExporter(exporter)
	trace.ApplyConfig(trace.Config{DefaultSampler: trace.AlwaysSample()})
	if ids {
		trace.DefaultTracer = ocids.Tracer{Tracer: trace.DefaultTracer}
	}
	return &openCensus{exporter}, nil
}

func (o *openCensus) server(r *http.Request, name string) (context.Context, span) {
	kind := trace.WithSpanKind(trace.SpanKindServer)
	if parent, ok := (&tracecontext.HTTPFormat{}).SpanContextFromRequest(r); ok {
		return ocSpanOf(trace.StartSpanWithRemoteParent(r.Context(), name, parent, kind))
	}
	return ocSpanOf(trace.StartSpan(r.Context(), name, kind))
}

func (o *openCensus) internal(ctx context.Context, name string) (context.Context, span) {
	return ocSpanOf(trace.StartSpan(ctx, name))
}

func (o *openCensus) client(ctx context.Context, name string) (context.Context, span) {
	return ocSpanOf(trace.StartSpan(ctx, name, trace.WithSpanKind(trace.SpanKindClient)))
}

func (o *openCensus) shutdown(context.Context) error {
	o.exporter.Flush()
	return o.exporter.Stop()
}

type ocSpan struct{ *trace.Span }

func ocSpanOf(ctx context.Context, s *trace.Span) (context.Context, span) { return ctx, ocSpan{s} }

func (s ocSpan) text(key, value string) { s.AddAttributes(trace.StringAttribute(key, value)) }
func (s ocSpan) number(key string, value int) {
	s.AddAttributes(trace.Int64Attribute(key, int64(value)))
}
func (s ocSpan) end() { s.End() }
func (s ocSpan) fail(err error) {
	s.SetStatus(trace.Status{Code: trace.StatusCodeUnknown, Message: err.Error()})
}
