package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// syncTime is how long an answer to a write may wait for this node to take the write up.
const syncTime = 2 * time.Second

// sync lets the writer see its own write. The write is done whatever comes of this.
func (c *call) sync() {
	c.endTurn()
	if c.api.Sync == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), syncTime)
	defer cancel()
	if err := c.api.Sync(ctx); err != nil {
		c.api.Log.LogAttrs(ctx, slog.LevelWarn, "a write is not yet in use on this node",
			slog.String("account", string(c.account)), slog.String("request_id", c.id), slog.String("error", err.Error()))
	}
}

// writeTime bounds how long a write that loses against others waits for its turn and tries again.
const writeTime = 10 * time.Second

// retryStale runs a read-modify-write, and runs it again where another writer came between. Writers of
// one account on this node follow each other, so that is one of another node. A client that named a
// revision in If-Match wants to hear of the other writer instead.
func (c *call) retryStale(write func() error) error {
	if tags := c.r.Header["If-Match"]; len(tags) > 0 && strings.TrimSpace(strings.Join(tags, ",")) != "*" {
		return write()
	}
	ctx, cancel := context.WithTimeout(c.ctx(), writeTime)
	defer cancel()
	return c.tryAgain(ctx, write)
}

// tryAgain takes the account's turn and runs write until it no longer loses, or ctx ends.
func (c *call) tryAgain(ctx context.Context, write func() error) error {
	if err := c.takeTurn(ctx); err != nil {
		return err
	}
	defer c.endTurn()
	for attempt := 1; ; attempt++ {
		begun := time.Now()
		err := write()
		if errors.Is(err, store.ErrUnavailable) && time.Since(begun) >= askTime {
			c.loseTurn(err)
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if !pause(ctx, attempt) {
			return c.tooManyWriters()
		}
	}
}

// tooManyWriters ends a write that was not made.
func (c *call) tooManyWriters() error {
	if err := c.ctx().Err(); err != nil {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "too many others write to this account; nothing was changed", RetryAfter: time.Second}
}

// pause waits a random time that grows with the first ten attempts. It is false where ctx ends first.
func pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(rand.N(time.Duration(min(attempt, 10)) * 10 * time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// writers lets those who write to one account through this node follow each other. Optimistic
// writes alone waste the more work the more they are: of those that read the same revision one wins.
type writers struct {
	mu      sync.Mutex
	turns   map[aaa.AccountID]*turn
	abreast int64 // how many at once
}

// turn is held by the one who writes.
type turn struct {
	held  *semaphore.Weighted // first come first served
	users int                 // that hold it or wait; under writers.mu

	lost context.Context // ends with the store's error where the holder waited for the store in vain
	lose context.CancelCauseFunc
}

// takeTurn waits until nobody on this node writes to the account. Without an error endTurn is owed.
func (c *call) takeTurn(ctx context.Context) (err error) {
	c.turn, err = c.api.writers.take(ctx, c.account)
	if errors.Is(err, errNoTurn) {
		return c.tooManyWriters()
	}
	return err
}

// loseTurn gives all who wait for the turn the error of the store: each of them would wait for it as long as the holder did, one
// after the other. Who comes later waits anew.
func (c *call) loseTurn(err error) {
	if c.turn != nil { // else its write was made
		c.api.writers.lose(c.account, c.turn, err)
	}
}

// endTurn lets the next writer of the account begin, if this one has not done so before.
func (c *call) endTurn() {
	if t := c.turn; t != nil {
		c.turn = nil
		c.api.writers.end(c.account, t)
	}
}

// errNoTurn is the error of a turn that did not come before the context ended.
var errNoTurn = errors.New("no turn in time")

// take waits for a turn, which end gives back. The error is errNoTurn, or what the holder lost the turn by.
func (w *writers) take(ctx context.Context, account aaa.AccountID) (*turn, error) {
	w.mu.Lock()
	t := w.turns[account]
	if t == nil {
		t = &turn{held: semaphore.NewWeighted(w.abreast)}
		t.lost, t.lose = context.WithCancelCause(context.Background())
		w.turns[account] = t
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

func (w *writers) end(account aaa.AccountID, t *turn) {
	t.held.Release(1)
	w.leave(account, t)
}

// lose ends the wait of all who wait for a turn.
func (w *writers) lose(account aaa.AccountID, t *turn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turns[account] == t {
		delete(w.turns, account)
	}
	t.lose(err)
}

func (w *writers) leave(account aaa.AccountID, t *turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.users--; t.users == 0 && w.turns[account] == t {
		delete(w.turns, account)
	}
}
