package aaa

import "slices"

// Revisions are those that a caller names as a condition: of a write, that one of them is the current one; of a read, that none
// is. The zero value is no condition.
type Revisions struct {
	Given bool    // there is a condition
	Any   bool    // whichever revision there is
	List  []int64 // else one of these
}

// Has reports whether a revision is among them.
func (r Revisions) Has(revision int64) bool { return r.Any || slices.Contains(r.List, revision) }
