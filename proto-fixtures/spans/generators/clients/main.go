// Records what Jaeger's and Zipkin's Go clients send, and what the Collector makes of it.
//
//	go run . ../..
//
// Bodies are byte for byte what came in over HTTP, or the message that came in over gRPC; the expected OTLP is written by the Collector's own
// translators (contrib). go-sdk.bin is packed with zstd besides.
package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	thriftgen "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/klauspost/compress/zstd"
	jaegertranslator "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func main() {
	folder := os.Args[1]
	for name, send := range map[string]func(url string){
		"client-go":     sendJaegerClient,
		"otel-exporter": sendOtelJaeger,
	} {
		body := recordBody(send)
		write(filepath.Join(folder, "jaeger", name+".thrift"), body)
		expect(filepath.Join(folder, "jaeger", name), fromThrift(body))
	}
	message := recordPostSpans()
	write(filepath.Join(folder, "jaeger", "post-spans.bin"), message)
	expect(filepath.Join(folder, "jaeger", "post-spans"), fromPostSpans(message))
	for name, send := range map[string]func(url string){
		"zipkin-go":     sendZipkinGo,
		"otel-exporter": sendOtelZipkin,
	} {
		body := recordBody(send)
		write(filepath.Join(folder, "zipkin", name+".json"), body)
		expect(filepath.Join(folder, "zipkin", name), fromZipkin(body))
	}
	packed, err := os.ReadFile(filepath.Join(folder, "otlp", "go-sdk.bin"))
	check(err)
	write(filepath.Join(folder, "otlp", "go-sdk.bin.zst"), pack(packed))
	// What OpenCensus' exporter sent is recorded by the program in ../opencensus, and what the JavaScript client sent by ../zipkin-js.mjs.
	if body, err := os.ReadFile(filepath.Join(folder, "jaeger", "opencensus-exporter.thrift")); err == nil {
		expect(filepath.Join(folder, "jaeger", "opencensus-exporter"), fromThrift(body))
	}
	if body, err := os.ReadFile(filepath.Join(folder, "zipkin", "zipkin-js.json")); err == nil {
		expect(filepath.Join(folder, "zipkin", "zipkin-js"), fromZipkin(body))
	}
}

// recordBody gives the one body that a client posts.
func recordBody(send func(url string)) []byte {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		read, err := io.ReadAll(request.Body)
		check(err)
		if body != nil {
			log.Fatal("a client sent two bodies")
		}
		body = read
		log.Println(request.URL, request.Header.Get("Content-Type"), len(read), "bytes")
		answer.WriteHeader(http.StatusAccepted)
	}))
	send(server.URL)
	server.Close()
	if body == nil {
		log.Fatal("a client sent nothing")
	}
	return body
}

// pack packs a body as the Collector's exporters do with compression: zstd.
func pack(body []byte) []byte {
	var packed bytes.Buffer
	writer, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	check(err)
	_, err = writer.Write(body)
	check(err)
	check(writer.Close())
	return packed.Bytes()
}

func fromThrift(body []byte) ptrace.Traces {
	batch := thriftgen.NewBatch()
	check(thrift.NewTDeserializer().Read(context.Background(), batch, body))
	traces, err := jaegertranslator.ThriftToTraces(batch)
	check(err)
	return traces
}

func fromPostSpans(message []byte) ptrace.Traces {
	var request api_v2.PostSpansRequest
	check(request.Unmarshal(message))
	traces, err := jaegertranslator.ProtoToTraces([]*model.Batch{&request.Batch})
	check(err)
	return traces
}

func fromZipkin(body []byte) ptrace.Traces {
	traces, err := zipkinv2.NewJSONTracesUnmarshaler(false).UnmarshalTraces(body)
	check(err)
	return traces
}

func expect(name string, traces ptrace.Traces) {
	expected, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	check(err)
	write(name+".expected.json", append(expected, '\n'))
}

func write(file string, content []byte) {
	check(os.WriteFile(file, content, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
