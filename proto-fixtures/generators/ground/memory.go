package ground

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

type node struct {
	next *node
	text [48]byte
}

var kept *node

// assist allocates faster than the collector marks, so that it has to help. How long the runtime itself tells, for the whole
// program: nothing else allocates meanwhile, and the collector is off but for this.
func assist(g *Ground) {
	for i := 0; i < 300_000; i++ {
		kept = &node{next: kept}
	}
	helped := assisted()
	w := g.Begin(context.Background(), "ground.GCAssist").Alone()
	debug.SetGCPercent(5)
	began := time.Now()
	for time.Since(began) < 20*ms {
		var list *node
		for i := 0; i < 500; i++ {
			list = &node{next: list}
		}
		runtime.KeepAlive(list)
	}
	debug.SetGCPercent(-1)
	w.End()
	// The account is made up at the end of a cycle.
	time.Sleep(40 * ms)
	helped = assisted() - helped
	kept = nil
	w.RangeAtLeast(helped, "GC mark assist")
}

// assisted is the time that goroutines spent helping the collector in all cycles that are over, by the runtime's own account.
func assisted() time.Duration {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}}
	metrics.Read(sample)
	return time.Duration(sample[0].Value.Float64() * float64(time.Second))
}
