// Reads an execution-tracer capture with Go's own reader, event by event, keeping nothing, and prints what that cost the process.
//
//	reader FILE
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/exp/trace"
)

func main() {
	begin := time.Now()
	file, err := os.Open(os.Args[1])
	check(err)
	reader, err := trace.NewReader(file)
	check(err)
	events := 0
	for {
		_, err := reader.ReadEvent()
		if err == io.EOF {
			break
		}
		check(err)
		events++
	}
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"events":    events,
		"wallS":     time.Since(begin).Seconds(),
		"cpuS":      seconds(used.Utime) + seconds(used.Stime),
		"peakBytes": used.Maxrss * 1024,
	}))
}

func seconds(t syscall.Timeval) float64 {
	return float64(t.Sec) + float64(t.Usec)/1e6
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
