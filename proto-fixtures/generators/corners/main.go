// Command corners records what a well-behaved service seldom does: it stands for the rare states and transitions.
//
// Waits of every reason, goroutines that are in a system call or asleep when the capture begins and when it ends, tasks
// that begin on one goroutine and end on another, regions and tasks longer than a generation, goroutines that end with
// open regions, coroutines (Go 1.23 on), stops of the world of several kinds, a change of GOMAXPROCS, and a CPU profile
// taken at the same time.
package main

import (
	"context"
	"flag"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"syscall"
	"time"

	"fixtures/recorder"
	"fixtures/tracer"
)

func main() {
	options := recorder.Flags("corners", 2300*time.Millisecond)
	profile := flag.Bool("profile", true, "take a CPU profile at the same time")
	collect := flag.Bool("collect", false, "wait for a garbage collection once; in the course of it runtime.GC yields thousands of times")
	rounds := flag.Int("rounds", 3, "how often everything is done")
	flag.Parse()
	spans, err := options.Tracer()
	recorder.Check(err)
	if *profile {
		recorder.Check(pprof.StartCPUProfile(io.Discard))
		defer pprof.StopCPUProfile()
	}
	c := &corners{spans: spans}
	releaseEarly := c.sleepers("before")
	time.Sleep(20 * time.Millisecond)
	err = options.Record(func() {
		ctx, whole := spans.Start(context.Background(), "corners.Whole", tracer.Internal)
		region := trace.StartRegion(ctx, "whole")
		step := options.Window / time.Duration(*rounds+1)
		for round := 0; round < *rounds; round++ {
			trace.Logf(ctx, "round", "%d", round)
			end := time.Now().Add(step)
			c.round(ctx)
			if round == 0 {
				if *collect {
					trace.WithRegion(ctx, "GC", runtime.GC)
				}
				releaseEarly()
			}
			time.Sleep(time.Until(end))
		}
		region.End()
		whole.End()
		releaseLate := c.sleepers("after")
		time.AfterFunc(2*options.Window, releaseLate)
	})
	recorder.Check(err)
	recorder.Check(options.Write(spans))
}

type corners struct {
	spans *tracer.Tracer
}

// sleepers starts goroutines that stay as they are until released: in a read of an empty pipe (a system call that the
// runtime knows nothing about), on a channel, on a lock, and for ever in a select without cases.
func (c *corners) sleepers(when string) (release func()) {
	var pipe [2]int
	recorder.Check(syscall.Pipe(pipe[:]))
	gate := make(chan struct{})
	var lock sync.Mutex
	lock.Lock()
	var ready sync.WaitGroup
	start := func(name string, wait func(context.Context)) {
		ready.Add(1)
		go func() {
			ctx, span := c.spans.Start(context.Background(), name, tracer.Internal, tracer.Attribute{Key: "corner", Value: when})
			defer span.End()
			defer trace.StartRegion(ctx, "sleep "+when).End()
			ready.Done()
			wait(ctx)
		}()
	}
	start("corners.PipeRead", func(context.Context) { syscall.Read(pipe[0], make([]byte, 1)) })
	start("corners.Receive", func(context.Context) { <-gate })
	start("corners.Lock", func(context.Context) { lock.Lock() })
	start("corners.Forever", func(context.Context) { select {} })
	ready.Wait()
	return func() {
		syscall.Write(pipe[1], []byte{1})
		close(gate)
		lock.Unlock()
	}
}

// round goes through all corners once.
func (c *corners) round(ctx context.Context) {
	c.waits(ctx)
	c.handOver(ctx)
	c.exits(ctx)
	c.texts(ctx)
	c.stops(ctx)
	c.coroutines(ctx)
	c.crowd(ctx)
}

// waits blocks once for each reason.
func (c *corners) waits(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Waits", tracer.Internal)
	defer span.End()
	in := func(name string, do func()) { trace.WithRegion(ctx, name, do) }
	const pause = 2 * time.Millisecond
	in("sleep", func() { time.Sleep(pause) })
	in("chan receive", func() {
		values := make(chan int)
		go func() { time.Sleep(pause); values <- 1 }()
		<-values
	})
	in("chan send", func() {
		values := make(chan int)
		go func() { time.Sleep(pause); <-values }()
		values <- 1
	})
	in("select", func() {
		select {
		case <-make(chan int):
		case <-time.After(pause):
		}
	})
	in("mutex", func() {
		var lock sync.Mutex
		lock.Lock()
		time.AfterFunc(pause, lock.Unlock)
		lock.Lock()
	})
	in("read lock", func() {
		var lock sync.RWMutex
		lock.Lock()
		time.AfterFunc(pause, lock.Unlock)
		lock.RLock()
	})
	in("wait group", func() {
		var group sync.WaitGroup
		group.Add(1)
		time.AfterFunc(pause, group.Done)
		group.Wait()
	})
	in("condition", func() {
		var lock sync.Mutex
		condition := sync.NewCond(&lock)
		time.AfterFunc(pause, condition.Broadcast)
		lock.Lock()
		condition.Wait()
		lock.Unlock()
	})
	in("once", func() {
		var once sync.Once
		entered := make(chan struct{})
		go once.Do(func() { close(entered); time.Sleep(pause) })
		<-entered
		once.Do(func() {})
	})
	in("blocking syscall", func() {
		pause := syscall.NsecToTimespec(int64(15 * time.Millisecond))
		syscall.Nanosleep(&pause, nil)
	})
	in("short syscalls", func() {
		for i := 0; i < 5; i++ {
			syscall.Getpid()
			syscall.Write(-1, nil)
		}
	})
	in("yield", func() {
		for i := 0; i < 5; i++ {
			runtime.Gosched()
		}
	})
}

// handOver begins a task on one goroutine, works for it on a second, and ends it on a third.
func (c *corners) handOver(ctx context.Context) {
	done := make(chan struct{})
	job, span := c.spans.Start(ctx, "corners.HandOver", tracer.Producer)
	go func() {
		trace.WithRegion(job, "second", func() { spin(300 * time.Microsecond) })
		trace.Log(job, "goroutine", "second")
		// Spawned within a region: Go's reader lets it inherit the task by a region without a name.
		region := trace.StartRegion(job, "spawn")
		go func() {
			spin(200 * time.Microsecond)
			span.End()
			close(done)
		}()
		region.End()
	}()
	<-done
}

// exits ends goroutines in the three ways, with regions still open.
func (c *corners) exits(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Exits", tracer.Internal)
	defer span.End()
	var all sync.WaitGroup
	exit := func(name string, leave func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			defer func() { _ = recover() }()
			trace.StartRegion(ctx, "open at "+name)
			trace.StartRegion(ctx, "nested, open at "+name)
			leave()
		}()
	}
	exit("return", func() {})
	exit("Goexit", runtime.Goexit)
	exit("panic", func() { panic("corner") })
	all.Wait()
}

// texts logs what is hard to print, and nests regions deeply.
func (c *corners) texts(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Texts", tracer.Internal)
	defer span.End()
	trace.Log(ctx, "", "")
	trace.Log(ctx, "control", "\x1b[31mred\x00\r\n\t\"quoted\" \\ back")
	trace.Log(ctx, "no UTF-8", "\xff\xfe")
	trace.Log(ctx, "scripts", "naïve 時間 🕰")
	trace.Log(ctx, "longer than the runtime keeps", strings.Repeat("0123456789", 150))
	var nest func(depth int)
	nest = func(depth int) {
		if depth > 0 {
			trace.WithRegion(ctx, "nest", func() { nest(depth - 1) })
		}
	}
	nest(24)
	// A task without a name, and one without a parent's context; neither is a span's.
	_, unnamed := trace.NewTask(ctx, "")
	unnamed.End()
	_, plain := trace.NewTask(context.Background(), "no ids here")
	plain.End()
}

// stops stops the world for several reasons.
func (c *corners) stops(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Stops", tracer.Internal)
	defer span.End()
	trace.WithRegion(ctx, "ReadMemStats", func() { runtime.ReadMemStats(&runtime.MemStats{}) })
	trace.WithRegion(ctx, "GOMAXPROCS", func() {
		before := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(before + 1)
		spin(100 * time.Microsecond)
		runtime.GOMAXPROCS(before)
	})
	trace.WithRegion(ctx, "goroutine profile", func() { pprof.Lookup("goroutine").WriteTo(io.Discard, 0) })
}

// crowd lets more goroutines want to run than there are processors; one is bound to its thread.
func (c *corners) crowd(ctx context.Context) {
	ctx, span := c.spans.Start(ctx, "corners.Crowd", tracer.Internal)
	defer span.End()
	var all sync.WaitGroup
	for i := 0; i < 12; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			if i == 0 {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
			}
			ctx, span := c.spans.Start(ctx, "corners.Crowd.member", tracer.Internal, tracer.Attribute{Key: "member", Value: i})
			defer span.End()
			trace.WithRegion(ctx, "spin", func() { spin(4 * time.Millisecond) })
		}(i)
	}
	trace.WithRegion(ctx, "all", all.Wait)
}

// spin keeps a processor busy.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
