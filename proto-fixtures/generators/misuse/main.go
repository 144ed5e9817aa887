// Command misuse records wrong uses of runtime/trace among right ones.
//
// With -kind tolerated it does what Go's reader accepts: tasks ended twice, also by other goroutines, tasks and regions
// that nobody ends, regions ended twice and by another goroutine, annotations after a task's end. With -kind refused it
// also ends an outer region before the inner one, at which Go's reader gives up.
package main

import (
	"context"
	"flag"
	"fmt"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/recorder"
	"fixtures/tracer"
)

func main() {
	options := recorder.Flags("misuse", 300*time.Millisecond)
	kind := flag.String("kind", "tolerated", "tolerated or refused")
	flag.Parse()
	if *kind != "tolerated" && *kind != "refused" {
		recorder.Check(fmt.Errorf("unknown kind %q: tolerated or refused", *kind))
	}
	spans, err := options.Tracer()
	recorder.Check(err)
	recorder.Check(options.Record(func() {
		for i := 0; i < 6; i++ {
			proper(spans)
			tolerated(spans)
			if *kind == "refused" && i == 3 {
				refused(spans)
			}
			time.Sleep(options.Window / 8)
		}
	}))
	recorder.Check(options.Write(spans))
}

// proper does everything right.
func proper(spans *tracer.Tracer) {
	ctx, span := spans.Start(context.Background(), "misuse.Proper", tracer.Server)
	defer span.End()
	trace.WithRegion(ctx, "outer", func() {
		trace.WithRegion(ctx, "inner", func() { time.Sleep(time.Millisecond) })
		_, child := spans.Start(ctx, "misuse.Proper.child", tracer.Internal)
		time.Sleep(time.Millisecond)
		child.End()
	})
}

// onAnother runs do on another goroutine and waits for it.
func onAnother(do func()) {
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		do()
	}()
	done.Wait()
}

func tolerated(spans *tracer.Tracer) {
	ctx, span := spans.Start(context.Background(), "misuse.EndedTwice", tracer.Internal)
	time.Sleep(time.Millisecond)
	span.End()
	time.Sleep(time.Millisecond)
	span.EndTaskOnly()
	onAnother(span.EndTaskOnly)
	trace.Log(ctx, "late", "after the end")
	trace.WithRegion(ctx, "after the end", func() { time.Sleep(time.Millisecond) })
	_, child := spans.Start(ctx, "misuse.ChildOfEnded", tracer.Internal)
	child.End()

	// Nobody ends this task; its span never leaves.
	ctx, _ = spans.Start(context.Background(), "misuse.NeverEnded", tracer.Internal)
	onAnother(func() { trace.StartRegion(ctx, "never ended") })

	ctx, span = spans.Start(context.Background(), "misuse.Regions", tracer.Internal)
	defer span.End()
	onAnother(func() {
		region := trace.StartRegion(ctx, "ended twice")
		region.End()
		region.End()
	})
	// The other goroutine is there before the region: one spawned within it would inherit it.
	regions, ended := make(chan *trace.Region), make(chan struct{})
	go func() {
		(<-regions).End()
		close(ended)
	}()
	region := trace.StartRegion(ctx, "ended elsewhere")
	regions <- region
	<-ended
	region.End()
}

// refused ends the outer region first.
func refused(spans *tracer.Tracer) {
	ctx, span := spans.Start(context.Background(), "misuse.OuterFirst", tracer.Internal)
	defer span.End()
	onAnother(func() {
		outer := trace.StartRegion(ctx, "outer")
		inner := trace.StartRegion(ctx, "inner")
		time.Sleep(time.Millisecond)
		outer.End()
		inner.End()
	})
}
