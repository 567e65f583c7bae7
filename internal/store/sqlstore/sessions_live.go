package sqlstore

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// How many sessions of an account are stored, and how many of them are not ended, is kept in a row of its own, written in the
// transaction that begins, ends or deletes one: to count them at each beginning would cost more the more there are. That row
// makes the beginnings of one account follow one another, so it is written last in its transaction.

// recountAfter is how old a count must be before a refusal counts anew. Nodes of an earlier version keep no count.
const recountAfter = 10 * time.Minute

// errUncounted is for a count that is gone again as soon as it is made.
var errUncounted = errors.New("the sessions of the account cannot be counted")

func overLimit(account aaa.AccountID, l aaa.Limit, allowed int64) error {
	return &store.LimitError{Excess: aaa.Excess{Limit: l, Account: account, Allowed: allowed}}
}

// roomForSession refuses a session by the counts of its account. counted is false if there are none, or ones too old to
// refuse by.
func roomForSession(ctx context.Context, tx Conn, account aaa.AccountID, most store.MostSessions) (counted bool, err error) {
	var live, stored *int64
	var at *time.Time
	found, err := one(ctx, tx, func(scan Scan) error { return scan(&live, &stored, &at) },
		`SELECT c.live, c.stored, c.counted_at FROM accounts a LEFT JOIN session_counts c ON c.account_id = a.id WHERE a.id = $1`, string(account))
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, store.ErrNotFound
	case live == nil:
		return false, nil
	case *live < most.Live && *stored < most.Stored:
		return true, nil
	case time.Since(utc(at)) > recountAfter:
		return false, nil
	case *live < most.Live:
		return true, overLimit(account, aaa.LimitSessionRecords, most.Stored)
	}
	return true, overLimit(account, aaa.LimitSessions, most.Live)
}

// addLive adds to the count of an account's sessions that are not ended.
func addLive(ctx context.Context, tx Conn, account aaa.AccountID, n int64) error {
	_, err := tx.Exec(ctx, `UPDATE session_counts SET live = live + $2 WHERE account_id = $1`, string(account), n)
	return err
}

// countSessions counts those of an account that are not ended, and all that are stored.
func countSessions(ctx context.Context, c Conn, account aaa.AccountID) (live, stored int64, err error) {
	_, err = one(ctx, c, func(scan Scan) error { return scan(&live, &stored) },
		`SELECT COALESCE(SUM(CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END), 0), COUNT(*) FROM sessions WHERE account_id = $1`, string(account))
	return live, stored, err
}

// haveSessions is countSessions by the counts that are kept, where there are some.
func haveSessions(ctx context.Context, c Conn, account aaa.AccountID) (live, stored int64, err error) {
	counted, err := one(ctx, c, func(scan Scan) error { return scan(&live, &stored) },
		`SELECT live, stored FROM session_counts WHERE account_id = $1`, string(account))
	if err != nil || counted {
		return live, stored, err
	}
	return countSessions(ctx, c, account)
}

// recount counts the sessions of an account. While it has the row locked, no session's beginning or end is committed.
func (s sessions) recount(ctx context.Context, account aaa.AccountID) error {
	return s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		now := time.Now().UTC().Truncate(time.Microsecond)
		if _, err := tx.Exec(ctx, `INSERT INTO session_counts (account_id, live, stored, counted_at) VALUES ($1, 0, 0, $2)
			ON CONFLICT (account_id) DO UPDATE SET counted_at = $2`, string(account), now); err != nil {
			return err
		}
		live, stored, err := countSessions(ctx, tx, account)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE session_counts SET live = $2, stored = $3 WHERE account_id = $1`, string(account), live, stored)
		return err
	})
}
