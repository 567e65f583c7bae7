package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// conn runs statements on the pool or in a transaction.
type conn struct {
	on interface {
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	}
}

func (c conn) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	rows, err := c.on.Query(ctx, sql, args...)
	if err != nil {
		return mapError(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return mapError(ctx, err)
		}
	}
	return mapError(ctx, rows.Err())
}

func (c conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := c.on.Exec(ctx, sql, args...)
	return tag.RowsAffected(), mapError(ctx, err)
}

func (c conn) Batch(ctx context.Context, list []sqlstore.Statement) (err error) {
	if len(list) == 0 {
		return nil
	}
	var b pgx.Batch
	for _, s := range list {
		b.Queue(s.SQL, s.Args...)
	}
	results := c.on.SendBatch(ctx, &b)
	defer func() {
		if cerr := results.Close(); err == nil {
			err = mapError(ctx, cerr)
		}
	}()
	for _, s := range list {
		if err := readBatch(results, s); err != nil {
			return mapError(ctx, err)
		}
	}
	return nil
}

// readBatch reads the answer to the next statement of a batch.
func readBatch(results pgx.BatchResults, s sqlstore.Statement) error {
	if s.Row == nil {
		tag, err := results.Exec()
		if err == nil && s.Done != nil {
			s.Done(tag.RowsAffected())
		}
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := s.Row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Query tries again where the first try met a broken connection before any
// row: the pool may hold connections to a server that was restarted.
func (d *driver) Query(ctx context.Context, row func(sqlstore.Scan) error, sql string, args ...any) error {
	begun := false
	return d.again(ctx, func(ctx context.Context) (final bool, err error) {
		err = conn{d.pool}.Query(ctx, func(scan sqlstore.Scan) error {
			begun = true
			return row(scan)
		}, sql, args...)
		if begun && isSerialization(err) {
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err) // rows can't be given twice
		}
		return begun, err
	})
}

// Batch tries again like Query. A batch that is no part of a transaction is one by itself.
func (d *driver) Batch(ctx context.Context, list []sqlstore.Statement) error {
	begun := false
	seen := slices.Clone(list)
	for i, s := range list {
		if s.Row != nil {
			seen[i].Row = func(scan sqlstore.Scan) error {
				begun = true
				return s.Row(scan)
			}
		}
	}
	return d.again(ctx, func(ctx context.Context) (final bool, err error) {
		err = conn{d.pool}.Batch(ctx, seen)
		if begun && isSerialization(err) {
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err) // rows can't be given twice
		}
		return begun, err
	})
}

// MaxRows keeps the parameters of a statement below the protocol's 65,535.
func (d *driver) MaxRows() int { return 512 }

// MaxInserted is as much: rows of one statement save messages and the work of beginning it.
func (d *driver) MaxInserted() int { return 512 }

// Exec runs a statement that may be run twice with the result of once.
func (d *driver) Exec(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = d.again(ctx, func(ctx context.Context) (bool, error) {
		n, err = conn{d.pool}.Exec(ctx, sql, args...)
		return false, err
	})
	return n, err
}

// maxAttempts bounds how often a transaction is begun that can't be serialised.
const maxAttempts = 30

// Write runs the transaction again, from its beginning, where that can do no harm. A connection that breaks during the commit
// leaves open whether the write was made; that is ErrUnavailable too, and the caller's to find out.
func (d *driver) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.again(ctx, func(ctx context.Context) (bool, error) { return d.once(ctx, fn) })
}

// again runs fn within the time of one operation: once more from the start where the database could not serialise it, and
// once where the connection broke, unless fn says that its error is final.
func (d *driver) again(ctx context.Context, fn func(context.Context) (final bool, err error)) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	broken := false
	for attempt := 1; ; attempt++ {
		final, err := fn(ctx)
		if err != nil && caller.Err() == nil && (ctx.Err() != nil || code(err) == readOnly) {
			d.renew()
		}
		switch {
		case isSerialization(err):
			if attempt == maxAttempts {
				return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
			if werr := backoff.Contended(ctx, attempt); werr != nil {
				return fmt.Errorf("%w: %w", mapError(ctx, werr), err)
			}
		case errors.Is(err, store.ErrUnavailable) && !errors.Is(err, sqlstore.ErrLocked) && !final && !broken && ctx.Err() == nil:
			broken = true
		default:
			return err
		}
	}
}

// once runs a transaction and says whether it came to the commit.
func (d *driver) once(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) (committing bool, err error) {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: d.begin})
	if err != nil {
		return false, mapError(ctx, err)
	}
	// Without the caller's context, which may be why there is something to roll back.
	// A broken connection makes this return at once.
	defer func() {
		rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = tx.Rollback(rctx)
	}()
	if err := fn(ctx, conn{tx}); err != nil {
		return false, err
	}
	return true, mapError(ctx, tx.Commit(ctx))
}
