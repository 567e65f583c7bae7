//go:build !linux

package limits

// lower changes nothing: elsewhere than on Linux a priority is one of the whole process.
func lower() {}
