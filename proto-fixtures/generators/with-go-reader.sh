#!/bin/sh
# Builds a program of this folder that reads captures with Go's own reader.
#
# Usage: with-go-reader.sh expected|texttests OUTPUT
#
# Go keeps its reader in internal/trace, which nobody outside Go's tree may import. It is copied from the Go found by
# PATH into a temporary module that is thrown away afterwards; nothing of Go's sources is kept here. Needs Go 1.26.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$1
case $2 in /*) output=$2 ;; *) output=$(pwd)/$2 ;; esac
export GOTOOLCHAIN=local GOFLAGS=-mod=mod GOWORK=off
reader=$(go env GOROOT)/src/internal/trace
if [ ! -f "$reader/summary.go" ]; then
  echo "with-go-reader: no reader in $reader: Go 1.26 with its sources is needed, $(go version) was found" >&2
  exit 1
fi
module=$(mktemp -d)
trap 'rm -rf "$module"' EXIT
for package in . internal/tracev1 raw tracev2 version; do
  mkdir -p "$module/trace/$package"
  for source in "$reader/$package"/*.go; do
    case $source in *_test.go) continue ;; esac
    sed 's|"internal/trace|"goreader/trace|' "$source" >"$module/trace/$package/$(basename "$source")"
  done
done
cp "$here/expected/insummarizer/snapshot.go" "$module/trace/"
mkdir "$module/$program"
cp "$here/$program"/*.go "$module/$program/"
printf 'module goreader\n\ngo 1.26\n' >"$module/go.mod"
cd "$module"
go vet -tags goreader "./$program"
go build -tags goreader -trimpath -o "$output" "./$program"
