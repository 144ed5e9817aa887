package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestARequestIsOneTraceOfFourSteps(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	tracing := &openTelemetry{provider, provider.Tracer("test")}
	identity, err := startIdentity(t.Context(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	database, err := startDatabase(t.Context(), time.Millisecond, 3)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(tracing, identity, database, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(s.audit.Name())
	defer s.audit.Close()

	request := httptest.NewRequest(http.MethodGet, "/messages?user=10", nil)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	for _, answer := range []string{"asked the database", "from the cache"} {
		response := httptest.NewRecorder()
		s.messages(response, request)
		if response.Code != http.StatusOK || response.Body.Len() < 100 {
			t.Errorf("%s: status %d, %d bytes", answer, response.Code, response.Body.Len())
		}
	}
	if err := s.auth.refresh(context.Background()); err != nil {
		t.Error(err)
	}

	var names []string
	byID := map[string]sdktrace.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		names = append(names, span.Name())
		byID[span.SpanContext().SpanID().String()] = span
	}
	want := []string{"auth.AccessToken", "cache.Lookup", "spanner.Query", "audit.Append", "/messages",
		"auth.AccessToken", "cache.Lookup", "audit.Append", "/messages", "POST /token", "auth.Refresh"}
	if len(names) != len(want) {
		t.Fatalf("spans %q instead of %q", names, want)
	}
	for i, span := range recorder.Ended() {
		parent := byID[span.Parent().SpanID().String()]
		switch {
		case names[i] != want[i]:
			t.Errorf("span %d is %s instead of %s", i, names[i], want[i])
		case names[i] == "/messages" && span.Parent().SpanID().String() != "b7ad6b7169203331":
			t.Errorf("/messages is not below the caller's span")
		case names[i] == "auth.Refresh" && span.Parent().IsValid():
			t.Errorf("auth.Refresh is below %v", span.Parent().SpanID())
		case names[i] != "/messages" && names[i] != "auth.Refresh" && parent == nil:
			t.Errorf("%s has no parent", names[i])
		}
	}
}
