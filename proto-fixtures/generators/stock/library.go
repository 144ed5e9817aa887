package main

import (
	"context"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// The library is another program than the shop, to hold joining against what it was not made with: searches that ask shards
// side by side, spans of a microsecond by the dozen, calls that are tried again, a queue with its consumer, and a ticker.

// loan is a message of the queue.
type loan struct {
	ctx  context.Context
	book int
}

func (s *shop) library(ctx context.Context, routes *http.ServeMux) {
	loans := make(chan loan, 256)
	routes.Handle("/search", s.sdk.handler("GET /search", func(w http.ResponseWriter, r *http.Request) { s.search(w, r, loans) }))
	routes.Handle("/suggest", s.sdk.handler("GET /suggest", s.suggest))
	routes.Handle("/cover", s.sdk.handler("GET /cover", s.cover))
	for i := 0; i < 2; i++ {
		go s.lend(loans)
	}
	go s.flush(ctx)
}

// search asks five shards side by side, two covers one after another, and lends a book.
func (s *shop) search(w http.ResponseWriter, r *http.Request, loans chan<- loan) {
	ctx := r.Context()
	s.within(ctx, "query.parse", func(context.Context) { spin(time.Duration(1+rand.Intn(3)) * time.Microsecond) })
	found := make(chan int, 5)
	for shard := 0; shard < 5; shard++ {
		go func() {
			hits := 0
			s.within(ctx, "shard.search", func(ctx context.Context) {
				for posting := rand.Intn(9); posting > 0; posting-- {
					s.within(ctx, "posting.read", func(context.Context) { hits += posting })
				}
				time.Sleep(time.Duration(rand.ExpFloat64() * float64(150*time.Microsecond)))
			})
			found <- hits
		}()
	}
	sum := 0
	for shard := 0; shard < 5; shard++ {
		sum += <-found
	}
	s.within(ctx, "top.merge", func(context.Context) { spin(time.Duration(sum) * time.Microsecond) })
	for i := 0; i < 2; i++ {
		for s.call(ctx, "/cover") == nil && rand.Intn(4) == 0 {
		}
	}
	message, sent := s.sdk.start(ctx, "loans send", producer)
	select {
	case loans <- loan{message, sum}:
	default:
	}
	sent("")
	io.WriteString(w, strconv.Itoa(sum))
}

func (s *shop) suggest(w http.ResponseWriter, r *http.Request) {
	s.within(r.Context(), "trie.walk", func(context.Context) { io.WriteString(w, "go, golang") })
}

func (s *shop) cover(w http.ResponseWriter, r *http.Request) {
	s.within(r.Context(), "image.resize", func(context.Context) {
		garbage = append(make([][]byte, 0), make([]byte, 1<<uint(10+rand.Intn(9))))
		spin(time.Duration(5+rand.Intn(60)) * time.Microsecond)
	})
	io.WriteString(w, strings.Repeat("#", rand.Intn(4096)))
}

// lend takes loans off the queue, each in a span of its own under the one that sent it.
func (s *shop) lend(loans <-chan loan) {
	for one := range loans {
		ctx, end := s.sdk.start(one.ctx, "loans receive", consumer)
		s.within(ctx, "card.stamp", func(context.Context) {
			s.lock.Lock()
			spin(time.Duration(one.book%16) * time.Microsecond)
			s.lock.Unlock()
		})
		end("")
	}
}

// flush writes the index every few milliseconds, in traces of its own.
func (s *shop) flush(ctx context.Context) {
	every := time.NewTicker(7 * time.Millisecond)
	defer every.Stop()
	for ctx.Err() == nil {
		<-every.C
		s.within(context.Background(), "index.flush", func(ctx context.Context) {
			s.within(ctx, "segment.write", func(context.Context) {
				if file, err := os.CreateTemp("", "segment"); err == nil {
					file.Write(make([]byte, 4096*(1+rand.Intn(8))))
					file.Close()
					os.Remove(file.Name())
				}
			})
		})
	}
}
