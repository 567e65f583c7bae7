package sqlstore

import (
	"context"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	parkLook  = 32  // records of an account that are looked at first
	parkBatch = 512 // of which so many are parked by one call
)

// late is a waiting record whose time is over.
type late struct {
	id, attempts, session, server string
	revision                      int64
	received, keep                time.Time
}

// Park implements store.Spool. It looks at the oldest records, which are the first in their index: to those that came later and may wait for less time it comes
// when these are gone.
func (s spool) Park(ctx context.Context, account aaa.AccountID, now time.Time, node string) (n int64, err error) {
	list, err := s.late(ctx, account, now, parkLook)
	if err == nil && len(list) == parkLook {
		list, err = s.late(ctx, account, now, parkBatch)
	}
	if err != nil || len(list) == 0 {
		return 0, err
	}
	part := s.parts.one()
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		n = 0
		t := newSettling(now, s.db.MaxRows())
		statements := make([]Statement, 0, len(list))
		for _, r := range list {
			attempts, err := lateAttempt(r, now, node)
			if err != nil {
				return err
			}
			statements = append(statements, Statement{
				SQL: `UPDATE spool SET revision = revision + 1, state = 1, parked_at = $4, due_at = NULL, lease_until = NULL, attempts = $5
				WHERE account_id = $1 AND id = $2 AND revision = $3 AND state = 0 RETURNING revision`,
				Args: []any{string(account), r.id, r.revision, *nullable(now), attempts},
				Row: func(scan Scan) error {
					_, err := scanInt(scan)
					n++
					t.over(account, r.session)
					t.ledger.of(account).parked++
					return err
				},
			})
		}
		if err := tx.Batch(ctx, statements); err != nil {
			return err
		}
		return t.end(ctx, tx, part)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// late returns those of the oldest waiting records of an account whose time is over and that no node works on.
func (s spool) late(ctx context.Context, account aaa.AccountID, now time.Time, look int) (list []late, err error) {
	rows, err := all(ctx, s.db, func(scan Scan) (r late, err error) {
		var lease *time.Time
		err = scan(&r.id, &r.revision, &r.attempts, &r.session, &r.server, &r.received, &r.keep, &lease)
		if lease != nil && lease.After(now) {
			r.id = ""
		}
		return r, err
	}, `SELECT id, revision, attempts, session, server, received_at, keep_until, lease_until FROM spool
		WHERE account_id = $1 AND parked_at IS NULL ORDER BY received_at LIMIT `+fmt.Sprint(look), string(account))
	for _, r := range rows {
		if r.id != "" && !r.keep.After(now) {
			list = append(list, r)
		}
	}
	return list, err
}

// lateAttempt adds why a record is parked to what it remembers.
func lateAttempt(r late, now time.Time, node string) (string, error) {
	tried, err := parseAttempts(r.attempts)
	if err != nil {
		return "", err
	}
	last := "it was not tried, since the account's servers were silent"
	if n := len(tried); n > 0 {
		last = "last: " + tried[n-1].Reason
	}
	return addAttempt(r.attempts, store.SpoolAttempt{
		At: now, Node: node, Server: r.server,
		Reason: fmt.Sprintf("no server took it within %v; %s", r.keep.Sub(r.received).Round(time.Second), last),
	})
}
