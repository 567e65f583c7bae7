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
