package spool

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/journal"
	"aaa-api/internal/store"
)

// onDisk opens the journal of a process in a folder.
func (h *house) onDisk(folder string) *journal.Journal {
	h.t.Helper()
	j, err := journal.Open(folder, [32]byte{1}, slog.New(slog.NewTextHandler(h.log, nil)), journal.Options{SegmentOctets: 64 << 10})
	h.must(err)
	return j
}

// TestJournalOnDisk: what a process put into the journal's files while the store was away gets into the store by the next process, each record
// once. One that was delivered does not, and an entry that can't be read stays.
func TestJournalOnDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	folder := t.TempDir()
	j := h.onDisk(folder)
	fallen := h.spool(func(o *Options) { o.Journal = j })
	h.warm(fallen)
	h.store.set(func() { h.store.away = true })
	held := h.hold(fallen, store.SpoolStart, "delivered")
	h.settle(held, store.SpoolDelivered)
	h.must(j.Append(t.Context(), [][]byte{[]byte("not an entry")}))
	const n = 200
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			for k := range n / 20 {
				if err := fallen.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint(g, "-", k))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h.must(j.Close())

	j = h.onDisk(folder)
	defer func() { h.must(j.Close()) }()
	s := h.spool(func(o *Options) { o.Journal = j })
	s.pass(t.Context())
	if entries, _ := j.Len(); entries != n+3 || len(h.rows()) != 0 {
		t.Fatalf("%d entries while the store is away", entries)
	}
	h.store.set(func() { h.store.away = false })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.intake.run(ctx) })
	for taken := 0; taken < 20; taken++ { // beside the mover
		h.must(s.Store(t.Context(), h.record(store.SpoolStart, fmt.Sprint("beside", taken))))
	}
	stop()
	running.Wait()
	s.pass(t.Context())
	if entries, _ := j.Len(); entries != 1 {
		t.Errorf("%d entries are left", entries)
	}
	if c := h.counts(); c.Waiting != n+20 || len(h.rows()) != n+20 {
		t.Errorf("the ledger has %+v", c)
	}
}

// BenchmarkStoreAway is records that are stored durably in the journal, with 1,000 callers at once.
func BenchmarkStoreAway(b *testing.B) {
	h := newHouse(b)
	h.allow(1<<40, 1<<40)
	j, err := journal.Open(b.TempDir(), [32]byte{1}, slog.New(slog.DiscardHandler), journal.Options{MaxOctets: 1 << 40})
	h.must(err)
	defer func() { h.must(j.Close()) }()
	s := h.spool(func(o *Options) { o.Journal = j })
	h.must(s.Store(b.Context(), h.record(store.SpoolStart, "warm")))
	h.store.set(func() { h.store.away = true })
	s.group.size.most = mostGrouped
	s.gone(store.ErrUnavailable)
	var n atomic.Int64
	b.SetParallelism(500)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := h.record(store.SpoolStart, fmt.Sprint("s", n.Add(1)))
			r.Values = aaa.Values{"Acct-Status-Type": "Start", "User-Name": "alice@example.net", "NAS-IP-Address": "192.0.2.1", "Acct-Session-Id": "0123456789abcdef"}
			if err := s.Store(b.Context(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
