//go:build !linux

package confine

import (
	"fmt"
	"runtime"
	"syscall"
)

// Apply switches core files off, which is all that this system has.
func Apply(r Rules) ([]Missing, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return nil, fmt.Errorf("core files are not switched off: %w", err)
	}
	return []Missing{{Name: "confinement", Why: "only Linux has it, and this is " + runtime.GOOS}}, nil
}
