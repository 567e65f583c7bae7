package spool

import (
	"context"

	"aaa-api/internal/store"
)

// intake stores records, many in one transaction, or in the journal while the store is away.
type intake struct {
	s *Spool
}

func newIntake(s *Spool) *intake { return &intake{s: s} }

// run moves what the journal holds into the store, until ctx ends.
func (i *intake) run(ctx context.Context) { <-ctx.Done() }

// Store returns when a record is safe. It is delivered later, by whichever node is up. Its errors are *aaa.Error: KindLimited where the account
// has as many records as it may, KindUnavailable where neither the store nor the journal takes the record.
func (i *intake) Store(ctx context.Context, r *Record) error {
	_, err := i.add(ctx, r, store.Lease{})
	return err
}

// Hold is Store for a caller that makes the first attempt itself, by Attempt of what it returns.
func (i *intake) Hold(ctx context.Context, r *Record) (*Held, error) {
	panic("TODO")
}

func (i *intake) add(ctx context.Context, r *Record, lease store.Lease) (store.SpoolAppended, error) {
	panic("TODO")
}
