package main

import (
	"bufio"
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"time"
)

// record is an exported span.
type record struct {
	traceID, spanID, parentID string
	name                      string
	kind                      int
	start, end                time.Time
}

type object map[string]any

func attribute(key, value string) object {
	return object{"key": key, "value": object{"stringValue": value}}
}

// perRequest is about what an SDK's batch holds here.
const perRequest = 64

// writeSpans writes spans as OTLP JSON: one ExportTraceServiceRequest a line. Host and instance are made up.
func writeSpans(path string, records []record, sdk string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	resource := object{"attributes": []object{
		attribute("service.name", "shop"), attribute("service.instance.id", "shop-0"),
		attribute("process.runtime.version", runtime.Version()),
	}}
	scope := object{"name": "shop"}
	if sdk == "opencensus" {
		scope["name"] = "go.opencensus.io/trace"
	}
	for len(records) > 0 {
		some := records[:min(len(records), perRequest)]
		records = records[len(some):]
		var spans []object
		for _, r := range some {
			span := object{
				"traceId": r.traceID, "spanId": r.spanID, "name": r.name, "kind": r.kind,
				"startTimeUnixNano": strconv.FormatInt(r.start.UnixNano(), 10),
				"endTimeUnixNano":   strconv.FormatInt(r.end.UnixNano(), 10),
			}
			if r.parentID != "" {
				span["parentSpanId"] = r.parentID
			}
			spans = append(spans, span)
		}
		body := object{"resourceSpans": []object{{"resource": resource, "scopeSpans": []object{{"scope": scope, "spans": spans}}}}}
		if err := lines.Encode(body); err != nil {
			return err
		}
	}
	return out.Flush()
}
