package spool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestAttemptWhileItMoves: the store is back, and has a record of the journal before its attempt ends. The record is delivered once, and is gone
// then.
func TestAttemptWhileItMoves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var mu sync.Mutex
	sent := make(map[string]int)
	s := h.spool(func(o *Options) {
		o.Width = func(aaa.AccountID) int { return 4 }
		o.Deliver = func(_ context.Context, r *Record, _ aaa.Values) (*aaa.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			sent[r.Session]++
			return &aaa.Result{Outcome: aaa.Accept, Server: "one"}, nil
		}
	})
	h.warm(s)
	h.store.set(func() { h.store.away = true })
	one, two := h.hold(s, store.SpoolStart, "one"), h.hold(s, store.SpoolStart, "two")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { s.Run(ctx) })
	attempt := func(held *Held, end error) bool {
		_, kept, _ := held.Attempt(ctx, func(context.Context, aaa.Values) (*aaa.Result, error) {
			mu.Lock()
			sent[held.record.Session]++
			mu.Unlock()
			h.store.set(func() { h.store.away = false })
			for moved := false; !moved; runtime.Gosched() {
				s.away.mu.Lock()
				hold := s.away.holding[keyOf(one.stored.ID)]
				moved = hold == nil || hold.moved
				s.away.mu.Unlock()
			}
			return &aaa.Result{Outcome: aaa.Accept, Server: "one"}, end
		})
		return kept
	}
	if attempt(one, nil) {
		t.Error("it is kept")
	}
	if rows := h.rows(); len(rows) != 1 || rows[0].ID != two.stored.ID {
		t.Errorf("%d rows", len(rows))
	}
	if !attempt(two, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no answer", Err: errors.New("x")}) {
		t.Error("it is not kept")
	}
	if mu.Lock(); sent["one"] != 1 {
		t.Errorf("it was sent %d times", sent["one"])
	}
	mu.Unlock()
	for c := h.counts(); c.Delivered != 2; c = h.counts() { // by a claim, as its lease is given up
	}
	if n, _ := h.journal.Len(); n != 0 {
		t.Errorf("%d entries", n)
	}
}
