#!/bin/sh
# Every test, with one PostgreSQL and one FreeRADIUS for the whole run, which withpg and
# withfreeradius start and stop. SOAK is how often each test is run. With it the faults of accounting are played once at length, too.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" != --inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	GOFLAGS="${GOFLAGS:-} ${RACEFLAGS:=-race}" go build -o "$work/" ./internal/store/pgtest/withpg ./internal/engines/enginetest/withfreeradius
	"$work/withpg" -- "$work/withfreeradius" "$0" --inside
	exit
fi

# Nothing runs at once in these, and the race detector makes them slow.
sequential='aaa-api/internal/(aaa|config|dict|dict/.*|document|schema)|aaa-api/internal'

# Those that take longest, which come first: else one of them runs on alone at the end.
longest='aaa-api/cmd/aaa-api|aaa-api/internal/(httpapi|store/postgres)'

all=$(go list ./...)
plain=$(echo "$all" | grep -E -x "$sequential")
raced=$(echo "$all" | grep -E -x "$longest" && echo "$all" | grep -E -x -v "$sequential|$longest")
count=${SOAK:-1}

export GORACE=atexit_sleep_ms=0 # or each process would wait for a second at its end
failed=0
echo "== tests, with the race detector"
# In the environment, so that what tests build themselves is built in the same way.
# shellcheck disable=SC2086 # lists of packages
SOAK='' GOFLAGS="${GOFLAGS:-} ${RACEFLAGS:=-race}" go test -vet=off -count="$count" -timeout "$((10 * count))m" $raced || failed=1
if [ -n "${SOAK:-}" ]; then
	echo "== faults of accounting, at length"
	GOFLAGS="${GOFLAGS:-} $RACEFLAGS" go test -vet=off -count=1 -timeout 60m \
		-run '^Test(KilledNode|DatabaseAway|ServerBack|NeverAnswered|OneNASInASecond|TwoNodesDeliver|BacklogAges)$' ./cmd/aaa-api || failed=1
fi
echo "== tests against tacquito"
# A module of its own, which ./... leaves out.
(cd internal/engines/tacacs/tacquitotest && GOFLAGS="${GOFLAGS:-} $RACEFLAGS" go test -vet=off -count="$count" -timeout "$((5 * count))m" ./...) || failed=1
echo "== tests"
# shellcheck disable=SC2086
CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} ${PLAINFLAGS:-}" go test -vet=off -count="$count" -timeout "$((5 * count))m" $plain || failed=1
echo "== the API, with a line to the security module"
AAA_API_TEST_LINE=across CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} ${PLAINFLAGS:-}" go test -vet=off -count=1 -timeout 5m ./internal/httpapi || failed=1
echo "== memory under attack"
# By itself: it measures a process, and its attackers take the processor from others.
CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} ${PLAINFLAGS:-}" go test -vet=off -count=1 -run '^TestMemoryUnderAttack$' ./cmd/aaa-api || failed=1
exit $failed
