package sqlstore

import (
	"context"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type changes struct{ db Driver }

var errNoCounter = fmt.Errorf("%w: %w: the change counter is missing: has the database been migrated?", store.ErrUnavailable, store.ErrNoTables)

// Last reads the counter and its change in one statement, hence in one state of the database.
func (s changes) Last(ctx context.Context) (store.Change, error) {
	last, list, err := s.log(ctx, `SELECT c.seq, l.seq, l.kind, l.account_id, l.name, l.at
		FROM change_counter c LEFT JOIN changes l ON l.seq = c.seq WHERE c.id = 1`)
	if err != nil || len(list) == 0 {
		return store.Change{Seq: last}, err
	}
	return list[0], nil
}

// Since reads the counter, the change that the reader knows and those after it in one statement, hence in one
// state of the database. Numbers are given without holes, so a hole is what was pruned; and a
// counter that stands before the reader is a database put back to an older state. The range has two ends so that it is planned as
// few rows: with one, a plan that was made while the log was short reads all of it each time.
func (s changes) Since(ctx context.Context, after store.Change, limit int) ([]store.Change, bool, error) {
	last, list, err := s.log(ctx, `SELECT c.seq, l.seq, l.kind, l.account_id, l.name, l.at
		FROM change_counter c LEFT JOIN changes l ON l.seq >= $1 AND l.seq <= $2 WHERE c.id = 1 ORDER BY l.seq`,
		after.Seq, after.Seq+int64(limit))
	if err != nil {
		return nil, false, err
	}
	known := store.Change{Seq: after.Seq}
	if len(list) > 0 && list[0].Seq == after.Seq {
		known, list = list[0], list[1:]
	}
	list = list[:min(len(list), limit)]
	next := last + 1
	if len(list) > 0 {
		next = list[0].Seq
	}
	return list, next != after.Seq+1 || !known.Is(after), nil
}

// log runs a query of the counter beside changes.
func (s changes) log(ctx context.Context, sql string, args ...any) (last int64, list []store.Change, err error) {
	found, err := one(ctx, s.db, func(scan Scan) error {
		var (
			n                   *int64
			kind, account, name *string
			at                  *time.Time
		)
		if err := scan(&last, &n, &kind, &account, &name, &at); err != nil || n == nil {
			return err
		}
		list = append(list, store.Change{
			Seq: *n, Kind: store.ChangeKind(*kind), Account: aaa.AccountID(*account), Name: *name, At: at.UTC(),
		})
		return nil
	}, sql, args...)
	if err == nil && !found {
		err = errNoCounter
	}
	return last, list, err
}

func (s changes) Wake(ctx context.Context) <-chan struct{} { return s.db.Wake(ctx) }

// Prune takes away a beginning of the log and nothing from its middle, whatever
// the clocks of the nodes that wrote it.
func (s changes) Prune(ctx context.Context, t time.Time) error {
	_, err := prune(ctx, s.db, `DELETE FROM changes WHERE seq IN (SELECT seq FROM changes
		WHERE seq < COALESCE((SELECT MIN(seq) FROM changes WHERE at >= $1), (SELECT MAX(seq) FROM changes)) ORDER BY seq LIMIT $2)`, t)
	return err
}
