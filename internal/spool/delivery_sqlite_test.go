package spool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// backlog stores records of sessions of their own, many in one transaction.
func (h *house) backlog(s *Spool, n int) {
	h.t.Helper()
	for at := 0; at < n; {
		var list []store.SpoolRecord
		for ; len(list) < 500 && at < n; at++ {
			r := h.record(store.SpoolStart, fmt.Sprint("session", at))
			r.Keep = 24 * time.Hour
			s.complete(r, s.now())
			stored, err := Sealed(h.t.Context(), h.vault, r, s.now())
			h.must(err)
			list = append(list, stored)
		}
		_, err := h.store.Append(h.t.Context(), list)
		h.must(err)
	}
}

// TestRealStore: records come in by two nodes that deliver beside each other, on a real store. Those of a session go out in their order, all
// once, and nothing waits then.
func TestRealStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var mu sync.Mutex
	sent := make(map[string][]string)
	all := make(chan struct{})
	const sessions = 50
	n, taken := 0, 0
	deliver := func(_ context.Context, r *Record, v aaa.Values) (*aaa.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n%7 == 0 {
			return silence()
		}
		session, _ := v["session"].(string)
		sent[session] = append(sent[session], string(r.Kind))
		if taken++; taken == 3*sessions {
			close(all)
		}
		return accepted, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var under sync.WaitGroup
	var nodes []*Spool
	for _, name := range []string{"one", "two"} {
		s := h.spool(func(o *Options) { o.Node, o.Deliver = name, deliver })
		nodes = append(nodes, s)
		under.Go(func() { s.Run(ctx) })
	}
	for i := range sessions {
		for k, kind := range []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop} {
			h.must(nodes[(i+k)%2].Store(ctx, h.record(kind, fmt.Sprint("session", i))))
		}
	}
	<-all
	cancel()
	under.Wait()
	for session, kinds := range sent {
		if !slices.Equal(kinds, []string{"start", "interim", "stop"}) {
			t.Errorf("%s: %v", session, kinds)
		}
	}
	if c := h.counts(); c.Acknowledged != 3*sessions || c.Delivered != 3*sessions || c.Waiting != 0 {
		t.Errorf("the ledger: %+v", c)
	}
}

// claiming counts the octets of payloads that are claimed and not sent.
type claiming struct {
	*faulty
	mu         sync.Mutex
	each       map[string]int64
	held, most int64
}

func (c *claiming) Due(ctx context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) ([]store.SpoolRecord, error) {
	list, err := c.faulty.Due(ctx, now, lease, take)
	for _, r := range list {
		c.hold(r)
	}
	return list, err
}

func (c *claiming) Get(ctx context.Context, account aaa.AccountID, id string) (store.SpoolRecord, error) {
	r, err := c.faulty.Get(ctx, account, id)
	c.hold(r)
	return r, err
}

func (c *claiming) hold(r store.SpoolRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held += int64(len(r.Payload)) - c.each[r.ID]
	c.each[r.ID] = int64(len(r.Payload))
	c.most = max(c.most, c.held)
}

func (c *claiming) sent(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held -= c.each[id]
	delete(c.each, id)
}

// TestLargeRecords: an account whose records are as large as they may be takes a small part of a node's memory, however many are claimed at once, and all are
// delivered.
func TestLargeRecords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := &claiming{faulty: h.store, each: make(map[string]int64)}
	padding := strings.Repeat("0123456789abcdef", 15_000)
	const records = 150
	var left atomic.Int64
	left.Store(records)
	all := make(chan struct{})
	s := h.spool(func(o *Options) {
		o.Store = c
		o.Deliver = func(_ context.Context, r *Record, v aaa.Values) (*aaa.Result, error) {
			c.sent(r.ID)
			if v["padding"] != padding {
				t.Error("a record is not what it was")
			}
			if left.Add(-1) == 0 {
				close(all)
			}
			return accepted, nil
		}
	})
	for i := range records {
		r := h.record(store.SpoolStart, fmt.Sprint("session", i))
		r.Values["padding"] = padding
		h.must(s.Store(t.Context(), r))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var under sync.WaitGroup
	under.Go(func() { s.Run(ctx) })
	<-all
	cancel()
	under.Wait()
	if c.most > mostLargeOfAccount*350<<10 {
		t.Errorf("%d octets of payloads are in memory at once", c.most)
	}
	if got := h.counts(); got.Delivered != records {
		t.Errorf("the ledger: %+v", got)
	}
}

// BenchmarkDelivery delivers a backlog to one server that answers after 10 ms, 64 at once.
func BenchmarkDelivery(b *testing.B) {
	h := newHouse(b)
	const records = 10_000
	for b.Loop() {
		b.StopTimer()
		var mu sync.Mutex
		left := records
		all := make(chan struct{})
		s := h.spool(func(o *Options) {
			o.Width = func(aaa.AccountID) int { return 64 }
			o.Deliver = func(context.Context, *Record, aaa.Values) (*aaa.Result, error) {
				time.Sleep(10 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				if left--; left == 0 {
					close(all)
				}
				return accepted, nil
			}
		})
		h.backlog(s, records)
		ctx, cancel := context.WithCancel(b.Context())
		var under sync.WaitGroup
		b.StartTimer()
		under.Go(func() { s.Run(ctx) })
		<-all
		b.StopTimer()
		cancel()
		under.Wait()
		if c := h.counts(); c.Waiting != 0 {
			b.Fatalf("%+v", c)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
