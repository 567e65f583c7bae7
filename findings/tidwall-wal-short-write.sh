#!/bin/sh
# tidwall/wal acknowledges entries after a full disk, and then can't open the log again.
#
# Guess: a write-ahead log whose Write failed for want of room goes on when there is room, as its nil says, or refuses until it is
# opened again. What was acknowledged is there in both cases.
# What happens: the octets that fitted stay in the file. The next Write, of the same index, goes behind them and returns nil, and so do those
# after it. The next Open says "log corrupt", and none of the entries can be read, those before the failure included.
# Why an AAA gateway cares: it keeps accounting records on the local disk while its database is away, which is when disks fill. The journal
# has to cut a file to its last acknowledged length after a failed write, or begin another one.
#
# A limit of the file's size (RLIMIT_FSIZE) plays the full disk: a write is cut short in the same way, and no file system is mounted.
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<-'MOD'
	module finding
	go 1.24
MOD
cat >main.go <<-'GO'
	package main

	import (
		"bytes"
		"fmt"
		"os/signal"
		"syscall"

		"github.com/tidwall/wal"
	)

	// room limits how long a file may grow; 0 takes the limit away.
	func room(octets uint64) {
		var limit syscall.Rlimit
		must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		limit.Cur = limit.Max
		if octets > 0 {
			limit.Cur = octets
		}
		must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	}

	func must(err error) {
		if err != nil {
			panic(err)
		}
	}

	func main() {
		signal.Ignore(syscall.SIGXFSZ)
		log, err := wal.Open("log", nil) // syncs each write
		must(err)
		entry := bytes.Repeat([]byte("a"), 100)
		acknowledged := 0
		for index := uint64(1); index <= 10; index++ {
			if index == 6 {
				room(550) // five entries have 510 octets
				fmt.Println("entry 6 without room:", log.Write(index, entry))
				room(0)
			}
			err := log.Write(index, entry)
			fmt.Printf("entry %d: %v\n", index, err)
			if err == nil {
				acknowledged++
			}
		}
		fmt.Println("acknowledged:", acknowledged)
		must(log.Close())
		_, err = wal.Open("log", nil)
		fmt.Println("opened again:", err)
	}
GO
export GOFLAGS=-mod=mod
go get -modcacherw github.com/tidwall/wal@v1.2.1 >/dev/null 2>&1
go list -m github.com/tidwall/wal
go run . | tee out
grep -q '^entry 6 without room: write .*file too large' out
grep -qx 'entry 6: <nil>' out
grep -qx 'acknowledged: 10' out
grep -qx 'opened again: log corrupt' out
