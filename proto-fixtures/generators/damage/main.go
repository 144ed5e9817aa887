//go:build goreader

// Command damage breaks good captures in the ways that captures break, and writes down what must come of each.
//
// Usage: damage CAPTURES OUTPUT
//
// What must be true follows from what Subspan promises: a body that is no capture, or one of a version that cannot be
// read, is refused with a sentence; of a broken capture everything that Go's own reader still gives is kept, the program
// ends well, and at least one problem is told. The numbers of events and tasks are those of Go's reader.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"goreader/trace"
)

type broken struct {
	File string `json:"file"`
	// From is the capture that was broken, "" for what never was one.
	From string `json:"from"`
	How  string `json:"how"`
	// Bytes is the file's size, WholeBytes that of the capture it was made from.
	Bytes      int `json:"bytes"`
	WholeBytes int `json:"wholeBytes,omitempty"`
	// ExitCode is that of `subspan analyze FILE`.
	ExitCode int `json:"exitCode"`
	// Problems tells whether at least one problem must stand in the output; false when the file is refused as a whole.
	Problems bool `json:"problems"`
	// Mentions are parts of the sentence, whatever their case; each entry is a list of which one must occur.
	Mentions [][]string `json:"mentions"`
	// GoEvents is how many events Go's reader delivers before ReadError, GoTasks how many tasks these mention (task 0
	// not counted): at least as many must be shown.
	GoEvents  int     `json:"goEvents"`
	GoTasks   int     `json:"goTasks"`
	ReadError *string `json:"readError"`

	body []byte
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: damage CAPTURES OUTPUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "damage:", err)
		os.Exit(1)
	}
}

func run(captures, output string) error {
	var all []broken
	add := func(b broken) { all = append(all, b) }
	good := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(captures, name)) }

	const several, single, short = "go1.26/corners.trace", "go1.22/messages.trace", "go1.26/misuse-tolerated.trace"
	const older = "go1.21/messages.trace"
	corners, err := good(several)
	if err != nil {
		return err
	}
	messages, err := good(single)
	if err != nil {
		return err
	}
	misuse, err := good(short)
	if err != nil {
		return err
	}
	old, err := good(older)
	if err != nil {
		return err
	}

	salvaged := func(file, from, how string, whole, body []byte) {
		add(broken{File: file, From: from, How: how, WholeBytes: len(whole), Problems: true, Mentions: [][]string{}, body: body})
	}
	for _, percent := range []int{30, 62, 95} {
		salvaged(fmt.Sprintf("cut-at-%d-percent.trace", percent), several, "the front of a capture of several generations",
			corners, corners[:len(corners)*percent/100])
	}
	salvaged("cut-in-only-generation.trace", single, "the front of a capture of one generation", messages, messages[:len(messages)*62/100])
	salvaged("header-only.trace", several, "the 16 bytes of the header", corners, corners[:16])
	flipped := flip(corners, len(corners)/5, len(corners), 40, 1)
	salvaged("bits-flipped.trace", several, "40 bits flipped after the first fifth", corners, flipped)
	first, second, err := generationBounds(corners)
	if err != nil {
		return err
	}
	salvaged("bits-flipped-in-second-generation.trace", several,
		fmt.Sprintf("40 bits flipped in bytes %d to %d, the second generation; the others are whole", first, second), corners, flip(corners, first, second, 40, 2))
	salvaged("bits-flipped-in-only-generation.trace", single, "12 bits flipped after the first fifth", messages, flip(messages, len(messages)/5, len(messages), 12, 3))
	salvaged("trailing-garbage.trace", several, "a line of text after the end of the capture", corners,
		append(bytes.Clone(corners), "\nconnection closed by peer; see the log of the proxy for details\n"...))
	salvaged("zeros-at-end.trace", several, "the last quarter is zeros, as after a crash of the machine", corners,
		append(bytes.Clone(corners[:len(corners)*3/4]), make([]byte, len(corners)-len(corners)*3/4)...))

	salvaged("go1.21-cut-at-62-percent.trace", older, "the front of a capture of Go 1.21, which states its clock last", old, old[:len(old)*62/100])
	salvaged("go1.21-bits-flipped.trace", older, "12 bits of a capture of Go 1.21 flipped after the first fifth", old, flip(old, len(old)/5, len(old), 12, 4))

	refused := func(file, from, how string, body []byte, mentions ...[]string) {
		add(broken{File: file, From: from, How: how, ExitCode: 1, Mentions: mentions, body: body})
	}
	refused("empty.trace", "", "no bytes", nil, []string{"empty", "no bytes", "0 bytes"})
	refused("cut-in-header.trace", short, "the first 9 bytes of the header", misuse[:9], []string{"9"}, []string{"16"})
	refused("html-page.trace", "", "the page of a proxy that did not reach the service", []byte(errorPage), []string{"HTML"})
	refused("json-error.trace", "", "an error told in JSON", []byte(errorJSON), []string{"JSON"})
	refused("text-error.trace", "", "an error told in text", []byte("profiles are switched off on this port\n"), []string{"not a Go", "no Go"})
	refused("go1.10.trace", short, "the header of Go 1.10", withHeader(misuse, "go 1.10 trace"), []string{"1.10"}, []string{"1.11"})
	refused("go1.99.trace", short, "the header of a Go to come", withHeader(misuse, "go 1.99 trace"), []string{"1.99"})

	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	for i := range all {
		b := &all[i]
		b.Bytes = len(b.body)
		b.read()
		// What Go reads without complaint would be no damage: the file would prove nothing.
		if b.Problems && b.ReadError == nil && b.File != "header-only.trace" {
			return fmt.Errorf("%s: Go's reader sees nothing wrong", b.File)
		}
		if err := os.WriteFile(filepath.Join(output, b.File), b.body, 0o644); err != nil {
			return err
		}
	}
	var text strings.Builder
	for i, b := range all {
		var line strings.Builder
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(b); err != nil {
			return err
		}
		if i > 0 {
			text.WriteString(",\n")
		}
		text.WriteString(strings.TrimSpace(line.String()))
	}
	body := fmt.Sprintf("{\"reader\": %q,\n\"files\": [\n%s\n]}\n", "internal/trace of "+runtime.Version(), text.String())
	return os.WriteFile(filepath.Join(output, "expected.json"), []byte(body), 0o644)
}

const errorPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>502 Bad Gateway</title></head>
<body><h1>502 Bad Gateway</h1><p>The upstream closed the connection before it answered.</p></body>
</html>
`

const errorJSON = `{"error": {"code": 403, "message": "profiling needs the role operator"}}
`

// read asks Go's reader.
func (b *broken) read() {
	tasks := map[trace.TaskID]bool{}
	err := func() error {
		reader, err := trace.NewReader(bytes.NewReader(b.body))
		if err != nil {
			return err
		}
		for {
			event, err := reader.ReadEvent()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			b.GoEvents++
			switch event.Kind() {
			case trace.EventTaskBegin, trace.EventTaskEnd:
				tasks[event.Task().ID] = true
			case trace.EventRegionBegin, trace.EventRegionEnd:
				tasks[event.Region().Task] = true
			case trace.EventLog:
				tasks[event.Log().Task] = true
			}
		}
	}()
	delete(tasks, trace.BackgroundTask)
	b.GoTasks = len(tasks)
	if err != nil {
		text := err.Error()
		if len(text) > 200 {
			text = text[:200] + "…"
		}
		b.ReadError = &text
	}
}

// flip turns over so many bits between two offsets.
func flip(body []byte, from, to, bits int, seed int64) []byte {
	out := bytes.Clone(body)
	random := rand.New(rand.NewSource(seed))
	for i := 0; i < bits; i++ {
		out[from+random.Intn(to-from)] ^= 1 << random.Intn(8)
	}
	return out
}

// withHeader replaces the 16 bytes of the header.
func withHeader(body []byte, header string) []byte {
	return append(append([]byte(header), make([]byte, 16-len(header))...), body[16:]...)
}

// generationBounds finds where the second generation begins and ends: generations of Go 1.26 end with a byte of their
// own between two batches.
func generationBounds(body []byte) (first, second int, err error) {
	const eventBatch, experimentalBatch, endOfGeneration = 1, 49, 52
	var ends []int
	for at := 16; at < len(body); {
		kind := body[at]
		at++
		switch kind {
		case endOfGeneration:
			ends = append(ends, at)
			continue
		case eventBatch, experimentalBatch:
		default:
			return 0, 0, fmt.Errorf("byte %d at offset %d is no batch", kind, at-1)
		}
		numbers := 4
		if kind == experimentalBatch {
			numbers = 5
		}
		var size uint64
		for i := 0; i < numbers; i++ {
			n, length := binary.Uvarint(body[at:])
			if length <= 0 {
				return 0, 0, fmt.Errorf("no number at offset %d", at)
			}
			size = n
			at += length
		}
		at += int(size)
	}
	if len(ends) < 3 {
		return 0, 0, fmt.Errorf("%d generations, at least 3 needed: record corners for longer", len(ends))
	}
	return ends[0], ends[1], nil
}
