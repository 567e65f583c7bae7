package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
)

// shards fails as a distributed engine does one of whose workers is away: each statement that needs its shard, and so each
// over all accounts.
type shards struct {
	*driver
	away aaa.AccountID // whose sessions can't be reached; empty: all can
	asks int           // statements over all accounts
}

func (d *shards) fault(sql string, args []any) error {
	if !strings.Contains(sql, "sessions") {
		return nil
	}
	one := strings.Contains(sql, "account_id = $1")
	if !one {
		d.asks++
	}
	if d.away != "" && (!one || args[0] == string(d.away)) {
		return fmt.Errorf("%w: a worker is away", store.ErrUnavailable)
	}
	return nil
}

func (d *shards) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	if err := d.fault(sql, args); err != nil {
		return err
	}
	return d.driver.Query(ctx, row, sql, args...)
}

func (d *shards) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, tx sqlstore.Conn) error { return fn(ctx, shardConn{tx, d}) })
}

type shardConn struct {
	sqlstore.Conn
	d *shards
}

func (c shardConn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := c.d.fault(sql, args); err != nil {
		return 0, err
	}
	return c.Conn.Exec(ctx, sql, args...)
}

func (c shardConn) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	if err := c.d.fault(sql, args); err != nil {
		return err
	}
	return c.Conn.Query(ctx, row, sql, args...)
}

func (c shardConn) Batch(ctx context.Context, list []sqlstore.Statement) error {
	for _, s := range list {
		if err := c.d.fault(s.SQL, s.Args); err != nil {
			return err
		}
	}
	return c.Conn.Batch(ctx, list)
}

func upTo(limit int) func(aaa.AccountID) bool {
	return func(aaa.AccountID) bool {
		limit--
		return limit >= 0
	}
}

// TestDueWithoutAWorker: while one worker is away the sessions of the others go on, each claimed once, however many accounts there
// are, and all as before when it is back.
func TestDueWithoutAWorker(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	whole := openHere(t, pgtest.Migrated(t, Migrate))
	d := &shards{driver: whole.driver}
	s := sqlstore.New(d)
	root, err := s.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	const accounts = 450 // more than one call looks at
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for n := range accounts {
		a, err := s.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "a", ParentID: root.ID})
		if err != nil {
			t.Fatal(err)
		}
		if n%50 != 0 {
			continue
		}
		d.away = a.ID // the last one with sessions
		for i := range 2 {
			r := store.SessionRecord{Account: a.ID, Hash: [32]byte{byte(i)}, ID: fmt.Sprint(i), State: aaa.SessionCompleted, DueAt: noon, CreatedAt: noon, UpdatedAt: noon}
			if err := whole.Sessions().Create(ctx, r, store.MostSessions{Live: 1 << 40, Stored: 1 << 40}); err != nil {
				t.Fatal(err)
			}
		}
	}
	claimed := map[string]int{}
	due := func(limit int) int {
		t.Helper()
		list, err := s.Sessions().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, upTo(limit))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			claimed[string(r.Account)+r.ID]++
		}
		return len(list)
	}
	for range 4 { // once around and a little more
		due(100)
	}
	if len(claimed) != 2*(accounts/50-1) || claimed[string(d.away)+"0"] != 0 {
		t.Errorf("%d sessions were claimed", len(claimed))
	}
	d.away, d.asks = "", 0
	if n := due(100); n != 2 || d.asks != 1 {
		t.Errorf("%d were left when the worker was back, %d statements over all accounts", n, d.asks)
	}
	for session, times := range claimed {
		if times != 1 {
			t.Errorf("session %s was claimed %d times", session, times)
		}
	}

	d.away = "the database itself"
	whole.driver.pool.Close()
	if _, err := s.Sessions().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, upTo(100)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
}

// plain is an engine that can't go from account to account in one statement, as one that distributes the table.
type plain struct {
	*driver
	refused int
}

func (d *plain) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	if strings.Contains(sql, "RECURSIVE") {
		d.refused++
		sql, args = `SELECT 1 UNION SELECT 2 FOR UPDATE`, nil // what PostgreSQL itself can't do
	}
	return d.driver.Query(ctx, row, sql, args...)
}

// TestDueWithoutRecursion: where the engine can't look for accounts, those that are owed little have it all the same.
func TestDueWithoutRecursion(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &plain{driver: openHere(t, pgtest.Migrated(t, Migrate)).driver}
	s := sqlstore.New(d)
	root, err := s.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := s.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "quiet", ParentID: root.ID})
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for account, many := range map[aaa.AccountID]int{root.ID: 1500, quiet.ID: 2} {
		if _, err := d.pool.Exec(ctx, `INSERT INTO sessions (account_id, hash, id, revision, state, open, body, due_at, node, created_at, updated_at)
			SELECT $1, decode(md5(n::text), 'hex'), n::text, 1, 'completed', true, '', $3::timestamptz - make_interval(hours => $2 / 1500), '', $3, $3
			FROM generate_series(1, $2::int) n`, string(account), many, noon); err != nil {
			t.Fatal(err)
		}
	}
	took := map[aaa.AccountID]int{}
	list, err := s.Sessions().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, func(a aaa.AccountID) bool {
		took[a]++
		return took[a] <= 5
	})
	if err != nil || len(list) != 5+2 || d.refused != 1 {
		t.Errorf("%d sessions were claimed, %v, after %d refusals", len(list), err, d.refused)
	}
}
