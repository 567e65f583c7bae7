package spool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestTroubledNodes: two nodes take records of sessions, and clients repeat them at both while they are under way; servers take, refuse or drop them, and the
// store fails, before a commit and after it. What was told to be taken is delivered or parked, and the ledger adds up.
func TestTroubledNodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var trouble atomic.Bool
	trouble.Store(true)
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(3, 4))
	throw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	h.store.set(func() {
		h.store.fault = func([]store.SpoolRecord) (bool, error) {
			if !trouble.Load() {
				return false, nil
			}
			switch throw(20) {
			case 0:
				return true, store.ErrUnavailable
			case 1:
				return false, store.ErrUnavailable
			}
			return false, nil
		}
	})
	took := make(map[string]bool) // by digest
	server := func(r *Record) (*aaa.Result, error) {
		if trouble.Load() {
			time.Sleep(time.Duration(throw(5)) * time.Millisecond)
			switch throw(10) {
			case 0, 1:
				return silence()
			case 2, 3:
				return &aaa.Result{Outcome: aaa.Reject, Server: "main"}, nil
			}
		}
		mu.Lock()
		defer mu.Unlock()
		took[r.Digest] = true
		return accepted, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var under sync.WaitGroup
	var nodes []*Spool
	for _, name := range []string{"one", "two"} {
		s := h.spool(func(o *Options) {
			o.Node, o.Journal = name, &paper{drained: make(chan struct{}, 1)}
			o.Deliver = func(_ context.Context, r *Record, _ aaa.Values) (*aaa.Result, error) { return server(r) }
		})
		nodes = append(nodes, s)
		under.Go(func() { s.Run(ctx) })
	}
	acked := make(map[string]string) // digest: what
	var clients sync.WaitGroup
	for i := range 60 {
		clients.Go(func() {
			session := fmt.Sprint("session", i)
			for _, kind := range []store.SpoolKind{store.SpoolStart, store.SpoolStop} {
				r := h.record(kind, session)
				r.EventAt = time.Now()
				var tries sync.WaitGroup
				for range 3 {
					tries.Go(func() {
						again := *r
						time.Sleep(time.Duration(throw(8)) * time.Millisecond)
						res, kept, err := nodes[throw(2)].Take(t.Context(), &again, func(context.Context, aaa.Values) (*aaa.Result, error) { return server(&again) })
						mu.Lock()
						defer mu.Unlock()
						switch {
						case kept:
							acked[r.Digest] = "stored"
						case err == nil && res.Outcome == aaa.Accept:
							acked[r.Digest] = "accepted"
						case err != nil:
							var e *aaa.Error
							if !errors.As(err, &e) {
								t.Errorf("%v", err)
							}
						}
					})
				}
				tries.Wait()
			}
		})
	}
	clients.Wait()
	trouble.Store(false)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		left := int64(0)
		for _, s := range nodes {
			n, _ := s.o.Journal.Len()
			left += n
		}
		if c := h.counts(); c.Waiting == 0 && left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %d in the journals", h.counts(), left)
		}
	}
	cancel()
	under.Wait()
	parked := make(map[string]bool)
	for _, r := range h.rows() {
		parked[r.Digest] = true
	}
	mu.Lock()
	defer mu.Unlock()
	for digest, what := range acked {
		if !took[digest] && !parked[digest] {
			t.Errorf("a record that was %s is lost", what)
		}
	}
	if c := h.counts(); c.Acknowledged != c.Parked+c.Delivered+c.Replaced+c.Dropped {
		t.Errorf("the ledger: %+v", c)
	}
}
