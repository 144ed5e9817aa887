package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// upload sends a body that a goroutine of its own makes, a part after the other; who handles it waits for the parts.
func upload(g *ground.Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		w := g.Begin(request.Context(), "relay.Upload.handler")
		w.In("network", func() { io.Copy(io.Discard, request.Body) })
		w.In("sleep", func() { time.Sleep(2 * ms) })
		w.End()
		w.Within("network", "sleep", "syscall")
		w.Path("network", "schedWait", "syscall")
		none(w, "lock", "chan")
	}))
	defer server.Close()
	w := g.Begin(context.Background(), "relay.Upload")
	body, out := io.Pipe()
	go func() {
		for i := 0; i < 3; i++ {
			time.Sleep(4 * ms)
			out.Write(make([]byte, 3000))
		}
		out.Close()
	}()
	request, err := http.NewRequestWithContext(w.Ctx, http.MethodPost, server.URL, body)
	recorder.Check(err)
	w.To("sleep")
	response, err := http.DefaultClient.Do(request)
	recorder.Check(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	w.End()
	w.Within("sleep", "network", "syscall")
	w.PathAtLeast(12*ms-ms/4, "sleep")
	w.PathAtLeast(2*ms-ms/4, "network")
	none(w, "lock", "chan")
}

// multiplexed asks over one connection that all share: a goroutine writes what is asked, one reads the answers, and another hands them out.
func multiplexed(g *ground.Ground) {
	client, server := ground.Pair()
	go func() {
		lines := bufio.NewScanner(server)
		for lines.Scan() {
			line := lines.Text()
			time.AfterFunc(6*ms, func() { fmt.Fprintln(server, line) })
		}
	}()
	var mu sync.Mutex
	waiting := map[string]chan struct{}{}
	asked, answers := make(chan string, 8), make(chan string, 8)
	go func() {
		for line := range asked {
			fmt.Fprintln(client, line)
		}
	}()
	go func() {
		defer close(answers)
		lines := bufio.NewScanner(client)
		for lines.Scan() {
			answers <- lines.Text()
		}
	}()
	go func() {
		for line := range answers {
			mu.Lock()
			close(waiting[line])
			mu.Unlock()
		}
	}()
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		line := fmt.Sprint("call ", i)
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "relay.Multiplexed").Alone()
			answered := make(chan struct{})
			mu.Lock()
			waiting[line] = answered
			mu.Unlock()
			asked <- line
			w.In("network", func() { <-answered })
			w.End()
			w.Within("network")
			w.PathAtLeast(6*ms-ms/4, "network")
			none(w, "chan")
		}()
		time.Sleep(ms / 2)
	}
	all.Wait()
	close(asked)
	client.Close()
	server.Close()
}

// stream sends and takes lines in turn over one stream of HTTP/2, which ends with a trailer; both sides have a task.
func stream(g *ground.Ground) {
	handled := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodPost {
			return
		}
		w := g.Begin(context.Background(), "relay.Stream.handler")
		response.Header().Set("Trailer", "X-Lines")
		flush := http.NewResponseController(response).Flush
		flush()
		var line [5]byte
		for {
			var err error
			w.In("network", func() { _, err = io.ReadFull(request.Body, line[:]) })
			if err != nil {
				break
			}
			w.In("sleep", func() { time.Sleep(3 * ms) })
			response.Write(line[:])
			flush()
		}
		response.Header().Set("X-Lines", "3")
		w.End()
		w.Within("network", "sleep", "syscall")
		w.PathOrMore("sleep", "schedWait")
		none(w, "chan")
		handled <- struct{}{}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	recorder.Check(err)
	response.Body.Close()
	w := g.Begin(context.Background(), "relay.Stream")
	body, out := io.Pipe()
	request, err := http.NewRequestWithContext(w.Ctx, http.MethodPost, server.URL, body)
	recorder.Check(err)
	w.In("network", func() { response, err = server.Client().Do(request) })
	recorder.Check(err)
	var line [5]byte
	for i := 0; i < 3; i++ {
		w.In("sleep", func() { time.Sleep(2 * ms) })
		out.Write([]byte("line\n"))
		w.In("network", func() { io.ReadFull(response.Body, line[:]) })
	}
	out.Close()
	w.In("network", func() { io.Copy(io.Discard, response.Body) })
	response.Body.Close()
	w.End()
	w.Within("network", "sleep", "syscall", "lock")
	w.PathOrMore("sleep", "schedWait")
	w.PathAtLeast(9*ms-ms/4, "network")
	none(w, "chan")
	<-handled
}

// events takes three events that a handler sends at the ticks of a clock, and hangs up after a while.
func events(g *ground.Ground) {
	handled := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		w := g.Begin(context.Background(), "relay.Events.handler")
		ticker := time.NewTicker(3 * ms)
		for i := 0; i < 3; i++ {
			w.In("sleep", func() {
				select {
				case <-ticker.C:
				case <-request.Context().Done():
				}
			})
			fmt.Fprint(response, "data: tick\n\n")
			http.NewResponseController(response).Flush()
		}
		ticker.Stop()
		w.In("network", func() { <-request.Context().Done() })
		w.End()
		w.Within("network", "sleep", "syscall")
		w.Path("sleep", "schedWait")
		w.Path("network", "schedWait")
		none(w, "lock", "chan")
		handled <- struct{}{}
	}))
	defer server.Close()
	w := g.Begin(context.Background(), "relay.Events")
	response, err := http.Get(server.URL)
	recorder.Check(err)
	lines := bufio.NewScanner(response.Body)
	for i := 0; i < 6; i++ {
		lines.Scan()
	}
	w.In("sleep", func() { time.Sleep(4 * ms) })
	response.Body.Close()
	w.To("network")
	w.End()
	w.Within("network", "sleep", "syscall")
	none(w, "lock", "chan")
	<-handled
}
