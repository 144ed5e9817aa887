// Records itself at work until the capture has a given size: requests over loopback HTTP, each a task with ids in its name, four
// regions, a log and two goroutines of its own that take a lock, wait for each other, sleep, and make garbage.
//
//	recorder -bytes N -out FILE
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var (
	size    = flag.Int64("bytes", 10_000_000, "size of the capture, about")
	out     = flag.String("out", "", "file to write")
	clients = flag.Int("clients", 8, "requests under way at a time")
)

// counted writes to a file and counts the bytes.
type counted struct {
	file  *os.File
	bytes atomic.Int64
}

func (w *counted) Write(p []byte) (int, error) {
	w.bytes.Add(int64(len(p)))
	return w.file.Write(p)
}

var (
	lock  sync.Mutex
	cache = map[int][]byte{}
	names = []string{"GET /users", "GET /orders", "GET /search", "POST /checkout"}
)

func handle(w http.ResponseWriter, r *http.Request) {
	name := fmt.Sprintf("HTTP %s trace_id=%016x%016x span_id=%016x", names[rand.IntN(len(names))], rand.Uint64(), rand.Uint64(), rand.Uint64())
	ctx, task := trace.NewTask(r.Context(), name)
	defer task.End()
	trace.WithRegion(ctx, "authenticate", func() { spin(200) })
	key := rand.IntN(64)
	trace.WithRegion(ctx, "cache", func() { remember(key) })
	trace.WithRegion(ctx, "query", func() {
		answers := make(chan int)
		for shard := range 2 {
			go func() {
				defer trace.StartRegion(ctx, "shard").End()
				spin(400 + 100*shard)
				answers <- shard
			}()
		}
		<-answers
		<-answers
	})
	trace.Log(ctx, "order", fmt.Sprint(key))
	trace.WithRegion(ctx, "render", func() {
		if rand.IntN(50) == 0 {
			time.Sleep(200 * time.Microsecond)
		}
		w.Write(bytes.Repeat([]byte("x"), 2048))
	})
}

// remember works in the cache under its lock.
func remember(key int) {
	lock.Lock()
	defer lock.Unlock()
	cache[key] = append(make([]byte, 0, 4096), byte(key))
	spin(50)
}

var sink atomic.Uint64

func spin(rounds int) {
	x := uint64(rounds)
	for range rounds * 20 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sink.Store(x)
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()))
	file, err := os.Create(*out)
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.HandlerFunc(handle))
	url := "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: *clients}
	client := &http.Client{Transport: transport}

	written := &counted{file: file}
	check(trace.Start(written))
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	for range *clients {
		working.Go(func() {
			for ctx.Err() == nil {
				answer, err := client.Get(url)
				check(err)
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		})
	}
	for written.bytes.Load() < *size {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	working.Wait()
	trace.Stop()
	check(file.Close())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
