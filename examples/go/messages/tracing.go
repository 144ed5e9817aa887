package main

import (
	"context"
	"fmt"
	"net/http"
)

// tracing begins spans with one of the two SDKs. The rest of the service does not know which.
type tracing interface {
	// server begins the span of an incoming request, below the caller's where the headers name one.
	server(r *http.Request, name string) (context.Context, span)
	// internal and client begin spans below the one of ctx, or a trace of their own.
	internal(ctx context.Context, name string) (context.Context, span)
	client(ctx context.Context, name string) (context.Context, span)
	// shutdown sends what has not been sent.
	shutdown(ctx context.Context) error
}

// span is what the service says of its work.
type span interface {
	text(key, value string)
	number(key string, value int)
	fail(err error)
	end()
}

// startTracing sets up an SDK as its own guide tells; how is one of "otel", "otel-ids", "opencensus" and "opencensus-ids".
func startTracing(ctx context.Context, how, agent string) (tracing, error) {
	switch how {
	case "otel", "otel-ids":
		return startOpenTelemetry(ctx, how == "otel-ids")
	case "opencensus", "opencensus-ids":
		return startOpenCensus(agent, how == "opencensus-ids")
	}
	return nil, fmt.Errorf("-tracing is %q: it may be otel, otel-ids, opencensus or opencensus-ids", how)
}
