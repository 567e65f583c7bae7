package sqlstore

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// spoolParts is the number of parts of an account's ledger. Two transactions that write one part follow one another.
const spoolParts = 8

// parts gives transactions the parts of the ledger in turn, so that those under way at once write different ones.
type parts struct{ next atomic.Uint32 }

func (p *parts) init() { p.next.Store(rand.Uint32()) }

func (p *parts) one() int64 { return int64(p.next.Add(1) % spoolParts) }

// spoolDelta is what a transaction adds to the ledger of one account. What waits is what is left of acknowledged.
type spoolDelta struct {
	acknowledged, parked, delivered, replaced, dropped, octets int64
}

// ledger is what a transaction adds to the ledgers of accounts.
type ledger map[aaa.AccountID]*spoolDelta

func (l ledger) of(account aaa.AccountID) *spoolDelta {
	d := l[account]
	if d == nil {
		d = new(spoolDelta)
		l[account] = d
	}
	return d
}

// gone takes a deleted record from what is there. The caller adds what became of it.
func (d *spoolDelta) gone(state, octets int64) {
	if spoolStates[state] == store.SpoolParked {
		d.parked--
	}
	d.octets -= octets
}

// write ends a transaction: the rows of the ledger are locked last, and in the order of accounts.
func (l ledger) write(ctx context.Context, tx Conn, part int64) error {
	var list []Statement
	for _, account := range slices.Sorted(maps.Keys(l)) {
		if d := l[account]; *d != (spoolDelta{}) {
			list = append(list, Statement{
				SQL: `INSERT INTO spool_counts AS c (account_id, part, acknowledged, parked, delivered, replaced, dropped, octets)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id, part) DO UPDATE SET
				acknowledged = c.acknowledged + excluded.acknowledged, parked = c.parked + excluded.parked, delivered = c.delivered + excluded.delivered,
				replaced = c.replaced + excluded.replaced, dropped = c.dropped + excluded.dropped, octets = c.octets + excluded.octets`,
				Args: []any{string(account), part, d.acknowledged, d.parked, d.delivered, d.replaced, d.dropped, d.octets},
			})
		}
	}
	return tx.Batch(ctx, list)
}

// spoolSums are the columns of a ledger. A sum of integers is no integer in PostgreSQL.
const spoolSums = `CAST(COALESCE(SUM(acknowledged), 0) AS bigint), CAST(COALESCE(SUM(parked), 0) AS bigint), CAST(COALESCE(SUM(delivered), 0) AS bigint),
	CAST(COALESCE(SUM(replaced), 0) AS bigint), CAST(COALESCE(SUM(dropped), 0) AS bigint), CAST(COALESCE(SUM(octets), 0) AS bigint)`

// spoolInto returns where spoolSums are scanned to.
func spoolInto(c *store.SpoolCounts) []any {
	return []any{&c.Acknowledged, &c.Parked, &c.Delivered, &c.Replaced, &c.Dropped, &c.Octets}
}

// wait fills in how many records wait: those that nothing else became of.
func wait(c *store.SpoolCounts) {
	c.Waiting = c.Acknowledged - c.Parked - c.Delivered - c.Replaced - c.Dropped
}

func spoolCounts(ctx context.Context, c Conn, account aaa.AccountID) (counts store.SpoolCounts, err error) {
	_, err = one(ctx, c, func(scan Scan) error { return scan(spoolInto(&counts)...) },
		`SELECT `+spoolSums+` FROM spool_counts WHERE account_id = $1`, string(account))
	wait(&counts)
	return counts, err
}

// oldest asks when the oldest waiting record of an account was received.
func oldest(account aaa.AccountID, into *time.Time) Statement {
	return Statement{
		SQL:  `SELECT received_at FROM spool WHERE account_id = $1 AND parked_at IS NULL ORDER BY received_at LIMIT 1`,
		Args: []any{string(account)},
		Row: func(scan Scan) error {
			err := scan(into)
			*into = into.UTC()
			return err
		},
	}
}

func (s spool) Counts(ctx context.Context, account aaa.AccountID) (store.SpoolCounts, error) {
	c, err := spoolCounts(ctx, s.db, account)
	if err == nil && c.Waiting > 0 {
		err = s.db.Batch(ctx, []Statement{oldest(account, &c.Oldest)})
	}
	return c, err
}

func (s spool) Backlogs(ctx context.Context, limit int) ([]store.SpoolBacklog, error) {
	list, err := all(ctx, s.db, func(scan Scan) (b store.SpoolBacklog, err error) {
		err = scan(append([]any{&b.Account}, spoolInto(&b.SpoolCounts)...)...)
		wait(&b.SpoolCounts)
		return b, err
	}, `SELECT account_id, `+spoolSums+` FROM spool_counts GROUP BY account_id
		HAVING SUM(acknowledged - delivered - replaced - dropped) > 0
		ORDER BY SUM(acknowledged - delivered - replaced - dropped) DESC, account_id LIMIT $1`, int64(limit))
	if err != nil {
		return nil, err
	}
	ages := make([]Statement, 0, len(list))
	for i := range list {
		if list[i].Waiting > 0 {
			ages = append(ages, oldest(list[i].Account, &list[i].Oldest))
		}
	}
	return list, s.db.Batch(ctx, ages)
}

// Tidy deletes the ledgers of accounts that are deleted, if nothing of them is left. Two statements, because an engine may keep the two tables apart.
func (s spool) Tidy(ctx context.Context, _ time.Time) error {
	for from := ""; ; {
		ids, err := all(ctx, s.db, func(scan Scan) (id string, err error) { err = scan(&id); return id, err },
			`SELECT account_id FROM spool_counts WHERE account_id > $1 GROUP BY account_id ORDER BY account_id LIMIT 512`, from)
		if err != nil || len(ids) == 0 {
			return err
		}
		from = ids[len(ids)-1]
		if err := s.tidy(ctx, ids); err != nil {
			return err
		}
	}
}

func (s spool) tidy(ctx context.Context, ids []string) error {
	there := make(map[string]bool)
	var list []Statement
	inSets(ids, s.db.MaxRows(), func(part []string) {
		list = append(list, Statement{SQL: `SELECT id FROM accounts WHERE id IN ` + among(len(part), 1), Args: anys(part), Row: func(scan Scan) error {
			var id string
			err := scan(&id)
			there[id] = true
			return err
		}})
	})
	if err := s.db.Batch(ctx, list); err != nil {
		return err
	}
	for _, id := range ids {
		if there[id] {
			continue
		}
		if _, err := s.db.Exec(ctx, `DELETE FROM spool_counts WHERE account_id = $1 AND NOT EXISTS (SELECT 1 FROM spool WHERE spool.account_id = $1)`, id); err != nil {
			return err
		}
	}
	return nil
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
