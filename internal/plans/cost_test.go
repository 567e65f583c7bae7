package plans

import (
	"fmt"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// BenchmarkChange applies changes of one leaf while 100,000 accounts below the same root are warm.
func BenchmarkChange(b *testing.B) {
	tenants, _ := warmAccounts(b, 100_000, false)
	for _, kind := range []store.ChangeKind{store.ChangedDocument, store.ChangedAccount, store.ChangedDictionary} {
		b.Run(string(kind), func(b *testing.B) {
			i := 0
			for b.Loop() {
				id := aaa.AccountID(fmt.Sprintf("%032x", 2+i%100_000))
				i++
				tenants.Changed(b.Context(), []store.Change{{Kind: kind, Account: id, Name: "own"}}, false)
				if _, err := tenants.Plan(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestChangeVisitsWhatItConcerns: a change of one of many accounts visits none of the others, whether it is named by the tree or
// by what documents use.
func TestChangeVisitsWhatItConcerns(t *testing.T) {
	const accounts = 500
	tenants, _ := warmAccounts(t, accounts, true)
	id := func(i int) aaa.AccountID { return aaa.AccountID(fmt.Sprintf("%032x", i)) }
	for _, c := range []struct {
		change store.Change
		plans  int // that it drops
	}{
		{store.Change{Kind: store.ChangedDocument, Account: id(2)}, 1},
		{store.Change{Kind: store.ChangedDictionary, Account: id(2), Name: "dictionary"}, 1},
		{store.Change{Kind: store.ChangedFSM, Account: id(2), Name: "mine"}, 1},
		{store.Change{Kind: store.ChangedUsers, Account: id(2), Name: "other"}, 0},
		{store.Change{Kind: store.ChangedFSM, Account: rootOfMany, Name: "other"}, 0},
		{store.Change{Kind: store.ChangedFSM, Account: rootOfMany, Name: "mine"}, accounts + 1},
		{store.Change{Kind: store.ChangedDocument, Account: rootOfMany}, accounts + 1},
		{store.Change{Kind: store.ChangedAccount, Account: rootOfMany}, 0},
	} {
		for i := range accounts + 1 {
			if _, err := tenants.Plan(t.Context(), id(i+1)); err != nil {
				t.Fatal(err)
			}
		}
		tenants.index.pass++
		tenants.Changed(t.Context(), []store.Change{c.change}, false)
		visited, dropped := 0, 0
		for i := range accounts + 1 {
			n, _ := tenants.nodes.Load(id(i + 1))
			if n.visited == tenants.index.pass {
				visited++
			}
			if n.plan.Load() == nil {
				dropped++
			}
		}
		if dropped != c.plans || visited > 2*c.plans+1 {
			t.Errorf("%s %q of %s: visited %d accounts, dropped %d plans, want %d", c.change.Kind, c.change.Name, c.change.Account, visited, dropped, c.plans)
		}
	}
}

// TestClientsConcernNoPlan: a change of a client or a token reads nothing of its account.
func TestClientsConcernNoPlan(t *testing.T) {
	tenants, _ := warmAccounts(t, 1, false)
	for _, kind := range []store.ChangeKind{store.ChangedClient, store.ChangedToken} {
		n, _ := tenants.nodes.Load(rootOfMany)
		before := n.state.Load()
		tenants.Changed(t.Context(), []store.Change{{Kind: kind, Account: rootOfMany, Name: "x"}}, false)
		if before == nil || n.state.Load() != before {
			t.Errorf("a change of a %s reads the account anew", kind)
		}
	}
}
