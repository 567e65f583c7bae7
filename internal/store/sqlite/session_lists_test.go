package sqlite

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
	"aaa-api/internal/store/storetest"
)

// TestSessionListsAreCheap: a page by user or by stage is read from the index of these, in its order: nothing is sorted but the ends of
// pages.
func TestSessionListsAreCheap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	whole, err := Open(ctx, storetest.File(t, Migrate))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close() //nolint:errcheck // the test is over
	root, err := whole.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	for index, by := range map[string]store.SessionsBy{
		"sessions_id":    {},
		"sessions_user":  {UserHash: "u"},
		"sessions_stage": {Stages: []store.SessionStage{store.StageOpen, store.StageClosed}},
	} {
		d := &explained{driver: whole.driver}
		if _, _, err := sqlstore.New(d).Sessions().List(ctx, root.ID, by, store.Page{Limit: 50}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := sqlstore.New(d).Sessions().Below(ctx, root.ID, by, store.Page{Limit: 50}); err != nil {
			t.Fatal(err)
		}
		looks := 0
		for i, step := range d.steps {
			if strings.Contains(step, "TEMP B-TREE") && !strings.HasPrefix(d.steps[i-1], "SCAN part") {
				t.Errorf("a list is sorted: %s", strings.Join(d.steps, "\n"))
			}
			if !strings.Contains(step, "sessions") {
				continue
			}
			if looks++; !strings.Contains(step, "INDEX "+index) && (index != "sessions_id" || !strings.Contains(step, "(account_id>?)")) {
				t.Errorf("a list reads by %s, want %s", step, index)
			}
		}
		if looks < 2 {
			t.Errorf("the plans are not understood:\n%s", strings.Join(d.steps, "\n"))
		}
	}
}
