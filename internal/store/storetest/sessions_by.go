package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// testSessionsBy: lists of an account and of a subtree, by user and by stage, in pages of any size.
func testSessionsBy(t *testing.T, s store.Store) {
	ctx := t.Context()
	root := numbered(t, s, 3, "")
	accounts := []aaa.AccountID{numbered(t, s, 1, root), numbered(t, s, 2, root), root}
	stages := []func(*store.SessionRecord){
		func(r *store.SessionRecord) { r.State = aaa.SessionInit },
		func(r *store.SessionRecord) { r.State = aaa.SessionCont },
		func(r *store.SessionRecord) { r.State = aaa.SessionCompleted },
		func(r *store.SessionRecord) { r.State, r.Open = aaa.SessionCompleted, true },
		func(r *store.SessionRecord) { r.State, r.Open, r.Suspended = aaa.SessionCompleted, true, true },
		func(r *store.SessionRecord) { r.State, r.EndedAt = aaa.SessionCompleted, noon },
		func(r *store.SessionRecord) { r.State, r.Suspended, r.EndedAt = aaa.SessionCompleted, true, noon }, // by an earlier version
		func(r *store.SessionRecord) { r.State, r.EndedAt = aaa.SessionFailed, noon },
	}
	names := []store.SessionStage{"init", "cont", store.StageWaiting, store.StageOpen, store.StageSuspended, store.StageClosed, store.StageClosed, "failed"}
	users := []string{"u1", "u2", ""}
	type stored struct {
		key, user string
		stage     store.SessionStage
	}
	var all []stored
	for a, account := range accounts {
		for n := range 24 {
			r := record(account, byte(n+10))
			stages[n%8](&r)
			r.UserHash = users[n/8]
			if a == 1 && n%3 > 0 {
				continue // so that accounts differ
			}
			ok(t, s.Sessions().Create(ctx, r, most))
			all = append(all, stored{fmt.Sprintf("%d/%s", a+1, r.ID), r.UserHash, names[n%8]})
		}
	}
	for what, c := range map[string]struct {
		by   store.SessionsBy
		want func(stored) bool
	}{
		"all":           {want: func(stored) bool { return true }},
		"a user":        {store.SessionsBy{UserHash: "u1"}, func(r stored) bool { return r.user == "u1" || r.user == "" }},
		"no user":       {store.SessionsBy{UserHash: "u3"}, func(r stored) bool { return r.user == "" }},
		"a stage":       {store.SessionsBy{Stages: names[4:5]}, func(r stored) bool { return r.stage == names[4] }},
		"of completed":  {store.SessionsBy{Stages: names[2:6]}, func(r stored) bool { return slices.Contains(names[2:6], r.stage) }},
		"no such stage": {store.SessionsBy{Stages: []store.SessionStage{"inactive"}}, func(stored) bool { return false }},
		"both":          {store.SessionsBy{UserHash: "u2", Stages: names[4:5]}, func(r stored) bool { return r.user == "u2" || r.user == "" }},
	} {
		var want, own []string
		for _, r := range all {
			if c.want(r) {
				if want = append(want, r.key); strings.HasPrefix(r.key, "2/") {
					own = append(own, r.key[2:])
				}
			}
		}
		for _, limit := range []int{0, 1, 2, 5, 100} {
			if got, _ := below(t, s, root, c.by, limit); cmp.Diff(want, got) != "" {
				t.Errorf("%s in the subtree, in pages of %d (-want +got):\n%s", what, limit, cmp.Diff(want, got))
			}
			var got []string
			for p := (store.Page{Limit: limit}); ; {
				list, next, err := s.Sessions().List(ctx, accounts[1], c.by, p)
				ok(t, err)
				for _, r := range list {
					got = append(got, r.ID)
				}
				if p.Start = next; next == "" {
					break
				}
			}
			if diff := cmp.Diff(own, got); diff != "" {
				t.Errorf("%s in one account, in pages of %d (-want +got):\n%s", what, limit, diff)
			}
		}
	}
}
