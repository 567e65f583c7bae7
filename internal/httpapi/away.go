package httpapi

import (
	"context"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// How long a read that memory can answer waits for the store, and for how long after it waited in
// vain such reads don't ask the store.
const (
	askTime  = time.Second
	awayTime = 3 * time.Second
)

// away knows of a store that hangs: each read that waited for it would have to wait itself.
type away struct {
	until atomic.Int64 // Unix time in nanoseconds until which nobody asks; 0: the store answers
}

// ask says whether the store is to be asked. When a silence is over one asks, and the others wait for what becomes of that.
func (a *away) ask() bool {
	until := a.until.Load()
	if until == 0 {
		return true
	}
	now := time.Now()
	return now.UnixNano() >= until && a.until.CompareAndSwap(until, now.Add(askTime).UnixNano())
}

// told notes whether the store answered in time.
func (a *away) told(inTime bool) {
	switch {
	case !inTime:
		a.until.Store(time.Now().Add(awayTime).UnixNano())
	case a.until.Load() != 0:
		a.until.Store(0)
	}
}

// orMemory reads from the store and, where that is away, from memory. Where memory has no
// answer, which it says by store.ErrUnavailable, the store's is waited for.
func orMemory[T any](c *call, read func(context.Context) (T, error), memory func() (T, error)) (T, error) {
	remembered, merr := memory()
	if isUnavailable(merr) {
		return read(c.ctx())
	}
	if !c.api.away.ask() {
		return remembered, merr
	}
	ctx, cancel := context.WithTimeout(c.ctx(), askTime)
	defer cancel()
	v, err := read(ctx)
	if c.ctx().Err() == nil { // else it is the caller who did not wait
		c.api.away.told(ctx.Err() == nil)
	}
	if isUnavailable(err) {
		return remembered, merr
	}
	return v, err
}

// notOwn is memory's answer to a read of what an account may have itself in place of what the service ships under
// the name: store.ErrNotFound where it has not. What it has only the store can give.
func (a *API) notOwn(account aaa.AccountID, kind store.RefKind, name string, shipped bool) error {
	if !shipped {
		return store.ErrUnavailable
	}
	owns, err := a.Tree.Owns(account, kind, name)
	if err == nil && !owns {
		return store.ErrNotFound
	}
	return store.ErrUnavailable
}
