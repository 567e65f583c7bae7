package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	listWindow = 10_000 // records that one call of List looks at
	bulkWindow = 2000   // records that one transaction of Resend or Drop looks at
)

// chosen is the condition of a filter, and its arguments from a number on.
func chosen(f store.SpoolFilter, from int) (where string, args []any) {
	var b strings.Builder
	is := func(condition string, arg any) {
		fmt.Fprintf(&b, " AND %s $%d", condition, from+len(args))
		args = append(args, arg)
	}
	if f.ID != "" {
		is("id =", plain(f.ID))
	}
	if f.State != "" {
		is("state =", int64(slices.Index(spoolStates[:], f.State)))
	}
	if f.Kind != "" {
		is("kind =", spoolKind(f.Kind))
	}
	if f.AcctSessionID != "" {
		is("acct_session_id =", plain(f.AcctSessionID))
	}
	if f.User != "" {
		is("user_name =", plain(f.User))
	}
	if f.Server != "" {
		is("server =", plain(f.Server))
	}
	if !f.Before.IsZero() {
		is("received_at <", *nullable(f.Before))
	}
	return b.String(), args
}

// List implements store.Spool. It first finds how far it may look, by the primary key alone.
func (s spool) List(ctx context.Context, account aaa.AccountID, f store.SpoolFilter, p store.Page) ([]store.SpoolRecord, string, error) {
	p.Start = plain(max(p.Start, f.ID))
	if f == (store.SpoolFilter{}) {
		return page(ctx, s.db, p, scanSpool, func(r store.SpoolRecord) string { return r.ID },
			`SELECT `+spoolColumns+` FROM spool WHERE account_id = $1 AND id >= $2 ORDER BY id LIMIT $3`, string(account), p.Start, limit(p))
	}
	until, err := s.window(ctx, s.db, account, p.Start, listWindow)
	if err != nil {
		return nil, "", err
	}
	where, args := chosen(f, 5)
	list, next, err := page(ctx, s.db, p, scanSpool, func(r store.SpoolRecord) string { return r.ID },
		`SELECT `+spoolColumns+` FROM spool WHERE account_id = $1 AND id >= $2 AND id < $3`+where+` ORDER BY id LIMIT $4`,
		append([]any{string(account), p.Start, until, limit(p)}, args...)...)
	if next == "" && until != afterAll {
		next = until
	}
	return list, next, err
}

// afterAll is after every id.
const afterAll = "~"

// window returns the id up to which one window of records reaches, from a given id on.
func (s spool) window(ctx context.Context, c Conn, account aaa.AccountID, from string, many int) (until string, err error) {
	until = afterAll
	_, err = one(ctx, c, func(scan Scan) error { return scan(&until) },
		fmt.Sprintf(`SELECT id FROM spool WHERE account_id = $1 AND id >= $2 ORDER BY id LIMIT 1 OFFSET %d`, many), string(account), from)
	return until, err
}

// bulk writes the chosen records in short transactions, up to the last one that is there at the beginning.
func (s spool) bulk(ctx context.Context, account aaa.AccountID, f store.SpoolFilter, write func(t *settling, ids []string) []Statement) (total int64, err error) {
	var last string
	if _, err := one(ctx, s.db, func(scan Scan) error { return scan(&last) },
		`SELECT id FROM spool WHERE account_id = $1 ORDER BY id DESC LIMIT 1`, string(account)); err != nil {
		return 0, err
	}
	where, args := chosen(f, 4)
	part := s.parts.one()
	for from := plain(f.ID); from <= last; {
		until, err := s.window(ctx, s.db, account, from, bulkWindow)
		if err != nil {
			return total, err
		}
		var n int64
		if err := s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
			n = 0
			ids, err := all(ctx, tx, func(scan Scan) (id string, err error) { err = scan(&id); return id, err },
				`SELECT id FROM spool WHERE account_id = $1 AND id >= $2 AND id < $3`+where+` ORDER BY id`,
				append([]any{string(account), from, until}, args...)...)
			if err != nil {
				return err
			}
			t := newSettling(time.Time{}, s.db.MaxRows())
			var list []Statement
			inSets(ids, t.most, func(set []string) { list = append(list, write(t, set)...) })
			for i, st := range list {
				list[i].Row = func(scan Scan) error { n++; return st.Row(scan) }
			}
			if err := tx.Batch(ctx, list); err != nil {
				return err
			}
			return t.end(ctx, tx, part)
		}); err != nil {
			return total, err
		}
		total += n
		if f.ID != "" {
			break
		}
		from = until
	}
	return total, nil
}

// Resend implements store.Spool.
func (s spool) Resend(ctx context.Context, account aaa.AccountID, f store.SpoolFilter, now, keepUntil time.Time) (int64, error) {
	return s.bulk(ctx, account, f, func(t *settling, ids []string) []Statement {
		args := append([]any{string(account), *nullable(now), *nullable(keepUntil)}, anys(ids)...)
		// First the waiting ones: the second statement makes waiting ones of the parked.
		again := func(state int, parked int64) Statement {
			return Statement{
				SQL: fmt.Sprintf(`UPDATE spool SET revision = revision + 1, state = 0, parked_at = NULL, due_at = $2, keep_until = $3, lease_until = NULL
				WHERE account_id = $1 AND state = %d AND (lease_until IS NULL OR lease_until <= $2) AND id IN `, state) + among(len(ids), 4) + ` RETURNING id`, Args: args,
				Row: func(scan Scan) error {
					var id string
					t.ledger.of(account).parked += parked
					return scan(&id)
				},
			}
		}
		return []Statement{again(0, 0), again(1, -1)}
	})
}

// Drop implements store.Spool. A lease that is over counts as one until the record is claimed again.
func (s spool) Drop(ctx context.Context, account aaa.AccountID, f store.SpoolFilter) (int64, error) {
	return s.bulk(ctx, account, f, func(t *settling, ids []string) []Statement {
		return []Statement{{SQL: `DELETE FROM spool WHERE account_id = $1 AND lease_until IS NULL AND id IN ` + among(len(ids), 2) +
			` RETURNING session, state, octet_length(payload)`, Args: append([]any{string(account)}, anys(ids)...), Row: func(scan Scan) error {
			var k settled
			err := scan(&k.session, &k.state, &k.octets)
			t.gone(account, k).dropped++
			return err
		}}}
	})
}

// Servers implements store.Spool.
func (s spool) Servers(ctx context.Context, account aaa.AccountID) ([]store.SpoolServer, error) {
	list, err := all(ctx, s.db, func(scan Scan) (v store.SpoolServer, err error) {
		err = scan(&v.Server, &v.Records)
		return v, err
	}, `SELECT server, COUNT(*) FROM spool WHERE account_id = $1 AND server <> '' AND state = 0 GROUP BY server ORDER BY COUNT(*) DESC, server LIMIT 100`, string(account))
	if err != nil {
		return nil, err
	}
	more := make([]Statement, len(list))
	for i := range list {
		v := &list[i]
		more[i] = Statement{
			SQL:  `SELECT received_at, attempts FROM spool WHERE account_id = $1 AND server = $2 AND server <> '' AND state = 0 ORDER BY received_at LIMIT 1`,
			Args: []any{string(account), v.Server},
			Row: func(scan Scan) error {
				var text string
				if err := scan(&v.Oldest, &text); err != nil {
					return err
				}
				v.Oldest = v.Oldest.UTC()
				attempts, err := parseAttempts(text)
				if n := len(attempts); n > 0 {
					v.Reason = attempts[n-1].Reason
				}
				return err
			},
		}
	}
	return list, s.db.Batch(ctx, more)
}
