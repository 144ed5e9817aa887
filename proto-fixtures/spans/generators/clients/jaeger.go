package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	opentracing "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	otlog "github.com/opentracing/opentracing-go/log"
	jaeger "github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport"
	oteljaeger "go.opentelemetry.io/otel/exporters/jaeger"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// sendJaegerClient sends with Jaeger's own client: OpenTracing, with ids of 128 bits.
func sendJaegerClient(url string) {
	reporter := jaeger.NewRemoteReporter(transport.NewHTTPTransport(url + "/api/traces?format=jaeger.thrift"))
	tracer, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), reporter,
		jaeger.TracerOptions.Gen128Bit(true), jaeger.TracerOptions.Tag("region", "eu"), jaeger.TracerOptions.Tag("shard", 7))
	root := tracer.StartSpan("HTTP GET /cart", ext.SpanKindRPCServer, opentracing.Tag{Key: "http.status_code", Value: uint16(503)})
	root.SetBaggageItem("tenant", "grün")
	root.LogFields(otlog.String("event", "cache miss"), otlog.Int64("size", -5), otlog.Bool("stale", true), otlog.Float64("age", 1.5))
	root.LogFields(otlog.String("no", "event"))
	client := tracer.StartSpan("call", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
	ext.Error.Set(client, true)
	client.SetTag("http.status_message", "gone")
	client.SetTag("http.status_code", "404")
	client.SetTag("bytes", []byte{0, 1, 255})
	client.SetTag("double", 0.25)
	client.Finish()
	for _, kind := range []string{"producer", "consumer", "internal", "other"} {
		span := tracer.StartSpan(kind, opentracing.FollowsFrom(root.Context()), opentracing.ChildOf(client.Context()),
			opentracing.Tag{Key: "span.kind", Value: kind}, opentracing.Tag{Key: "error", Value: "true"})
		span.Finish()
	}
	for _, code := range []int{204, 399, 404, 500} {
		for _, kind := range []string{"client", "server", "internal"} {
			span := tracer.StartSpan(fmt.Sprint(kind, code), opentracing.ChildOf(root.Context()),
				opentracing.Tag{Key: "span.kind", Value: kind}, opentracing.Tag{Key: "http.status_code", Value: code},
				opentracing.Tag{Key: "http.status_message", Value: "so"})
			span.Finish()
		}
	}
	root.Finish()
	closer.Close()
}

// sendOtelJaeger sends with OpenTelemetry's exporter for Jaeger, in its last release.
func sendOtelJaeger(url string) {
	exporter, err := oteljaeger.New(oteljaeger.WithCollectorEndpoint(oteljaeger.WithEndpoint(url + "/api/traces")))
	check(err)
	runOtel(exporter)
}

type collector struct {
	api_v2.UnimplementedCollectorServiceServer
	messages chan []byte
}

func (c *collector) PostSpans(_ context.Context, request *api_v2.PostSpansRequest) (*api_v2.PostSpansResponse, error) {
	message, err := request.Marshal()
	check(err)
	c.messages <- message
	return &api_v2.PostSpansResponse{}, nil
}

// recordPostSpans gives the message that Jaeger's own client for its collector sends, as its agent uses it.
func recordPostSpans() []byte {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	received := &collector{messages: make(chan []byte, 1)}
	api_v2.RegisterCollectorServiceServer(server, received)
	go server.Serve(listener)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	_, err = api_v2.NewCollectorServiceClient(connection).PostSpans(context.Background(), &api_v2.PostSpansRequest{Batch: batch()})
	check(err)
	connection.Close()
	server.Stop()
	return <-received.messages
}

func batch() model.Batch {
	at := time.Unix(1_700_000_000, 123_456_789)
	traceID := model.NewTraceID(0x0102030405060708, 0x090a0b0c0d0e0f10)
	other := model.NewTraceID(0, 5)
	shop := model.NewProcess("shop", []model.KeyValue{model.String("hostname", "shop-1"), model.String("jaeger.version", "Go-2.30.0"), model.Int64("pid", 42)})
	own := model.NewProcess("bank", []model.KeyValue{model.String("host.name", "bank-1"), model.String("hostname", "old"), model.Bool("ok", true)})
	span := func(id uint64, name string, more func(*model.Span), tags ...model.KeyValue) *model.Span {
		made := &model.Span{TraceID: traceID, SpanID: model.NewSpanID(id), OperationName: name, StartTime: at.Add(time.Duration(id)), Duration: 1_234_567 * time.Nanosecond, Tags: tags}
		if more != nil {
			more(made)
		}
		return made
	}
	return model.Batch{Process: shop, Spans: []*model.Span{
		span(1, "root", func(s *model.Span) {
			s.Flags = model.SampledFlag | model.DebugFlag
			s.Logs = []model.Log{
				{Timestamp: at.Add(5), Fields: []model.KeyValue{model.String("event", "started"), model.Float64("half", 0.5), model.Binary("raw", []byte{1, 2})}},
				{Timestamp: at.Add(6)},
			}
		}, model.String("span.kind", "server"), model.String("w3c.tracestate", "a=b,c=d"), model.String("otel.scope.name", "lib"), model.String("otel.scope.version", "1.2"), model.Int64("http.status_code", 500)),
		span(2, "child", func(s *model.Span) {
			s.References = []model.SpanRef{model.NewChildOfRef(traceID, 1), model.NewFollowsFromRef(other, 9), model.NewChildOfRef(other, 8)}
			s.Process = own
		}, model.String("span.kind", "client"), model.Bool("error", true), model.String("otel.status_description", "broken"), model.String("otel.status_code", "OK")),
		span(3, "follower", func(s *model.Span) {
			s.References = []model.SpanRef{model.NewFollowsFromRef(traceID, 1)}
		}, model.String("otel.status_code", "ERROR"), model.String("otel.status_description", "told"), model.Bool("error", false)),
		span(4, "no scope name", nil, model.String("otel.scope.version", "9"), model.Int64("n", -9), model.Float64("f", -0.0), model.Bool("no", false), model.Binary("b", nil)),
		span(5, "ok", func(s *model.Span) { s.Process = model.NewProcess("bank", own.Tags) }, model.String("otel.status_code", "ok"), model.KeyValue{Key: "odd", VType: 9}),
	}}
}
