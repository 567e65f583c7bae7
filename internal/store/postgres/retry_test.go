package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
)

func openHere(t *testing.T, address string) *Store {
	t.Helper()
	s, err := Open(t.Context(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestSerializationFailures runs the writes as SERIALIZABLE, as some distributed
// engines do whatever is asked for: PostgreSQL then fails all but one of the
// writers that wait for the counter, with 40001.
func TestSerializationFailures(t *testing.T) {
	t.Parallel()
	s := openHere(t, pgtest.Migrated(t, Migrate))
	root, err := s.Accounts().Create(t.Context(), store.Account{ID: aaa.NewAccountID()})
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 3, 10
	d := &countingDriver{driver: s.driver, together: writers, met: make(chan struct{})}
	d.begin = beginWrite("serializable", sqlstore.Timeout)
	st := sqlstore.New(d)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range each {
				if _, err := st.Accounts().Create(t.Context(), store.Account{ParentID: root.ID, Name: fmt.Sprint(n)}); err != nil {
					t.Errorf("write %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	list, gap, err := st.Changes().Since(t.Context(), store.Change{}, 1000)
	if err != nil || gap || len(list) != 1+writers*each {
		t.Errorf("%d changes, gap %v, %v", len(list), gap, err)
	}
	if runs := d.runs.Load(); runs <= writers*each {
		t.Errorf("%d transactions for %d writes: nothing was tried again", runs, writers*each)
	}
}

// countingDriver counts the transactions. The first of them, as many as together, have all read before one
// of them writes, so that all but one fail however slow the machine is.
type countingDriver struct {
	*driver
	together int64
	met      chan struct{}
	runs     atomic.Int64
	read     atomic.Int64
}

func (d *countingDriver) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, c sqlstore.Conn) error {
		if d.runs.Add(1) > d.together {
			return fn(ctx, c)
		}
		if _, err := c.Exec(ctx, `SELECT seq FROM change_counter`); err != nil {
			return err
		}
		if d.read.Add(1) == d.together {
			close(d.met)
		}
		select {
		case <-d.met:
			return fn(ctx, c)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func TestEndlessSerializationFailures(t *testing.T) {
	t.Parallel()
	s := openHere(t, pgtest.Open(t))
	runs := 0
	err := s.driver.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
		runs++
		_, err := c.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$`)
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) || runs != maxAttempts {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// TestSerializationFailuresOfReads: a read is run again unless rows were given already, which can't be taken back.
func TestSerializationFailuresOfReads(t *testing.T) {
	t.Parallel()
	s := openHere(t, pgtest.Open(t))
	for _, sql := range []string{
		`CREATE SEQUENCE runs`,
		`CREATE FUNCTION fails(times integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('runs') <= times THEN RAISE EXCEPTION SQLSTATE '40001'; END IF;
			RETURN 0;
		END $$`,
	} {
		if _, err := s.driver.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	read := func(sql string) (rows int, err error) {
		err = s.driver.Query(t.Context(), func(scan sqlstore.Scan) error {
			var n int
			rows++
			return scan(&n)
		}, sql)
		return rows, err
	}
	if rows, err := read(`SELECT fails(2)`); rows != 1 || err != nil {
		t.Errorf("before any row: %d rows, %v", rows, err)
	}
	if rows, err := read(`SELECT CASE n WHEN 3 THEN fails(1000) ELSE n END FROM generate_series(1, 3) n`); rows != 2 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after two rows: %d rows, %v", rows, err)
	}
}

// TestStates maps what the server can say about itself.
func TestStates(t *testing.T) {
	t.Parallel()
	s := openHere(t, pgtest.Open(t))
	for state, want := range map[string]error{
		"57P01": store.ErrUnavailable, // admin_shutdown
		"57P03": store.ErrUnavailable, // cannot_connect_now
		"53300": store.ErrUnavailable, // too_many_connections
		"53100": store.ErrUnavailable, // disk_full
		"XX000": store.ErrUnavailable, // internal_error
		"25006": store.ErrUnavailable, // read_only_sql_transaction
		"55P03": store.ErrUnavailable, // lock_not_available
		"23505": store.ErrExists,      // unique_violation
	} {
		_, err := s.driver.Exec(t.Context(), fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION SQLSTATE '%s'; END $$`, state))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", state, err)
		}
	}
	for _, sql := range []string{`SELECT nothing`, `DO $$ BEGIN RAISE EXCEPTION SQLSTATE 'XX001'; END $$`} {
		if _, err := s.driver.Exec(t.Context(), sql); err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrExists) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestMigrateTogether has several nodes start at once on an empty database.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	address := pgtest.Open(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := Migrate(t.Context(), address); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	began := time.Now()
	if err := Migrate(t.Context(), address); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("nothing to do took %v: a lease was left behind", took)
	}
	s, err := Open(t.Context(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
