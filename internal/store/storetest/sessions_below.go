package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// numbered stores an account with an id that sorts by n.
func numbered(t *testing.T, s store.Store, n int, parent aaa.AccountID) aaa.AccountID {
	t.Helper()
	id := aaa.AccountID(fmt.Sprintf("%032x", n))
	must[store.Account](t)(s.Accounts().Create(t.Context(), store.Account{ID: id, Name: fmt.Sprint(n), ParentID: parent, Enabled: true}))
	return id
}

// below reads all pages of a subtree's sessions: ACCOUNT-NUMBER/ID each, and how many pages there were.
func below(t *testing.T, s store.Store, account aaa.AccountID, by store.SessionsBy, limit int) (list []string, pages int) {
	t.Helper()
	p := store.Page{Limit: limit}
	for {
		part, next, err := s.Sessions().Below(t.Context(), account, by, p)
		ok(t, err)
		if limit > 0 && len(part) > limit {
			t.Fatalf("%d sessions on a page of %d", len(part), limit)
		}
		for _, r := range part {
			var n int
			must[int](t)(fmt.Sscanf(string(r.Account), "%x", &n))
			list = append(list, fmt.Sprintf("%d/%s", n, r.ID))
		}
		if pages++; next == "" {
			return list, pages
		}
		p.Start = next
	}
}

// testSessionsBelow: a subtree's sessions are its top's own and those of all below, in pages of any size, and nobody else's.
func testSessionsBelow(t *testing.T, s store.Store) {
	root := numbered(t, s, 5, "")
	top := numbered(t, s, 4, root)
	accounts := map[int]aaa.AccountID{5: root, 4: top}
	for n, parent := range map[int]aaa.AccountID{1: top, 3: root, 6: top, 9: root} {
		accounts[n] = numbered(t, s, n, parent)
	}
	accounts[2], accounts[8] = numbered(t, s, 2, accounts[6]), numbered(t, s, 8, accounts[9])
	accounts[7] = numbered(t, s, 7, accounts[2]) // which has none
	for _, n := range []int{1, 2, 3, 4, 5, 6, 8, 9} {
		for id := range n % 4 {
			ok(t, s.Sessions().Create(t.Context(), record(accounts[n], byte(id)), most))
		}
	}
	for n, want := range map[int][]string{
		4: {"1/id0", "2/id0", "2/id1", "6/id0", "6/id1"},
		5: {"1/id0", "2/id0", "2/id1", "3/id0", "3/id1", "3/id2", "5/id0", "6/id0", "6/id1", "9/id0"},
		6: {"2/id0", "2/id1", "6/id0", "6/id1"},
		7: nil,
		9: {"9/id0"},
	} {
		for limit := range 12 {
			if got, _ := below(t, s, accounts[n], store.SessionsBy{}, limit); cmp.Diff(want, got) != "" {
				t.Errorf("below %d, in pages of %d: %v, want %v", n, limit, got, want)
			}
		}
	}
	_, _, err := s.Sessions().Below(t.Context(), aaa.NewAccountID(), store.SessionsBy{}, store.Page{Limit: 1})
	refused(t, err, store.ErrNotFound)
	if list, next, err := s.Sessions().Below(t.Context(), top, store.SessionsBy{}, store.Page{Start: "zzz/'", Limit: 1}); err != nil || len(list) > 0 || next != "" {
		t.Errorf("from nowhere: %v, %q, %v", list, next, err)
	}
}

// testSessionsBelowMany: where sessions and accounts of others alternate with those looked for, a call gives up
// after a while and says where to go on.
func testSessionsBelowMany(t *testing.T, s store.Store) {
	root := numbered(t, s, 1, "")
	top := numbered(t, s, 2, root)
	const others = 250
	for n := range others {
		ok(t, s.Sessions().Create(t.Context(), record(numbered(t, s, 10+2*n, root), 1), most))
		numbered(t, s, 11+2*n, top)
	}
	last := numbered(t, s, 10+2*others, top)
	ok(t, s.Sessions().Create(t.Context(), record(last, 1), most))
	got, pages := below(t, s, top, store.SessionsBy{}, 50)
	if want := []string{fmt.Sprintf("%d/id1", 10+2*others)}; cmp.Diff(want, got) != "" || pages != 2 {
		t.Errorf("%v on %d pages", got, pages)
	}
	if got, _ := below(t, s, root, store.SessionsBy{}, 1000); len(got) != others+1 {
		t.Errorf("below the root: %d", len(got))
	}
}
