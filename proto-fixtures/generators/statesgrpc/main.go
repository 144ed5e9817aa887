// Command statesgrpc records, beside what states does, calls of a gRPC client and a fan-out by errgroup: what Go's own library has not.
package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"

	"fixtures/ground"
	"fixtures/recorder"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	server := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "ground.Service", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "Wait", Handler: wait}}}, nil)
	go server.Serve(listener)
	var times handler
	var requests ground.Noted
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})), grpc.WithStatsHandler(&times),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return requests.Dial(ctx, "tcp", address) }))
	recorder.Check(err)
	ground.Main(
		func(g *ground.Ground) {
			for i := 0; i < 3; i++ {
				w := g.Begin(context.Background(), "ground.GRPCClient")
				var answer []byte
				requests.Arm()
				recorder.Check(connection.Invoke(w.Ctx, "/ground.Service/Wait", []byte("ask"), &answer))
				resumed := time.Now()
				w.End()
				w.ClaimNetwork(requests.Wrote(), time.Unix(0, times.answered.Load()), resumed)
			}
		},
		func(g *ground.Ground) {
			w := g.Begin(context.Background(), "ground.ErrGroup")
			group, ctx := errgroup.WithContext(w.Ctx)
			group.Go(func() error { w.Spin(2 * time.Millisecond); return ctx.Err() })
			w.To("schedWait")
			group.Go(func() error {
				w.To("exec")
				w.In("sleep", func() { time.Sleep(10 * time.Millisecond) })
				w.To("schedWait")
				return ctx.Err()
			})
			recorder.Check(group.Wait())
			w.To("exec")
			w.End()
			w.Path("exec", "schedWait")
			w.Path("sleep", "exec", "schedWait")
			w.PathAtLeast(10*time.Millisecond, "sleep")
			w.Path("lock")
		},
	)
	server.Stop()
}

func wait(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var asked []byte
	if err := decode(&asked); err != nil {
		return nil, err
	}
	time.Sleep(20 * time.Millisecond)
	return &asked, nil
}

// handler notes when an answer came.
type handler struct{ answered atomic.Int64 }

func (h *handler) HandleRPC(_ context.Context, rpc stats.RPCStats) {
	if _, ok := rpc.(*stats.InHeader); ok {
		h.answered.Store(time.Now().UnixNano())
	}
}
func (h *handler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (h *handler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (h *handler) HandleConn(context.Context, stats.ConnStats)                       {}

// bytesCodec carries bytes as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "bytes" }
func (bytesCodec) Marshal(value any) ([]byte, error) {
	switch bytes := value.(type) {
	case []byte:
		return bytes, nil
	case *[]byte:
		return *bytes, nil
	}
	return nil, fmt.Errorf("no bytes: %T", value)
}
func (bytesCodec) Unmarshal(data []byte, value any) error {
	*value.(*[]byte) = append([]byte(nil), data...)
	return nil
}
