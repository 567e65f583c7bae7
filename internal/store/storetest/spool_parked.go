package storetest

import (
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// testSpoolParked: however many records wait whose time is over, all are parked with the reason, those behind them go on, and neither a younger record nor one that a
// node works on is touched.
func testSpoolParked(t *testing.T, s store.Store) {
	a, other := aaa.NewAccountID(), aaa.NewAccountID()
	const many = 1300 // more than one call parks
	var list []store.SpoolRecord
	for n := range many {
		list = append(list, spooled(a, n+1, store.SpoolStart, ""))
	}
	tried, behind := spooled(a, many+1, store.SpoolStart, "s"), spooled(a, many+2, store.SpoolStop, "s")
	behind.KeepUntil = noon.Add(48 * time.Hour)
	add(t, s, []store.SpoolRecord{tried, behind}, store.SpoolStored, store.SpoolBehind)
	settle(t, s, noon, settlement(dueRecords(t, s, noon)[short(tried.ID)], store.SpoolFailed, noon.Add(48*time.Hour)))
	now := noon.Add(24 * time.Hour)
	list[0].Lease = store.Lease{Node: "works", Until: now.Add(time.Minute)}
	add(t, s, list)
	add(t, s, []store.SpoolRecord{spooled(other, 1, store.SpoolStart, "")})
	park := func(account aaa.AccountID, at time.Time) (all int64) {
		t.Helper()
		for {
			n := must[int64](t)(s.Spool().Park(t.Context(), account, at, "n"))
			if all += n; n == 0 {
				return all
			}
		}
	}
	if n := park(a, now.Add(-time.Microsecond)); n != 0 {
		t.Errorf("%d are parked before their time", n)
	}
	if n := park(a, now); n != many {
		t.Errorf("%d are parked", n)
	}
	counts(t, s, a, store.SpoolCounts{Acknowledged: many + 2, Parked: many, Waiting: 2, Octets: octetsOf(append(list, tried, behind)), Oldest: noon})
	got := must[store.SpoolRecord](t)(s.Spool().Get(t.Context(), a, tried.ID))
	if n := len(got.Attempts); got.State != store.SpoolParked || n == 0 || got.Attempts[n-1].Reason != "no server took it within 24h0m0s; last: no answer" {
		t.Errorf("a parked record: %+v", got)
	}
	if due := dueRecords(t, s, now); due[short(behind.ID)].ID == "" {
		t.Errorf("behind a parked record is due: %v", due)
	}
	counts(t, s, other, store.SpoolCounts{Acknowledged: 1, Waiting: 1, Octets: 8, Oldest: noon})
}

func octetsOf(list []store.SpoolRecord) (n int64) {
	for _, r := range list {
		n += int64(len(r.Payload))
	}
	return n
}
