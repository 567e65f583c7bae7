package spool

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// delivery claims stored records and runs them.
type delivery struct {
	s *Spool
}

func newDelivery(s *Spool) *delivery { return &delivery{s: s} }

// run delivers until ctx ends.
func (d *delivery) run(ctx context.Context) { <-ctx.Done() }

// wake has stored records looked for at once.
func (d *delivery) wake() {}

// settle has an outcome written soon, with others. It does not wait.
func (d *delivery) settle(o store.SpoolSettlement) <-chan struct{} { return nil }

// Recovered tells that a server of these accounts answers again: what waits is tried at once.
func (d *delivery) Recovered(accounts ...aaa.AccountID) {}

// valuesAt are the values of a record as they are sent at a time: with Event-Timestamp and the delay since then.
func valuesAt(r *Record, now time.Time) aaa.Values { return r.Values }
