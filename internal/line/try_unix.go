//go:build unix

package line

import (
	"errors"
	"syscall"
)

// try writes what the socket takes without waiting.
func (c *Conn) try(b []byte) (n int, err error) {
	if c.raw == nil {
		return 0, nil
	}
	rerr := c.raw.Write(func(fd uintptr) bool {
		for {
			n, err = syscall.Write(int(fd), b) //nolint:gosec // a descriptor
			if !errors.Is(err, syscall.EINTR) {
				return true
			}
		}
	})
	if errors.Is(err, syscall.EAGAIN) {
		err = nil
	}
	return max(n, 0), errors.Join(rerr, err)
}
