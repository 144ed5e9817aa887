package tracer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

// Resource is the process that made the spans.
type Resource struct {
	Service  string
	Instance string
	Host     string
	PID      int
}

type value struct {
	String *string   `json:"stringValue,omitempty"`
	Bool   *bool     `json:"boolValue,omitempty"`
	Int    *string   `json:"intValue,omitempty"`
	Double *float64  `json:"doubleValue,omitempty"`
	Array  *arrayOfV `json:"arrayValue,omitempty"`
}

type arrayOfV struct {
	Values []value `json:"values"`
}

type keyValue struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

type status struct {
	Message string `json:"message,omitempty"`
	Code    int    `json:"code,omitempty"`
}

type event struct {
	Time       string     `json:"timeUnixNano"`
	Name       string     `json:"name"`
	Attributes []keyValue `json:"attributes,omitempty"`
}

type link struct {
	TraceID    string     `json:"traceId"`
	SpanID     string     `json:"spanId"`
	Attributes []keyValue `json:"attributes,omitempty"`
	Flags      int        `json:"flags"`
}

type span struct {
	TraceID    string     `json:"traceId"`
	SpanID     string     `json:"spanId"`
	TraceState string     `json:"traceState,omitempty"`
	Parent     string     `json:"parentSpanId,omitempty"`
	Flags      int        `json:"flags"`
	Name       string     `json:"name"`
	Kind       int        `json:"kind"`
	Start      string     `json:"startTimeUnixNano"`
	End        string     `json:"endTimeUnixNano"`
	Attributes []keyValue `json:"attributes,omitempty"`
	Events     []event    `json:"events,omitempty"`
	Links      []link     `json:"links,omitempty"`
	Status     status     `json:"status"`
}

type request struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   resource     `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type resource struct {
	Attributes []keyValue `json:"attributes"`
}

type scopeSpans struct {
	Scope scope  `json:"scope"`
	Spans []span `json:"spans"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func valueOf(v any) value {
	switch v := v.(type) {
	case string:
		return value{String: &v}
	case bool:
		return value{Bool: &v}
	case int:
		s := strconv.Itoa(v)
		return value{Int: &s}
	case float64:
		return value{Double: &v}
	case []string:
		array := &arrayOfV{Values: []value{}}
		for _, s := range v {
			array.Values = append(array.Values, valueOf(s))
		}
		return value{Array: array}
	}
	panic(fmt.Sprintf("attribute value of type %T", v))
}

func attributesOf(list []Attribute) []keyValue {
	var out []keyValue
	for _, a := range list {
		out = append(out, keyValue{a.Key, valueOf(a.Value)})
	}
	return out
}

func unixNano(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// hasRemoteBit and isRemoteBit are OTLP's SpanFlags beside the W3C sampled flag.
const (
	sampledBit   = 0x001
	hasRemoteBit = 0x100
	isRemoteBit  = 0x200
)

func (s *Span) otlp() span {
	out := span{
		TraceID: s.TraceID(), SpanID: s.ID(), TraceState: s.state, Flags: sampledBit | hasRemoteBit,
		Name: s.name, Kind: s.kind, Start: unixNano(s.start), End: unixNano(s.end), Attributes: attributesOf(s.attributes),
	}
	if s.parent != [8]byte{} {
		out.Parent = fmt.Sprintf("%x", s.parent)
	}
	if s.remote {
		out.Flags |= isRemoteBit
	}
	for _, e := range s.events {
		out.Events = append(out.Events, event{unixNano(e.At), e.Name, attributesOf(e.Attributes)})
	}
	for _, other := range s.links {
		out.Links = append(out.Links, link{other.TraceID(), other.ID(), []keyValue{{"link.kind", valueOf("waited-for")}}, sampledBit | hasRemoteBit})
	}
	if s.failed {
		out.Status = status{s.failure, 2}
	} else if s.failure != "" {
		out.Status = status{Code: 1}
	}
	return out
}

// perRequest is how many spans one exported request holds: about what an SDK's batch of half a second does here.
const perRequest = 48

// requestsOf are the sampled ones of some spans as requests.
func requestsOf(ended []*Span, of Resource) []request {
	attributes := attributesOf([]Attribute{
		{"service.name", of.Service}, {"service.instance.id", of.Instance}, {"host.name", of.Host}, {"process.pid", of.PID},
		{"process.runtime.name", "go"}, {"process.runtime.version", runtime.Version()}, {"telemetry.sdk.language", "go"},
	})
	var requests []request
	var spans []span
	flush := func() {
		if len(spans) > 0 {
			requests = append(requests, request{[]resourceSpans{{resource{attributes}, []scopeSpans{{scope{"fixtures/tracer", "1"}, spans}}}}})
			spans = nil
		}
	}
	for _, s := range ended {
		if !s.sampled {
			continue
		}
		spans = append(spans, s.otlp())
		if len(spans) == perRequest {
			flush()
		}
	}
	flush()
	return requests
}

// WriteOTLP writes the sampled spans that ended, in the order of their ends, as OTLP JSON: one
// ExportTraceServiceRequest a line.
func (t *Tracer) WriteOTLP(path string, of Resource) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, body := range requestsOf(t.ended, of) {
		if err := lines.Encode(body); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// Export sends the sampled spans that ended since the last time to an OTLP/HTTP receiver; what it does not take is tried
// again the next time.
func (t *Tracer) Export(url string, of Resource) error {
	t.mu.Lock()
	ended := t.ended[t.exported:]
	t.mu.Unlock()
	for len(ended) > 0 {
		some := ended[:min(len(ended), perRequest)]
		for _, body := range requestsOf(some, of) {
			encoded, err := json.Marshal(body)
			if err != nil {
				return err
			}
			response, err := http.Post(url, "application/json", bytes.NewReader(encoded))
			if err != nil {
				return err
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answered %s", url, response.Status)
			}
		}
		ended = ended[len(some):]
		t.exported += len(some)
	}
	return nil
}

// Truth is what the program knows of a span and its task; nothing of it is read from the capture.
type Truth struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	Name     string `json:"name"`
	TaskID   string `json:"taskId"`
	Exported bool   `json:"exported"`
	// Whether the execution tracer was on when the span started and ended.
	StartTraced bool `json:"startTraced"`
	EndTraced   bool `json:"endTraced"`
}

// WriteTruth writes the truth of every span that was begun, one a line.
func (t *Tracer) WriteTruth(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := json.NewEncoder(file)
	for _, s := range t.all {
		ended := !s.end.IsZero()
		line := Truth{s.TraceID(), s.ID(), s.name, strconv.FormatUint(s.taskID, 10), s.sampled && ended, s.startTraced, s.endTraced}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return file.Close()
}
