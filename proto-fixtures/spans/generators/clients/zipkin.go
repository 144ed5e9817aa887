package main

import (
	"errors"
	"net"
	"time"

	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/idgenerator"
	"github.com/openzipkin/zipkin-go/model"
	reporterhttp "github.com/openzipkin/zipkin-go/reporter/http"
	otelzipkin "go.opentelemetry.io/otel/exporters/zipkin"
)

// sendZipkinGo sends with Zipkin's own client for Go: a server and the client before it share a span.
func sendZipkinGo(url string) {
	reporter := reporterhttp.NewReporter(url+"/api/v2/spans", reporterhttp.BatchInterval(time.Hour))
	endpoint, err := zipkin.NewEndpoint("Shop", "127.0.0.1:8080")
	check(err)
	tracer, err := zipkin.NewTracer(reporter, zipkin.WithLocalEndpoint(endpoint), zipkin.WithSharedSpans(true),
		zipkin.WithIDGenerator(idgenerator.NewRandom128()), zipkin.WithTags(map[string]string{"region": "eu", "service.version": "1.2"}))
	check(err)
	sampled := true
	parent := model.ID(7)
	client := model.SpanContext{TraceID: model.TraceID{High: 1, Low: 2}, ID: 8, ParentID: &parent, Sampled: &sampled}
	server := tracer.StartSpan("GET /cart", zipkin.Kind(model.Server), zipkin.Parent(client))
	server.Tag("http.status_code", "503")
	server.Annotate(time.Now(), "cache miss")
	server.Annotate(time.Now(), "one|line")
	server.SetRemoteEndpoint(&model.Endpoint{ServiceName: "Browser", IPv6: net.ParseIP("2001:db8::1"), Port: 40001})
	for _, kind := range []model.Kind{model.Client, model.Producer, model.Consumer, model.Undetermined} {
		span := tracer.StartSpan("call "+string(kind), zipkin.Kind(kind), zipkin.Parent(server.Context()))
		span.SetRemoteEndpoint(&model.Endpoint{ServiceName: "bank", IPv4: net.IPv4(10, 1, 2, 3)})
		if kind == model.Client {
			zipkin.TagError.Set(span, errors.New("gone").Error())
		}
		if kind == model.Producer {
			zipkin.TagError.Set(span, "true")
		}
		if kind == model.Undetermined {
			span.Tag("span.kind", "internal")
		}
		span.Finish()
	}
	short := tracer.StartSpan("64 bits", zipkin.Parent(model.SpanContext{TraceID: model.TraceID{Low: 0xabc}, ID: 3, Sampled: &sampled, Debug: true}))
	short.Finish()
	server.Finish()
	check(reporter.Close())
}

// sendOtelZipkin sends with OpenTelemetry's exporter for Zipkin.
func sendOtelZipkin(url string) {
	exporter, err := otelzipkin.New(url + "/api/v2/spans")
	check(err)
	runOtel(exporter)
}
