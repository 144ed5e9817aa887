package main

import (
	"container/list"
	"context"
	"sync"
	"time"

	"fixtures/ground"
)

// firstUse is the first of many requests to need something, which takes a while to make; the others wait for it.
func firstUse(g *ground.Ground) {
	var once sync.Once
	each(g, "duty.FirstUse", 4, func(w *ground.Work) {
		first := false
		w.Alone().In("lock", func() {
			once.Do(func() {
				first = true
				w.In("sleep", func() { time.Sleep(9 * ms) })
			})
		})
		w.End()
		if first {
			w.Path("sleep", "schedWait")
			w.Verdict("sleeping")
			return
		}
		w.Path("lock", "schedWait")
		w.Blame("lock", "duty.FirstUse", "sleep", "once")
		w.Verdict("waiting for a sync.Once run by another duty.FirstUse, which was asleep")
	})
}

// sharedFlight waits for a call that another request had begun, and which goes on when that one has given up.
func sharedFlight(g *ground.Ground) {
	result := make(chan struct{})
	first := g.Begun("duty.Flight.first", func(w *ground.Work, ready func()) {
		go flies(result)
		ready()
		w.In("sleep", func() {
			select {
			case <-result:
			case <-time.After(3 * ms):
			}
		})
		w.End()
		w.Path("sleep", "schedWait")
		w.Verdict("waiting for a timer or deadline")
	})
	each(g, "duty.Flight", 3, func(w *ground.Work) {
		w.Alone().In("sleep", func() { <-result })
		w.End()
		w.Path("sleep", "chan", "schedWait")
		w.Verdict(`waiting for a goroutine without a span \(main.flies\), which was asleep`)
	})
	ground.Ended(first)
}

func flies(result chan<- struct{}) {
	time.Sleep(9 * ms)
	close(result)
}

// counted is a semaphore of a weight, first come, first served, as that of golang.org/x/sync.
type counted struct {
	mu      sync.Mutex
	free    int
	waiters list.List
}

type waiter struct {
	n     int
	ready chan struct{}
}

func (s *counted) acquire(n int) {
	s.mu.Lock()
	if s.free >= n && s.waiters.Len() == 0 {
		s.free -= n
		s.mu.Unlock()
		return
	}
	ready := make(chan struct{})
	s.waiters.PushBack(waiter{n, ready})
	s.mu.Unlock()
	<-ready
}

func (s *counted) release(n int) {
	s.mu.Lock()
	s.free += n
	for next := s.waiters.Front(); next != nil && s.free >= next.Value.(waiter).n; next = s.waiters.Front() {
		s.free -= next.Value.(waiter).n
		s.waiters.Remove(next)
		close(next.Value.(waiter).ready)
	}
	s.mu.Unlock()
}

// weighted wants all of a semaphore, of which two others have a part; a small one that comes later waits behind it.
func weighted(g *ground.Ground) {
	s := &counted{free: 4}
	holder := func(name string, n int, d time.Duration) <-chan struct{} {
		return g.Begun(name, func(w *ground.Work, ready func()) {
			s.acquire(n)
			ready()
			w.In("sleep", func() { time.Sleep(d) })
			s.release(n)
			w.End()
			w.Path("sleep", "schedWait")
		})
	}
	one, other := holder("duty.Weighted.short", 1, 3*ms), holder("duty.Weighted.long", 2, 9*ms)
	large := g.Begun("duty.Weighted.large", func(w *ground.Work, ready func()) {
		ready()
		w.Alone().In("chan", func() { s.acquire(4) })
		w.In("sleep", func() { time.Sleep(4 * ms) })
		s.release(4)
		w.End()
		w.Path("chan", "schedWait", "sleep")
		w.Verdict("waiting on a channel served by duty.Weighted.long, which was asleep")
	})
	time.Sleep(ms)
	w := g.Begin(context.Background(), "duty.Weighted.small").Alone()
	w.In("chan", func() { s.acquire(1) })
	s.release(1)
	w.End()
	w.Path("chan", "schedWait")
	w.Verdict("waiting, mostly on a channel, held up by duty.Weighted.long, which was asleep")
	ground.Ended(one, other, large)
}

// readerBehindWriter wants to read what a writer waits for, since a long reader has it.
func readerBehindWriter(g *ground.Ground) {
	var lock sync.RWMutex
	reader := g.Begun("duty.Readers.long", func(w *ground.Work, ready func()) {
		lock.RLock()
		ready()
		w.In("sleep", func() { time.Sleep(9 * ms) })
		lock.RUnlock()
		w.End()
		w.Path("sleep", "schedWait")
	})
	writer := g.Begun("duty.Readers.writer", func(w *ground.Work, ready func()) {
		ready()
		w.In("lock", lock.Lock)
		w.In("exec", func() { ground.Busy(2 * ms) })
		lock.Unlock()
		w.End()
		w.Path("lock", "schedWait", "exec")
		w.Verdict("waiting for a read-write mutex held by duty.Readers.long, which was asleep")
	})
	time.Sleep(ms)
	each(g, "duty.Readers", 3, func(w *ground.Work) {
		w.Alone().In("lock", lock.RLock)
		lock.RUnlock()
		w.End()
		w.Path("lock", "schedWait")
		w.Verdict("for a read-write mutex held by duty.Readers.long, which was asleep")
	})
	ground.Ended(reader, writer)
}

// handMadePool is a pool of two connections with a list of those that wait, who are handed the connection itself.
func handMadePool(g *ground.Ground) {
	var mu sync.Mutex
	free := []int{1, 2}
	var waiting []chan int
	take := func() (one int, waited bool) {
		mu.Lock()
		if n := len(free); n > 0 {
			one = free[n-1]
			free = free[:n-1]
			mu.Unlock()
			return one, false
		}
		handed := make(chan int, 1)
		waiting = append(waiting, handed)
		mu.Unlock()
		return <-handed, true
	}
	put := func(one int) {
		mu.Lock()
		defer mu.Unlock()
		if len(waiting) > 0 {
			waiting[0] <- one
			waiting = waiting[1:]
			return
		}
		free = append(free, one)
	}
	each(g, "duty.Pool", 4, func(w *ground.Work) {
		var one int
		var waited bool
		w.Alone().In("chan", func() { one, waited = take() })
		w.In("sleep", func() { time.Sleep(4 * ms) })
		put(one)
		w.End()
		w.Path("chan", "schedWait", "sleep")
		if waited {
			w.Verdict("waiting on a channel served by another duty.Pool, which was asleep")
		}
	})
}

// ownLock waits for a lock that a goroutine of its own holds.
func ownLock(g *ground.Ground) {
	var lock sync.Mutex
	taken := make(chan struct{})
	w := g.Begin(context.Background(), "duty.OwnLock")
	w.To("exec")
	go func() {
		lock.Lock()
		close(taken)
		ground.Busy(6 * ms)
		lock.Unlock()
	}()
	<-taken
	lock.Lock()
	lock.Unlock()
	w.End()
	w.Path("exec", "schedWait")
	w.Verdict("on CPU")
}

// lateRelease waits for a slot that a request gives back only after its span has ended.
func lateRelease(g *ground.Ground) {
	slots := make(chan struct{}, 1)
	first := make(chan struct{})
	began := make(chan struct{})
	go func() {
		defer close(first)
		w := g.Begin(context.Background(), "duty.LateRelease.first")
		slots <- struct{}{}
		close(began)
		w.In("sleep", func() { time.Sleep(2 * ms) })
		w.End()
		w.Path("sleep", "schedWait")
		time.Sleep(7 * ms)
		<-slots
	}()
	<-began
	w := g.Begin(context.Background(), "duty.LateRelease").Alone()
	w.In("sleep", func() { slots <- struct{}{} })
	<-slots
	w.End()
	w.Path("chan", "sleep", "schedWait")
	w.Verdict(`waiting for a goroutine without a span \(main.lateRelease.func\d+\), which was asleep`)
	<-first
}
