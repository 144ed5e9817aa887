package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime/trace"
	"strings"
	"sync"
	"time"

	"fixtures/tracer"
)

// row is what the database answers, many to a query.
type row struct {
	User string            `json:"user"`
	Text string            `json:"text"`
	Tags map[string]string `json:"tags,omitempty"`
}

// database asks its backend over TCP.
type database struct {
	spans *tracer.Tracer
	pool  *pool

	mu      sync.Mutex
	queries int
}

func newDatabase(spans *tracer.Tracer, address string) *database {
	return &database{spans: spans, pool: newPool(address)}
}

// query reads the messages of a user: two partitions at once, each in a span and on a goroutine of its own.
func (d *database) query(ctx context.Context, token [32]byte, user string) ([]row, error) {
	ctx, span := d.spans.Start(ctx, "spanner.Query", tracer.Client,
		tracer.Attribute{Key: "db.system.name", Value: "spanner"}, tracer.Attribute{Key: "server.address", Value: "database.internal"})
	defer span.End()
	d.mu.Lock()
	d.queries++
	number := d.queries
	d.mu.Unlock()
	if number%19 == 0 {
		err := fmt.Errorf("spanner: session of %s was lost", user)
		span.Fail(err)
		return nil, err
	}
	var all []row
	var failed error
	execute := trace.StartRegion(ctx, "query.execute")
	answer, err := d.pool.call(ctx, fmt.Sprintf(`{"sql":"SELECT text FROM messages WHERE user = '%s'"}`, user), 2*time.Millisecond, 24)
	execute.End()
	if err != nil {
		span.Fail(err)
		return nil, err
	}
	trace.WithRegion(ctx, "rows.decode", func() { all, failed = decodeRows(answer) })
	if failed != nil {
		span.Fail(failed)
		return nil, failed
	}
	if number%3 == 0 {
		var partitions sync.WaitGroup
		for i := 0; i < 2; i++ {
			partitions.Add(1)
			go func(i int) {
				defer partitions.Done()
				d.readPartition(ctx, i)
			}(i)
		}
		trace.WithRegion(ctx, "partitions.wait", func() { partitions.Wait() })
	}
	span.Set("db.response.returned_rows", len(all))
	return all, nil
}

// readPartition is a child on another goroutine than its parent's.
func (d *database) readPartition(ctx context.Context, partition int) {
	ctx, span := d.spans.Start(ctx, "spanner.Read", tracer.Client, tracer.Attribute{Key: "db.partition", Value: partition})
	defer span.End()
	answer, err := d.pool.call(ctx, `{"read":"partition"}`, time.Duration(1+2*partition)*time.Millisecond, 12)
	if err == nil {
		_, err = decodeRows(answer)
	}
	if err != nil {
		span.Fail(err)
	}
}

// decodeRows makes garbage as decoders do; with the heap growing the runtime makes it help with marking.
func decodeRows(answer []byte) ([]row, error) {
	var rows []row
	for pass := 0; pass < 2; pass++ {
		rows = rows[:0]
		decoder := json.NewDecoder(strings.NewReader(string(answer)))
		for {
			var r row
			err := decoder.Decode(&r)
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			rows = append(rows, r)
			litter(9)
		}
	}
	return rows, nil
}

// pool keeps connections to one backend. A connection serves two calls, so that new ones are dialled all the time.
type pool struct {
	address string
	mu      sync.Mutex
	idle    []*connection
}

type connection struct {
	net.Conn
	in    *bufio.Reader
	calls int
}

func newPool(address string) *pool { return &pool{address: address} }

func (p *pool) get(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	defer trace.StartRegion(ctx, "connection.init").End()
	trace.Log(ctx, "pool", "dial")
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, in: bufio.NewReader(conn)}
	if _, err := c.exchange(message{Text: "hello", DelayMicros: 300, Rows: 1}); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// call sends a request and returns the answer, which takes the backend at least delay.
func (p *pool) call(ctx context.Context, text string, delay time.Duration, rows int) ([]byte, error) {
	c, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(message{Text: text, DelayMicros: delay.Microseconds(), Rows: rows})
	if err != nil {
		c.Close()
		return nil, err
	}
	c.calls++
	if c.calls == 2 {
		c.Close()
		return answer, nil
	}
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	return answer, nil
}

func (c *connection) exchange(m message) ([]byte, error) {
	if err := json.NewEncoder(c).Encode(m); err != nil {
		return nil, err
	}
	var answer []byte
	for i := 0; i < m.Rows; i++ {
		line, err := c.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		answer = append(answer, line...)
	}
	return answer, nil
}
