//go:build goreader

// Command texttests turns captures in Go's readable form into bytes.
//
// Usage:
//
//	texttests [-tests FOLDER] OUTPUT   converts every *.test of the folder (by default those of Go's own tree) and
//	                                   prints one JSON object for each: what the test expects and what Go's reader says
//	texttests -sizes FILE...           sets the size of every EventBatch of the files to the right number, in place
//
// A test has two parts: `-- expect --`, with SUCCESS or FAILURE and a quoted pattern of the error, and `-- trace --`.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"goreader/trace"
	"goreader/trace/raw"
	"goreader/trace/tracev2"
)

type result struct {
	Name string `json:"name"`
	// Expect is SUCCESS or FAILURE; ErrorPattern goes with the latter.
	Expect       string `json:"expect"`
	ErrorPattern string `json:"errorPattern,omitempty"`
	Bytes        int    `json:"bytes"`
	// Events are those that Go's reader delivered, the synchronisation events included.
	Events    int     `json:"eventsByGoReader"`
	ReadError *string `json:"readError"`
	File      string  `json:"file"`
}

func main() {
	tests := flag.String("tests", "", "folder of the tests; Go's own when empty")
	sizes := flag.Bool("sizes", false, "correct the sizes of batches in the named files")
	flag.Parse()
	err := errors.New("usage: texttests [-tests FOLDER] OUTPUT, or texttests -sizes FILE...")
	switch {
	case *sizes && flag.NArg() > 0:
		err = nil
		for _, path := range flag.Args() {
			err = errors.Join(err, correctSizes(path))
		}
	case !*sizes && flag.NArg() == 1:
		err = convertAll(*tests, flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "texttests:", err)
		os.Exit(1)
	}
}

func convertAll(folder, output string) error {
	if folder == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return fmt.Errorf("cannot ask go for GOROOT: %w", err)
		}
		folder = filepath.Join(strings.TrimSpace(string(root)), "src/internal/trace/testdata/tests")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.test"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no *.test in %s", folder)
	}
	lines := json.NewEncoder(os.Stdout)
	lines.SetEscapeHTML(false)
	for _, path := range paths {
		r, err := convert(path, output)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// split takes the two parts of a test apart.
func split(test []byte) (before, expect, traceText string, err error) {
	before, rest, found := strings.Cut(string(test), "-- expect --\n")
	if !found {
		return "", "", "", errors.New("no part named expect")
	}
	expect, traceText, found = strings.Cut(rest, "-- trace --\n")
	if !found {
		return "", "", "", errors.New("no part named trace")
	}
	return before, expect, traceText, nil
}

func convert(path, output string) (result, error) {
	r := result{Name: strings.TrimSuffix(filepath.Base(path), ".test")}
	test, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	_, expect, text, err := split(test)
	if err != nil {
		return r, err
	}
	r.Expect, r.ErrorPattern, _ = strings.Cut(strings.TrimSpace(expect), " ")
	if r.ErrorPattern != "" {
		if r.ErrorPattern, err = strconv.Unquote(r.ErrorPattern); err != nil {
			return r, fmt.Errorf("the pattern is not quoted: %w", err)
		}
	}
	body, err := bytesOf(text)
	if err != nil {
		return r, err
	}
	r.File = r.Name + ".trace"
	r.Bytes = len(body)
	var readError error
	r.Events, readError = count(body)
	if readError != nil {
		text := readError.Error()
		r.ReadError = &text
	}
	if err := r.check(); err != nil {
		return r, err
	}
	return r, os.WriteFile(filepath.Join(output, r.File), body, 0o644)
}

// check compares what the test expects with what Go's reader said.
func (r result) check() error {
	switch {
	case r.Expect == "SUCCESS" && r.ReadError == nil:
		return nil
	case r.Expect == "SUCCESS":
		return fmt.Errorf("expected to be read, but: %s", *r.ReadError)
	case r.ReadError == nil:
		return fmt.Errorf("expected to fail with %q, but it was read", r.ErrorPattern)
	}
	pattern, err := regexp.Compile(r.ErrorPattern)
	if err != nil {
		return err
	}
	if !pattern.MatchString(*r.ReadError) {
		return fmt.Errorf("expected to fail with %q, but: %s", r.ErrorPattern, *r.ReadError)
	}
	return nil
}

func bytesOf(text string) ([]byte, error) {
	reader, err := raw.NewTextReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	writer, err := raw.NewWriter(&body, reader.Version())
	if err != nil {
		return nil, err
	}
	for {
		event, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return body.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := writer.WriteEvent(event); err != nil {
			return nil, err
		}
	}
}

func count(body []byte) (events int, err error) {
	reader, err := trace.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for {
		_, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events++
	}
}

// batchSizes are the lengths of all batches, in order.
func batchSizes(text string) ([]int, error) {
	reader, err := raw.NewTextReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	writer, err := raw.NewWriter(&out, reader.Version())
	if err != nil {
		return nil, err
	}
	var sizes []int
	for {
		event, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return sizes, nil
		}
		if err != nil {
			return nil, err
		}
		out.Reset()
		if err := writer.WriteEvent(event); err != nil {
			return nil, err
		}
		switch event.Ev {
		case tracev2.EvEventBatch:
			sizes = append(sizes, 0)
		case tracev2.EvExperimentalBatch, tracev2.EvEndOfGeneration:
			// These stand between batches.
		default:
			sizes[len(sizes)-1] += out.Len()
		}
	}
}

var sizeArgument = regexp.MustCompile(`size=\d+`)

func correctSizes(path string) error {
	test, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, expect, text, err := split(test)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sizes, err := batchSizes(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(text, "\n")
	batch := 0
	for i, line := range lines {
		if strings.HasPrefix(line, "EventBatch ") {
			lines[i] = sizeArgument.ReplaceAllString(line, fmt.Sprintf("size=%d", sizes[batch]))
			batch++
		}
	}
	return os.WriteFile(path, []byte(before+"-- expect --\n"+expect+"-- trace --\n"+strings.Join(lines, "\n")), 0o644)
}
