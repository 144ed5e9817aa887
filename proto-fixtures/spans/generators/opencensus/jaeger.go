package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"

	"contrib.go.opencensus.io/exporter/jaeger"
	"go.opencensus.io/trace"
)

// recordJaeger gives the body that OpenCensus' exporter for Jaeger posts.
func recordJaeger() []byte {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		read, err := io.ReadAll(request.Body)
		check(err)
		body = read
		answer.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	exporter, err := jaeger.NewExporter(jaeger.Options{
		CollectorEndpoint: server.URL + "/api/traces",
		Process: jaeger.Process{ServiceName: "shop", Tags: []jaeger.Tag{
			jaeger.StringTag("hostname", "shop-1"), jaeger.Int64Tag("pid", 4711), jaeger.BoolTag("canary", true),
		}},
	})
	check(err)
	trace.RegisterExporter(exporter)
	trace.ApplyConfig(trace.Config{DefaultSampler: trace.AlwaysSample()})
	ctx, root := trace.StartSpan(context.Background(), "root", trace.WithSpanKind(trace.SpanKindServer))
	root.AddAttributes(trace.StringAttribute("text", "grün"), trace.Int64Attribute("whole", -3), trace.BoolAttribute("yes", true), trace.Float64Attribute("half", 0.5))
	root.Annotate([]trace.Attribute{trace.Int64Attribute("n", 7)}, "an annotation")
	root.AddMessageSendEvent(1, 1000, 10)
	_, child := trace.StartSpan(ctx, "child", trace.WithSpanKind(trace.SpanKindClient))
	child.AddLink(trace.Link{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Type: trace.LinkTypeParent})
	child.SetStatus(trace.Status{Code: trace.StatusCodeNotFound, Message: "nowhere"})
	child.End()
	root.End()
	exporter.Flush()
	trace.UnregisterExporter(exporter)
	return body
}
