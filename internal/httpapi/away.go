package httpapi

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
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

// orMemory reads what is of an account from the store and, where that is away, from memory. Where memory
// does not know the account, the store's answer is waited for.
func orMemory[T any](a *API, c *web.Call, account aaa.AccountID, read func(context.Context) (T, error), memory func() (T, error)) (T, error) {
	if _, err := a.Tree.WarmAccount(account); err != nil {
		return read(c.Context())
	}
	if !a.away.ask() {
		return memory()
	}
	ctx, cancel := context.WithTimeout(c.Context(), askTime)
	defer cancel()
	v, err := read(ctx)
	if c.Context().Err() == nil { // else it is the caller who did not wait
		a.away.told(ctx.Err() == nil)
	}
	if aaa.KindOf(err) == aaa.KindUnavailable {
		return memory()
	}
	return v, err
}

// listOrMemory pages through a list of the store and, where that is away, through memory's.
func listOrMemory[T any](a *API, c *web.Call, fetch web.Fetch[T], memory func() ([]T, error), key func(T) string) web.Fetch[T] {
	type page struct {
		rows []T
		next string
	}
	return func(_ context.Context, p store.Page) ([]T, string, error) {
		got, err := orMemory(a, c, c.Account(), func(ctx context.Context) (page, error) {
			rows, next, err := fetch(ctx, p)
			return page{rows, next}, err
		}, func() (page, error) {
			all, err := memory()
			if err != nil {
				return page{}, err
			}
			from, _ := slices.BinarySearchFunc(all, p.Start, func(entry T, start string) int { return cmp.Compare(key(entry), start) })
			rows, next, err := web.SlicePage(all[from:], key)(c.Context(), store.Page{Limit: p.Limit})
			return page{rows, next}, err
		})
		return got.rows, got.next, err
	}
}
