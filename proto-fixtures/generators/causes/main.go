// Command causes records tasks of known time whose waits have causes that are easily told wrong: workers that say nothing of whom they serve, connections
// within the program, deadlines, chains of goroutines without a task, locks that go round, processors that are short.
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
	ground.MainOf("causes",
		handshakeTimeout, inProcessCall, workerStartedInside, scannedWorker, queued, batched, stolenJob, boundedQueue, cancelled, debounced,
		pipeline, namedPipe, accepting, lockedThread, handedIterator, pingPong, leaked, hogged, stragglers, leader, tokens, actors,
		tryLock, afterContext, childOutput, hungUp, polling, refreshed, barrierOfLocks, lateReader, queuedMessages)
}

// oneProcessor has the program run on one processor until what it returns is called.
func oneProcessor() func() {
	before := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(before) }
}
