package spool

import (
	"fmt"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// BenchmarkStore is records that are stored durably in SQLite, with 1,000 callers at once: seal, group, commit.
func BenchmarkStore(b *testing.B) {
	h := newHouse(b)
	h.allow(1<<40, 1<<40)
	s := h.spool()
	s.group.size.most = mostGrouped
	var n atomic.Int64
	values := aaa.Values{
		"Acct-Status-Type": "Start", "User-Name": "alice@example.net", "NAS-IP-Address": "192.0.2.1", "NAS-Port": "17", "Calling-Station-Id": "02-00-00-00-00-01",
		"Called-Station-Id": "02-00-00-00-00-02", "Framed-IP-Address": "198.51.100.7", "Acct-Session-Id": "0123456789abcdef",
	}
	b.SetParallelism(500)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := h.record(store.SpoolStart, fmt.Sprint("s", n.Add(1)))
			r.Values = values
			if err := s.Store(b.Context(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.N)/float64(h.store.appends.Load()), "records/transaction")
}
