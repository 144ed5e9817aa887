package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// leftBehindWork leaves work behind that goes on after its response; the next request on the same goroutine has nothing to do with it.
func leftBehindWork(g *ground.Ground) {
	done := make(chan struct{})
	w := g.Begin(context.Background(), "duty.LeftBehind.first")
	go writesLog(done)
	w.In("sleep", func() { time.Sleep(2 * ms) })
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("sleeping")
	next := g.Begin(context.Background(), "duty.LeftBehind.next").Alone()
	next.In("sleep", func() { time.Sleep(3 * ms) })
	next.End()
	next.Path("sleep", "schedWait")
	next.Path("other")
	next.Verdict("sleeping")
	// Who waits for what was left behind.
	last := g.Begin(context.Background(), "duty.LeftBehind.last").Alone()
	last.In("chan", func() { <-done })
	last.End()
	last.Path("chan", "schedWait")
	last.Verdict(`waiting on a channel served by a goroutine without a span \(main.writesLog\), which was on CPU`)
}

func writesLog(done chan<- struct{}) {
	ground.Busy(30 * ms)
	close(done)
}

// leftBehindLock waits for a lock that the work which another request left behind has.
func leftBehindLock(g *ground.Ground) {
	var lock sync.Mutex
	taken := make(chan struct{})
	w := g.Begin(context.Background(), "duty.LeftLock.first")
	go flushes(&lock, taken)
	<-taken
	w.End()
	next := g.Begin(context.Background(), "duty.LeftLock").Alone()
	next.In("lock", lock.Lock)
	lock.Unlock()
	next.End()
	next.Path("lock", "schedWait")
	next.Verdict(`waiting for a mutex held by a goroutine without a span \(main.flushes\), which was asleep`)
}

func flushes(lock *sync.Mutex, taken chan<- struct{}) {
	lock.Lock()
	close(taken)
	time.Sleep(8 * ms)
	lock.Unlock()
}

// afterResponse is a server whose handler calls another one after it has answered, over the one connection that there is; the next request waits for it.
func afterResponse(g *ground.Ground) {
	backend := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/audit" {
			time.Sleep(9 * ms)
		}
		io.WriteString(out, "ok")
	}))
	defer backend.Close()
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	recorder.Check(ground.Get(context.Background(), client, backend.URL))
	audited := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		w := g.Begin(context.Background(), "duty.AfterResponse.first")
		sent := make(chan struct{})
		go audits(client, backend.URL, sent, audited)
		<-sent
		io.WriteString(out, "ok")
		w.End()
	}))
	defer front.Close()
	recorder.Check(ground.Get(context.Background(), http.DefaultClient, front.URL))
	time.Sleep(ms)
	w := g.Begin(context.Background(), "duty.AfterResponse").Alone()
	w.In("network", func() { recorder.Check(ground.Get(w.Ctx, client, backend.URL)) })
	w.End()
	w.Path("network", "chan", "schedWait", "exec", "syscall", "sleep")
	w.Verdict(`waiting on a channel served by a goroutine without a span \(main.audits\), which was waiting for the network`)
	<-audited
	http.DefaultClient.CloseIdleConnections()
}

func audits(client *http.Client, url string, sent, audited chan<- struct{}) {
	defer close(audited)
	close(sent)
	recorder.Check(ground.Get(context.Background(), client, url+"/audit"))
}

// shortWorker waits for a worker that another request, which is still at it, had started, and which ends with the last job.
func shortWorker(g *ground.Ground) {
	jobs := make(chan job)
	first := g.Begun("duty.ShortWorker.first", func(w *ground.Work, ready func()) {
		go serves(jobs)
		does(jobs, ms)
		ready()
		w.In("sleep", func() { time.Sleep(14 * ms) })
		w.End()
		w.PathAtLeast(13*ms, "sleep")
	})
	w := g.Begin(context.Background(), "duty.ShortWorker").Alone()
	w.In("chan", func() { does(jobs, 6*ms) })
	close(jobs)
	w.End()
	w.Path("chan", "schedWait")
	w.Verdict(`waiting on a channel served by a goroutine without a span \(main.serves\), which was on CPU`)
	ground.Ended(first)
}

// serves is a worker that tells nothing of whom it serves.
func serves(jobs <-chan job) {
	for one := range jobs {
		ground.Busy(one.takes)
		close(one.done)
	}
}

type job struct {
	takes time.Duration
	done  chan struct{}
}

// does has a worker do something, and waits for it.
func does(jobs chan<- job, takes time.Duration) {
	one := job{takes, make(chan struct{})}
	jobs <- one
	<-one.done
}

// outbox waits until a goroutine that looks every few milliseconds has written what is there to the disk.
func outbox(g *ground.Ground) {
	file, err := os.CreateTemp("", "outbox")
	recorder.Check(err)
	defer os.Remove(file.Name())
	var mu sync.Mutex
	var pending []chan struct{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go polls(file, &mu, &pending, stop, stopped)
	time.Sleep(ms)
	w := g.Begin(context.Background(), "duty.Outbox").Alone()
	written := make(chan struct{})
	mu.Lock()
	pending = append(pending, written)
	mu.Unlock()
	w.In("sleep", func() { <-written })
	w.End()
	w.Path("sleep", "syscall", "chan", "schedWait")
	w.Verdict(`(waiting for|served by) a goroutine without a span \(main.polls\)`)
	close(stop)
	<-stopped
}

func polls(file *os.File, mu *sync.Mutex, pending *[]chan struct{}, stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	ticker := time.NewTicker(6 * ms)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		mu.Lock()
		all := *pending
		*pending = nil
		mu.Unlock()
		if len(all) == 0 {
			continue
		}
		file.WriteString("entry\n")
		file.Sync()
		for _, one := range all {
			close(one)
		}
	}
}

// leftBehindBusy wants the one processor, which the work that another request left behind has.
func leftBehindBusy(g *ground.Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	done := make(chan struct{})
	first := g.Begin(context.Background(), "duty.LeftBusy.first")
	go writesLog(done)
	first.End()
	w := g.Begin(context.Background(), "duty.LeftBusy").Alone()
	// Now and then the scheduler takes who yields first.
	w.In("schedWait", func() {
		for begun := time.Now(); time.Since(begun) < ms; {
			runtime.Gosched()
		}
	})
	w.End()
	w.Path("schedWait", "exec")
	w.Verdict("ready to run, waiting for a processor while goroutines without a span ran")
	<-done
}
