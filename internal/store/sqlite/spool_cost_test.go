package sqlite

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
	"aaa-api/internal/store/storetest"
)

// steady is a step of a plan that reads what it is about: by the primary key, or by the index that its statement means. A step over a
// table in memory, or with a key of one column, may read all that an account has.
var steady = regexp.MustCompile(`^(` +
	`SEARCH (spool|s) USING INDEX sqlite_autoindex_spool_1 \(account_id=\? AND id[=<>]\?( AND id<\?)?\)` +
	`|SEARCH (spool|s|e|f) USING (COVERING )?INDEX spool_session \(line=\?.*\)` +
	`|(SEARCH|SCAN) (spool|s) USING (COVERING )?INDEX spool_ready.*` +
	`|SEARCH spool USING INDEX spool_oldest \(account_id=\?\)` +
	`|SEARCH spool USING (COVERING )?INDEX spool_server \(account_id=\?( AND server=\?)?\)` +
	`|SEARCH spool USING COVERING INDEX sqlite_autoindex_spool_1 \(account_id=\?.*\)` +
	`)$`)

// TestSpoolIsCheap: no call on accounting records reads the table, or sorts it, to find some of them.
func TestSpoolIsCheap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	whole, err := Open(ctx, storetest.File(t, Migrate))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close() //nolint:errcheck // the test is over
	d := &explained{driver: whole.driver}
	s := sqlstore.New(d).Spool()
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	account := aaa.NewAccountID()
	var list []store.SpoolRecord
	for n := range 1500 { // more than a look reads in the order of time
		list = append(list, store.SpoolRecord{
			Account: account, ID: fmt.Sprintf("%032d", n), Kind: store.SpoolInterim, Session: fmt.Sprint(n), Digest: "d", Payload: "x", EventAt: noon, ReceivedAt: noon, KeepUntil: noon, DueAt: noon,
		})
	}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		looks := 0
		of := regexp.MustCompile(`\b(spool|s|e|f|l)( |$)`)
		for _, step := range d.steps {
			if !of.MatchString(step) || regexp.MustCompile(`^(CO-ROUTINE|SCAN) l$`).MatchString(step) {
				continue
			}
			if looks++; !steady.MatchString(step) {
				t.Errorf("%s: %s", what, step)
			}
		}
		if looks == 0 {
			t.Errorf("%s: the plan is not understood: %q", what, d.steps)
		}
		d.steps = nil
	}
	for group := range slices.Chunk(list, 100) {
		_, err = s.Append(ctx, group)
		check("append", err)
	}
	for i := range 3 {
		list[i].ID += "a"
		list[i].EventAt = noon.Add(time.Hour)
	}
	_, err = s.Append(ctx, list[:3])
	check("append to sessions", err)
	took := 0
	claimed, err := s.Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, func(aaa.AccountID) bool { took++; return took <= 8 })
	if len(claimed) != 8 {
		t.Errorf("%d were claimed", len(claimed))
	}
	check("due", err)
	var out []store.SpoolSettlement
	for i, r := range claimed {
		out = append(out, store.SpoolSettlement{Account: account, ID: r.ID, Revision: r.Revision, Outcome: store.SpoolOutcome(i % 6), DueAt: noon.Add(time.Hour), Attempt: store.SpoolAttempt{Server: "s"}})
	}
	check("settle", s.Settle(ctx, noon, out))
	_, err = s.Recover(ctx, account, noon)
	check("recover", err)
	_, _, err = s.List(ctx, account, store.SpoolFilter{}, store.Page{Limit: 10})
	check("a page", err)
	_, _, err = s.List(ctx, account, store.SpoolFilter{User: "x"}, store.Page{Limit: 10})
	check("a page of a filter", err)
	_, err = s.Counts(ctx, account)
	check("counts", err)
	_, err = s.Servers(ctx, account)
	check("servers", err)
	_, err = s.Resend(ctx, account, store.SpoolFilter{State: store.SpoolParked}, noon, noon)
	check("resend", err)
	_, err = s.Drop(ctx, account, store.SpoolFilter{User: "x"})
	check("drop", err)
}
