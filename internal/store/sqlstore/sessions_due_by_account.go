package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// What Due does where it can't ask for all accounts at once.
const (
	dueAccounts    = 200                    // accounts looked at by one call
	dueAccountTime = 300 * time.Millisecond // for one account
)

// dueCursor is where the next walk over accounts begins.
type dueCursor struct {
	mu   sync.Mutex
	from aaa.AccountID
}

// dueByAccount claims what is due in the next accounts, each in a transaction of its own, and passes over those
// that can't be asked. why is the error where none can.
func (s sessions) dueByAccount(ctx context.Context, now time.Time, c claim, take func(aaa.AccountID) bool, why error) ([]store.SessionRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	ids, err := s.nextAccounts(ctx)
	if err != nil {
		return nil, err
	}
	var claimed []store.SessionRecord
	answered := false
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		list, err := s.dueOf(ctx, id, now, c, take)
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
func (s sessions) dueOf(ctx context.Context, account aaa.AccountID, now time.Time, c claim, take func(aaa.AccountID) bool) ([]store.SessionRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, dueAccountTime)
	defer cancel()
	keys, err := s.readyOf(ctx, account, now)
	if err != nil {
		return nil, err
	}
	o := &owed{account: account, ready: len(keys)}
	inTurn([]*owed{o}, take)
	return s.claim(ctx, keys[:o.taken], c)
}
