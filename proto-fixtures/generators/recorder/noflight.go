//go:build !go1.25

package recorder

import (
	"errors"
	"io"
	"runtime"
	"time"
)

// startFlight says that this Go has no flight recorder.
func startFlight(time.Duration, uint64) (func(io.Writer) error, error) {
	return nil, errors.New("no flight recorder in " + runtime.Version() + ": it came with Go 1.25")
}
