package spool

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

// How many records with a payload that does not come with its claim are in this node's memory at once, and how many of one account. Each
// takes about a megabyte.
const (
	mostLarge          = 64
	mostLargeOfAccount = 8
)

// large are the turns of records with a long payload, of each account and of all.
type large struct{ of, all *turns }

func newLarge() *large {
	return &large{
		of:  newTurns(func(aaa.AccountID) int { return mostLargeOfAccount }),
		all: newTurns(func(aaa.AccountID) int { return mostLarge }),
	}
}

// attemptWhole is attempt for a claimed record, which may lack its payload.
func (d *delivery) attemptWhole(ctx context.Context, stored *store.SpoolRecord, began, claimed time.Time) (store.SpoolSettlement, claims.Outcome, error) {
	if stored.Payload != "" {
		return d.attempt(ctx, stored, began)
	}
	within, cancel := context.WithTimeout(ctx, turnTime-began.Sub(claimed))
	defer cancel()
	if !d.large.of.take(within, d.stop, stored.Account) {
		return d.released(stored, d.s.now()), claims.Crowded, nil
	}
	defer d.large.of.give(stored.Account)
	if !d.large.all.take(within, d.stop, "") {
		return d.released(stored, d.s.now()), claims.Crowded, nil
	}
	defer d.large.all.give("")
	whole, err := d.s.o.Store.Get(within, stored.Account, stored.ID)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnavailable) { // nobody's fault, and the log tells elsewhere
			err = nil
		}
		return d.released(stored, d.s.now().Add(firstWait)), claims.NotAsked, err
	}
	if whole.Revision != stored.Revision { // the lease is over, and another node has it
		return d.released(stored, d.s.now()), claims.NotAsked, nil
	}
	stored.Payload = whole.Payload
	defer func() { stored.Payload = "" }() // its outcome may wait for the store
	return d.attempt(ctx, stored, d.s.now())
}
