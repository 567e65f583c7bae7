package spool

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// settledBefore is how long a caller waits for the deletion of a record that was delivered. Most callers send the session's next record once they are answered,
// and that one must not find this one in the store, or it waits for its turn behind it.
const settledBefore = 2 * time.Second

// Held is a record that is safe, and that its caller delivers now.
type Held struct {
	s      *Spool
	record *Record
	stored store.SpoolRecord // with its lease and revision
	// settle takes what came of the attempt; nil: the store alone does. Its channel is closed when that is written.
	settle func(store.SpoolSettlement) <-chan struct{}
	// Kept tells that the record is to be delivered later, without an attempt now: another record of its session is before it, it repeats one that waits, or
	// the journal has it and may not be overtaken.
	Kept bool
}

// Attempt runs the request with the record's values as they are now, and settles the record by what came of it. kept tells that the record
// waits for another attempt: then err, an *aaa.Error, says why this one came to nothing, and the caller is told that the record is stored. Otherwise the result or the error is the caller's.
// The attempt goes on to its end if the caller goes away.
func (h *Held) Attempt(ctx context.Context, run func(ctx context.Context, values aaa.Values) (*aaa.Result, error)) (res *aaa.Result, kept bool, err error) {
	s, began := h.s, h.s.now()
	ctx = context.WithoutCancel(ctx)
	res, err = safely(ctx, func(ctx context.Context) (*aaa.Result, error) { return run(ctx, valuesAt(h.record, began)) })
	v := judge(res, err, true)
	o, asked := s.conclude(ctx, &h.stored, v, began, err)
	s.scheduler.Tell(h.stored.Account, asked)
	kept = o.Outcome != store.SpoolDelivered && o.Outcome != store.SpoolWithdrawn
	settle := s.settle
	if h.settle != nil {
		settle = h.settle
	}
	if written := settle(o); !kept {
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
