package main

import (
	"runtime"
	"sync"
	"time"

	"fixtures/ground"
)

// ownFanOut does more things at once than there are processors.
func ownFanOut(g *ground.Ground) {
	w := begin(g, "pager.FanOut")
	var all sync.WaitGroup
	for i := 0; i < 12; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			ground.Busy(2 * ms)
		}()
	}
	all.Wait()
	w.End()
	w.Path("exec", "schedWait")
	w.Verdict("ready to run, waiting for a processor while its own goroutines ran")
}

// childrenFanOut does the same in spans below it.
func childrenFanOut(g *ground.Ground) {
	w := begin(g, "pager.Children")
	var all sync.WaitGroup
	for i := 0; i < 12; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			one := g.Begin(w.Ctx, "pager.Children.child")
			ground.Busy(2 * ms)
			one.End()
		}()
	}
	all.Wait()
	w.End()
	w.Path("exec", "schedWait")
	w.Verdict("ready to run, waiting for a processor while pager.Children.child ran")
}

// smallContainer: one processor for five requests.
func smallContainer(g *ground.Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	var all []<-chan struct{}
	for i := 0; i < 5; i++ {
		all = append(all, g.Begun("pager.Small", func(w *ground.Work, ready func()) {
			ready()
			asked := time.Now()
			runtime.Gosched()
			waited := time.Since(asked)
			w.In("exec", func() { ground.Busy(3 * ms) })
			w.End()
			w.Path("exec", "schedWait")
			if waited > 8*ms {
				w.Verdict("ready to run, waiting for a processor(, mostly)? while another pager.Small ran")
			}
		}))
	}
	ground.Ended(all...)
}
