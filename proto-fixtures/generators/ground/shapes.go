package ground

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
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

// Shapes are ways in which services put goroutines together: pipelines, limits, shared calls, pools of connections, timers, coroutines.
func Shapes() []Scenario {
	return append([]Scenario{
		pipeline, hedged, relay, limited, childHoldsLock, piped, endedElsewhere, recovered,
		semaphore, sharedCall, once, broadcast, contended, backgroundHolder, connectionPool, statement,
		deadline, ticks, afterFunc, flusher, actor, pipeServer, readDeadline,
		httpPool, http2, threads, oneProcessor, process, file, collect, batch,
	}, append(moreShapes(), coroutines()...)...)
}

// whole says that all time is spent with these states together, and none with the last.
func (w *Work) whole(none string, states ...string) {
	w.Path(states[0], append(states[1:], "schedWait", "exec")...)
	w.Path(none)
}

// pipeline sends six values through three goroutines with buffers between them. The second is slowest: it sleeps all the time.
func pipeline(g *Ground) {
	w := g.Begin(context.Background(), "shape.Pipeline")
	w.To("sleep")
	first, second, third := make(chan int, 4), make(chan int, 4), make(chan int, 4)
	go func() {
		defer close(first)
		for i := 0; i < 6; i++ {
			spin(ms / 10)
			first <- i
		}
	}()
	go func() {
		defer close(second)
		for i := range first {
			time.Sleep(2 * ms)
			second <- i
		}
	}()
	go func() {
		defer close(third)
		for i := range second {
			spin(ms / 5)
			third <- i
		}
	}()
	for range third {
	}
	w.End()
	w.whole("chan", "sleep")
	w.PathAtLeast(12*ms, "sleep")
}

// hedged asks twice and takes the answer that comes first.
func hedged(g *Ground) {
	w := g.Begin(context.Background(), "shape.Hedged")
	w.To("sleep")
	answers := make(chan int, 2)
	var both sync.WaitGroup
	both.Add(2)
	for _, d := range []time.Duration{14 * ms, 5 * ms} {
		d := d
		go func() {
			defer both.Done()
			time.Sleep(d)
			answers <- 1
		}()
	}
	<-answers
	w.End()
	w.whole("chan", "sleep")
	w.PathAtLeast(5*ms, "sleep")
	both.Wait()
}

// relay passes the work along a chain of goroutines, each of which makes the next and ends.
func relay(g *Ground) {
	w := g.Begin(context.Background(), "shape.Relay")
	done := make(chan struct{})
	var leg func(left int)
	leg = func(left int) {
		w.To("exec")
		w.In("sleep", func() { time.Sleep(2 * ms) })
		spin(ms / 2)
		w.To("schedWait")
		if left > 0 {
			go leg(left - 1)
			return
		}
		w.To("exec")
		w.End()
		w.Path("exec", "schedWait")
		w.Path("sleep", "schedWait", "exec")
		w.PathAtLeast(8*ms, "sleep")
		close(done)
	}
	w.To("schedWait")
	go leg(3)
	<-done
}

// limited runs four jobs of one task, two at a time: where the task waits for its own jobs the path leads over them.
func limited(g *Ground) {
	w := g.Begin(context.Background(), "shape.Limited")
	w.To("sleep")
	slots := make(chan struct{}, 2)
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		slots <- struct{}{}
		all.Add(1)
		go func() {
			defer all.Done()
			time.Sleep(4 * ms)
			<-slots
		}()
	}
	all.Wait()
	w.End()
	w.whole("chan", "sleep")
	w.Path("lock")
	w.PathAtLeast(8*ms, "sleep")
}

// childHoldsLock waits for a mutex that a goroutine of the same task holds: that is no waiting for somebody else.
func childHoldsLock(g *Ground) {
	w := g.Begin(context.Background(), "shape.ChildHoldsLock")
	w.To("sleep")
	var lock sync.Mutex
	taken := make(chan struct{})
	go func() {
		lock.Lock()
		close(taken)
		time.Sleep(8 * ms)
		lock.Unlock()
	}()
	<-taken
	lock.Lock()
	w.End()
	w.whole("lock", "sleep")
	w.PathAtLeast(8*ms, "sleep")
}

// piped reads what a goroutine of its own writes into an io.Pipe, slowly.
func piped(g *Ground) {
	w := g.Begin(context.Background(), "shape.IOPipe")
	w.To("sleep")
	reader, writer := io.Pipe()
	go func() {
		for i := 0; i < 4; i++ {
			time.Sleep(2 * ms)
			writer.Write([]byte("part of it\n"))
		}
		writer.Close()
	}()
	for lines := bufio.NewScanner(reader); lines.Scan(); {
	}
	w.End()
	w.whole("chan", "sleep")
	w.PathAtLeast(8*ms, "sleep")
}

// endedElsewhere begins a task within a task, which a goroutine made for it ends.
func endedElsewhere(g *Ground) {
	w := g.Begin(context.Background(), "shape.EndedElsewhere")
	w.Spin(ms)
	w.To("schedWait")
	inner := g.Begin(w.Ctx, "shape.EndedElsewhere.inner")
	done := make(chan struct{})
	inner.To("schedWait")
	go func() {
		inner.To("exec")
		inner.In("sleep", func() { time.Sleep(6 * ms) })
		inner.End()
		close(done)
	}()
	<-done
	w.End()
	inner.Path("sleep", "schedWait", "exec")
	inner.PathAtLeast(6*ms, "sleep")
	w.whole("chan", "sleep")
	w.PathAtLeast(6*ms, "sleep")
}

// recovered leaves a region open by a panic, and goes on.
func recovered(g *Ground) {
	w := g.Begin(context.Background(), "shape.Recovered").Alone()
	func() {
		defer func() { recover() }()
		trace.StartRegion(w.Ctx, "left open")
		spin(2 * ms)
		panic(errors.New("no such order"))
	}()
	w.In("sleep", func() { time.Sleep(4 * ms) })
	w.Spin(ms)
	w.End()
	w.Path("exec")
	w.Path("sleep", "schedWait")
}

// semaphore wants one of two slots, which two other tasks have: the one that gives its slot back first held it up.
func semaphore(g *Ground) {
	slots := make(chan struct{}, 2)
	var all sync.WaitGroup
	for name, d := range map[string]time.Duration{"shape.Semaphore.short": 8 * ms, "shape.Semaphore.long": 14 * ms} {
		name, d := name, d
		all.Add(1)
		slots <- struct{}{}
		go func() {
			defer all.Done()
			h := g.Begin(context.Background(), name)
			h.In("sleep", func() { time.Sleep(d) })
			<-slots
			h.End()
		}()
	}
	time.Sleep(ms)
	w := g.Begin(context.Background(), "shape.Semaphore").Alone()
	w.In("chan", func() { slots <- struct{}{} })
	<-slots
	w.End()
	w.Path("chan", "schedWait")
	w.Path("sleep")
	w.Blame("chan", "shape.Semaphore.short", "sleep", "")
	all.Wait()
}

// calls lets callers of one key share one call, as singleflight does.
type calls struct {
	mu      sync.Mutex
	pending map[string]*sync.WaitGroup
}

func (c *calls) do(key string, call func()) {
	c.mu.Lock()
	if shared, ok := c.pending[key]; ok {
		c.mu.Unlock()
		shared.Wait()
		return
	}
	var mine sync.WaitGroup
	mine.Add(1)
	c.pending[key] = &mine
	c.mu.Unlock()
	call()
	c.mu.Lock()
	delete(c.pending, key)
	c.mu.Unlock()
	mine.Done()
}

// sharedCall waits for the call of another task that asked for the same before.
func sharedCall(g *Ground) {
	shared := calls{pending: map[string]*sync.WaitGroup{}}
	var all sync.WaitGroup
	all.Add(3)
	go func() {
		defer all.Done()
		first := g.Begin(context.Background(), "shape.SharedCall.first")
		first.In("syscall", func() { shared.do("price", func() { nanosleep(9 * ms) }) })
		first.End()
		first.Path("syscall", "schedWait")
	}()
	time.Sleep(2 * ms)
	for _, name := range []string{"shape.SharedCall", "shape.SharedCall.third"} {
		name := name
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), name).Alone()
			w.In("lock", func() { shared.do("price", nothing) })
			w.End()
			w.Path("lock", "schedWait")
			w.Blame("lock", "shape.SharedCall.first", "syscall", "waitGroup")
		}()
	}
	all.Wait()
}

// once waits for another task's initialisation.
func once(g *Ground) {
	var first sync.Once
	begun := make(chan struct{})
	done := make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), "shape.Once.first")
		h.In("sleep", func() {
			first.Do(func() {
				close(begun)
				time.Sleep(8 * ms)
			})
		})
		h.End()
		h.Path("sleep", "schedWait")
		close(done)
	}()
	<-begun
	w := g.Begin(context.Background(), "shape.Once").Alone()
	w.In("lock", func() { first.Do(nothing) })
	w.End()
	w.Path("lock", "schedWait")
	w.Blame("lock", "shape.Once.first", "sleep", "once")
	<-done
}

// broadcast wakes three tasks that wait for a condition; each holds its mutex for a while in turn.
func broadcast(g *Ground) {
	var lock sync.Mutex
	ready := false
	condition := sync.NewCond(&lock)
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "shape.Broadcast").Alone()
			lock.Lock()
			w.To("lock")
			for !ready {
				condition.Wait()
			}
			w.To("exec")
			spin(ms)
			lock.Unlock()
			w.End()
			w.Path("lock", "schedWait")
			w.Blame("lock", "shape.Broadcast.caller", "exec", "cond")
		}()
	}
	time.Sleep(ms)
	h := g.Begin(context.Background(), "shape.Broadcast.caller")
	h.Spin(8 * ms)
	lock.Lock()
	ready = true
	condition.Broadcast()
	lock.Unlock()
	h.End()
	all.Wait()
}

// contended is three tasks that take one mutex again and again, for a short time each.
func contended(g *Ground) {
	var lock sync.Mutex
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "shape.Contended").Alone()
			for i := 0; i < 10; i++ {
				w.In("lock", lock.Lock)
				spin(ms / 2)
				lock.Unlock()
			}
			w.End()
			w.Path("exec", "lock", "schedWait")
			w.Path("sleep")
		}()
	}
	all.Wait()
}

// backgroundHolder waits for a mutex that a goroutine without a task holds, asleep.
func backgroundHolder(g *Ground) {
	var lock sync.Mutex
	taken := make(chan struct{})
	go func() {
		lock.Lock()
		close(taken)
		time.Sleep(9 * ms)
		lock.Unlock()
	}()
	<-taken
	w := g.Begin(context.Background(), "shape.BackgroundHolder").Alone()
	w.In("lock", lock.Lock)
	w.End()
	w.Path("lock", "schedWait")
	w.Path("sleep")
}

// connections is a driver whose statements take a while on the server.
type connections struct{}

func (connections) Open(string) (driver.Conn, error)    { return connections{}, nil }
func (connections) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements") }
func (connections) Close() error                        { return nil }
func (connections) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }
func (connections) ExecContext(_ context.Context, _ string, _ []driver.NamedValue) (driver.Result, error) {
	time.Sleep(8 * ms)
	return driver.ResultNoRows, nil
}

var registered sync.Once

// connectionPool waits for the only connection of database/sql, which another task uses.
func connectionPool(g *Ground) {
	registered.Do(func() { sql.Register("shapes", connections{}) })
	db, err := sql.Open("shapes", "")
	recorder.Check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	recorder.Check(db.Ping())
	done := make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), "shape.ConnectionPool.first")
		h.In("sleep", func() { db.ExecContext(h.Ctx, "update") })
		h.End()
		h.Path("sleep", "schedWait")
		close(done)
	}()
	time.Sleep(2 * ms)
	w := g.Begin(context.Background(), "shape.ConnectionPool").Alone()
	w.To("chan")
	connection, err := db.Conn(w.Ctx)
	recorder.Check(err)
	w.To("exec")
	spin(ms)
	w.End()
	w.Path("chan", "schedWait")
	w.Path("sleep")
	w.Blame("chan", "shape.ConnectionPool.first", "sleep", "")
	connection.Close()
	<-done
}

// statement gives database/sql a deadline that passes: the driver is left alone.
func statement(g *Ground) {
	db, err := sql.Open("shapes", "")
	recorder.Check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	connection, err := db.Conn(context.Background())
	recorder.Check(err)
	w := g.Begin(context.Background(), "shape.PoolTimeout").Alone()
	ctx, cancel := context.WithTimeout(w.Ctx, 8*ms)
	w.In("sleep", func() { db.ExecContext(ctx, "update") })
	cancel()
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
	connection.Close()
}

// deadline waits until a context's time is over.
func deadline(g *Ground) {
	w := g.Begin(context.Background(), "shape.Deadline").Alone()
	ctx, cancel := context.WithTimeout(w.Ctx, 8*ms)
	never := make(chan int)
	w.To("sleep")
	select {
	case <-never:
	case <-ctx.Done():
	}
	w.To("exec")
	cancel()
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
}

// ticks waits for a ticker, four times.
func ticks(g *Ground) {
	w := g.Begin(context.Background(), "shape.Ticker").Alone()
	ticker := time.NewTicker(3 * ms)
	for i := 0; i < 4; i++ {
		w.In("sleep", func() { <-ticker.C })
		spin(ms / 2)
	}
	ticker.Stop()
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
}

// afterFunc leaves the work to a function that a timer starts, which tells in a region for whom it works.
func afterFunc(g *Ground) {
	w := g.Begin(context.Background(), "shape.AfterFunc")
	done := make(chan struct{})
	w.To("sleep")
	time.AfterFunc(4*ms, func() {
		w.To("exec")
		w.Spin(5 * ms)
		w.To("schedWait")
		close(done)
	})
	<-done
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep")
	w.Path("chan")
}

// flusher waits for a goroutine of nobody that answers all who wait, at each tick.
func flusher(g *Ground) {
	waiting := make(chan chan struct{}, 8)
	stop := make(chan struct{})
	go func() {
		ticker := time.NewTicker(9 * ms)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			for len(waiting) > 0 {
				close(<-waiting)
			}
		}
	}()
	time.Sleep(ms)
	w := g.Begin(context.Background(), "shape.Flusher").Alone()
	mine := make(chan struct{})
	waiting <- mine
	w.In("sleep", func() { <-mine })
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
	close(stop)
}

// actor waits for a goroutine of nobody that keeps a processor busy for it.
func actor(g *Ground) {
	asked, answers := make(chan int), make(chan int)
	go func() {
		for range asked {
			spin(6 * ms)
			answers <- 1
		}
	}()
	w := g.Begin(context.Background(), "shape.Actor").Alone()
	w.In("chan", func() {
		asked <- 1
		<-answers
	})
	w.End()
	w.Path("chan", "schedWait")
	w.Path("sleep")
	close(asked)
}

// pipeServer asks a goroutine of nobody, over a net.Pipe, which sleeps before it answers.
func pipeServer(g *Ground) {
	client, server := net.Pipe()
	go func() {
		var asked [1]byte
		for {
			if _, err := server.Read(asked[:]); err != nil {
				return
			}
			time.Sleep(7 * ms)
			server.Write(asked[:])
		}
	}()
	w := g.Begin(context.Background(), "shape.NetPipe").Alone()
	var answer [1]byte
	client.Write(answer[:])
	w.In("sleep", func() { client.Read(answer[:]) })
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
	client.Close()
}

// readDeadline reads from a connection until its deadline passes: the network poller's wait.
func readDeadline(g *Ground) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	recorder.Check(err)
	defer client.Close()
	w := g.Begin(context.Background(), "shape.ReadDeadline").Alone()
	client.SetReadDeadline(time.Now().Add(8 * ms))
	var answer [1]byte
	w.In("network", func() { client.Read(answer[:]) })
	w.End()
	w.Path("network", "schedWait")
	w.Path("sleep")
}

// httpPool waits for the only connection to a host, which another request uses, and then for its own answer.
func httpPool(g *Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		time.Sleep(8 * ms)
		io.WriteString(response, "done")
	}))
	defer server.Close()
	pool := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	ask := func(ctx context.Context) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		recorder.Check(err)
		response, err := pool.Do(request)
		recorder.Check(err)
		_, err = io.Copy(io.Discard, response.Body)
		recorder.Check(err)
		response.Body.Close()
	}
	ask(context.Background())
	done := make(chan struct{})
	go func() {
		h := g.Begin(context.Background(), "shape.HTTPPool.first")
		h.In("network", func() { ask(h.Ctx) })
		h.End()
		h.Path("network", "schedWait", "exec", "syscall")
		close(done)
	}()
	time.Sleep(2 * ms)
	w := g.Begin(context.Background(), "shape.HTTPPool")
	w.In("network", func() { ask(w.Ctx) })
	w.End()
	w.Path("network", "chan", "schedWait", "exec", "syscall")
	w.Blame("chan", "shape.HTTPPool.first", "network", "")
	<-done
	pool.CloseIdleConnections()
}

// http2 asks twice at once over one connection of HTTP/2.
func http2(g *Ground) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		time.Sleep(12 * ms)
		io.WriteString(response, request.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ask := func(ctx context.Context) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		recorder.Check(err)
		response, err := server.Client().Do(request)
		recorder.Check(err)
		proto, err := io.ReadAll(response.Body)
		recorder.Check(err)
		if !bytes.Equal(proto, []byte("HTTP/2.0")) {
			recorder.Check(errors.New("not HTTP/2: " + string(proto)))
		}
		response.Body.Close()
	}
	ask(context.Background())
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "shape.HTTP2")
			w.In("network", func() { ask(w.Ctx) })
			w.End()
			w.Path("network", "schedWait", "exec", "syscall")
			w.Path("chan")
			w.PathAtLeast(12*ms-ms/2, "network")
		}()
	}
	all.Wait()
}

// threads passes a value to and fro between two goroutines of one task that each have a thread of their own.
func threads(g *Ground) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := g.Begin(context.Background(), "shape.Threads")
	to, fro := make(chan int), make(chan int)
	w.To("schedWait")
	go func() {
		runtime.LockOSThread()
		for range to {
			w.In("exec", func() { spin(ms / 4) })
			fro <- 1
		}
	}()
	for i := 0; i < 10; i++ {
		to <- i
		<-fro
		w.In("exec", func() { spin(ms / 4) })
	}
	w.End()
	w.Path("exec", "schedWait")
	w.Path("chan")
	close(to)
}

// oneProcessor lets three tasks want the only processor, each on a thread of its own: how long each ran its thread tells.
func oneProcessor(g *Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			w := g.Begin(context.Background(), "shape.OneProcessor").Alone()
			used := threadTime()
			for threadTime()-used < 24*ms {
			}
			used = threadTime() - used
			w.End()
			w.Path("exec", "schedWait", "syscall")
			w.PathAtLeast(used, "exec")
			w.Runners("shape.OneProcessor")
		}()
	}
	all.Wait()
}

// process runs another program and waits for it.
func process(g *Ground) {
	w := g.Begin(context.Background(), "shape.Process")
	w.To("syscall")
	recorder.Check(exec.Command("sleep", "0.012").Run())
	w.End()
	w.Path("syscall", "exec", "schedWait")
	w.PathAtLeast(11*ms, "syscall")
}

// file writes to a file and has the system keep it.
func file(g *Ground) {
	f, err := os.CreateTemp("", "shape")
	recorder.Check(err)
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 256<<10)
	w := g.Begin(context.Background(), "shape.File").Alone()
	for i := 0; i < 8; i++ {
		w.In("syscall", func() { f.Write(block) })
	}
	w.In("syscall", func() { f.Sync() })
	w.End()
	w.Path("syscall", "schedWait")
}

// collect asks for a garbage collection and waits for it.
func collect(g *Ground) {
	for i := 0; i < 300_000; i++ {
		kept = &node{next: kept}
	}
	w := g.Begin(context.Background(), "shape.Collect").Alone()
	w.In("gcWait", runtime.GC)
	w.End()
	w.Path("gcWait", "exec", "schedWait")
	w.Path("lock")
	kept = nil
}

// batch waits for a worker that takes three tasks at once and tells in turn for which it works.
func batch(g *Ground) {
	type item struct {
		of   *Work
		done chan struct{}
	}
	items := make(chan item)
	go func() {
		for {
			var taken []item
			for len(taken) < 3 {
				one, ok := <-items
				if !ok {
					return
				}
				taken = append(taken, one)
			}
			for _, one := range taken {
				one.of.Spin(2 * ms)
			}
			for _, one := range taken {
				close(one.done)
			}
		}
	}()
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w := g.Begin(context.Background(), "shape.Batch")
			one := item{w, make(chan struct{})}
			w.To("chan")
			items <- one
			<-one.done
			w.End()
			w.Path("chan", "exec", "schedWait")
			w.WorkAtLeast(2*ms, "exec")
		}()
	}
	all.Wait()
	close(items)
}
