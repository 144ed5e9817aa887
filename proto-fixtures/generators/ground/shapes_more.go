package ground

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/recorder"
)

func moreShapes() []Scenario {
	return []Scenario{
		twoPools, cancelled, output, pipe, childBlamed, starved, stopped, weighted, condQueue, streamed, dialled, regionOutlives, exits, consumer, dispatcher, longHeld,
	}
}

// twoPools hands the work to a worker, which hands it on to another: both tell for whom they work.
func twoPools(g *Ground) {
	first, second := make(chan job), make(chan job)
	go work(second)
	go func() {
		for one := range first {
			one.of.Spin(ms)
			inner := job{of: one.of, done: make(chan struct{}), do: func(w *Work) {
				w.Spin(ms)
				w.In("sleep", func() { time.Sleep(5 * ms) })
				w.Spin(ms / 10)
			}}
			second <- inner
			<-inner.done
			one.of.Spin(ms)
			close(one.done)
		}
	}()
	w := g.Begin(context.Background(), "shape.TwoPools")
	one := job{of: w, done: make(chan struct{})}
	w.To("schedWait")
	first <- one
	<-one.done
	w.To("exec")
	w.End()
	w.Path("sleep", "exec", "schedWait")
	w.PathAtLeast(5*ms, "sleep")
	w.Path("chan")
	close(first)
	close(second)
}

// cancelled waits until another task cancels it.
func cancelled(g *Ground) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), "shape.Cancelled.canceller")
		h.Spin(7 * ms)
		cancel()
		h.End()
		close(done)
	}()
	w := g.Begin(ctx, "shape.Cancelled").Alone()
	w.In("chan", func() { <-w.Ctx.Done() })
	w.End()
	w.Path("chan", "schedWait")
	w.Blame("chan", "shape.Cancelled.canceller", "exec", "")
	<-done
}

// output reads what another program writes, which os/exec copies on a goroutine of its own.
func output(g *Ground) {
	w := g.Begin(context.Background(), "shape.Output")
	w.To("network")
	_, err := exec.Command("sh", "-c", "sleep 0.01; echo done").Output()
	recorder.Check(err)
	w.End()
	w.Path("network", "syscall", "exec", "schedWait")
	w.Path("chan")
	w.Path("lock")
}

// pipe reads from a pipe of the system: the runtime's poller waits.
func pipe(g *Ground) {
	reader, writer, err := os.Pipe()
	recorder.Check(err)
	defer reader.Close()
	go func() {
		time.Sleep(8 * ms)
		writer.Write([]byte("x"))
		writer.Close()
	}()
	w := g.Begin(context.Background(), "shape.Pipe").Alone()
	var one [1]byte
	w.In("network", func() { reader.Read(one[:]) })
	w.End()
	w.Path("network", "schedWait")
	w.Path("sleep")
}

// heldElsewhere is a mutex that a task of another goroutine holds for a while from now on, asleep; the channel closes after its end.
func heldElsewhere(g *Ground, task string, hold time.Duration) (*sync.Mutex, <-chan struct{}) {
	lock := new(sync.Mutex)
	holds, done := make(chan struct{}), make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), task)
		lock.Lock()
		close(holds)
		h.In("sleep", func() { time.Sleep(hold) })
		lock.Unlock()
		h.End()
		h.Path("sleep", "schedWait")
		close(done)
	}()
	<-holds
	return lock, done
}

// childBlamed waits for its own helper, which waits for a mutex that another task holds.
func childBlamed(g *Ground) {
	lock, done := heldElsewhere(g, "shape.ChildBlamed.holder", 8*ms)
	w := g.Begin(context.Background(), "shape.ChildBlamed")
	var group sync.WaitGroup
	group.Add(1)
	w.To("schedWait")
	go func() {
		w.In("lock", lock.Lock)
		lock.Unlock()
		group.Done()
	}()
	group.Wait()
	w.End()
	w.Path("lock", "schedWait", "exec")
	w.Path("sleep")
	w.Blame("lock", "shape.ChildBlamed.holder", "sleep", "mutex")
	<-done
}

// starved waits for a mutex whose holder wants a processor that others have.
func starved(g *Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	var lock sync.Mutex
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-stop:
					return
				default:
					spin(ms)
				}
			}
		}()
	}
	holds, done := make(chan struct{}), make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), "shape.Starved.holder")
		lock.Lock()
		close(holds)
		h.In("schedWait", runtime.Gosched)
		lock.Unlock()
		h.End()
		close(done)
	}()
	<-holds
	w := g.Begin(context.Background(), "shape.Starved").Alone()
	w.In("lock", lock.Lock)
	lock.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	close(stop)
	all.Wait()
	<-done
}

// stopped works while another goroutine stops the world again and again.
func stopped(g *Ground) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var stats runtime.MemStats
		for {
			select {
			case <-stop:
				return
			default:
				runtime.ReadMemStats(&stats)
				time.Sleep(ms)
			}
		}
	}()
	w := g.Begin(context.Background(), "shape.Stopped").Alone()
	spin(8 * ms)
	w.End()
	w.Path("exec", "schedWait")
	w.Path("lock")
	w.Path("other")
	close(stop)
	<-done
}

// limit is a weighted semaphore, as golang.org/x/sync has: each that waits has a channel of its own.
type limit struct {
	mu      sync.Mutex
	free    int
	waiting []chan struct{}
}

func (l *limit) acquire() {
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
		return
	}
	ready := make(chan struct{})
	l.waiting = append(l.waiting, ready)
	l.mu.Unlock()
	<-ready
}

func (l *limit) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	close(l.waiting[0])
	l.waiting = l.waiting[1:]
}

// weighted lets three tasks queue for a semaphore of one: the last waits longest for the second.
func weighted(g *Ground) {
	one := &limit{free: 1}
	var all sync.WaitGroup
	for i, d := range []time.Duration{4 * ms, 9 * ms, ms} {
		i, d := i, d
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "shape.Weighted."+string(rune('a'+i)))
			w.In("chan", one.acquire)
			w.In("sleep", func() { time.Sleep(d) })
			one.release()
			w.End()
			w.Path("chan", "sleep", "schedWait", "exec")
			if i == 2 {
				w.Blame("chan", "shape.Weighted.b", "sleep", "")
			}
		}()
		time.Sleep(ms)
	}
	all.Wait()
}

// condQueue hands the work over in a list under a mutex, with a condition to tell that there is some.
func condQueue(g *Ground) {
	var lock sync.Mutex
	filled := sync.NewCond(&lock)
	var list []job
	closed := false
	go func() {
		lock.Lock()
		defer lock.Unlock()
		for !closed {
			if len(list) == 0 {
				filled.Wait()
				continue
			}
			one := list[0]
			list = list[1:]
			lock.Unlock()
			one.of.To("exec")
			one.do(one.of)
			one.of.To("schedWait")
			close(one.done)
			lock.Lock()
		}
	}()
	time.Sleep(ms)
	w := g.Begin(context.Background(), "shape.CondQueue")
	one := job{of: w, done: make(chan struct{}), do: func(w *Work) {
		w.Spin(2 * ms)
		w.In("sleep", func() { time.Sleep(5 * ms) })
		w.Spin(ms / 10)
	}}
	w.To("schedWait")
	lock.Lock()
	list = append(list, one)
	filled.Signal()
	lock.Unlock()
	<-one.done
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "exec", "schedWait")
	w.Path("chan")
	lock.Lock()
	closed = true
	filled.Signal()
	lock.Unlock()
}

// streamed reads an answer that comes in parts.
func streamed(g *Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		for i := 0; i < 4; i++ {
			io.WriteString(response, "part of it\n")
			response.(http.Flusher).Flush()
			time.Sleep(3 * ms)
		}
	}))
	defer server.Close()
	w := g.Begin(context.Background(), "shape.Streamed")
	w.To("network")
	response, err := server.Client().Get(server.URL)
	recorder.Check(err)
	_, err = io.Copy(io.Discard, response.Body)
	recorder.Check(err)
	response.Body.Close()
	w.End()
	w.Path("network", "exec", "syscall", "schedWait")
	w.PathAtLeast(12*ms-ms/2, "network")
	w.Path("chan")
	w.Path("sleep")
	server.Client().CloseIdleConnections()
}

// dialled makes a connection, which takes a while, on a goroutine of net/http's.
func dialled(g *Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) { io.WriteString(response, "done") }))
	defer server.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(7 * ms)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	w := g.Begin(context.Background(), "shape.Dialled")
	w.To("sleep")
	request, err := http.NewRequestWithContext(w.Ctx, http.MethodGet, server.URL, nil)
	recorder.Check(err)
	response, err := (&http.Client{Transport: transport}).Do(request)
	recorder.Check(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	w.End()
	// The connection's loops begin first.
	w.Path("sleep", "network", "exec", "syscall", "schedWait", "chan")
	w.PathAtLeast(7*ms, "sleep")
	transport.CloseIdleConnections()
}

// regionOutlives ends a task within one of its regions.
func regionOutlives(g *Ground) {
	w := g.Begin(context.Background(), "shape.RegionOutlives").Alone()
	region := trace.StartRegion(w.Ctx, "outlives")
	spin(ms)
	w.In("sleep", func() { time.Sleep(3 * ms) })
	w.End()
	time.Sleep(2 * ms)
	region.End()
	w.Path("exec")
	w.Path("sleep", "schedWait")
}

// exits leaves the work to a goroutine that ends by Goexit, with a region open.
func exits(g *Ground) {
	w := g.Begin(context.Background(), "shape.Exits")
	done := make(chan struct{})
	w.To("schedWait")
	go func() {
		w.To("exec")
		defer close(done)
		trace.StartRegion(w.Ctx, "left open")
		w.In("sleep", func() { time.Sleep(4 * ms) })
		w.Spin(ms)
		w.To("schedWait")
		runtime.Goexit()
	}()
	<-done
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "schedWait", "exec")
	w.Path("chan")
}

// consumer begins a task for each message and gives it to a worker, which ends it: messages wait in a queue meanwhile.
func consumer(g *Ground) {
	queue := make(chan *Work, 8)
	done := make(chan struct{})
	go func() {
		for w := range queue {
			w.To("exec")
			w.Spin(4 * ms)
			w.End()
			w.Path("exec", "schedWait")
			if w.truth.Name != "shape.Consumer.last" {
				w.Path("sleep")
			}
		}
		close(done)
	}()
	time.Sleep(ms)
	// The first wakes the worker, the others wait for it in the queue.
	for _, one := range [][2]string{{"shape.Consumer", "schedWait"}, {"shape.Consumer", "queued"}, {"shape.Consumer.last", "queued"}} {
		w := g.Begin(context.Background(), one[0])
		w.To(one[1])
		queue <- w
	}
	time.Sleep(10 * ms)
	close(queue)
	<-done
}

// dispatcher begins a task and makes a goroutine for it, which ends it, and goes on to the next.
func dispatcher(g *Ground) {
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		w := g.Begin(context.Background(), "shape.Dispatcher")
		w.To("schedWait")
		go func() {
			defer all.Done()
			w.To("exec")
			w.Spin(ms)
			w.In("sleep", func() { time.Sleep(4 * ms) })
			w.End()
			w.Path("exec", "schedWait")
			w.Path("sleep", "exec", "schedWait")
			w.PathAtLeast(4*ms, "sleep")
		}()
		time.Sleep(2 * ms)
	}
	all.Wait()
}

// longHeld waits for a mutex through more than one generation of the capture.
func longHeld(g *Ground) {
	lock, done := heldElsewhere(g, "shape.LongHeld.holder", 1200*ms)
	w := g.Begin(context.Background(), "shape.LongHeld").Alone()
	w.In("lock", lock.Lock)
	lock.Unlock()
	w.End()
	w.Path("lock", "schedWait")
	w.Blame("lock", "shape.LongHeld.holder", "sleep", "mutex")
	<-done
}
