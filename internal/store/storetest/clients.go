package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

var samePrefix = cmpopts.EquateComparable(netip.Prefix{})

// client is a client of a network; empty: of none.
func client(account aaa.AccountID, name, network string) store.Client {
	c := store.Client{Account: account, Name: name, Body: []byte(`{"nas_type":"` + name + `"}`)}
	if network != "" {
		c.Network = netip.MustParsePrefix(network)
	}
	return c
}

// grant gives an account networks for its clients.
func grant(t *testing.T, s store.Store, id aaa.AccountID, networks ...string) error {
	t.Helper()
	a := must[store.Account](t)(s.Accounts().Get(t.Context(), id))
	a.ClientNetworks = nil
	for _, n := range networks {
		a.ClientNetworks = append(a.ClientNetworks, netip.MustParsePrefix(n))
	}
	_, err := s.Accounts().Update(t.Context(), id, store.AnyRevision, a)
	return err
}

func testClients(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	in := client(root, "switch", "2001:db8::/32")
	in.Certificate = "san:switch.example.net"
	_, err := s.Clients().Get(ctx, root, "switch")
	refused(t, err, store.ErrNotFound)
	_, err = s.Clients().Replace(ctx, in, store.AnyRevision)
	refused(t, err, store.ErrNotFound)
	refused(t, s.Clients().Delete(ctx, root, "switch", store.AnyRevision), store.ErrNotFound)
	_, err = s.Clients().Create(ctx, client(aaa.NewAccountID(), "switch", ""))
	refused(t, err, store.ErrNotFound)

	made := must[store.Client](t)(s.Clients().Create(ctx, in))
	if made.Revision != 1 || made.CreatedAt.IsZero() || !made.UpdatedAt.Equal(made.CreatedAt) || made.Network != in.Network {
		t.Errorf("created %+v", made)
	}
	if diff := cmp.Diff(made, must[store.Client](t)(s.Clients().Get(ctx, root, "switch")), samePrefix); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
	_, err = s.Clients().Create(ctx, in)
	refused(t, err, store.ErrExists)

	changed := must[store.Client](t)(s.Clients().Replace(ctx, client(root, "switch", "192.0.2.1/32"), 1))
	if changed.Revision != 2 || changed.Certificate != "" || !changed.CreatedAt.Equal(made.CreatedAt) || !changed.UpdatedAt.After(made.UpdatedAt) {
		t.Errorf("replaced: %+v", changed)
	}
	_, err = s.Clients().Replace(ctx, in, 1)
	refused(t, err, store.ErrStale)
	refused(t, s.Clients().Delete(ctx, root, "switch", 1), store.ErrStale)
	if diff := cmp.Diff([]store.Client{changed}, must[[]store.Client](t)(s.Clients().All(ctx, root)), samePrefix); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	list, next, err := s.Clients().List(ctx, root, store.Page{})
	ok(t, err)
	if diff := cmp.Diff([]store.Client{changed}, list, samePrefix); diff != "" || next != "" {
		t.Errorf("the list (-want +got), next %q:\n%s", next, diff)
	}
	ok(t, s.Clients().Delete(ctx, root, "switch", 2))
	if again := must[store.Client](t)(s.Clients().Create(ctx, in)); again.Revision != 1 {
		t.Errorf("created anew: %+v", again)
	}
}

// testEachClient: clients of all accounts come in order, more than are read at once.
func testEachClient(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	var want []string
	for _, id := range []aaa.AccountID{root, account(t, s, "a", root).ID, account(t, s, "b", root).ID} {
		for n := range 200 {
			c := client(id, fmt.Sprintf("c%03d", n), "")
			must[store.Client](t)(s.Clients().Create(ctx, c))
			want = append(want, string(id)+c.Name)
		}
	}
	slices.Sort(want)
	var got []string
	ok(t, s.Clients().Each(ctx, func(c store.Client) error {
		if string(c.Body) != `{"nas_type":"`+c.Name+`"}` || c.Network.IsValid() {
			t.Errorf("visited %+v", c)
		}
		got = append(got, string(c.Account)+c.Name)
		return nil
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("visited (-want +got):\n%s", diff)
	}
	stop := errors.New("stop")
	refused(t, s.Clients().Each(ctx, func(store.Client) error { return stop }), stop)
}

// testClientNetworks: clients are where accounts above let them be, and no account claims what one beside it has.
func testClientNetworks(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	a, b := account(t, s, "a", root).ID, account(t, s, "b", root).ID
	below := account(t, s, "below a", a).ID
	create := func(account aaa.AccountID, name, network string) error {
		_, err := s.Clients().Create(ctx, client(account, name, network))
		return err
	}
	outside := func(err error, accounts ...aaa.AccountID) {
		t.Helper()
		var e *store.OutsideError
		slices.Sort(accounts)
		if !errors.As(err, &e) || !slices.Equal(e.Accounts, accounts) {
			t.Errorf("got %v (%+v), want clients of %v outside", err, e, accounts)
		}
	}
	outside(create(a, "x", "10.0.0.0/24"))
	certified := func(account aaa.AccountID, name string) error {
		c := client(account, name, "")
		c.Certificate = "san:" + name
		_, err := s.Clients().Create(ctx, c)
		return err
	}
	outside(certified(a, "certificate"))
	ok(t, grant(t, s, below, "10.0.0.0/8"))
	outside(certified(below, "certificate")) // a has none
	ok(t, grant(t, s, a, "10.0.0.0/8", "2001:db8::/32"))
	ok(t, grant(t, s, b, "10.0.0.0/8", "2001:db8::/32"))
	ok(t, grant(t, s, below, "10.0.0.0/8", "172.16.0.0/12"))
	outside(create(a, "x", "11.0.0.0/24"))
	outside(create(a, "x", "8.0.0.0/6"))
	outside(create(below, "x", "172.16.1.0/24")) // which a does not have

	ok(t, create(a, "net", "10.1.0.0/16"))
	ok(t, create(a, "host", "10.1.0.7/32"))
	ok(t, create(a, "same", "10.1.0.7/32")) // behind NAT
	ok(t, create(below, "host", "10.1.0.9/32"))
	ok(t, create(root, "all", "0.0.0.0/0"))
	ok(t, create(root, "all6", "::/0"))
	for _, network := range []string{"10.1.0.0/16", "10.0.0.0/8", "10.1.0.0/15", "10.1.0.0/24", "10.1.255.255/32", "10.1.0.7/32", "10.1.0.9/32"} {
		refused(t, create(b, "theirs", network), store.ErrTaken)
	}
	for i, network := range []string{"10.0.0.0/16", "10.2.0.0/16", "10.0.255.255/32", "10.2.0.0/32", "2001:db8::/33"} { // the last begins where no other does
		ok(t, create(b, fmt.Sprint("own", i), network))
	}
	refused(t, create(a, "v6", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff/128"), store.ErrTaken)
	ok(t, create(a, "v6", "2001:db8:8000::/128"))
	_, err := s.Clients().Replace(ctx, client(b, "own0", "10.1.2.0/24"), store.AnyRevision)
	refused(t, err, store.ErrTaken)
	must[store.Client](t)(s.Clients().Replace(ctx, client(b, "own0", "10.0.0.0/17"), store.AnyRevision))

	outside(grant(t, s, a, "10.0.0.0/8"), a)
	outside(grant(t, s, below, "10.2.0.0/16"), below)
	outside(grant(t, s, a, "10.2.0.0/16"), a, below)
	ok(t, grant(t, s, a, "10.1.0.0/16", "2001:db8:8000::/33"))

	c := account(t, s, "c", root).ID
	ok(t, grant(t, s, c, "10.0.0.0/8"))
	ok(t, certified(c, "certificate"))
	outside(grant(t, s, c), c)
	ok(t, grant(t, s, c, "192.0.2.0/24")) // a client without an address comes from anywhere

	one := client(a, "one", "")
	one.Certificate = "san:one"
	must[store.Client](t)(s.Clients().Create(ctx, one))
	for _, id := range []aaa.AccountID{a, b, below, root} {
		two := client(id, "two", "")
		two.Certificate = "san:one"
		_, err := s.Clients().Create(ctx, two)
		refused(t, err, store.ErrTaken)
	}
	must[store.Client](t)(s.Clients().Replace(ctx, one, store.AnyRevision))
}

// testClientsMove: a move leaves no client where it may not be.
func testClientsMove(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	a, b := account(t, s, "a", root).ID, account(t, s, "b", root).ID
	sub := account(t, s, "sub", a).ID
	leaf := account(t, s, "leaf", sub).ID
	for _, id := range []aaa.AccountID{a, sub, leaf} {
		ok(t, grant(t, s, id, "10.0.0.0/8"))
	}
	must[store.Client](t)(s.Clients().Create(ctx, client(a, "net", "10.1.0.0/16")))
	must[store.Client](t)(s.Clients().Create(ctx, client(leaf, "host", "10.1.0.1/32")))
	move := func(to aaa.AccountID) error {
		_, err := s.Accounts().Move(ctx, sub, to)
		return err
	}
	var e *store.OutsideError
	if err := move(b); !errors.As(err, &e) || !e.Moved || !slices.Equal(e.Accounts, []aaa.AccountID{leaf}) {
		t.Errorf("moved below an account without networks: %v", err)
	}
	certified := client(sub, "certificate", "")
	certified.Certificate = "san:switch.example.net"
	must[store.Client](t)(s.Clients().Create(ctx, certified))
	want := []aaa.AccountID{leaf, sub}
	slices.Sort(want)
	if err := move(b); !errors.As(err, &e) || !e.Moved || !slices.Equal(e.Accounts, want) {
		t.Errorf("moved below an account without networks: %v", err)
	}
	ok(t, grant(t, s, b, "10.0.0.0/9"))
	refused(t, move(b), store.ErrClientsLeft) // the host is in the network of an account that would be beside it
	refused(t, move(root), store.ErrClientsLeft)
	must[store.Client](t)(s.Clients().Replace(ctx, client(leaf, "host", "10.2.0.0/16"), store.AnyRevision))
	ok(t, move(b))
	_, err := s.Clients().Create(ctx, client(a, "more", "10.2.0.0/24"))
	refused(t, err, store.ErrTaken)
	ok(t, move(a))
	must[store.Client](t)(s.Clients().Create(ctx, client(a, "more", "10.2.0.0/24")))
}

// testClientsRace: of many accounts that claim one address at once one has it.
func testClientsRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	ids := make([]aaa.AccountID, 8)
	for i := range ids {
		ids[i] = account(t, s, fmt.Sprint(i), root).ID
		ok(t, grant(t, s, ids[i], "192.0.2.0/24"))
	}
	if _, won := race(t, len(ids), func(n int) error {
		_, err := s.Clients().Create(ctx, client(ids[n], "c", fmt.Sprintf("192.0.2.0/%d", 24+n)))
		return err
	}, store.ErrTaken); won != 1 {
		t.Errorf("%d accounts have it", won)
	}
}

func clientPage(t *testing.T, s store.Store, account aaa.AccountID) func(store.Page) ([]string, string, error) {
	return func(p store.Page) (out []string, next string, err error) {
		list, next, err := s.Clients().List(t.Context(), account, p)
		for _, c := range list {
			out = append(out, c.Name)
		}
		return out, next, err
	}
}

// ownedClient makes clients for testLimits.
var ownedClient = owned{limit: aaa.LimitClients, make: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
	_, err := s.Clients().Create(ctx, client(a, fmt.Sprint("c", n), ""))
	return err
}, remove: func(ctx context.Context, s store.Store, a aaa.AccountID, n int) error {
	return s.Clients().Delete(ctx, a, fmt.Sprint("c", n), store.AnyRevision)
}}
