package admin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// knows is a memory of one account.
type knows struct {
	Tree
	account aaa.AccountID
}

func (k knows) WarmAccount(id aaa.AccountID) (store.Account, error) {
	if id != k.account {
		return store.Account{}, store.ErrUnavailable
	}
	return store.Account{ID: id}, nil
}

// A store that hangs is waited for once; then memory answers at once, and one read in a while asks again.
func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBase(Options{Tree: knows{account: "known"}})
		asked := 0
		hangs := true
		// Like a driver: it has a bound of its own.
		read := func(ctx context.Context) (string, error) {
			asked++
			if !hangs {
				return "store", nil
			}
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			<-ctx.Done()
			return "", store.ErrUnavailable
		}
		memory := func() (string, error) { return "memory", nil }
		get := func(want string, took time.Duration, asks int) {
			t.Helper()
			begin, before := time.Now(), asked
			got, err := orMemory(t.Context(), b, "known", read, memory)
			if got != want || err != nil || time.Since(begin) != took || asked-before != asks {
				t.Errorf("%q, %v after %v, asked %d times; want %q after %v, asked %d times", got, err, time.Since(begin), asked-before, want, took, asks)
			}
		}
		get("memory", askTime, 1)
		for range 10 {
			get("memory", 0, 0)
		}
		time.Sleep(awayTime)
		var others sync.WaitGroup
		others.Go(func() { get("memory", askTime, 1) })
		synctest.Wait()
		get("memory", 0, 0) // another one asks already
		others.Wait()
		get("memory", 0, 0)
		time.Sleep(awayTime)
		hangs = false
		get("store", 0, 1)
		get("store", 0, 1)

		// What memory does not know is waited for as long as the store takes.
		hangs = true
		begin := time.Now()
		if _, err := orMemory(t.Context(), b, "unknown", read, memory); !errors.Is(err, store.ErrUnavailable) || time.Since(begin) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		// A caller who goes away says nothing about the store.
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := orMemory(gone, b, "known", func(ctx context.Context) (string, error) { return "", ctx.Err() }, memory); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		hangs = false
		get("store", 0, 1)
	})
}

// TestListFromMemory: the pages of a list are the same from the store and from memory.
func TestListFromMemory(t *testing.T) {
	t.Parallel()
	b := newBase(Options{Tree: knows{account: "known"}})
	all := []string{"a", "c", "e"}
	away := func(context.Context) ([]string, string, error) { return nil, "", store.ErrUnavailable }
	for _, c := range []struct {
		page store.Page
		want string
	}{
		{store.Page{}, "[a c e] "},
		{store.Page{Limit: 2}, "[a c] e"},
		{store.Page{Start: "b", Limit: 2}, "[c e] "},
		{store.Page{Start: "c", Limit: 1}, "[c] e"},
		{store.Page{Start: "f", Limit: 1}, "[] "},
	} {
		rows, next, err := listOrMemory(t.Context(), b, "known", c.page, away, func() ([]string, error) { return all, nil }, func(s string) string { return s })
		if got := fmt.Sprint(rows, " ", next); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v; want %q", c.page, got, err, c.want)
		}
	}
}
