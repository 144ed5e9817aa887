package main

import (
	"context"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/tracer"
)

// cache holds answers for a short while.
type cache struct {
	spans *tracer.Tracer
	mu    sync.RWMutex
	rows  map[string]entry
}

type entry struct {
	rows []row
	at   time.Time
}

func newCache(spans *tracer.Tracer) *cache {
	return &cache{spans: spans, rows: map[string]entry{}}
}

// lookup returns the rows of a user, if they are fresh; answers of one user in five are kept at all.
func (c *cache) lookup(ctx context.Context, user string) ([]row, bool) {
	ctx, span := c.spans.Start(ctx, "cache.Lookup", tracer.Internal, tracer.Attribute{Key: "cache.key", Value: user})
	defer span.End()
	var found entry
	var hit bool
	trace.WithRegion(ctx, "cache.read", func() {
		c.mu.RLock()
		defer c.mu.RUnlock()
		digest(30, []byte(user))
		found, hit = c.rows[user]
	})
	hit = hit && time.Since(found.at) < 200*time.Millisecond
	if !hit && len(user)%5 == 2 && user[len(user)-1] == '7' {
		c.mu.Lock()
		c.rows[user] = entry{[]row{{User: user, Text: "cached"}}, time.Now()}
		c.mu.Unlock()
	}
	if hit {
		trace.Log(ctx, "cache", "hit")
	} else {
		trace.Log(ctx, "cache", "miss")
	}
	span.Set("cache.hit", hit)
	return found.rows, hit
}

// sweepLoop throws old answers away: background work with a span of its own.
func (c *cache) sweepLoop(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		time.Sleep(pause)
		job, span := c.spans.Start(context.Background(), "cache.Sweep", tracer.Internal)
		trace.WithRegion(job, "cache.sweep", func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			for user, e := range c.rows {
				if time.Since(e.at) > 200*time.Millisecond {
					delete(c.rows, user)
				}
			}
			digest(1200, []byte("sweep"))
		})
		span.End()
	}
}
