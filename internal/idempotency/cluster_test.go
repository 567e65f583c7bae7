package idempotency

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// table is a store.Idempotency in memory, as several nodes share it.
type table struct {
	mu   sync.Mutex
	rows map[string]store.Remembered
	down bool
}

func keyOf(r store.Remembered) string { return string(r.Account) + string(r.Key[:]) }

func (s *table) Begin(_ context.Context, r store.Remembered, now time.Time) (*store.Remembered, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, store.ErrUnavailable
	}
	first, ok := s.rows[keyOf(r)]
	over := first.Answer == "" && !now.Before(first.Claim.Until) && first.Request == r.Request
	if ok && now.Before(first.Expires) && !over {
		return &first, nil
	}
	if s.rows == nil {
		s.rows = map[string]store.Remembered{}
	}
	s.rows[keyOf(r)] = r
	return nil, nil
}

func (s *table) Finish(_ context.Context, r store.Remembered) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return store.ErrUnavailable
	}
	if first := s.rows[keyOf(r)]; !first.Claim.Is(r.Claim) || first.Answer != "" {
		return store.ErrStale
	}
	s.rows[keyOf(r)] = r
	return nil
}

func (s *table) Forget(_ context.Context, r store.Remembered) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return store.ErrUnavailable
	}
	if first := s.rows[keyOf(r)]; first.Claim.Is(r.Claim) && first.Answer == "" {
		delete(s.rows, keyOf(r))
	}
	return nil
}

func (s *table) DeleteExpired(_ context.Context, now time.Time) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.rows {
		if !now.Before(r.Expires) {
			delete(s.rows, key)
			n++
		}
	}
	return n, nil
}

func (s *table) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// vault hides a text behind its account and purpose; it shares no key with the real one.
type vault struct{}

func (vault) Seal(_ context.Context, account aaa.AccountID, purpose, clear string) (string, error) {
	if len(clear) > 1<<20 {
		return "", errors.New("too long")
	}
	var hidden strings.Builder
	for _, b := range []byte(clear) {
		hidden.WriteByte(b ^ 0x80)
	}
	return string(account) + "|" + purpose + "|" + hidden.String(), nil
}

func (vault) Open(_ context.Context, account aaa.AccountID, purpose, sealed string) (aaa.Secret, error) {
	hidden, ok := strings.CutPrefix(sealed, string(account)+"|"+purpose+"|")
	if !ok {
		return aaa.Secret{}, errors.New("sealed for something else")
	}
	clear := []byte(hidden)
	for i := range clear {
		clear[i] ^= 0x80
	}
	return aaa.NewSecret(string(clear)), nil
}

func (vault) MAC(_ context.Context, account aaa.AccountID, purpose string, text []byte) ([sha256.Size]byte, error) {
	return sha256.Sum256(append([]byte("key"+string(account)+purpose), text...)), nil
}

// cluster is nodes on one store, and how often a request ran.
type cluster struct {
	t     *testing.T
	store *table
	nodes []*Keys
	runs  atomic.Int32
	told  atomic.Int32
	late  atomic.Int64 // how far the nodes' clocks are before the real one, in nanoseconds
}

func newCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, store: &table{}}
	for i := range n {
		c.nodes = append(c.nodes, New(Options{
			Store: c.store, Vault: vault{}, Node: "node" + string(rune('1'+i)), Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(time.Duration(c.late.Load())) },
		}))
	}
	return c
}

func (c *cluster) pass(d time.Duration) { c.late.Add(int64(d)) }

func request(key, body string) Request {
	return Request{Account: "a", Operation: "POST accounting", Key: key, Digest: sha256.Sum256([]byte(body))}
}

// do asks a node; the run gives what fn does, if fn is not nil.
func (c *cluster) do(ctx context.Context, node int, r Request, fn func() ([]byte, error)) (string, bool, error) {
	return c.doAs(ctx, c.nodes[node].Own(), node, r, fn)
}

// doAs is do of a process.
func (c *cluster) doAs(ctx context.Context, process *Runs, node int, r Request, fn func() ([]byte, error)) (string, bool, error) {
	run, ticket, kept, err := process.Begin(ctx, c.nodes[node], r, func(string) error { c.told.Add(1); return nil })
	if run == "" {
		return string(kept), kept != nil, err
	}
	var answer []byte
	defer func() { process.End(ctx, ticket, answer) }() // also after a panic
	c.runs.Add(1)
	if fn == nil {
		answer = []byte("answer of " + r.Key)
	} else if answer, err = fn(); err != nil {
		answer = nil
	}
	return string(answer), false, err
}

// want asks a node and checks the answer.
func (c *cluster) want(node int, r Request, answer string, replayed bool) {
	c.t.Helper()
	got, again, err := c.do(c.t.Context(), node, r, nil)
	if err != nil || got != answer || again != replayed {
		c.t.Errorf("node %d: %q, replayed %v, %v", node, got, again, err)
	}
}
