package sqlite

import (
	"context"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
	"aaa-api/internal/store/storetest"
)

// explained notes how each query reads its tables.
type explained struct {
	*driver
	steps []string
}

func (d *explained) Query(ctx context.Context, row func(sqlstore.Scan) error, query string, args ...any) error {
	if err := d.explain(ctx, d.driver, query, args...); err != nil {
		return err
	}
	return d.driver.Query(ctx, row, query, args...)
}

func (d *explained) Batch(ctx context.Context, list []sqlstore.Statement) error {
	return sqlstore.Each(ctx, d, list)
}

func (d *explained) explain(ctx context.Context, c sqlstore.Conn, query string, args ...any) error {
	return c.Query(ctx, func(scan sqlstore.Scan) error {
		var id, parent, unused int64
		var step string
		err := scan(&id, &parent, &unused, &step)
		d.steps = append(d.steps, step)
		return err
	}, `EXPLAIN QUERY PLAN `+query, args...)
}

func (d *explained) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, tx sqlstore.Conn) error { return fn(ctx, explainedTx{tx, d}) })
}

// explainedTx notes how each statement of a transaction reads its tables.
type explainedTx struct {
	sqlstore.Conn
	d *explained
}

func (c explainedTx) Batch(ctx context.Context, list []sqlstore.Statement) error {
	for _, s := range list {
		if err := c.d.explain(ctx, c.Conn, s.SQL, s.Args...); err != nil {
			return err
		}
	}
	return c.Conn.Batch(ctx, list)
}

// TestDueIsCheap: what finds the sessions that are due reads nothing but the indexes of timers, in their order.
func TestDueIsCheap(t *testing.T) {
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
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	like := store.SessionRecord{Account: root.ID, ID: "0", State: aaa.SessionCompleted, DueAt: noon, CreatedAt: noon, UpdatedAt: noon}
	if err := whole.Sessions().Create(ctx, like, store.MostSessions{Live: 1, Stored: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := whole.driver.current().writer.ExecContext(ctx, `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
		INSERT INTO sessions (account_id, hash, id, revision, state, open, body, due_at, node, created_at, updated_at)
		SELECT account_id, randomblob(32), n.n, 1, state, open, body, due_at, node, created_at, updated_at FROM sessions, n`); err != nil {
		t.Fatal(err)
	}
	d := &explained{driver: whole.driver}
	took := 0
	list, err := sqlstore.New(d).Sessions().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, func(aaa.AccountID) bool {
		took++
		return took <= 8
	})
	if err != nil || len(list) != 8 {
		t.Fatalf("%d sessions were claimed, %v", len(list), err)
	}
	looks := 0
	for _, step := range d.steps {
		if !strings.Contains(step, "sessions") && !strings.HasSuffix(step, " s") && !strings.Contains(step, " s USING") {
			continue
		}
		if strings.HasSuffix(step, "(account_id=? AND hash=?)") {
			continue // a claim of one
		}
		if looks++; !strings.Contains(step, "INDEX sessions_ready") {
			t.Errorf("a look at what is due reads by %s", step)
		}
	}
	if looks < 5 {
		t.Errorf("the plans are not understood:\n%s", strings.Join(d.steps, "\n"))
	}
}
