package sqlstore

import (
	"context"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/store"
)

// kin is an account as its limits need it.
type kin struct {
	id     aaa.AccountID
	limits *limits.Values
}

// chain is an account with its ancestors, itself first, each with ID, Path and Limits alone.
type chain struct{ list []store.Account }

// of makes the query of the chain of an account, empty where there is none. What an earlier try of the transaction read is forgotten.
func (c *chain) of(id aaa.AccountID) Statement {
	c.list = nil
	return Statement{SQL: withUp + `SELECT id, limits FROM up ORDER BY step`, Args: []any{string(id)}, Row: func(scan Scan) error {
		a := store.Account{Path: []aaa.AccountID{}}
		var text *string
		if err := scan(&a.ID, &text); err != nil {
			return err
		}
		if err := fromText(text, &a.Limits); err != nil {
			return err
		}
		for i := range c.list {
			c.list[i].Path = append([]aaa.AccountID{a.ID}, c.list[i].Path...)
		}
		c.list = append(c.list, a)
		return nil
	}}
}

// kin are the accounts of the chain, root first, with their limits.
func (c *chain) kin() []kin {
	list := make([]kin, len(c.list))
	for i := range list {
		a := c.list[len(list)-1-i]
		if list[i].id = a.ID; i == 0 {
			list[i].limits = limits.Root(a.ID, a.Limits)
		} else {
			list[i].limits = list[i-1].limits.Below(a.ID, a.Limits)
		}
	}
	return list
}

// room refuses one more of what an account owns. from is the rest of a query of those that it has, after FROM.
func (w *write) room(ctx context.Context, account aaa.AccountID, l aaa.Limit, from string, args ...any) error {
	k, err := w.kin(ctx, account)
	if err != nil {
		return err
	}
	return w.fits(ctx, k, l, 1, from, args...)
}

// kin is one account with its limits. The system configuration has none.
func (w *write) kin(ctx context.Context, account aaa.AccountID) (kin, error) {
	if account == aaa.SystemConfig {
		return kin{account, limits.Root(account, nil)}, nil
	}
	var c chain
	if err := w.Batch(ctx, []Statement{c.of(account)}); err != nil {
		return kin{}, err
	}
	if c.list == nil {
		return kin{}, store.ErrNotFound
	}
	all := c.kin()
	return all[len(all)-1], nil
}

// fitOctets refuses dictionaries, those just written included, that have more octets than the account may store. Nodes hold
// some five times as much of them in memory.
func (w *write) fitOctets(ctx context.Context, k kin) error {
	v := k.limits.Of(aaa.LimitDictionaryOctets)
	if v.Allowed == limits.Unlimited {
		return nil
	}
	have, err := dictionaryOctets(ctx, w, k.id)
	if err == nil && have > v.Allowed {
		err = &store.LimitError{Excess: aaa.Excess{Limit: aaa.LimitDictionaryOctets, Account: k.id, Allowed: v.Allowed, From: v.From}}
	}
	return err
}

func dictionaryOctets(ctx context.Context, c Conn, account aaa.AccountID) (n int64, err error) {
	_, err = one(ctx, c, func(scan Scan) error { return scan(&n) },
		`SELECT COALESCE(SUM(octet_length(body)), 0) FROM dictionaries WHERE account_id = $1`, string(account))
	return n, err
}

// roomBelow refuses to put more accounts below those of a chain. passed are on their path already.
func (w *write) roomBelow(ctx context.Context, c *chain, more int64, passed int) error {
	for i, k := range c.kin() {
		if i < passed {
			continue
		}
		from, until := below(c.list[len(c.list)-1-i])
		if err := w.fits(ctx, k, aaa.LimitAccounts, more, fromBelow, from, until); err != nil {
			return err
		}
	}
	return nil
}

// fits refuses more of what an account may have a limited number of.
func (w *write) fits(ctx context.Context, k kin, l aaa.Limit, more int64, from string, args ...any) error {
	v := k.limits.Of(l)
	if v.Allowed == limits.Unlimited {
		return nil
	}
	have, err := count(ctx, w, fmt.Sprintf(`(SELECT 1 FROM %s LIMIT %d) counted`, from, v.Allowed), args...)
	if err == nil && have+more > v.Allowed {
		err = &store.LimitError{Excess: aaa.Excess{Limit: l, Account: k.id, Allowed: v.Allowed, From: v.From}}
	}
	return err
}

// What an account has, counted after FROM: its arguments are the account's id and, where it says so, more.
const (
	fromDictionaries = `dictionaries WHERE account_id = $1`
	fromTexts        = `texts WHERE account_id = $1 AND kind = $2`
	fromClients      = `clients WHERE account_id = $1`
	fromTokens       = `tokens WHERE account_id = $1 AND (kind = 'session') = $2 AND (expires_at IS NULL OR expires_at > $3)`
	fromBelow        = `accounts WHERE path >= $1 AND path < $2`
)

func (s accounts) Usage(ctx context.Context, id aaa.AccountID) (map[aaa.Limit]int64, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	from, until := below(a)
	used := make(map[aaa.Limit]int64)
	for _, q := range []struct {
		limit aaa.Limit
		from  string
		args  []any
	}{
		{aaa.LimitAccounts, fromBelow, []any{from, until}},
		{aaa.LimitTokens, fromTokens, []any{string(id), false, time.Now().UTC()}},
		{aaa.LimitDictionaries, fromDictionaries, []any{string(id)}},
		{aaa.LimitTables, fromTexts, []any{string(id), string(store.TextFSM)}},
		{aaa.LimitUsersFiles, fromTexts, []any{string(id), string(store.TextUsers)}},
		{aaa.LimitClients, fromClients, []any{string(id)}},
	} {
		if used[q.limit], err = count(ctx, s.db, q.from, q.args...); err != nil {
			return nil, err
		}
	}
	if used[aaa.LimitDictionaryOctets], err = dictionaryOctets(ctx, s.db, id); err != nil {
		return nil, err
	}
	if used[aaa.LimitSessions], used[aaa.LimitSessionRecords], err = haveSessions(ctx, s.db, id); err != nil {
		return nil, err
	}
	kept, err := spoolCounts(ctx, s.db, id)
	used[aaa.LimitSpoolRecords], used[aaa.LimitSpoolOctets] = kept.Waiting+kept.Parked, kept.Octets
	return used, err
}

// count counts the rows of a query's rest after FROM.
func count(ctx context.Context, c Conn, from string, args ...any) (n int64, err error) {
	_, err = one(ctx, c, func(scan Scan) error { return scan(&n) }, `SELECT COUNT(*) FROM `+from, args...)
	return n, err
}
