//go:build go1.25

package recorder

import (
	"io"
	"runtime/trace"
	"time"
)

// startFlight starts a flight recorder; what it returns dumps and stops it.
func startFlight(minAge time.Duration, maxBytes uint64) (func(io.Writer) error, error) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: minAge, MaxBytes: maxBytes})
	if err := recorder.Start(); err != nil {
		return nil, err
	}
	return func(out io.Writer) error {
		defer recorder.Stop()
		_, err := recorder.WriteTo(out)
		return err
	}, nil
}
