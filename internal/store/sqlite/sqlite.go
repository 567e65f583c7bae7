// Package sqlite is the embedded store: one file, one machine, nothing to install.
// Several processes may have it open; the change log tells each of the others' writes.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// Store is an open database.
type Store struct {
	*sqlstore.Store
	driver *driver
}

var _ store.Store = (*Store)(nil)

// Open opens the database at path, making an empty file, readable by its owner
// alone, where there is none. Its folder must exist. The tables are Migrate's.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	d, err := newDriver(path)
	if err != nil {
		return nil, err
	}
	if err := d.firstPing(ctx); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open %s: %w", path, mapOpenError(ctx, err))
	}
	return &Store{Store: sqlstore.New(d), driver: d}, nil
}

// firstPing opens the first connection, which waits for a process that has the file to itself, such as one that migrates it.
func (d *driver) firstPing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	return d.patiently(ctx, func(p *pools) (bool, error) { return true, p.writer.PingContext(ctx) })
}

// driver implements sqlstore.Driver.
type driver struct {
	path string

	mu     sync.Mutex // of what follows
	pools  *pools
	closed bool
	wake   map[chan struct{}]struct{}
}

func newDriver(path string) (*driver, error) {
	p, err := openPools(path)
	if err != nil {
		return nil, err
	}
	return &driver{path: path, pools: p, wake: make(map[chan struct{}]struct{})}, nil
}

func (d *driver) Query(ctx context.Context, row func(sqlstore.Scan) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	begun := false
	seen := func(scan sqlstore.Scan) error {
		begun = true
		return row(scan)
	}
	return d.patiently(ctx, func(p *pools) (again bool, err error) {
		err = conn{p.reader}.Query(ctx, seen, query, args...)
		return !begun, err
	})
}

func (d *driver) Batch(ctx context.Context, list []sqlstore.Statement) error {
	return sqlstore.Each(ctx, d, list)
}

// MaxRows: a statement over many rows is begun once, and for each of its parameters SQLite goes through the list of their names.
func (d *driver) MaxRows() int { return 64 }

// MaxInserted: SQLite keeps a copy of each page that an insert of several rows changes, to undo it if one of them fails.
func (d *driver) MaxInserted() int { return 1 }

func (d *driver) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	err = d.patiently(ctx, func(p *pools) (again bool, err error) {
		n, err = conn{p.writer}.Exec(ctx, query, args...)
		return true, err
	})
	return n, err
}

// Write waits for other processes at its beginning alone: a transaction that has begun holds the write lock.
func (d *driver) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	return d.patiently(ctx, func(p *pools) (again bool, err error) {
		tx, err := p.writer.BeginTx(ctx, nil)
		if err != nil {
			return true, mapError(ctx, err)
		}
		defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
		if err := fn(ctx, conn{tx}); err != nil {
			return false, err
		}
		return false, mapError(ctx, tx.Commit())
	})
}

// Notify wakes the readers of this process. Those of others find the change when they next poll.
func (d *driver) Notify() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.wake {
		select {
		case c <- struct{}{}:
		default: // it has yet to see the last one
		}
	}
}

func (d *driver) Wake(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.wake, c)
	})
	return c
}

// Close closes the connections. What is called later is ErrUnavailable.
func (d *driver) Close() error {
	d.mu.Lock()
	d.closed = true
	p := d.pools
	d.mu.Unlock()
	return p.close()
}

// conn runs statements on a pool or in a transaction.
type conn struct {
	on interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}
}

func (c conn) Query(ctx context.Context, row func(sqlstore.Scan) error, query string, args ...any) error {
	rows, err := c.on.QueryContext(ctx, query, args...)
	if err != nil {
		return mapError(ctx, err)
	}
	defer rows.Close() //nolint:errcheck // Err below has told what there was to tell
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return mapError(ctx, err)
		}
	}
	return mapError(ctx, rows.Err())
}

func (c conn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := c.on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	return res.RowsAffected()
}

// Batch prepares a text once that statements of the batch have in common: SQLite takes longer to read it than to write a row. Each of
// them is about a few rows, and ctx is looked at between them: to be able to interrupt one, the driver starts a goroutine for it.
func (c conn) Batch(ctx context.Context, list []sqlstore.Statement) error {
	times := make(map[string]int, 8)
	for _, s := range list {
		times[s.SQL]++
	}
	prepared := make(map[string]*sql.Stmt)
	defer func() {
		for _, p := range prepared {
			_ = p.Close() // it holds nothing but memory
		}
	}()
	for i, s := range list {
		p := prepared[s.SQL]
		if p == nil {
			if times[s.SQL] == 1 {
				if err := sqlstore.Each(ctx, c, list[i:i+1]); err != nil {
					return err
				}
				continue
			}
			var err error
			if p, err = c.on.PrepareContext(ctx, s.SQL); err != nil {
				return mapError(ctx, err)
			}
			prepared[s.SQL] = p
		}
		if ctx.Err() != nil {
			return mapError(ctx, ctx.Err())
		}
		if err := sqlstore.Each(context.WithoutCancel(ctx), conn{statement{p}}, list[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// statement runs a prepared statement, whatever the query says.
type statement struct{ *sql.Stmt }

func (s statement) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return s.Stmt.QueryContext(ctx, args...)
}

func (s statement) ExecContext(ctx context.Context, _ string, args ...any) (sql.Result, error) {
	return s.Stmt.ExecContext(ctx, args...)
}

func (s statement) PrepareContext(context.Context, string) (*sql.Stmt, error) { return s.Stmt, nil }
