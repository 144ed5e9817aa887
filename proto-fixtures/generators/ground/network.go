package ground

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"fixtures/recorder"
)

var (
	client  *http.Client
	address string
	// Requests are told by the connection that the client has.
	requests Noted
)

// Noted makes connections that note when a request had been written.
type Noted struct{ wrote atomic.Int64 }

// Dial connects, as net.Dialer does.
func (n *Noted) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return notedConnection{connection, n}, err
}

// Arm forgets what was written before.
func (n *Noted) Arm() { n.wrote.Store(0) }

// Wrote is when the first write since Arm was over.
func (n *Noted) Wrote() time.Time { return time.Unix(0, n.wrote.Load()) }

type notedConnection struct {
	net.Conn
	noted *Noted
}

func (c notedConnection) Write(bytes []byte) (int, error) {
	n, err := c.Conn.Write(bytes)
	c.noted.wrote.CompareAndSwap(0, time.Now().UnixNano())
	return n, err
}

// openServer serves requests that take a known time, over connections that stay open.
func openServer(g *Ground) (close func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	address = "http://" + listener.Addr().String()
	client = &http.Client{Transport: &http.Transport{DialContext: requests.Dial}}
	server := &http.Server{Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		w := g.Begin(context.Background(), "ground.Server").Alone()
		w.Spin(1 * ms)
		w.In("sleep", func() { time.Sleep(19 * ms) })
		w.End()
		w.Path("exec")
		w.Path("sleep", "schedWait")
		io.WriteString(response, "done")
	})}
	go server.Serve(listener)
	return func() { server.Close() }
}

// keepAlive asks the server three times over one connection: the wait for each answer is the network's.
func keepAlive(g *Ground) {
	for i := 0; i < 3; i++ {
		w := g.Begin(context.Background(), "ground.HTTPClient")
		var answered time.Time
		requests.Arm()
		ctx := httptrace.WithClientTrace(w.Ctx, &httptrace.ClientTrace{
			GotFirstResponseByte: func() { answered = time.Now() },
		})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		recorder.Check(err)
		response, err := client.Do(request)
		recorder.Check(err)
		resumed := time.Now()
		_, err = io.Copy(io.Discard, response.Body)
		recorder.Check(err)
		response.Body.Close()
		w.End()
		w.ClaimNetwork(requests.Wrote(), answered, resumed)
	}
}

// ClaimNetwork claims that the task waited for the network from when the request had been written to when the answer came, and then
// for a processor.
func (w *Work) ClaimNetwork(wrote, answered, resumed time.Time) {
	w.spent["network"] = answered.Sub(wrote)
	w.spent["schedWait"] = resumed.Sub(answered)
	w.Path("network", "schedWait")
}

// Within is a listener whose connections are pipes within the program.
type Within struct {
	connections chan net.Conn
	closed      chan struct{}
}

// NewWithin listens to whoever calls its Dial.
func NewWithin() Within { return Within{make(chan net.Conn), make(chan struct{})} }

// Dial connects to it, whatever the address.
func (l Within) Dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	l.connections <- there
	return here, nil
}

func (l Within) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l Within) Close() error   { close(l.closed); return nil }
func (l Within) Addr() net.Addr { return &net.UnixAddr{Name: "within", Net: "pipe"} }

// Get asks for a page and reads it.
func Get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	recorder.Check(err)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
