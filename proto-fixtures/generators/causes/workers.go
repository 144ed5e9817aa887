package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/ground"
)

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

// workerStartedInside waits for a worker that another request, which is still at it, had started.
func workerStartedInside(g *ground.Ground) {
	jobs := make(chan job)
	first := g.Begun("cause.StartedInside.first", func(w *ground.Work, ready func()) {
		go serves(jobs)
		does(jobs, ms)
		ready()
		w.In("sleep", func() { time.Sleep(14 * ms) })
		w.End()
		w.Path("sleep", "schedWait")
	})
	w := g.Begin(context.Background(), "cause.StartedInside").Alone()
	w.In("chan", func() { does(jobs, 6*ms) })
	w.End()
	w.Path("chan", "schedWait")
	w.BlameNobody("chan", "main.serves", "exec", "")
	w.Verdict(`waiting on a channel served by a goroutine without a span \(main.serves\), which was on CPU`)
	// The worker stays for whoever comes.
	ground.Ended(first)
}

// scannedWorker hands its task to a worker that says so once and works on while the collector scans its stack.
func scannedWorker(g *ground.Ground) {
	handed, done := make(chan *ground.Work), make(chan struct{})
	go func() {
		for w := range handed {
			w.To("exec")
			trace.WithRegion(w.Ctx, "take up", func() { ground.Busy(ms) })
			ground.Busy(10 * ms)
			done <- struct{}{}
		}
	}()
	w := g.Begin(context.Background(), "cause.Scanned")
	handed <- w
	// Not runtime.GC: it yields thousands of times when the sweeper has no processor.
	before := debug.SetGCPercent(1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				garbage = make([]byte, 1<<20)
				time.Sleep(ms / 10)
			}
		}
	}()
	<-done
	w.End()
	w.Path("exec", "schedWait", "gcWait")
	w.Path("chan")
	close(stop)
	<-stopped
	debug.SetGCPercent(before)
	close(handed)
}

var garbage []byte

// queued lies in a queue, while the one worker does what came before. Whoever queued the last then waits for the worker.
func queued(g *ground.Ground) {
	jobs, done := make(chan *ground.Work, 8), make(chan struct{})
	go takesUp(jobs, done)
	for i := 0; i < 3; i++ {
		w := g.Begin(context.Background(), "cause.Queued")
		w.To("chan")
		if i > 0 {
			w.Path("other")
			w.Verdict("(in a queue behind|on a channel served by|on a channel, held up by) another cause.Queued, which was on CPU")
		}
		jobs <- w
	}
	close(jobs)
	<-done
}

// takesUp does one job after another, for four milliseconds each.
func takesUp(jobs <-chan *ground.Work, done chan<- struct{}) {
	defer close(done)
	for w := range jobs {
		w.To("exec")
		region := trace.StartRegion(w.Ctx, "job")
		ground.Busy(4 * ms)
		region.End()
		w.End()
		w.Path("exec", "schedWait")
		w.Path("chan")
	}
}

// batched jobs lie below the task in which their worker was started.
func batched(g *ground.Ground) {
	batch := g.Begin(context.Background(), "cause.Batch")
	batch.To("exec")
	jobs, done := make(chan *ground.Work, 8), make(chan struct{})
	go works(jobs, done)
	for i := 0; i < 4; i++ {
		w := g.Begin(batch.Ctx, "cause.Batched")
		w.To("chan")
		if i > 0 {
			w.Path("other")
			w.Verdict("(in a queue behind|on a channel, held up by) another cause.Batched, which was asleep")
		}
		jobs <- w
	}
	close(jobs)
	<-done
	batch.End()
	batch.Path("exec", "sleep", "schedWait")
	batch.Path("chan")
	batch.Verdict("sleeping")
}

// works at one job after another, in two steps of each: it is busy for two milliseconds and asleep for four, and says nothing in between.
func works(jobs <-chan *ground.Work, done chan<- struct{}) {
	defer close(done)
	for w := range jobs {
		w.To("exec")
		region := trace.StartRegion(w.Ctx, "job")
		ground.Busy(2 * ms)
		w.To("sleep")
		time.Sleep(4 * ms)
		region.End()
		w.End()
		w.Path("exec", "sleep", "schedWait")
		w.Path("chan")
	}
}

// stolenJob lies in the queue of a worker that is busy, until another steals it.
func stolenJob(g *ground.Ground) {
	type queue struct {
		mu   sync.Mutex
		jobs []func()
	}
	queues := [2]*queue{{}, {}}
	take := func(i int) func() {
		for _, q := range []*queue{queues[i], queues[1-i]} {
			q.mu.Lock()
			if n := len(q.jobs); n > 0 {
				one := q.jobs[0]
				q.jobs = q.jobs[1:]
				q.mu.Unlock()
				return one
			}
			q.mu.Unlock()
		}
		return nil
	}
	add := func(do func()) {
		queues[0].mu.Lock()
		queues[0].jobs = append(queues[0].jobs, do)
		queues[0].mu.Unlock()
	}
	stolen, gate := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for i := range queues {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			<-gate
			time.Sleep(time.Duration(i) * 2 * ms)
			for do := take(i); do != nil; do = take(i) {
				do()
			}
		}()
	}
	add(func() {
		long := g.Begin(context.Background(), "cause.Stolen.long")
		long.In("sleep", func() { time.Sleep(10 * ms) })
		long.End()
		long.Path("sleep", "schedWait")
	})
	time.Sleep(ms)
	close(gate)
	w := g.Begin(context.Background(), "cause.Stolen")
	add(func() {
		region := trace.StartRegion(w.Ctx, "stolen")
		w.In("exec", func() { ground.Busy(3 * ms) })
		region.End()
		close(stolen)
	})
	w.To("chan")
	<-stolen
	w.To("exec")
	w.End()
	w.PathAtLeast(3*ms, "exec")
	all.Wait()
}

// boundedQueue cannot add to a full queue, which a goroutine without a task empties slowly: a condition and a mutex.
func boundedQueue(g *ground.Ground) {
	var mu sync.Mutex
	room, filled := sync.NewCond(&mu), sync.NewCond(&mu)
	queue := []int{1}
	const most = 1
	finished := make(chan struct{})
	go drains(&mu, room, filled, &queue, finished)
	w := g.Begin(context.Background(), "cause.BoundedQueue").Alone()
	w.In("sleep", func() {
		mu.Lock()
		for len(queue) >= most {
			room.Wait()
		}
		queue = append(queue, 2)
		mu.Unlock()
	})
	w.End()
	w.Path("sleep", "schedWait")
	w.BlameNobody("sleep", "main.drains", "sleep", "cond")
	w.Verdict(`waiting for a goroutine without a span \(main.drains\), which was asleep`)
	filled.Signal()
	<-finished
}

func drains(mu *sync.Mutex, room, filled *sync.Cond, queue *[]int, finished chan<- struct{}) {
	defer close(finished)
	for i := 0; i < 2; i++ {
		time.Sleep(7 * ms)
		mu.Lock()
		for len(*queue) == 0 {
			filled.Wait()
		}
		*queue = (*queue)[1:]
		mu.Unlock()
		room.Signal()
	}
}

// actors asks one goroutine that asks another, which is asleep; neither has a task.
func actors(g *ground.Ground) {
	inner, outer := make(chan chan struct{}), make(chan chan struct{})
	go lastActor(inner)
	go firstActor(outer, inner)
	w := g.Begin(context.Background(), "cause.Actors").Alone()
	w.In("sleep", func() {
		answer := make(chan struct{})
		outer <- answer
		<-answer
	})
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict(`waiting for a goroutine without a span \(main.(first|last)Actor\)`)
	close(outer)
	close(inner)
}

func firstActor(asked <-chan chan struct{}, inner chan<- chan struct{}) {
	for answer := range asked {
		told := make(chan struct{})
		inner <- told
		<-told
		close(answer)
	}
}

func lastActor(asked <-chan chan struct{}) {
	for answer := range asked {
		time.Sleep(7 * ms)
		close(answer)
	}
}

// leaked waits for a goroutine that a task which is over has left behind.
func leaked(g *ground.Ground) {
	values := make(chan int)
	first := g.Begin(context.Background(), "cause.Leaked.first")
	go leftBehind(values)
	first.In("chan", func() { <-values })
	first.End()
	w := g.Begin(context.Background(), "cause.Leaked").Alone()
	w.In("sleep", func() { <-values })
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict(`waiting for a goroutine without a span \(main.leftBehind\), which was asleep`)
}

func leftBehind(values chan<- int) {
	for i := 0; i < 2; i++ {
		values <- i
		time.Sleep(6 * ms)
	}
}

// pingPong hands a value to and fro with a goroutine without a task, which takes its time each time.
func pingPong(g *ground.Ground) {
	ping, pong := make(chan int), make(chan int)
	go returns(ping, pong)
	w := g.Begin(context.Background(), "cause.PingPong").Alone()
	w.In("chan", func() {
		for i := 0; i < 60; i++ {
			ping <- i
			<-pong
		}
	})
	w.End()
	w.Path("chan", "schedWait", "exec")
	w.Verdict(`waiting on a channel served by a goroutine without a span \(main.returns\)|ready to run, waiting for a processor`)
	close(ping)
}

func returns(ping <-chan int, pong chan<- int) {
	for i := range ping {
		ground.Busy(ms / 10)
		pong <- i
	}
}

// lockedThread has a goroutine that is locked to its thread do something.
func lockedThread(g *ground.Ground) {
	jobs := make(chan job)
	go locked(jobs)
	w := g.Begin(context.Background(), "cause.LockedThread").Alone()
	w.In("chan", func() { does(jobs, 5*ms) })
	w.End()
	w.Path("chan", "schedWait")
	w.BlameNobody("chan", "main.locked", "exec", "")
	close(jobs)
}

func locked(jobs <-chan job) {
	runtime.LockOSThread()
	serves(jobs)
}

// leader does the work for its followers, who wait until it is done.
func leader(g *ground.Ground) {
	done := make(chan struct{})
	first := g.Begun("cause.Leader", func(w *ground.Work, ready func()) {
		ready()
		w.In("exec", func() { ground.Busy(6 * ms) })
		close(done)
		w.In("sleep", func() { time.Sleep(ms) })
		w.End()
		w.Path("exec", "schedWait")
	})
	var all []<-chan struct{}
	for i := 0; i < 3; i++ {
		all = append(all, g.Begun("cause.Leader.follower", func(w *ground.Work, ready func()) {
			ready()
			w.Alone().In("chan", func() { <-done })
			w.End()
			w.Path("chan", "schedWait")
			w.Blame("chan", "cause.Leader", "exec", "")
			w.Verdict("waiting on a channel served by cause.Leader, which was on CPU")
		}))
	}
	ground.Ended(append(all, first)...)
}
