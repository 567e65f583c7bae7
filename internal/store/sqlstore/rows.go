package sqlstore

import (
	"context"
	"fmt"

	"aaa-api/internal/store"
)

// exists is ErrNotFound where the query has no row.
func exists(ctx context.Context, c Conn, sql string, args ...any) error {
	found, err := has(ctx, c, sql, args...)
	if err == nil && !found {
		return store.ErrNotFound
	}
	return err
}

// has reports whether a query of one integer has a row.
func has(ctx context.Context, c Conn, sql string, args ...any) (bool, error) {
	return one(ctx, c, func(scan Scan) error { var n int64; return scan(&n) }, sql, args...)
}

// one runs a query of at most one row and reports whether there was one.
func one(ctx context.Context, c Conn, row func(Scan) error, sql string, args ...any) (found bool, err error) {
	err = c.Query(ctx, func(scan Scan) error {
		found = true
		return row(scan)
	}, sql, args...)
	return found, err
}

// get reads the row of a query of at most one; ErrNotFound where there is none.
func get[T any](ctx context.Context, c Conn, read func(Scan) (T, error), sql string, args ...any) (v T, err error) {
	found, err := one(ctx, c, func(scan Scan) (err error) { v, err = read(scan); return err }, sql, args...)
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return v, err
}

// all reads every row of a query.
func all[T any](ctx context.Context, c Conn, read func(Scan) (T, error), sql string, args ...any) ([]T, error) {
	var list []T
	err := c.Query(ctx, func(scan Scan) error {
		v, err := read(scan)
		list = append(list, v)
		return err
	}, sql, args...)
	return list, err
}

// page reads the rows of a query that begins at p.Start and ends after limit(p) rows. next is the key of
// the row that the next page begins with; empty after the last page.
func page[T any](ctx context.Context, c Conn, p store.Page, read func(Scan) (T, error), key func(T) string, sql string, args ...any) (list []T, next string, err error) {
	if list, err = all(ctx, c, read, sql, args...); err != nil {
		return nil, "", err
	}
	if p.Limit > 0 && len(list) > p.Limit {
		return list[:p.Limit], key(list[p.Limit]), nil
	}
	return list, "", nil
}

// limit is a page's number of rows with the one that tells of a next page.
func limit(p store.Page) int64 {
	if p.Limit <= 0 {
		return 1 << 40
	}
	return int64(p.Limit) + 1
}

// maybe is the row of a query of at most one, in a batch.
type maybe[T any] struct {
	v     T
	found bool
}

// from makes the query. What an earlier try of the transaction read is forgotten.
func (m *maybe[T]) from(read func(Scan) (T, error), sql string, args ...any) Statement {
	*m = maybe[T]{}
	return Statement{SQL: sql, Args: args, Row: func(scan Scan) (err error) {
		m.found = true
		m.v, err = read(scan)
		return err
	}}
}

func scanInt(scan Scan) (n int64, err error) {
	err = scan(&n)
	return n, err
}

// Each is the Batch of a driver that has none: it runs one statement after another.
func Each(ctx context.Context, c Conn, list []Statement) error {
	for _, s := range list {
		var err error
		if s.Row == nil {
			var n int64
			if n, err = c.Exec(ctx, s.SQL, s.Args...); err == nil && s.Done != nil {
				s.Done(n)
			}
		} else {
			err = c.Query(ctx, s.Row, s.SQL, s.Args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// withUp begins a query with up: the account $1 and its ancestors, with the limits that they set and how many steps above it they
// are. Each is looked up by a subquery of its own: a join may be planned as a scan of all accounts while there are few, and stay so.
var withUp = fmt.Sprintf(`WITH RECURSIVE up (id, parent_id, limits, step) AS (
	SELECT id, parent_id, limits, 0 FROM accounts WHERE id = $1
	UNION ALL SELECT up.parent_id, (SELECT a.parent_id FROM accounts a WHERE a.id = up.parent_id),
		(SELECT a.limits FROM accounts a WHERE a.id = up.parent_id), up.step + 1 FROM up WHERE up.parent_id <> '' AND up.step < %d) `, store.MaxAccountDepth)
