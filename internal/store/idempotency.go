package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// Remembered is a request that came with an Idempotency-Key.
type Remembered struct {
	Account aaa.AccountID
	Key     [32]byte // SHA-256 of the operation and the key
	Request [32]byte // SHA-256 of what was asked
	Claim   Lease    // of the node that runs it
	Answer  string   // sealed; empty while it runs
	Expires time.Time
}

// Idempotency keeps the answers to requests that came with an Idempotency-Key, so that a repetition on any node gets the first answer.
type Idempotency interface {
	// Begin stores a request that runs now, unless the key is known and not expired: then first is what is known of it. A request
	// whose Claim is over without an answer is taken over if the request is the same.
	Begin(ctx context.Context, r Remembered, now time.Time) (first *Remembered, err error)
	// Finish keeps the answer of a request that Begin stored. ErrStale: another claim has taken it over, or it has an answer.
	Finish(ctx context.Context, r Remembered) error
	// Forget deletes a request that Begin stored and that has no answer.
	Forget(ctx context.Context, r Remembered) error
	// DeleteExpired deletes what has expired, and says how much it was.
	DeleteExpired(ctx context.Context, now time.Time) (int, error)
}
