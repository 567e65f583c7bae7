#!/bin/sh
# Every test, on one PostgreSQL for the whole run (AAA_API_TEST_POSTGRES, made and
# removed by withpg) and with the FreeRADIUS and the embedded stores that the tests start
# themselves. SOAK is how often each is run.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" != --inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	go build -o "$work/withpg" ./internal/store/pgtest/withpg
	"$work/withpg" -- "$0" --inside
	exit
fi

# Nothing runs at once in these, and the race detector makes them slow.
sequential='aaa-api/internal/(aaa|config|dict|dict/.*|document|schema)|aaa-api/internal'

all=$(go list ./...)
plain=$(echo "$all" | grep -E -x "$sequential")
raced=$(echo "$all" | grep -E -x -v "$sequential")
count=${SOAK:-1}

echo "== tests, with the race detector"
# shellcheck disable=SC2086 # lists of packages
go test -race -vet=off -count="$count" -timeout 10m $raced
echo "== tests"
# shellcheck disable=SC2086
go test -vet=off -count="$count" -timeout 10m $plain
