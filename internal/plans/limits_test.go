package plans

import (
	"net/netip"
	"slices"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
)

// bound changes what an account's record sets.
func (f *fixture) bound(account string, change func(a *store.Account)) {
	f.t.Helper()
	a, err := f.store.Accounts().Get(f.ctx, f.ids[account])
	f.must(err)
	change(&a)
	_, err = f.store.Accounts().Update(f.ctx, a.ID, store.AnyRevision, a)
	f.must(err)
	f.sync()
}

// allow sets one limit of an account.
func (f *fixture) allow(account string, limit aaa.Limit, n int64) {
	f.t.Helper()
	f.bound(account, func(a *store.Account) {
		l := aaa.NoLimits()
		if a.Limits != nil {
			l = *a.Limits
		}
		l[limit] = n
		a.Limits = l.OrNil()
	})
}

func (f *fixture) limits(account string) *limits.Account {
	f.t.Helper()
	l, err := f.tenants.Limits(f.ctx, f.ids[account])
	f.must(err)
	return l
}

// TestLimitsFollowChanges: whoever holds an account's limits sees each change of the account and of those above it.
func TestLimitsFollowChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", "")
	plan := f.plan("customer")
	held := plan.Limits
	if held != f.limits("customer") || held == f.limits("sibling") {
		t.Fatal("an account has not one Limits of its own")
	}
	check := func(what string, allowed int64, from string) {
		t.Helper()
		want := limits.Value{Allowed: allowed, From: f.ids[from]}
		if got := held.Values().Of(aaa.LimitTokens); got != want || held.Of(aaa.LimitTokens) != allowed {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		if f.limits("customer") != held || f.plan("customer").Limits != held {
			t.Errorf("%s: others hold another one", what)
		}
	}
	check("nothing set", 1000, "")
	f.allow("reseller", aaa.LimitTokens, 20)
	check("set above", 20, "reseller")
	f.allow("customer", aaa.LimitTokens, 7)
	check("set", 7, "customer")
	f.allow("customer", aaa.LimitTokens, 70)
	check("more than above", 20, "reseller")
	f.allow("root", aaa.LimitTokens, 30)
	f.allow("reseller", aaa.LimitTokens, aaa.NotSet)
	check("the root's default", 30, "root")
	f.allow("root", aaa.LimitTokens, aaa.NotSet)
	check("its own", 70, "customer")
	f.allow("customer", aaa.LimitTokens, aaa.NotSet)
	check("the default", 1000, "")
	f.allow("sibling", aaa.LimitTokens, 5)
	check("a sibling's", 1000, "")
	_, err := f.store.Accounts().Move(f.ctx, f.ids["customer"], f.ids["sibling"])
	f.must(err)
	f.sync()
	check("after a move", 5, "sibling")
	if got := f.limits("root").Of(aaa.LimitTokens); got != limits.Unlimited {
		t.Errorf("the root account has %d", got)
	}
	if got := f.limits("system").Of(aaa.LimitTokens); got != limits.Unlimited {
		t.Errorf("the system configuration has %d", got)
	}
	f.allow("sibling", aaa.LimitTokens, 4)
	f.tenants.Changed(f.ctx, nil, true)
	check("after a reset", 4, "sibling")
}

// TestEqualLimitsAreShared: what accounts do not set costs no memory.
func TestEqualLimitsAreShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.allow("reseller", aaa.LimitTokens, 20)
	if f.limits("customer").Values() != f.limits("sibling").Values() {
		t.Error("two accounts with the same limits hold them twice")
	}
}

// TestNetworksOfALevel: a document's servers may be where accounts above allow, as far as those reach it themselves.
func TestNetworksOfALevel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("system", "")
	for _, a := range []string{"root", "reseller", "customer"} {
		f.put(a, "")
	}
	grant := func(account string, prefixes ...string) {
		t.Helper()
		f.bound(account, func(a *store.Account) {
			a.ServerNetworks = nil
			for _, p := range prefixes {
				a.ServerNetworks = append(a.ServerNetworks, netip.MustParsePrefix(p))
			}
		})
	}
	check := func(what, account string, want ...string) {
		t.Helper()
		var got []string
		for _, p := range f.level(account).Reach.Granted() {
			got = append(got, p.String())
		}
		direct, err := f.tenants.Networks(f.ctx, f.ids[account])
		f.must(err)
		if !slices.Equal(got, want) || !slices.Equal(direct, f.level(account).Reach.Granted()) {
			t.Errorf("%s: %s has %v and %v, want %v", what, account, got, direct, want)
		}
	}
	check("nothing granted", "system", "0.0.0.0/0", "::/0")
	check("nothing granted", "root", "0.0.0.0/0", "::/0")
	check("nothing granted", "reseller")
	grant("customer", "10.1.0.0/16", "127.0.0.1/32")
	check("the reseller has nothing", "customer")
	grant("reseller", "10.0.0.0/8")
	check("granted", "reseller", "10.0.0.0/8")
	check("within what the reseller has", "customer", "10.1.0.0/16")
	f.put("sibling", "")
	check("children inherit nothing", "sibling")
	grant("reseller")
	check("taken from the reseller", "customer")
}

// TestNetworksFollowChanges: a reach that servers hold already is never wider than what is granted now, whether or not a request
// has come since.
func TestNetworksFollowChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, a := range []string{"reseller", "customer"} {
		f.put(a, "")
		f.bound(a, func(a *store.Account) { a.ServerNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	}
	f.plan("customer")
	reach := f.level("customer").Reach
	check := func(what string, want int) {
		t.Helper()
		if got := reach.Granted(); len(got) != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	check("granted", 1)
	f.bound("reseller", func(a *store.Account) { a.ServerNetworks = nil })
	check("taken from the account above", 0)
	f.bound("reseller", func(a *store.Account) { a.ServerNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	check("granted again", 1)
	_, err := f.store.Accounts().Move(f.ctx, f.ids["customer"], f.ids["sibling"])
	f.must(err)
	f.sync()
	check("after a move", 0)
	reach.Grant(limits.Everywhere)
	f.tenants.Changed(f.ctx, nil, true)
	check("after a reset", 0)
}

// TestOvertakenNetworks: a document that is compiled of what was before a change grants nothing by it.
func TestOvertakenNetworks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", "")
	f.bound("reseller", func(a *store.Account) { a.ServerNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	chain, err := f.tenants.chain(f.ctx, f.ids["reseller"])
	f.must(err)
	f.bound("reseller", func(a *store.Account) { a.ServerNetworks = nil })
	l, err := f.tenants.compiled(f.ctx, chain)
	f.must(err)
	if got := l.Reach.Granted(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
