package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
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

// pools are the connections to a file.
type pools struct {
	writer, reader *sql.DB
	file           os.FileInfo // what had the path before any of them was opened; nil where there was nothing
}

func openPools(path string) (p *pools, err error) {
	p = &pools{file: stat(path)}
	if p.writer, err = open(path, 1, ""); err != nil {
		return nil, err
	}
	p.reader, err = open(path, readers, "&_pragma=query_only(1)")
	return p, err
}

// open makes a pool, whose connections are opened as they are needed. Writes are on the disk
// when they are answered (synchronous=FULL), transactions take the write lock at their
// beginning, and times are stored as microseconds.
func open(path string, conns int, more string) (*sql.DB, error) {
	dsn := fmt.Sprintf("file:%s?mode=rw&_pragma=busy_timeout(%d)"+
		"&_txlock=immediate&_time_integer_format=unix_micro&_inttotime=1%s",
		(&url.URL{Path: path}).EscapedPath(), busyTimeout.Milliseconds(), more)
	c, err := driverlib.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(keeper{c})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// keeper opens connections of which the last to be closed leaves the write-ahead log where it is. SQLite would
// delete it when what it holds has been copied into the file, and so, where that is damaged, the one sound copy.
type keeper struct{ sqldriver.Connector }

func (k keeper) Connect(ctx context.Context) (sqldriver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	err = keepLog(c, 1)
	if err == nil { // these look into the file, which may be when it is found to be damaged
		_, err = c.(sqldriver.ExecerContext).ExecContext(ctx, `PRAGMA synchronous = FULL; PRAGMA cache_size = -8192`, nil)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func keepLog(c any, keep int) error {
	_, err := c.(driverlib.FileControl).FileControlPersistWAL("main", keep)
	return err
}

// close closes the connections. Where the file is sound, the last one may tidy up.
func (p *pools) close(sound bool) error {
	err := p.reader.Close()
	if sound {
		p.tidy()
	}
	if werr := p.writer.Close(); err == nil {
		err = werr
	}
	return err
}

// tidy has the writer's connection delete the log beside the file when it is closed as the last. Without it
// the log stays, and is read by who opens the file next.
func (p *pools) tidy() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // one that is in use won't be the last, then
	defer cancel()
	c, err := p.writer.Conn(ctx)
	if err != nil {
		return
	}
	defer c.Close() //nolint:errcheck // that gives it back to the pool
	_ = c.Raw(func(c any) error { return keepLog(c, 0) })
}

// stat says which file has a path now.
func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// current gives the pools to use. Where another file has come into the place of theirs, they are
// replaced: the connections would go on with a file that no longer has a name.
func (d *driver) current() *pools {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, is := d.pools.file, stat(d.path)
	if (was == nil) != (is == nil) || was != nil && !os.SameFile(was, is) {
		d.replace()
	}
	return d.pools
}

// broken replaces pools with whose connections something is wrong: each has pages in memory and files open,
// which would outlive the mending of the file. Those in use are closed when they are given back.
func (d *driver) broken(p *pools) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults++
	if d.pools == p { // else somebody came first
		d.replace()
	}
}

// replace closes the old connections before the first new one is opened. The caller holds mu.
func (d *driver) replace() {
	if d.closed {
		return
	}
	p, err := openPools(d.path)
	if err != nil {
		return // never: the same went well in Open
	}
	_ = d.pools.close(false) // an error is one more of the same
	d.pools = p
}

// patiently calls fn, whose errors are mapped, until no other process is in its
// way, or ctx ends, or it must not be called again. Where connections are broken,
// or were replaced under it, it calls fn with new ones; the first, once.
func (d *driver) patiently(ctx context.Context, fn func(p *pools) (again bool, err error)) error {
	renewed := false
	for {
		p := d.current()
		again, err := fn(p)
		if isBroken(err) {
			d.broken(p)
			again = again && !renewed
			renewed = true
		}
		if !again || ctx.Err() != nil {
			return err
		}
		switch {
		case isBroken(err), isClosed(err) && d.current() != p:
		case isBusy(err):
			if backoff.Contended(ctx, 1) != nil {
				return mapError(ctx, err)
			}
		default:
			return err
		}
	}
}
