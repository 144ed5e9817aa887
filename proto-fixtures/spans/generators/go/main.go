// Records what Go programs send as OTLP traces, with what the bodies must decode to.
//
//	go run . DIRECTORY
//
// writes go-sdk.bin, go-sdk.bin.gz (the same spans, gzip on) and go-sdk.expected.json: bodies as the OpenTelemetry Go SDK
// posts them, expected from the SDK's own spans in memory; collector.bin, collector.json and collector.expected.json: what
// the Collector's own types write, expected from those types. Ids and times are fixed; the exporter orders resources and
// scopes anyhow, so that a second run may write them in another order.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . DIRECTORY")
		os.Exit(2)
	}
	for _, record := range []func(pathOf func(name string) string) error{recordSDK, recordCollector} {
		err := record(func(name string) string { return filepath.Join(os.Args[1], name) })
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
