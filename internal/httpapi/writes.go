package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aaa-api/internal/store"
)

// syncTime is how long an answer to a write may wait for this node to take the write up.
const syncTime = 2 * time.Second

// sync lets the writer see its own write. The write is done whatever comes of this.
func (c *call) sync() {
	if c.api.Sync == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), syncTime)
	defer cancel()
	if err := c.api.Sync(ctx); err != nil {
		c.api.Log.LogAttrs(ctx, slog.LevelWarn, "a write is not yet in use on this node",
			slog.String("request_id", c.id), slog.String("error", err.Error()))
	}
}

// maxAttempts bounds how often a write that lost a race is tried again.
const maxAttempts = 8

// retryStale runs a read-modify-write again when another writer came between. A
// client that sent If-Match wants to hear of that instead.
func (c *call) retryStale(write func() error) error {
	for attempt := 1; ; attempt++ {
		err := write()
		if !errors.Is(err, store.ErrStale) || attempt == maxAttempts || len(c.r.Header["If-Match"]) > 0 {
			return err
		}
	}
}
