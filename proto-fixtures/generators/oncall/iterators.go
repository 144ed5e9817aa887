//go:build go1.23

package main

import (
	"context"
	"iter"
	"time"

	"fixtures/ground"
)

// openIterator is handed an iterator that another task, which is still at it, had begun, and waits in it.
func openIterator(g *ground.Ground) {
	var next func() (int, bool)
	var stop func()
	first := g.Begun("duty.Iterator.first", func(w *ground.Work, ready func()) {
		next, stop = iter.Pull(rows)
		w.In("sleep", func() { next() })
		ready()
		w.In("sleep", func() { time.Sleep(12 * ms) })
		w.End()
		w.Path("sleep", "schedWait")
		w.Verdict("sleeping")
	})
	w := g.Begin(context.Background(), "duty.Iterator")
	w.To("sleep")
	for i := 0; i < 2; i++ {
		next()
	}
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("sleeping")
	stop()
	ground.Ended(first)
}

func rows(yield func(int) bool) {
	for i := 0; ; i++ {
		time.Sleep(3 * ms)
		if !yield(i) {
			return
		}
	}
}

// busyIterator is handed an iterator that another task, which is still at it, had begun, and which has the processor for long.
func busyIterator(g *ground.Ground) {
	var next func() (int, bool)
	var stop func()
	first := g.Begun("duty.BusyIterator.first", func(w *ground.Work, ready func()) {
		next, stop = iter.Pull(parsed)
		next()
		ready()
		w.In("sleep", func() { time.Sleep(14 * ms) })
		w.End()
		w.PathAtLeast(12*ms, "sleep")
	})
	w := g.Begin(context.Background(), "duty.BusyIterator")
	for i := 0; i < 2; i++ {
		next()
	}
	w.End()
	w.Path("exec", "schedWait")
	w.PathAtLeast(7*ms, "exec")
	w.Verdict("on CPU")
	stop()
	ground.Ended(first)
}

func parsed(yield func(int) bool) {
	for i := 0; ; i++ {
		ground.Busy(4 * ms)
		if !yield(i) {
			return
		}
	}
}
