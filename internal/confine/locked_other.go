//go:build !linux

package confine

// LockedBytes returns n octets of zero.
func LockedBytes(n int) (*Locked, []Missing, error) {
	return &Locked{make([]byte, n), n}, []Missing{{Name: "mlock", Why: "only Linux has it here"}}, nil
}

// Free wipes the memory. A second call does nothing.
func (l *Locked) Free() {
	clear(l.octets)
	l.octets, l.n = nil, 0
}
