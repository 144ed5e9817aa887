package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"time"
)

// message asks a backend to answer with so many rows after so long.
type message struct {
	Text        string `json:"text"`
	DelayMicros int64  `json:"delayMicros"`
	Rows        int    `json:"rows"`
}

// backends are the addresses of what the service depends on.
type backends struct{ identity, database string }

func listenBackends(ctx context.Context) (backends, error) {
	var b backends
	var err error
	if b.identity, err = listenBackend(ctx); err != nil {
		return b, err
	}
	b.database, err = listenBackend(ctx)
	return b, err
}

// listenBackend serves until ctx ends and returns its address.
func listenBackend(ctx context.Context) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		<-ctx.Done()
		listener.Close()
	}()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveBackend(conn)
		}
	}()
	return listener.Addr().String(), nil
}

// serveBackend answers one connection. It has no spans: in the capture it is work for no task.
func serveBackend(conn net.Conn) {
	defer conn.Close()
	in := json.NewDecoder(conn)
	out := bufio.NewWriter(conn)
	for {
		var m message
		if in.Decode(&m) != nil {
			return
		}
		time.Sleep(time.Duration(m.DelayMicros) * time.Microsecond)
		rows := json.NewEncoder(out)
		for i := 0; i < m.Rows; i++ {
			r := row{User: "u", Text: "a message of some length, as messages are", Tags: map[string]string{"folder": "inbox", "lang": "en"}}
			if rows.Encode(r) != nil {
				return
			}
		}
		if out.Flush() != nil {
			return
		}
	}
}
