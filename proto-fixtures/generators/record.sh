#!/bin/sh
# Records proto-fixtures anew: demo, captures, ground truth (among the captures), accuracy, captures/text, damaged, joins.
#
# Usage: record.sh [demo|captures|ground|accuracy|text|damaged|joins]...      all when none is named, in this order
#
# Needs Go 1.26 in PATH, with its sources; other versions are fetched by Go itself (GOTOOLCHAIN), but for Go 1.19, which
# is older than that: GO119_ROOT names the folder of one (Debian 12 has it as golang-1.19). Every recording differs a
# little from the last: look at `git diff --stat` and run the tests before keeping one.
set -eu
generators=$(cd "$(dirname "$0")" && pwd)
fixtures=$(dirname "$generators")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export GOFLAGS=-mod=mod GOWORK=off

# The exact release that records as Go 1.NN.
release() {
  case $1 in
  1.19) echo 1.19 ;; 1.21) echo 1.21.13 ;; 1.22) echo 1.22.12 ;; 1.23) echo 1.23.12 ;; 1.24) echo 1.24.11 ;;
  1.25) echo 1.25.5 ;; 1.26) echo 1.26.8 ;; 1.27) echo 1.27.3 ;;
  *) echo "record: no release for Go $1" >&2 && return 1 ;;
  esac
}

# build VERSION PROGRAM: prints the path of the program, built by that Go and for its language. -trimpath keeps the paths
# of this machine out of the stacks.
build() {
  toolchain=go$(release "$1") go=go root=
  if [ "$1" = 1.19 ]; then
    root=${GO119_ROOT:?record: captures of Go 1.19 need the folder of one in GO119_ROOT}
    toolchain=local go=$root/bin/go
  fi
  program=$scratch/$1/$2
  if [ ! -x "$program" ]; then
    mkdir -p "$scratch/$1"
    if [ -f "$generators/$2/go.mod" ]; then
      # A module of its own, for what Go's library has not.
      (cd "$generators/$2" && GOROOT=$root GOTOOLCHAIN=$toolchain "$go" build -trimpath -o "$program" .)
    else
      sed "s/^go .*/go $(release "$1")/" "$generators/go.mod" >"$scratch/$1/go.mod"
      (cd "$generators" && GOROOT=$root GOTOOLCHAIN=$toolchain "$go" build -modfile="$scratch/$1/go.mod" -trimpath -o "$program" "./$2")
    fi
  fi
  echo "$program"
}

# reader PROGRAM: prints the path of a program that uses Go's own reader.
reader() {
  [ -x "$scratch/$1.reader" ] || "$generators/with-go-reader.sh" "$1" "$scratch/$1.reader" >&2
  echo "$scratch/$1.reader"
}

# keep_out_paths FILE...: fails when a file tells where it was made. Host names of few letters occur by chance in bytes.
keep_out_paths() {
  host=$(hostname)
  for file in "$@"; do
    if strings -n 4 "$file" | grep -qE '/(work|tmp|root|home|usr)/' || { [ ${#host} -gt 5 ] && grep -qaF "$host" "$file"; }; then
      echo "record: $file holds a path or the name of this machine" >&2
      return 1
    fi
  done
}

# capture VERSION NAME PROGRAM FLAGS...: records captures/goVERSION/NAME.* with what Go's reader says of it.
capture() {
  version=$1 name=$2 program=$3
  shift 3
  folder=$fixtures/captures/go$version
  mkdir -p "$folder"
  recorder=$(build "$version" "$program")
  expected=$(reader expected)
  "$recorder" -out "$scratch/$name" "$@"
  "$expected" -spans "$scratch/$name.spans.otlp.jsonl" -truth "$scratch/$name.truth.jsonl" "$scratch/$name.trace" >"$scratch/$name.expected.json"
  keep_out_paths "$scratch/$name.trace" "$scratch/$name.spans.otlp.jsonl" "$scratch/$name.expected.json"
  for part in trace spans.otlp.jsonl expected.json; do mv "$scratch/$name.$part" "$folder/"; done
  echo "go$version/$name: $(wc -c <"$folder/$name.trace") bytes, $(grep -c '^{"traceId".*"evidence"' "$folder/$name.expected.json" || true) matches"
}

# The demonstration shows one request that waited for the token's lock, dialled the database and helped the garbage
# collector. Not every recording has one: try until one has.
demo() {
  mkdir -p "$fixtures/demo"
  recorder=$(build 1.26 messages)
  expected=$(reader expected)
  seed=0
  while :; do
    seed=$((seed + 1))
    GOGC=40 "$recorder" -out "$scratch/messages" -seed $seed -around 100ms
    if "$expected" -spans "$scratch/messages.spans.otlp.jsonl" -truth "$scratch/messages.truth.jsonl" -good "$scratch/demo.json" \
      "$scratch/messages.trace" >"$scratch/messages.expected.json"; then
      break
    fi
    [ $seed -lt 200 ] || { echo 'record: no good trace in 200 recordings' >&2 && return 1; }
  done
  keep_out_paths "$scratch/messages.trace" "$scratch/messages.spans.otlp.jsonl" "$scratch/messages.expected.json"
  for part in messages.trace messages.spans.otlp.jsonl messages.expected.json demo.json; do mv "$scratch/$part" "$fixtures/demo/"; done
}

captures() {
  small='-window 150ms -around 50ms -clients 3'
  slow='-around 60ms -clients 1 -pause 300ms -calm 4'
  export GOGC=70
  for version in 1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27; do
    capture $version messages messages $small -seed 11
  done
  capture 1.22 messages-log-otel messages $small -seed 12 -ids log-otel
  capture 1.23 messages-name-w3c messages $small -seed 13 -ids name-w3c
  capture 1.24 messages-log-traceparent messages $small -seed 14 -ids log-traceparent
  capture 1.25 messages-name-w3c messages $small -seed 15 -ids name-w3c
  capture 1.26 messages-log-otel messages $small -seed 16 -ids log-otel
  capture 1.27 messages-log-traceparent messages $small -seed 17 -ids log-traceparent
  capture 1.26 messages-long messages $slow -seed 18 -window 3600ms
  capture 1.25 messages-flight messages $slow -seed 19 -window 2400ms -flight
  capture 1.27 messages-flight messages $slow -seed 20 -window 2400ms -flight
  (export GOMAXPROCS=1 && capture 1.26 messages-p1 messages $small -seed 21)
  (export GOMAXPROCS=8 && capture 1.26 messages-p8 messages $small -seed 22)
  for version in 1.22 1.23; do
    capture $version corners corners -seed 23 -collect
  done
  for version in 1.26 1.27; do
    capture $version corners corners -seed 23
  done
  (export GODEBUG=traceallocfree=1 && capture 1.26 corners-allocfree corners -seed 24 -window 500ms -rounds 1 -profile=false)
  (export GOGC=off && capture 1.26 misuse-tolerated misuse -seed 25)
  (export GOGC=off && capture 1.26 misuse-refused misuse -seed 26 -kind refused)
  capture 1.21 messages-log-otel messages $small -seed 28 -ids log-otel
  for version in 1.19 1.21; do
    capture $version corners corners -seed 29 -collect
    (export GOGC=off && capture $version misuse-tolerated misuse -seed 30)
  done
}

# Tasks whose time is known by the program's own clock. To be recorded while the machine has nothing else to do: what else runs
# takes the processors away unseen by the runtime, and only the program's clock would know.
ground() {
  for version in 1.21 1.22 1.24 1.26 1.27; do known $version states states -seed 31; done
  known 1.26 shapes shapes -seed 33 -rounds 1
  for version in 1.21 1.24 1.26; do known $version idioms idioms -seed 61 -rounds 1; done
  # Verdicts are claimed too: again, when the machine had something else to do meanwhile.
  for version in 1.21 1.26; do known $version causes causes -seed 71 -rounds 1; done
  for version in 1.21 1.26; do known $version oncall oncall -seed 81 -rounds 1; done
  for version in 1.21 1.26; do known $version incidents incidents -seed 91 -rounds 1; done
  for version in 1.21 1.26; do known $version relays relays -seed 95 -rounds 1; done
  known 1.26 states-grpc statesgrpc -seed 32 -rounds 1
}

# known VERSION NAME PROGRAM FLAGS...: as capture, with what the program knows of its own time.
known() {
  capture "$@"
  mv "$scratch/$2.ground.jsonl" "$fixtures/captures/go$1/"
}

# Waits until the machine has had next to nothing to do for a second: above 98 % of its processors' time idle.
quiet() {
  while :; do
    before=$(head -1 /proc/stat) && sleep 1
    printf '%s\n%s\n' "$before" "$(head -1 /proc/stat)" | awk '
      { for (i = 2; i <= 9; i++) all[NR] += $i; idle[NR] = $5 }
      END { exit !(idle[2] - idle[1] > 0.98 * (all[2] - all[1])) }' && return
  done
}

# The same programs again and again, for the figures of docs/accuracy.md: each begins when the machine is quiet, and what is recorded is
# kept, whatever comes out.
accuracy() {
  mkdir -p "$fixtures/accuracy"
  for version in 1.21 1.22 1.24 1.26 1.27; do
    for run in 1 2 3; do run_of $version states $run -seed $((40 + run)); done
  done
  for run in 1 2; do run_of 1.26 statesgrpc $run -seed $((50 + run)) -rounds 1; done
  for version in 1.21 1.24 1.26; do
    for run in 1 2; do run_of $version idioms $run -seed $((60 + run)) -rounds 1; done
    for run in 1 2; do run_of $version relays $run -seed $((95 + run)) -rounds 1; done
  done
}

# run_of VERSION PROGRAM RUN FLAGS...: records accuracy/goVERSION-PROGRAM-RUN.trace with what the program knows.
run_of() {
  version=$1 name=go$1-$2-$3
  recorder=$(build "$1" "$2")
  shift 3
  quiet
  "$recorder" -out "$scratch/$name" "$@"
  keep_out_paths "$scratch/$name.trace" "$scratch/$name.ground.jsonl"
  for part in trace ground.jsonl; do mv "$scratch/$name.$part" "$fixtures/accuracy/"; done
  echo "$name: $(wc -c <"$fixtures/accuracy/$name.trace") bytes"
}

text() {
  folder=$fixtures/captures/text
  "$(reader texttests)" -sizes "$folder"/*.test
  "$(reader texttests)" -tests "$folder" "$folder" >"$scratch/text.jsonl"
  for file in "$folder"/*.trace; do
    "$(reader expected)" "$file" >"${file%.trace}.expected.json"
  done
  wc -l <"$scratch/text.jsonl"
}

damaged() {
  "$(reader damage)" "$fixtures/captures" "$fixtures/damaged"
}

# The release of the OpenTelemetry SDK that goes with Go 1.NN: the newest that it can build, or nearly.
otel_release() {
  case $1 in
  1.21) echo v1.28.0 ;; 1.22) echo v1.34.0 ;; 1.23) echo v1.38.0 ;; 1.24) echo v1.40.0 ;; 1.25 | 1.26 | 1.27) echo v1.43.0 ;;
  *) echo "record: no OpenTelemetry SDK for Go $1" >&2 && return 1 ;;
  esac
}

# stock VERSION: prints the path of the shop with stock SDKs, built by that Go.
stock() {
  program=$scratch/$1/stock-program
  if [ ! -x "$program" ]; then
    mkdir -p "$scratch/$1/stock"
    cp "$generators"/stock/*.go "$scratch/$1/stock/"
    otel=$(otel_release "$1")
    (
      cd "$scratch/$1/stock"
      export GOTOOLCHAIN=go$(release "$1")
      printf 'module stock\n\ngo %s\n\nrequire (\n\tgo.opencensus.io v0.24.0\n\tgo.opentelemetry.io/otel %s\n\tgo.opentelemetry.io/otel/sdk %s\n)\n' \
        "$(release "$1")" "$otel" "$otel" >go.mod
      go mod tidy >&2
      go build -trimpath -o "$program" .
    )
  fi
  echo "$program"
}

# shop VERSION NAME FLAGS...: records joins/goVERSION-NAME.* with what the program knows of its spans and tasks.
shop() {
  version=$1 name=$2
  shift 2
  program=$(stock "$version")
  "$program" -out "$scratch/$name" "$@"
  keep_out_paths "$scratch/$name.trace" "$scratch/$name.spans.otlp.jsonl" "$scratch/$name.pairs.jsonl"
  for part in trace spans.otlp.jsonl pairs.jsonl; do mv "$scratch/$name.$part" "$fixtures/joins/go$version-$name.$part"; done
  echo "go$version-$name: $(wc -c <"$fixtures/joins/go$version-$name.trace") bytes, $(grep -c '"whole":true' "$fixtures/joins/go$version-$name.pairs.jsonl") whole pairs"
}

joins() {
  mkdir -p "$fixtures/joins"
  few='-window 250ms -around 40ms -clients 2 -pause 30ms'
  for version in 1.21 1.22 1.24 1.25 1.26 1.27; do
    shop $version otel -sdk otel $few -seed 31
    shop $version opencensus -sdk opencensus $few -seed 32
  done
  shop 1.26 otel-long -sdk otel -window 3200ms -around 60ms -clients 1 -pause 300ms -seed 38
  many='-window 120ms -around 20ms -clients 24 -pause 0'
  shop 1.24 otel-saturated -sdk otel $many -seed 33
  shop 1.26 otel-saturated -sdk otel $many -seed 34
  shop 1.26 opencensus-saturated -sdk opencensus $many -seed 35
  shop 1.24 otel-renamed -sdk otel $few -seed 36 -rename
  shop 1.26 otel-renamed -sdk otel $few -seed 37 -rename
  visits='-app library -window 400ms -around 40ms -clients 4 -pause 25ms'
  shop 1.23 opencensus-library -sdk opencensus $visits -seed 41
  shop 1.26 otel-library -sdk otel $visits -seed 42
  shop 1.27 otel-renamed-library -sdk otel $visits -seed 43 -rename
  shop 1.26 otel-library-saturated -app library -sdk otel $many -seed 44
  shop 1.24 opencensus-library-saturated -app library -sdk opencensus $many -seed 45
}

for step in ${*:-demo captures ground accuracy text damaged joins}; do
  case $step in
  demo | captures | ground | accuracy | text | damaged | joins) "$step" ;;
  *) echo "record: unknown step $step: demo, captures, ground, accuracy, text, damaged or joins" >&2 && exit 2 ;;
  esac
done
