#!/bin/sh
# modernc.org/sqlite compiled without inlining allocates at each access to its memory.
#
# Guess: SQLite translated to Go is a huge package, so compiling it with -gcflags=-l, as debuggers want it and as makes a build fast,
# makes it somewhat slower, as C without inlining is.
# What happens: the translated code reads and writes memory through a small function whose argument's address it takes. Inlined, it
# costs nothing. Called, its argument escapes: an allocation for each access, thousands for each row, which the collector then
# has to find. Results are the same.
# Why an AAA gateway cares: its embedded store takes accounting under a deadline of seconds. A build for debugging, or for the race
# detector, which makes each allocation dear, misses deadlines that the same code meets with a wide margin.
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<-'END'
	module finding

	go 1.25
END
cat >main.go <<-'END'
	package main

	import (
		"database/sql"
		"fmt"
		"runtime"
		"time"

		_ "modernc.org/sqlite"
	)

	func main() {
		db, err := sql.Open("sqlite", ":memory:")
		if err != nil {
			panic(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(`CREATE TABLE spool (account text, id text, payload text, PRIMARY KEY (account, id))`); err != nil {
			panic(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		// One statement: what database/sql and the driver allocate for it is next to nothing.
		if _, err := db.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO spool SELECT 'account', printf('%08d', i), 'payload' FROM n`); err != nil {
			panic(err)
		}
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		var rows int
		if err := db.QueryRow(`SELECT count(*) FROM spool`).Scan(&rows); err != nil {
			panic(err)
		}
		fmt.Println("rows", rows, "allocations", after.Mallocs-before.Mallocs, "milliseconds", took.Milliseconds())
	}
END
export CGO_ENABLED=0 GOFLAGS=-mod=mod GOWORK=off
go version
go get modernc.org/sqlite@v1.60.1 >/dev/null 2>&1
go list -m modernc.org/sqlite modernc.org/libc
go build -o inlined .
go build -gcflags=modernc.org/...=-l -o called .
echo "-- with inlining"
./inlined | tee inlined.out
echo "-- without"
./called | tee called.out
allocations() { sed 's/.*allocations \([0-9]*\).*/\1/' "$1"; }
grep -q '^rows 20000 ' inlined.out && grep -q '^rows 20000 ' called.out
# Less than one a row, and more than a hundred.
[ "$(allocations inlined.out)" -lt 20000 ]
[ "$(allocations called.out)" -gt 2000000 ]
