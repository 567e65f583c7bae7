package sqlite

import (
	"context"
	"fmt"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// check is a reading of the whole file, for all who wait for it.
type check struct {
	done chan struct{}
	err  error // once done is closed
}

// inspect asks a new connection, which has nothing in memory, whether the file is a database. After something was
// found to be broken the whole file must first be read without a fault. That takes its time with a large one, so it
// goes on without the caller, who is told ErrUnavailable until it has ended well.
func (d *driver) inspect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sqlstore.Timeout)
	defer cancel()
	if err := d.look(ctx, `SELECT 'ok' FROM change_counter WHERE id = 1`); err != nil {
		return err
	}
	c := d.checking()
	if c == nil {
		return nil
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return mapError(ctx, ctx.Err())
	}
}

// checking gives the check to wait for, nil where the file is above suspicion.
func (d *driver) checking() *check {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.check != nil || d.faults == d.sound || d.closed {
		return d.check
	}
	c, faults := &check{done: make(chan struct{})}, d.faults
	d.check = c
	d.running.Go(func() {
		defer close(c.done)
		c.err = d.look(d.life, `PRAGMA quick_check(1)`)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.check = nil
		if c.err == nil {
			d.sound = faults // what broke meanwhile asks for another one
		}
	})
	return c
}

// look asks a connection of its own for one text, which must be ok.
func (d *driver) look(ctx context.Context, query string) error {
	return d.patiently(ctx, func(*pools) (again bool, err error) {
		db, err := open(d.path, 1, "&_pragma=query_only(1)")
		if err != nil {
			return false, err
		}
		defer db.Close() //nolint:errcheck // it has only read
		found := ""
		if err := (conn{db}).Query(ctx, func(scan sqlstore.Scan) error { return scan(&found) }, query); err != nil {
			return true, err
		}
		if found != "ok" {
			return false, fmt.Errorf("%w: %s is damaged: %s", store.ErrUnavailable, d.path, found)
		}
		return false, nil
	})
}
