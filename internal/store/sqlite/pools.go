package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	driverlib "modernc.org/sqlite"

	"aaa-api/internal/backoff"
)

// SQLite has one writer at a time, whatever the pool: a second connection would
// only wait in SQLite's own busy loop, which is neither fair nor cancelled.
const readers = 4

// busyTimeout is how long SQLite itself waits for a lock of another process. It
// can't be cancelled in that time, so it is short and patiently tries again.
const busyTimeout = 50 * time.Millisecond

// logPages is how many pages of 4 KiB the log holds before they are moved into the file. A page that was written often since is moved once.
const logPages = 2000

// emptyTime bounds the wait for a writer that is in the way of emptyLog.
const emptyTime = time.Second

// pools are the connections to a file.
type pools struct {
	writer, reader *sql.DB
	writes, reads  *statements // of each
	file           os.FileInfo // what had the path before any of them was opened; nil where there was nothing
}

func openPools(path string) (p *pools, err error) {
	p = &pools{file: stat(path)}
	if p.writer, err = open(path, 1, ""); err != nil {
		return nil, err
	}
	if p.reader, err = open(path, readers, "&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	p.writes, p.reads = newStatements(p.writer), newStatements(p.reader)
	return p, nil
}

// open makes a pool, whose connections are opened as they are needed. Writes are on the disk
// when they are answered (synchronous=FULL), transactions take the write lock at their
// beginning, and times are stored as microseconds. What undoes a statement that fails is kept in memory: else each page that it
// changes is written to a file first.
func open(path string, conns int, more string) (*sql.DB, error) {
	dsn := fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)&_pragma=synchronous(FULL)&_pragma=cache_size(-8192)"+
		"&_pragma=temp_store(MEMORY)&_pragma=wal_autocheckpoint(%d)&_txlock=immediate&_time_integer_format=unix_micro&_inttotime=1%s",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds(), logPages, more)
	c, err := driverlib.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func (p *pools) close() error { return errors.Join(p.reader.Close(), p.writer.Close()) }

// stat says which file has a path now.
func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// current gives the pools to use, and replaces them if another file has come into the place of theirs. SQLite would go on writing
// the old one, which has no name any more, and says nothing of it in WAL mode.
func (d *driver) current() *pools {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, is := d.pools.file, stat(d.path)
	if (was == nil) != (is == nil) || was != nil && !os.SameFile(was, is) {
		d.pools.emptyLog()
		d.replace()
	}
	return d.pools
}

// emptyLog moves what the log holds into the file that the connections have open. The log keeps its name when the file loses
// its own, and the next connection would apply it to the file that has taken the name.
func (p *pools) emptyLog() {
	ctx, cancel := context.WithTimeout(context.Background(), emptyTime)
	defer cancel()
	_, _ = p.writer.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`) // a log that is in use stays: nothing else can be done
}

// broken replaces pools whose connections have met a fault of the file: they remember pages that would outlive its mending.
func (d *driver) broken(p *pools) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pools == p { // else another caller has replaced them
		d.replace()
	}
}

// replace closes the old connections before the first new one is opened. Its caller holds mu. Connections in use are closed when
// they are given back.
func (d *driver) replace() {
	if d.closed {
		return
	}
	p, err := openPools(d.path)
	if err != nil {
		return // never: the same went well in Open
	}
	_ = d.pools.close() // an error is one more of the same
	d.pools = p
}

// patiently calls fn, whose errors are mapped, until no other process is in its way, or ctx ends, or fn says that it must not be
// called again.
func (d *driver) patiently(ctx context.Context, fn func(p *pools) (again bool, err error)) error {
	for {
		p := d.current()
		again, err := fn(p)
		switch {
		case isBroken(err):
			d.broken(p)
			return err
		case !again || ctx.Err() != nil:
			return err
		case isBusy(err):
			if backoff.Contended(ctx, 1) != nil {
				return mapError(ctx, err)
			}
		default:
			return err
		}
	}
}
