package store

import "time"

// Lease is a node's claim to a record that is due. Until it ends no other node claims the record.
type Lease struct {
	Node  string    // that claimed the record last
	Until time.Time // zero: no node works on the record
}

// End ends the lease.
func (l *Lease) End() { l.Until = time.Time{} }

// Is reports whether two leases are one claim.
func (l Lease) Is(other Lease) bool { return l.Node == other.Node && l.Until.Equal(other.Until) }
