package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// ready is when a session can be claimed: when it is due, or when its lease ends. Two indexes hold this expression. The statements
// below name the condition and the order of the one that they need, which leaves a planner no choice that costs what one account is owed.
const ready = `(CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END)`

// Bounds of one look at what is ready.
const (
	dueWindow = 1000 // sessions read in the order of time; where more are ready, accounts are looked at instead
	dueEach   = 32   // sessions of one account
)

// Due looks first and claims then, one statement a session: where two nodes look at once, the revision lets one
// of them win, with no lock that a distributed engine would lack.
//
// A statement over all accounts fails as a whole while one worker of a distributed engine is away. Then accounts are asked
// one by one, so that the timers of those whose worker answers go on. So they are, too, where the engine can't do the
// statement that finds the accounts.
func (s sessions) Due(ctx context.Context, now time.Time, lease time.Duration, node string, take func(aaa.AccountID) bool) ([]store.SessionRecord, error) {
	claim := claim{until: *nullable(now.Add(lease)), node: node}
	chosen, err := s.choose(ctx, now, take)
	if err == nil {
		var claimed []store.SessionRecord
		if claimed, err = s.claim(ctx, chosen, claim); err == nil {
			return claimed, nil
		}
	}
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, ErrUnsupported) || ctx.Err() != nil {
		return nil, err
	}
	return s.dueByAccount(ctx, now, claim, take, err)
}

// key names a session as it was read.
type key struct {
	account  aaa.AccountID
	hash     []byte
	revision int64
}

func scanKey(scan Scan) (k key, err error) {
	err = scan(&k.account, &k.hash, &k.revision)
	return k, err
}

// owed is an account and what is ready of it: keys, or only how many, up to dueEach.
type owed struct {
	account aaa.AccountID
	keys    []key
	ready   int
	taken   int
}

// choose finds what is ready and takes of it, accounts in turn. As a rule all that is ready is read. Where it is too much, that
// may be one account's, so accounts are looked for.
func (s sessions) choose(ctx context.Context, now time.Time, take func(aaa.AccountID) bool) ([]key, error) {
	keys, err := all(ctx, s.db, scanKey, fmt.Sprintf(`SELECT account_id, hash, revision FROM sessions
		WHERE due_at IS NOT NULL AND %[1]s <= $1 ORDER BY %[1]s LIMIT %[2]d`, ready, dueWindow), nullable(now))
	if err != nil {
		return nil, err
	}
	var accounts []*owed
	if len(keys) == dueWindow {
		if accounts, err = s.owed(ctx, now); err != nil {
			return nil, err
		}
	} else {
		accounts = byAccount(keys)
	}
	inTurn(accounts, take)
	var chosen []key
	for _, o := range accounts {
		if o.keys == nil && o.taken > 0 {
			if o.keys, err = s.readyOf(ctx, o.account, now); err != nil {
				return nil, err
			}
		}
		chosen = append(chosen, o.keys[:min(o.taken, len(o.keys))]...)
	}
	return chosen, nil
}

// byAccount sorts sessions by account, in the order in which the accounts' first ones come.
func byAccount(keys []key) (accounts []*owed) {
	of := make(map[aaa.AccountID]*owed)
	for _, k := range keys {
		o := of[k.account]
		if o == nil {
			o = &owed{account: k.account}
			of[k.account] = o
			accounts = append(accounts, o)
		}
		o.keys, o.ready = append(o.keys, k), o.ready+1
	}
	return accounts
}

// inTurn takes one session of each account, then a second one of each, and so on until nothing more may be taken.
func inTurn(accounts []*owed, take func(aaa.AccountID) bool) {
	for left := slices.Clone(accounts); len(left) > 0; {
		left = slices.DeleteFunc(left, func(o *owed) bool {
			if o.taken == o.ready || !take(o.account) {
				return true
			}
			o.taken++
			return false
		})
	}
}

// owed finds the accounts of which something is ready, those that wait longest first. It goes from one account that has timers
// to the next in the index, so what it costs is up to the number of accounts, not to what each is owed.
func (s sessions) owed(ctx context.Context, now time.Time) ([]*owed, error) {
	return all(ctx, s.db, func(scan Scan) (*owed, error) {
		o := new(owed)
		return o, scan(&o.account, &o.ready)
	}, fmt.Sprintf(`WITH RECURSIVE timed (account_id) AS (
			SELECT MIN(account_id) FROM sessions WHERE %[1]s IS NOT NULL
			UNION ALL
			SELECT (SELECT s.account_id FROM sessions s WHERE s.account_id > timed.account_id AND %[1]s IS NOT NULL
					ORDER BY s.account_id, %[1]s LIMIT 1)
				FROM timed WHERE timed.account_id IS NOT NULL
		), waiting (account_id, since) AS (
			SELECT account_id, (SELECT MIN(%[1]s) FROM sessions s WHERE s.account_id = timed.account_id AND %[1]s IS NOT NULL AND %[1]s <= $1)
				FROM timed WHERE account_id IS NOT NULL
		)
		SELECT account_id, (SELECT COUNT(*) FROM (SELECT 1 FROM sessions s
				WHERE s.account_id = waiting.account_id AND %[1]s IS NOT NULL AND %[1]s <= $1 ORDER BY %[1]s LIMIT %[2]d) ready)
			FROM waiting WHERE since IS NOT NULL ORDER BY since`, ready, dueEach), nullable(now))
}

// readyOf reads the sessions of one account that are ready, up to dueEach.
func (s sessions) readyOf(ctx context.Context, account aaa.AccountID, now time.Time) ([]key, error) {
	return all(ctx, s.db, scanKey, fmt.Sprintf(`SELECT account_id, hash, revision FROM sessions
		WHERE account_id = $1 AND %[1]s IS NOT NULL AND %[1]s <= $2 ORDER BY %[1]s LIMIT %[2]d`, ready, dueEach),
		string(account), nullable(now))
}

// claim is what a claimed session gets.
type claim struct {
	until time.Time
	node  string
}

// claim takes those of the sessions that no one else has taken since they were read.
func (s sessions) claim(ctx context.Context, chosen []key, c claim) (claimed []store.SessionRecord, err error) {
	if len(chosen) == 0 {
		return nil, nil
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		claimed = make([]store.SessionRecord, 0, len(chosen))
		for _, k := range chosen {
			won, err := all(ctx, tx, scanSession, `UPDATE sessions SET revision = revision + 1, lease_until = $4, node = $5
				WHERE account_id = $1 AND hash = $2 AND revision = $3 RETURNING `+sessionColumns, string(k.account), k.hash, k.revision, c.until, c.node)
			if err != nil {
				return err
			}
			claimed = append(claimed, won...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}
