package sqlstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/store"
)

// backlog is a driver with rows to prune, of which one statement can take so many in its time and no more.
type backlog struct {
	Driver
	rows, able int64
}

func (b *backlog) Write(ctx context.Context, fn func(ctx context.Context, tx Conn) error) error {
	return fn(ctx, b)
}

// Query deletes as Exec does, and tells of each row whose it was.
func (b *backlog) Query(ctx context.Context, row func(scan Scan) error, query string, args ...any) error {
	n, err := b.Exec(ctx, query, args...)
	for range n {
		err = errors.Join(err, row(func(to ...any) error { *to[0].(*string) = "account"; return nil }))
	}
	return err
}

func (b *backlog) Exec(_ context.Context, query string, args ...any) (int64, error) {
	if strings.HasPrefix(query, "UPDATE") {
		return 1, nil
	}
	n := b.rows
	if limit, ok := args[len(args)-1].(int64); ok {
		n = min(n, limit)
	}
	if n > b.able {
		return 0, store.ErrUnavailable
	}
	b.rows -= n
	return n, nil
}

func TestALargeBacklogIsPruned(t *testing.T) {
	const rows = 3*1000 + 7
	for name, run := range map[string]func(*Store) (int, error){
		"sessions": func(s *Store) (int, error) { return s.Sessions().DeleteEnded(t.Context(), time.Now()) },
		"tokens":   func(s *Store) (int, error) { return s.Tokens().DeleteExpired(t.Context(), time.Now()) },
		"changes":  func(s *Store) (int, error) { return rows, s.Changes().Prune(t.Context(), time.Now()) },
	} {
		b := &backlog{rows: rows, able: 1000}
		if n, err := run(New(b)); n != rows || err != nil || b.rows != 0 {
			t.Errorf("%s: %d pruned, %d left, %v", name, n, b.rows, err)
		}
		b = &backlog{rows: rows, able: 1}
		if _, err := run(New(b)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: a failure gives %v", name, err)
		}
	}
}
