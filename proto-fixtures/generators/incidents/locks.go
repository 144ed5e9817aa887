package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"fixtures/ground"
)

// slowDisk: a log's lock is held over a write to a slow disk.
func slowDisk(g *ground.Ground) {
	var mu sync.Mutex
	each(g, "pager.SlowDisk", 4, func(_ int, w *ground.Work) {
		asked := time.Now()
		w.Alone().In("lock", mu.Lock)
		waited := time.Since(asked)
		w.In("syscall", func() { ground.Nanosleep(4 * ms) })
		mu.Unlock()
		written := time.Since(asked) - waited
		w.End()
		w.Path("lock", "syscall", "schedWait")
		if waited > written/2 && waited > 3*ms && !handedOff {
			w.Verdict("waiting for a mutex held by another pager.SlowDisk, which was in system calls")
		}
	})
}

// sharded is a map in shards, each with a lock of its own.
type sharded [8]struct {
	mu     sync.Mutex
	values map[string]int
}

func (s *sharded) with(key string, do func(values map[string]int)) {
	h := fnv.New32a()
	h.Write([]byte(key))
	shard := &s[h.Sum32()%8]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	do(shard.values)
}

// hotShard: the lock of one shard of eight is hot, which a long one holds; others take other shards by the same code.
func hotShard(g *ground.Ground) {
	s := &sharded{}
	taken := make(chan struct{})
	long := g.Begun("pager.Shard.compacts", func(w *ground.Work, ready func()) {
		s.with("hot", func(map[string]int) {
			close(taken)
			ready()
			w.In("exec", func() { ground.Busy(7 * ms) })
		})
		w.End()
		w.Path("exec", "schedWait")
	})
	<-taken
	var others []<-chan struct{}
	for i := 0; i < 3; i++ {
		i := i
		others = append(others, g.Begun("pager.Shard.cold", func(w *ground.Work, ready func()) {
			ready()
			s.with(fmt.Sprint("cold", i), func(map[string]int) { w.In("sleep", func() { time.Sleep(2 * ms) }) })
			w.End()
		}))
	}
	w := begin(g, "pager.Shard").Alone()
	w.In("lock", func() { s.with("hot", func(map[string]int) {}) })
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting for a mutex held by pager.Shard.compacts, which was on CPU")
	ground.Ended(append(others, long)...)
}

// reload: a configuration is read again under the writer's lock, by a goroutine without a span.
func reload(g *ground.Ground) {
	var mu sync.RWMutex
	locked, done := make(chan struct{}), make(chan struct{})
	go reloads(&mu, locked, done)
	<-locked
	each(g, "pager.Reload", 3, func(i int, w *ground.Work) {
		w.Alone().In("lock", mu.RLock)
		mu.RUnlock()
		w.End()
		w.Path("lock", "schedWait")
		w.Path("other")
		w.Verdict(`waiting for a read-write mutex held by a goroutine without a span \(main.reloads\), which was on CPU`)
	})
	<-done
}

func reloads(mu *sync.RWMutex, locked, done chan<- struct{}) {
	mu.Lock()
	close(locked)
	ground.Busy(9 * ms)
	mu.Unlock()
	close(done)
}

// cron: a task that runs at night has the lock that requests need.
func cron(g *ground.Ground) {
	var mu sync.Mutex
	job := g.Begun("pager.Cron.vacuum", func(w *ground.Work, ready func()) {
		mu.Lock()
		ready()
		for i := 0; i < 5; i++ {
			w.In("exec", func() { ground.Busy(ms) })
			w.In("sleep", func() { time.Sleep(2 * ms) })
		}
		mu.Unlock()
		w.End()
	})
	each(g, "pager.Cron", 2, func(i int, w *ground.Work) {
		w.Alone().In("lock", mu.Lock)
		mu.Unlock()
		w.End()
		w.Path("lock", "schedWait")
		w.Verdict("waiting for a mutex held by pager.Cron.vacuum, which was mostly asleep")
	})
	ground.Ended(job)
}

// lockThenSlot waits for a lock whose holder waits for a slot that a third has.
func lockThenSlot(g *ground.Ground) {
	var mu sync.Mutex
	slots := make(chan struct{}, 1)
	third := g.Begun("pager.Chain.third", func(w *ground.Work, ready func()) {
		slots <- struct{}{}
		ready()
		w.In("sleep", func() { time.Sleep(8 * ms) })
		<-slots
		w.End()
	})
	second := g.Begun("pager.Chain.second", func(w *ground.Work, ready func()) {
		mu.Lock()
		ready()
		w.In("chan", func() { slots <- struct{}{} })
		<-slots
		mu.Unlock()
		w.End()
		w.Verdict("waiting on a channel served by pager.Chain.third, which was asleep")
	})
	w := begin(g, "pager.Chain").Alone()
	w.In("lock", mu.Lock)
	mu.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting for a mutex held by pager.Chain.second, which was waiting on a channel itself")
	ground.Ended(third, second)
}

// limiterHoldsLock: a rate limiter sleeps while it holds its lock.
func limiterHoldsLock(g *ground.Ground) {
	var mu sync.Mutex
	last := time.Now()
	each(g, "pager.Limiter", 4, func(i int, w *ground.Work) {
		asked := time.Now()
		w.In("lock", mu.Lock)
		waited := time.Since(asked)
		if d := time.Until(last.Add(3 * ms)); d > 0 {
			w.In("sleep", func() { time.Sleep(d) })
		}
		last = time.Now()
		mu.Unlock()
		w.End()
		w.Path("lock", "schedWait", "sleep")
		if waited > 4*ms {
			w.Verdict("waiting for a mutex held by another pager.Limiter, which was asleep")
		}
	})
}

// longPoll waits for a message that another request publishes.
func longPoll(g *ground.Ground) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	version := 0
	publisher := g.Begun("pager.LongPoll.publish", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(7 * ms) })
		mu.Lock()
		version++
		mu.Unlock()
		changed.Broadcast()
		w.End()
	})
	each(g, "pager.LongPoll", 3, func(i int, w *ground.Work) {
		w.Alone().In("lock", func() {
			mu.Lock()
			for version == 0 {
				changed.Wait()
			}
			mu.Unlock()
		})
		w.End()
		w.Path("lock", "schedWait")
		w.Verdict("waiting for a condition signalled by pager.LongPoll.publish, which was asleep")
	})
	ground.Ended(publisher)
}

// callsUnderLock: hundreds of small calls are made while a lock is held.
func callsUnderLock(g *ground.Ground) {
	here, there := ground.Pair()
	defer here.Close()
	defer there.Close()
	go func() {
		var one [1]byte
		for {
			if _, err := there.Read(one[:]); err != nil {
				return
			}
			there.Write(one[:])
		}
	}()
	var mu sync.Mutex
	holder := g.Begun("pager.Calls.holder", func(w *ground.Work, ready func()) {
		mu.Lock()
		ready()
		var one [1]byte
		for i := 0; i < 300; i++ {
			here.Write(one[:])
			io.ReadFull(here, one[:])
		}
		mu.Unlock()
		w.End()
	})
	w := begin(g, "pager.Calls").Alone()
	w.In("lock", mu.Lock)
	mu.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting for a mutex held by pager.Calls.holder")
	ground.Ended(holder)
}

// drained: a server that stops waits for the requests under way.
func drained(g *ground.Ground) {
	var under sync.WaitGroup
	under.Add(1)
	request := g.Begun("pager.Drain.request", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(8 * ms) })
		under.Done()
		w.End()
	})
	w := begin(g, "pager.Drain").Alone()
	w.In("lock", under.Wait)
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting for a WaitGroup, last for pager.Drain.request, which was asleep")
	ground.Ended(request)
}

// twoLocks takes two locks one after the other, each of which another request has.
func twoLocks(g *ground.Ground) {
	var one, two sync.Mutex
	holder := func(name string, mu *sync.Mutex, d time.Duration) <-chan struct{} {
		return g.Begun(name, func(w *ground.Work, ready func()) {
			mu.Lock()
			ready()
			w.In("sleep", func() { time.Sleep(d) })
			mu.Unlock()
			w.End()
		})
	}
	a := holder("pager.Two.short", &one, 4*ms)
	b := holder("pager.Two.long", &two, 12*ms)
	w := begin(g, "pager.Two").Alone()
	w.In("lock", one.Lock)
	w.In("lock", two.Lock)
	two.Unlock()
	one.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Verdict("waiting, mostly for a mutex held by pager.Two.long, which was asleep")
	ground.Ended(a, b)
}
