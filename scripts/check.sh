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
echo "== vet"
go vet ./...
echo "== staticcheck"
go run "$STATICCHECK" ./...
