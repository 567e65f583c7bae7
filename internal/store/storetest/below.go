package storetest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func testBelow(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	b := account(t, s, "b", a.ID)
	c := account(t, s, "c", b.ID)
	d := account(t, s, "d", root.ID)
	must[store.Account](t)(s.Accounts().Update(ctx, b.ID, store.AnyRevision, store.Account{Name: "b"}))
	for _, id := range []aaa.AccountID{aaa.SystemConfig, a.ID, b.ID, c.ID} {
		must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: id, Body: []byte(`{"x":"` + string(id) + `"}`)}, nil))
	}
	ok(t, s.Documents().Delete(ctx, c.ID, store.AnyRevision, ""))

	type row struct {
		Parent  aaa.AccountID
		Enabled bool
		Body    string
	}
	rows := map[aaa.AccountID]row{
		root.ID: {"", true, ""},
		a.ID:    {root.ID, true, `{"x":"` + string(a.ID) + `"}`},
		b.ID:    {a.ID, false, `{"x":"` + string(b.ID) + `"}`},
		c.ID:    {b.ID, true, ""},
		d.ID:    {root.ID, true, ""},
	}
	for top, below := range map[aaa.AccountID][]aaa.AccountID{
		aaa.SystemConfig: {root.ID, a.ID, b.ID, c.ID, d.ID},
		root.ID:          {a.ID, b.ID, c.ID, d.ID},
		a.ID:             {b.ID, c.ID},
		c.ID:             {},
	} {
		want, got := map[aaa.AccountID]row{}, map[aaa.AccountID]row{}
		for _, id := range below {
			want[id] = rows[id]
		}
		ok(t, s.Documents().Below(ctx, top, 100, func(a store.Account, body json.RawMessage) error {
			if body != nil && len(body) == 0 {
				t.Errorf("the body of %s is empty, not nil", a.ID)
			}
			got[a.ID] = row{a.ParentID, a.Enabled, string(body)}
			return nil
		}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("below %s (-want +got):\n%s", top, diff)
		}
	}
	n := 0
	ok(t, s.Documents().Below(ctx, root.ID, 3, func(store.Account, json.RawMessage) error { n++; return nil }))
	if n != 3 {
		t.Errorf("%d accounts with a limit of 3", n)
	}
	enough := errors.New("enough")
	refused(t, s.Documents().Below(ctx, root.ID, 3, func(store.Account, json.RawMessage) error { return enough }), enough)
	refused(t, s.Documents().Below(ctx, aaa.NewAccountID(), 3, nil), store.ErrNotFound)
}

// testOfAccounts reads the rows of several accounts with their documents, more than one query has room for.
func testOfAccounts(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	ids := []aaa.AccountID{root.ID}
	want := map[aaa.AccountID]store.Stored{root.ID: {Account: root}}
	for i := range store.MaxOfAccounts + 5 {
		a := account(t, s, "a", root.ID)
		row := store.Stored{Account: a}
		if i%3 == 0 {
			d := must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: a.ID, Body: []byte(`{"x":"y"}`), Author: "who"}, nil))
			row.Document = &d
		}
		ids, want[a.ID] = append(ids, a.ID), row
	}
	row := want[ids[1]]
	row.Holds, row.Document = true, nil
	ok(t, s.Documents().Delete(ctx, ids[1], store.AnyRevision, ""))
	must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: ids[1], Kind: store.TextFSM, Name: "t", Body: "x"}))
	want[ids[1]] = row
	row = want[ids[2]]
	row.Holds = true
	must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: ids[2], Name: "d", Body: []byte(`[]`)}))
	want[ids[2]] = row

	got := map[aaa.AccountID]store.Stored{}
	read := func(ids ...aaa.AccountID) {
		t.Helper()
		clear(got)
		ok(t, s.Documents().OfAccounts(ctx, ids, func(row store.Stored) error {
			if _, twice := got[row.Account.ID]; twice {
				t.Errorf("%s comes twice", row.Account.ID)
			}
			got[row.Account.ID] = row
			return nil
		}))
	}
	read(append(ids, aaa.NewAccountID())...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	read(ids[1])
	if diff := cmp.Diff(map[aaa.AccountID]store.Stored{ids[1]: want[ids[1]]}, got); diff != "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	if read(); len(got) != 0 {
		t.Errorf("none: %v", got)
	}
	stop := errors.New("enough")
	if err := s.Documents().OfAccounts(ctx, ids, func(store.Stored) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the visitor's error is %v", err)
	}
}

// testNearestAbove has a name at several heights of the tree: the nearest is found, but for a closed text of an ancestor.
func testNearestAbove(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "")
	a := account(t, s, "a", root.ID)
	b := account(t, s, "b", a.ID)
	other := account(t, s, "other", root.ID)
	for _, id := range []aaa.AccountID{root.ID, a.ID, other.ID} {
		must[store.Dictionary](t)(s.Dictionaries().Create(ctx, store.Dictionary{Account: id, Name: "d", Body: []byte(`[]`)}))
		must[store.Text](t)(s.Texts().Create(ctx, store.Text{Account: id, Kind: store.TextUsers, Name: "t", Body: "x", Closed: id == a.ID}))
	}
	for of, want := range map[aaa.AccountID][2]aaa.AccountID{root.ID: {root.ID, root.ID}, a.ID: {a.ID, a.ID}, b.ID: {a.ID, root.ID}} {
		if d := must[store.Dictionary](t)(s.Dictionaries().Nearest(ctx, of, "d")); d.Account != want[0] || string(d.Body) != `[]` {
			t.Errorf("the dictionary is of %s, want %s", d.Account, want[0])
		}
		if x := must[store.Text](t)(s.Texts().Nearest(ctx, of, store.TextUsers, "t")); x.Account != want[1] || x.Body != "x" {
			t.Errorf("the text is of %s, want %s", x.Account, want[1])
		}
	}
	if _, err := s.Dictionaries().Nearest(ctx, b.ID, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Texts().Nearest(ctx, b.ID, store.TextFSM, "t"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
