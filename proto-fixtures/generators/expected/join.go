//go:build goreader

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// match is a span and the task that bears its ids.
type match struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	TaskID   string `json:"taskId"`
	Evidence string `json:"evidence,omitempty"`
}

// unmatched is a span whose ids no task of the capture bears.
type unmatched struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	// Window tells where the span lies: before, starts-before, inside, ends-after, around or after the capture; empty
	// when that is not known, or the reader gave up before the capture's end.
	Window string `json:"window"`
	// TaskID is its true task when the capture mentions that one all the same, without its start.
	TaskID *string `json:"taskId"`
}

type joined struct {
	matches   []match
	unmatched []unmatched
	// beyond are the matches that a reader may find which does not give up where Go's does.
	beyond []match
	spans  map[string]span
}

type span struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	Parent  string `json:"parentSpanId"`
	Name    string `json:"name"`
	Start   string `json:"startTimeUnixNano"`
	End     string `json:"endTimeUnixNano"`
}

type truth struct {
	TraceID     string `json:"traceId"`
	SpanID      string `json:"spanId"`
	TaskID      string `json:"taskId"`
	Exported    bool   `json:"exported"`
	StartTraced bool   `json:"startTraced"`
	EndTraced   bool   `json:"endTraced"`
}

var (
	keyed       = regexp.MustCompile(` traceID=([0-9a-f]{32}) spanID=([0-9a-f]{16})$`)
	traceparent = regexp.MustCompile(`(?:^| |=)00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)
)

// idsOf finds the ids that a task bears, and says where.
func idsOf(t task) (traceID, spanID, evidence string) {
	for _, form := range []*regexp.Regexp{keyed, traceparent} {
		if m := form.FindStringSubmatch(t.Name); m != nil {
			return m[1], m[2], "task-name"
		}
	}
	for _, l := range t.Logs {
		switch l.Category {
		case "otel.trace_id":
			traceID = l.Message
		case "otel.span_id":
			spanID = l.Message
		case "traceparent":
			if m := traceparent.FindStringSubmatch(l.Message); m != nil {
				return m[1], m[2], "task-log"
			}
		}
	}
	if traceID == "" || spanID == "" {
		return "", "", ""
	}
	return traceID, spanID, "task-log"
}

// joinSpans matches by ids, and refuses the capture when that is not what the recording program knew.
func joinSpans(r *reading, tasks []task, spansFile, truthFile string) (*joined, error) {
	spans, order, err := readSpans(spansFile)
	if err != nil {
		return nil, err
	}
	known, err := readTruth(truthFile)
	if err != nil {
		return nil, err
	}
	out := &joined{matches: []match{}, unmatched: []unmatched{}, spans: spans}
	mentioned := map[string]task{}
	bySpan := map[string]match{}
	for _, t := range tasks {
		mentioned[t.ID] = t
		traceID, spanID, evidence := idsOf(t)
		if evidence == "" {
			continue
		}
		fact, exists := known[spanID]
		if !exists || fact.TaskID != t.ID || fact.TraceID != traceID {
			return nil, fmt.Errorf("task %s bears the ids %s %s; the program knows them as those of task %s", t.ID, traceID, spanID, fact.TaskID)
		}
		if !fact.Exported {
			continue
		}
		bySpan[spanID] = match{traceID, spanID, t.ID, evidence}
	}
	offset, hasOffset := r.wallOffset(mentioned, bySpan, spans)
	for _, id := range order {
		if m, found := bySpan[id]; found {
			out.matches = append(out.matches, m)
			continue
		}
		s, fact := spans[id], known[id]
		if r.info.ReadError != nil && fact.StartTraced {
			out.beyond = append(out.beyond, match{s.TraceID, id, fact.TaskID, ""})
		}
		miss := unmatched{s.TraceID, id, "", nil}
		if t, found := mentioned[fact.TaskID]; found {
			miss.TaskID = &fact.TaskID
			if t.StartNs != nil {
				return nil, fmt.Errorf("task %s began in the capture; its span %s was not found by its ids", t.ID, id)
			}
		}
		if hasOffset && r.info.ReadError == nil {
			miss.Window = windowOf(unix(s.Start)-offset, unix(s.End)-offset, r.info.DurationNs)
		}
		out.unmatched = append(out.unmatched, miss)
	}
	return out, nil
}

func windowOf(start, end, duration int64) string {
	switch {
	case end < 0:
		return "before"
	case start > duration:
		return "after"
	case start < 0 && end > duration:
		return "around"
	case start < 0:
		return "starts-before"
	case end > duration:
		return "ends-after"
	}
	return "inside"
}

// wallOffset is Unix time minus capture time, by the snapshot, else by the span that its task followed closest.
func (r *reading) wallOffset(tasks map[string]task, matches map[string]match, spans map[string]span) (int64, bool) {
	if r.info.WallOffsetNs != nil {
		return unix(*r.info.WallOffsetNs), true
	}
	best, found := int64(0), false
	for id, m := range matches {
		t := tasks[m.TaskID]
		if t.StartNs == nil {
			continue
		}
		if offset := unix(spans[id].Start) - *t.StartNs; !found || offset > best {
			best, found = offset, true
		}
	}
	return best, found
}

func unix(text string) int64 {
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return ns
}

func readSpans(path string) (map[string]span, []string, error) {
	spans, order := map[string]span{}, []string{}
	err := eachLine(path, func(line []byte) error {
		var request struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []span `json:"spans"`
				} `json:"scopeSpans"`
			} `json:"resourceSpans"`
		}
		if err := json.Unmarshal(line, &request); err != nil {
			return err
		}
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					spans[s.SpanID] = s
					order = append(order, s.SpanID)
				}
			}
		}
		return nil
	})
	return spans, order, err
}

func readTruth(path string) (map[string]truth, error) {
	known := map[string]truth{}
	return known, eachLine(path, func(line []byte) error {
		var t truth
		if err := json.Unmarshal(line, &t); err != nil {
			return err
		}
		known[t.SpanID] = t
		return nil
	})
}

func eachLine(path string, do func([]byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := do(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
