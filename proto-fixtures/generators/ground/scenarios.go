package ground

import (
	"context"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"fixtures/recorder"
)

const ms = time.Millisecond

// scenarios are those that need no other package than Go's own.
func scenarios() []Scenario {
	return []Scenario{
		asleep, timer, onCPU, mutex, mutexOfSleeper, queue, nested, readers, fileLock, readLock, waitGroup, condition, channel, systemCall,
		fanOut, fanOutOfTasks, pool, poolTaken, keepAlive, assist, saturated,
	}
}

func asleep(g *Ground) {
	w := g.Begin(context.Background(), "ground.Sleep").Alone()
	w.Spin(2 * ms)
	w.In("sleep", func() { time.Sleep(10 * ms) })
	w.End()
	w.Path("exec")
	w.Path("sleep", "schedWait")
	w.PathAtLeast(10*ms, "sleep")
}

// timer waits for the channel of a timer.
func timer(g *Ground) {
	w := g.Begin(context.Background(), "ground.Timer").Alone()
	never := make(chan int)
	began := time.Now()
	// To set it this goroutine may have to wake a thread that waits for a later one.
	after := time.After(8 * ms)
	w.To("sleep")
	waited := w.since
	select {
	case <-never:
	case <-after:
	}
	w.End()
	w.Path("sleep", "schedWait")
	w.PathAtLeast(8*ms-waited.Sub(began), "sleep")
	w.Path("chan")
}

// onCPU spins. The clock of its own thread goes on only while the thread runs, whatever else the machine has to do.
func onCPU(g *Ground) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := g.Begin(context.Background(), "ground.CPU").Alone()
	before := threadTime()
	w.Spin(40 * ms)
	used := threadTime() - before
	w.End()
	w.Path("exec", "schedWait")
	w.PathAtLeast(used, "exec")
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	const ofThread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	if err := syscall.Getrusage(ofThread, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// held lets one task hold something for a while and another wait for it: take, hold and release are called by the holder, wait
// and leave by the waiter.
func held(g *Ground, name, state, meanwhile, lock string, take, release, wait, leave func(), hold func()) {
	holds, waiting := make(chan struct{}), make(chan struct{})
	var at time.Time
	left := make(chan struct{})
	go func() {
		defer close(left)
		h := g.Begin(context.Background(), name+".holder")
		take()
		close(holds)
		h.In("chan", func() { <-waiting })
		h.In(meanwhile, hold)
		at = time.Now()
		release()
		h.End()
		h.Path(meanwhile, "chan", "schedWait")
	}()
	<-holds
	w := g.Begin(context.Background(), name).Alone()
	// Where the holder has to be woken on a thread that sleeps, this goroutine runs until the system has woken that thread.
	close(waiting)
	w.To(state)
	wait()
	resumed := time.Now()
	w.ToAt("schedWait", at)
	w.ToAt("exec", resumed)
	leave()
	w.End()
	w.Path(state)
	w.Path(state, "schedWait")
	w.Blame(state, name+".holder", meanwhile, lock)
	<-left
}

func nothing() {}

func busy() { spin(8 * ms) }

func mutex(g *Ground) {
	var lock sync.Mutex
	held(g, "ground.Mutex", "lock", "exec", "mutex", lock.Lock, lock.Unlock, lock.Lock, lock.Unlock, busy)
}

func mutexOfSleeper(g *Ground) {
	var lock sync.Mutex
	held(g, "ground.MutexOfSleeper", "lock", "sleep", "mutex", lock.Lock, lock.Unlock, lock.Lock, lock.Unlock, func() { time.Sleep(8 * ms) })
}

// turn is when a span held a lock.
type turn struct {
	name     string
	from, to time.Time
}

// holders tells for how long each of several held the lock within a wait.
func holders(turns []turn, asked, got time.Time) (all []Holding) {
	for _, one := range turns {
		from, to := one.from, one.to
		if from.Before(asked) {
			from = asked
		}
		if to.After(got) {
			to = got
		}
		if to.After(from) {
			all = append(all, Holding{one.name, to.Sub(from).Nanoseconds()})
		}
	}
	return all
}

// inTurn lets tasks queue for a lock one after the other while the first of them holds it, and hold it each in its turn. Each does
// its own thing meanwhile.
func inTurn(g *Ground, name, lock string, first *member, queued ...*member) {
	var done sync.WaitGroup
	// Each is written by who holds the lock.
	var turns []turn
	var mu sync.Mutex
	var ended []func()
	hold := func(w *Work, m *member, from time.Time) {
		w.In(m.state, m.do)
		// Who waits long is handed the lock: it has it from then on, whenever it gets a processor.
		if len(turns) > 0 {
			from = turns[len(turns)-1].to
		}
		turns = append(turns, turn{m.name, from, from})
		turns[len(turns)-1].to = time.Now()
		m.release()
	}
	h := g.Begin(context.Background(), first.name)
	first.take()
	from := time.Now()
	for _, m := range queued {
		m := m
		done.Add(1)
		go func() {
			defer done.Done()
			w := g.Begin(context.Background(), m.name)
			asked := time.Now()
			w.To("lock")
			m.take()
			got := time.Now()
			w.To("exec")
			hold(w, m, got)
			w.End()
			mu.Lock()
			ended = append(ended, func() {
				w.truth.Holders = holders(turns, asked, got)
				most := w.truth.Holders[0]
				for _, one := range w.truth.Holders {
					if one.Ns > most.Ns {
						most = one
					}
				}
				for _, one := range append(queued, first) {
					if one.name == most.Name {
						w.Blame("lock", one.name, one.state, lock)
					}
				}
				w.Path("lock", "schedWait")
			})
			mu.Unlock()
		}()
		h.In("sleep", func() { time.Sleep(2 * ms) })
	}
	hold(h, first, from)
	h.End()
	done.Wait()
	for _, tell := range ended {
		tell()
	}
}

// member is one that holds the lock of inTurn.
type member struct {
	name, state   string
	take, release func()
	do            func()
}

// queue lets four tasks wait for one mutex. The last of them waits longest for the third, which is not the first holder.
func queue(g *Ground) {
	var lock sync.Mutex
	m := func(name, state string, do func()) *member {
		return &member{"ground.Queue." + name, state, lock.Lock, lock.Unlock, do}
	}
	inTurn(g, "ground.Queue", "mutex", m("holder", "sleep", func() { time.Sleep(3 * ms) }),
		m("first", "exec", func() { spin(2 * ms) }), m("second", "sleep", func() { time.Sleep(ms) }),
		m("third", "syscall", func() { nanosleep(8 * ms) }), m("last", "exec", nothing))
}

// readers lets a reader wait behind a writer, which waits for a reader: the first reader holds both up.
func readers(g *Ground) {
	var lock sync.RWMutex
	inTurn(g, "ground.Readers", "rwMutex",
		&member{"ground.Readers.report", "sleep", lock.RLock, lock.RUnlock, func() { time.Sleep(5 * ms) }},
		&member{"ground.Readers.writer", "exec", lock.Lock, lock.Unlock, func() { spin(2 * ms) }},
		&member{"ground.Readers.reader", "exec", lock.RLock, lock.RUnlock, nothing})
}

// nested holds one mutex while it waits for another: who waits for the first is held up by it alone.
func nested(g *Ground) {
	var outer, inner sync.Mutex
	var done sync.WaitGroup
	done.Add(2)
	x := g.Begin(context.Background(), "ground.Nested.inner")
	inner.Lock()
	released := make(chan time.Time, 1)
	go func() {
		defer done.Done()
		h := g.Begin(context.Background(), "ground.Nested.holder")
		outer.Lock()
		h.To("lock")
		inner.Lock()
		h.To("exec")
		inner.Unlock()
		h.In("exec", func() { spin(ms) })
		released <- time.Now()
		outer.Unlock()
		h.End()
		h.Path("lock", "schedWait")
		h.Blame("lock", "ground.Nested.inner", "sleep", "mutex")
	}()
	x.In("sleep", func() { time.Sleep(2 * ms) })
	go func() {
		defer done.Done()
		w := g.Begin(context.Background(), "ground.Nested").Alone()
		asked := time.Now()
		w.To("lock")
		outer.Lock()
		w.To("exec")
		outer.Unlock()
		w.End()
		w.Path("lock", "schedWait")
		w.truth.Holders = []Holding{{"ground.Nested.holder", (<-released).Sub(asked).Nanoseconds()}}
		w.Blame("lock", "ground.Nested.holder", "lock", "mutex")
	}()
	x.In("sleep", func() { time.Sleep(6 * ms) })
	inner.Unlock()
	x.End()
	done.Wait()
}

// fileLock writes to a pipe that is full, and another task writes to it too: the second waits until the first has written.
func fileLock(g *Ground) {
	reader, writer, err := os.Pipe()
	recorder.Check(err)
	defer reader.Close()
	defer writer.Close()
	block := make([]byte, 64<<10)
	_, err = writer.Write(block)
	recorder.Check(err)
	var done sync.WaitGroup
	done.Add(2)
	go func() {
		defer done.Done()
		h := g.Begin(context.Background(), "ground.FileLock.holder")
		h.In("network", func() { writer.Write(block[:4<<10]) })
		h.End()
		h.Path("network", "schedWait")
	}()
	time.Sleep(2 * ms)
	go func() {
		defer done.Done()
		w := g.Begin(context.Background(), "ground.FileLock").Alone()
		w.In("lock", func() { writer.Write(block[:1]) })
		w.End()
		w.Path("lock", "schedWait")
		w.Blame("lock", "ground.FileLock.holder", "network", "file")
	}()
	time.Sleep(8 * ms)
	for room := len(block); room > 0; {
		n, err := reader.Read(block)
		recorder.Check(err)
		room -= n
	}
	done.Wait()
}

func readLock(g *Ground) {
	var lock sync.RWMutex
	held(g, "ground.RWMutex", "lock", "exec", "rwMutex", lock.Lock, lock.Unlock, lock.RLock, lock.RUnlock, busy)
}

func waitGroup(g *Ground) {
	var group sync.WaitGroup
	group.Add(1)
	held(g, "ground.WaitGroup", "lock", "syscall", "waitGroup", nothing, group.Done, group.Wait, nothing, func() { nanosleep(8 * ms) })
}

func condition(g *Ground) {
	var lock sync.Mutex
	condition := sync.NewCond(&lock)
	lock.Lock()
	signal := func() {
		lock.Lock()
		condition.Signal()
		lock.Unlock()
	}
	held(g, "ground.Cond", "lock", "exec", "cond", nothing, signal, condition.Wait, lock.Unlock, busy)
}

func channel(g *Ground) {
	values := make(chan int)
	held(g, "ground.Channel", "chan", "exec", "", nothing, func() { values <- 1 }, func() { <-values }, nothing, busy)
}

func systemCall(g *Ground) {
	w := g.Begin(context.Background(), "ground.Syscall").Alone()
	w.In("syscall", func() { nanosleep(12 * ms) })
	w.End()
	w.Path("syscall", "schedWait")
	w.PathAtLeast(12*ms, "syscall")
}

// Nanosleep is nanosleep, for other packages.
func Nanosleep(d time.Duration) { nanosleep(d) }

// nanosleep sleeps without the runtime's knowing, however often a signal wakes it.
func nanosleep(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		pause := syscall.NsecToTimespec(time.Until(end).Nanoseconds())
		syscall.Nanosleep(&pause, nil)
	}
}

// fanOut waits for three goroutines; the second takes longest, and the path leads over it.
func fanOut(g *Ground) {
	w := g.Begin(context.Background(), "ground.FanOut")
	var all sync.WaitGroup
	all.Add(3)
	go func() {
		defer all.Done()
		time.Sleep(3 * ms)
	}()
	w.To("schedWait")
	go func() {
		w.To("exec")
		w.Spin(2 * ms)
		w.In("sleep", func() { time.Sleep(12 * ms) })
		w.To("schedWait")
		all.Done()
	}()
	go func() {
		defer all.Done()
		nanosleep(4 * ms)
	}()
	all.Wait()
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "exec", "schedWait")
	w.PathAtLeast(12*ms, "sleep")
	w.Path("lock")
	w.WorkAtLeast(4*ms, "syscall")
	w.WorkAtLeast(15*ms, "sleep")
}

// fanOutOfTasks gives each of two goroutines a task of its own, below the one that waits.
func fanOutOfTasks(g *Ground) {
	w := g.Begin(context.Background(), "ground.Group")
	var all sync.WaitGroup
	all.Add(2)
	go func() {
		defer all.Done()
		m := g.Begin(w.Ctx, "ground.Group.member")
		m.Spin(3 * ms)
		m.End()
		m.Path("exec", "schedWait")
	}()
	w.To("schedWait")
	go func() {
		w.To("exec")
		m := g.Begin(w.Ctx, "ground.Group.member")
		w.In("sleep", func() { m.In("sleep", func() { time.Sleep(10 * ms) }) })
		m.End()
		m.Path("sleep", "schedWait")
		w.To("schedWait")
		all.Done()
	}()
	all.Wait()
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "exec", "schedWait")
	w.PathAtLeast(10*ms, "sleep")
	w.Path("lock")
}

// A job is done by a worker that was there before its task.
type job struct {
	of   *Work
	do   func(*Work)
	done chan struct{}
}

var jobs, single chan job

// open starts what lives longer than a task: two workers, a third for a channel of its own, and a server.
func (g *Ground) open() (close func()) {
	jobs, single = make(chan job), make(chan job)
	for _, from := range []chan job{jobs, jobs, single} {
		go work(from)
	}
	return openServer(g)
}

// work does the jobs of many tasks, one after the other.
func work(from chan job) {
	for one := range from {
		one.of.To("exec")
		one.do(one.of)
		one.of.To("schedWait")
		close(one.done)
	}
}

// pool hands the work over to a worker.
func pool(g *Ground) {
	w := g.Begin(context.Background(), "ground.Pool")
	one := job{of: w, done: make(chan struct{}), do: func(w *Work) {
		w.Spin(4 * ms)
		w.In("sleep", func() { time.Sleep(8 * ms) })
		w.Spin(ms / 10)
	}}
	w.To("schedWait")
	jobs <- one
	<-one.done
	w.To("exec")
	w.End()
	w.Path("exec", "schedWait")
	w.Path("sleep", "exec", "schedWait")
	w.Path("chan")
}

// poolTaken waits for the only worker, which is at work for another task.
func poolTaken(g *Ground) {
	var both sync.WaitGroup
	both.Add(1)
	taken, asked := make(chan struct{}), make(chan struct{})
	go func() {
		defer both.Done()
		first := g.Begin(context.Background(), "ground.PoolTaken.first")
		one := job{of: first, done: make(chan struct{}), do: func(w *Work) {
			w.Spin(0)
			close(taken)
			w.In("chan", func() { <-asked })
			w.Spin(9 * ms)
		}}
		first.To("schedWait")
		single <- one
		<-one.done
		first.To("exec")
		first.End()
		first.Path("exec", "chan", "schedWait")
	}()
	<-taken
	w := g.Begin(context.Background(), "ground.PoolTaken")
	one := job{of: w, done: make(chan struct{}), do: func(w *Work) { w.Spin(3 * ms) }}
	close(asked)
	w.To("chan")
	single <- one
	<-one.done
	w.To("exec")
	w.End()
	w.Path("chan")
	// While the worker is at work already, the one that handed over may still wait for a processor to block again.
	w.Path("exec", "schedWait")
	w.Blame("chan", "ground.PoolTaken.first", "exec", "")
	both.Wait()
}

// saturated yields again and again while four others want the two processors.
func saturated(g *Ground) {
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			s := g.Begin(context.Background(), "ground.Saturated.runner")
			defer s.End()
			for {
				select {
				case <-stop:
					return
				default:
					spin(ms / 4)
				}
			}
		}()
	}
	time.Sleep(5 * ms)
	w := g.Begin(context.Background(), "ground.Saturated").Alone()
	for i := 0; i < 4; i++ {
		w.In("schedWait", runtime.Gosched)
	}
	w.End()
	close(stop)
	all.Wait()
	w.Path("schedWait")
	w.Runners("ground.Saturated.runner")
}
