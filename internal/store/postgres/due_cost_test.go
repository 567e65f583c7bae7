package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
)

// explained notes the plan of each query, and how many rows it touched.
type explained struct {
	*driver
	rows  int
	plans []string
}

func (d *explained) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	if err := d.explain(ctx, d.driver, sql, args...); err != nil {
		return err
	}
	return d.driver.Query(ctx, row, sql, args...)
}

// explain runs a statement to see its plan.
func (d *explained) explain(ctx context.Context, c sqlstore.Conn, sql string, args ...any) error {
	var text string
	if err := c.Query(ctx, func(scan sqlstore.Scan) error { return scan(&text) }, `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, args...); err != nil {
		return err
	}
	var plans []struct {
		Plan map[string]any
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return err
	}
	n, lines := touched(plans[0].Plan, "  ")
	d.rows += n
	d.plans = append(d.plans, sql[:min(len(sql), 300)]+"\n"+lines)
	return nil
}

func (d *explained) Batch(ctx context.Context, list []sqlstore.Statement) error {
	return sqlstore.Each(ctx, d, list)
}

func (d *explained) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, tx sqlstore.Conn) error { return fn(ctx, explainedTx{tx, d}) })
}

// explainedTx explains each statement of a transaction, and takes back what that has done.
type explainedTx struct {
	sqlstore.Conn
	d *explained
}

func (c explainedTx) Batch(ctx context.Context, list []sqlstore.Statement) error {
	for _, s := range list {
		if _, err := c.Exec(ctx, `SAVEPOINT explained`); err != nil {
			return err
		}
		if err := c.d.explain(ctx, c.Conn, s.SQL, s.Args...); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `ROLLBACK TO explained`); err != nil {
			return err
		}
		if err := c.Conn.Batch(ctx, []sqlstore.Statement{s}); err != nil {
			return err
		}
	}
	return nil
}

func (c explainedTx) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	return c.Batch(ctx, []sqlstore.Statement{{SQL: sql, Args: args, Row: row}})
}

// touched counts the rows that the scans of a plan read.
func touched(plan map[string]any, indent string) (rows int, lines string) {
	kind, _ := plan["Node Type"].(string)
	loops, _ := plan["Actual Loops"].(float64)
	if strings.HasSuffix(kind, "Scan") && plan["Relation Name"] != nil {
		for _, of := range []string{"Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"} {
			n, _ := plan[of].(float64)
			rows += int(n * loops)
		}
		lines = fmt.Sprintf("%s%s %v on %v: %v times, %d rows\n", indent, kind, plan["Index Name"], plan["Index Cond"], loops, rows)
	}
	below, _ := plan["Plans"].([]any)
	for _, p := range below {
		n, l := touched(p.(map[string]any), indent+"  ")
		rows, lines = rows+n, lines+l
	}
	return rows, lines
}

// TestDueIsCheap: with 100,000 due sessions of one account, a look at what is due reads some thousand rows, by indexes, whatever
// the database knows of the table's content.
func TestDueIsCheap(t *testing.T) {
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
	add := func(account string, many int, due any) {
		t.Helper()
		exec(`INSERT INTO sessions (account_id, hash, id, revision, state, open, body, due_at, node, created_at, updated_at)
			SELECT replace($1, '#', n::text), decode(md5(n::text), 'hex'), n::text, 1, 'completed', true, repeat('x', 600), $3::timestamptz, '', $4, $4
			FROM generate_series(1, $2::int) n`, account, many, due, noon)
	}
	others := func() {
		add("ended", 10_000, nil)
		add("idle#", 1000, noon.Add(time.Hour))
		add("quiet#", 20, noon)
	}
	exec(`ALTER TABLE sessions SET (autovacuum_enabled = false)`)
	add("loud", 100_000, noon.Add(-time.Hour))
	others()
	for _, c := range []struct {
		known string
		learn func()
	}{
		{"nothing", func() {}},
		{"all", func() { exec(`ANALYZE sessions`) }},
		{"one account alone", func() {
			exec(`DELETE FROM sessions WHERE account_id <> 'loud'`)
			exec(`ANALYZE sessions`)
			others()
		}},
	} {
		c.learn()
		d.rows, d.plans = 0, nil
		took := map[aaa.AccountID]int{}
		list, err := sqlstore.New(d).Sessions().Due(ctx, noon, store.Lease{Node: "n", Until: noon.Add(time.Minute)}, func(a aaa.AccountID) bool {
			took[a]++
			return took[a] <= 8
		})
		if err != nil || len(list) != 8+20 {
			t.Errorf("where the database knows %s: %d sessions were claimed, %v", c.known, len(list), err)
		}
		if d.rows > 5000 {
			t.Errorf("where the database knows %s: %d rows were read\n%s", c.known, d.rows, strings.Join(d.plans, "\n"))
		}
		exec(`UPDATE sessions SET lease_until = NULL WHERE lease_until IS NOT NULL`)
	}
}
