package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes a file's octets and its length durable. It leaves out the times, which cost a second write.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
