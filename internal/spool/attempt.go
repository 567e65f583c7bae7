package spool

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// settledBefore is how long a caller waits until its delivered record is deleted. Most callers send the session's next record as soon as they
// are answered: if that one found this one in the store, it would wait behind it.
const settledBefore = 2 * time.Second

// Held is a stored record whose caller makes the first attempt to deliver it.
type Held struct {
	s      *Spool
	record *Record
	stored store.SpoolRecord // with its lease and revision
	// settle writes the outcome of the attempt, and closes its channel when that is done.
	settle func(store.SpoolSettlement) <-chan struct{}
	// Kept reports that no attempt is made now: an earlier record of the session waits, the record repeats another one, or records in the journal
	// go first.
	Kept bool
}

// Attempt runs the request with the record's values as they are now, and writes the outcome. If kept is true, the record waits for another
// attempt, err (an *aaa.Error) says why this one failed, and the caller is told that the record is stored. Otherwise the result or the error is
// the caller's. The attempt goes on if the caller goes away.
func (h *Held) Attempt(ctx context.Context, run Run) (res *aaa.Result, kept bool, err error) {
	s, began := h.s, h.s.now()
	ctx = context.WithoutCancel(ctx)
	res, err = safely(ctx, func(ctx context.Context) (*aaa.Result, error) { return run(ctx, valuesAt(h.record, began)) })
	v := judge(res, err, true)
	o, asked := s.conclude(ctx, &h.stored, v, began, err)
	s.scheduler.Tell(h.stored.Account, asked)
	kept = o.Outcome != store.SpoolDelivered && o.Outcome != store.SpoolWithdrawn
	if written := h.settle(o); !kept {
		late := time.NewTimer(settledBefore)
		defer late.Stop()
		select {
		case <-written:
		case <-late.C:
		}
	}
	if kept {
		return nil, true, failure(err, v.reason)
	}
	return res, false, err
}

// failure makes an *aaa.Error of the error of an attempt.
func failure(err error, reason string) error {
	var e *aaa.Error
	if errors.As(err, &e) {
		return err
	}
	return &aaa.Error{Kind: aaa.KindInternal, Message: reason, Err: err}
}
