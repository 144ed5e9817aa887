package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"runtime/trace"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

// recording is whether the execution tracer is on for certain: it is set after the recording has begun, and taken back
// before it is ended.
var recording atomic.Bool

// truth is what the program knows of its spans and their tasks; nothing of it goes into the capture.
type truth struct {
	mu   sync.Mutex
	pair []*pair
}

type pair struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	TaskID  string `json:"taskId"`
	// Whether the execution tracer was on from before the task began until after it ended.
	Whole bool `json:"whole"`
	ended bool
}

// began notes a span and the task in its context. before is what recording was before the span was begun.
func (t *truth) began(ctx context.Context, traceID, spanID string, before bool) *pair {
	p := &pair{TraceID: traceID, SpanID: spanID, TaskID: strconv.FormatUint(taskOf(ctx), 10), Whole: before}
	t.mu.Lock()
	t.pair = append(t.pair, p)
	t.mu.Unlock()
	return p
}

// end is to be called after the span's end.
func (p *pair) end() {
	p.Whole = p.Whole && recording.Load()
	p.ended = true
}

// write writes the pairs of the spans that were exported, in their order. A span begun while the tracer was off has a
// task too (the SDK makes one all the same), which the capture knows nothing of: it is not written.
func (t *truth) write(path string, records []record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := map[string]*pair{}
	for _, p := range t.pair {
		of[p.SpanID] = p
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	for _, r := range records {
		p, known := of[r.spanID]
		if !known {
			continue
		}
		p.Whole = p.Whole && p.ended
		if err := lines.Encode(p); err != nil {
			return err
		}
	}
	return out.Flush()
}

// taskKey is the key under which runtime/trace keeps a task in its context: it is read out of a context with a task.
var taskKey = func() any {
	ctx, task := trace.NewTask(context.Background(), "")
	defer task.End()
	field := reflect.ValueOf(ctx).Elem().FieldByName("key")
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface()
}()

// taskOf is the id of the innermost task of a context; 0 when it has none.
func taskOf(ctx context.Context) uint64 {
	task, _ := ctx.Value(taskKey).(*trace.Task)
	if task == nil {
		return 0
	}
	return reflect.ValueOf(task).Elem().FieldByName("id").Uint()
}
