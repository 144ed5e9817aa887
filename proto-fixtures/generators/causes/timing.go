package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// cancelled waits three goroutines deep for something that another task cancels.
func cancelled(g *ground.Ground) {
	ctx, cancel := context.WithCancel(context.Background())
	other := g.Begun("cause.Cancelled.by", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(7 * ms) })
		cancel()
		w.End()
		w.Path("sleep", "schedWait")
	})
	w := g.Begin(context.Background(), "cause.Cancelled")
	w.To("chan")
	middle := make(chan struct{})
	go func() {
		defer close(middle)
		inner := make(chan struct{})
		go func() {
			defer close(inner)
			below, stop := context.WithTimeout(ctx, time.Minute)
			defer stop()
			<-below.Done()
		}()
		<-inner
	}()
	<-middle
	w.To("exec")
	w.End()
	w.Path("chan", "schedWait")
	w.Blame("chan", "cause.Cancelled.by", "sleep", "")
	w.Verdict("waiting on a channel served by cause.Cancelled.by, which was asleep")
	ground.Ended(other)
}

// debounced waits for a batch that a timer's function writes, which takes longer than the timer.
func debounced(g *ground.Ground) {
	written := make(chan struct{})
	time.AfterFunc(2*ms, func() { flushBatch(written) })
	var all []<-chan struct{}
	for i := 0; i < 2; i++ {
		all = append(all, g.Begun("cause.Debounced", func(w *ground.Work, ready func()) {
			ready()
			w.Alone().In("chan", func() { <-written })
			w.End()
			w.Path("chan", "schedWait")
			w.Verdict("waiting on a channel served by a goroutine without a span")
		}))
	}
	ground.Ended(all...)
}

func flushBatch(written chan<- struct{}) {
	ground.Busy(8 * ms)
	close(written)
}

// pipeline reads what two goroutines of its own pass through pipes; the first of them is slow.
func pipeline(g *ground.Ground) {
	w := g.Begin(context.Background(), "cause.Pipeline")
	w.To("sleep")
	raw, in := io.Pipe()
	packed, out := io.Pipe()
	go func() {
		for i := 0; i < 4; i++ {
			time.Sleep(2 * ms)
			in.Write(bytes.Repeat([]byte{byte(i)}, 512))
		}
		in.Close()
	}()
	go func() {
		zip := gzip.NewWriter(out)
		io.Copy(zip, raw)
		zip.Close()
		out.Close()
	}()
	io.Copy(io.Discard, packed)
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait", "exec")
	w.PathAtLeast(8*ms, "sleep")
	w.Verdict("sleeping")
}

// namedPipe opens a named pipe, which blocks until the other side opens it, and reads from it.
func namedPipe(g *ground.Ground) {
	folder, err := os.MkdirTemp("", "causes")
	recorder.Check(err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "pipe")
	recorder.Check(syscall.Mkfifo(path, 0o600))
	writer := g.Begun("cause.NamedPipe.writer", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(4 * ms) })
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		recorder.Check(err)
		w.In("sleep", func() { time.Sleep(6 * ms) })
		file.Write([]byte("x"))
		file.Close()
		w.End()
		w.Path("sleep", "schedWait")
	})
	w := g.Begin(context.Background(), "cause.NamedPipe").Alone()
	var file *os.File
	w.In("syscall", func() {
		file, err = os.OpenFile(path, os.O_RDONLY, 0)
		recorder.Check(err)
	})
	w.In("network", func() { io.ReadAll(file) })
	file.Close()
	w.End()
	w.PathAtLeast(5*ms, "network")
	if !handedOff {
		w.PathAtLeast(3*ms, "syscall")
		w.Verdict("waiting for a pipe; .*in system calls")
	}
	ground.Ended(writer)
}

// hogged wants the one processor, which a goroutine without a task keeps.
func hogged(g *ground.Ground) {
	defer oneProcessor()()
	w := g.Begin(context.Background(), "cause.Hogged")
	done := make(chan struct{})
	go hogs(done)
	for i := 0; i < 3; i++ {
		w.In("schedWait", runtime.Gosched)
		ground.Busy(ms / 2)
	}
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep")
	w.Verdict("ready to run, waiting for a processor")
	<-done
}

func hogs(done chan<- struct{}) {
	ground.Busy(25 * ms)
	close(done)
}

// stragglers waits for the slowest of three helpers, in each of two rounds for another.
func stragglers(g *ground.Ground) {
	w := g.Begin(context.Background(), "cause.Stragglers")
	w.To("sleep")
	for round := 0; round < 2; round++ {
		var all sync.WaitGroup
		for i := 0; i < 3; i++ {
			d := ms
			if i == round*2 {
				d = 5 * ms
			}
			all.Add(1)
			go func() {
				defer all.Done()
				time.Sleep(d)
			}()
		}
		all.Wait()
	}
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait", "exec")
	w.PathAtLeast(10*ms, "sleep")
	w.Path("lock")
	w.Verdict("sleeping")
}

// tokens waits for its turn: a goroutine without a task hands out a token every three milliseconds.
func tokens(g *ground.Ground) {
	handed, stop := make(chan struct{}), make(chan struct{})
	go dispenses(handed, stop)
	<-handed
	var all []<-chan struct{}
	for i := 0; i < 3; i++ {
		all = append(all, g.Begun("cause.Tokens", func(w *ground.Work, ready func()) {
			ready()
			w.Alone().In("sleep", func() { <-handed })
			w.End()
			w.Path("sleep", "schedWait")
			w.Verdict(`waiting for a goroutine without a span \(main.dispenses\)`)
		}))
		time.Sleep(ms / 10)
	}
	ground.Ended(all...)
	close(stop)
}

func dispenses(handed chan<- struct{}, stop <-chan struct{}) {
	ticker := time.NewTicker(3 * ms)
	defer ticker.Stop()
	for range ticker.C {
		select {
		case handed <- struct{}{}:
		case <-stop:
			return
		}
	}
}

// tryLock spins for a lock that another task has.
func tryLock(g *ground.Ground) {
	var lock sync.Mutex
	holder := g.Begun("cause.TryLock.holder", func(w *ground.Work, ready func()) {
		lock.Lock()
		ready()
		w.In("sleep", func() { time.Sleep(5 * ms) })
		lock.Unlock()
		w.End()
		w.Path("sleep", "schedWait")
	})
	w := g.Begin(context.Background(), "cause.TryLock").Alone()
	for !lock.TryLock() {
		ground.Busy(ms / 100)
	}
	lock.Unlock()
	w.End()
	w.Path("exec", "schedWait")
	w.Path("lock")
	w.Verdict("on CPU")
	ground.Ended(holder)
}

// afterContext waits for a function that runs once a context's deadline is over.
func afterContext(g *ground.Ground) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*ms)
	defer cancel()
	called := make(chan struct{})
	context.AfterFunc(ctx, func() { close(called) })
	w := g.Begin(context.Background(), "cause.AfterContext").Alone()
	w.In("sleep", func() { <-called })
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("waiting for a timer or deadline")
}

// childOutput reads what another program writes late.
func childOutput(g *ground.Ground) {
	command := exec.Command("/bin/sh", "-c", "sleep 0.008; echo done")
	out, err := command.StdoutPipe()
	recorder.Check(err)
	recorder.Check(command.Start())
	w := g.Begin(context.Background(), "cause.ChildOutput").Alone()
	w.In("network", func() { io.ReadAll(out) })
	w.End()
	w.Path("network", "schedWait")
	w.Verdict("waiting for a pipe")
	recorder.Check(command.Wait())
}

// polling looks every half millisecond whether another task is done.
func polling(g *ground.Ground) {
	var done atomic.Bool
	other := g.Begun("cause.Polling.other", func(w *ground.Work, ready func()) {
		ready()
		w.In("exec", func() { ground.Busy(8 * ms) })
		done.Store(true)
		w.End()
		w.Path("exec", "schedWait")
	})
	w := g.Begin(context.Background(), "cause.Polling").Alone()
	w.In("sleep", func() {
		for !done.Load() {
			select {
			case <-time.After(ms / 2):
			}
		}
	})
	w.End()
	w.Path("sleep", "schedWait", "exec")
	w.Verdict("waiting for a timer or deadline")
	ground.Ended(other)
}

// refreshed is given an old value at once, and waits for the refresh that another task, which is over, had begun.
func refreshed(g *ground.Ground) {
	fresh := make(chan struct{})
	first := g.Begin(context.Background(), "cause.Refreshed.first")
	go refreshes(fresh)
	first.In("sleep", func() { time.Sleep(ms) })
	first.End()
	w := g.Begin(context.Background(), "cause.Refreshed").Alone()
	w.In("syscall", func() { <-fresh })
	w.End()
	w.Verdict(`waiting for a goroutine without a span \(main.refreshes\), which was in system calls|served by a goroutine without a span \(main.refreshes\)`)
}

func refreshes(fresh chan<- struct{}) {
	ground.Nanosleep(9 * ms)
	close(fresh)
}

// barrierOfLocks goes through locks that three tasks hold in turn, each for another's sake.
func barrierOfLocks(g *ground.Ground) {
	var one, two sync.Mutex
	first := g.Begun("cause.Locks.first", func(w *ground.Work, ready func()) {
		one.Lock()
		ready()
		w.In("sleep", func() { time.Sleep(8 * ms) })
		one.Unlock()
		w.End()
		w.Path("sleep", "schedWait")
	})
	second := g.Begun("cause.Locks.second", func(w *ground.Work, ready func()) {
		two.Lock()
		ready()
		w.In("lock", func() { one.Lock() })
		one.Unlock()
		two.Unlock()
		w.End()
		w.Path("lock", "schedWait")
		w.Blame("lock", "cause.Locks.first", "sleep", "mutex")
		w.Verdict("waiting for a mutex held by cause.Locks.first, which was asleep")
	})
	w := g.Begin(context.Background(), "cause.Locks").Alone()
	w.In("lock", func() { two.Lock() })
	two.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Blame("lock", "cause.Locks.second", "lock", "mutex")
	w.Verdict("waiting for a mutex held by cause.Locks.second, which was waiting for a lock itself")
	ground.Ended(first, second)
}
