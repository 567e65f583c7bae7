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

// TestSpoolIsCheap: with 100,000 waiting records of one account, 20,000 of one session and 20,000 parked ones, each call reads about as
// many rows as it is about, by indexes, whatever the database knows of the table's content.
func TestSpoolIsCheap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &explained{driver: openHere(t, pgtest.Migrated(t, Migrate)).driver}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := d.pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	fill := func(account, session string, many int, parked bool, due any) {
		t.Helper()
		exec(`INSERT INTO spool (account_id, id, revision, kind, session, digest, state, payload, acct_session_id, user_name, event_at, received_at, keep_until,
				parked_at, due_at, node, tries, attempts, server, line)
			SELECT $1, md5($2 || n::text || $4::boolean::text), 1, 2, replace($2, '#', n::text), n::text, $4::boolean::int, repeat('x', 300), '', 'u' || n::text, $6, $6, $6,
				CASE WHEN $4 THEN $6::timestamptz END, $5::timestamptz, '', 0, '', '',
				('x' || left(encode(sha256(convert_to($1 || replace($2, '#', n::text), 'UTF8')), 'hex'), 16))::bit(64)::bigint | 1
			FROM generate_series(1, $3::int) n`, account, session, many, parked, due, noon)
		exec(`INSERT INTO spool_counts AS c VALUES ($1, 0, $2, CASE WHEN $3 THEN $2::bigint ELSE 0 END, 0, 0, 0, 300 * $2::bigint)
			ON CONFLICT (account_id, part) DO UPDATE SET acknowledged = c.acknowledged + excluded.acknowledged`, account, many, parked)
	}
	exec(`ALTER TABLE spool SET (autovacuum_enabled = false)`)
	quiet := func() {
		for n := range 20 {
			fill(fmt.Sprint("quiet", n), "s", 1, false, noon)
		}
	}
	fill("loud", "s#", 100_000, false, noon.Add(-time.Hour))
	fill("chain", "one", 20_000, false, noon.Add(-time.Hour))
	fill("parked", "one", 20_000, true, nil)
	quiet()
	s := sqlstore.New(d).Spool()
	lease := store.Lease{Node: "n", Until: noon.Add(time.Minute)}
	next := 0
	record := func(account aaa.AccountID, session string, kind store.SpoolKind) store.SpoolRecord {
		next++
		return store.SpoolRecord{Account: account, ID: fmt.Sprintf("%032d", next), Kind: kind, Session: session, Digest: "new", Payload: "x", EventAt: noon, ReceivedAt: noon, KeepUntil: noon, DueAt: noon}
	}
	for _, c := range []struct {
		known  string
		sorted int // rows that a planner may sort which knows nothing: it takes account_id for a column of many values
		learn  func()
	}{
		{"nothing", 130_000, func() {}},
		{"all", 0, func() { exec(`ANALYZE spool`) }},
		{"one account alone", 0, func() {
			exec(`DELETE FROM spool WHERE account_id LIKE 'quiet%'`)
			exec(`ANALYZE spool`)
			quiet()
		}},
	} {
		c.learn()
		cheap := func(what string, most int, do func() error) {
			t.Helper()
			d.rows, d.plans = 0, nil
			if err := do(); err != nil {
				t.Errorf("where the database knows %s: %s: %v", c.known, what, err)
			}
			if d.rows > most {
				t.Errorf("where the database knows %s: %s: %d rows were read\n%s", c.known, what, d.rows, strings.Join(d.plans, "\n"))
			}
		}
		var claimed []store.SpoolRecord
		cheap("due", 10_000+c.sorted, func() (err error) {
			took := map[aaa.AccountID]int{}
			claimed, err = s.Due(ctx, noon, lease, func(a aaa.AccountID) bool { took[a]++; return took[a] <= 64 })
			if err == nil && (len(claimed) < 64 || len(claimed) > 64+20+64) {
				err = fmt.Errorf("%d were claimed", len(claimed))
			}
			return err
		})
		cheap("settle", 10*len(claimed), func() error {
			var list []store.SpoolSettlement
			for i, r := range claimed {
				outcome := []store.SpoolOutcome{store.SpoolDelivered, store.SpoolFailed, store.SpoolRefused, store.SpoolReleased}[i%4]
				list = append(list, store.SpoolSettlement{Account: r.Account, ID: r.ID, Revision: r.Revision, Outcome: outcome, DueAt: noon.Add(-time.Hour)})
			}
			return s.Settle(ctx, noon, list)
		})
		for _, into := range [][2]string{{"loud", "s5"}, {"chain", "one"}, {"parked", "one"}, {"new", "one"}} {
			cheap("append to "+into[0], 300, func() error {
				var list []store.SpoolRecord
				for _, kind := range []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop} {
					list = append(list, record(aaa.AccountID(into[0]), into[1], kind))
				}
				_, err := s.Append(ctx, list)
				return err
			})
		}
		cheap("a page", 100, func() error {
			_, _, err := s.List(ctx, "loud", store.SpoolFilter{}, store.Page{Limit: 50})
			return err
		})
		cheap("a page of a filter", 25_000+c.sorted, func() error {
			_, _, err := s.List(ctx, "loud", store.SpoolFilter{User: "nobody"}, store.Page{Limit: 50})
			return err
		})
		cheap("backlogs", 1000, func() error {
			list, err := s.Backlogs(ctx, 50)
			if err == nil && len(list) < 3 {
				err = fmt.Errorf("%d accounts", len(list))
			}
			return err
		})
		cheap("counts", 20, func() error { _, err := s.Counts(ctx, "loud"); return err })
		cheap("servers", 1000, func() error { _, err := s.Servers(ctx, "loud"); return err })
	}
}
