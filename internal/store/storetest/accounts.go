package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testAccounts(t *testing.T, s store.Store) {
	ctx := t.Context()
	_, err := s.Accounts().Root(ctx)
	refused(t, err, store.ErrNotFound)
	root := account(t, s, "root", "")
	in := store.Account{ID: aaa.NewAccountID(), Name: "Zoë's 名前", Realm: "example.com", ParentID: root.ID, Enabled: true}
	made := must[store.Account](t)(s.Accounts().Create(ctx, in))
	if made.Revision != 1 || made.CreatedAt.IsZero() || !slices.Equal(made.Path, []aaa.AccountID{root.ID}) {
		t.Errorf("created %+v", made)
	}
	got := must[store.Account](t)(s.Accounts().Get(ctx, in.ID))
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
	found := must[store.Account](t)(s.Accounts().Root(ctx))
	if found.ID != root.ID || found.ParentID != "" || len(found.Path) != 0 {
		t.Errorf("the root is %+v", found)
	}
	updated := must[store.Account](t)(s.Accounts().Update(ctx, in.ID, 1, store.Account{Name: "new", Realm: "", Enabled: false}))
	if updated.Name != "new" || updated.Realm != "" || updated.Enabled || updated.Revision != 2 || updated.ParentID != root.ID {
		t.Errorf("updated to %+v", updated)
	}
	if diff := cmp.Diff(updated, must[store.Account](t)(s.Accounts().Get(ctx, in.ID))); diff != "" {
		t.Errorf("after the update (-answered +read):\n%s", diff)
	}
	_, err = s.Accounts().Get(ctx, aaa.NewAccountID())
	refused(t, err, store.ErrNotFound)
	_, err = s.Accounts().Create(ctx, store.Account{ParentID: aaa.NewAccountID()})
	refused(t, err, store.ErrNotFound)
	_, err = s.Accounts().Create(ctx, store.Account{ID: in.ID, ParentID: root.ID})
	refused(t, err, store.ErrExists)
	_, _, err = s.Accounts().Children(ctx, aaa.NewAccountID(), store.Page{})
	refused(t, err, store.ErrNotFound)
	_, _, err = s.Accounts().Descendants(ctx, aaa.NewAccountID(), store.Page{})
	refused(t, err, store.ErrNotFound)
}

// testBounds keeps what accounts above set: limits and networks.
func testBounds(t *testing.T, s store.Store) {
	ctx := t.Context()
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	root := account(t, s, "root", "")
	limits := aaa.NoLimits()
	limits[aaa.LimitTokens], limits[aaa.LimitSessions] = 0, 1<<40
	networks := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	made := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Limits: &limits, ServerNetworks: networks, ClientNetworks: networks[1:]}))
	read := func(want store.Account) {
		t.Helper()
		if diff := cmp.Diff(want, must[store.Account](t)(s.Accounts().Get(ctx, made.ID)), same); diff != "" {
			t.Errorf("(-answered +read):\n%s", diff)
		}
	}
	if made.Limits == nil || *made.Limits != limits || !slices.Equal(made.ServerNetworks, networks) || !slices.Equal(made.ClientNetworks, networks[1:]) {
		t.Errorf("created %+v", made)
	}
	read(made)
	other := aaa.NoLimits()
	other[aaa.LimitTables] = 3
	changed := must[store.Account](t)(s.Accounts().Update(ctx, made.ID, 1, store.Account{Limits: &other, ServerNetworks: networks[:1], ClientNetworks: networks}))
	if changed.Limits == nil || *changed.Limits != other || !slices.Equal(changed.ServerNetworks, networks[:1]) {
		t.Errorf("updated to %+v", changed)
	}
	read(changed)
	list, _, err := s.Accounts().Children(ctx, root.ID, store.Page{})
	ok(t, err)
	if len(list) != 1 || list[0].Limits == nil || *list[0].Limits != other || len(list[0].ServerNetworks) != 1 || len(list[0].ClientNetworks) != 2 {
		t.Errorf("listed as %+v", list)
	}
	none := must[store.Account](t)(s.Accounts().Update(ctx, made.ID, 2, store.Account{}))
	if none.Limits != nil || none.ServerNetworks != nil || none.ClientNetworks != nil {
		t.Errorf("updated to %+v", none)
	}
	read(none)
}

func testOneRoot(t *testing.T, s store.Store) {
	_, won := race(t, 8, func(int) error {
		_, err := s.Accounts().Create(t.Context(), store.Account{Name: "root"})
		var clash *store.ExistsError
		if errors.As(err, &clash) && clash.Member == "parent_id" {
			return store.ErrExists
		}
		return err
	}, store.ErrExists)
	if won != 1 {
		t.Errorf("%d roots", won)
	}
}

func testRealm(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	account(t, s, "none", root.ID)
	account(t, s, "none either", root.ID)
	winner, won := race(t, 8, func(int) error {
		_, err := s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Realm: "example.com"})
		return err
	}, store.ErrExists)
	if won != 1 {
		t.Fatalf("%d accounts (the last by writer %d) have one realm", won, winner)
	}
	other := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Realm: "example.org"}))
	_, err := s.Accounts().Update(ctx, other.ID, store.AnyRevision, store.Account{Realm: "example.com"})
	var clash *store.ExistsError
	if !errors.As(err, &clash) || clash.Member != "realm" {
		t.Errorf("the taken realm gives %v", err)
	}
	// Nor is it free below that account, or for it while somebody below has it.
	below := account(t, s, "below", other.ID)
	for _, a := range []store.Account{{ParentID: below.ID, Realm: "example.net"}, {ParentID: root.ID, Realm: "example.net"}} {
		_, err := s.Accounts().Create(ctx, a)
		if a.ParentID == below.ID {
			ok(t, err)
		} else if !errors.As(err, &clash) {
			t.Errorf("a realm that an account below the parent has gives %v", err)
		}
	}
	_, err = s.Accounts().Create(ctx, store.Account{ParentID: other.ID, Realm: "example.org"})
	if !errors.As(err, &clash) {
		t.Errorf("the parent's realm gives %v", err)
	}
	// Those whose parents have nothing to do with each other have any realm they want, and keep it when other things change.
	stranger := account(t, s, "stranger", root.ID)
	twin := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: stranger.ID, Realm: "example.net", Name: "twin"}))
	must[store.Moved](t)(s.Accounts().Move(ctx, twin.ID, below.ID))
	must[store.Account](t)(s.Accounts().Update(ctx, twin.ID, store.AnyRevision, store.Account{Realm: "example.net", Name: "again"}))
	// Its own realm is no clash.
	must[store.Account](t)(s.Accounts().Update(ctx, other.ID, store.AnyRevision, store.Account{Realm: "example.org", Enabled: true}))
	// A realm given up is free.
	must[store.Account](t)(s.Accounts().Update(ctx, other.ID, store.AnyRevision, store.Account{}))
	must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID, Realm: "example.org"}))
}

// testByRealm has one realm at several depths, which its writes allow where the parents have nothing to do with each other.
func testByRealm(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	top := account(t, s, "top", root.ID)
	middle := account(t, s, "middle", top.ID)
	bottom := account(t, s, "bottom", middle.ID)
	other := account(t, s, "other", root.ID)
	with := func(parent store.Account, realm string) aaa.AccountID {
		return must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: parent.ID, Realm: realm})).ID
	}
	find := func(top store.Account, realm string, want aaa.AccountID) {
		t.Helper()
		got, err := s.Accounts().ByRealm(ctx, top.ID, realm)
		if want == "" {
			refused(t, err, store.ErrNotFound)
		} else if ok(t, err); got.ID != want || got.Realm != realm {
			t.Errorf("%s below %s is %+v", realm, top.Name, got)
		}
	}
	near, far := with(top, "example.com"), with(bottom, "example.com")
	elsewhere := with(other, "example.com")
	find(top, "example.com", near)
	find(middle, "example.com", far)
	find(other, "example.com", elsewhere)
	find(root, "example.com", min(near, elsewhere))
	find(store.Account{ID: near}, "example.com", "") // not the account itself
	find(store.Account{ID: aaa.NewAccountID()}, "example.com", "")
	for _, realm := range []string{"", "example.co", "EXAMPLE.COM", "%"} {
		find(top, realm, "")
	}
	must[store.Moved](t)(s.Accounts().Move(ctx, near, other.ID))
	find(top, "example.com", far)
}

func testAccountRevision(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	child := account(t, s, "child", root.ID)
	must[store.Account](t)(s.Accounts().Update(ctx, child.ID, 1, store.Account{Name: "second"}))
	_, err := s.Accounts().Update(ctx, child.ID, 1, store.Account{Name: "third"})
	refused(t, err, store.ErrStale)
	refused(t, s.Accounts().Delete(ctx, child.ID, 1), store.ErrStale)
	if got := must[store.Account](t)(s.Accounts().Get(ctx, child.ID)); got.Name != "second" {
		t.Errorf("the refused update was stored: %+v", got)
	}
	_, err = s.Accounts().Update(ctx, aaa.NewAccountID(), store.AnyRevision, store.Account{})
	refused(t, err, store.ErrNotFound)
	ok(t, s.Accounts().Delete(ctx, child.ID, 2))
}

func testMove(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a, b := account(t, s, "a", root.ID), account(t, s, "b", root.ID)
	sub := account(t, s, "sub", a.ID)
	leaf := account(t, s, "leaf", sub.ID)
	moved := must[store.Moved](t)(s.Accounts().Move(ctx, sub.ID, b.ID))
	if moved.ParentID != b.ID || moved.Revision != 2 || !slices.Equal(moved.Path, []aaa.AccountID{root.ID, b.ID}) {
		t.Errorf("moved to %+v", moved)
	}
	if diff := cmp.Diff(moved.Account, must[store.Account](t)(s.Accounts().Get(ctx, sub.ID))); diff != "" {
		t.Errorf("after the move (-answered +read):\n%s", diff)
	}
	below := must[store.Account](t)(s.Accounts().Get(ctx, leaf.ID))
	if !slices.Equal(below.Path, []aaa.AccountID{root.ID, b.ID, sub.ID}) {
		t.Errorf("the descendant's path is %v", below.Path)
	}
	for _, c := range []struct {
		of   store.Account
		want []aaa.AccountID
	}{{a, []aaa.AccountID{}}, {b, []aaa.AccountID{sub.ID, leaf.ID}}, {root, []aaa.AccountID{a.ID, b.ID, sub.ID, leaf.ID}}} {
		list, _, err := s.Accounts().Descendants(ctx, c.of.ID, store.Page{})
		ok(t, err)
		slices.Sort(c.want)
		if got := ids(list); !slices.Equal(got, c.want) {
			t.Errorf("descendants of %s: %v, want %v", c.of.Name, got, c.want)
		}
	}
	_, err := s.Accounts().Move(ctx, sub.ID, aaa.NewAccountID())
	refused(t, err, store.ErrNotFound)
	_, err = s.Accounts().Move(ctx, aaa.NewAccountID(), b.ID)
	refused(t, err, store.ErrNotFound)
}

func testCycle(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	b := account(t, s, "b", a.ID)
	c := account(t, s, "c", b.ID)
	for _, m := range [][2]aaa.AccountID{{a.ID, a.ID}, {a.ID, b.ID}, {a.ID, c.ID}, {root.ID, a.ID}, {root.ID, root.ID}} {
		_, err := s.Accounts().Move(ctx, m[0], m[1])
		refused(t, err, store.ErrCycle)
	}
	if got := must[store.Account](t)(s.Accounts().Get(ctx, c.ID)); !slices.Equal(got.Path, []aaa.AccountID{root.ID, a.ID, b.ID}) {
		t.Errorf("a refused move left the path %v", got.Path)
	}
}

func testMovesRace(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a, b := account(t, s, "a", root.ID), account(t, s, "b", root.ID)
	for range 5 {
		// a below b and b below a: both would be a cycle apart from the tree.
		_, won := race(t, 2, func(n int) error {
			pair := [2]aaa.AccountID{a.ID, b.ID}
			_, err := s.Accounts().Move(ctx, pair[n], pair[1-n])
			return err
		}, store.ErrCycle)
		if won != 1 {
			t.Fatalf("%d moves won", won)
		}
		for _, id := range []aaa.AccountID{a.ID, b.ID} {
			must[store.Moved](t)(s.Accounts().Move(ctx, id, root.ID))
		}
	}
}

func testDepth(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	chain := []store.Account{root}
	for range store.MaxAccountDepth {
		chain = append(chain, account(t, s, "", chain[len(chain)-1].ID))
	}
	deepest := chain[len(chain)-1]
	if len(deepest.Path) != store.MaxAccountDepth {
		t.Fatalf("the deepest account has %d ancestors", len(deepest.Path))
	}
	_, err := s.Accounts().Create(ctx, store.Account{ParentID: deepest.ID})
	refused(t, err, store.ErrTooDeep)
	top := account(t, s, "top", root.ID)
	leaf := account(t, s, "leaf", top.ID)
	_, err = s.Accounts().Move(ctx, top.ID, chain[len(chain)-2].ID)
	refused(t, err, store.ErrTooDeep)
	must[store.Moved](t)(s.Accounts().Move(ctx, top.ID, chain[len(chain)-3].ID))
	if got := must[store.Account](t)(s.Accounts().Get(ctx, leaf.ID)); len(got.Path) != store.MaxAccountDepth {
		t.Errorf("the leaf has %d ancestors", len(got.Path))
	}
}

func testDescendants(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	// Ids that begin alike and border on one another, in every order of the tree.
	id := func(last string) aaa.AccountID { return aaa.AccountID("0123456789abcdef0123456789abcd" + last) }
	for _, a := range []store.Account{
		{ID: id("00"), ParentID: root.ID},
		{ID: id("0f"), ParentID: id("00")},
		{ID: id("01"), ParentID: root.ID},
		{ID: id("02"), ParentID: id("01")},
		{ID: id("ff"), ParentID: id("02")},
	} {
		must[store.Account](t)(s.Accounts().Create(ctx, a))
	}
	for _, c := range []struct {
		of   aaa.AccountID
		want []aaa.AccountID
	}{
		{id("00"), []aaa.AccountID{id("0f")}},
		{id("01"), []aaa.AccountID{id("02"), id("ff")}},
		{id("02"), []aaa.AccountID{id("ff")}},
		{id("ff"), []aaa.AccountID{}},
		{root.ID, []aaa.AccountID{id("00"), id("01"), id("02"), id("0f"), id("ff")}},
	} {
		list, next, err := s.Accounts().Descendants(ctx, c.of, store.Page{})
		ok(t, err)
		if got := ids(list); next != "" || !slices.Equal(got, c.want) {
			t.Errorf("descendants of %s: %v (next %q), want %v", c.of, got, next, c.want)
		}
	}
}

func testDeleteAccount(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	b := account(t, s, "b", a.ID)
	refused(t, s.Accounts().Delete(ctx, a.ID, store.AnyRevision), store.ErrHasChildren)

	dict := must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: b.ID, Name: "d", Body: []byte(`[]`)}))
	users := store.Text{Account: b.ID, Kind: store.TextUsers, Name: "u"}
	must[store.Text](t)(s.Texts().Create(ctx, users))
	must[store.Client](t)(s.Clients().Create(ctx, client(b.ID, "c", "")))
	for _, owner := range []aaa.AccountID{a.ID, b.ID} {
		ok(t, table.create(ctx, s, owner, "t"))
	}
	ok(t, document(ctx, s, b.ID, dictionary.ref(b.ID, "d"), table.ref(b.ID, "t"), table.ref(a.ID, "t")))
	tok := store.Token{ID: aaa.NewID(), Account: b.ID, Hash: [32]byte{1}, Kind: "token"}
	ok(t, s.Tokens().Create(ctx, tok))
	must[[]byte](t)(s.Keys().Add(ctx, b.ID, []byte("key")))
	ok(t, s.Accounts().Delete(ctx, b.ID, store.AnyRevision))

	var err error
	for what, look := range map[string]func(){
		"account":        func() { _, err = s.Accounts().Get(ctx, b.ID) },
		"document":       func() { _, err = s.Documents().Get(ctx, b.ID) },
		"revision":       func() { _, err = s.Documents().Revision(ctx, b.ID, 1) },
		"dictionary":     func() { _, err = s.Dictionaries().Get(ctx, b.ID, dict.ID) },
		"table":          func() { _, err = s.Texts().Get(ctx, b.ID, store.TextFSM, "t") },
		"users file":     func() { _, err = s.Texts().Get(ctx, b.ID, store.TextUsers, "u") },
		"client":         func() { _, err = s.Clients().Get(ctx, b.ID, "c") },
		"token":          func() { _, err = s.Tokens().ByHash(ctx, tok.Hash) },
		"key":            func() { _, err = s.Keys().Get(ctx, b.ID) },
		"account again":  func() { err = s.Accounts().Delete(ctx, b.ID, store.AnyRevision) },
		"new document":   func() { _, err = s.Documents().Create(ctx, store.Document{Account: b.ID}, nil) },
		"new dictionary": func() { _, err = s.Dictionaries().Create(ctx, store.Dictionary{Account: b.ID, Name: "e"}) },
		"new text":       func() { _, err = s.Texts().Create(ctx, users) },
		"new client":     func() { _, err = s.Clients().Create(ctx, client(b.ID, "c", "")) },
		"new token":      func() { err = s.Tokens().Create(ctx, store.Token{ID: aaa.NewID(), Account: b.ID, Hash: [32]byte{2}}) },
	} {
		if look(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of a deleted account: %v", what, err)
		}
	}
	if all := must[[]store.Text](t)(s.Texts().All(ctx, b.ID)); len(all) != 0 {
		t.Errorf("texts of a deleted account: %v", all)
	}
	ok(t, s.Clients().Each(ctx, func(c store.Client) error { return fmt.Errorf("a client of a deleted account: %+v", c) }))
	ok(t, table.remove(ctx, s, a.ID, "t")) // which the document named that went with its account
	ok(t, s.Accounts().Delete(ctx, a.ID, store.AnyRevision))
	ok(t, s.Accounts().Delete(ctx, root.ID, store.AnyRevision))
	account(t, s, "another root", "")
}
