// Package ground runs tasks whose time is known by the program's own clock, records itself meanwhile, and writes down
// what it did: the ground truth of the tests.
//
// A claim says that over a task's path (or over its work, or over its ranges) some states took so long together. States are
// the groups in which people are shown the time. Where the scheduler decides when a goroutine runs again, the claim takes the
// wait for a processor in: no program can know how much of a sleep was the timer's and how much the scheduler's.
package ground

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"time"

	"fixtures/recorder"
	"fixtures/tracer"
)

// Claim is what the program knows of one task.
type Claim struct {
	// View is path, work or range.
	View string `json:"view"`
	// State is the one that the claim is about; States are those that took Ns together.
	State  string   `json:"state"`
	States []string `json:"states"`
	Ns     int64    `json:"ns"`
	// AtLeast tells that it was so long or longer, else it was exactly so long.
	AtLeast bool `json:"atLeast,omitempty"`
	// AtMostNs is the longest that it can have been, where AtLeast tells the shortest; 0 when that is not known.
	AtMostNs int64 `json:"atMostNs,omitempty"`
}

// Blame is who held a task up in its longest wait of a state: the span that held the lock longest, or else ended the wait, and what
// that one did most meanwhile. Lock is the kind of lock.
type Blame struct {
	State     string `json:"state"`
	Name      string `json:"name"`
	Meanwhile string `json:"meanwhile,omitempty"`
	Lock      string `json:"lock,omitempty"`
	// Function is what the goroutine runs where it works for no task: then there is no name.
	Function string `json:"function,omitempty"`
}

// Holding is how long a span held the lock that a task waited for.
type Holding struct {
	Name string `json:"name"`
	Ns   int64  `json:"ns"`
}

// Truth is all that the program knows of one task.
type Truth struct {
	Task   string  `json:"task"`
	Name   string  `json:"name"`
	Claims []Claim `json:"claims"`
	Blames []Blame `json:"blames,omitempty"`
	// Holders are those that held the lock of its longest wait for one, in turn.
	Holders []Holding `json:"holders,omitempty"`
	// Runners are the spans that ran while the task waited for a processor.
	Runners []string `json:"runners,omitempty"`
	// Verdict is a pattern that the sentence on the task's span has to match.
	Verdict string `json:"verdict,omitempty"`
	// Alone tells that the goroutine that began the task did all the work.
	Alone bool `json:"alone,omitempty"`
	// StolenNs is for how long threads of the program were ready to run and the operating system let others run, together: the
	// program's clock goes on then, and the runtime sees nothing of it. No claim is surer than that.
	StolenNs int64 `json:"stolenNs"`
}

// Scenario is one known piece of work, done in its round.
type Scenario func(g *Ground)

// Ground runs scenarios.
type Ground struct {
	Spans  *tracer.Tracer
	mu     sync.Mutex
	truths []*Truth
}

// Work is a task whose time is known. Its methods are for the goroutine that works for it at the moment.
type Work struct {
	Ctx   context.Context
	span  *tracer.Span
	truth *Truth
	g     *Ground
	// What the time is spent with since when, and what was spent before.
	state string
	since time.Time
	spent map[string]time.Duration
	// What the operating system tells of each thread when the task begins.
	delays map[string]int64
}

// Main runs those of each state and the given ones, and records them.
func Main(more ...Scenario) { MainOf("states", append(scenarios(), more...)...) }

// MainOf runs scenarios in a service of a name, and records them.
func MainOf(service string, all ...Scenario) {
	options := recorder.Flags(service, 0)
	rounds := flag.Int("rounds", 2, "how often everything is done")
	flag.Parse()
	spans, err := options.Tracer()
	recorder.Check(err)
	g := &Ground{Spans: spans}
	runtime.GOMAXPROCS(2)
	// Garbage of the recording itself is no part of a scenario.
	debug.SetGCPercent(-1)
	close := g.open()
	defer close()
	// Once unrecorded: connections are dialled, pages are touched, code is read in.
	for _, scenario := range all {
		scenario(g)
	}
	g.truths = nil
	recorder.Check(pprof.StartCPUProfile(io.Discard))
	err = options.Record(func() {
		for round := 0; round < *rounds; round++ {
			for _, scenario := range all {
				scenario(g)
			}
		}
	})
	pprof.StopCPUProfile()
	recorder.Check(err)
	recorder.Check(options.Write(spans))
	recorder.Check(g.write(options.Out + ".ground.jsonl"))
}

func (g *Ground) write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(file)
	for _, truth := range g.truths {
		if err := encoder.Encode(truth); err != nil {
			return err
		}
	}
	return file.Close()
}

// Begin starts a task of its own. From here to End its clock runs: what passes is spent running until To says otherwise.
func (g *Ground) Begin(ctx context.Context, name string) *Work {
	w := &Work{g: g, truth: &Truth{Name: name, Claims: []Claim{}}, state: "exec", spent: map[string]time.Duration{}}
	w.delays = threadDelays()
	w.Ctx, w.span = g.Spans.Start(ctx, name, tracer.Internal)
	w.since = time.Now()
	w.truth.Task = strconv.FormatUint(w.span.TaskID(), 10)
	return w
}

// End stops the clock, ends the task and keeps its claims.
func (w *Work) End() {
	w.To("")
	w.span.End()
	for thread, ns := range threadDelays() {
		w.truth.StolenNs += ns - w.delays[thread]
	}
	w.g.mu.Lock()
	w.g.truths = append(w.g.truths, w.truth)
	w.g.mu.Unlock()
}

// To says what the time is spent with from now on. It may be called on each goroutine that the work passes to.
func (w *Work) To(state string) { w.ToAt(state, time.Now()) }

// ToAt says it of an earlier moment.
func (w *Work) ToAt(state string, at time.Time) {
	w.spent[w.state] += at.Sub(w.since)
	w.since, w.state = at, state
}

// In does something that is spent with one state.
func (w *Work) In(state string, do func()) {
	before := w.state
	w.To(state)
	do()
	w.To(before)
}

// Alone says that no other goroutine worked for the task.
func (w *Work) Alone() *Work { w.truth.Alone = true; return w }

// Path claims what the clock says of states on the task's path.
func (w *Work) Path(state string, with ...string) {
	w.claim("path", w.sum(state, with), false, state, with)
}

// Within claims that all of a task's time is spent with these states together, beside its own work.
func (w *Work) Within(state string, with ...string) {
	w.Path(state, append(with, "schedWait", "exec")...)
}

// PathOrMore claims what the clock says of states, or more: a wait for a processor is in what it says of another state too, as that of a
// worker in what it waits for.
func (w *Work) PathOrMore(state string, with ...string) {
	w.claim("path", w.sum(state, with), true, state, with)
}

// PathAtLeast claims that a state took so long or longer.
func (w *Work) PathAtLeast(d time.Duration, state string) { w.claim("path", d, true, state, nil) }

// WorkAtLeast claims the time of all goroutines that worked for the task.
func (w *Work) WorkAtLeast(d time.Duration, state string) { w.claim("work", d, true, state, nil) }

// RangeBetween claims time within one of the collector's ranges.
func (w *Work) RangeBetween(least, most time.Duration, name string) {
	w.claim("range", least, true, name, nil)
	w.truth.Claims[len(w.truth.Claims)-1].AtMostNs = most.Nanoseconds()
}

func (w *Work) sum(state string, with []string) time.Duration {
	sum := w.spent[state]
	for _, other := range with {
		sum += w.spent[other]
	}
	return sum
}

func (w *Work) claim(view string, d time.Duration, atLeast bool, state string, with []string) {
	w.truth.Claims = append(w.truth.Claims, Claim{view, state, append([]string{state}, with...), d.Nanoseconds(), atLeast, 0})
}

// Blame says who held the task up in its longest wait of a state; lock is "" where it was none.
func (w *Work) Blame(state, name, meanwhile, lock string) {
	w.truth.Blames = append(w.truth.Blames, Blame{state, name, meanwhile, lock, ""})
}

// BlameNobody says that a goroutine which works for no task held the task up in its longest wait of a state, and which function that one runs.
func (w *Work) BlameNobody(state, function, meanwhile, lock string) {
	w.truth.Blames = append(w.truth.Blames, Blame{state, "", meanwhile, lock, function})
}

// Runners says who ran while the task waited for a processor.
func (w *Work) Runners(names ...string) { w.truth.Runners = append(w.truth.Runners, names...) }

// Verdict says what the sentence on the task's span has to say, as a pattern. Whether something was nearly all that another one did is a matter of
// how busy the machine was as well.
func (w *Work) Verdict(pattern string) {
	w.truth.Verdict = strings.ReplaceAll(pattern, "which was ", "which was (mostly )?")
}

// Begun begins a task of its own on a goroutine of its own, and returns once that one says that it is ready, or is done. What is returned is closed
// when it is over.
func (g *Ground) Begun(name string, do func(w *Work, ready func())) <-chan struct{} {
	done, began := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ready := func() { once.Do(func() { close(began) }) }
	go func() {
		defer close(done)
		defer ready()
		do(g.Begin(context.Background(), name), ready)
	}()
	<-began
	return done
}

// Ended waits for all of them.
func Ended(all ...<-chan struct{}) {
	for _, one := range all {
		<-one
	}
}

// Pair is the two ends of a connection: of who asked for it, and of who was asked.
func Pair() (net.Conn, net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	defer listener.Close()
	asked, err := net.Dial("tcp", listener.Addr().String())
	recorder.Check(err)
	accepted, err := listener.Accept()
	recorder.Check(err)
	return asked, accepted
}

// Busy keeps a processor busy, without a region.
//
//go:noinline
func Busy(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// Spin keeps a processor busy, in a region.
func (w *Work) Spin(d time.Duration) {
	defer trace.StartRegion(w.Ctx, "spin").End()
	spin(d)
}

//go:noinline
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
