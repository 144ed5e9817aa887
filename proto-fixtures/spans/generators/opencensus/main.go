// Records what OpenCensus' agent exporter sends, and what a Collector makes of it.
//
//	go run . ../..
//
// The messages of one stream go to ocagent.stream, each behind its length (four bytes, big-endian). What they must become is written by the
// Collector's own translator, in the last release of its core that had it; later ones (contrib, to 0.130) give three attributes of message
// events other names, which stand in the table below. What its exporter for Jaeger sends goes to ../../jaeger; the expected form of that is
// written by the program in ../clients, which knows the Collector's present translators.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"contrib.go.opencensus.io/exporter/ocagent"
	commonpb "github.com/census-instrumentation/opencensus-proto/gen-go/agent/common/v1"
	agentpb "github.com/census-instrumentation/opencensus-proto/gen-go/agent/trace/v1"
	resourcepb "github.com/census-instrumentation/opencensus-proto/gen-go/resource/v1"
	ocproto "github.com/golang/protobuf/proto"
	"go.opencensus.io/resource"
	"go.opencensus.io/trace"
	"go.opencensus.io/trace/tracestate"
	"go.opentelemetry.io/collector/consumer/pdata"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/translator/internaldata"
	"google.golang.org/grpc"
)

// laterNames are those of contrib's translator, 0.40 to 0.130.
var laterNames = map[string]string{
	"message.id":                "messaging.message_id",
	"message.uncompressed_size": "messaging.message_payload_size_bytes",
	"message.compressed_size":   "messaging.message_payload_compressed_size_bytes",
}

type agent struct {
	agentpb.UnimplementedTraceServiceServer
	mu       sync.Mutex
	messages []*agentpb.ExportTraceServiceRequest
	spans    int
}

func (a *agent) Export(stream agentpb.TraceService_ExportServer) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return nil
		}
		a.mu.Lock()
		a.messages = append(a.messages, message)
		a.spans += len(message.Spans)
		a.mu.Unlock()
	}
}

func (a *agent) seen() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spans
}

func main() {
	folder := os.Args[1]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	received := &agent{}
	agentpb.RegisterTraceServiceServer(server, received)
	go server.Serve(listener)

	exporter, err := ocagent.NewExporter(
		ocagent.WithInsecure(),
		ocagent.WithAddress(listener.Addr().String()),
		ocagent.WithServiceName("shop"),
		ocagent.WithResourceDetector(func(context.Context) (*resource.Resource, error) {
			return &resource.Resource{Type: "k8s", Labels: map[string]string{
				"k8s.pod.name": "shop-7d4b", "cloud.zone": "eu-1a", "service.version": "1.2.3",
			}}, nil
		}),
	)
	check(err)
	trace.RegisterExporter(exporter)
	trace.ApplyConfig(trace.Config{DefaultSampler: trace.AlwaysSample(), MaxAttributesPerSpan: 6, MaxAnnotationEventsPerSpan: 3, MaxLinksPerSpan: 2})
	first := makeSpans("first")
	exporter.Flush()
	waitFor(received, first)
	second := makeSpans("second")
	exporter.Flush()
	waitFor(received, first+second)
	check(exporter.Stop())
	trace.UnregisterExporter(exporter)
	server.Stop()

	check(os.WriteFile(filepath.Join(folder, "jaeger", "opencensus-exporter.thrift"), recordJaeger(), 0o644))
	folder = filepath.Join(folder, "opencensus")
	var stream bytes.Buffer
	for _, message := range received.messages {
		encoded, err := ocproto.Marshal(message)
		check(err)
		check(binary.Write(&stream, binary.BigEndian, uint32(len(encoded))))
		stream.Write(encoded)
	}
	check(os.WriteFile(filepath.Join(folder, "ocagent.stream"), stream.Bytes(), 0o644))
	expected, err := (&ptrace.JSONMarshaler{}).MarshalTraces(translate(received.messages))
	check(err)
	check(os.WriteFile(filepath.Join(folder, "ocagent.expected.json"), append(expected, '\n'), 0o644))
	fmt.Println(len(received.messages), "messages,", received.spans, "spans")
}

// translate does what the Collector's receiver does: a node and a resource hold until others come.
func translate(messages []*agentpb.ExportTraceServiceRequest) ptrace.Traces {
	all := ptrace.NewTraces()
	var node *commonpb.Node
	var where *resourcepb.Resource
	for _, message := range messages {
		if message.Node != nil {
			node = message.Node
		}
		if message.Resource != nil {
			where = message.Resource
		}
		if len(message.Spans) == 0 {
			continue
		}
		old, err := pdata.Traces(internaldata.OCToTraces(node, where, message.Spans)).ToOtlpProtoBytes()
		check(err)
		traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(old)
		check(err)
		traces.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	rename(all)
	return all
}

func rename(traces ptrace.Traces) {
	for _, resourceSpans := range traces.ResourceSpans().All() {
		for _, scopeSpans := range resourceSpans.ScopeSpans().All() {
			for _, span := range scopeSpans.Spans().All() {
				for _, event := range span.Events().All() {
					for old, later := range laterNames {
						if value, ok := event.Attributes().Get(old); ok {
							value.CopyTo(event.Attributes().PutEmpty(later))
							event.Attributes().Remove(old)
						}
					}
				}
			}
		}
	}
}

// makeSpans makes spans of every kind and with everything that OpenCensus can say; it returns how many.
func makeSpans(name string) int {
	state, err := tracestate.New(nil, tracestate.Entry{Key: "vendor", Value: "x"}, tracestate.Entry{Key: "other", Value: "y"})
	check(err)
	remote := trace.SpanContext{
		TraceID: trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		SpanID:  trace.SpanID{9, 8, 7, 6, 5, 4, 3, 2}, TraceOptions: 1, Tracestate: state,
	}
	ctx, server := trace.StartSpanWithRemoteParent(context.Background(), name+" server", remote, trace.WithSpanKind(trace.SpanKindServer))
	server.AddAttributes(trace.StringAttribute("text", "grün"), trace.Int64Attribute("whole", -1<<62),
		trace.BoolAttribute("yes", true), trace.Float64Attribute("half", 0.5), trace.StringAttribute("", "no key"))
	server.Annotate([]trace.Attribute{trace.Int64Attribute("n", 7), trace.BoolAttribute("no", false)}, "an annotation")
	server.AddMessageReceiveEvent(1, 1000, 10)
	server.AddMessageSendEvent(2, 2000, 20)
	_, client := trace.StartSpan(ctx, name+" client", trace.WithSpanKind(trace.SpanKindClient))
	for i := range 10 {
		client.AddAttributes(trace.Int64Attribute(fmt.Sprint("many", i), int64(i)))
		client.Annotatef(nil, "annotation %d", i)
		client.AddLink(trace.Link{TraceID: remote.TraceID, SpanID: trace.SpanID{byte(i + 1)}, Type: trace.LinkTypeChild,
			Attributes: map[string]interface{}{"s": "t", "i": int64(3), "b": false}})
	}
	client.SetStatus(trace.Status{Code: trace.StatusCodePermissionDenied, Message: "not you"})
	client.End()
	for _, kind := range []string{"consumer", "producer", "internal", "strange"} {
		_, other := trace.StartSpan(ctx, name+" "+kind)
		other.AddAttributes(trace.StringAttribute("span.kind", kind))
		other.SetStatus(trace.Status{Code: trace.StatusCodeOK, Message: strings.ToUpper(kind)})
		other.End()
	}
	_, told := trace.StartSpan(ctx, name+" told")
	told.AddAttributes(trace.Int64Attribute("otel.status_code", 1))
	told.SetStatus(trace.Status{Code: trace.StatusCodeOK})
	told.End()
	server.End()
	return 7
}

func waitFor(received *agent, spans int) {
	for deadline := time.Now().Add(20 * time.Second); received.seen() < spans; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			log.Fatal("only ", received.seen(), " of ", spans, " spans came")
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
