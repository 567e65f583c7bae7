package spool

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Held is a record that is safe, and that its caller delivers now.
type Held struct {
	s      *Spool
	record *Record
	stored store.SpoolRecord // with its lease and revision
	// settle writes what came of the attempt where the record is not in the store; nil: the Spool does.
	settle func(store.SpoolSettlement) <-chan struct{}
	// Kept tells that the record is to be delivered later, without an attempt now: another record of its session is before it, it repeats one that waits, or
	// the journal has it and may not be overtaken.
	Kept bool
}

// Attempt runs the request with the record's values as they are now, and settles the record by what came of it. kept tells that the record
// waits for another attempt: then err says why this one came to nothing, and the caller is told that the record is stored. Otherwise the result or the error is the caller's.
func (h *Held) Attempt(ctx context.Context, run func(ctx context.Context, values aaa.Values) (*aaa.Result, error)) (res *aaa.Result, kept bool, err error) {
	panic("TODO")
}
