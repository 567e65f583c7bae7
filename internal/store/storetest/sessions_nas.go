package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/store"
)

// testSessionsOfNAS: the sessions of a NAS are those of one account that are open and have it, in pages.
func testSessionsOfNAS(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := account(t, s, "root", "").ID
	other := account(t, s, "other", root).ID
	for n, c := range []struct {
		nas   string
		open  bool
		other bool
	}{{nas: "a", open: true}, {nas: "a", open: true}, {nas: "a"}, {nas: "b", open: true}, {open: true}, {nas: "a", open: true, other: true}, {nas: "a", open: true}} {
		r := record(root, byte(n))
		r.NAS, r.Open = c.nas, c.open
		if c.other {
			r.Account = other
		}
		ok(t, s.Sessions().Create(ctx, r, most))
	}
	var got []string
	pages := 0
	for p := (store.Page{Limit: 2}); ; pages++ {
		list, next, err := s.Sessions().OfNAS(ctx, root, "a", p)
		ok(t, err)
		for _, r := range list {
			got = append(got, r.ID+r.NAS)
		}
		if p.Start = next; next == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"id0a", "id1a", "id6a"}, got); diff != "" || pages != 1 {
		t.Errorf("%d pages more (-want +got):\n%s", pages, diff)
	}
	for nas, want := range map[string]int{"b": 1, "": 0, "c": 0} {
		if list, _, err := s.Sessions().OfNAS(ctx, root, nas, store.Page{}); err != nil || len(list) != want {
			t.Errorf("%d sessions of %q, %v", len(list), nas, err)
		}
	}
}
