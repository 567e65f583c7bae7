package admission

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
)

// Turns lets so many requests of an account go on at once on this node; more wait, first come first served.
type Turns struct {
	mu      sync.Mutex
	of      map[aaa.AccountID]*Turn
	abreast int64 // how many at once
}

// NewTurns makes turns of which each account has so many at once.
func NewTurns(abreast int64) *Turns {
	return &Turns{of: make(map[aaa.AccountID]*Turn), abreast: abreast}
}

// Len is how many accounts have a turn or wait for one.
func (w *Turns) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.of)
}

// Turn is what requests of one account hold while they go on, or wait for.
type Turn struct {
	held  *semaphore.Weighted // first come first served
	users int                 // that hold it or wait; under Turns.mu

	lost context.Context // ends with the store's error where the holder waited for the store in vain
	lose context.CancelCauseFunc
}

// ErrNoTurn is the error of a turn that did not come before the context ended.
var ErrNoTurn = errors.New("no turn in time")

// Take waits for a turn, which End gives back. The error is ErrNoTurn, or what Lose was called with.
func (w *Turns) Take(ctx context.Context, account aaa.AccountID) (*Turn, error) {
	w.mu.Lock()
	t := w.of[account]
	if t == nil {
		t = &Turn{held: semaphore.NewWeighted(w.abreast)}
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
	return nil, ErrNoTurn
}

// End gives a turn back.
func (w *Turns) End(account aaa.AccountID, t *Turn) {
	t.held.Release(1)
	w.leave(account, t)
}

// Lose ends the wait of all who wait for a turn that t holds, with err.
func (w *Turns) Lose(account aaa.AccountID, t *Turn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[account] == t {
		delete(w.of, account)
	}
	t.lose(err)
}

func (w *Turns) leave(account aaa.AccountID, t *Turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.users--; t.users == 0 && w.of[account] == t {
		delete(w.of, account)
	}
}
