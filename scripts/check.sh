#!/bin/sh
# Format, vet and staticcheck. GOFUMPT and STATICCHECK are module paths with versions.
set -eu
cd "$(dirname "$0")/.."

echo "== gofumpt"
unformatted=$(go run "$GOFUMPT" -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted (make format):" >&2
	echo "$unformatted" >&2
	exit 1
fi
# Vet and staticcheck read the packages as they are compiled for the race detector, as
# most tests are: nothing is compiled twice.
echo "== vet"
nested=internal/engines/tacacs/tacquitotest # a module of its own, which ./... leaves out
GOFLAGS="${GOFLAGS:-} ${RACEFLAGS:=-race}" go vet ./...
GOFLAGS="${GOFLAGS:-} $RACEFLAGS" go -C "$nested" vet ./...
echo "== staticcheck"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
GOBIN=$work go install "$STATICCHECK"
export GOFLAGS="${GOFLAGS:-} $RACEFLAGS"
"$work/staticcheck" ./...
(cd "$nested" && "$work/staticcheck" ./...)
