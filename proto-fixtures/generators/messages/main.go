// Command messages is a small service that records itself.
//
// GET /messages reads an access token, looks into a cache, queries a database and answers. The token is kept by a
// mutex that a refresh holds while it asks the identity provider and checks a signature: requests that come then wait
// for it, and that is why some of them are slow. Beside the requests there are jobs that outlive the capture at either
// end, requests that are not sampled, a cache sweep, and enough garbage that requests must help to mark.
//
// Everything happens in one process over loopback; backends are listeners of the same program without spans.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/trace"
	"strings"
	"sync"
	"time"

	"fixtures/recorder"
	"fixtures/tracer"
)

// service is the program under observation.
type service struct {
	spans    *tracer.Tracer
	auth     *auth
	cache    *cache
	database *database
	audit    *os.File
	auditMu  sync.Mutex
	// calm multiplies the pauses of background jobs.
	calm time.Duration
}

func main() {
	options := recorder.Flags("messages", 400*time.Millisecond)
	clients := flag.Int("clients", 5, "requests that may be under way at once")
	pause := flag.Duration("pause", 40*time.Millisecond, "longest pause of a client between two requests")
	ballast := flag.Int("ballast", 12, "MiB of live objects with pointers, so that marking takes a while")
	calm := flag.Int("calm", 1, "how many times longer the background jobs pause")
	around := flag.Duration("around", 120*time.Millisecond, "how long the service runs before and after the recording")
	live := flag.String("live", "", "OTLP/HTTP address that the spans are sent to while the service runs; others record it then, from the address that it prints, until its standard input ends")
	flag.Parse()
	spans, err := options.Tracer()
	recorder.Check(err)
	recorder.Check(run(options, spans, *clients, *pause, *ballast, *calm, *around, *live))
}

func run(options *recorder.Options, spans *tracer.Tracer, clients int, pause time.Duration, ballast, calm int, around time.Duration, live string) error {
	keep := fillHeap(ballast)
	defer keep.release()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	backends, err := listenBackends(ctx)
	if err != nil {
		return err
	}
	audit, err := os.CreateTemp("", "audit-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(audit.Name())
	defer audit.Close()
	s := &service{
		spans: spans, audit: audit, cache: newCache(spans), calm: time.Duration(calm),
		auth: newAuth(spans, backends.identity), database: newDatabase(spans, backends.database),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := http.NewServeMux()
	handler.HandleFunc("/messages", s.messages)
	handler.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	defer server.Close()

	working, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	start := func(work func(context.Context)) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			work(working)
		}()
	}
	start(func(ctx context.Context) { s.auth.refreshLoop(ctx, 45*time.Millisecond*s.calm) })
	start(func(ctx context.Context) { s.cache.sweepLoop(ctx, 70*time.Millisecond*s.calm) })
	start(s.drainLoop)
	start(func(ctx context.Context) { heartbeat(ctx, 35*time.Millisecond*s.calm) })
	for i := 0; i < clients; i++ {
		seed := options.Seed*100 + int64(i)
		start(func(ctx context.Context) { load(ctx, spans, "http://"+listener.Addr().String(), pause, seed) })
	}

	if live != "" {
		fmt.Println("http://" + listener.Addr().String())
		export(spans, live, options.Resource())
		stop()
		workers.Wait()
		if err := spans.Export(live, options.Resource()); err != nil {
			return err
		}
		return options.Write(spans)
	}
	time.Sleep(around)
	finishEarly := s.subscribe("stream.Subscribe before")
	err = options.Record(func() {
		time.Sleep(options.Window / 3)
		finishEarly()
		finishLate := s.subscribe("stream.Subscribe after")
		time.AfterFunc(options.Window, finishLate)
	})
	if err != nil {
		return err
	}
	time.Sleep(options.Window/3 + around)
	stop()
	workers.Wait()
	return options.Write(spans)
}

// export sends spans as they end, as an SDK does, until standard input ends.
func export(spans *tracer.Tracer, to string, of tracer.Resource) {
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return
		case <-time.After(200 * time.Millisecond):
			// Who does not take them now is asked again.
			if err := spans.Export(to, of); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

// messages answers GET /messages.
func (s *service) messages(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	method := tracer.Attribute{Key: "http.request.method", Value: r.Method}
	route := tracer.Attribute{Key: "http.route", Value: "/messages"}
	var span *tracer.Span
	switch remote, known := tracer.ParseRemote(r.Header.Get("traceparent"), r.Header.Get("tracestate")); {
	case known:
		ctx, span = s.spans.StartRemote(ctx, "/messages", tracer.Server, remote, method, route)
	case r.Header.Get("X-Unsampled") != "":
		ctx, span = s.spans.StartUnsampled(ctx, "/messages", tracer.Server, method, route)
	default:
		ctx, span = s.spans.Start(ctx, "/messages", tracer.Server, method, route)
	}
	defer span.End()
	user := r.URL.Query().Get("user")
	trace.Log(ctx, "user", user)

	token, err := s.auth.accessToken(ctx)
	if err != nil {
		s.refuse(w, span, http.StatusUnauthorized, err)
		return
	}
	rows, hit := s.cache.lookup(ctx, user)
	span.Add("cache looked up", tracer.Attribute{Key: "hit", Value: hit})
	if !hit {
		rows, err = s.database.query(ctx, token, user)
		if err != nil {
			s.refuse(w, span, http.StatusBadGateway, err)
			return
		}
	}
	trace.WithRegion(ctx, "response.encode", func() {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		for _, row := range rows {
			if encoder.Encode(row) != nil {
				return
			}
		}
	})
	s.note(ctx, user, len(rows))
	span.Set("http.response.status_code", http.StatusOK)
	span.Set("messages.count", len(rows))
	span.Set("messages.cached", hit)
	span.Succeed()
}

func (s *service) refuse(w http.ResponseWriter, span *tracer.Span, code int, err error) {
	span.Set("http.response.status_code", code)
	span.Fail(err)
	http.Error(w, err.Error(), code)
}

// note writes a line into the audit log and waits until it is on disk: system calls.
func (s *service) note(ctx context.Context, user string, rows int) {
	ctx, span := s.spans.Start(ctx, "audit.Append", tracer.Internal)
	defer span.End()
	s.auditMu.Lock()
	defer s.auditMu.Unlock()
	var written int
	trace.WithRegion(ctx, "file.write", func() {
		written, _ = fmt.Fprintf(s.audit, "%s user=%s rows=%d %s\n", time.Now().Format(time.RFC3339Nano), user, rows, strings.Repeat("·", 200))
	})
	trace.WithRegion(ctx, "file.sync", func() { s.audit.Sync() })
	span.Set("audit.bytes", written)
}

// drainLoop takes batches from a queue, one span each, with regions in regions; one span is nearly always open.
func (s *service) drainLoop(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		job, span := s.spans.Start(context.Background(), "queue.Drain", tracer.Consumer, tracer.Attribute{Key: "queue.batch", Value: n})
		outer := trace.StartRegion(job, "drain")
		for batch := 0; batch < 3; batch++ {
			trace.WithRegion(job, "drain.batch", func() {
				trace.WithRegion(job, "drain.wait", func() { time.Sleep(12 * time.Millisecond * s.calm) })
				trace.WithRegion(job, "drain.decode", func() { digest(400, []byte("batch")) })
			})
			trace.Logf(job, "batch", "%d of 3", batch+1)
		}
		outer.End()
		if n%4 == 3 {
			span.Fail(errors.New("queue: batch was redelivered"))
		}
		span.Set("queue.tags", []string{"nightly", "low-priority"})
		span.Set("queue.load", 0.375)
		span.End()
	}
}

// subscribe begins a span that waits on a channel; what it returns ends it.
func (s *service) subscribe(name string) (finish func()) {
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		ctx, span := s.spans.Start(context.Background(), "stream.Subscribe", tracer.Internal, tracer.Attribute{Key: "stream.name", Value: name})
		defer span.End()
		region := trace.StartRegion(ctx, "stream.receive")
		defer region.End()
		close(ready)
		<-done
	}()
	<-ready
	return func() { close(done) }
}

// heartbeat works for no task: its region and log belong to the background task.
func heartbeat(ctx context.Context, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for beat := 0; ; beat++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			trace.WithRegion(context.Background(), "heartbeat", func() {
				digest(20, []byte("heartbeat"))
				trace.Logf(context.Background(), "heartbeat", "%d", beat)
			})
		}
	}
}

// load asks for messages: most requests are roots, some have a parent in another process, some are not sampled.
func load(ctx context.Context, spans *tracer.Tracer, address string, pause time.Duration, seed int64) {
	random := rand.New(rand.NewSource(seed))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/messages?user=u%d", address, random.Intn(40)), nil)
		recorder.Check(err)
		switch random.Intn(10) {
		case 0, 1:
			remote := spans.NewRemote(random.Intn(4) > 0)
			request.Header.Set("traceparent", remote.Traceparent())
			request.Header.Set("tracestate", remote.State)
		case 2:
			request.Header.Set("X-Unsampled", "1")
		}
		response, err := client.Do(request)
		recorder.Check(err)
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		recorder.Check(err)
		time.Sleep(time.Duration(random.Int63n(int64(pause))))
	}
}
