package admin

import (
	"cmp"
	"context"
	"slices"
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

// away remembers that the store hangs: each read that waited for it would have to wait itself.
type away struct {
	until atomic.Int64 // Unix time in nanoseconds until which no read asks; 0: the store answers
}

// ask reports whether to ask the store. After a silence one read asks, and the others wait for its result.
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

// orMemory reads what is of an account from the store and, if that is away, from memory. If memory
// does not know the account, it waits for the store's answer.
func orMemory[T any](ctx context.Context, b *base, account aaa.AccountID, read func(context.Context) (T, error), memory func() (T, error)) (T, error) {
	if _, err := b.Tree.WarmAccount(account); err != nil {
		return read(ctx)
	}
	if !b.away.ask() {
		return memory()
	}
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	v, err := read(bounded)
	if ctx.Err() == nil { // else it is the caller who did not wait
		b.away.told(bounded.Err() == nil)
	}
	if aaa.KindOf(err) == aaa.KindUnavailable {
		return memory()
	}
	return v, err
}

// part is a page of a list and the key of the next one.
type part[T any] struct {
	rows []T
	next string
}

// listOrMemory is orMemory for a page of a list, which memory has whole and in the order of key.
func listOrMemory[T any](
	ctx context.Context, b *base, account aaa.AccountID, p store.Page,
	read func(context.Context) ([]T, string, error), memory func() ([]T, error), key func(T) string,
) ([]T, string, error) {
	got, err := orMemory(ctx, b, account, func(ctx context.Context) (part[T], error) {
		rows, next, err := read(ctx)
		return part[T]{rows, next}, err
	}, func() (part[T], error) {
		all, err := memory()
		if err != nil {
			return part[T]{}, err
		}
		from, _ := slices.BinarySearchFunc(all, p.Start, func(entry T, start string) int { return cmp.Compare(key(entry), start) })
		all = all[from:]
		if p.Limit > 0 && len(all) > p.Limit {
			return part[T]{all[:p.Limit], key(all[p.Limit])}, nil
		}
		return part[T]{all, ""}, nil
	})
	return got.rows, got.next, err
}

// views makes views of a page of records.
func views[T, V any](rows []T, next string, err error, view func(T) V) ([]V, string, error) {
	if err != nil {
		return nil, "", err
	}
	list := make([]V, len(rows))
	for i := range rows {
		list[i] = view(rows[i])
	}
	return list, next, nil
}
