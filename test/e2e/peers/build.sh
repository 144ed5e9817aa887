#!/bin/sh
# Builds what the end-to-end suite runs Subspan with, from source, through the Go module proxy: Jaeger, the OpenTelemetry
# Collector, the service of examples/go, a sender with the SDK for Go, Docker Compose (which reads its files without Docker), and checks made of
# Prometheus' and BuildKit's own code. The first time takes 7 to 20 minutes on two processors; what is there is left alone.
#
# Usage: build.sh FOLDER [jaeger|otelcol|messages|sdkspans|compose|promrules|dockerlint]...      all of them when none is named
#
# Prints nothing to standard output; needs Go in PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
scratch=$(mktemp -d)
# Modules are read-only where Go puts them, and copies of them too.
trap 'chmod -R u+w "$scratch" && rm -rf "$scratch"' EXIT
export GOFLAGS= GOWORK=off

# Jaeger 2.13 is tagged v1.76.0 as a module. Its module file names replacements, so that it must be built from within; it has
# no pages then, only its query API, which is what is asked.
JAEGER=v1.76.0
OTELCOL=v0.161.0
COMPOSE=v5.1.2

say() { echo "build: $*" >&2; }

# Puts the source of a module into a folder of its own.
from_within() {
  source=$(cd "$scratch" && go mod download -json "$2" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
  cp -r "$source" "$scratch/$1"
  chmod -R u+w "$scratch/$1"
}

jaeger() {
  program=$folder/jaeger-$JAEGER
  [ -x "$program" ] && return
  say "Jaeger $JAEGER"
  from_within jaeger "github.com/jaegertracing/jaeger@$JAEGER"
  (cd "$scratch/jaeger" && go build -mod=mod -buildvcs=false -trimpath -ldflags '-s -w' -o "$program" ./cmd/jaeger)
}

otelcol() {
  program=$folder/otelcol-$OTELCOL
  [ -x "$program" ] && return
  say "OpenTelemetry Collector $OTELCOL"
  GOBIN=$scratch go install "go.opentelemetry.io/collector/cmd/builder@$OTELCOL"
  (cd "$scratch" && ./builder --config "$here/otelcol-builder.yaml" >&2)
  mv "$scratch/otelcol/otelcol" "$program"
}

messages() { # always: Go knows by itself what has changed
  (cd "$here/../../../examples/go" && go build -o "$folder/messages" ./messages)
}

sdkspans() {
  (cd "$here/sdkspans" && go build -o "$folder/sdkspans" .)
}

compose() {
  program=$folder/docker-compose-$COMPOSE
  [ -x "$program" ] && return
  say "Docker Compose $COMPOSE"
  from_within compose "github.com/docker/compose/v5@$COMPOSE"
  (cd "$scratch/compose" && go build -mod=mod -buildvcs=false -trimpath -ldflags '-s -w' -o "$program" ./cmd)
}

promrules() {
  (cd "$here/promrules" && go test -c -o "$folder/promrules" .)
}

dockerlint() {
  (cd "$here/dockerlint" && go build -o "$folder/dockerlint" .)
}

[ $# -gt 0 ] || set -- jaeger otelcol messages sdkspans compose promrules dockerlint
for part in "$@"; do
  "$part"
done
