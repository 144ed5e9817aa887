package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// rateLimited waits for its turn by a timer, as golang.org/x/time/rate does.
func rateLimited(g *ground.Ground) {
	var mu sync.Mutex
	next := time.Now()
	each(g, "duty.RateLimited", 3, func(w *ground.Work) {
		mu.Lock()
		next = next.Add(4 * ms)
		turn := next
		mu.Unlock()
		w.Alone().In("sleep", func() {
			timer := time.NewTimer(time.Until(turn))
			select {
			case <-timer.C:
			case <-w.Ctx.Done():
			}
		})
		w.End()
		w.Path("sleep", "schedWait", "exec", "lock")
		w.Verdict("waiting for a timer or deadline")
	})
}

var live, garbage []byte

// smallHeap allocates a lot where the collector has to run all the time.
func smallHeap(g *ground.Ground) {
	live = make([]byte, 24<<20)
	table := make([]*[64]byte, 60_000)
	for i := range table {
		table[i] = new([64]byte)
	}
	before := debug.SetGCPercent(10)
	w := g.Begin(context.Background(), "duty.SmallHeap").Alone()
	for i := 0; i < 40; i++ {
		garbage = make([]byte, 256<<10)
		table[i] = new([64]byte)
	}
	w.End()
	w.Path("network")
	w.Path("chan")
	w.Verdict("GC assist")
	debug.SetGCPercent(before)
	runtime.KeepAlive(table)
	live = nil
}

// synced writes to a file and waits until it is on the disk.
func synced(g *ground.Ground) {
	file, err := os.CreateTemp("", "synced")
	recorder.Check(err)
	defer os.Remove(file.Name())
	block := make([]byte, 1<<20)
	w := g.Begin(context.Background(), "duty.Synced").Alone()
	w.In("syscall", func() {
		for i := 0; i < 4; i++ {
			file.Write(block)
			file.Sync()
		}
	})
	w.End()
	w.Path("syscall", "schedWait", "exec")
	if !handedOff {
		w.Verdict("in system calls")
	}
}

// child runs another program and takes what it writes.
func child(g *ground.Ground) {
	w := g.Begin(context.Background(), "duty.Child")
	w.In("syscall", func() {
		_, err := exec.Command("/bin/sh", "-c", "echo begun; exec >&-; sleep 0.012").Output()
		recorder.Check(err)
	})
	w.End()
	w.PathAtLeast(6*ms, "syscall")
	if !handedOff {
		w.Verdict("waiting for another process")
	}
}

// stages passes items through three goroutines of its own, the second of which is slow.
func stages(g *ground.Ground) {
	w := g.Begin(context.Background(), "duty.Stages")
	w.To("exec")
	stage := func(in <-chan int, d time.Duration) <-chan int {
		out := make(chan int, 1)
		go func() {
			defer close(out)
			for i := range in {
				ground.Busy(d)
				out <- i
			}
		}()
		return out
	}
	source := make(chan int)
	go func() {
		defer close(source)
		for i := 0; i < 6; i++ {
			source <- i
		}
	}()
	for range stage(stage(stage(source, ms/10), 2*ms), ms/10) {
	}
	w.End()
	w.Path("exec", "schedWait")
	w.Verdict("% on CPU|ready to run, waiting for a processor while its own goroutines ran")
}

// yielding spins until another task is done, and lets others run meanwhile.
func yielding(g *ground.Ground) {
	var done atomic.Bool
	other := g.Begun("duty.Yielding.other", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(5 * ms) })
		done.Store(true)
		w.End()
		w.Path("sleep", "schedWait")
	})
	w := g.Begin(context.Background(), "duty.Yielding").Alone()
	for !done.Load() {
		ground.Busy(ms / 50)
		runtime.Gosched()
	}
	w.End()
	w.Path("exec", "schedWait")
	w.Verdict("^[0-9.]+ ms: [0-9]+ % on CPU")
	ground.Ended(other)
}

// lockedThread makes system calls on a thread of its own.
func lockedThread(g *ground.Ground) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		w := g.Begin(context.Background(), "duty.LockedThread").Alone()
		w.In("syscall", func() {
			for i := 0; i < 3; i++ {
				ground.Nanosleep(2 * ms)
			}
		})
		w.End()
		w.Path("syscall", "schedWait", "exec")
		if !handedOff {
			w.Verdict("in system calls")
		}
	}()
	<-done
}

// memoryReturned gives memory back to the system, for which the collector has to run.
func memoryReturned(g *ground.Ground) {
	table := make([]*[64]byte, 30_000)
	for i := range table {
		table[i] = new([64]byte)
	}
	w := g.Begin(context.Background(), "duty.MemoryReturned").Alone()
	debug.FreeOSMemory()
	w.End()
	w.Path("network")
	w.Path("lock")
	w.Verdict("^[0-9.]+ ms: [0-9]+ % on CPU|(ms: |; )[0-9]+ % waiting for the garbage collector")
	runtime.KeepAlive(table)
}

// statsOfOther works while a goroutine of nobody reads the statistics of memory again and again, which stops the world.
func statsOfOther(g *ground.Ground) {
	stop, stopped, reading := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go readsStats(reading, stop, stopped)
	<-reading
	w := g.Begin(context.Background(), "duty.StatsOfOther").Alone()
	w.In("exec", func() { ground.Busy(8 * ms) })
	w.End()
	w.Path("exec", "schedWait", "gcWait")
	if !handedOff {
		w.Verdict("with the world stopped \\(read mem stats\\)")
	}
	close(stop)
	<-stopped
}

func readsStats(reading chan<- struct{}, stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	close(reading)
	var stats runtime.MemStats
	for {
		select {
		case <-stop:
			return
		default:
			runtime.ReadMemStats(&stats)
			ground.Busy(ms / 50)
		}
	}
}

// invertedPriority waits for a lock whose holder has no processor.
func invertedPriority(g *ground.Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	var lock sync.Mutex
	stop := make(chan struct{})
	var all []<-chan struct{}
	holder := g.Begun("duty.Inverted.holder", func(w *ground.Work, ready func()) {
		lock.Lock()
		ready()
		for i := 0; i < 3; i++ {
			w.In("exec", func() { ground.Busy(ms / 4) })
			w.In("schedWait", runtime.Gosched)
		}
		lock.Unlock()
		w.End()
		w.Path("exec", "schedWait")
	})
	for i := 0; i < 2; i++ {
		all = append(all, g.Begun("duty.Inverted.busy", func(w *ground.Work, ready func()) {
			ready()
			for {
				select {
				case <-stop:
					w.End()
					return
				default:
					ground.Busy(ms / 20)
				}
			}
		}))
	}
	w := g.Begin(context.Background(), "duty.Inverted").Alone()
	w.In("lock", lock.Lock)
	lock.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting for a mutex held by duty.Inverted.holder, which was waiting for a processor")
	close(stop)
	ground.Ended(append(all, holder)...)
}

// fullPipe writes to a pipe that another task reads late.
func fullPipe(g *ground.Ground) {
	out, in, err := os.Pipe()
	recorder.Check(err)
	reader := g.Begun("duty.FullPipe.reader", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(7 * ms) })
		block := make([]byte, 1<<20)
		for {
			if _, err := out.Read(block); err != nil {
				break
			}
		}
		w.End()
	})
	w := g.Begin(context.Background(), "duty.FullPipe").Alone()
	w.In("network", func() { in.Write(make([]byte, 256<<10)) })
	in.Close()
	w.End()
	w.Path("network", "schedWait", "exec", "syscall")
	w.Verdict("^[0-9.]+ ms: [0-9]+ % waiting for a pipe")
	ground.Ended(reader)
	out.Close()
}

// limitedGroup does eight things, two at a time.
func limitedGroup(g *ground.Ground) {
	w := g.Begin(context.Background(), "duty.LimitedGroup")
	w.To("sleep")
	limit := make(chan struct{}, 2)
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		limit <- struct{}{}
		all.Add(1)
		go func() {
			defer func() {
				<-limit
				all.Done()
			}()
			time.Sleep(2 * ms)
		}()
	}
	all.Wait()
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait", "exec", "chan")
	w.PathAtLeast(7*ms, "sleep")
	w.Verdict("sleeping")
}

// failingGroup does three things at once; the first that fails has the others give up.
func failingGroup(g *ground.Ground) {
	w := g.Begin(context.Background(), "duty.FailingGroup")
	w.To("sleep")
	ctx, cancel := context.WithCancel(w.Ctx)
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
			}
		}()
	}
	all.Add(1)
	go func() {
		defer all.Done()
		time.Sleep(7 * ms)
		cancel()
	}()
	all.Wait()
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait", "exec")
	w.Verdict("sleeping")
}
