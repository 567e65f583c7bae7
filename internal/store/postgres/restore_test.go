package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/store"
)

// counted counts the readings of a change log.
type counted struct {
	store.Changes
	done atomic.Int64
}

func (c *counted) Since(ctx context.Context, after store.Change, limit int) ([]store.Change, bool, error) {
	defer c.done.Add(1)
	return c.Changes.Since(ctx, after, limit)
}

// TestRestore puts a database back as psql does with a dump: table by table, each to be seen at once, the change
// counter before the documents. A subscriber that finds no document is told to read once more.
func TestRestore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := open(t, address)
	root := must[store.Account](t)(s.Accounts().Create(ctx, store.Account{Name: "root"}))
	must[store.Document](t)(s.Documents().Create(ctx, store.Document{Account: root.ID, Body: []byte(`{}`)}, nil))

	log := &counted{Changes: s.Changes()}
	follower := store.NewFollower(log, slog.New(slog.DiscardHandler), store.FollowerOptions{
		Interval: 10 * time.Millisecond, Again: []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second},
	})
	found := make(chan error, 100)
	follower.Subscribe(func(ctx context.Context, _ []store.Change, _ bool) {
		found <- second(s.Documents().Get(ctx, root.ID))
	})
	fctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- follower.Run(fctx) }()
	defer func() { stop(); <-done }()
	if err := <-found; err != nil {
		t.Fatal(err)
	}

	admin := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer admin.Close(ctx) //nolint:errcheck // the test is over
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	incomplete := func(when string) {
		t.Helper()
		for what, err := range map[string]error{
			"ping":  s.Ping(ctx),
			"write": second(s.Accounts().Create(ctx, store.Account{ParentID: root.ID})),
			"sync":  follower.Sync(ctx),
		} {
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNoTables) {
				t.Errorf("%s: %s says %v", when, what, err)
			}
		}
		for from := log.done.Load(); log.done.Load() < from+2; { // the follower reads, too: the second began after from
			runtime.Gosched()
		}
	}
	exec(`CREATE TABLE saved_counter AS TABLE change_counter; CREATE TABLE saved_documents AS TABLE documents`)
	exec(`DROP TABLE change_counter; DELETE FROM documents`)
	incomplete("without tables")
	exec(`CREATE TABLE change_counter (id integer PRIMARY KEY, seq bigint NOT NULL)`)
	incomplete("without a counter")
	exec(`INSERT INTO change_counter TABLE saved_counter`) // where it was before
	if err := <-found; !errors.Is(err, store.ErrNotFound) {
		t.Errorf("at first the document says %v", err)
	}
	exec(`INSERT INTO documents TABLE saved_documents`)
	for again := 0; ; again++ { // the first may have come before the document
		err := <-found
		if err == nil {
			break
		}
		if again == 2 {
			t.Fatalf("in the end the document says %v", err)
		}
	}
}
