package main

import (
	"fmt"
	"syscall"
)

// forbidDumps keeps secrets, keys and passwords in this process's memory: a crash writes no core file, and on Linux no
// process without CAP_SYS_PTRACE reads the memory, also one of the same user.
func forbidDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("core files are not switched off: %w", err)
	}
	return hideMemory()
}
