package spool

import (
	"context"

	"aaa-api/internal/aaa"
)

// Run sends a record with the values that it has now.
type Run func(ctx context.Context, values aaa.Values) (*aaa.Result, error)

// Take stores a record and makes the first attempt to deliver it. If kept is true, the record waits for another attempt, and err says why this
// one failed; err is nil if none was made. Otherwise the result or the error is the caller's.
func (s *Spool) Take(ctx context.Context, r *Record, run Run) (res *aaa.Result, kept bool, err error) {
	held, err := s.Hold(ctx, r)
	if err != nil {
		return nil, false, err
	}
	if held.Kept {
		return nil, true, nil
	}
	return held.Attempt(ctx, run)
}
