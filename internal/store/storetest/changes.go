package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testChanges(t *testing.T, s store.Store) {
	ctx := t.Context()
	if last := must[store.Change](t)(s.Changes().Last(ctx)).Seq; last != 0 {
		t.Fatalf("the log begins at %d", last)
	}
	if list, gap, err := s.Changes().Since(ctx, store.Change{}, 10); len(list) != 0 || gap || err != nil {
		t.Fatalf("an empty log gives %v, %v, %v", list, gap, err)
	}
	began := time.Now().Add(-time.Second)
	root := account(t, s, "root", "").ID
	a, b := account(t, s, "a", root).ID, account(t, s, "b", root).ID
	must[store.Account](t)(s.Accounts().Update(ctx, a, 0, store.Account{Name: "aa"}))
	must[store.Moved](t)(s.Accounts().Move(ctx, a, b))
	d := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: a, Name: "d"}))
	must[store.Dictionary](t)(s.Dictionaries().Replace(ctx, store.Dictionary{Account: a, ID: d.ID, Name: "d"}, 0))
	must[store.Dictionary](t)(s.Dictionaries().Replace(ctx, store.Dictionary{Account: a, ID: d.ID, Name: "e"}, 0))
	ok(t, s.Dictionaries().Delete(ctx, a, d.ID, 0))
	for _, kind := range []store.TextKind{store.TextFSM, store.TextUsers} {
		must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: a, Kind: kind, Name: "x"}))
		must[store.Text](t)(s.Texts().Replace(ctx, store.Text{Account: a, Kind: kind, Name: "x"}, 1))
		ok(t, s.Texts().Delete(ctx, a, kind, "x", 2))
	}
	must[store.Client](t)(s.Clients().Create(ctx, client(a, "c", "")))
	must[store.Client](t)(s.Clients().Replace(ctx, client(a, "c", ""), 1))
	ok(t, s.Clients().Delete(ctx, a, "c", 2))
	must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: aaa.SystemConfig, Body: []byte(`{}`)}, nil))
	must[store.Document](t)(s.Documents().Replace(ctx, store.Document{Account: aaa.SystemConfig, Body: []byte(`{}`)}, 0, nil))
	ok(t, s.Documents().Delete(ctx, aaa.SystemConfig, 0, ""))
	ok(t, s.Tokens().Create(ctx, store.Token{ID: "t", Account: a}))
	must[store.Revoked](t)(s.Tokens().Revoke(ctx, a, "t"))
	ok(t, s.Accounts().Delete(ctx, a, 0))

	want := []store.Change{
		{Kind: store.ChangedAccount, Account: root},
		{Kind: store.ChangedAccount, Account: a},
		{Kind: store.ChangedAccount, Account: b},
		{Kind: store.ChangedAccount, Account: a},
		{Kind: store.ChangedAccount, Account: a},
		{Kind: store.ChangedDictionary, Account: a, Name: "d"},
		{Kind: store.ChangedDictionary, Account: a, Name: "d"},
		{Kind: store.ChangedDictionary, Account: a, Name: "d"}, // the name that went
		{Kind: store.ChangedDictionary, Account: a, Name: "e"},
		{Kind: store.ChangedDictionary, Account: a, Name: "e"},
		{Kind: store.ChangedFSM, Account: a, Name: "x"},
		{Kind: store.ChangedFSM, Account: a, Name: "x"},
		{Kind: store.ChangedFSM, Account: a, Name: "x"},
		{Kind: store.ChangedUsers, Account: a, Name: "x"},
		{Kind: store.ChangedUsers, Account: a, Name: "x"},
		{Kind: store.ChangedUsers, Account: a, Name: "x"},
		{Kind: store.ChangedClient, Account: a, Name: "c"},
		{Kind: store.ChangedClient, Account: a, Name: "c"},
		{Kind: store.ChangedClient, Account: a, Name: "c"},
		{Kind: store.ChangedDocument, Account: aaa.SystemConfig},
		{Kind: store.ChangedDocument, Account: aaa.SystemConfig},
		{Kind: store.ChangedDocument, Account: aaa.SystemConfig},
		{Kind: store.ChangedToken, Account: a, Name: "t"},
		{Kind: store.ChangedToken, Account: a, Name: "t"},
		{Kind: store.ChangedAccount, Account: a},
	}
	var got []store.Change
	seq, after := int64(0), store.Change{}
	for {
		list, gap, err := s.Changes().Since(ctx, after, 5)
		ok(t, err)
		if gap || len(list) > 5 {
			t.Fatalf("after %d: gap %v, %d changes", seq, gap, len(list))
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1]
		for _, c := range list {
			seq++
			if c.Seq != seq || c.At.Before(began) || c.At.After(time.Now().Add(time.Second)) {
				t.Errorf("change %d is %+v", seq, c)
			}
			got = append(got, store.Change{Kind: c.Kind, Account: c.Account, Name: c.Name})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if last := must[store.Change](t)(s.Changes().Last(ctx)); !last.Is(after) || last.Seq != int64(len(want)) {
		t.Errorf("the last change is %+v, want %+v", last, after)
	}
}

func testNoChange(t *testing.T, s store.Store) {
	ctx := t.Context()
	ok(t, s.CheckWrite(ctx))
	ok(t, s.CheckWrite(ctx))
	root := account(t, s, "root", "").ID
	_, err := s.Accounts().Create(ctx, store.Account{})
	refused(t, err, store.ErrExists)
	_, err = s.Documents().Replace(ctx, store.Document{Account: root}, 0, nil)
	refused(t, err, store.ErrNotFound)
	refused(t, s.Dictionaries().Delete(ctx, root, aaa.NewID(), 0), store.ErrNotFound)
	refused(t, s.Texts().Delete(ctx, root, store.TextFSM, "t", 0), store.ErrNotFound)
	_, err = s.Tokens().Revoke(ctx, root, aaa.NewID())
	refused(t, err, store.ErrNotFound)
	if last := must[store.Change](t)(s.Changes().Last(ctx)).Seq; last != 1 {
		t.Errorf("refused writes moved the log to %d", last)
	}
}

// testChangeOrder reads the log while 16 writers write, always from where it
// stopped. A number that becomes visible after a higher one would be missed.
func testChangeOrder(t *testing.T, s store.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	root := account(t, s, "root", "").ID
	const writers, each = 16, 12
	accounts := make([]aaa.AccountID, writers)
	for i := range accounts {
		accounts[i] = account(t, s, "a", root).ID
		must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: accounts[i], Body: []byte(`0`)}, nil))
	}
	after := must[store.Change](t)(s.Changes().Last(ctx))
	from := after.Seq

	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for _, id := range accounts {
		wg.Go(func() {
			for n := range each {
				if _, err := s.Documents().Replace(ctx, store.Document{Account: id, Body: fmt.Append(nil, n+1)}, int64(n+1), nil); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	seen := make(map[aaa.AccountID]int)
	for seq := from; seq < from+writers*each; {
		list, gap, err := s.Changes().Since(ctx, after, 7)
		ok(t, err)
		if len(list) > 0 {
			after = list[len(list)-1]
		}
		if gap {
			t.Fatalf("a gap after %d", seq)
		}
		for _, c := range list {
			if seq++; c.Seq != seq {
				t.Fatalf("%d follows %d", c.Seq, seq-1)
			}
			seen[c.Account]++
			// What the change tells of can be read by who has been told.
			d := must[store.Document](t)(s.Documents().Get(ctx, c.Account))
			if d.Revision < int64(seen[c.Account]+1) {
				t.Fatalf("change %d of %s came before its revision: %d", seen[c.Account], c.Account, d.Revision)
			}
		}
		select {
		case err := <-errs:
			t.Fatal(err)
		default:
		}
	}
	wg.Wait()
	for _, id := range accounts {
		if seen[id] != each {
			t.Errorf("%d of %d changes seen", seen[id], each)
		}
	}
}

func testGap(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	account(t, s, "a", root)
	account(t, s, "b", root)
	ok(t, s.Changes().Prune(ctx, time.Now().Add(-time.Hour)))
	three, gap, err := s.Changes().Since(ctx, store.Change{}, 10)
	if len(three) != 3 || gap || err != nil {
		t.Fatalf("young changes were pruned: %v, %v, %v", three, gap, err)
	}
	since := func(after store.Change, want bool, n int) {
		t.Helper()
		if list, gap, err := s.Changes().Since(ctx, after, 10); len(list) != n || gap != want || err != nil {
			t.Errorf("since %+v: %v, gap %v, %v; want %d changes, gap %v", after, list, gap, err, n, want)
		}
	}
	// Others under the same numbers, and some that have never been given: the database is another, or was put back.
	for _, c := range three {
		for _, change := range []func(*store.Change){
			func(c *store.Change) { c.Kind = store.ChangedToken },
			func(c *store.Change) { c.Account = aaa.SystemConfig },
			func(c *store.Change) { c.Name = "x" },
			func(c *store.Change) { c.At = c.At.Add(time.Microsecond) },
			func(c *store.Change) { *c = store.Change{Seq: c.Seq} },
		} {
			other := c
			change(&other)
			since(other, true, int(3-c.Seq))
		}
		since(c, false, int(3-c.Seq))
	}
	four := three[2]
	four.Seq = 4
	since(four, true, 0)

	ok(t, s.Changes().Prune(ctx, time.Now().Add(time.Hour)))
	since(store.Change{}, true, 1) // the newest one stays
	since(three[0], true, 1)
	since(three[2], false, 0)
	if last := must[store.Change](t)(s.Changes().Last(ctx)); !last.Is(three[2]) {
		t.Errorf("after the pruning the last change is %+v, want %+v", last, three[2])
	}
	account(t, s, "c", root)
	since(three[0], true, 2)
	since(three[2], false, 1)
}

func testWake(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, second := s.Changes().Wake(ctx), s.Changes().Wake(ctx)
	root := account(t, s, "root", "").ID
	// A driver may need a moment to begin to listen, so the writes go on until both were woken.
	deadline := time.After(10 * time.Second)
	for n := 0; first != nil || second != nil; n++ {
		account(t, s, fmt.Sprint(n), root)
		select {
		case <-first:
			first = nil
		case <-second:
			second = nil
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			t.Fatal("nobody was woken")
		}
	}
}

func testFollower(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	root := account(t, s, "root", "").ID
	f := store.NewFollower(s.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{})
	var told []store.Change
	f.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		if !reset {
			told = append(told, list...)
		}
	})
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	ok(t, f.Sync(ctx))
	for n := range 10 {
		id := account(t, s, "a", root).ID
		ok(t, f.Sync(ctx))
		if len(told) != n+1 || told[n].Account != id { // Sync orders this after the follower's append
			t.Fatalf("after write %d the subscriber knows %v", n, told)
		}
	}
	cancel()
	ok(t, <-done)
}

func testCancelled(t *testing.T, s store.Store) {
	root := account(t, s, "root", "").ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Accounts().Get(ctx, root)
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a cancelled read gives %v", err)
	}
	_, err = s.Accounts().Create(ctx, store.Account{ParentID: root})
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a cancelled write gives %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	_, err = s.Accounts().Get(late, root)
	refused(t, err, store.ErrUnavailable)
	refused(t, err, context.DeadlineExceeded)
}

func testClosed(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	ok(t, s.Ping(ctx))
	ok(t, s.Close())
	refused(t, s.Ping(ctx), store.ErrUnavailable)
	_, err := s.Accounts().Get(ctx, root)
	refused(t, err, store.ErrUnavailable)
	_, err = s.Accounts().Create(ctx, store.Account{ParentID: root})
	refused(t, err, store.ErrUnavailable)
}
