package main

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"sort"
	"strconv"
	"time"
)

// What a body must decode to. Times and 64-bit numbers are decimal strings, ids and bytes are hex; kind, status code and
// flags are OTLP's numbers. Spans are in the order of their ids, for exporters group them as they like.

type expectedFile struct {
	Client string         `json:"client"`
	Spans  []expectedSpan `json:"spans"`
}

type expectedSpan struct {
	Resource          expectedResource    `json:"resource"`
	Scope             expectedScope       `json:"scope"`
	TraceID           string              `json:"traceId"`
	SpanID            string              `json:"spanId"`
	ParentSpanID      string              `json:"parentSpanId"`
	TraceState        string              `json:"traceState"`
	Flags             uint32              `json:"flags"`
	Name              string              `json:"name"`
	Kind              int                 `json:"kind"`
	StartUnixNs       string              `json:"startUnixNs"`
	EndUnixNs         string              `json:"endUnixNs"`
	Attributes        []expectedAttribute `json:"attributes"`
	DroppedAttributes int                 `json:"droppedAttributes"`
	Events            []expectedEvent     `json:"events"`
	DroppedEvents     int                 `json:"droppedEvents"`
	Links             []expectedLink      `json:"links"`
	DroppedLinks      int                 `json:"droppedLinks"`
	Status            expectedStatus      `json:"status"`
}

type expectedResource struct {
	Attributes []expectedAttribute `json:"attributes"`
	SchemaURL  string              `json:"schemaUrl"`
}

type expectedScope struct {
	Name       string              `json:"name"`
	Version    string              `json:"version"`
	Attributes []expectedAttribute `json:"attributes"`
	SchemaURL  string              `json:"schemaUrl"`
}

type expectedEvent struct {
	TimeUnixNs        string              `json:"timeUnixNs"`
	Name              string              `json:"name"`
	Attributes        []expectedAttribute `json:"attributes"`
	DroppedAttributes int                 `json:"droppedAttributes"`
}

type expectedLink struct {
	TraceID           string              `json:"traceId"`
	SpanID            string              `json:"spanId"`
	TraceState        string              `json:"traceState"`
	Flags             uint32              `json:"flags"`
	Attributes        []expectedAttribute `json:"attributes"`
	DroppedAttributes int                 `json:"droppedAttributes"`
}

type expectedStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type expectedAttribute struct {
	Key   string        `json:"key"`
	Value expectedValue `json:"value"`
}

// expectedValue has one key that names the type: string, bool, int (decimal string), double (its 64 bits as 16 hex digits,
// because JSON has neither NaN nor infinity nor -0), bytes (hex), list, map; none for an empty value.
type expectedValue map[string]any

func doubleValue(value float64) expectedValue {
	bits := math.Float64bits(value)
	return expectedValue{"double": hex.EncodeToString([]byte{
		byte(bits >> 56), byte(bits >> 48), byte(bits >> 40), byte(bits >> 32),
		byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits),
	})}
}

func intValue(value int64) expectedValue {
	return expectedValue{"int": strconv.FormatInt(value, 10)}
}

func unixNs(at time.Time) string {
	return strconv.FormatInt(at.UnixNano(), 10)
}

func writeExpected(path string, client string, spans []expectedSpan) error {
	sort.Slice(spans, func(a, b int) bool {
		if spans[a].TraceID != spans[b].TraceID {
			return spans[a].TraceID < spans[b].TraceID
		}
		return spans[a].SpanID < spans[b].SpanID
	})
	text, err := json.MarshalIndent(expectedFile{Client: client, Spans: spans}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
