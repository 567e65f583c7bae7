package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
)

// TestSessionListsAreCheap: with 100,000 sessions of one account, among others, a page by user or by stage reads little more than it
// shows, by indexes, whatever the database knows of the table's content.
func TestSessionListsAreCheap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &explained{driver: openHere(t, pgtest.Migrated(t, Migrate)).driver}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := d.pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	whole := sqlstore.New(d.driver)
	account := func(a store.Account) store.Account {
		t.Helper()
		a.ID = aaa.NewAccountID()
		a, err := whole.Accounts().Create(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	root := account(store.Account{Name: "root"})
	loud := account(store.Account{Name: "loud", ParentID: root.ID})
	// Of each account's sessions one in 100 is suspended, at its end in the order of ids. Each fifth one of the others is ended.
	add := func(account string, many int, user string) {
		t.Helper()
		exec(`INSERT INTO sessions (account_id, hash, id, revision, state, open, suspended, user_hash, body, node, created_at, updated_at, ended_at)
			SELECT $1, decode(md5($3 || n), 'hex'), to_char(n, 'FM000000') || $3, 1, 'completed', n % 5 > 0 OR n > $2::int * 99 / 100, n > $2::int * 99 / 100,
				$3, repeat('x', 600), '', $4::timestamptz, $4, CASE WHEN n % 5 = 0 AND n <= $2::int * 99 / 100 THEN $4 END
			FROM generate_series(1, $2::int) n`, account, many, user, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	}
	others := func() {
		for i := range 20 {
			add(fmt.Sprintf("%032x", i), 500, "rare") // accounts of another tree, where the user is a common one
		}
		add(string(root.ID), 10, "common")
	}
	exec(`ALTER TABLE sessions SET (autovacuum_enabled = false)`)
	add(string(loud.ID), 100_000, "common")
	add(string(loud.ID), 30, "rare")
	others()
	for _, c := range []struct {
		known string
		learn func()
	}{
		{"nothing", func() {}},
		{"all", func() { exec(`ANALYZE sessions`) }},
		{"one account alone", func() {
			exec(`DELETE FROM sessions WHERE account_id <> $1`, string(loud.ID))
			exec(`ANALYZE sessions`)
			others()
		}},
	} {
		c.learn()
		for what, by := range map[string]store.SessionsBy{
			"all":          {},
			"a user":       {UserHash: "rare"},
			"no such user": {UserHash: "nobody"},
			"suspended":    {Stages: []store.SessionStage{store.StageSuspended}},
			"failed":       {Stages: []store.SessionStage{"failed"}},
			"completed":    {Stages: []store.SessionStage{store.StageWaiting, store.StageOpen, store.StageSuspended, store.StageClosed}},
		} {
			want := map[string]int{"a user": 30, "no such user": 0, "failed": 0}
			n, ok := want[what]
			if !ok {
				n = 50
			}
			for _, from := range []string{"", "5"} {
				d.rows, d.plans = 0, nil
				if list, _, err := sqlstore.New(d).Sessions().List(ctx, loud.ID, by, store.Page{Limit: 50, Start: from}); err != nil || len(list) != n && from == "" {
					t.Errorf("%s: %d sessions, %v", what, len(list), err)
				}
				if d.rows > 250 {
					t.Errorf("%s from %q, where the database knows %s: %d rows were read\n%s", what, from, c.known, d.rows, strings.Join(d.plans, "\n"))
				}
			}
			d.rows, d.plans = 0, nil
			if list, _, err := sqlstore.New(d).Sessions().Below(ctx, root.ID, by, store.Page{Limit: 50}); err != nil || len(list) < n {
				t.Errorf("%s below: %d sessions, %v", what, len(list), err)
			}
			if d.rows > 600 {
				t.Errorf("%s below, where the database knows %s: %d rows were read\n%s", what, c.known, d.rows, strings.Join(d.plans, "\n"))
			}
		}
	}
}
