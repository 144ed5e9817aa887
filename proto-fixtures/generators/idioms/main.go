// Command idioms records tasks of known time in the idioms of services: the limits, shared calls and semaphores of golang.org/x/sync, timeouts, groups
// that commit together, look-ups, retries, workers that tell nothing, goroutines without a task that hold something, stops of the world by others.
package main

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
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

// within says that all of a task's time is spent with these states together, beside its own work.
func within(w *ground.Work, state string, with ...string) {
	w.Path(state, append(with, "schedWait", "exec")...)
}

// handedOff tells that the tracer shows a system call only where the processor was taken away meanwhile: up to Go 1.21.
var handedOff = strings.HasPrefix(runtime.Version(), "go1.21")

// ofNobody says how people see a wait for a goroutine without a task that is in a system call.
func ofNobody(w *ground.Work, do func()) {
	w.In("syscall", do)
	w.End()
	if handedOff {
		within(w, "syscall", "chan")
		return
	}
	within(w, "syscall")
	w.Path("chan")
}

// busy keeps a processor busy, without a region.
//
//go:noinline
func busy(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// begun begins a task of its own on a goroutine of its own, and returns once that one says that it is ready, or is done. What is returned is closed
// when it is over.
func begun(g *ground.Ground, name string, do func(w *ground.Work, ready func())) <-chan struct{} {
	done, began := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ready := func() { once.Do(func() { close(began) }) }
	go func() {
		defer close(done)
		defer ready()
		do(g.Begin(context.Background(), name), ready)
	}()
	<-began
	return done
}
