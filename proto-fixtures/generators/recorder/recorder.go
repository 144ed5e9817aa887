// Package recorder takes one capture of the running program and writes what belongs to it.
package recorder

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime/trace"
	"time"

	"fixtures/tracer"
)

// Options are the flags that every recording program has.
type Options struct {
	Out     string
	Form    string
	Seed    int64
	Window  time.Duration
	Flight  bool
	MaxKiB  int
	Service string
}

// Flags declares the flags of Options.
func Flags(service string, window time.Duration) *Options {
	o := &Options{Service: service}
	flag.StringVar(&o.Out, "out", "", "path without extension: .trace, .spans.otlp.jsonl and .truth.jsonl are written")
	flag.StringVar(&o.Form, "ids", string(tracer.NameKV), "where the ids of a span are left: name-kv, name-w3c, log-otel or log-traceparent")
	flag.Int64Var(&o.Seed, "seed", 1, "seed of ids and of the load")
	flag.DurationVar(&o.Window, "window", window, "how long to record")
	flag.BoolVar(&o.Flight, "flight", false, "dump a flight recorder at the end of the window instead (Go 1.25 on)")
	flag.IntVar(&o.MaxKiB, "max-kib", 512, "about how much the flight recorder keeps")
	return o
}

// Tracer makes the tracer that the options ask for.
func (o *Options) Tracer() (*tracer.Tracer, error) {
	if o.Out == "" {
		return nil, fmt.Errorf("-out is missing")
	}
	return tracer.New(tracer.Form(o.Form), o.Seed)
}

// Record takes the capture: during is called once the recording has begun and may return before its end. The bytes are
// kept in memory until the end so that writing them is no part of what is recorded.
func (o *Options) Record(during func()) error {
	// What grows while it is written to has the tracer's goroutine help the collector, too.
	var capture bytes.Buffer
	capture.Grow(4 << 20)
	if o.Flight {
		dump, err := startFlight(o.Window/2, uint64(o.MaxKiB)<<10)
		if err != nil {
			return err
		}
		o.wait(during)
		if err := dump(&capture); err != nil {
			return err
		}
	} else {
		if err := trace.Start(&capture); err != nil {
			return err
		}
		o.wait(during)
		trace.Stop()
	}
	return os.WriteFile(o.Out+".trace", capture.Bytes(), 0o644)
}

func (o *Options) wait(during func()) {
	end := time.Now().Add(o.Window)
	if during != nil {
		during()
	}
	time.Sleep(time.Until(end))
}

// Resource is the process, with made-up names and a fixed id.
func (o *Options) Resource() tracer.Resource {
	return tracer.Resource{Service: o.Service, Instance: o.Service + "-0-7d4f", Host: o.Service + "-0", PID: 4711}
}

// Write writes the spans and the truth.
func (o *Options) Write(t *tracer.Tracer) error {
	if err := t.WriteOTLP(o.Out+".spans.otlp.jsonl", o.Resource()); err != nil {
		return err
	}
	return t.WriteTruth(o.Out + ".truth.jsonl")
}

// Check ends the program when err is not nil.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
