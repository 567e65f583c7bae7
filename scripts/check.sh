#!/bin/sh
# golangci-lint: vet, staticcheck, format and more, as .golangci.yml says.
set -eu
cd "$(dirname "$0")/.."

export GOGC=400 # memory for time: all of these end soon
nested=internal/engines/tacacs/tacquitotest # a module of its own, which ./... leaves out
lint=$(scripts/tool.sh golangci-lint)

# Packages are read as they are compiled for the race detector, as most tests are, so that nothing is compiled twice.
export GOFLAGS="${GOFLAGS:-} ${RACEFLAGS:=-race}"
echo "== lint"
"$lint" run ./...
"$lint" run --build-tags embedded ./cmd/aaa-api ./internal/actions # what make run builds
(cd "$nested" && "$lint" run ./...)

echo "== mutations apply" # make mutate takes minutes; a patch that has come out of date is found here
for patch in scripts/mutations/*.patch; do
	git apply -q --check -C1 "$patch"
done
