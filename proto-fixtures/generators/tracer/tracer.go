// Package tracer is a small span tracer that mirrors every span as a task of runtime/trace.
//
// It stands for what an instrumented service does: a span gets its ids and its start time, then its task; its end time
// is taken just before the task ends. Where the ids are put in the capture is chosen by a Form.
package tracer

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand"
	"runtime/trace"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Form says where a span's ids are left in the capture.
type Form string

const (
	// NameKV puts them in the task's name: `auth.AccessToken traceID=<hex> spanID=<hex>`.
	NameKV Form = "name-kv"
	// NameW3C puts them in the task's name in the form of W3C trace context: `auth.AccessToken traceparent=00-…-…-01`,
	// and without the key for every other span: `auth.AccessToken 00-…-…-01`.
	NameW3C Form = "name-w3c"
	// LogOTel logs `otel.trace_id` and `otel.span_id` in the task.
	LogOTel Form = "log-otel"
	// LogTraceparent logs `traceparent` in the task.
	LogTraceparent Form = "log-traceparent"
)

// Kinds of spans, by OTLP's numbers.
const (
	Internal = 1
	Server   = 2
	Client   = 3
	Producer = 4
	Consumer = 5
)

// Tracer makes spans and keeps those that ended.
type Tracer struct {
	form   Form
	mu     sync.Mutex
	random *rand.Rand
	began  int
	all    []*Span
	ended  []*Span
	// How many of them were exported; for the goroutine that exports.
	exported int
}

// New returns a tracer whose ids come from seed.
func New(form Form, seed int64) (*Tracer, error) {
	switch form {
	case NameKV, NameW3C, LogOTel, LogTraceparent:
		return &Tracer{form: form, random: rand.New(rand.NewSource(seed))}, nil
	}
	return nil, fmt.Errorf("unknown form of ids %q: name-kv, name-w3c, log-otel or log-traceparent", form)
}

// Attribute is a key with a value: string, bool, int, float64 or []string.
type Attribute struct {
	Key   string
	Value any
}

// Event is something that happened within a span.
type Event struct {
	At         time.Time
	Name       string
	Attributes []Attribute
}

// Span is one operation. Its methods are for the goroutine that works for it.
type Span struct {
	tracer     *Tracer
	traceID    [16]byte
	id         [8]byte
	parent     [8]byte
	remote     bool
	state      string
	sampled    bool
	name       string
	kind       int
	start      time.Time
	end        time.Time
	attributes []Attribute
	events     []Event
	links      []*Span
	failure    string
	failed     bool
	task       *trace.Task
	taskID     uint64
	// Whether the execution tracer was on at the start and at the end.
	startTraced bool
	endTraced   bool
}

// Remote is a parent in another process, as the W3C headers carry it.
type Remote struct {
	TraceID [16]byte
	SpanID  [8]byte
	Sampled bool
	State   string
}

// ParseRemote reads a traceparent header of version 00.
func ParseRemote(traceparent, tracestate string) (Remote, bool) {
	var r Remote
	parts := strings.Split(traceparent, "-")
	if len(parts) != 4 || parts[0] != "00" || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return r, false
	}
	if _, err := hex.Decode(r.TraceID[:], []byte(parts[1])); err != nil {
		return r, false
	}
	if _, err := hex.Decode(r.SpanID[:], []byte(parts[2])); err != nil {
		return r, false
	}
	r.Sampled = parts[3] == "01"
	r.State = tracestate
	return r, true
}

// NewRemote makes up a parent in another process.
func (t *Tracer) NewRemote(sampled bool) Remote {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Remote{Sampled: sampled, State: "mesh=edge-7"}
	t.random.Read(r.TraceID[:])
	t.random.Read(r.SpanID[:])
	return r
}

// Traceparent is the W3C header for the remote parent.
func (r Remote) Traceparent() string { return traceparent(r.TraceID, r.SpanID, r.Sampled) }

type spanKey struct{}

// From returns the innermost span of the context, nil when there is none.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}

// Start begins a child of the context's span, or a sampled root.
func (t *Tracer) Start(ctx context.Context, name string, kind int, attributes ...Attribute) (context.Context, *Span) {
	return t.start(ctx, name, kind, nil, true, attributes)
}

// StartUnsampled begins a root that is never exported, nor are its children: they have tasks all the same.
func (t *Tracer) StartUnsampled(ctx context.Context, name string, kind int, attributes ...Attribute) (context.Context, *Span) {
	return t.start(ctx, name, kind, nil, false, attributes)
}

// StartRemote begins a span whose parent is in another process.
func (t *Tracer) StartRemote(ctx context.Context, name string, kind int, parent Remote, attributes ...Attribute) (context.Context, *Span) {
	return t.start(ctx, name, kind, &parent, parent.Sampled, attributes)
}

func (t *Tracer) start(ctx context.Context, name string, kind int, remote *Remote, sampled bool, attributes []Attribute) (context.Context, *Span) {
	s := &Span{tracer: t, name: name, kind: kind, sampled: sampled, attributes: attributes}
	t.mu.Lock()
	t.random.Read(s.id[:])
	parent := From(ctx)
	switch {
	case remote != nil:
		s.traceID, s.parent, s.remote, s.state = remote.TraceID, remote.SpanID, true, remote.State
	case parent != nil:
		s.traceID, s.parent, s.sampled, s.state = parent.traceID, parent.id, parent.sampled, parent.state
	default:
		t.random.Read(s.traceID[:])
	}
	number := t.began
	t.began++
	t.all = append(t.all, s)
	t.mu.Unlock()

	s.start = time.Now()
	s.startTraced = trace.IsEnabled()
	ctx, s.task = trace.NewTask(ctx, s.taskName(number))
	// A task is one number, which the runtime counts up. Nothing is written into the capture by reading it.
	s.taskID = *(*uint64)(unsafe.Pointer(s.task))
	switch t.form {
	case LogOTel:
		trace.Log(ctx, "otel.trace_id", s.TraceID())
		trace.Log(ctx, "otel.span_id", s.ID())
	case LogTraceparent:
		trace.Log(ctx, "traceparent", traceparent(s.traceID, s.id, s.sampled))
	}
	return context.WithValue(ctx, spanKey{}, s), s
}

func (s *Span) taskName(number int) string {
	switch s.tracer.form {
	case NameKV:
		return s.name + " traceID=" + s.TraceID() + " spanID=" + s.ID()
	case NameW3C:
		if number%2 == 0 {
			return s.name + " traceparent=" + traceparent(s.traceID, s.id, s.sampled)
		}
		return s.name + " " + traceparent(s.traceID, s.id, s.sampled)
	}
	return s.name
}

func traceparent(traceID [16]byte, spanID [8]byte, sampled bool) string {
	flags := "00"
	if sampled {
		flags = "01"
	}
	return "00-" + hex.EncodeToString(traceID[:]) + "-" + hex.EncodeToString(spanID[:]) + "-" + flags
}

// TraceID is the trace id as 32 lower-case hex digits.
func (s *Span) TraceID() string { return hex.EncodeToString(s.traceID[:]) }

// ID is the span id as 16 lower-case hex digits.
func (s *Span) ID() string { return hex.EncodeToString(s.id[:]) }

// TaskID is the number of the span's task in the capture.
func (s *Span) TaskID() uint64 { return s.taskID }

// Set adds an attribute.
func (s *Span) Set(key string, value any) {
	s.attributes = append(s.attributes, Attribute{key, value})
}

// Add notes an event.
func (s *Span) Add(name string, attributes ...Attribute) {
	s.events = append(s.events, Event{time.Now(), name, attributes})
}

// Link names another span that had to do with this one.
func (s *Span) Link(other *Span) { s.links = append(s.links, other) }

// Succeed sets the status to OK.
func (s *Span) Succeed() { s.failed, s.failure = false, "ok" }

// Fail sets the status to an error and notes the exception.
func (s *Span) Fail(err error) {
	s.failed, s.failure = true, err.Error()
	s.Add("exception", Attribute{"exception.type", fmt.Sprintf("%T", err)}, Attribute{"exception.message", err.Error()})
}

// End ends the span and its task.
func (s *Span) End() {
	// As tracers do it: the duration comes from the monotonic clock.
	end := s.start.Add(time.Since(s.start))
	s.endTraced = trace.IsEnabled()
	s.task.End()
	s.tracer.mu.Lock()
	s.end = end
	s.tracer.ended = append(s.tracer.ended, s)
	s.tracer.mu.Unlock()
}

// EndTaskOnly ends the task a second time, as a wrong use of the API does.
func (s *Span) EndTaskOnly() { s.task.End() }
