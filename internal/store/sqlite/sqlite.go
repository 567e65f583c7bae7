// Package sqlite is the embedded store: one file, one machine, nothing to install.
// Several processes may have it open; the change log tells each of the others' writes.
package sqlite

import (
	"context"
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
		err = conn{onPool{p.reads}}.Query(ctx, seen, query, args...)
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
		n, err = conn{onPool{p.writes}}.Exec(ctx, query, args...)
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
		on := newInTransaction(tx, p.writes)
		if err := fn(ctx, conn{on}); err != nil {
			return false, err
		}
		err = tx.Commit()
		if err == nil {
			on.over(ctx)
		}
		return false, mapError(ctx, err)
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
		prepared(ctx context.Context, text string) (preparedStatement, error)
	}
}

func (c conn) Query(ctx context.Context, row func(sqlstore.Scan) error, query string, args ...any) error {
	p, err := c.on.prepared(ctx, query)
	if err != nil {
		return mapError(ctx, err)
	}
	rows, err := p.QueryContext(ctx, args...)
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
	p, err := c.on.prepared(ctx, query)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	res, err := p.ExecContext(ctx, args...)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	return res.RowsAffected()
}

// Batch looks at ctx between statements that have a text in common, each of which is about a few rows: to be able to interrupt one, the
// driver starts a goroutine for it.
func (c conn) Batch(ctx context.Context, list []sqlstore.Statement) error {
	times := make(map[string]int, 8)
	for _, s := range list {
		times[s.SQL]++
	}
	whole := context.WithoutCancel(ctx)
	for i, s := range list {
		if ctx.Err() != nil {
			return mapError(ctx, ctx.Err())
		}
		with := ctx
		if times[s.SQL] > 1 {
			with = whole
		}
		if err := sqlstore.Each(with, c, list[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
