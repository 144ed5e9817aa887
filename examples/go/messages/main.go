// Command messages is the service that Subspan's guide looks into: GET /messages reads an access token, looks into a
// cache, queries a database over gRPC, answers, and writes an audit log. Some requests are slow, each for another reason:
// a mutex that a refresh of the token holds, a new connection, the garbage collector, a file that is synced.
//
//	messages -load 6                          serve, and ask it with 6 clients
//	messages -load 6 -tracing otel-ids        one of otel, otel-ids, opencensus, opencensus-ids
//	curl 'http://127.0.0.1:8080/debug/pprof/trace?seconds=5' >trace.out
//
// Spans go where OTEL_EXPORTER_OTLP_ENDPOINT says, those of OpenCensus to -opencensus-agent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// options are what may be told on the command line, or by variables MESSAGES_….
type options struct {
	listen, tracing, agent     string
	clients, ballastMiB        int
	longestPause, refreshEvery time.Duration
	tokenTakes, queryTakes     time.Duration
	rows, queriesPerConnection int
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", or("MESSAGES_LISTEN", "127.0.0.1:8080"), "address of /messages and /debug/pprof/trace (MESSAGES_LISTEN)")
	flag.StringVar(&o.tracing, "tracing", or("MESSAGES_TRACING", "otel"), "otel, otel-ids, opencensus or opencensus-ids (MESSAGES_TRACING)")
	flag.StringVar(&o.agent, "opencensus-agent", or("MESSAGES_OPENCENSUS_AGENT", "127.0.0.1:55678"), "where OpenCensus sends its spans (MESSAGES_OPENCENSUS_AGENT)")
	flag.IntVar(&o.clients, "load", 0, "clients that ask all the time")
	flag.DurationVar(&o.longestPause, "pause", 60*time.Millisecond, "longest pause of a client between two requests")
	flag.DurationVar(&o.refreshEvery, "refresh", 300*time.Millisecond, "pause between two refreshes of the token")
	flag.DurationVar(&o.tokenTakes, "token-takes", 20*time.Millisecond, "time that the identity provider takes")
	flag.DurationVar(&o.queryTakes, "query-takes", 2*time.Millisecond, "time that the database takes")
	flag.IntVar(&o.rows, "rows", 30, "rows of an answer")
	flag.IntVar(&o.queriesPerConnection, "queries-per-connection", 25, "queries after which a connection is closed")
	flag.IntVar(&o.ballastMiB, "ballast", 32, "MiB of live objects for the garbage collector to mark")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}

func or(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}

// run serves until ctx ends, then sends what spans are left.
func run(ctx context.Context, o options) (err error) {
	tracing, err := startTracing(ctx, o.tracing, o.agent)
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, tracing.shutdown(last))
	}()
	live := ballast(o.ballastMiB)
	defer runtime.KeepAlive(live)
	identity, err := startIdentity(ctx, o.tokenTakes)
	if err != nil {
		return err
	}
	database, err := startDatabase(ctx, o.queryTakes, o.rows)
	if err != nil {
		return err
	}
	s, err := newService(tracing, identity, database, o.queriesPerConnection)
	if err != nil {
		return err
	}
	defer os.Remove(s.audit.Name())
	defer s.audit.Close()

	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	handler := http.NewServeMux()
	handler.HandleFunc("GET /messages", s.messages)
	handler.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	// Programs that start this one read the address here.
	fmt.Printf("messages: %s/messages, captures %s/debug/pprof/trace, tracing %s, process %d\n", url, url, o.tracing, os.Getpid())

	go s.auth.refreshLoop(ctx, o.refreshEvery)
	for range o.clients {
		go load(ctx, url, o.longestPause)
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return server.Shutdown(last)
	}
}
