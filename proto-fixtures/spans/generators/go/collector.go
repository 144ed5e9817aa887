package main

import (
	"encoding/hex"
	"math"
	"os"
	"runtime/debug"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// recordCollector writes one set of traces with the Collector's own types, in both encodings: what no SDK sends (an empty
// value, values in values, spans without ids, a resource without spans) is in it.
func recordCollector(pathOf func(name string) string) error {
	traces := ptrace.NewTraces()
	makeCollectorSpans(traces)
	binary, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return err
	}
	if err := os.WriteFile(pathOf("collector.bin"), binary, 0o644); err != nil {
		return err
	}
	json, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return err
	}
	if err := os.WriteFile(pathOf("collector.json"), json, 0o644); err != nil {
		return err
	}
	client := "OpenTelemetry Collector pdata " + moduleVersion("go.opentelemetry.io/collector/pdata")
	return writeExpected(pathOf("collector.expected.json"), client, expectedOfTraces(traces))
}

func makeCollectorSpans(traces ptrace.Traces) {
	group := traces.ResourceSpans().AppendEmpty()
	group.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
	group.Resource().SetDroppedAttributesCount(3)
	resource := group.Resource().Attributes()
	resource.PutStr("service.name", "billing")
	resource.PutStr("k8s.pod.uid", "275ecb36-5aa8-4c2a-9c47-d8bb681b9aff")
	resource.PutStr("k8s.pod.name", "billing-7f9c")
	resource.PutStr("k8s.container.name", "main")
	scope := group.ScopeSpans().AppendEmpty()
	scope.SetSchemaUrl("https://opentelemetry.io/schemas/1.26.0")
	scope.Scope().SetName("example.com/billing")
	scope.Scope().SetVersion("0.9")
	scope.Scope().Attributes().PutBool("flavour", false)
	scope.Scope().SetDroppedAttributesCount(1)

	span := scope.Spans().AppendEmpty()
	span.SetTraceID([16]byte{0xde, 0xad, 0xbe, 0xef, 15: 0xff})
	span.SetSpanID([8]byte{0xca, 0xfe, 7: 0x01})
	span.SetParentSpanID([8]byte{0xca, 0xfe, 7: 0x02})
	span.TraceState().FromRaw("vendor=opaque")
	span.SetFlags(0xfffffff1)
	span.SetName("Charge")
	span.SetKind(ptrace.SpanKindConsumer)
	span.SetStartTimestamp(1764000000123456789)
	span.SetEndTimestamp(math.MaxUint64)
	span.SetDroppedAttributesCount(math.MaxUint32)
	span.SetDroppedEventsCount(2)
	span.SetDroppedLinksCount(1)
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage("no\tcredit \U0001F4B3")
	attributes := span.Attributes()
	attributes.PutEmpty("empty")
	attributes.PutStr("string.empty", "")
	attributes.PutStr("", "empty key")
	attributes.PutInt("int.min", math.MinInt64)
	attributes.PutInt("int.max", math.MaxInt64)
	attributes.PutDouble("double.nan", math.NaN())
	attributes.PutDouble("double.infinity", math.Inf(1))
	attributes.PutDouble("double.whole", 3)
	attributes.PutDouble("double.large", 1e21)
	attributes.PutEmptyBytes("bytes.empty")
	attributes.PutEmptyBytes("bytes").FromRaw([]byte{0xfb, 0xff, 0xbf, 0x00})
	attributes.PutEmptySlice("list.empty")
	attributes.PutEmptyMap("map.empty")
	list := attributes.PutEmptySlice("list")
	list.AppendEmpty()
	list.AppendEmpty().SetStr("a")
	list.AppendEmpty().SetEmptyMap().PutEmptySlice("inner").AppendEmpty().SetBool(false)
	deep := attributes.PutEmptyMap("deep")
	for range 20 {
		deep = deep.PutEmptyMap("d")
	}
	event := span.Events().AppendEmpty()
	event.SetTimestamp(1764000000123456790)
	event.SetName("retry")
	event.Attributes().PutInt("attempt", 2)
	event.SetDroppedAttributesCount(4)
	span.Events().AppendEmpty()
	link := span.Links().AppendEmpty()
	link.SetTraceID([16]byte{0x01})
	link.SetSpanID([8]byte{0x02})
	link.TraceState().FromRaw("a=b")
	link.SetFlags(0x301)
	link.Attributes().PutStr("why", "fan-in")
	link.SetDroppedAttributesCount(5)

	// No ids, no times, no name: kept all the same.
	scope.Spans().AppendEmpty()

	bare := traces.ResourceSpans().AppendEmpty()
	bare.ScopeSpans().AppendEmpty()
	root := bare.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	root.SetTraceID([16]byte{15: 0x01})
	root.SetSpanID([8]byte{7: 0x01})
	root.SetName("r")
	root.SetStartTimestamp(1)
	traces.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("service.name", "without spans")
}

func expectedOfTraces(traces ptrace.Traces) []expectedSpan {
	all := []expectedSpan{}
	for _, group := range traces.ResourceSpans().All() {
		for _, scope := range group.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				all = append(all, expectedOfPdata(group, scope, span))
			}
		}
	}
	return all
}

func expectedOfPdata(group ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span) expectedSpan {
	expected := expectedSpan{
		Resource: expectedResource{Attributes: expectedOfMap(group.Resource().Attributes()), SchemaURL: group.SchemaUrl()},
		Scope: expectedScope{Name: scope.Scope().Name(), Version: scope.Scope().Version(), SchemaURL: scope.SchemaUrl(),
			Attributes: expectedOfMap(scope.Scope().Attributes())},
		// An unset id is empty text here, as it is no bytes on the wire.
		TraceID:           span.TraceID().String(),
		SpanID:            span.SpanID().String(),
		ParentSpanID:      span.ParentSpanID().String(),
		TraceState:        span.TraceState().AsRaw(),
		Flags:             span.Flags(),
		Name:              span.Name(),
		Kind:              int(span.Kind()),
		StartUnixNs:       unixNsOfPdata(span.StartTimestamp()),
		EndUnixNs:         unixNsOfPdata(span.EndTimestamp()),
		Attributes:        expectedOfMap(span.Attributes()),
		DroppedAttributes: int(span.DroppedAttributesCount()),
		Events:            []expectedEvent{},
		DroppedEvents:     int(span.DroppedEventsCount()),
		Links:             []expectedLink{},
		DroppedLinks:      int(span.DroppedLinksCount()),
		Status:            expectedStatus{Code: int(span.Status().Code()), Message: span.Status().Message()},
	}
	for _, event := range span.Events().All() {
		expected.Events = append(expected.Events, expectedEvent{TimeUnixNs: unixNsOfPdata(event.Timestamp()),
			Name: event.Name(), Attributes: expectedOfMap(event.Attributes()), DroppedAttributes: int(event.DroppedAttributesCount())})
	}
	for _, link := range span.Links().All() {
		expected.Links = append(expected.Links, expectedLink{TraceID: link.TraceID().String(), SpanID: link.SpanID().String(),
			TraceState: link.TraceState().AsRaw(), Flags: link.Flags(),
			Attributes: expectedOfMap(link.Attributes()), DroppedAttributes: int(link.DroppedAttributesCount())})
	}
	return expected
}

func expectedOfMap(attributes pcommon.Map) []expectedAttribute {
	expected := []expectedAttribute{}
	for key, value := range attributes.All() {
		expected = append(expected, expectedAttribute{Key: key, Value: expectedOfPdataValue(value)})
	}
	return expected
}

func expectedOfPdataValue(value pcommon.Value) expectedValue {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return expectedValue{"string": value.Str()}
	case pcommon.ValueTypeBool:
		return expectedValue{"bool": value.Bool()}
	case pcommon.ValueTypeInt:
		return intValue(value.Int())
	case pcommon.ValueTypeDouble:
		return doubleValue(value.Double())
	case pcommon.ValueTypeBytes:
		return expectedValue{"bytes": hex.EncodeToString(value.Bytes().AsRaw())}
	case pcommon.ValueTypeMap:
		return expectedValue{"map": expectedOfMap(value.Map())}
	case pcommon.ValueTypeSlice:
		values := []expectedValue{}
		for _, item := range value.Slice().All() {
			values = append(values, expectedOfPdataValue(item))
		}
		return expectedValue{"list": values}
	default:
		return expectedValue{}
	}
}

func unixNsOfPdata(at pcommon.Timestamp) string {
	return strconv.FormatUint(uint64(at), 10)
}

// moduleVersion is the version of a library that this program was built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "of unknown version"
}
