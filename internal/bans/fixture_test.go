package bans

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

const tenant aaa.AccountID = "a0000000000000000000000000000001"

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// clock is what the boards of a test go by.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: noon} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// away is a store that can be away.
type away struct {
	store.Bans
	gone, lost bool // lost: it writes, and its answer is lost
}

func (s *away) Merge(ctx context.Context, node string, number int64, now time.Time, keys []store.BanKey, merge func(int, store.Ban) store.Ban) ([]store.Ban, error) {
	if s.gone {
		return nil, store.ErrUnavailable
	}
	list, err := s.Bans.Merge(ctx, node, number, now, keys, merge)
	if s.lost {
		return nil, store.ErrUnavailable
	}
	return list, err
}

func (s *away) Since(ctx context.Context, after int64, limit int) ([]store.Ban, int64, error) {
	if s.gone {
		return nil, 0, store.ErrUnavailable
	}
	return s.Bans.Since(ctx, after, limit)
}

// node is one Board with its log.
type node struct {
	*Board
	t       *testing.T
	name    string
	store   *away
	logged  *bytes.Buffer
	account aaa.AccountID
}

// openStore makes an empty store.
func openStore(t *testing.T) store.Bans {
	t.Helper()
	s, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Bans()
}

// newNode makes a Board on a store, nil for one that is away.
func newNode(t *testing.T, name string, on store.Bans, c *clock) *node {
	t.Helper()
	n := &node{t: t, name: name, store: &away{Bans: on, gone: on == nil}, logged: new(bytes.Buffer), account: tenant}
	n.Board = New(Options{
		Store: n.store, Node: name, Key: [32]byte{1}, Now: c.now, Log: slog.New(slog.NewTextHandler(n.logged, nil)),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	return n
}

// policy scores by these keys, with the defaults.
func policy(by ...string) *Policy { return NewPolicy(tenant, aaa.Bans{By: by}) }

// banned reports whether a login is refused, and for how long.
func (n *node) banned(p *Policy, values aaa.Values) time.Duration {
	n.t.Helper()
	err := n.Refuse(n.account, []*Policy{p}, values)
	if err == nil {
		return 0
	}
	e, ok := err.(*aaa.Error) //nolint:errorlint // it is never wrapped
	if !ok || e.Kind != aaa.KindBanned || e.RetryAfter <= 0 {
		n.t.Fatalf("refused with %v", err)
	}
	return e.RetryAfter
}

// rejected has so many logins refused.
func (n *node) rejected(times int, p *Policy, values aaa.Values) {
	for range times {
		n.Rejected(n.account, []*Policy{p}, values)
	}
}

func user(name any) aaa.Values { return aaa.Values{"User-Name": name} }
