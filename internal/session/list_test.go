package session

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestLists: lists by user and by state, of an account and of all below it, also where an earlier version wrote the session. Each page
// goes on where the one before it ended, and what a filter leaves out is on none.
func TestLists(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		m := w.manager("a")
		all := map[string]Place{}
		users := map[string]string{}
		for p := Init; p < places; p++ {
			for _, user := range []string{"alice", "bob", "früh"} {
				s, err := m.get(w.ctx, w.mine, w.reach(m, p))
				w.must(err)
				s.User = user
				w.must(m.save(w.ctx, s))
				if user == "früh" {
					s.rec.UserHash = ""
					_, err = w.store.Sessions().Update(w.ctx, s.rec, s.rec.Revision)
					w.must(err)
				}
				all[s.rec.ID], users[s.rec.ID] = p, user
			}
		}
		completed := []Place{Completed, Opened, Suspended, Closed}
		for _, c := range []struct {
			filter aaa.SessionFilter
			in     []Place
		}{
			{aaa.SessionFilter{}, nil},
			{aaa.SessionFilter{User: "alice"}, nil},
			{aaa.SessionFilter{User: "früh"}, nil},
			{aaa.SessionFilter{User: "Alice"}, []Place{}},
			{aaa.SessionFilter{State: "completed"}, completed},
			{aaa.SessionFilter{State: "open"}, []Place{Opened}},
			{aaa.SessionFilter{State: "suspended"}, []Place{Suspended}},
			{aaa.SessionFilter{State: "closed"}, []Place{Closed}},
			{aaa.SessionFilter{State: "cont"}, []Place{Cont}},
			{aaa.SessionFilter{State: "failed"}, []Place{Failed}},
			{aaa.SessionFilter{State: "inactive"}, []Place{}},
			{aaa.SessionFilter{User: "bob", State: "suspended"}, []Place{Suspended}},
			{aaa.SessionFilter{User: "bob", State: "completed"}, completed},
			{aaa.SessionFilter{User: "früh", State: "open"}, []Place{Opened}},
		} {
			var want []string
			for id, p := range all {
				if (c.filter.User == "" || c.filter.User == users[id]) && (c.in == nil || slices.Contains(c.in, p)) {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			for what, list := range map[string]func(store.Page) ([]aaa.Session, string, error){
				"the account's": func(p store.Page) ([]aaa.Session, string, error) { return m.Sessions(w.ctx, w.mine, c.filter, p) },
				"the subtree's": func(p store.Page) ([]aaa.Session, string, error) { return m.SessionsBelow(w.ctx, w.mine, c.filter, p) },
			} {
				var got []string
				for p := (store.Page{Limit: 2}); ; {
					part, next, err := list(p)
					w.must(err)
					for _, s := range part {
						got = append(got, s.ID)
					}
					if next != "" && len(part) < p.Limit && c.filter.State != "" {
						t.Errorf("%s by %+v: a page of %d", what, c.filter, len(part))
					}
					if p.Start = next; next == "" {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s by %+v (-want +got):\n%s", what, c.filter, diff)
				}
			}
		}
		for _, list := range []func(aaa.SessionFilter) error{
			func(f aaa.SessionFilter) error { _, _, err := m.Sessions(w.ctx, w.mine, f, store.Page{}); return err },
			func(f aaa.SessionFilter) error {
				_, _, err := m.SessionsBelow(w.ctx, w.mine, f, store.Page{})
				return err
			},
		} {
			w.refused(list(aaa.SessionFilter{State: "Open"}), aaa.KindBadInput)
		}
	})
}

// TestStagesHaveNames: each place has a name of its own in lists.
func TestStagesHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[store.SessionStage]bool{}
	for p := Inactive; p < places; p++ {
		if stages[p] == "" || seen[stages[p]] {
			t.Errorf("%v has the name %q", p, stages[p])
		}
		seen[stages[p]] = true
	}
}
