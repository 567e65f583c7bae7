package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// waits is a driver that counts how often a write waits for an answer between its beginning and its commit, which is while it holds
// the change counter's row.
type waits struct {
	*driver
	n int
}

func (d *waits) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, c sqlstore.Conn) error { return fn(ctx, waiting{c, d}) })
}

type waiting struct {
	sqlstore.Conn
	of *waits
}

func (c waiting) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	c.of.n++
	return c.Conn.Query(ctx, row, sql, args...)
}

func (c waiting) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	c.of.n++
	return c.Conn.Exec(ctx, sql, args...)
}

func (c waiting) Batch(ctx context.Context, list []sqlstore.Statement) error {
	c.of.n++
	return c.Conn.Batch(ctx, list)
}

// TestWritesWaitSeldom: writes of configuration follow one another, so what one waits for, all wait for.
func TestWritesWaitSeldom(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "aaa.db")
	if err := Migrate(ctx, path); err != nil {
		t.Fatal(err)
	}
	open, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close() //nolint:errcheck // the test is over
	d := &waits{driver: open.driver}
	s := sqlstore.New(d)
	must := func(what string, most int, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if d.n > most {
			t.Errorf("%s waits for %d answers, want at most %d", what, d.n, most)
		}
		d.n = 0
	}
	root, err := s.Accounts().Create(ctx, store.Account{Name: "root"})
	must("the root account", 3, err)
	a, err := s.Accounts().Create(ctx, store.Account{Name: "a", ParentID: root.ID})
	must("an account", 2, err)
	uses := []store.Ref{{Kind: store.RefDictionary, Account: aaa.SystemConfig, Name: "one"}, {Kind: store.RefFSM, Account: aaa.SystemConfig, Name: "two"}}
	_, err = s.Documents().Create(ctx, store.Document{Account: a.ID, Body: []byte(`{}`)}, uses)
	must("a document", 2, err)
	_, err = s.Documents().Replace(ctx, store.Document{Account: a.ID, Body: []byte(`{}`)}, store.AnyRevision, uses)
	must("its next revision", 2, err)
	must("its deletion", 2, s.Documents().Delete(ctx, a.ID, store.AnyRevision, ""))

	// What a server that is back makes due is looked for before the write: among a million records that takes seconds.
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := store.SpoolRecord{
		Account: a.ID, ID: aaa.NewID(), Revision: 1, Kind: store.SpoolStart, State: store.SpoolWaiting, Payload: "p",
		EventAt: now, ReceivedAt: now, KeepUntil: now.Add(time.Hour), DueAt: now.Add(time.Minute),
	}
	_, err = s.Spool().Append(ctx, []store.SpoolRecord{r})
	must("an accounting record", 8, err) // most of them are empty
	made, err := s.Spool().Recover(ctx, a.ID, now)
	must("a server that is back", 1, err)
	if made != 1 {
		t.Errorf("%d records are due", made)
	}
}
