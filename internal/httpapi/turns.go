package httpapi

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
)

// turns lets so many requests of an account go on at once on this node; more wait, first come first served.
type turns struct {
	mu      sync.Mutex
	of      map[aaa.AccountID]*turn
	abreast int64 // how many at once
}

// turn is held by those who go on.
type turn struct {
	held  *semaphore.Weighted // first come first served
	users int                 // that hold it or wait; under turns.mu

	lost context.Context // ends with the store's error where the holder waited for the store in vain
	lose context.CancelCauseFunc
}

// errNoTurn is the error of a turn that did not come before the context ended.
var errNoTurn = errors.New("no turn in time")

// take waits for a turn, which end gives back. The error is errNoTurn, or what the holder lost the turn by.
func (w *turns) take(ctx context.Context, account aaa.AccountID) (*turn, error) {
	w.mu.Lock()
	t := w.of[account]
	if t == nil {
		t = &turn{held: semaphore.NewWeighted(w.abreast)}
		t.lost, t.lose = context.WithCancelCause(context.Background())
		w.of[account] = t
	}
	t.users++
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.lost, cancel)()
	err := t.held.Acquire(ctx, 1)
	switch {
	case err == nil && t.lost.Err() == nil:
		return t, nil
	case err == nil:
		t.held.Release(1)
	}
	w.leave(account, t)
	if t.lost.Err() != nil {
		return nil, context.Cause(t.lost)
	}
	return nil, errNoTurn
}

func (w *turns) end(account aaa.AccountID, t *turn) {
	t.held.Release(1)
	w.leave(account, t)
}

// lose ends the wait of all who wait for a turn.
func (w *turns) lose(account aaa.AccountID, t *turn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[account] == t {
		delete(w.of, account)
	}
	t.lose(err)
}

func (w *turns) leave(account aaa.AccountID, t *turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.users--; t.users == 0 && w.of[account] == t {
		delete(w.of, account)
	}
}
