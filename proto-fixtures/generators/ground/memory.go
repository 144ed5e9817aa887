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

// assist allocates faster than the collector marks, so that it has to help. How long at least the runtime itself tells, for the
// whole program: nothing else allocates meanwhile, and the collector is off but for this. Its account leaves out what helping
// brings with it (the end of a mark phase, waits for work). At most it is what the task took beyond allocating, a step of which takes
// as long as the quickest that had the collector off.
func assist(g *Ground) {
	for i := 0; i < 300_000; i++ {
		kept = &node{next: kept}
	}
	quickest := time.Hour
	for i := 0; i < 300; i++ {
		if took := allocate(); took < quickest {
			quickest = took
		}
	}
	helped := assisted()
	began := time.Now()
	w := g.Begin(context.Background(), "ground.GCAssist").Alone()
	debug.SetGCPercent(5)
	steps := 0
	for ; time.Since(began) < 20*ms; steps++ {
		allocate()
	}
	debug.SetGCPercent(-1)
	w.End()
	most := time.Since(began) - time.Duration(steps)*quickest
	// The account is made up at the end of a cycle.
	time.Sleep(40 * ms)
	helped = assisted() - helped
	kept = nil
	w.RangeBetween(helped, most, "GC mark assist")
}

// allocate makes a chain of garbage and tells how long that took.
func allocate() time.Duration {
	began := time.Now()
	var list *node
	for i := 0; i < 500; i++ {
		list = &node{next: list}
	}
	runtime.KeepAlive(list)
	return time.Since(began)
}

// assisted is the time that goroutines spent helping the collector in all cycles that are over, by the runtime's own account.
func assisted() time.Duration {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}}
	metrics.Read(sample)
	return time.Duration(sample[0].Value.Float64() * float64(time.Second))
}
