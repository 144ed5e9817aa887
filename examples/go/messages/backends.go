package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What the service depends on runs in the same process, over loopback, and makes no spans: in a capture it is work for no task.

// startIdentity serves POST /token over HTTP until ctx ends; a token takes so long.
func startIdentity(ctx context.Context, takes time.Duration) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	handler := http.NewServeMux()
	handler.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), takes) {
			w.Write(digest(1, []byte(time.Now().String())))
		}
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), nil
}

const (
	databaseService = "messages.Database"
	queryMethod     = "/" + databaseService + "/Query"
)

// startDatabase serves Query over gRPC until ctx ends; an answer takes so long and has so many rows. The messages are
// those that protobuf brings along, so that nothing is generated.
func startDatabase(ctx context.Context, takes time.Duration, rows int) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	found, err := answerOf(rows)
	if err != nil {
		return "", err
	}
	query := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var user wrapperspb.Int64Value
		if err := decode(&user); err != nil {
			return nil, err
		}
		if !pause(ctx, takes) {
			return nil, ctx.Err()
		}
		return found, nil
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: databaseService,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Query", Handler: query}},
	}, struct{}{})
	context.AfterFunc(ctx, server.Stop)
	go server.Serve(listener)
	return listener.Addr().String(), nil
}

func answerOf(rows int) (*structpb.ListValue, error) {
	one := map[string]any{"from": "someone", "folder": "inbox", "text": strings.Repeat("a message as messages are ", 8)}
	all := make([]any, rows)
	for i := range all {
		all[i] = one
	}
	return structpb.NewList(all)
}
