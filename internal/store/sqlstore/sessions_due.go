package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// What Due does while a part of the database is away.
const (
	dueAccounts    = 200                    // accounts looked at by one call
	dueAccountTime = 300 * time.Millisecond // for one account
)

// dueCursor is where the next walk over accounts begins.
type dueCursor struct {
	mu   sync.Mutex
	from aaa.AccountID
}

// Due looks first and claims then, one statement a session: where two nodes look at once, the revision lets one
// of them win, with no lock that a distributed engine would lack.
//
// A statement over all accounts fails as a whole while one worker of a distributed engine is away. Then accounts are asked
// one by one, so that the timers of those whose worker answers go on.
func (s sessions) Due(ctx context.Context, now time.Time, lease time.Duration, node string, limit int) ([]store.SessionRecord, error) {
	claim := claim{until: *nullable(now.Add(lease)), node: node}
	due, err := all(ctx, s.db, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
		ORDER BY due_at, account_id, hash LIMIT $2`, nullable(now), int64(limit))
	if err == nil {
		var claimed []store.SessionRecord
		if claimed, err = s.claim(ctx, due, claim); err == nil {
			return claimed, nil
		}
	}
	if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
		return nil, err
	}
	return s.dueByAccount(ctx, now, claim, limit, err)
}

// claim is what a claimed session gets.
type claim struct {
	until time.Time
	node  string
}

// claim takes those of the sessions that no one else has taken since they were read.
func (s sessions) claim(ctx context.Context, due []store.SessionRecord, c claim) (claimed []store.SessionRecord, err error) {
	if len(due) == 0 {
		return nil, nil
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		claimed = make([]store.SessionRecord, 0, len(due))
		for _, r := range due {
			n, err := tx.Exec(ctx, `UPDATE sessions SET revision = revision + 1, lease_until = $4, node = $5
				WHERE account_id = $1 AND hash = $2 AND revision = $3`, string(r.Account), r.Hash[:], r.Revision, c.until, c.node)
			if err != nil {
				return err
			}
			if n > 0 {
				r.Revision, r.LeaseUntil, r.Node = r.Revision+1, c.until, c.node
				claimed = append(claimed, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// dueByAccount claims what is due in the next accounts, each in a transaction of its own, and passes over those
// that can't be asked. why is the error where none can.
func (s sessions) dueByAccount(ctx context.Context, now time.Time, c claim, limit int, why error) ([]store.SessionRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	ids, err := s.nextAccounts(ctx)
	if err != nil {
		return nil, err
	}
	var claimed []store.SessionRecord
	answered := false
	for _, id := range ids {
		if len(claimed) >= limit || ctx.Err() != nil {
			break
		}
		list, err := s.dueOf(ctx, id, now, c, limit-len(claimed))
		switch {
		case err == nil:
			answered = true
			claimed = append(claimed, list...)
		case !errors.Is(err, store.ErrUnavailable) && len(claimed) == 0: // what is claimed has to be worked off
			return nil, err
		}
	}
	if !answered {
		return nil, why
	}
	return claimed, nil
}

// nextAccounts returns the accounts after those of the last call, from the first again after the last.
func (s sessions) nextAccounts(ctx context.Context) ([]aaa.AccountID, error) {
	s.due.mu.Lock()
	defer s.due.mu.Unlock()
	ids, err := all(ctx, s.db, func(scan Scan) (id aaa.AccountID, err error) {
		err = scan(&id)
		return id, err
	},
		`SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2`, string(s.due.from), int64(dueAccounts))
	if err != nil {
		return nil, err
	}
	s.due.from = ""
	if len(ids) == dueAccounts {
		s.due.from = ids[len(ids)-1]
	}
	return ids, nil
}

// dueOf is Due of one account.
func (s sessions) dueOf(ctx context.Context, account aaa.AccountID, now time.Time, c claim, limit int) ([]store.SessionRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, dueAccountTime)
	defer cancel()
	due, err := all(ctx, s.db, scanSession, `SELECT `+sessionColumns+` FROM sessions
		WHERE account_id = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) ORDER BY due_at, hash LIMIT $3`,
		string(account), nullable(now), int64(limit))
	if err != nil {
		return nil, err
	}
	return s.claim(ctx, due, c)
}
