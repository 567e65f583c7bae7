package storetest

import (
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// testSpoolInterims: a newer Interim record takes the place of older ones that wait without a lease, in the store and in its own list.
func testSpoolInterims(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	interim := func(id int) store.SpoolRecord { return spooled(a, id, store.SpoolInterim, "s") }
	add(t, s, []store.SpoolRecord{interim(1), spooled(a, 2, store.SpoolInterim, "other"), spooled(a, 3, store.SpoolInterim, "")})
	held := interim(4)
	held.Lease = store.Lease{Node: "holder", Until: noon.Add(10 * time.Second)}
	add(t, s, []store.SpoolRecord{held}, store.SpoolStored)
	if got := must[store.SpoolRecord](t)(s.Spool().Get(t.Context(), a, held.ID)); !got.Lease.Is(held.Lease) {
		t.Errorf("what it replaces has taken its lease: %+v", got)
	}
	counts(t, s, a, store.SpoolCounts{Acknowledged: 4, Waiting: 3, Replaced: 1, Octets: 24, Oldest: noon})
	// One that is under way stays, and what comes then waits for it.
	add(t, s, []store.SpoolRecord{interim(6), interim(5), spooled(a, 7, store.SpoolStop, "s")}, store.SpoolBehind, store.SpoolBehind, store.SpoolBehind)
	counts(t, s, a, store.SpoolCounts{Acknowledged: 7, Waiting: 5, Replaced: 2, Octets: 40, Oldest: noon})
	got := dueRecords(t, s, noon)
	if len(got) != 2 || got["2"].ID == "" || got["3"].ID == "" {
		t.Errorf("%v are due", got)
	}
	settle(t, s, noon, store.SpoolSettlement{Account: a, ID: held.ID, Outcome: store.SpoolDelivered})
	if got := dueRecords(t, s, noon); len(got) != 1 || got["6"].ID == "" {
		t.Errorf("%v are due", got)
	}
	// An older one that comes late replaces nothing.
	add(t, s, []store.SpoolRecord{spooled(a, 0, store.SpoolInterim, "other")})
	counts(t, s, a, store.SpoolCounts{Acknowledged: 8, Waiting: 5, Replaced: 2, Delivered: 1, Octets: 40, Oldest: noon})
}

// testSpoolRepeated: a record is stored once, whether its id comes again or its digest.
func testSpoolRepeated(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	digest := func(id int, kind store.SpoolKind, session, digest string, after time.Duration) store.SpoolRecord {
		r := spooled(a, id, kind, session)
		r.Digest, r.EventAt = digest, r.EventAt.Add(after)
		return r
	}
	const stored, behind, repeated = store.SpoolStored, store.SpoolBehind, store.SpoolRepeated
	first := []store.SpoolRecord{digest(1, store.SpoolStart, "s", "d", 0), spooled(a, 2, store.SpoolOther, ""), digest(3, store.SpoolInterim, "i", "d", 0)}
	add(t, s, first, stored, stored, stored)
	add(t, s, first, repeated, repeated, repeated)
	add(t, s, []store.SpoolRecord{
		digest(10, store.SpoolStart, "s", "d", time.Hour),
		digest(11, store.SpoolStop, "s", "d", 0),
		digest(12, store.SpoolStop, "s", "d", time.Minute), // repeats one of its list
		digest(13, store.SpoolStart, "s", "another", 0),
		digest(14, store.SpoolStart, "another", "d", 0),
		digest(15, store.SpoolInterim, "i", "d", 2*time.Second),
		digest(16, store.SpoolInterim, "i", "d", -2*time.Second),
		digest(17, store.SpoolStart, "s", "", 0),
		digest(17, store.SpoolStart, "s", "", 0),
	}, repeated, behind, repeated, behind, stored, repeated, repeated, behind, repeated)
	add(t, s, []store.SpoolRecord{digest(18, store.SpoolInterim, "i", "d", 2*time.Second+time.Microsecond)}, stored)
	other := digest(20, store.SpoolStart, "s", "d", 0)
	other.Account = aaa.NewAccountID()
	add(t, s, []store.SpoolRecord{other}, stored)
	counts(t, s, a, store.SpoolCounts{Acknowledged: 8, Waiting: 7, Replaced: 1, Octets: must[store.SpoolCounts](t)(s.Spool().Counts(t.Context(), a)).Octets, Oldest: noon})

	// A list whose end was not heard of comes again with others.
	var list []store.SpoolRecord
	for n := range 20 {
		list = append(list, spooled(a, 100+n, store.SpoolOther, ""))
	}
	add(t, s, list[5:15])
	want := make([]store.SpoolAppended, len(list))
	for n := 5; n < 15; n++ {
		want[n] = repeated
	}
	add(t, s, list, want...)
	now := must[store.SpoolCounts](t)(s.Spool().Counts(t.Context(), a))
	counts(t, s, a, store.SpoolCounts{Acknowledged: 28, Waiting: 27, Replaced: 1, Octets: now.Octets, Oldest: noon})

	// A parked record is stored, too.
	got := dueRecords(t, s, noon)["1"]
	settle(t, s, noon, settlement(got, store.SpoolRefused, time.Time{}))
	add(t, s, []store.SpoolRecord{digest(30, store.SpoolStart, "s", "d", 0)}, repeated)
	settle(t, s, noon, settlement(got, store.SpoolDelivered, time.Time{}))
	add(t, s, []store.SpoolRecord{digest(31, store.SpoolStart, "s", "d", 0)}, behind)
}

// testSpoolBehind: a record that waits for another one has no lease and is put off, and the end of the other makes it due whatever that is.
func testSpoolBehind(t *testing.T, s store.Store) {
	ctx := t.Context()
	for name, end := range map[string]func(a aaa.AccountID, first store.SpoolRecord){
		"delivered": func(_ aaa.AccountID, first store.SpoolRecord) {
			settle(t, s, noon, settlement(first, store.SpoolDelivered, time.Time{}))
		},
		"refused": func(_ aaa.AccountID, first store.SpoolRecord) {
			settle(t, s, noon, settlement(first, store.SpoolRefused, time.Time{}))
		},
		"withdrawn": func(_ aaa.AccountID, first store.SpoolRecord) {
			settle(t, s, noon, settlement(first, store.SpoolWithdrawn, time.Time{}))
		},
		"gone": func(_ aaa.AccountID, first store.SpoolRecord) {
			settle(t, s, noon, settlement(first, store.SpoolGone, time.Time{}))
		},
		"dropped": func(a aaa.AccountID, first store.SpoolRecord) {
			settle(t, s, noon, settlement(first, store.SpoolFailed, noon.Add(time.Hour)))
			if n := must[int64](t)(s.Spool().Drop(ctx, a, store.SpoolFilter{ID: first.ID})); n != 1 {
				t.Errorf("%d dropped", n)
			}
		},
	} {
		a := aaa.NewAccountID()
		add(t, s, []store.SpoolRecord{spooled(a, 1, store.SpoolStart, "s")})
		stop := spooled(a, 2, store.SpoolStop, "s")
		stop.Lease = store.Lease{Node: "holder", Until: noon.Add(10 * time.Second)}
		add(t, s, []store.SpoolRecord{stop}, store.SpoolBehind)
		if got := must[store.SpoolRecord](t)(s.Spool().Get(ctx, a, stop.ID)); !got.Lease.Until.IsZero() || !got.DueAt.After(noon) {
			t.Errorf("behind another one: %+v", got)
		}
		first := dueRecords(t, s, noon)["1"]
		settle(t, s, noon, settlement(first, store.SpoolReleased, noon))
		// What is behind a record is passed over as often as it is due.
		for _, at := range []time.Duration{time.Minute, 2 * time.Minute} {
			got := dueRecords(t, s, noon.Add(at))
			if first = got["1"]; len(got) != 1 {
				t.Fatalf("%s: %v are due", name, got)
			}
			if at == time.Minute {
				settle(t, s, noon, settlement(first, store.SpoolFailed, noon.Add(2*time.Minute)))
			}
		}
		end(a, first)
		got := dueRecords(t, s, noon)
		if len(got) != 1 || got["2"].ID == "" {
			t.Errorf("%s: then %v are due", name, got)
		}
		settle(t, s, noon, settlement(got["2"], store.SpoolDelivered, time.Time{}))
	}
}

// testSpoolRecover: what failed is due at once when its servers answer again, but for what a node works on and what waits for others.
func testSpoolRecover(t *testing.T, s store.Store) {
	a, other := aaa.NewAccountID(), aaa.NewAccountID()
	var list []store.SpoolRecord
	for n := range 600 {
		list = append(list, spooled(a, n, store.SpoolStart, ""))
	}
	list = append(list, spooled(a, 1000, store.SpoolStart, "s"), spooled(a, 1001, store.SpoolStart, "held"), spooled(other, 2000, store.SpoolStart, ""))
	add(t, s, list)
	add(t, s, []store.SpoolRecord{spooled(a, 1002, store.SpoolStop, "s")}, store.SpoolBehind)
	var out []store.SpoolSettlement
	for id, r := range dueRecords(t, s, noon) {
		if id != "1001" {
			out = append(out, settlement(r, store.SpoolFailed, noon.Add(time.Hour)))
		}
	}
	settle(t, s, noon, out...)
	now := noon.Add(time.Second)
	if n := must[int64](t)(s.Spool().Recover(t.Context(), a, now)); n != 601 {
		t.Errorf("%d recovered", n)
	}
	if n := must[int64](t)(s.Spool().Recover(t.Context(), a, now)); n != 0 {
		t.Errorf("%d recovered again", n)
	}
	if got := dueRecords(t, s, now); len(got) != 601 || got["1002"].ID != "" || got["1001"].ID != "" {
		t.Errorf("%d are due", len(got))
	}
}

// testSpoolSettled: the outcome of a claim that another one has followed has no effect, but for a delivery; an attempt is remembered, up to a bound.
func testSpoolSettled(t *testing.T, s store.Store) {
	ctx := t.Context()
	a := aaa.NewAccountID()
	add(t, s, []store.SpoolRecord{spooled(a, 1, store.SpoolStart, "s")})
	stale := dueRecords(t, s, noon)["1"]
	now := noon.Add(time.Minute)
	fresh := dueRecords(t, s, now)["1"]
	for _, o := range []store.SpoolOutcome{store.SpoolFailed, store.SpoolRefused, store.SpoolWithdrawn, store.SpoolReleased, store.SpoolGone} {
		settle(t, s, now, settlement(stale, o, now))
	}
	if got := must[store.SpoolRecord](t)(s.Spool().Get(ctx, a, fresh.ID)); got.Revision != fresh.Revision || !got.Lease.Is(fresh.Lease) {
		t.Errorf("a claim that is over has left %+v", got)
	}
	for range store.MaxSpoolAttempts + 2 {
		settle(t, s, now, settlement(fresh, store.SpoolFailed, now))
		fresh = dueRecords(t, s, now)["1"]
	}
	if fresh.Tries != store.MaxSpoolAttempts+2 || len(fresh.Attempts) != store.MaxSpoolAttempts {
		t.Errorf("%d tries, of which %d are remembered", fresh.Tries, len(fresh.Attempts))
	}
	settle(t, s, now, settlement(fresh, store.SpoolRefused, time.Time{}))
	got := must[store.SpoolRecord](t)(s.Spool().Get(ctx, a, fresh.ID))
	if got.State != store.SpoolParked || !got.ParkedAt.Equal(now) || !got.DueAt.IsZero() || !got.Lease.Until.IsZero() {
		t.Errorf("a parked record: %+v", got)
	}
	if got := dueRecords(t, s, now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("%v are due", got)
	}
	counts(t, s, a, store.SpoolCounts{Acknowledged: 1, Parked: 1, Octets: 8})
	settle(t, s, now, settlement(stale, store.SpoolDelivered, now))
	counts(t, s, a, store.SpoolCounts{Acknowledged: 1, Delivered: 1})
}
