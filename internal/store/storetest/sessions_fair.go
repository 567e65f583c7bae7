package storetest

import (
	"encoding/binary"
	"strconv"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// upTo takes so many sessions, whosever they are.
func upTo(limit int) func(aaa.AccountID) bool {
	return func(aaa.AccountID) bool {
		limit--
		return limit >= 0
	}
}

// share takes so many sessions in all, and so many of each account.
func share(limit, each int) func(aaa.AccountID) bool {
	took := map[aaa.AccountID]int{}
	return func(a aaa.AccountID) bool {
		if limit == 0 || took[a] == each {
			return false
		}
		limit--
		took[a]++
		return true
	}
}

// timers gives an account sessions that are due at a time.
func timers(t *testing.T, s store.Store, account aaa.AccountID, many int, due time.Time) {
	t.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for n := range next {
				r := record(account, 0)
				binary.BigEndian.PutUint32(r.Hash[:], uint32(n))
				r.ID, r.DueAt = "id"+strconv.Itoa(n), due
				if err := s.Sessions().Create(t.Context(), r, most); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range many {
		next <- n
	}
	close(next)
	wg.Wait()
}

// claims counts what one look claims of each account.
func claims(t *testing.T, s store.Store, now time.Time, take func(aaa.AccountID) bool) map[aaa.AccountID]int {
	t.Helper()
	claimed := map[aaa.AccountID]int{}
	for _, r := range must[[]store.SessionRecord](t)(s.Sessions().Due(t.Context(), now, store.Lease{Node: "n", Until: now.Add(time.Minute)}, take)) {
		claimed[r.Account]++
	}
	return claimed
}

// testDueFair: one account that is owed more than anybody reads at once delays no other one, and no more of it is claimed than
// is to be started.
func testDueFair(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	loud, quiet, late, idle := account(t, s, "loud", root).ID, account(t, s, "quiet", root).ID, account(t, s, "late", root).ID, account(t, s, "idle", root).ID
	const many = 1100
	timers(t, s, loud, many, noon.Add(-time.Hour))
	timers(t, s, quiet, 3, noon)
	timers(t, s, late, 1, noon.Add(time.Second))
	timers(t, s, idle, 1, noon.Add(time.Hour))
	check := func(now time.Time, take func(aaa.AccountID) bool, ofLoud, ofQuiet, ofLate int) {
		t.Helper()
		got := claims(t, s, now, take)
		if got[loud] != ofLoud || got[quiet] != ofQuiet || got[late] != ofLate || got[idle] != 0 {
			t.Errorf("at %v: %d sessions of the loud account, %d of the quiet one, %d of the late one, %d of the idle one, want %d, %d, %d, 0",
				now.Sub(noon), got[loud], got[quiet], got[late], got[idle], ofLoud, ofQuiet, ofLate)
		}
	}
	check(noon, share(100, 2), 2, 2, 0)
	check(noon, share(100, 2), 2, 1, 0)
	check(noon.Add(time.Second), share(2, 2), 1, 0, 1)
	check(noon.Add(time.Second), func(a aaa.AccountID) bool { return a != loud }, 0, 0, 0)
	untouched := 0
	for start := ""; ; {
		list, next, err := s.Sessions().List(ctx, loud, store.SessionsBy{}, store.Page{Start: start, Limit: 500})
		ok(t, err)
		for _, r := range list {
			if r.Revision == 1 {
				untouched++
			}
		}
		if start = next; next == "" {
			break
		}
	}
	if untouched != many-5 {
		t.Errorf("%d sessions were written to claim 5", many-untouched)
	}
	// What is claimed is ready again when its lease is over, and not before.
	claims(t, s, noon.Add(time.Second), upTo(200))
	for range many/32 + 1 {
		claims(t, s, noon.Add(2*time.Second), upTo(many))
	}
	check(noon.Add(time.Minute-time.Microsecond), upTo(many), 0, 0, 0)
	check(noon.Add(time.Minute), share(100, 9), 4, 3, 0)
}

// testDueInTurn: where there is room for few, each account has one before any has a second.
func testDueInTurn(t *testing.T, s store.Store) {
	root := account(t, s, "root", "").ID
	accounts := []aaa.AccountID{root, account(t, s, "a", root).ID, account(t, s, "b", root).ID}
	for n, id := range accounts {
		timers(t, s, id, 5, noon.Add(time.Duration(n)*time.Second))
	}
	now := noon.Add(time.Minute)
	got := claims(t, s, now, upTo(4))
	if got[accounts[0]] != 2 || got[accounts[1]] != 1 || got[accounts[2]] != 1 {
		t.Errorf("four places went to %v", got)
	}
}
