package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

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

// takeTurn waits until nobody on this node writes to the account. Optimistic writes alone waste the more work the more they
// are: of those that read the same revision one wins. Without an error endTurn is owed.
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
