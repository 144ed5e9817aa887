package taskids

import (
	"bytes"
	"context"
	"io"
	"runtime/trace"
	"strings"
	"testing"
)

var (
	traceID = [16]byte{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}
	spanID  = [8]byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}
)

const asText = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// captured is the capture of what run does.
func captured(t *testing.T, run func()) string {
	t.Helper()
	var capture bytes.Buffer
	if err := trace.Start(&capture); err != nil {
		t.Fatal(err)
	}
	run()
	trace.Stop()
	return capture.String()
}

func TestTheNameOfATaskHoldsTheIDs(t *testing.T) {
	capture := captured(t, func() {
		_, task := NewTask(context.Background(), "auth.AccessToken", traceID, spanID)
		task.End()
	})
	if !strings.Contains(capture, "auth.AccessToken traceparent="+asText) {
		t.Error("the capture holds no task of that name")
	}
}

func TestALogHoldsTheIDs(t *testing.T) {
	capture := captured(t, func() { Log(context.Background(), traceID, spanID) })
	if !strings.Contains(capture, asText) {
		t.Error("the capture holds no such log")
	}
}

func TestWithoutACaptureNothingIsFormatted(t *testing.T) {
	ctx := context.Background()
	stock := testing.AllocsPerRun(100, func() { _, task := trace.NewTask(ctx, "auth.AccessToken"); task.End() })
	ours := testing.AllocsPerRun(100, func() { _, task := NewTask(ctx, "auth.AccessToken", traceID, spanID); task.End() })
	if ours != stock {
		t.Errorf("NewTask makes %v allocations, trace.NewTask %v", ours, stock)
	}
	if logs := testing.AllocsPerRun(100, func() { Log(ctx, traceID, spanID) }); logs != 0 {
		t.Errorf("Log makes %v allocations", logs)
	}
}

func BenchmarkTask(b *testing.B) {
	ctx := context.Background()
	stock := func(b *testing.B) {
		for b.Loop() {
			_, task := trace.NewTask(ctx, "auth.AccessToken")
			task.End()
		}
	}
	ids := func(b *testing.B) {
		for b.Loop() {
			_, task := NewTask(ctx, "auth.AccessToken", traceID, spanID)
			task.End()
		}
	}
	b.Run("no capture/trace.NewTask", stock)
	b.Run("no capture/taskids.NewTask", ids)
	if err := trace.Start(io.Discard); err != nil {
		b.Fatal(err)
	}
	defer trace.Stop()
	b.Run("capture/trace.NewTask", stock)
	b.Run("capture/taskids.NewTask", ids)
}
