package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// answering serves requests after a while.
func answering(d time.Duration) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		select {
		case <-time.After(d):
		case <-request.Context().Done():
		}
		io.WriteString(out, "ok")
	}))
}

// stampede: an entry of a cache has run out; who comes first fills it under the cache's lock, by a call.
func stampede(g *ground.Ground) {
	server := answering(8 * ms)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	var mu sync.Mutex
	filled := false
	each(g, "pager.Stampede", 5, func(i int, w *ground.Work) {
		mine := false
		w.In("lock", mu.Lock)
		if !filled {
			mine = true
			filled = true
			w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL)) })
		}
		mu.Unlock()
		w.End()
		if mine {
			w.Verdict("waiting for the network")
			return
		}
		w.Path("lock", "schedWait")
		w.Verdict("waiting for a mutex held by another pager.Stampede, which was waiting for the network")
	})
}

// remote is a database over a connection.
type remote struct{ address string }

func (r remote) Open(string) (driver.Conn, error) {
	c, err := net.Dial("tcp", r.address)
	return &remoteConn{c}, err
}

type remoteConn struct{ net.Conn }

func (c *remoteConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements") }
func (c *remoteConn) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }
func (c *remoteConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	var one [1]byte
	c.Write([]byte{1})
	_, err := io.ReadFull(c, one[:])
	return driver.RowsAffected(1), err
}

var registered sync.Once

// poolTooSmall asks a database over two connections.
func poolTooSmall(g *ground.Ground) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	go func() {
		for {
			there, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				var one [1]byte
				for {
					if _, err := io.ReadFull(there, one[:]); err != nil {
						return
					}
					time.Sleep(5 * ms)
					there.Write(one[:])
				}
			}()
		}
	}()
	db := sql.OpenDB(connector{listener.Addr().String()})
	defer db.Close()
	db.SetMaxOpenConns(2)
	db.SetMaxIdleConns(2)
	each(g, "pager.Pool", 6, func(i int, w *ground.Work) {
		asked := time.Now()
		connection, err := db.Conn(w.Ctx)
		recorder.Check(err)
		waited := time.Since(asked)
		_, err = connection.ExecContext(w.Ctx, "select")
		recorder.Check(err)
		connection.Close()
		w.End()
		// Who is given a connection is drawn by lot: those before it are seen to have waited for one, or not.
		if waited > 4*ms {
			w.Verdict("waiting on a channel(, held up| served) by another pager.Pool, which was waiting for the network")
		}
	})
}

type connector struct{ address string }

func (c connector) Connect(context.Context) (driver.Conn, error) { return remote(c).Open("") }
func (c connector) Driver() driver.Driver                        { return remote(c) }

// retryStorm tries a server that does not answer in time again and again, after pauses.
func retryStorm(g *ground.Ground) {
	server := answering(50 * ms)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	w := begin(g, "pager.Retries")
	for pause := ms; pause <= 4*ms; pause *= 2 {
		ctx, cancel := context.WithTimeout(w.Ctx, 5*ms)
		w.In("sleep", func() {
			ground.Get(ctx, client, server.URL)
			cancel()
			time.Sleep(pause)
		})
	}
	w.End()
	w.PathAtLeast(20*ms, "sleep")
	w.Verdict("waiting, mostly for the network until a deadline")
}

// breaker lets one call through to see whether the server is well again, and the others wait what comes of it.
func breaker(g *ground.Ground) {
	server := answering(9 * ms)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	result := make(chan struct{})
	probing := make(chan struct{})
	probe := g.Begun("pager.Breaker.probe", func(w *ground.Work, ready func()) {
		close(probing)
		ready()
		ctx, cancel := context.WithTimeout(w.Ctx, 6*ms)
		defer cancel()
		w.In("sleep", func() { ground.Get(ctx, client, server.URL) })
		close(result)
		w.End()
		w.Verdict("waiting for the network until a deadline")
	})
	<-probing
	each(g, "pager.Breaker", 3, func(i int, w *ground.Work) {
		w.Alone().In("chan", func() {
			select {
			case <-result:
			case <-w.Ctx.Done():
			}
		})
		w.End()
		w.Path("chan", "schedWait")
		w.Verdict("waiting on a channel served by pager.Breaker.probe, which was waiting for the network until a deadline")
	})
	ground.Ended(probe)
}

// nPlusOne asks for each of many things by itself.
func nPlusOne(g *ground.Ground) {
	server := answering(ms / 4)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	recorder.Check(ground.Get(context.Background(), client, server.URL))
	w := begin(g, "pager.NPlusOne")
	for i := 0; i < 30; i++ {
		w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, server.URL)) })
	}
	w.End()
	w.PathAtLeast(7*ms, "network")
	w.Verdict("waiting for the network")
}

// dialChurn makes a connection for each call, since too few are kept.
func dialChurn(g *ground.Ground) {
	server := answering(2 * ms)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: -1}}
	defer client.CloseIdleConnections()
	each(g, "pager.Churn", 4, func(i int, w *ground.Work) {
		recorder.Check(ground.Get(w.Ctx, client, server.URL))
		w.End()
		w.Verdict("waiting for the network")
	})
}

// timeoutHandler answers when its time is over, whatever the handler does.
func timeoutHandler(g *ground.Ground) {
	release, gone := make(chan struct{}), make(chan struct{})
	inner := http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		<-release
		close(gone)
	})
	outer := http.TimeoutHandler(inner, 7*ms, "late")
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		w := begin(g, "pager.TimeoutHandler")
		w.In("sleep", func() { outer.ServeHTTP(out, request.WithContext(w.Ctx)) })
		w.End()
		w.Path("sleep", "schedWait", "exec", "syscall")
		w.Verdict("waiting for a timer or deadline")
	}))
	defer server.Close()
	recorder.Check(ground.Get(context.Background(), http.DefaultClient, server.URL))
	close(release)
	<-gone
	http.DefaultClient.CloseIdleConnections()
}

// brokerAck publishes and waits for the acknowledgement, which the connection's own goroutine reads and hands on.
func brokerAck(g *ground.Ground) {
	here, there := ground.Pair()
	defer here.Close()
	defer there.Close()
	go func() {
		var one [1]byte
		for {
			if _, err := there.Read(one[:]); err != nil {
				return
			}
			time.Sleep(6 * ms)
			there.Write(one[:])
		}
	}()
	acked := make(chan byte)
	go func() {
		var one [1]byte
		for {
			if _, err := here.Read(one[:]); err != nil {
				return
			}
			acked <- one[0]
		}
	}()
	time.Sleep(ms)
	w := begin(g, "pager.Ack").Alone()
	w.In("network", func() {
		here.Write([]byte{1})
		select {
		case <-acked:
		case <-time.After(time.Minute):
		}
	})
	w.End()
	w.Path("network", "schedWait", "exec", "syscall")
	w.Verdict("waiting for the network")
}
