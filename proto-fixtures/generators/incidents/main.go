// Command incidents records what an engineer on call is paged for, each with what its verdict has to say.
package main

import (
	"context"
	"runtime"
	"strings"
	"time"

	"fixtures/ground"
)

const ms = time.Millisecond

// handedOff tells that the tracer shows a system call only where the processor was taken away meanwhile: up to Go 1.21.
var handedOff = strings.HasPrefix(runtime.Version(), "go1.21")

func main() {
	ground.MainOf("incidents",
		stampede, poolTooSmall, retryStorm, breaker, nPlusOne, dialChurn, timeoutHandler, brokerAck,
		slowDisk, hotShard, headOfLine, asyncLog, reload, cron, slotDeadline, lockThenSlot, limiterHoldsLock, longPoll, partialBatch,
		pollingDispatcher, callsUnderLock, deadlineOfMany, serialWriter, drained, twoLocks,
		ownFanOut, childrenFanOut, smallContainer)
}

// each runs so many tasks of a name at once, and waits for all.
func each(g *ground.Ground, name string, count int, do func(i int, w *ground.Work)) {
	var all []<-chan struct{}
	for i := 0; i < count; i++ {
		i := i
		all = append(all, g.Begun(name, func(w *ground.Work, ready func()) {
			ready()
			do(i, w)
		}))
	}
	ground.Ended(all...)
}

func begin(g *ground.Ground, name string) *ground.Work { return g.Begin(context.Background(), name) }
