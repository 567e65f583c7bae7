package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// claimable is a table whose rows become due and are claimed with a lease. It has account_id, a key that is unique in the account,
// revision, due_at, lease_until and node, and two indexes on ready: all rows, if it is not apart, and those of each account.
type claimable[K string | []byte, R any] struct {
	db                  Driver
	table, key, columns string
	scan                func(Scan) (R, error) // reads columns
	cursor              *dueCursor
	each                int    // rows of one account that one look reads at most, a multiple of dueCount
	blocked             string // condition of a row that waits for another one; empty: none does
	apart               bool   // it has the index of each account alone: accounts are asked, however little is ready
}

// ready is when a row can be claimed: when it is due, or when its lease ends. The indexes hold this expression. Each statement
// below names the condition and the order of the index that it needs: another plan costs what one account is owed.
const ready = `(CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END)`

// Bounds of one look at what is ready.
const (
	dueWindow = 1000 // rows read in the order of time; if more are ready, accounts are looked at instead
	// dueCount is how many rows of an account are counted: for more of them planners that know little of the table sort all.
	dueCount = 32
)

// sql puts the table's names into a statement: %[1]s is ready, %[2]s the table, %[3]s its key.
func (c claimable[K, R]) sql(statement string) string {
	return fmt.Sprintf(statement, ready, c.table, c.key)
}

// dueColumns are those that scanDueRow reads.
func (c claimable[K, R]) dueColumns() string {
	if c.blocked == "" {
		return `account_id, ` + c.key + `, revision, false`
	}
	return `account_id, ` + c.key + `, revision, ` + c.blocked
}

// due looks first and claims then: if two nodes look at once, the first claim makes a row no longer ready and the other node leaves it, with
// no lock that a distributed engine would lack.
//
// A statement over all accounts fails as a whole while one worker of a distributed engine is away, or because the engine can't run
// it. Then accounts are asked one by one, so that the rows of accounts whose worker answers are claimed.
func (c claimable[K, R]) due(ctx context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) ([]R, error) {
	chosen, err := c.choose(ctx, now, take)
	if err == nil {
		var claimed []R
		if claimed, err = c.claim(ctx, chosen, now, lease); err == nil {
			return claimed, nil
		}
	}
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrFull) || ctx.Err() != nil {
		return nil, err
	}
	return c.dueByAccount(ctx, now, lease, take, err)
}

// dueRow names a row as it was read.
type dueRow[K string | []byte] struct {
	account  aaa.AccountID
	key      K
	revision int64
	blocked  bool
}

func scanDueRow[K string | []byte](scan Scan) (r dueRow[K], err error) {
	err = scan(&r.account, &r.key, &r.revision, &r.blocked)
	return r, err
}

// owed is an account and what is ready of it: rows, or only how many.
type owed[K string | []byte] struct {
	account aaa.AccountID
	rows    []dueRow[K]
	ready   int
	taken   int
}

// choose finds what is ready and takes of it, accounts in turn. It reads all that is ready if that is little. Else one account may
// own all of it, so it looks for accounts. Blocked rows that it met are among what it returns.
func (c claimable[K, R]) choose(ctx context.Context, now time.Time, take func(aaa.AccountID) bool) ([]dueRow[K], error) {
	var accounts []*owed[K]
	var chosen []dueRow[K]
	many := c.apart
	if !many {
		rows, err := all(ctx, c.db, scanDueRow[K], `SELECT `+c.dueColumns()+c.sql(` FROM %[2]s
			WHERE due_at IS NOT NULL AND %[1]s <= $1 ORDER BY %[1]s LIMIT `)+fmt.Sprint(dueWindow), nullable(now))
		if err != nil {
			return nil, err
		}
		if many = len(rows) == dueWindow; !many {
			rows, chosen = free(rows)
			accounts = byAccount(rows)
		}
	}
	if many {
		var err error
		if accounts, err = c.owed(ctx, now); err != nil {
			return nil, err
		}
	}
	inTurn(accounts, take)
	var list []Statement
	for _, o := range accounts {
		if o.rows == nil && o.taken > 0 {
			list = append(list, c.readyOf(o.account, now, o.taken, &o.rows))
		}
	}
	if err := c.db.Batch(ctx, list); err != nil {
		return nil, err
	}
	for _, o := range accounts {
		rows, blocked := free(o.rows)
		chosen = append(append(chosen, blocked...), rows[:min(o.taken, len(rows))]...)
	}
	return chosen, nil
}

// free takes the blocked rows out of a list.
func free[K string | []byte](rows []dueRow[K]) (rest, blocked []dueRow[K]) {
	for _, r := range rows {
		if r.blocked {
			blocked = append(blocked, r)
		} else {
			rest = append(rest, r)
		}
	}
	return rest, blocked
}

// byAccount sorts rows by account, in the order of the accounts' first ones.
func byAccount[K string | []byte](rows []dueRow[K]) (accounts []*owed[K]) {
	of := make(map[aaa.AccountID]*owed[K])
	for _, r := range rows {
		o := of[r.account]
		if o == nil {
			o = &owed[K]{account: r.account}
			of[r.account] = o
			accounts = append(accounts, o)
		}
		o.rows, o.ready = append(o.rows, r), o.ready+1
	}
	return accounts
}

// inTurn takes one row of each account, then a second one of each, and so on until nothing more may be taken.
func inTurn[K string | []byte](accounts []*owed[K], take func(aaa.AccountID) bool) {
	for left := slices.Clone(accounts); len(left) > 0; {
		left = slices.DeleteFunc(left, func(o *owed[K]) bool {
			if o.taken == o.ready || !take(o.account) {
				return true
			}
			o.taken++
			return false
		})
	}
}

// owed finds the accounts of which something is ready, those that wait longest first. It goes from one account with due rows to
// the next in the index: its cost is the number of accounts, not what each is owed.
func (c claimable[K, R]) owed(ctx context.Context, now time.Time) ([]*owed[K], error) {
	return all(ctx, c.db, func(scan Scan) (*owed[K], error) {
		o := new(owed[K])
		err := scan(&o.account, &o.ready)
		if o.ready == dueCount {
			o.ready = c.each
		}
		return o, err
	}, c.sql(`WITH RECURSIVE timed (account_id) AS (
			SELECT MIN(account_id) FROM %[2]s WHERE %[1]s IS NOT NULL
			UNION ALL
			SELECT (SELECT s.account_id FROM %[2]s s WHERE s.account_id > timed.account_id AND %[1]s IS NOT NULL
					ORDER BY s.account_id, %[1]s LIMIT 1)
				FROM timed WHERE timed.account_id IS NOT NULL
		), waiting (account_id, since) AS (
			SELECT account_id, (SELECT MIN(%[1]s) FROM %[2]s s WHERE s.account_id = timed.account_id AND %[1]s IS NOT NULL AND %[1]s <= $1)
				FROM timed WHERE account_id IS NOT NULL
		)
		SELECT account_id, (SELECT COUNT(*) FROM (SELECT 1 FROM %[2]s s
				WHERE s.account_id = waiting.account_id AND %[1]s IS NOT NULL AND %[1]s <= $1 ORDER BY %[1]s LIMIT `+fmt.Sprint(dueCount)+`) ready)
			FROM waiting WHERE since IS NOT NULL ORDER BY since`), nullable(now))
}

// readyOf reads rows of one account that are ready: so many, and some more where some may be blocked. The limit is one of a few and stands
// in the text: a planner that does not know it may choose to sort all.
func (c claimable[K, R]) readyOf(account aaa.AccountID, now time.Time, many int, into *[]dueRow[K]) Statement {
	if c.blocked != "" {
		many += many/4 + blockedToo
	}
	limit := min((many+dueCount-1)/dueCount*dueCount, c.each)
	return Statement{
		SQL: `SELECT ` + c.dueColumns() + c.sql(` FROM %[2]s
		WHERE account_id = $1 AND %[1]s IS NOT NULL AND %[1]s <= $2 ORDER BY %[1]s LIMIT `) + fmt.Sprint(limit),
		Args: []any{string(account), nullable(now)},
		Row: func(scan Scan) error {
			r, err := scanDueRow[K](scan)
			*into = append(*into, r)
			return err
		},
	}
}

// blockedToo is how many rows of an account are read beside those that are wanted and a quarter of them.
const blockedToo = 16

// claim takes those of the rows that no other node has taken since they were read: they are ready still. Blocked ones it puts off until the
// lease ends, lest the next look reads them again: the end of what they wait for makes them due. Rows are written in one order, so that
// nodes which claim at once wait, and don't block each other.
func (c claimable[K, R]) claim(ctx context.Context, chosen []dueRow[K], now time.Time, lease store.Lease) ([]R, error) {
	if len(chosen) == 0 {
		return nil, nil
	}
	rows := slices.Clone(chosen)
	slices.SortFunc(rows, func(a, b dueRow[K]) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(string(a.key), string(b.key)))
	})
	rows, blocked := free(rows)
	until := *nullable(lease.Until)
	var claimed map[claimKey]*R
	var list []Statement
	// The condition means that ready is not after now, and no index answers it: a planner could else read all that is ready.
	take := c.sql(`UPDATE %[2]s SET revision = revision + 1, lease_until = $2, node = $3
		WHERE account_id = $1 AND due_at <= $4 AND (lease_until IS NULL OR lease_until <= $4) AND %[3]s IN `)
	eachAccount(rows, c.db.MaxRows(), func(r dueRow[K]) aaa.AccountID { return r.account }, func(account aaa.AccountID, set []dueRow[K]) {
		args := append(make([]any, 0, 4+len(set)), string(account), until, lease.Node, nullable(now))
		for _, r := range set {
			args = append(args, r.key)
		}
		list = append(list, Statement{SQL: take + among(len(set), 5) + ` RETURNING ` + c.key + `, ` + c.columns, Args: args, Row: func(scan Scan) error {
			var key K
			row, err := c.scan(func(dst ...any) error { return scan(append([]any{&key}, dst...)...) })
			claimed[claimKey{account, string(key)}] = &row
			return err
		}})
	})
	putOff := c.sql(`UPDATE %[2]s SET revision = revision + 1, lease_until = NULL, due_at = $4 WHERE account_id = $1 AND %[3]s = $2 AND revision = $3`)
	for _, r := range blocked {
		list = append(list, Statement{SQL: putOff, Args: []any{string(r.account), r.key, r.revision, until}})
	}
	if err := c.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		claimed = make(map[claimKey]*R, len(rows))
		return tx.Batch(ctx, list)
	}); err != nil {
		return nil, err
	}
	won := make([]R, 0, len(claimed))
	for _, r := range chosen {
		if row := claimed[claimKey{r.account, string(r.key)}]; row != nil {
			won = append(won, *row)
		}
	}
	return won, nil
}

// claimKey names a row.
type claimKey struct {
	account aaa.AccountID
	key     string
}
