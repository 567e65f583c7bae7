//go:build race || asan || msan

package confine

const sanitized = true
