package main

import (
	"context"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/ground"
)

type order struct {
	w    *ground.Work
	long bool
	done chan struct{}
}

// headOfLine: short orders stand behind a long one in the queue of one worker.
func headOfLine(g *ground.Ground) {
	orders := make(chan order, 8)
	go func() {
		for o := range orders {
			region := trace.StartRegion(o.w.Ctx, "order")
			if o.long {
				o.w.In("exec", func() { ground.Busy(8 * ms) })
			}
			region.End()
			close(o.done)
		}
	}()
	put := func(name string, long bool, after func(w *ground.Work)) <-chan struct{} {
		return g.Begun(name, func(w *ground.Work, ready func()) {
			w.To("chan")
			o := order{w, long, make(chan struct{})}
			orders <- o
			ready()
			<-o.done
			w.To("exec")
			w.End()
			after(w)
		})
	}
	all := []<-chan struct{}{put("pager.Line.long", true, func(w *ground.Work) { w.Verdict("on CPU") })}
	for i := 0; i < 3; i++ {
		all = append(all, put("pager.Line", false, func(w *ground.Work) {
			w.Path("chan", "schedWait")
			w.Verdict("waiting on a channel, held up by pager.Line.long, which was on CPU")
		}))
	}
	ground.Ended(all...)
	close(orders)
}

// asyncLog: the queue of the goroutine that writes the log is full, which writes to a slow disk.
func asyncLog(g *ground.Ground) {
	lines, stopped := make(chan string, 4), make(chan struct{})
	go writesLines(lines, stopped)
	for i := 0; i < 5; i++ {
		lines <- "old"
	}
	w := begin(g, "pager.AsyncLog").Alone()
	w.In("chan", func() {
		for i := 0; i < 3; i++ {
			lines <- "request"
		}
	})
	w.End()
	if !handedOff {
		w.Verdict(`(served by|waiting for) a goroutine without a span \(main.writesLines\), which was in system calls`)
	}
	close(lines)
	<-stopped
}

func writesLines(lines <-chan string, stopped chan<- struct{}) {
	for range lines {
		ground.Nanosleep(3 * ms)
	}
	close(stopped)
}

// slotDeadline gives up waiting for a slot that another request has.
func slotDeadline(g *ground.Ground) {
	slots := make(chan struct{}, 1)
	holder := g.Begun("pager.Slot.holder", func(w *ground.Work, ready func()) {
		slots <- struct{}{}
		ready()
		w.In("sleep", func() { time.Sleep(12 * ms) })
		<-slots
		w.End()
	})
	w := begin(g, "pager.Slot").Alone()
	ctx, cancel := context.WithTimeout(w.Ctx, 6*ms)
	w.In("sleep", func() {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
	})
	cancel()
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("waiting for a timer or deadline")
	ground.Ended(holder)
}

// partialBatch: what was added waits until the batch is full, which the last of four requests does, and it writes it.
func partialBatch(g *ground.Ground) {
	var mu sync.Mutex
	count := 0
	written := make(chan struct{})
	var all []<-chan struct{}
	for i := 0; i < 4; i++ {
		all = append(all, g.Begun("pager.Batch", func(w *ground.Work, ready func()) {
			mu.Lock()
			count++
			full := count == 4
			mu.Unlock()
			ready()
			if full {
				w.In("sleep", func() { time.Sleep(12 * ms) })
				close(written)
				w.End()
				w.Verdict("sleeping")
				return
			}
			w.Alone().In("chan", func() { <-written })
			w.End()
			w.Path("chan", "schedWait")
			w.Verdict("waiting on a channel served by another pager.Batch, which was asleep")
		}))
		time.Sleep(ms / 4)
	}
	ground.Ended(all...)
}

// pollingDispatcher looks for work every few milliseconds.
func pollingDispatcher(g *ground.Ground) {
	var mu sync.Mutex
	var jobs []order
	stop, stopped := make(chan struct{}), make(chan struct{})
	take := func() []order {
		mu.Lock()
		defer mu.Unlock()
		all := jobs
		jobs = nil
		return all
	}
	go looks(take, stop, stopped)
	time.Sleep(ms)
	each(g, "pager.Polled", 3, func(i int, w *ground.Work) {
		o := order{w, false, make(chan struct{})}
		w.To("chan")
		mu.Lock()
		jobs = append(jobs, o)
		mu.Unlock()
		<-o.done
		w.To("exec")
		w.End()
		w.Path("chan", "exec", "schedWait")
		w.Verdict(`waiting on a channel served by a goroutine without a span \(main.looks\), which was asleep`)
	})
	close(stop)
	<-stopped
}

// looks does what there is to do, and sleeps until it looks again.
func looks(take func() []order, stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	for {
		select {
		case <-stop:
			return
		default:
		}
		for _, o := range take() {
			region := trace.StartRegion(o.w.Ctx, "job")
			o.w.In("exec", func() { ground.Busy(ms / 2) })
			region.End()
			close(o.done)
		}
		time.Sleep(8 * ms)
	}
}

// deadlineOfMany gives up waiting for helpers of its own, which go on.
func deadlineOfMany(g *ground.Ground) {
	release := make(chan struct{})
	var all sync.WaitGroup
	w := begin(g, "pager.Many")
	ctx, cancel := context.WithTimeout(w.Ctx, 7*ms)
	w.To("sleep")
	found := make(chan int)
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			<-release
			select {
			case found <- 1:
			default:
			}
		}()
	}
	select {
	case <-found:
	case <-ctx.Done():
	}
	cancel()
	w.To("exec")
	w.End()
	w.Path("sleep", "schedWait")
	w.Verdict("waiting for a timer or deadline")
	close(release)
	all.Wait()
}

// serialWriter: one goroutine without a span writes for everybody, one after another, under a request each.
func serialWriter(g *ground.Ground) {
	type write struct{ done chan struct{} }
	writes := make(chan write)
	go writesAll(func() bool {
		one, ok := <-writes
		if ok {
			time.Sleep(3 * ms)
			close(one.done)
		}
		return ok
	})
	each(g, "pager.Serial", 4, func(i int, w *ground.Work) {
		one := write{make(chan struct{})}
		w.Alone().In("chan", func() {
			writes <- one
			<-one.done
		})
		w.End()
		w.Verdict(`waiting for a goroutine without a span \(main.writesAll\), which was asleep`)
	})
	close(writes)
}

func writesAll(next func() bool) {
	for next() {
	}
}
