//go:build go1.23

package ground

import (
	"context"
	"iter"
	"time"
)

func coroutines() []Scenario {
	return []Scenario{pulled, nestedIterators, lockedIterator, handedCoroutine}
}

// pulled pulls values out of an iterator that sleeps and works.
func pulled(g *Ground) {
	w := g.Begin(context.Background(), "shape.Pulled")
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; i < 3; i++ {
			w.In("sleep", func() { time.Sleep(2 * ms) })
			spin(ms)
			if !yield(i) {
				return
			}
		}
	})
	for i := 0; i < 3; i++ {
		next()
		spin(ms / 2)
	}
	stop()
	w.End()
	w.Path("exec")
	w.Path("sleep", "schedWait")
	w.Path("other")
}

// handedCoroutine is two tasks that pull from one iterator, one after the other.
func handedCoroutine(g *Ground) {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			time.Sleep(3 * ms)
			spin(ms)
		}
	})
	next()
	for i := 0; i < 2; i++ {
		done := make(chan struct{})
		go func() {
			w := g.Begin(context.Background(), "shape.HandedCoroutine")
			w.In("sleep", func() { next() })
			w.End()
			w.Path("sleep", "exec", "schedWait")
			w.PathAtLeast(3*ms, "sleep")
			w.Path("other")
			close(done)
		}()
		<-done
	}
	stop()
}

// nestedIterators pulls from an iterator that pulls from another, which sleeps.
func nestedIterators(g *Ground) {
	w := g.Begin(context.Background(), "shape.NestedIterators")
	inner := func(yield func(int) bool) {
		for i := 0; i < 2; i++ {
			w.In("sleep", func() { time.Sleep(2 * ms) })
			spin(ms / 2)
			if !yield(i) {
				return
			}
		}
	}
	next, stop := iter.Pull(func(yield func(int) bool) {
		next, stop := iter.Pull(iter.Seq[int](inner))
		defer stop()
		for {
			i, ok := next()
			spin(ms / 2)
			if !ok || !yield(i) {
				return
			}
		}
	})
	for {
		if _, ok := next(); !ok {
			break
		}
		spin(ms / 2)
	}
	stop()
	w.End()
	w.Path("exec")
	w.Path("sleep", "schedWait")
	w.Path("other")
}

// lockedIterator pulls from an iterator that waits for a mutex which another task holds.
func lockedIterator(g *Ground) {
	lock, done := heldElsewhere(g, "shape.LockedIterator.holder", 8*ms)
	w := g.Begin(context.Background(), "shape.LockedIterator")
	next, stop := iter.Pull(func(yield func(int) bool) {
		w.In("lock", lock.Lock)
		lock.Unlock()
		yield(1)
	})
	next()
	stop()
	w.End()
	w.Path("lock", "schedWait")
	w.Path("other")
	w.Blame("lock", "shape.LockedIterator.holder", "sleep", "mutex")
	<-done
}
