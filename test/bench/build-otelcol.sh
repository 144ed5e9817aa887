#!/bin/sh
# Builds the Collector of the benchmark from source, through the Go module proxy: some minutes the first time. Needs Go in PATH.
#
# Usage: build-otelcol.sh PROGRAM
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$1" ] && exit
mkdir -p "$(dirname "$1")"
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch" && rm -rf "$scratch"' EXIT
export GOFLAGS= GOWORK=off
GOBIN=$scratch go install go.opentelemetry.io/collector/cmd/builder@v0.161.0
(cd "$scratch" && ./builder --config "$here/otelcol-builder.yaml" >&2)
mv "$scratch/otelcol/otelcol" "$1"
