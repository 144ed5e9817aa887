package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// handshakeTimeout dials a server that never shakes hands, until the transport gives up.
func handshakeTimeout(g *ground.Ground) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	transport := &http.Transport{TLSHandshakeTimeout: 8 * ms, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	w := g.Begin(context.Background(), "cause.HandshakeTimeout")
	w.In("sleep", func() {
		if ground.Get(w.Ctx, &http.Client{Transport: transport}, "https://"+listener.Addr().String()) == nil {
			panic("a hand-shake without anybody")
		}
	})
	w.End()
	w.PathAtLeast(8*ms-ms/2, "sleep")
	w.Verdict("waiting for the network until a deadline")
}

// inProcessCall calls a server of the same program over net.Pipe.
func inProcessCall(g *ground.Ground) {
	l := ground.NewWithin()
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		w := g.Begin(context.Background(), "cause.InProcess.answer")
		w.In("sleep", func() { time.Sleep(8 * ms) })
		io.WriteString(out, "ok")
		w.End()
		w.Path("sleep", "schedWait")
	})}
	go server.Serve(l)
	defer server.Close()
	transport := &http.Transport{DialContext: l.Dial}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	recorder.Check(ground.Get(context.Background(), client, "http://within/"))
	w := g.Begin(context.Background(), "cause.InProcess").Alone()
	w.In("chan", func() { recorder.Check(ground.Get(w.Ctx, client, "http://within/")) })
	w.End()
	// The server's goroutine ends its task before it sends what was written.
	w.Path("network")
	w.Blame("chan", "cause.InProcess.answer", "sleep", "")
	w.Verdict("waiting on a channel served by cause.InProcess.answer, which was asleep")
}

// accepting waits for a connection that another task dials late.
func accepting(g *ground.Ground) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	dialler := g.Begun("cause.Accepting.dialler", func(w *ground.Work, ready func()) {
		ready()
		w.In("exec", func() { ground.Busy(5 * ms) })
		c, err := net.Dial("tcp", listener.Addr().String())
		recorder.Check(err)
		io.ReadAll(c)
		w.End()
		w.PathAtLeast(5*ms, "exec")
	})
	w := g.Begin(context.Background(), "cause.Accepting").Alone()
	w.In("network", func() {
		c, err := listener.Accept()
		recorder.Check(err)
		defer c.Close()
	})
	w.In("sleep", func() { time.Sleep(ms) })
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("waiting for the network")
	ground.Ended(dialler)
}

// hungUp reads from a connection that another task closes after a while.
func hungUp(g *ground.Ground) {
	here, there := ground.Pair()
	defer there.Close()
	closer := g.Begun("cause.HungUp.closer", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(6 * ms) })
		here.Close()
		w.End()
		w.PathAtLeast(6*ms, "sleep")
	})
	w := g.Begin(context.Background(), "cause.HungUp").Alone()
	var one [1]byte
	w.In("network", func() { here.Read(one[:]) })
	w.End()
	w.Path("network", "schedWait", "exec", "syscall")
	w.Blame("network", "cause.HungUp.closer", "sleep", "")
	w.Verdict("waiting for the network until cause.HungUp.closer gave it up")
	ground.Ended(closer)
}

// queuedMessages lie in a queue: a goroutine reads them from a connection, begins a task for each, and reads on.
func queuedMessages(g *ground.Ground) {
	here, there := ground.Pair()
	jobs, done := make(chan *ground.Work, 8), make(chan struct{})
	go takesUp(jobs, done)
	go func() {
		defer close(jobs)
		defer there.Close()
		var one [1]byte
		for i := 0; ; i++ {
			if _, err := there.Read(one[:]); err != nil {
				return
			}
			w := g.Begin(context.Background(), "cause.QueuedMessage")
			w.To("chan")
			if i > 0 {
				w.Path("network")
				w.Verdict("waiting(, mostly)? in a queue behind another cause.QueuedMessage, which was on CPU")
			}
			jobs <- w
		}
	}()
	for i := 0; i < 3; i++ {
		here.Write([]byte{1})
		time.Sleep(ms / 2)
	}
	time.Sleep(13 * ms)
	here.Close()
	<-done
}

// lateReader is answered while other tasks keep the one processor busy.
func lateReader(g *ground.Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * ms)
		io.WriteString(out, "ok")
	}))
	defer server.Close()
	client := server.Client()
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	defer oneProcessor()()
	stop := make(chan struct{})
	var all []<-chan struct{}
	for i := 0; i < 2; i++ {
		all = append(all, g.Begun("cause.LateReader.busy", func(w *ground.Work, ready func()) {
			ready()
			for {
				select {
				case <-stop:
					w.End()
					w.Verdict("on CPU|while another cause.LateReader.busy ran")
					return
				default:
					ground.Busy(ms / 20)
				}
			}
		}))
	}
	w := g.Begin(context.Background(), "cause.LateReader").Alone()
	w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL)) })
	w.End()
	w.Verdict("waiting for the network, and for a processor to read it|readLoop\\), which was waiting for a processor")
	close(stop)
	ground.Ended(all...)
}
