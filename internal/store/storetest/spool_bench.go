package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// BenchmarkSpool measures how long a record takes on its way through the store, and how much time of processors: appended and settled in
// groups by two writers at once, and claimed. single makes an autocommit insert of one record beside it, and used says how much time of
// processors the store has had.
func BenchmarkSpool(b *testing.B, s store.Store, single func(r store.SpoolRecord) error, used func() time.Duration) {
	const group, writers = 512, 2
	accounts := make([]aaa.AccountID, 10)
	for i := range accounts {
		accounts[i] = aaa.NewAccountID()
	}
	var last atomic.Int64
	payload := strings.Repeat("sealed, ", 100)
	fresh := func(now time.Time, sessions bool) store.SpoolRecord {
		n := last.Add(1)
		r := store.SpoolRecord{
			Account: accounts[n%int64(len(accounts))], ID: fmt.Sprintf("%032x", n), Kind: store.SpoolStart, Payload: payload,
			AcctSessionID: fmt.Sprintf("acct-%d", n), User: "user@example.net", EventAt: now, ReceivedAt: now, KeepUntil: now.Add(24 * time.Hour), DueAt: now,
		}
		if sessions {
			r.Session, r.Digest = fmt.Sprintf("%064x", uint64(n)*0x9e3779b97f4a7c15), fmt.Sprintf("%064x", n)
		}
		return r
	}
	each := func(b *testing.B, n int, do func(n int)) {
		b.Helper()
		began := used()
		var wg sync.WaitGroup
		var left atomic.Int64
		left.Store(int64(n))
		for range writers {
			wg.Go(func() {
				for {
					have := left.Add(-group)
					if have <= -group {
						return
					}
					do(int(min(group, group+have)))
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		b.ReportMetric(float64((used()-began).Microseconds())/float64(n), "cpu-µs/record")
	}
	appended := func(b *testing.B, n int, sessions bool, lease store.Lease) []store.SpoolRecord {
		b.Helper()
		list := make([]store.SpoolRecord, n)
		now := time.Now().UTC()
		for i := range list {
			list[i] = fresh(now, sessions)
			list[i].Lease = lease
		}
		out, err := s.Spool().Append(b.Context(), list)
		if err != nil || len(out) != n || out[0] != store.SpoolStored {
			b.Error(err)
		}
		return list
	}
	delivered := func(list []store.SpoolRecord) []store.SpoolSettlement {
		out := make([]store.SpoolSettlement, len(list))
		for i, r := range list {
			out[i] = store.SpoolSettlement{Account: r.Account, ID: r.ID, Revision: r.Revision, Session: r.Session}
		}
		return out
	}
	b.Run("answered", func(b *testing.B) {
		each(b, b.N, func(n int) {
			list := appended(b, n, true, store.Lease{Node: "n", Until: time.Now().UTC().Add(time.Minute)})
			if err := s.Spool().Settle(b.Context(), time.Now(), delivered(list)); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("append without sessions", func(b *testing.B) {
		each(b, b.N, func(n int) { appended(b, n, false, store.Lease{}) })
	})
	b.Run("append", func(b *testing.B) {
		each(b, b.N, func(n int) { appended(b, n, true, store.Lease{}) })
	})
	b.Run("single", func(b *testing.B) {
		for b.Loop() {
			if err := single(fresh(time.Now().UTC(), true)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
	now := time.Now()
	b.Run("due and settle", func(b *testing.B) {
		var claiming, settling time.Duration
		for n := 0; n < b.N; {
			began := used()
			left := min(1000, b.N-n)
			list, err := s.Spool().Due(b.Context(), now, store.Lease{Node: "n", Until: now.Add(time.Hour)}, func(aaa.AccountID) bool { left--; return left >= 0 })
			if err != nil {
				b.Fatal(err)
			}
			if len(list) == 0 {
				b.Skip("too few records")
			}
			claiming += used() - began
			began = used()
			if err := s.Spool().Settle(b.Context(), now, delivered(list)); err != nil {
				b.Fatal(err)
			}
			settling += used() - began
			n += len(list)
		}
		b.ReportMetric(float64(claiming.Microseconds())/float64(b.N), "cpu-µs/claim")
		b.ReportMetric(float64(settling.Microseconds())/float64(b.N), "cpu-µs/settle")
	})
}

// Used is how much time of processors this process has had.
func Used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// InsertRecord is the autocommit insert, with the arguments of RecordArgs.
const InsertRecord = `INSERT INTO spool (account_id, id, revision, kind, session, digest, state, payload, acct_session_id, user_name,
	event_at, received_at, keep_until, due_at, node, tries, attempts, server, line)
	VALUES ($1, $2, 1, 0, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, '', 0, '', '', $12)`

// RecordArgs are the arguments of InsertRecord.
func RecordArgs(r store.SpoolRecord) []any {
	micro := func(t time.Time) time.Time { return t.Truncate(time.Microsecond) }
	return []any{
		string(r.Account), r.ID, r.Session, r.Digest, r.Payload, r.AcctSessionID, r.User,
		micro(r.EventAt), micro(r.ReceivedAt), micro(r.KeepUntil), micro(r.DueAt), rand.Int64(),
	}
}
