package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"fixtures/ground"
	"fixtures/recorder"
)

// setLimit runs five jobs of one task, two at a time: Go waits for a slot that a job of the same task has.
func setLimit(g *ground.Ground) {
	w := g.Begin(context.Background(), "idiom.SetLimit")
	group, _ := errgroup.WithContext(w.Ctx)
	group.SetLimit(2)
	w.To("sleep")
	for i := 0; i < 5; i++ {
		group.Go(func() error {
			time.Sleep(3 * ms)
			return nil
		})
	}
	recorder.Check(group.Wait())
	w.End()
	w.Within("sleep")
	w.Path("chan")
	w.Path("lock")
	w.PathAtLeast(9*ms, "sleep")
}

// slowestOfMany collects the answers of six goroutines; the slowest keeps a processor busy, and the path leads over it.
func slowestOfMany(g *ground.Ground) {
	w := g.Begin(context.Background(), "idiom.SlowestOfMany")
	answers := make(chan int)
	w.To("sleep")
	for i := 1; i <= 6; i++ {
		i := i
		go func() {
			time.Sleep(time.Duration(i) * ms)
			if i == 6 {
				w.In("exec", func() { ground.Busy(4 * ms) })
			}
			answers <- i
		}()
	}
	for i := 0; i < 6; i++ {
		<-answers
	}
	w.End()
	w.Within("sleep")
	w.PathAtLeast(6*ms, "sleep")
	w.Path("chan")
}

// sharedCall waits for the call of another task that asked for the same before: singleflight's Do.
func sharedCall(g *ground.Ground) {
	var calls singleflight.Group
	first := g.Begun("idiom.SharedCall.first", func(w *ground.Work, ready func()) {
		w.In("syscall", func() {
			calls.Do("price", func() (any, error) { ready(); ground.Nanosleep(9 * ms); return 1, nil })
		})
		w.End()
		w.Within("syscall")
	})
	time.Sleep(2 * ms)
	var others []<-chan struct{}
	for i := 0; i < 3; i++ {
		others = append(others, g.Begun("idiom.SharedCall", func(w *ground.Work, ready func()) {
			ready()
			w.Alone().In("lock", func() { calls.Do("price", func() (any, error) { return 2, nil }) })
			w.End()
			w.Path("lock", "schedWait")
			w.Blame("lock", "idiom.SharedCall.first", "syscall", "waitGroup")
		}))
	}
	<-first
	for _, one := range others {
		<-one
	}
}

// sharedCallGivenUp waits for a call that another task had made on a goroutine of its own and gave up: singleflight's DoChan. The goroutine
// goes on for whoever still waits.
func sharedCallGivenUp(g *ground.Ground) {
	var calls singleflight.Group
	call := func() (any, error) { ground.Nanosleep(12 * ms); return 1, nil }
	first := g.Begun("idiom.GivenUp.first", func(w *ground.Work, ready func()) {
		given := calls.DoChan("price", call)
		ready()
		timeout := time.After(4 * ms)
		w.To("sleep")
		select {
		case <-given:
		case <-timeout:
		}
		w.End()
		w.Within("sleep")
		w.Path("chan")
	})
	time.Sleep(ms)
	w := g.Begin(context.Background(), "idiom.GivenUp").Alone()
	ofNobody(w, func() { <-calls.DoChan("price", call) })
	w.Path("sleep")
	<-first
}

// weightedSemaphore wants two of three units; the one that has two lets go first, the one that has one soon after.
func weightedSemaphore(g *ground.Ground) {
	units := semaphore.NewWeighted(3)
	has := func(name string, n int64, d time.Duration) <-chan struct{} {
		return g.Begun(name, func(w *ground.Work, ready func()) {
			recorder.Check(units.Acquire(w.Ctx, n))
			ready()
			w.In("sleep", func() { time.Sleep(d) })
			units.Release(n)
			w.End()
			w.Path("sleep", "schedWait")
		})
	}
	two, one := has("idiom.Semaphore.two", 2, 9*ms), has("idiom.Semaphore.one", 1, 14*ms)
	time.Sleep(ms)
	w := g.Begin(context.Background(), "idiom.Semaphore").Alone()
	w.In("chan", func() { recorder.Check(units.Acquire(w.Ctx, 2)) })
	units.Release(2)
	w.End()
	w.Path("chan", "schedWait")
	w.Path("sleep")
	w.Blame("chan", "idiom.Semaphore.two", "sleep", "")
	<-two
	<-one
}

// lastReader is a writer that waits for two readers: the one that reads longest holds it up.
func lastReader(g *ground.Ground) {
	var lock sync.RWMutex
	reads := func(name string, d time.Duration) <-chan struct{} {
		return g.Begun(name, func(w *ground.Work, ready func()) {
			lock.RLock()
			ready()
			w.In("sleep", func() { time.Sleep(d) })
			lock.RUnlock()
			w.End()
			w.Path("sleep", "schedWait")
		})
	}
	short, long := reads("idiom.LastReader.short", 4*ms), reads("idiom.LastReader.long", 11*ms)
	time.Sleep(ms)
	w := g.Begin(context.Background(), "idiom.LastReader").Alone()
	w.In("lock", lock.Lock)
	lock.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Path("sleep")
	w.Blame("lock", "idiom.LastReader.long", "sleep", "rwMutex")
	<-short
	<-long
}

// wokenForNothing waits for a condition that is told three times before it holds.
func wokenForNothing(g *ground.Ground) {
	var lock sync.Mutex
	changed := sync.NewCond(&lock)
	level := 0
	filler := g.Begun("idiom.WokenForNothing.filler", func(w *ground.Work, ready func()) {
		ready()
		for i := 0; i < 3; i++ {
			w.In("exec", func() { ground.Busy(4 * ms) })
			lock.Lock()
			level++
			lock.Unlock()
			changed.Broadcast()
		}
		w.End()
		w.Path("exec", "schedWait")
	})
	w := g.Begin(context.Background(), "idiom.WokenForNothing").Alone()
	w.In("lock", func() {
		lock.Lock()
		for level < 3 {
			changed.Wait()
		}
		lock.Unlock()
	})
	w.End()
	w.Within("lock")
	w.Path("sleep")
	w.Blame("lock", "idiom.WokenForNothing.filler", "exec", "cond")
	<-filler
}

// commits writes what several want to keep together: the first of them writes for all, the others wait for it.
type commits struct {
	mu      sync.Mutex
	leading bool
	waiting []chan struct{}
}

func (c *commits) commit(write func()) {
	c.mu.Lock()
	if c.leading {
		done := make(chan struct{})
		c.waiting = append(c.waiting, done)
		c.mu.Unlock()
		<-done
		return
	}
	c.leading = true
	c.mu.Unlock()
	write()
	c.mu.Lock()
	for _, done := range c.waiting {
		close(done)
	}
	c.waiting, c.leading = nil, false
	c.mu.Unlock()
}

// groupCommit waits for another task that writes for both.
func groupCommit(g *ground.Ground) {
	var log commits
	leader := g.Begun("idiom.GroupCommit.leader", func(w *ground.Work, ready func()) {
		w.In("syscall", func() { log.commit(func() { ready(); ground.Nanosleep(10 * ms) }) })
		w.End()
		w.Within("syscall")
	})
	time.Sleep(ms)
	var followers []<-chan struct{}
	for i := 0; i < 3; i++ {
		followers = append(followers, g.Begun("idiom.GroupCommit", func(w *ground.Work, ready func()) {
			ready()
			w.Alone().In("chan", func() { log.commit(nil) })
			w.End()
			w.Path("chan", "schedWait")
			w.Path("syscall")
			w.Blame("chan", "idiom.GroupCommit.leader", "syscall", "")
		}))
	}
	<-leader
	for _, one := range followers {
		<-one
	}
}

// sharedLog writes a line to a log while another task's line waits in a pipe that nobody reads.
func sharedLog(g *ground.Ground) {
	reader, writer, err := os.Pipe()
	recorder.Check(err)
	defer reader.Close()
	defer writer.Close()
	block := make([]byte, 64<<10)
	_, err = writer.Write(block)
	recorder.Check(err)
	lines := log.New(writer, "", 0)
	first := g.Begun("idiom.SharedLog.first", func(w *ground.Work, ready func()) {
		ready()
		w.In("network", func() { lines.Print("one") })
		w.End()
		w.Path("network", "schedWait")
	})
	time.Sleep(ms)
	second := g.Begun("idiom.SharedLog", func(w *ground.Work, ready func()) {
		ready()
		w.Alone().In("lock", func() { lines.Print("two") })
		w.End()
		w.Path("lock", "schedWait")
		w.Path("network")
		w.Blame("lock", "idiom.SharedLog.first", "network", "mutex")
	})
	time.Sleep(9 * ms)
	_, err = io.ReadFull(reader, block)
	recorder.Check(err)
	<-first
	<-second
}

// slowConsumer hands values to a goroutine of nobody that writes each to disk.
func slowConsumer(g *ground.Ground) {
	values := make(chan int)
	go func() {
		for range values {
			ground.Nanosleep(4 * ms)
		}
	}()
	w := g.Begin(context.Background(), "idiom.SlowConsumer").Alone()
	values <- 0
	ofNobody(w, func() {
		for i := 0; i < 3; i++ {
			values <- i
		}
	})
	w.Path("sleep")
	close(values)
}

// replies waits for a worker that tells nothing: first for another task's job, then for its own.
func replies(g *ground.Ground) {
	type request struct{ reply chan int }
	requests := make(chan request)
	go func() {
		for one := range requests {
			ground.Busy(5 * ms)
			one.reply <- 1
		}
	}()
	ask := func(w *ground.Work, ready func()) {
		ready()
		one := request{make(chan int, 1)}
		w.In("chan", func() {
			requests <- one
			<-one.reply
		})
		w.End()
		w.Within("chan")
		w.Path("sleep")
		w.Path("syscall")
	}
	first := g.Begun("idiom.Replies.first", ask)
	time.Sleep(ms)
	second := g.Begun("idiom.Replies", ask)
	<-first
	<-second
	close(requests)
}

// bus publishes to a goroutine of nobody that passes messages on to a worker, which says in a region for whom it works.
func bus(g *ground.Ground) {
	type message struct {
		of   *ground.Work
		done chan struct{}
	}
	published, subscribed := make(chan message), make(chan message)
	go func() {
		for one := range published {
			subscribed <- one
		}
		close(subscribed)
	}()
	go func() {
		for one := range subscribed {
			one.of.To("exec")
			one.of.Spin(2 * ms)
			one.of.In("sleep", func() { time.Sleep(6 * ms) })
			one.of.Spin(ms)
			one.of.To("schedWait")
			close(one.done)
		}
	}()
	time.Sleep(ms)
	w := g.Begin(context.Background(), "idiom.Bus")
	one := message{w, make(chan struct{})}
	w.To("schedWait")
	published <- one
	<-one.done
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "exec", "schedWait")
	w.PathAtLeast(6*ms, "sleep")
	w.Path("chan")
	close(published)
}

// batchLoader waits until a timer has the keys of all looked up together, by a function of nobody: the longer of the two is what was waited for.
func batchLoader(g *ground.Ground) {
	loaded := make(chan struct{})
	var fired time.Time
	time.AfterFunc(2*ms, func() {
		fired = time.Now()
		ground.Nanosleep(9 * ms)
		close(loaded)
	})
	var all []<-chan struct{}
	for i := 0; i < 2; i++ {
		all = append(all, g.Begun("idiom.BatchLoader", func(w *ground.Work, ready func()) {
			ready()
			asked := time.Now()
			w.Alone().To("syscall")
			<-loaded
			state, other := "syscall", "sleep"
			if time.Since(fired) < fired.Sub(asked) {
				// The timer was late.
				w.ToAt("sleep", asked)
				state, other = other, state
			}
			w.End()
			if handedOff {
				w.Within("syscall", "sleep", "chan")
				return
			}
			w.Within(state)
			w.Path(other)
			w.Path("chan")
		}))
	}
	for _, one := range all {
		<-one
	}
}

// registry is refreshed by a goroutine of nobody.
type registry struct{ sync.RWMutex }

func (r *registry) refresh(holds chan<- struct{}) {
	r.Lock()
	close(holds)
	ground.Busy(9 * ms)
	r.Unlock()
}

// heldByNobody waits for a read-write mutex that a goroutine without a task holds and keeps a processor busy meanwhile.
func heldByNobody(g *ground.Ground) {
	var all registry
	holds := make(chan struct{})
	go all.refresh(holds)
	<-holds
	w := g.Begin(context.Background(), "idiom.HeldByNobody").Alone()
	w.In("lock", all.RLock)
	all.RUnlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Path("sleep")
	w.BlameNobody("lock", "main.(*registry).refresh", "exec", "rwMutex")
}

// exportAll has the only slot of a semaphore.
func exportAll(slots chan struct{}) {
	time.Sleep(8 * ms)
	<-slots
}

// semaphoreOfNobody waits for a slot of a semaphore that a goroutine without a task has.
func semaphoreOfNobody(g *ground.Ground) {
	slots := make(chan struct{}, 1)
	slots <- struct{}{}
	go exportAll(slots)
	w := g.Begin(context.Background(), "idiom.SemaphoreOfNobody").Alone()
	w.In("sleep", func() { slots <- struct{}{} })
	w.End()
	w.Path("sleep", "schedWait")
}

// decode reads a little from the network and works on it for long, for whoever waits.
func decode(connection net.Conn, decoded chan<- int) {
	var part [16]byte
	n, _ := connection.Read(part[:])
	ground.Busy(9 * ms)
	decoded <- n
}

// slowDecoder waits for a goroutine of nobody that the network kept waiting for a moment, and that worked for long then.
func slowDecoder(g *ground.Ground) {
	client, server := ground.Pair()
	defer client.Close()
	defer server.Close()
	decoded := make(chan int)
	go decode(client, decoded)
	go func() {
		time.Sleep(2 * ms)
		server.Write([]byte("part of it"))
	}()
	w := g.Begin(context.Background(), "idiom.SlowDecoder").Alone()
	w.In("chan", func() { <-decoded })
	w.End()
	w.Path("chan", "schedWait")
	w.Path("network")
	w.BlameNobody("chan", "main.decode", "exec", "")
}

// lateWrite waits for a goroutine of nobody that writes down, quickly, what another has worked on for long.
func lateWrite(g *ground.Ground) {
	worked, written := make(chan int), make(chan int)
	file, err := os.CreateTemp("", "idiom")
	recorder.Check(err)
	defer os.Remove(file.Name())
	defer file.Close()
	line := make([]byte, 64<<10)
	go func() {
		ground.Busy(9 * ms)
		worked <- 1
	}()
	go func() {
		<-worked
		file.Write(line)
		written <- 1
	}()
	w := g.Begin(context.Background(), "idiom.LateWrite").Alone()
	w.In("chan", func() { <-written })
	w.End()
	w.Path("chan", "schedWait")
	w.Path("sleep")
}

// panics ends its task by a deferred call while it panics; the goroutine goes on with another task.
func panics(g *ground.Ground) {
	attempt := func() (failure any) {
		defer func() { failure = recover() }()
		w := g.Begin(context.Background(), "idiom.Panics").Alone()
		defer func() {
			w.End()
			w.Path("exec")
			w.Path("sleep", "schedWait")
			w.PathAtLeast(5*ms, "sleep")
		}()
		w.Spin(2 * ms)
		w.In("sleep", func() { time.Sleep(5 * ms) })
		panic(fmt.Errorf("no such order"))
	}
	if attempt() == nil {
		panic("it did not panic")
	}
	w := g.Begin(context.Background(), "idiom.Panics.next").Alone()
	w.Spin(2 * ms)
	w.End()
	w.Path("exec")
	w.Path("sleep")
}
