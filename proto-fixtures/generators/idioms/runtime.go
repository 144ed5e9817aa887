package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"time"

	"fixtures/ground"
)

type node struct {
	next *node
	text [48]byte
}

var kept, garbage *node

func keep(n int) {
	for i := 0; i < n; i++ {
		kept = &node{next: kept}
	}
}

// memoryLimit allocates at the limit of the memory that the program may have: the collector runs all the time and has it help.
func memoryLimit(g *ground.Ground) {
	keep(60_000)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	w := g.Begin(context.Background(), "idiom.MemoryLimit").Alone()
	before := debug.SetMemoryLimit(int64(stats.Sys - stats.HeapReleased + 2<<20))
	for end := time.Now().Add(15 * ms); time.Now().Before(end); {
		garbage = &node{}
	}
	debug.SetMemoryLimit(before)
	w.End()
	w.Within("gcWait", "other")
	w.Path("lock")
	w.Path("sleep")
	kept, garbage = nil, nil
	if !trace.IsEnabled() {
		// Sweeping so much is thousands of events: not in what is recorded.
		runtime.GC()
	}
}

// collectedByOther works while another goroutine asks for a collection: the world is stopped by that one.
func collectedByOther(g *ground.Ground) {
	keep(20_000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.GC()
	}()
	w := g.Begin(context.Background(), "idiom.CollectedByOther").Alone()
	ground.Busy(8 * ms)
	w.End()
	w.Path("exec", "schedWait", "gcWait")
	w.Path("lock")
	w.Path("other")
	<-done
	kept = nil
}

// processorsChange works while another goroutine changes how many processors there are.
func processorsChange(g *ground.Ground) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < 8; i++ {
			runtime.GOMAXPROCS(1 + i%2)
			time.Sleep(ms)
		}
	}()
	w := g.Begin(context.Background(), "idiom.ProcessorsChange").Alone()
	ground.Busy(10 * ms)
	w.End()
	w.Path("exec", "schedWait")
	w.Path("lock")
	w.Path("other")
	<-done
}
