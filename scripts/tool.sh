#!/bin/sh
# Builds a tool of tools/go.mod and prints its path. Go's cache keeps it, so that it is built once.
set -eu
cd "$(dirname "$0")/../tools"
CGO_ENABLED=0 GOFLAGS="${PLAINFLAGS:-}" go tool -n "$1"
