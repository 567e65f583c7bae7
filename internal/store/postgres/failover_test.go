package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
)

// TestStandbyPromoted crashes a primary whose asynchronous standby lacks the last changes, and promotes that. A reader that
// was given them hears that they are gone, whether fewer, as many or more new ones were made before it reads again.
func TestStandbyPromoted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	primary := pgtest.Private(t)
	var cases []*promoted
	admin := must[*pgx.Conn](t)(pgx.Connect(ctx, primary.URL("postgres")))
	for _, lacks := range []int{1, 3} {
		for _, writes := range []int{1, 5} {
			p := &promoted{lacks: lacks, writes: writes, database: fmt.Sprintf("lacks%d_writes%d", lacks, writes)}
			must[pgconn.CommandTag](t)(admin.Exec(ctx, "CREATE DATABASE "+p.database))
			if err := postgres.Migrate(ctx, primary.URL(p.database)); err != nil {
				t.Fatal(err)
			}
			cases = append(cases, p)
		}
	}
	admin.Close(ctx) //nolint:errcheck // nothing is pending
	standby := primary.Standby(t)
	for _, p := range cases {
		p.begin(t, pgtest.URLOf(p.database, primary, standby))
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(caughtUp(ctx, primary, standby))
	ok(standby.Stop())
	for _, p := range cases {
		p.acknowledged(t)
	}
	ok(primary.Crash())
	ok(standby.Start())
	ok(standby.Promote(ctx))
	for _, p := range cases {
		t.Run(p.database, func(t *testing.T) { p.after(t) })
	}
}

// caughtUp waits until the standby has all that the primary has.
func caughtUp(ctx context.Context, primary, standby *pgtest.Cluster) error {
	from, err := pgx.Connect(ctx, primary.URL("postgres"))
	if err != nil {
		return err
	}
	defer from.Close(ctx) //nolint:errcheck // nothing is pending
	to, err := pgx.Connect(ctx, standby.URL("postgres"))
	if err != nil {
		return err
	}
	defer to.Close(ctx) //nolint:errcheck // nothing is pending
	var at string
	if err := from.QueryRow(ctx, `SELECT pg_current_wal_lsn()::text`).Scan(&at); err != nil {
		return err
	}
	for there := false; !there; {
		if err := to.QueryRow(ctx, `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn`, at).Scan(&there); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// promoted is one database with a reader of its change log, which reads only when it is asked to.
type promoted struct {
	lacks, writes int
	database      string

	st       *postgres.Store
	follower *store.Follower
	reset    bool // the reader was told to forget everything
	seen     map[string]bool
	root     store.Account
}

// silent is a change log that wakes no one.
type silent struct{ store.Changes }

func (silent) Wake(context.Context) <-chan struct{} { return nil }

func (p *promoted) begin(t *testing.T, url string) {
	t.Helper()
	p.st = open(t, url)
	p.root = must[store.Account](t)(p.st.Accounts().Create(t.Context(), store.Account{Name: "root"}))
	p.follower = store.NewFollower(silent{p.st.Changes()}, slog.New(slog.DiscardHandler), store.FollowerOptions{Interval: time.Hour})
	p.seen = map[string]bool{}
	p.follower.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		p.reset = p.reset || reset
		for _, c := range list {
			p.seen[string(c.Account)] = true
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.follower.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	p.write(t)
}

// write makes an account as soon as the database takes it, and returns when its reader was given it or told to forget everything.
func (p *promoted) write(t *testing.T) {
	t.Helper()
	var a store.Account
	for {
		var err error
		a, err = p.st.Accounts().Create(t.Context(), store.Account{ParentID: p.root.ID, Name: "a"})
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if err := p.follower.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.reset && !p.seen[string(a.ID)] {
		t.Errorf("%s: Sync returned, and the reader knows nothing of %s", p.database, a.ID)
	}
}

// acknowledged makes the writes that the standby will lack.
func (p *promoted) acknowledged(t *testing.T) {
	t.Helper()
	p.reset = false
	for range p.lacks {
		p.write(t)
	}
	if p.reset {
		t.Errorf("%s: a reset before anything was lost", p.database)
	}
}

// after makes the new writes, all but the last without the reader's reading.
func (p *promoted) after(t *testing.T) {
	for range p.writes - 1 {
		for {
			_, err := p.st.Accounts().Create(t.Context(), store.Account{ParentID: p.root.ID, Name: "b"})
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
		}
	}
	p.write(t)
	if !p.reset {
		t.Error("the reader never heard that what it was given is gone")
	}
	list, _, err := p.st.Accounts().Children(t.Context(), p.root.ID, store.Page{})
	if err != nil || len(list) != 1+p.writes {
		t.Errorf("%d accounts, want %d (%v)", len(list), 1+p.writes, err)
	}
}
