package postgres_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
)

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestAway takes the server away, by order and by crash, and brings it back.
func TestAway(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cluster := pgtest.Private(t)
	if err := postgres.Migrate(ctx, cluster.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	s := open(t, cluster.URL("postgres"))
	root := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{Name: "root"}))

	follower := store.NewFollower(s.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{Interval: 50 * time.Millisecond})
	told := make(chan store.Change, 100)
	resets := make(chan struct{}, 100)
	follower.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		if reset {
			resets <- struct{}{}
		}
		for _, c := range list {
			told <- c
		}
	})
	fctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- follower.Run(fctx) }()
	defer func() { stop(); <-done }()
	if err := follower.Sync(ctx); err != nil {
		t.Fatal(err)
	}

	for name, away := range map[string]func() error{"stopped": cluster.Stop, "crashed": cluster.Crash} {
		if err := away(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for what, err := range map[string]error{
			"ping":  s.Ping(ctx),
			"read":  second(s.Accounts().Get(ctx, root.ID)),
			"write": second(s.Accounts().Update(ctx, root.ID, store.AnyRevision, store.Account{})),
			"sync":  follower.Sync(ctx),
			"open":  second(postgres.Open(ctx, cluster.URL("postgres"), postgres.Options{})),
		} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %s says %v", name, what, err)
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: the answers took %v", name, took)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
		// The first call succeeds, though the pool's connections are of the former server.
		must[store.Account](t)(s.Accounts().Get(ctx, root.ID))
		a := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID}))
		if c := <-told; c.Account != a.ID {
			t.Errorf("%s: told of %+v", name, c)
		}
	}
	if len(resets) != 1 || len(told) != 0 {
		t.Errorf("%d resets, %d changes too many", len(resets), len(told))
	}
}

func second[T any](_ T, err error) error { return err }

// TestBackendsKilled ends all connections again and again while 4 writers write.
func TestBackendsKilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := open(t, address)
	root := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{Name: "root"}))
	const writers = 4
	accounts := make([]aaa.AccountID, writers)
	for i := range accounts {
		accounts[i] = must[store.Account](t)(s.Accounts().Create(ctx, store.Account{ParentID: root.ID})).ID
		must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: accounts[i], Body: []byte(`{}`)}, nil))
	}
	after := must[store.Change](t)(s.Changes().Last(ctx))
	seq := after.Seq

	var wg sync.WaitGroup
	stop := make(chan struct{})
	var tries atomic.Int64 // to write
	for _, id := range accounts {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := s.Documents().Replace(ctx, store.Document{Account: id, Body: []byte(`{}`)}, store.AnyRevision, nil)
				tries.Add(1)
				if err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a writer got %v", err)
					return
				}
			}
		})
	}
	killer := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer killer.Close(context.Background()) //nolint:errcheck // nothing is pending
	for range 20 {
		must[any](t)(killer.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`))
		for before := tries.Load(); tries.Load() < before+2*writers && !t.Failed(); { // for the writers to be somewhere else
			runtime.Gosched()
		}
	}
	close(stop)
	wg.Wait()

	// The log and the documents tell the same story, without a hole.
	seen := make(map[aaa.AccountID]int64)
	for {
		list, gap, err := s.Changes().Since(ctx, after, 1000)
		if err != nil || gap {
			t.Fatalf("gap %v, %v", gap, err)
		}
		if len(list) == 0 {
			break
		}
		for _, c := range list {
			if seq++; c.Seq != seq {
				t.Fatalf("%d follows %d", c.Seq, seq-1)
			}
			seen[c.Account]++
			after = c
		}
	}
	for _, id := range accounts {
		if d := must[store.Document](t)(s.Documents().Get(ctx, id)); d.Revision != seen[id]+1 {
			t.Errorf("revision %d after %d changes", d.Revision, seen[id])
		}
	}
}

// TestListenerKilled ends the listening connection between writes: each is told
// of once and in order, and soon the wake-up works again.
func TestListenerKilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := open(t, address)
	other := open(t, address) // the node that writes
	root := must[store.Account](t)(other.Accounts().Create(ctx, store.Account{Name: "root"}))
	must[store.Document](t)(other.Documents().Create(ctx, store.Document{Account: root.ID, Body: []byte(`{}`)}, nil))

	// An hour between readings: what arrives was woken, here or by the new connection.
	follower := store.NewFollower(s.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{Interval: time.Hour})
	told := make(chan int64, 1000)
	began := make(chan struct{}, 1)
	follower.Subscribe(func(_ context.Context, list []store.Change, reset bool) {
		if reset {
			began <- struct{}{}
		}
		for _, c := range list {
			told <- c.Seq
		}
	})
	fctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- follower.Run(fctx) }()
	defer func() { stop(); <-done }()
	<-began

	killer := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer killer.Close(context.Background()) //nolint:errcheck // nothing is pending
	next := must[store.Change](t)(s.Changes().Last(ctx)).Seq
	killed := 0
	for n := range 40 {
		if n%4 == 2 {
			var found int
			if err := killer.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND query LIKE 'LISTEN %'`).Scan(&found); err != nil {
				t.Fatal(err)
			}
			killed += found
		}
		must[store.Document](t)(other.Documents().Replace(ctx, store.Document{Account: root.ID, Body: []byte(`{}`)}, store.AnyRevision, nil))
		if n%4 == 1 { // now and then wait, so that the connection is there to be killed
			for next < int64(n)+3 {
				if got := receive(t, told); got != next+1 {
					t.Fatalf("change %d follows %d", got, next)
				}
				next++
			}
		}
	}
	for next < 42 {
		if got := receive(t, told); got != next+1 {
			t.Fatalf("change %d follows %d", got, next)
		}
		next++
	}
	if killed == 0 {
		t.Error("there never was a connection to kill")
	}
}

func receive(t *testing.T, told <-chan int64) int64 {
	t.Helper()
	select {
	case seq := <-told:
		return seq
	case <-time.After(20 * time.Second):
		t.Fatal("a change never arrived")
		return 0
	}
}

// TestSilentServer has a server that takes connections and answers nothing, as
// one behind a dead network does.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l := must[net.Listener](t)(net.Listen("unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432")))
	defer l.Close() //nolint:errcheck // the test is over
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() //nolint:errcheck // it lives as long as the listener
			go io.Copy(io.Discard, c)
		}
	}()
	began := time.Now()
	address := "postgres://postgres@/x?sslmode=disable&host=" + url.QueryEscape(filepath.Dir(l.Addr().String()))
	_, err := postgres.Open(t.Context(), address, postgres.Options{Timeout: 200 * time.Millisecond})
	if !errors.Is(err, store.ErrUnavailable) || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// TestLockedOut has another session hold the change counter: writes give up and say that others
// write, reads go on.
func TestLockedOut(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := must[*postgres.Store](t)(postgres.Open(ctx, address, postgres.Options{Timeout: 300 * time.Millisecond}))
	defer s.Close() //nolint:errcheck // the test is over
	blocker := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer blocker.Close(context.Background()) //nolint:errcheck // nothing is pending
	tx := must[pgx.Tx](t)(blocker.Begin(ctx))
	must[any](t)(tx.Exec(ctx, `UPDATE change_counter SET seq = seq`))
	var busy *aaa.Error
	if err := second(s.Accounts().Create(ctx, store.Account{})); !errors.As(err, &busy) || busy.Kind != aaa.KindBusy || busy.RetryAfter == 0 ||
		errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the write says %v", err)
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("the read says %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	must[store.Account](t)(s.Accounts().Create(ctx, store.Account{}))
}

// TestLastWordOfACommand has a short-lived process write and close: what it owes
// the listeners is sent before it goes.
func TestLastWordOfACommand(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := open(t, address)
	woken := s.Changes().Wake(ctx)
	wait := func(what string) {
		t.Helper()
		select {
		case <-woken:
		case <-time.After(20 * time.Second):
			t.Fatal("not woken ", what)
		}
	}
	wait("when it began to listen")
	for range 5 {
		cli := must[*postgres.Store](t)(postgres.Open(ctx, address, postgres.Options{}))
		root := must[store.Account](t)(cli.Accounts().Create(ctx, store.Account{}))
		if err := cli.Close(); err != nil {
			t.Fatal(err)
		}
		wait("by a write")
		if err := s.Accounts().Delete(ctx, root.ID, store.AnyRevision); err != nil {
			t.Fatal(err)
		}
		wait("by its own write")
	}
}
