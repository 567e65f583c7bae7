package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// syncTime is how long an answer to a write may wait for this node to take the write up.
const syncTime = 2 * time.Second

// sync lets the writer see its own write. The write is done whatever comes of this.
func (a *API) sync(c *web.Call) {
	c.EndTurn()
	if a.Sync == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), syncTime)
	defer cancel()
	if err := a.Sync(ctx); err != nil {
		a.Log.LogAttrs(ctx, slog.LevelWarn, "a write is not yet in use on this node",
			slog.String("account", string(c.Account())), slog.String("request_id", c.ID()), slog.String("error", err.Error()))
	}
}

// writeTime bounds how long a write that loses against others waits for its turn and tries again.
const writeTime = 10 * time.Second

// retryStale runs a read-modify-write, and runs it again where another writer came between. Writers of
// one account on this node follow each other, so that is one of another node. A client that named a
// revision in If-Match wants to hear of the other writer instead.
func retryStale(c *web.Call, write func() error) error {
	if tags := c.Request().Header["If-Match"]; len(tags) > 0 && strings.TrimSpace(strings.Join(tags, ",")) != "*" {
		return write()
	}
	ctx, cancel := context.WithTimeout(c.Context(), writeTime)
	defer cancel()
	return tryAgain(c, ctx, write)
}

// tryAgain takes the account's turn and runs write until it no longer loses, or ctx ends.
func tryAgain(c *web.Call, ctx context.Context, write func() error) error {
	if err := c.TakeTurn(ctx); errors.Is(err, admission.ErrNoTurn) {
		return tooManyWriters(c)
	} else if err != nil {
		return err
	}
	defer c.EndTurn()
	for attempt := 1; ; attempt++ {
		begun := time.Now()
		err := write()
		if errors.Is(err, store.ErrUnavailable) && time.Since(begun) >= askTime {
			c.LoseTurn(err)
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if !pause(ctx, attempt) {
			return tooManyWriters(c)
		}
	}
}

// tooManyWriters ends a write that was not made.
func tooManyWriters(c *web.Call) error {
	if err := c.Context().Err(); err != nil {
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
