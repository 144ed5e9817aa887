// Command causes records tasks of known time whose waits have causes that are easily told wrong: workers that say nothing of whom they serve, connections
// within the program, deadlines, chains of goroutines without a task, locks that go round, processors that are short.
package main

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

const ms = time.Millisecond

// handedOff tells that the tracer shows a system call only where the processor was taken away meanwhile: up to Go 1.21.
var handedOff = strings.HasPrefix(runtime.Version(), "go1.21")

func main() {
	ground.MainOf("causes",
		handshakeTimeout, inProcessCall, workerStartedInside, scannedWorker, queued, stolenJob, boundedQueue, cancelled, debounced,
		pipeline, namedPipe, accepting, lockedThread, handedIterator, pingPong, leaked, hogged, stragglers, leader, tokens, actors,
		tryLock, afterContext, childOutput, hungUp, polling, refreshed, barrierOfLocks, lateReader, queuedMessages)
}

// ended waits for all of them.
func ended(all ...<-chan struct{}) {
	for _, one := range all {
		<-one
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	recorder.Check(err)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// oneProcessor has the program run on one processor until what it returns is called.
func oneProcessor() func() {
	before := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(before) }
}
