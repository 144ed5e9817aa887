// Command oncall records tasks of known time in situations that an engineer on call meets: what a request leaves behind, shared first uses, readers behind
// writers, pools and limits made by hand, slow clients, hedged calls, workers and iterators that another request had made. Each says what its verdict has to say.
package main

import (
	"runtime"
	"strings"
	"time"

	"fixtures/ground"
)

const ms = time.Millisecond

// handedOff tells that the tracer shows a system call only where the processor was taken away meanwhile: up to Go 1.21.
var handedOff = strings.HasPrefix(runtime.Version(), "go1.21")

func main() {
	ground.MainOf("oncall",
		firstUse, sharedFlight, weighted, rateLimited, readerBehindWriter, smallHeap, handMadePool, synced, child, unixSocket,
		oneConnection, slowClient, slowUpload, hedgedCalls, stages, yielding, lockedThread, memoryReturned, statsOfOther,
		leftBehindWork, leftBehindLock, leftBehindBusy, afterResponse, openIterator, busyIterator, shortWorker, dialCutShort, givenUpWithin, streamsTaken,
		proxied, clientLeft, ownLock, invertedPriority, fullPipe, outbox, limitedGroup, failingGroup, lateRelease)
}

// each runs so many tasks of a name at once, and waits for all.
func each(g *ground.Ground, name string, count int, do func(w *ground.Work)) {
	var all []<-chan struct{}
	for i := 0; i < count; i++ {
		all = append(all, g.Begun(name, func(w *ground.Work, ready func()) {
			ready()
			do(w)
		}))
	}
	ground.Ended(all...)
}
