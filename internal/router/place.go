package router

import (
	"context"
	"sync/atomic"

	"aaa-api/internal/pool"
)

// place is the request's place in its account's pool, which is given back when neither the request nor anything that it
// left in the background needs it any more.
type place struct {
	pool    *pool.Pool
	holders atomic.Int32
}

func (p *place) leave() {
	if p.holders.Add(-1) == 0 {
		p.pool.Release()
	}
}

// Wait waits until no request goes on in the background any more, or until ctx ends.
func (r *Router) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		r.background.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
