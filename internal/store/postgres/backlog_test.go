package postgres

import (
	"context"
	"errors"
	"testing"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlstore"
)

// slowDriver has no time for a statement that changes more than 1000 rows.
type slowDriver struct{ *driver }

func inTime(n int64, err error) (int64, error) {
	if n > 1000 {
		return 0, store.ErrUnavailable
	}
	return n, err
}

func (d slowDriver) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return inTime(d.driver.Exec(ctx, sql, args...))
}

func (d slowDriver) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.driver.Write(ctx, func(ctx context.Context, c sqlstore.Conn) error { return fn(ctx, slowConn{c}) })
}

type slowConn struct{ sqlstore.Conn }

func (c slowConn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return inTime(c.Conn.Exec(ctx, sql, args...))
}

// TestDeleteAnAccountWithManySessions: more ended sessions than one statement can delete don't keep an account; a deletion that
// is refused takes none of them.
func TestDeleteAnAccountWithManySessions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	whole := openHere(t, pgtest.Migrated(t, Migrate))
	s := sqlstore.New(slowDriver{whole.driver})
	account := func(parent store.Account) store.Account {
		t.Helper()
		a, err := s.Accounts().Create(ctx, store.Account{ParentID: parent.ID})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	sessions := func(a store.Account) (n int) {
		t.Helper()
		if err := whole.driver.Query(ctx, func(scan sqlstore.Scan) error { return scan(&n) },
			`SELECT count(*) FROM sessions WHERE account_id = $1`, string(a.ID)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	top := account(account(store.Account{}))
	below := account(top)
	for _, a := range []store.Account{top, below} { // the last three are open
		if _, err := whole.driver.Exec(ctx, `INSERT INTO sessions (account_id, hash, id, revision, state, open, body, node, created_at, updated_at, ended_at)
			SELECT $1, sha256(n::text::bytea), n::text, 1, 'completed', false, '{}', '', now(), now(), CASE WHEN n < 2500 THEN now() END
			FROM generate_series(1, 2502) n`, string(a.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Accounts().Delete(ctx, top.ID, store.AnyRevision); !errors.Is(err, store.ErrHasChildren) {
		t.Errorf("with an account below: %v", err)
	}
	if err := s.Accounts().Delete(ctx, below.ID, below.Revision+1); !errors.Is(err, store.ErrStale) {
		t.Errorf("of another revision: %v", err)
	}
	if sessions(top) != 2502 || sessions(below) != 2502 {
		t.Errorf("%d and %d sessions after refusals", sessions(top), sessions(below))
	}
	if err := s.Accounts().Delete(ctx, below.ID, below.Revision); err != nil || sessions(below) != 0 {
		t.Errorf("%v, %d sessions left", err, sessions(below))
	}
}
