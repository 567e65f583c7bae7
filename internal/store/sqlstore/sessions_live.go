package sqlstore

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// How many sessions of an account are not ended is kept in a row of its own, written in the transaction that begins or ends
// one: to count them at each beginning would cost more the more there are. That row makes the beginnings of one account
// follow one another, so it is written last in its transaction.

// recountAfter is how old a count must be before a refusal counts anew. Nodes of an earlier version keep no count.
const recountAfter = 10 * time.Minute

// room is whether an account may have one more session.
type room uint8

const (
	free    room = iota
	full         // by a count that is good
	unknown      // there is no count, or one too old to refuse by
)

// roomForSession reads the count of an account's sessions.
func roomForSession(ctx context.Context, tx Conn, account aaa.AccountID, most int64) (room, error) {
	var live *int64
	var counted *time.Time
	found, err := one(ctx, tx, func(scan Scan) error { return scan(&live, &counted) },
		`SELECT c.live, c.counted_at FROM accounts a LEFT JOIN session_counts c ON c.account_id = a.id WHERE a.id = $1`, string(account))
	switch {
	case err != nil:
		return unknown, err
	case !found:
		return unknown, store.ErrNotFound
	case live == nil:
		return unknown, nil
	case *live < most:
		return free, nil
	case time.Since(utc(counted)) < recountAfter:
		return full, nil
	}
	return unknown, nil
}

// addLive adds to the count of an account's sessions.
func addLive(ctx context.Context, tx Conn, account aaa.AccountID, n int64) error {
	_, err := tx.Exec(ctx, `UPDATE session_counts SET live = live + $2 WHERE account_id = $1`, string(account), n)
	return err
}

// liveSessions is how many sessions of an account are not ended.
func liveSessions(ctx context.Context, c Conn, account aaa.AccountID) (n int64, err error) {
	counted, err := one(ctx, c, func(scan Scan) error { return scan(&n) }, `SELECT live FROM session_counts WHERE account_id = $1`, string(account))
	if err != nil || counted {
		return n, err
	}
	return count(ctx, c, fromLive, string(account))
}

const fromLive = `sessions WHERE account_id = $1 AND ended_at IS NULL`

// recount counts the sessions of an account. While it has the row locked, no session's beginning or end is committed.
func (s sessions) recount(ctx context.Context, account aaa.AccountID) error {
	return s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		now := time.Now().UTC().Truncate(time.Microsecond)
		if _, err := tx.Exec(ctx, `INSERT INTO session_counts (account_id, live, counted_at) VALUES ($1, 0, $2)
			ON CONFLICT (account_id) DO UPDATE SET counted_at = $2`, string(account), now); err != nil {
			return err
		}
		live, err := count(ctx, tx, fromLive, string(account))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE session_counts SET live = $2 WHERE account_id = $1`, string(account), live)
		return err
	})
}
