#!/bin/sh
# Format, vet and staticcheck. GOFUMPT and STATICCHECK are module paths with versions.
set -eu
cd "$(dirname "$0")/.."

export GOGC=400 # memory for time: all of these end soon
plain="${GOFLAGS:-} ${PLAINFLAGS:-}"
raced="${GOFLAGS:-} ${RACEFLAGS:=-race}"
nested=internal/engines/tacacs/tacquitotest # a module of its own, which ./... leaves out
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The tools are built beside vet, which leaves a core idle now and then.
{
	export CGO_ENABLED=0 GOFLAGS="$plain" GOBIN="$work"
	go install "$GOFUMPT" && go install "$STATICCHECK"
} &
tools=$!
# Vet and staticcheck read the packages as they are compiled for the race detector, as
# most tests are: nothing is compiled twice.
export GOFLAGS="$raced"
echo "== vet"
go vet ./...
go vet -tags embedded ./cmd/aaa-api ./internal/actions # what make run builds
go -C "$nested" vet ./...
wait "$tools"
echo "== gofumpt"
unformatted=$("$work/gofumpt" -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted (make format):" >&2
	echo "$unformatted" >&2
	exit 1
fi
echo "== staticcheck"
"$work/staticcheck" ./...
(cd "$nested" && "$work/staticcheck" ./...)
