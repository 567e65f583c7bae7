package spool

import (
	"context"
	"fmt"
	"slices"
	"sync"
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
