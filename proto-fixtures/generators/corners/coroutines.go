//go:build go1.23

package main

import (
	"context"
	"iter"
	"runtime/trace"
	"time"

	"fixtures/tracer"
)

// coroutines pulls values from an iterator: the goroutine changes without a block or an unblock.
func (c *corners) coroutines(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Coroutines", tracer.Internal)
	defer span.End()
	next, stop := iter.Pull(func(yield func(int) bool) {
		region := trace.StartRegion(ctx, "produce")
		defer region.End()
		for i := 0; ; i++ {
			spin(20 * time.Microsecond)
			if i == 10 {
				time.Sleep(time.Millisecond)
			}
			if !yield(i) {
				return
			}
		}
	})
	trace.WithRegion(ctx, "pull", func() {
		for i := 0; i < 25; i++ {
			next()
		}
		stop()
	})
	// One that is never pulled from: created blocked, and ended so.
	_, unused := iter.Pull(func(func(int) bool) {})
	unused()
}
