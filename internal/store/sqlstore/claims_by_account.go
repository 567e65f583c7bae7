package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// The bounds of due if it can't ask for all accounts at once.
const (
	dueAccounts    = 200                    // accounts looked at by one call
	dueAccountTime = 300 * time.Millisecond // for one account
)

// dueCursor is where the next walk over accounts begins.
type dueCursor struct {
	mu   sync.Mutex
	from aaa.AccountID
}

// dueByAccount claims what is due in the next accounts, each in a transaction of its own, and skips accounts that can't be
// asked. It returns why if none can.
func (c claimable[K, R]) dueByAccount(ctx context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool, why error) ([]R, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	ids, err := c.nextAccounts(ctx)
	if err != nil {
		return nil, err
	}
	var claimed []R
	answered := false
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		list, err := c.dueOf(ctx, id, now, lease, take)
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
func (c claimable[K, R]) nextAccounts(ctx context.Context) ([]aaa.AccountID, error) {
	c.cursor.mu.Lock()
	defer c.cursor.mu.Unlock()
	ids, err := all(ctx, c.db, func(scan Scan) (id aaa.AccountID, err error) {
		err = scan(&id)
		return id, err
	},
		`SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2`, string(c.cursor.from), int64(dueAccounts))
	if err != nil {
		return nil, err
	}
	c.cursor.from = ""
	if len(ids) == dueAccounts {
		c.cursor.from = ids[len(ids)-1]
	}
	return ids, nil
}

// dueOf is due of one account.
func (c claimable[K, R]) dueOf(ctx context.Context, account aaa.AccountID, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) ([]R, error) {
	ctx, cancel := context.WithTimeout(ctx, dueAccountTime)
	defer cancel()
	var rows []dueRow[K]
	if err := c.db.Batch(ctx, []Statement{c.readyOf(account, now, c.each, &rows)}); err != nil {
		return nil, err
	}
	rows, blocked := free(rows)
	o := &owed[K]{account: account, ready: len(rows)}
	inTurn([]*owed[K]{o}, take)
	return c.claim(ctx, append(blocked, rows[:o.taken]...), now, lease)
}
