// Command reference prints what Go's own reader, golang.org/x/exp/trace, makes of captures, an event a line, for the differential test.
//
//	reference FILE...
//
// Fields are separated by tabs; texts are quoted as JSON. For each file:
//
//	F file
//	= number "stack"                        a stack, when it is first used; 0 is none
//	time goroutine processor thread kind …  an event; time counts from the first; -1 is none
//	! "error"                               where the reader gave up; "" at the end
//
// Kinds and what follows them: Sync; G id from to reason stack transitionStack; P id from to stack; Metric name value stack; Label text;
// Sample stack; RangeBegin, RangeActive, RangeEnd name scope(G, P, -) id swept reclaimed stack; TaskBegin id parent type stack;
// TaskEnd id stack; RegionBegin, RegionEnd task type stack; Log task category message stack; Experimental.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/exp/trace"
)

func main() {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	for _, name := range os.Args[1:] {
		fmt.Fprintf(out, "F\t%s\n", name)
		fmt.Fprintf(out, "!\t%s\n", quote(read(name, out)))
	}
}

// printer holds what was told of one capture.
type printer struct {
	out    *bufio.Writer
	start  trace.Time
	began  bool
	stacks map[trace.Stack]int
}

// read prints the events of a capture and returns what ended it, "" for its end.
func read(name string, out *bufio.Writer) (problem string) {
	// The reader has panicked on broken captures before; what it had read by then is still worth comparing.
	defer func() {
		if reason := recover(); reason != nil {
			problem = fmt.Sprint("panic: ", reason)
		}
	}()
	file, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	reader, err := trace.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return err.Error()
	}
	p := printer{out: out, stacks: map[trace.Stack]int{trace.NoStack: 0}}
	for {
		event, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		p.event(event)
	}
}

func (p *printer) event(event trace.Event) {
	if !p.began {
		p.began = true
		p.start = event.Time()
	}
	// Stacks are told before the line of the event that they belong to.
	stack := p.stack(event.Stack())
	var line []any
	switch event.Kind() {
	case trace.EventSync:
		line = []any{"Sync"}
	case trace.EventStateTransition:
		change := event.StateTransition()
		switch change.Resource.Kind {
		case trace.ResourceGoroutine:
			from, to := change.Goroutine()
			line = []any{"G", change.Resource.Goroutine(), from, to, quote(change.Reason), stack, p.stack(change.Stack)}
		case trace.ResourceProc:
			from, to := change.Proc()
			line = []any{"P", change.Resource.Proc(), from, to, stack}
		default:
			line = []any{"Transition", change.Resource}
		}
	case trace.EventMetric:
		metric := event.Metric()
		line = []any{"Metric", metric.Name, metric.Value.Uint64(), stack}
	case trace.EventLabel:
		line = []any{"Label", quote(event.Label().Label)}
	case trace.EventStackSample:
		line = []any{"Sample", stack}
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		span := event.Range()
		scope, id := "-", int64(-1)
		switch span.Scope.Kind {
		case trace.ResourceGoroutine:
			scope, id = "G", int64(span.Scope.Goroutine())
		case trace.ResourceProc:
			scope, id = "P", int64(span.Scope.Proc())
		}
		values := [2]uint64{}
		if event.Kind() == trace.EventRangeEnd {
			for i, attribute := range event.RangeAttributes() {
				values[i] = attribute.Value.Uint64()
			}
		}
		line = []any{event.Kind(), span.Name, scope, id, values[0], values[1], stack}
	case trace.EventTaskBegin:
		task := event.Task()
		parent := task.Parent
		if parent == trace.NoTask {
			parent = 0
		}
		line = []any{"TaskBegin", uint64(task.ID), uint64(parent), quote(task.Type), stack}
	case trace.EventTaskEnd:
		line = []any{"TaskEnd", uint64(event.Task().ID), stack}
	case trace.EventRegionBegin, trace.EventRegionEnd:
		region := event.Region()
		line = []any{event.Kind(), uint64(region.Task), quote(region.Type), stack}
	case trace.EventLog:
		log := event.Log()
		line = []any{"Log", uint64(log.Task), quote(log.Category), quote(log.Message), stack}
	default:
		line = []any{event.Kind()}
	}
	out := p.out
	out.WriteString(strconv.FormatInt(int64(event.Time()-p.start), 10))
	for _, id := range []int64{int64(event.Goroutine()), int64(event.Proc()), int64(event.Thread())} {
		out.WriteByte('\t')
		out.WriteString(strconv.FormatInt(id, 10))
	}
	for _, field := range line {
		out.WriteByte('\t')
		fmt.Fprint(out, field)
	}
	out.WriteByte('\n')
}

// stack gives the number of a stack, and tells it when it is new.
func (p *printer) stack(stack trace.Stack) int {
	number, known := p.stacks[stack]
	if !known {
		text := ""
		for frame := range stack.Frames() {
			text += fmt.Sprintf("%s\n%s:%d\n", frame.Func, frame.File, frame.Line)
		}
		if text != "" {
			number = len(p.stacks)
		}
		p.stacks[stack] = number
		if number == 0 {
			return 0
		}
		fmt.Fprintf(p.out, "=\t%d\t%s\n", number, quote(text))
	}
	return number
}

// quote writes a text as JSON does; bytes that are no UTF-8 become replacement characters.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}
