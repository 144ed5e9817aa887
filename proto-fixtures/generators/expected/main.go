//go:build goreader

// Command expected writes what Go's own reader says of a capture: the expected results of the tests.
//
// Usage: expected [-spans FILE] [-truth FILE] [-good FILE] CAPTURE
//
// The object goes to standard output, in the shapes of `subspan analyze --format json` where they overlap; times count
// from the first event's. Parts of a breakdown that are zero are left out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"

	"goreader/trace"
)

type breakdown struct {
	TotalNs        int64            `json:"totalNs"`
	ExecNs         int64            `json:"execNs,omitempty"`
	SchedWaitNs    int64            `json:"schedWaitNs,omitempty"`
	SyscallNs      int64            `json:"syscallNs,omitempty"`
	SyscallBlockNs int64            `json:"syscallBlockNs,omitempty"`
	BlockNs        map[string]int64 `json:"blockNs,omitempty"`
	UnknownNs      int64            `json:"unknownNs,omitempty"`
	RangeNs        map[string]int64 `json:"rangeNs,omitempty"`
	GCOverlapNs    int64            `json:"gcOverlapNs,omitempty"`
}

type logRecord struct {
	TimeNs    int64  `json:"timeNs"`
	Goroutine int64  `json:"goroutine"`
	Category  string `json:"category"`
	Message   string `json:"message"`
}

type region struct {
	Name      string `json:"name"`
	Goroutine int64  `json:"goroutine"`
	StartNs   *int64 `json:"startNs"`
	EndNs     *int64 `json:"endNs"`
	// GoroutineExit tells that the end is not the region's own but that of its goroutine.
	GoroutineExit bool      `json:"goroutineExit,omitempty"`
	Breakdown     breakdown `json:"breakdown"`
}

type task struct {
	ID       string  `json:"id"`
	ParentID *string `json:"parentId"`
	Name     string  `json:"name"`
	StartNs  *int64  `json:"startNs"`
	// EndNs is the first end, LaterEnds counts the others.
	EndNs          *int64 `json:"endNs"`
	LaterEnds      int    `json:"laterEnds,omitempty"`
	StartGoroutine *int64 `json:"startGoroutine"`
	EndGoroutine   *int64 `json:"endGoroutine"`
	// Annotating are the goroutines that began, ended or logged in the task or had a region of it.
	Annotating []int64     `json:"annotatingGoroutines"`
	Logs       []logRecord `json:"logs"`
	Regions    []region    `json:"regions"`
	// StartGoroutineBreakdown is the starting goroutine's record from the task's start to its end; null when the
	// task ended on another goroutine or one of the two is unknown.
	StartGoroutineBreakdown *breakdown `json:"startGoroutineBreakdown"`
	GCOverlapNs             int64      `json:"gcOverlapNs,omitempty"`
}

type goroutine struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	SeenNs    int64     `json:"seenNs"`
	StartNs   *int64    `json:"startNs"`
	EndNs     *int64    `json:"endNs"`
	Breakdown breakdown `json:"breakdown"`
}

type snapshot struct {
	TraceNs     int64  `json:"traceNs"`
	UnixNs      string `json:"unixNs"`
	MonotonicNs string `json:"monotonicNs"`
}

type captureInfo struct {
	File           string         `json:"file"`
	Header         string         `json:"header"`
	Bytes          int            `json:"bytes"`
	Events         int            `json:"events"`
	EventsByKind   map[string]int `json:"eventsByKind"`
	OriginNs       string         `json:"originNs"`
	DurationNs     int64          `json:"durationNs"`
	WallOffsetNs   *string        `json:"wallOffsetNs"`
	ClockSnapshots []snapshot     `json:"clockSnapshots"`
	GCPhases       [][2]int64     `json:"gcPhases"`
	Reader         string         `json:"reader"`
	ReadError      *string        `json:"readError"`
}

func main() {
	spansFile := flag.String("spans", "", "the spans, OTLP JSON lines")
	truthFile := flag.String("truth", "", "what the recording program knew of its spans' tasks")
	goodFile := flag.String("good", "", "where to write the trace that shows best why it was slow")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: expected [-spans FILE] [-truth FILE] [-good FILE] CAPTURE")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *spansFile, *truthFile, *goodFile); err != nil {
		fmt.Fprintf(os.Stderr, "expected: %s: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

func run(captureFile, spansFile, truthFile, goodFile string) error {
	body, err := os.ReadFile(captureFile)
	if err != nil {
		return err
	}
	r := read(body)
	r.info.File = filepath.Base(captureFile)
	out := bufio.NewWriter(os.Stdout)
	field := func(name string, value any) error {
		text, err := marshal(value)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%q: %s", name, text)
		return err
	}
	list := func(name string, n int, at func(int) any) error {
		fmt.Fprintf(out, ",\n%q: [", name)
		for i := 0; i < n; i++ {
			text, err := marshal(at(i))
			if err != nil {
				return err
			}
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(out, "\n%s", text)
		}
		out.WriteString("]")
		return nil
	}
	out.WriteString("{")
	if err := field("capture", r.info); err != nil {
		return err
	}
	tasks := r.tasks()
	if err := list("tasks", len(tasks), func(i int) any { return tasks[i] }); err != nil {
		return err
	}
	goroutines := r.goroutines()
	if err := list("goroutines", len(goroutines), func(i int) any { return goroutines[i] }); err != nil {
		return err
	}
	if spansFile != "" {
		joined, err := joinSpans(r, tasks, spansFile, truthFile)
		if err != nil {
			return err
		}
		if err := list("matches", len(joined.matches), func(i int) any { return joined.matches[i] }); err != nil {
			return err
		}
		if err := list("unmatched", len(joined.unmatched), func(i int) any { return joined.unmatched[i] }); err != nil {
			return err
		}
		if len(joined.beyond) > 0 {
			if err := list("beyondReadError", len(joined.beyond), func(i int) any { return joined.beyond[i] }); err != nil {
				return err
			}
		}
		if goodFile != "" {
			if err := writeGood(goodFile, r, tasks, joined); err != nil {
				return err
			}
		}
	}
	out.WriteString("}\n")
	return out.Flush()
}

func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(text.Bytes(), "\n"), nil
}

// ending is one end of a task.
type ending struct {
	at        trace.Time
	goroutine trace.GoID
}

// opening is the record of the goroutine that began a task, when it did.
type opening struct {
	at        trace.Time
	goroutine trace.GoID
	stats     trace.GoroutineExecStats
}

// wake is one goroutine ending the wait of another.
type wake struct {
	at            trace.Time
	sleeper       trace.GoID
	waker         trace.GoID
	waitedNs      int64
	waitingReason string
}

// reading is all that was learned in one pass.
type reading struct {
	info   captureInfo
	origin trace.Time
	// last is the time of the last event of the capture's bytes, end that of the Sync with which the reader closes it.
	last     trace.Time
	end      trace.Time
	summary  *trace.Summary
	names    map[trace.TaskID]string
	openings map[trace.TaskID]opening
	endings  map[trace.TaskID][]ending
	own      map[trace.TaskID]trace.GoroutineExecStats
	wakes    []wake
}

func read(body []byte) *reading {
	r := &reading{
		names: map[trace.TaskID]string{}, openings: map[trace.TaskID]opening{},
		endings: map[trace.TaskID][]ending{}, own: map[trace.TaskID]trace.GoroutineExecStats{},
	}
	r.info = captureInfo{
		Header: headerOf(body), Bytes: len(body), EventsByKind: map[string]int{}, OriginNs: "0",
		ClockSnapshots: []snapshot{}, GCPhases: [][2]int64{}, Reader: "internal/trace of " + runtime.Version(),
	}
	summarizer := trace.NewSummarizer()
	if err := r.pass(body, summarizer); err != nil {
		text := err.Error()
		r.info.ReadError = &text
	}
	r.summary = summarizer.Finalize()
	r.info.DurationNs = int64(r.last - r.origin)
	return r
}

func headerOf(body []byte) string {
	head := body[:min(16, len(body))]
	if !bytes.HasPrefix(head, []byte("go 1.")) {
		return ""
	}
	return strings.TrimRight(string(head), "\x00")
}

func (r *reading) pass(body []byte, summarizer *trace.Summarizer) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("the reader panicked: %v", panicked)
		}
	}()
	reader, err := trace.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	markingSince := trace.Time(-1)
	lastSync := trace.Time(0)
	asleep := map[trace.GoID]wake{}
	for {
		read, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			if markingSince >= 0 {
				r.info.GCPhases = append(r.info.GCPhases, [2]int64{int64(markingSince - r.origin), int64(r.end - r.origin)})
			}
			return nil
		}
		if err != nil {
			return err
		}
		// The Summarizer keeps pointers to events.
		event := new(trace.Event)
		*event = read
		at := event.Time()
		if r.info.Events == 0 {
			r.origin = at
			r.info.OriginNs = strconv.FormatInt(int64(at), 10)
		}
		// The Sync with which the reader ends a capture is not in its bytes.
		if event.Kind() != trace.EventSync || r.last == 0 {
			r.last = at
		}
		r.end = at
		r.info.Events++
		r.info.EventsByKind[event.Kind().String()]++
		summarizer.Event(event)
		switch event.Kind() {
		case trace.EventSync:
			lastSync = at
			if clock := event.Sync().ClockSnapshot; clock != nil {
				unix := clock.Wall.UnixNano()
				r.info.ClockSnapshots = append(r.info.ClockSnapshots, snapshot{
					int64(clock.Trace - r.origin), strconv.FormatInt(unix, 10), strconv.FormatUint(clock.Mono, 10),
				})
				if r.info.WallOffsetNs == nil {
					offset := strconv.FormatInt(unix-int64(clock.Trace-r.origin), 10)
					r.info.WallOffsetNs = &offset
				}
			}
		case trace.EventRangeBegin, trace.EventRangeActive:
			if event.Range().Name == "GC concurrent mark phase" && markingSince < 0 {
				markingSince = at
				if event.Kind() == trace.EventRangeActive {
					// As the Summarizer does: what was active when a generation began counts from its Sync.
					markingSince = lastSync
				}
			}
		case trace.EventRangeEnd:
			if event.Range().Name == "GC concurrent mark phase" && markingSince >= 0 {
				r.info.GCPhases = append(r.info.GCPhases, [2]int64{int64(markingSince - r.origin), int64(at - r.origin)})
				markingSince = -1
			}
		case trace.EventTaskBegin:
			t := event.Task()
			r.names[t.ID] = t.Type
			if stats, known := summarizer.Snapshot(event.Goroutine()); known {
				r.openings[t.ID] = opening{at, event.Goroutine(), stats}
			}
		case trace.EventTaskEnd:
			t := event.Task()
			if r.names[t.ID] == "" {
				r.names[t.ID] = t.Type
			}
			if begun, known := r.openings[t.ID]; known && len(r.endings[t.ID]) == 0 && begun.goroutine == event.Goroutine() {
				if stats, known := summarizer.Snapshot(event.Goroutine()); known {
					r.own[t.ID] = stats.Since(begun.stats)
				}
			}
			r.endings[t.ID] = append(r.endings[t.ID], ending{at, event.Goroutine()})
		case trace.EventStateTransition:
			change := event.StateTransition()
			if change.Resource.Kind != trace.ResourceGoroutine {
				break
			}
			id := change.Resource.Goroutine()
			from, to := change.Goroutine()
			switch {
			case to == trace.GoWaiting && from != to:
				asleep[id] = wake{at: at, sleeper: id, waitingReason: change.Reason}
			case from == trace.GoWaiting && from != to:
				if w, known := asleep[id]; known {
					w.waitedNs, w.at, w.waker = int64(at-w.at), at, event.Goroutine()
					r.wakes = append(r.wakes, w)
					delete(asleep, id)
				}
			}
		}
	}
}

func (r *reading) since(at trace.Time) *int64 {
	ns := int64(at - r.origin)
	return &ns
}

func (r *reading) timeOf(event *trace.Event) *int64 {
	if event == nil {
		return nil
	}
	return r.since(event.Time())
}

// gcOverlap is how much of a stretch lies in concurrent mark phases; what is open counts to the capture's ends.
func (r *reading) gcOverlap(start, end *int64) int64 {
	from, to := int64(0), int64(r.end-r.origin)
	if start != nil {
		from = *start
	}
	if end != nil {
		to = *end
	}
	var sum int64
	for _, phase := range r.info.GCPhases {
		if overlap := min(to, phase[1]) - max(from, phase[0]); overlap > 0 {
			sum += overlap
		}
	}
	return sum
}

func (r *reading) breakdown(stats trace.GoroutineExecStats, start, end *int64) breakdown {
	b := breakdown{
		TotalNs: int64(stats.TotalTime), ExecNs: int64(stats.ExecTime), SchedWaitNs: int64(stats.SchedWaitTime),
		SyscallNs: int64(stats.SyscallTime), SyscallBlockNs: int64(stats.SyscallBlockTime), UnknownNs: int64(stats.UnknownTime()),
		BlockNs: map[string]int64{}, RangeNs: map[string]int64{}, GCOverlapNs: r.gcOverlap(start, end),
	}
	for reason, d := range stats.BlockTimeByReason {
		if d != 0 {
			b.BlockNs[reason] = int64(d)
		}
	}
	for name, d := range stats.RangeTime {
		if d != 0 {
			b.RangeNs[name] = int64(d)
		}
	}
	return b
}

// tasks lists the capture's tasks by id; the regions and logs of no task belong to task 0.
func (r *reading) tasks() []task {
	ids := make([]trace.TaskID, 0, len(r.summary.Tasks))
	for id := range r.summary.Tasks {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, k int) bool { return ids[i] < ids[k] })
	goroutineOf := map[*trace.UserRegionSummary]trace.GoID{}
	for id, g := range r.summary.Goroutines {
		for _, s := range g.Regions {
			goroutineOf[s] = id
		}
	}
	out := []task{}
	for _, id := range ids {
		out = append(out, r.task(r.summary.Tasks[id], goroutineOf))
	}
	return out
}

func (r *reading) task(s *trace.UserTaskSummary, goroutineOf map[*trace.UserRegionSummary]trace.GoID) task {
	t := task{ID: strconv.FormatUint(uint64(s.ID), 10), Name: r.names[s.ID], Annotating: []int64{}, Logs: []logRecord{}, Regions: []region{}}
	if s.Parent != nil {
		parent := strconv.FormatUint(uint64(s.Parent.ID), 10)
		t.ParentID = &parent
	}
	if s.Start != nil {
		t.StartNs = r.timeOf(s.Start)
		id := int64(s.Start.Goroutine())
		t.StartGoroutine = &id
	}
	if ends := r.endings[s.ID]; len(ends) > 0 {
		t.EndNs = r.since(ends[0].at)
		t.LaterEnds = len(ends) - 1
		id := int64(ends[0].goroutine)
		t.EndGoroutine = &id
	}
	for id := range s.Goroutines {
		t.Annotating = append(t.Annotating, int64(id))
	}
	sort.Slice(t.Annotating, func(i, k int) bool { return t.Annotating[i] < t.Annotating[k] })
	for _, event := range s.Logs {
		l := event.Log()
		t.Logs = append(t.Logs, logRecord{*r.timeOf(event), int64(event.Goroutine()), l.Category, l.Message})
	}
	for _, s := range s.Regions {
		reg := region{Name: s.Name, StartNs: r.timeOf(s.Start), EndNs: r.timeOf(s.End)}
		reg.GoroutineExit = s.End != nil && s.End.Kind() != trace.EventRegionEnd
		if id, known := goroutineOf[s]; known {
			reg.Goroutine = int64(id)
		} else {
			// Go drops the open regions of its own goroutines from their lists, not from the task's.
			reg.Goroutine = int64(s.Start.Goroutine())
		}
		reg.Breakdown = r.breakdown(s.GoroutineExecStats, reg.StartNs, reg.EndNs)
		t.Regions = append(t.Regions, reg)
	}
	if t.StartNs != nil || t.EndNs != nil {
		t.GCOverlapNs = r.gcOverlap(t.StartNs, t.EndNs)
	}
	if stats, known := r.own[s.ID]; known {
		b := r.breakdown(stats, t.StartNs, t.EndNs)
		t.StartGoroutineBreakdown = &b
	}
	return t
}

func (r *reading) goroutines() []goroutine {
	out := []goroutine{}
	for id, s := range r.summary.Goroutines {
		g := goroutine{ID: int64(id), Name: s.Name, SeenNs: int64(s.CreationTime - r.origin)}
		if s.StartTime != 0 {
			g.StartNs = r.since(s.StartTime)
		}
		if s.EndTime != 0 {
			g.EndNs = r.since(s.EndTime)
		}
		g.Breakdown = r.breakdown(s.GoroutineExecStats, &g.SeenNs, g.EndNs)
		out = append(out, g)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].ID < out[k].ID })
	return out
}
