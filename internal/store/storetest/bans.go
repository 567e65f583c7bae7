package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// scored is a merge that adds points, with all that a Ban has.
func scored(points int64) func(int, store.Ban) store.Ban {
	return func(_ int, b store.Ban) store.Ban {
		b.Document, b.Score, b.LastAt, b.ExpiresAt = b.Account, b.Score+points, noon, noon.Add(time.Minute)
		return b
	}
}

// banned makes a ban of a Ban.
func banned(until time.Time) func(store.Ban) (store.Ban, error) {
	return func(b store.Ban) (store.Ban, error) {
		b.Document, b.Key, b.Value, b.Author, b.Reason = b.Account, "User-Name", "größe", "token", "by hand"
		b.BannedAt, b.Until, b.ExpiresAt = noon, until, until
		return b, nil
	}
}

// testBans: points and bans are stored, listed and deleted; each write has a number of its own, by which readers go on.
func testBans(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := aaa.NewAccountID()
	one, two := store.BanKey{Account: a, ID: fmt.Sprintf("%032x", 1)}, store.BanKey{Account: a, ID: fmt.Sprintf("%032x", 2)}
	list := must[[]store.Ban](t)(s.Bans().Merge(ctx, "n", 1, noon, []store.BanKey{two, one}, scored(10)))
	want := []store.Ban{
		{BanKey: two, Document: a, Score: 10, LastAt: noon, ExpiresAt: noon.Add(time.Minute), Seq: 1},
		{BanKey: one, Document: a, Score: 10, LastAt: noon, ExpiresAt: noon.Add(time.Minute), Seq: 2},
	}
	since := func(after int64, limit int, wantEnd int64, want ...store.Ban) {
		t.Helper()
		list, end, err := s.Bans().Since(ctx, after, limit)
		ok(t, err)
		if diff := cmp.Diff(want, list); diff != "" || end != wantEnd {
			t.Errorf("since %d, to %d (-want +got):\n%s", after, end, diff)
		}
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	since(0, 10, 2, want...)
	since(0, 1, 2, want[0])
	since(2, 10, 2)

	list = must[[]store.Ban](t)(s.Bans().Merge(ctx, "n", 1, noon, []store.BanKey{two, one}, scored(10))) // its answer was lost
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("merged again (-want +got):\n%s", diff)
	}
	list = must[[]store.Ban](t)(s.Bans().Merge(ctx, "m", 1, noon, []store.BanKey{one}, scored(5)))
	if list[0].Score != 15 || list[0].Seq != 5 {
		t.Errorf("another node's: %+v", list[0])
	}
	since(2, 10, 5, list[0])

	b := must[store.Ban](t)(s.Bans().Change(ctx, two, banned(noon.Add(time.Hour))))
	refused(t, second(s.Bans().Change(ctx, one, func(store.Ban) (store.Ban, error) { return store.Ban{}, store.ErrNotFound })), store.ErrNotFound)
	for now, want := range map[time.Time][]store.Ban{noon: {b}, noon.Add(time.Hour): nil} {
		list, next, err := s.Bans().List(ctx, a, now, store.Page{})
		ok(t, err)
		if diff := cmp.Diff(want, list); diff != "" || next != "" {
			t.Errorf("list at %v, next %q (-want +got):\n%s", now, next, diff)
		}
		if n := must[int64](t)(s.Bans().Count(ctx, a, now)); n != int64(len(want)) {
			t.Errorf("%d bans at %v", n, now)
		}
	}
	ok(t, s.Bans().Forget(ctx, []store.BanKey{one, two})) // a ban stays
	since(0, 10, 6, b)
	if n := must[int](t)(s.Bans().DeleteExpired(ctx, noon.Add(time.Hour-time.Microsecond))); n != 0 {
		t.Errorf("%d have expired", n)
	}
	if n := must[int](t)(s.Bans().DeleteExpired(ctx, noon.Add(time.Hour))); n != 1 {
		t.Errorf("%d have expired", n)
	}
}

func second[T any](_ T, err error) error { return err }

// testBansRace: of nodes that add to one subject at once, none is lost, and a reader who goes on from the last number that it has seen
// misses no write.
func testBansRace(t *testing.T, s store.Store) {
	key := store.BanKey{Account: aaa.NewAccountID(), ID: fmt.Sprintf("%032x", 1)}
	const nodes, lists = 4, 8
	var writing sync.WaitGroup
	for n := range nodes {
		writing.Go(func() {
			for number := range lists {
				mine := store.BanKey{Account: key.Account, ID: fmt.Sprintf("%016x%016x", n+1, number)}
				if _, err := s.Bans().Merge(t.Context(), fmt.Sprint("n", n), int64(number+1), noon, []store.BanKey{key, mine}, scored(1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[string]int64{}
	var after int64
	read := func() {
		list, _, err := s.Bans().Since(t.Context(), after, 100)
		ok(t, err)
		for _, b := range list {
			seen[b.ID], after = b.Score, b.Seq
		}
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		read()
	}
	if seen[key.ID] != nodes*lists || len(seen) != nodes*lists+1 {
		t.Errorf("%d points, %d subjects", seen[key.ID], len(seen))
	}
}

// testBansBelow: the bans of a subtree are its top's own and those of all below, in pages of any size, and nobody else's.
func testBansBelow(t *testing.T, s store.Store) {
	root := numbered(t, s, 5, "")
	top := numbered(t, s, 4, root)
	accounts := map[int]aaa.AccountID{5: root, 4: top, 1: numbered(t, s, 1, top), 3: numbered(t, s, 3, root)}
	accounts[2] = numbered(t, s, 2, accounts[1])
	for n, account := range accounts {
		for id := range n % 4 {
			must[store.Ban](t)(s.Bans().Change(t.Context(), store.BanKey{Account: account, ID: fmt.Sprintf("%032x", id)}, banned(noon.Add(time.Minute))))
		}
	}
	ok(t, second(s.Bans().Merge(t.Context(), "n", 1, noon, []store.BanKey{{Account: top, ID: fmt.Sprintf("%032x", 9)}}, scored(1)))) // no ban
	for n, want := range map[int][]string{4: {"1/0", "2/0", "2/1"}, 5: {"1/0", "2/0", "2/1", "3/0", "3/1", "3/2", "5/0"}, 2: {"2/0", "2/1"}} {
		for limit := range 5 {
			var got []string
			p := store.Page{Limit: limit}
			for {
				list, next, err := s.Bans().Below(t.Context(), accounts[n], noon, p)
				ok(t, err)
				for _, b := range list {
					var account, id int
					must[int](t)(fmt.Sscanf(string(b.Account)+" "+b.ID, "%x %x", &account, &id))
					got = append(got, fmt.Sprintf("%d/%d", account, id))
				}
				if p.Start = next; next == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("below %d in pages of %d (-want +got):\n%s", n, limit, diff)
			}
		}
	}
	ok(t, s.Accounts().Delete(t.Context(), accounts[2], store.AnyRevision))
	if n := must[int64](t)(s.Bans().Count(t.Context(), accounts[2], noon)); n != 0 {
		t.Errorf("a deleted account has %d bans", n)
	}
}
