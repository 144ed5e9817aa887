package main

import (
	"context"
	"fmt"
	"runtime/trace"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// row is one message of a user.
type row struct {
	From string
	Text string
	Tags []string
}

// database asks a server over gRPC.
type database struct {
	tracing tracing
	pool    *pool
}

func (d *database) query(ctx context.Context, user int) (rows []row, err error) {
	ctx, span := d.tracing.client(ctx, "spanner.Query")
	defer span.end()
	span.text("db.system.name", "spanner")
	defer func() {
		if err != nil {
			span.fail(err)
		}
		span.number("db.response.returned_rows", len(rows))
	}()
	conn, err := d.pool.get(ctx)
	if err != nil {
		return nil, err
	}
	defer d.pool.put(conn)
	var found structpb.ListValue
	execute := trace.StartRegion(ctx, "query.execute")
	err = conn.Invoke(ctx, queryMethod, wrapperspb.Int64(int64(user)), &found)
	execute.End()
	if err != nil {
		return nil, err
	}
	trace.WithRegion(ctx, "rows.decode", func() { rows = decodeRows(&found) })
	return rows, nil
}

// decodeRows makes garbage as decoders do; while the collector marks, the runtime makes it help.
func decodeRows(found *structpb.ListValue) []row {
	rows := make([]row, 0, len(found.Values))
	for _, value := range found.Values {
		fields := value.GetStructValue().AsMap()
		r := row{From: fmt.Sprint(fields["from"]), Text: fmt.Sprint(fields["text"])}
		for i := range 120 {
			r.Tags = append(r.Tags, fmt.Sprintf("%v/%d", fields["folder"], i))
		}
		rows = append(rows, r)
	}
	return rows
}

// pool keeps connections. Each is closed after some queries, so that now and then a request must make a new one.
type pool struct {
	address string
	queries int

	mu   sync.Mutex
	idle []*connection
}

type connection struct {
	*grpc.ClientConn
	left int
}

func (p *pool) get(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		conn := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return conn, nil
	}
	p.mu.Unlock()
	defer trace.StartRegion(ctx, "connection.init").End()
	conn, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			conn.Close()
			return nil, fmt.Errorf("spanner: no connection to %s: %w", p.address, ctx.Err())
		}
	}
	return &connection{conn, p.queries}, nil
}

func (p *pool) put(conn *connection) {
	if conn.left--; conn.left <= 0 {
		conn.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}
