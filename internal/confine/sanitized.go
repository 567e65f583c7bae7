//go:build !race && !asan && !msan

package confine

// sanitized tells a binary with a race detector or another sanitizer of C compilers.
const sanitized = false
