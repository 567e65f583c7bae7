#!/bin/sh
# Runs every fuzz target for a time (default 1s), two at once with a core each. The
# binary of a package is built once for all its targets. What was found to be interesting
# is forgotten afterwards unless FUZZCACHE names a folder for it.
set -eu
cd "$(dirname "$0")/.."
export GORACE=atexit_sleep_ms=0 # or each process would wait for a second at its end

if [ "${1:-}" = --one ]; then # binary package-folder target time
	bin=$2 dir=$3 target=$4 time=$5
	cache=${FUZZCACHE:+$FUZZCACHE/$dir/$target}
	log=$bin.$target.log
	cd "$dir"
	# Interesting inputs are not made shorter for long: that would take all of a short time.
	if "$bin" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" \
		-test.fuzzcachedir "${cache:-$bin.$target.cache}" -test.parallel 1 -test.fuzzminimizetime 10x >"$log" 2>&1; then
		ended=ok
	# Until Go 1.27 the end of the time is now and then taken for a failure (go.dev/issue/75804).
	# Then no failing input is written.
	elif grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log"; then
		ended=ok
	else
		ended=
	fi
	# A corpus that takes all of the time must not pass for fuzzing. On a machine that is busy it gets more time, once.
	if [ -n "$ended" ] && grep -q 'now fuzzing' "$log"; then
		echo "ok   $dir $target: $(grep -o 'execs: [0-9]*' "$log" | tail -n 1)"
		exit 0
	elif [ -n "$ended" ] && [ "$time" != 30s ]; then
		exec "$OLDPWD/scripts/fuzz.sh" --one "$bin" "$dir" "$target" 30s
	fi
	echo "FAIL $dir $target" >&2
	cat "$log" >&2
	exit 1
fi

time=${1:-1s}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# binary is where the tests of a folder are built: two packages may have the same last name.
binary() { echo "$work/$(cd "$1" && pwd | tr / _).test"; }

echo "== fuzz ($time each)"
list=$work/list
instrument='-d=libfuzzer -dwarf=false'
: >"$list"
dirs=$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u)
if [ -n "${FUZZCACHE:-}" ]; then
	for dir in $dirs; do
		go test -c -vet=off -fuzz=. -o "$(binary "$dir")" "$dir"
	done
else
	# A short run measures the coverage of our own packages and takes all others as they are compiled already.
	# SQLite takes long to compile: what needs it is built as for the race detector, like most tests, and
	# measures that package alone.
	# shellcheck disable=SC2086 # lists of folders
	slow=$(go list -test -f '{{if eq .Name "main"}}{{.Dir}}{{range .Deps}} {{.}}{{end}}{{end}}' $dirs |
		grep ' modernc.org/sqlite/lib' | cut -d ' ' -f 1)
	quick=$(for dir in $dirs; do (cd "$dir" && pwd); done | grep -F -x -v "${slow:-none}")
	# One build of many packages names the binaries by their last names, so those of the same one are built in turn.
	while [ -n "$quick" ]; do
		now='' later='' names=' '
		for dir in $quick; do
			name=$(basename "$dir")
			case $names in
			*" $name "*) later="$later $dir" ;;
			*) now="$now $dir" names="$names$name " ;;
			esac
		done
		# shellcheck disable=SC2086
		CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} ${PLAINFLAGS:-}" go test -c -vet=off "-gcflags=aaa-api/...=$instrument" -o "$work/" $now
		for dir in $now; do
			mv "$work/$(basename "$dir").test" "$(binary "$dir")"
		done
		quick=$later
	done
	# shellcheck disable=SC2086
	for dir in $slow; do
		GOFLAGS="${GOFLAGS:-} ${RACEFLAGS:--race}" go test -c -vet=off "-gcflags=$(go list "$dir")=$instrument" -o "$(binary "$dir")" "$dir"
	done
fi
for dir in $dirs; do
	bin=$(binary "$dir")
	each=$time
	if echo "${slow:-}" | grep -F -x -q "$(cd "$dir" && pwd)"; then
		each=4s # such a binary is slow to start
	fi
	targets=$(cd "$dir" && "$bin" -test.list '^Fuzz')
	for target in $targets; do
		printf '%s %s %s %s\n' "$bin" "$dir" "$target" "$each" >>"$list"
	done
done
if [ ! -s "$list" ]; then
	echo "no fuzz targets found" >&2
	exit 1
fi
xargs -n 4 -P 2 "$(pwd)/scripts/fuzz.sh" --one <"$list"
