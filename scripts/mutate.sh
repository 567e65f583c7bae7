#!/bin/sh
# Breaks promises one by one and expects a test to fail. Each scripts/mutations/NAME.patch is a diff whose first lines are
#   Breaks: the promise
#   Test: package regexp
# A patch that does not apply or compile, and a test that fails without it or passes with it, fail the run.
# Arguments are names of mutations; none: all.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" != --inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} ${PLAINFLAGS:-}"
	go build -o "$work/" ./internal/store/pgtest/withpg ./internal/engines/enginetest/withfreeradius
	mkdir "$work/tree"
	git ls-files -co --exclude-standard | tar -cf - -T - | tar -xf - -C "$work/tree"
	cd "$work/tree"
	"$work/withpg" -- "$work/withfreeradius" scripts/mutate.sh --inside "$@"
	exit
fi
shift

failed=0
wrong() {
	echo "FAIL $name: $1" >&2
	failed=1
}
[ $# -gt 0 ] || set -- $(cd scripts/mutations && ls ./*.patch | sed 's#^\./##; s#\.patch$##')
for name; do
	patch=scripts/mutations/$name.patch
	read -r package tests <<-LINE
		$(sed -n 's/^Test: //p' "$patch")
	LINE
	log=$(mktemp)
	if ! go test -vet=off -run "$tests" "$package" >"$log" 2>&1; then
		wrong "$tests of $package fails by itself: $(tail -n 5 "$log")"
	elif grep -q 'no tests to run' "$log"; then
		wrong "$package has no test $tests"
	elif ! git apply -C1 "$patch"; then
		wrong "the patch does not apply: mend it"
	else
		if go test -vet=off -count=1 -run "$tests" "$package" >"$log" 2>&1; then
			wrong "$tests passes although the promise is broken: $(sed -n 's/^Breaks: //p' "$patch")"
		elif ! grep -q -e '^ *--- FAIL' -e '^panic: ' "$log"; then
			wrong "does not compile: $(cat "$log")"
		else
			echo "ok   $name: $(sed -n 's/^ *--- FAIL: \([^ ]*\).*/\1/p' "$log" | head -n 1)"
		fi
		git apply -R -C1 "$patch"
	fi
	rm -f "$log"
done
exit $failed
