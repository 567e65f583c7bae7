// Package sqlite is the embedded store: one file, one machine, nothing to install.
// Several processes may have it open; the change log tells each of the others' writes.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// SQLite has one writer at a time, whatever the pool: a second connection would
// only wait in SQLite's own busy loop, which is neither fair nor cancelled.
const readers = 4

// busyTimeout is how long SQLite itself waits for a lock of another process. It
// can't be cancelled in that time, so it is short and patiently tries again.
const busyTimeout = 50 * time.Millisecond

// Store is an open database.
type Store struct {
	*sqlstore.Store
	driver *driver
	path   string
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
	d := &driver{wake: make(map[chan struct{}]struct{})}
	if d.writer, err = open(path, 1, ""); err != nil {
		return nil, err
	}
	if d.reader, err = open(path, readers, "&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	if err := d.writer.PingContext(ctx); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open %s: %w", path, mapError(ctx, err))
	}
	return &Store{Store: sqlstore.New(d), driver: d, path: path}, nil
}

// open makes a pool. Writes are on the disk when they are answered
// (synchronous=FULL), transactions take the write lock at their beginning, and
// times are stored as microseconds.
func open(path string, conns int, more string) (*sql.DB, error) {
	dsn := fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)&_pragma=synchronous(FULL)&_pragma=cache_size(-8192)"+
		"&_txlock=immediate&_time_integer_format=unix_micro&_inttotime=1%s",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds(), more)
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

type driver struct {
	writer, reader *sql.DB

	mu   sync.Mutex
	wake map[chan struct{}]struct{}
}

func (d *driver) Query(ctx context.Context, row func(sqlstore.Scan) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	begun := false
	seen := func(scan sqlstore.Scan) error {
		begun = true
		return row(scan)
	}
	return patiently(ctx, func() (again bool, err error) {
		err = conn{d.reader}.Query(ctx, seen, query, args...)
		return !begun, err
	})
}

func (d *driver) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	err = patiently(ctx, func() (again bool, err error) {
		n, err = conn{d.writer}.Exec(ctx, query, args...)
		return true, err
	})
	return n, err
}

// Write needs no second attempt once its transaction has begun, for that holds the write lock.
func (d *driver) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	var tx *sql.Tx
	if err := patiently(ctx, func() (again bool, err error) {
		tx, err = d.writer.BeginTx(ctx, nil)
		return true, mapError(ctx, err)
	}); err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := fn(ctx, conn{tx}); err != nil {
		return err
	}
	return mapError(ctx, tx.Commit())
}

// patiently calls fn, whose errors are mapped, until no other process is in its
// way, or ctx ends, or it must not be called again.
func patiently(ctx context.Context, fn func() (again bool, err error)) error {
	for {
		again, err := fn()
		if !again || !isBusy(err) || ctx.Err() != nil {
			return err
		}
		t := time.NewTimer(rand.N(10 * time.Millisecond))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return mapError(ctx, err)
		}
	}
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

func (d *driver) Close() error {
	err := d.reader.Close()
	if werr := d.writer.Close(); err == nil {
		err = werr
	}
	return err
}

// conn runs statements on a pool or in a transaction.
type conn struct {
	on interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
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
