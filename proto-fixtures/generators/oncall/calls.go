package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// unixSocket asks a server over a socket of a path.
func unixSocket(g *ground.Ground) {
	folder, err := os.MkdirTemp("", "oncall")
	recorder.Check(err)
	defer os.RemoveAll(folder)
	listener, err := net.Listen("unix", filepath.Join(folder, "s"))
	recorder.Check(err)
	defer listener.Close()
	go func() {
		there, err := listener.Accept()
		recorder.Check(err)
		defer there.Close()
		var one [1]byte
		for {
			if _, err := there.Read(one[:]); err != nil {
				return
			}
			time.Sleep(6 * ms)
			there.Write(one[:])
		}
	}()
	here, err := net.Dial("unix", listener.Addr().String())
	recorder.Check(err)
	defer here.Close()
	w := g.Begin(context.Background(), "duty.UnixSocket").Alone()
	w.In("network", func() {
		here.Write([]byte{1})
		var one [1]byte
		io.ReadFull(here, one[:])
	})
	w.End()
	w.Path("network", "schedWait", "exec", "syscall")
	w.Verdict("waiting for the network")
}

// oneConnection waits for the only connection to a host, whose answer another request reads slowly.
func oneConnection(g *ground.Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { io.WriteString(out, "ok") }))
	defer server.Close()
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	slow := g.Begun("duty.OneConnection.slow", func(w *ground.Work, ready func()) {
		response, err := client.Get(server.URL)
		recorder.Check(err)
		ready()
		w.In("sleep", func() { time.Sleep(8 * ms) })
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		w.End()
		w.PathAtLeast(8*ms, "sleep")
	})
	w := g.Begin(context.Background(), "duty.OneConnection").Alone()
	w.In("chan", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL)) })
	w.End()
	w.Verdict("waiting on a channel served by duty.OneConnection.slow, which was asleep")
	ground.Ended(slow)
}

// slowClient answers a client that reads slowly.
func slowClient(g *ground.Ground) {
	body := bytes.Repeat([]byte("x"), 8<<20)
	handled := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		defer close(handled)
		w := g.Begin(context.Background(), "duty.SlowClient")
		w.In("network", func() { out.Write(body) })
		w.End()
		w.Path("network", "syscall", "schedWait", "exec")
		w.PathAtLeast(5*ms, "network")
		w.Verdict("waiting for the network")
	}))
	defer server.Close()
	here, err := net.Dial("tcp", server.Listener.Addr().String())
	recorder.Check(err)
	io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	time.Sleep(10 * ms)
	io.CopyN(io.Discard, here, int64(len(body)))
	<-handled
	here.Close()
}

// slowUpload reads a request whose client writes slowly.
func slowUpload(g *ground.Ground) {
	handled := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		defer close(handled)
		w := g.Begin(context.Background(), "duty.SlowUpload")
		w.In("network", func() { io.ReadAll(request.Body) })
		w.End()
		w.Path("network", "syscall", "schedWait", "exec")
		w.Verdict("waiting for the network")
	}))
	defer server.Close()
	here, err := net.Dial("tcp", server.Listener.Addr().String())
	recorder.Check(err)
	io.WriteString(here, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
	for i := 0; i < 4; i++ {
		time.Sleep(2 * ms)
		io.WriteString(here, "ab")
	}
	<-handled
	here.Close()
}

// hedgedCalls asks a slow server, after a while another one too, and takes the first answer; the other call is cancelled.
func hedgedCalls(g *ground.Ground) {
	answer := func(d time.Duration) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
			select {
			case <-time.After(d):
			case <-request.Context().Done():
			}
			io.WriteString(out, "ok")
		}))
	}
	slow, quick := answer(60*ms), answer(4*ms)
	defer slow.Close()
	defer quick.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	recorder.Check(ground.Get(context.Background(), client, quick.URL))
	w := g.Begin(context.Background(), "duty.Hedged")
	ctx, cancel := context.WithCancel(w.Ctx)
	won := make(chan error, 2)
	w.To("network")
	go func() { won <- ground.Get(ctx, client, slow.URL) }()
	select {
	case <-won:
	case <-time.After(4 * ms):
		go func() { won <- ground.Get(ctx, client, quick.URL) }()
	}
	recorder.Check(<-won)
	cancel()
	w.To("exec")
	w.End()
	w.Path("network", "sleep", "schedWait", "exec", "syscall")
	w.PathAtLeast(3*ms, "network")
	w.PathAtLeast(3*ms, "sleep")
	w.Verdict("waiting for the network")
}

// dialCutShort dials a server that never shakes hands, until a context's deadline.
func dialCutShort(g *ground.Ground) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	w := g.Begin(context.Background(), "duty.DialCutShort")
	ctx, cancel := context.WithTimeout(w.Ctx, 8*ms)
	defer cancel()
	w.In("sleep", func() {
		if ground.Get(ctx, &http.Client{Transport: transport}, "https://"+listener.Addr().String()) == nil {
			panic("a hand-shake without anybody")
		}
	})
	w.End()
	w.Verdict("waiting for a connection until a deadline")

	plain := g.Begin(context.Background(), "duty.DialCutShort.plain")
	ctx, cancel = context.WithTimeout(plain.Ctx, 8*ms)
	defer cancel()
	plain.In("sleep", func() {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		if _, err := dialer.DialContext(ctx, "tcp", listener.Addr().String()); err == nil {
			panic("a hand-shake without anybody")
		}
	})
	plain.End()
	plain.Verdict("waiting for the network until a deadline")
}

// givenUpWithin calls a server of the same program over net.Pipe, until another request gives the call up.
func givenUpWithin(g *ground.Ground) {
	l := ground.NewWithin()
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/slow" {
			<-request.Context().Done()
		}
	})}
	go server.Serve(l)
	defer server.Close()
	transport := &http.Transport{DialContext: l.Dial}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	recorder.Check(ground.Get(context.Background(), client, "http://within/"))
	ctx, cancel := context.WithCancel(context.Background())
	other := g.Begun("duty.GivenUpWithin.other", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(7 * ms) })
		cancel()
		w.End()
	})
	w := g.Begin(ctx, "duty.GivenUpWithin").Alone()
	w.In("chan", func() {
		if ground.Get(w.Ctx, client, "http://within/slow") == nil {
			panic("an answer that nobody gives")
		}
	})
	w.End()
	w.Verdict("waiting for the network until duty.GivenUpWithin.other gave it up")
	ground.Ended(other)
}

// streamsTaken wants a stream of a connection that allows one, which another request has.
func streamsTaken(g *ground.Ground) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/slow" {
			time.Sleep(9 * ms)
		}
		io.WriteString(out, "ok")
	}))
	client := oneStream(server)
	if client == nil {
		return
	}
	defer server.Close()
	defer client.CloseIdleConnections()
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	slow := g.Begun("duty.Streams.slow", func(w *ground.Work, ready func()) {
		time.AfterFunc(ms, ready)
		w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL+"/slow")) })
		w.End()
		w.PathAtLeast(8*ms, "network")
		w.Verdict("waiting for the network")
	})
	w := g.Begin(context.Background(), "duty.Streams")
	w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL)) })
	w.End()
	w.Verdict("waiting for the network")
	ground.Ended(slow)
}

// proxied is answered through a reverse proxy in the same program.
func proxied(g *ground.Ground) {
	backend := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		w := g.Begin(context.Background(), "duty.Proxied.backend")
		w.In("sleep", func() { time.Sleep(7 * ms) })
		w.End()
		w.Path("sleep", "schedWait")
		io.WriteString(out, "ok")
	}))
	defer backend.Close()
	to, err := url.Parse(backend.URL)
	recorder.Check(err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	proxy.Transport = transport
	front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		w := g.Begin(context.Background(), "duty.Proxied.proxy")
		w.In("network", func() { proxy.ServeHTTP(out, request) })
		w.End()
		w.PathAtLeast(6*ms, "network")
		w.Verdict("waiting for the network")
	}))
	defer front.Close()
	w := g.Begin(context.Background(), "duty.Proxied")
	w.In("network", func() { recorder.Check(ground.Get(w.Ctx, front.Client(), front.URL)) })
	w.End()
	w.PathAtLeast(6*ms, "network")
	w.Verdict("waiting for the network")
}

// clientLeft waits until the client hangs up.
func clientLeft(g *ground.Ground) {
	handled := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		defer close(handled)
		w := g.Begin(context.Background(), "duty.ClientLeft")
		w.In("network", func() { <-request.Context().Done() })
		w.End()
		w.Path("network", "schedWait")
		w.Verdict("waiting for the network")
	}))
	defer server.Close()
	here, err := net.Dial("tcp", server.Listener.Addr().String())
	recorder.Check(err)
	io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	time.Sleep(7 * ms)
	here.Close()
	<-handled
}
