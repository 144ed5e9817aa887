//go:build go1.23

package main

import (
	"context"
	"iter"
	"time"

	"fixtures/ground"
)

// handedIterator is handed an iterator that another task had begun, and waits in it.
func handedIterator(g *ground.Ground) {
	first := g.Begin(context.Background(), "cause.Iterator.first")
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; i < 3; i++ {
			time.Sleep(3 * ms)
			if !yield(i) {
				return
			}
		}
	})
	first.In("sleep", func() { next() })
	first.End()
	first.Path("sleep", "schedWait")
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		w := g.Begin(context.Background(), "cause.Iterator")
		w.In("sleep", func() {
			for _, more := next(); more; _, more = next() {
			}
		})
		w.End()
		w.Path("sleep", "schedWait")
		w.Verdict("sleeping")
	}()
	<-handed
	stop()
}
