// Command idioms records tasks of known time in the idioms of services: the limits, shared calls and semaphores of golang.org/x/sync, timeouts, groups
// that commit together, look-ups, retries, workers that tell nothing, goroutines without a task that hold something, stops of the world by others.
package main

import (
	"os"
	"runtime"
	"strings"
	"time"

	"fixtures/ground"
)

const ms = time.Millisecond

func main() {
	if os.Getenv(answersIn) != "" {
		answer()
		return
	}
	ground.MainOf("idioms",
		setLimit, slowestOfMany, sharedCall, sharedCallGivenUp, weightedSemaphore, lastReader, wokenForNothing, groupCommit, sharedLog,
		selectTimeout, retries, tokens, clientTimeout, poolTimeout, lookUp, datagram, slowBody, otherProcess, systemCallOnOneProcessor,
		fileLock, slowConsumer, slowDecoder, lateWrite, replies, bus, batchLoader, heldByNobody, semaphoreOfNobody, panics, collectedByOther, processorsChange, memoryLimit)
}

// handedOff tells that the tracer shows a system call only where the processor was taken away meanwhile: up to Go 1.21.
var handedOff = strings.HasPrefix(runtime.Version(), "go1.21")

// ofNobody says how people see a wait for a goroutine without a task that is in a system call.
func ofNobody(w *ground.Work, do func()) {
	w.In("syscall", do)
	w.End()
	if handedOff {
		w.Within("syscall", "chan")
		return
	}
	w.Within("syscall")
	w.Path("chan")
}
