package main

import (
	"context"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/ground"
)

// mergeSort sorts by halves, each on a goroutine of its own, three deep; the leaves take different times.
func mergeSort(g *ground.Ground) {
	w := g.Begin(context.Background(), "relay.MergeSort")
	takes := []time.Duration{3, 7, 2, 5, 4, 9, 6, 3}
	var sort func(t *trail, takes []time.Duration)
	sort = func(t *trail, takes []time.Duration) {
		if len(takes) == 1 {
			t.in("sleep", func() { time.Sleep(takes[0] * ms / 2) })
			return
		}
		var other *trail
		var half sync.WaitGroup
		half.Add(1)
		go func() {
			defer half.Done()
			other = begun("exec")
			sort(other, takes[len(takes)/2:])
			other.done()
		}()
		sort(t, takes[:len(takes)/2])
		t.to("lock")
		half.Wait()
		t.follow(other)
		ground.Busy(ms / 4)
	}
	t := begun("exec")
	sort(t, takes)
	t.done().tell(w)
	w.End()
	w.Within("sleep")
	w.Path("sleep", "schedWait")
	none(w, "lock", "chan")
}

// quorum waits for two of three; the third goes on.
func quorum(g *ground.Ground) {
	w := g.Begin(context.Background(), "relay.Quorum")
	t := begun("exec")
	answers, over := make(chan *trail, 3), make(chan struct{})
	for _, takes := range []time.Duration{9, 3, 6} {
		takes := takes
		go func() {
			o := begun("exec")
			o.in("sleep", func() { time.Sleep(takes * ms) })
			answers <- o.done()
			if takes == 9 {
				close(over)
			}
		}()
	}
	for i := 0; i < 2; i++ {
		t.to("chan")
		t.follow(<-answers)
	}
	t.done().tell(w)
	w.End()
	w.Within("sleep")
	w.Path("sleep", "schedWait")
	none(w, "lock", "chan")
	<-over
}

// barrier has three goroutines go through three phases together; in each another is slowest, and the path goes from one to the next.
func barrier(g *ground.Ground) {
	w := g.Begin(context.Background(), "relay.Barrier")
	var mu sync.Mutex
	turned := sync.NewCond(&mu)
	arrived, phase := 0, 0
	run := func(i int) {
		for p := 0; p < 3; p++ {
			if (p+i)%3 == 0 {
				time.Sleep(4 * ms)
			} else {
				time.Sleep(ms)
			}
			mu.Lock()
			if arrived++; arrived == 3 {
				arrived = 0
				phase++
				turned.Broadcast()
			}
			for phase == p {
				turned.Wait()
			}
			mu.Unlock()
		}
	}
	var all sync.WaitGroup
	for i := 1; i < 3; i++ {
		i := i
		all.Add(1)
		go func() { defer all.Done(); run(i) }()
	}
	w.To("sleep")
	run(0)
	all.Wait()
	w.End()
	w.Within("sleep")
	w.PathAtLeast(12*ms, "sleep")
	none(w, "lock", "chan")
}

// message is what is asked of an actor, or of a worker.
type message struct {
	of     *ground.Work
	answer chan struct{}
}

// each asks for so many things at once, each with a task of its own that takes what it is claimed to.
func each(g *ground.Ground, name string, count int, ask func(m message)) {
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), name)
			m := message{w, make(chan struct{})}
			w.To("chan")
			ask(m)
			<-m.answer
			w.To("exec")
			w.End()
			w.Within("sleep", "chan", "lock")
			w.PathOrMore("sleep", "schedWait")
			w.PathOrMore("chan", "lock", "schedWait")
			none(w, "network", "other")
		}()
	}
	all.Wait()
}

// actorsOf has two actors do a part each of what is asked; the second answers. Their mailboxes have room for so many.
func actorsOf(name string, room int) ground.Scenario {
	return func(g *ground.Ground) {
		first, second := make(chan message, room), make(chan message, room)
		go func() {
			defer close(second)
			for m := range first {
				m.of.To("exec")
				trace.WithRegion(m.of.Ctx, "first", func() { ground.Busy(ms) })
				m.of.To("chan")
				second <- m
			}
		}()
		go func() {
			for m := range second {
				m.of.To("sleep")
				trace.WithRegion(m.of.Ctx, "second", func() { time.Sleep(2 * ms) })
				m.of.To("schedWait")
				close(m.answer)
			}
		}()
		time.Sleep(ms)
		each(g, name, 4, func(m message) { first <- m })
		close(first)
	}
}

// stealing is a pool whose workers take the newest of their own jobs, and the oldest of the other's; all are given to one.
func stealing(g *ground.Ground) {
	var mu sync.Mutex
	more := sync.NewCond(&mu)
	var queues [2][]message
	closed := false
	take := func(i int) (m message, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		for {
			own, other := queues[i], queues[1-i]
			switch {
			case len(own) > 0:
				queues[i] = own[:len(own)-1]
				return own[len(own)-1], true
			case len(other) > 0:
				queues[1-i] = other[1:]
				return other[0], true
			case closed:
				return m, false
			}
			more.Wait()
		}
	}
	for i := range queues {
		i := i
		go func() {
			for m, ok := take(i); ok; m, ok = take(i) {
				region := trace.StartRegion(m.of.Ctx, "job")
				m.of.To("sleep")
				time.Sleep(2 * ms)
				region.End()
				m.of.To("schedWait")
				close(m.answer)
			}
		}()
	}
	time.Sleep(ms)
	each(g, "relay.Stealing", 5, func(m message) {
		mu.Lock()
		queues[0] = append(queues[0], m)
		mu.Unlock()
		more.Signal()
	})
	mu.Lock()
	closed = true
	mu.Unlock()
	more.Broadcast()
}

// handover goes over four goroutines: who begins it goes on with the next; a worker makes a goroutine for it, which puts it into the queue of the last.
func handover(g *ground.Ground) {
	second, last, done := make(chan *ground.Work), make(chan *ground.Work, 8), make(chan struct{})
	go func() {
		defer close(done)
		for w := range last {
			w.To("sleep")
			region := trace.StartRegion(w.Ctx, "last")
			time.Sleep(2 * ms)
			region.End()
			w.End()
			w.Within("sleep", "chan")
			none(w, "lock", "network", "other")
		}
	}()
	go func() {
		var all sync.WaitGroup
		defer close(last)
		defer all.Wait()
		for w := range second {
			w := w
			region := trace.StartRegion(w.Ctx, "second")
			w.To("exec")
			ground.Busy(ms / 2)
			w.To("schedWait")
			all.Add(1)
			go func() {
				defer all.Done()
				w.In("sleep", func() { time.Sleep(ms) })
				w.To("chan")
				last <- w
			}()
			region.End()
		}
	}()
	for i := 0; i < 4; i++ {
		w := g.Begin(context.Background(), "relay.HandOver")
		w.To("chan")
		second <- w
	}
	close(second)
	<-done
}

// chain is a hundred goroutines, each of which waits for the next; the last sleeps.
func chain(g *ground.Ground) {
	w := g.Begin(context.Background(), "relay.Chain")
	var call func(left int)
	call = func(left int) {
		if left == 0 {
			time.Sleep(8 * ms)
			return
		}
		done := make(chan struct{})
		go func() { defer close(done); call(left - 1) }()
		<-done
	}
	w.In("sleep", func() { call(100) })
	w.End()
	w.Within("sleep")
	w.PathAtLeast(8*ms, "sleep")
	none(w, "lock", "chan")
}

// childTasks are begun by workers that were there before, below the one that waits; they answer when theirs is over.
func childTasks(g *ground.Ground) {
	jobs := make(chan message, 8)
	for i := 0; i < 2; i++ {
		go func() {
			for m := range jobs {
				m.of.To("exec")
				child := g.Begin(m.of.Ctx, "relay.ChildTask.child").Alone()
				m.of.To("sleep")
				child.In("sleep", func() { time.Sleep(2 * ms) })
				m.of.To("exec")
				child.End()
				child.Within("sleep")
				child.Path("sleep", "schedWait")
				m.of.To("schedWait")
				close(m.answer)
			}
		}()
	}
	time.Sleep(ms)
	each(g, "relay.ChildTask", 5, func(m message) { jobs <- m })
	close(jobs)
}

// mail goes to an actor that asks another, each with a task of its own below that of whoever asked.
func mail(g *ground.Ground) {
	type letter struct {
		ctx    context.Context
		answer chan struct{}
	}
	first, second := make(chan letter), make(chan letter)
	ask := func(actor chan<- letter, w *ground.Work) {
		answer := make(chan struct{})
		actor <- letter{w.Ctx, answer}
		<-answer
	}
	go func() {
		defer close(second)
		for l := range first {
			w := g.Begin(l.ctx, "relay.Mail.first")
			w.In("sleep", func() {
				time.Sleep(2 * ms)
				ask(second, w)
			})
			w.End()
			w.Within("sleep")
			w.PathAtLeast(6*ms, "sleep")
			none(w, "lock", "chan")
			close(l.answer)
		}
	}()
	go func() {
		for l := range second {
			w := g.Begin(l.ctx, "relay.Mail.second").Alone()
			w.In("sleep", func() { time.Sleep(4 * ms) })
			w.End()
			w.Within("sleep")
			w.Path("sleep", "schedWait")
			close(l.answer)
		}
	}()
	time.Sleep(ms)
	for i := 0; i < 2; i++ {
		w := g.Begin(context.Background(), "relay.Mail")
		w.In("sleep", func() { ask(first, w) })
		w.End()
		w.Within("sleep")
		w.PathAtLeast(6*ms, "sleep")
		none(w, "lock", "chan")
	}
	close(first)
}
