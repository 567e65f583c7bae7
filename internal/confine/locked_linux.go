package confine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// LockedBytes returns n octets of zero. The memory is usable also where some of its protection is missing.
func LockedBytes(n int) (*Locked, []Missing, error) {
	page := os.Getpagesize()
	octets, err := unix.Mmap(-1, 0, max(n+page-1, page)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("no memory for keys: %w", err)
	}
	missing := refused("mlock", unix.Mlock(octets))
	missing = append(missing, refused("madvise MADV_DONTDUMP", unix.Madvise(octets, unix.MADV_DONTDUMP))...)
	return &Locked{octets, n}, missing, nil
}

// Free wipes the memory and gives it back. A second call does nothing.
func (l *Locked) Free() {
	if l.octets == nil {
		return
	}
	clear(l.octets)
	_ = unix.Munmap(l.octets) // it fails for other memory only
	l.octets, l.n = nil, 0
}
