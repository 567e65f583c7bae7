//go:build !amd64 && !arm64

package confine

import "runtime"

// filterCalls has no list of system calls for this architecture.
func filterCalls(Role) []Missing {
	return []Missing{{Name: "seccomp", Why: "there is no list of system calls for " + runtime.GOARCH}}
}
