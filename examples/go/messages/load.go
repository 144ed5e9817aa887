package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"
)

// load asks for messages again and again until ctx ends. It makes no spans.
func load(ctx context.Context, url string, longestPause time.Duration) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for pause(ctx, rand.N(longestPause)) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/messages?user=%d", url, rand.IntN(60)), nil)
		if err != nil {
			log.Printf("load: %v", err)
			return
		}
		response, err := client.Do(request)
		if err != nil {
			if ctx.Err() == nil {
				log.Printf("load: %v", err)
			}
			continue
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

// node is small and full of pointers, so that marking costs much for little memory.
type node struct {
	next, other *node
	payload     [6]uint64
}

// ballast allocates about so many MiB of live nodes: a heap that takes the collector a while. The caller keeps it alive.
func ballast(mib int) *node {
	var last *node
	for range mib << 20 / 64 {
		last = &node{next: last, other: last}
	}
	runtime.GC()
	return last
}
