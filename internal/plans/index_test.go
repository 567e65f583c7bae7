package plans

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestMovedAccountFollowsItsParent: after a move, changes of the new parent reach the account and those of the old one do not.
func TestMovedAccountFollowsItsParent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", `"aaa_mode":"inherit"`)
	f.plan("customer")
	f.plan("sibling")
	_, err := f.store.Accounts().Move(f.ctx, f.ids["customer"], f.ids["root"])
	f.must(err)
	f.sync()
	held := f.plan("customer")
	if len(held.Routes[0].Levels) != 0 {
		t.Errorf("the documents of before the move: %+v", held.Routes[0].Walk)
	}
	f.put("reseller", `"workers":2`)
	if f.plan("customer") != held {
		t.Error("a change of the old parent dropped a plan")
	}
	f.put("root", ``)
	if len(f.plan("customer").Routes[0].Levels) != 1 || len(f.plan("sibling").Routes[0].Levels) != 1 {
		t.Error("a change of the new parent was not followed")
	}
	f.bound("root", func(a *store.Account) { a.Enabled = false })
	if f.plan("customer").Enabled || f.plan("sibling").Enabled {
		t.Error("accounts below one that is not enabled are")
	}
}

// TestRowReadEarly: what a row says is in force even if the row was read with a dictionary, before its own change is told.
func TestRowReadEarly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", ``)
	f.plan("customer")
	a, err := f.store.Accounts().Get(f.ctx, f.ids["customer"])
	f.must(err)
	a.Enabled = false
	_, err = f.store.Accounts().Update(f.ctx, a.ID, store.AnyRevision, a)
	f.must(err)
	f.tenants.Changed(f.ctx, []store.Change{{Kind: store.ChangedDictionary, Account: a.ID, Name: "any"}}, false)
	f.sync()
	if f.plan("customer").Enabled {
		t.Error("the account is enabled still")
	}
}

// TestRing: parents that form a ring, some read before a move and some after, hold up no change.
func TestRing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.plan("customer")
	f.plan("sibling")
	reseller, customer := f.node("reseller"), f.node("customer")
	f.tenants.mu.Lock()
	s := *reseller.state.Load()
	was := s.parent()
	s.account.ParentID = customer.id
	reseller.state.Store(&s)
	f.tenants.index.place(reseller, was, customer.id)
	var seen []aaa.AccountID
	f.tenants.visit(customer.id, func(n *node) bool {
		seen = append(seen, n.id)
		return true
	})
	customer.plan.Store(nil)
	f.tenants.mu.Unlock()
	slices.Sort(seen)
	want := []aaa.AccountID{f.ids["customer"], f.ids["reseller"], f.ids["sibling"]}
	slices.Sort(want)
	if !slices.Equal(seen, want) {
		t.Errorf("visited %v, want %v", seen, want)
	}
	if _, err := f.tenants.Plan(f.ctx, customer.id); aaa.KindOf(err) != aaa.KindUnavailable {
		t.Errorf("the plan of an account above itself: %v", err)
	}
	f.tenants.Changed(f.ctx, []store.Change{{Kind: store.ChangedAccount, Account: reseller.id}}, false)
	f.plan("customer")
}

// TestUsersOfADictionary: a dictionary changes the documents that look for its name, wherever they are below it, and no others.
func TestUsersOfADictionary(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server := `"servers":[{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"retries":0,"timeout":1000,"secret":"s3cr3t","aaa_engine":"radius","dicts":["mine"]}]`
	f.dict("root", "mine", `[{"attr":{"id":200,"type":"string","name":"One"}}]`)
	f.put("root", `"aaa_mode":"inherit"`)
	f.put("customer", server)
	f.put("sibling", ``)
	customer, sibling, root := f.plan("customer"), f.plan("sibling"), f.plan("root")
	f.dict("sibling", "mine", `[{"attr":{"id":201,"type":"string","name":"Other"}}]`)
	if f.plan("customer") != customer {
		t.Error("a dictionary of another account dropped a plan")
	}
	f.dict("root", "mine", `[{"attr":{"id":201,"type":"string","name":"Two"}}]`)
	if f.level("customer").Server("a").Dict.ByName("Two") == nil {
		t.Error("the dictionary of before is in force")
	}
	if f.plan("sibling") != sibling || f.plan("root") != root {
		t.Error("a document that does not name the dictionary was dropped")
	}
	f.dict("reseller", "mine", `[{"attr":{"id":201,"type":"string","name":"Nearer"}}]`)
	if f.level("customer").Server("a").Dict.ByName("Nearer") == nil {
		t.Error("a nearer dictionary is not in force")
	}
}

// TestRequestsAmongChanges: while requests, changes, resets and the idle pass run at once, a request that begins after a change
// sees it.
func TestRequestsAmongChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", `"aaa_mode":"inherit","workers":1`)
	f.put("customer", `"aaa_mode":"inherit","workers":1`)
	var applied atomic.Int64 // workers of the reseller's document that is in force
	applied.Store(1)
	stop := make(chan struct{})
	var requests sync.WaitGroup
	for _, account := range []string{"customer", "sibling", "reseller"} {
		requests.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
				least := applied.Load()
				p, err := f.tenants.Plan(f.ctx, f.ids[account])
				if err != nil {
					t.Error(err)
					return
				}
				levels := p.Routes[0].Levels
				if got := int64(levels[len(levels)-1].Workers); got < least {
					t.Errorf("%s runs by the document with %d workers, %d are in force", account, got, least)
					return
				}
				if p.Pool == nil || p.Limits == nil {
					t.Error("a plan without a pool or limits")
				}
			}
		})
	}
	for i := range 30 {
		f.put("reseller", fmt.Sprintf(`"aaa_mode":"inherit","workers":%d`, i+2))
		applied.Store(int64(i + 2))
		switch i % 3 {
		case 0:
			f.bound("root", func(a *store.Account) { a.Name = fmt.Sprint(i) })
		case 1:
			f.tenants.Changed(f.ctx, nil, true)
		default:
			f.step(idleSteps + 1)
		}
	}
	close(stop)
	requests.Wait()
}

// TestDeletedAbove: a deletion that is followed before the moves that came before it leaves no plan in force below it.
func TestDeletedAbove(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", ``)
	f.plan("customer")
	for _, account := range []string{"customer", "sibling"} {
		_, err := f.store.Accounts().Move(f.ctx, f.ids[account], f.ids["root"])
		f.must(err)
	}
	f.must(f.store.Accounts().Delete(f.ctx, f.ids["reseller"], store.AnyRevision))
	f.tenants.Changed(f.ctx, []store.Change{{Kind: store.ChangedAccount, Account: f.ids["reseller"]}}, false)
	if f.node("customer").plan.Load() != nil {
		t.Error("a plan by a deleted account's document is in force")
	}
	f.sync()
	if p := f.plan("customer"); len(p.Routes[0].Levels) != 0 {
		t.Errorf("%+v", p.Routes[0].Walk)
	}
}
