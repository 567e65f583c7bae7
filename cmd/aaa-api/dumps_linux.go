package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hideMemory also covers what RLIMIT_CORE does not: a core_pattern that is a pipe, as systemd-coredump sets it, gets the core of a
// process whatever its limit is (core(5)).
func hideMemory() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("the memory is not closed to other processes: %w", err)
	}
	return nil
}
