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

func (s changes) Last(ctx context.Context) (seq int64, err error) {
	found, err := one(ctx, s.db, func(scan Scan) error { return scan(&seq) }, `SELECT seq FROM change_counter WHERE id = 1`)
	if err == nil && !found {
		err = errNoCounter
	}
	return seq, err
}

// Since reads the counter and the log in one statement, hence in one state of
// the database. Numbers are given without holes, so a hole is what was pruned;
// and a counter that stands before seq is a database put back to an older state.
func (s changes) Since(ctx context.Context, seq int64, limit int) (list []store.Change, gap bool, err error) {
	var last int64
	found, err := one(ctx, s.db, func(scan Scan) error {
		var (
			n             *int64
			kind, account *string
			name          *string
			at            *time.Time
		)
		if err := scan(&last, &n, &kind, &account, &name, &at); err != nil || n == nil {
			return err
		}
		list = append(list, store.Change{
			Seq: *n, Kind: store.ChangeKind(*kind), Account: aaa.AccountID(*account), Name: *name, At: at.UTC(),
		})
		return nil
	}, `SELECT c.seq, l.seq, l.kind, l.account_id, l.name, l.at
		FROM change_counter c LEFT JOIN changes l ON l.seq > $1 WHERE c.id = 1 ORDER BY l.seq LIMIT $2`, seq, int64(limit))
	if err != nil {
		return nil, false, err
	}
	if !found {
		return nil, false, errNoCounter
	}
	if len(list) == 0 {
		return nil, last != seq, nil
	}
	return list, list[0].Seq != seq+1, nil
}

func (s changes) Wake(ctx context.Context) <-chan struct{} { return s.db.Wake(ctx) }

// Prune takes away a beginning of the log and nothing from its middle, whatever
// the clocks of the nodes that wrote it.
func (s changes) Prune(ctx context.Context, t time.Time) error {
	_, err := s.db.Exec(ctx, `DELETE FROM changes
		WHERE seq < COALESCE((SELECT MIN(seq) FROM changes WHERE at >= $1), 9223372036854775807)`, t)
	return err
}
