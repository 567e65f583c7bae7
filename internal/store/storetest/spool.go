package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// spooled is a record as it comes in at noon.
func spooled(account aaa.AccountID, id int, kind store.SpoolKind, session string) store.SpoolRecord {
	return store.SpoolRecord{
		Account: account, ID: fmt.Sprintf("%032d", id), Revision: 1, Kind: kind, Session: session, State: store.SpoolWaiting, Payload: fmt.Sprint("sealed ", id),
		AcctSessionID: "acct-" + session, User: "user-" + session,
		EventAt: noon.Add(-time.Second), ReceivedAt: noon, KeepUntil: noon.Add(24 * time.Hour), DueAt: noon,
	}
}

// add appends records and checks what becomes of them.
func add(t *testing.T, s store.Store, list []store.SpoolRecord, want ...store.SpoolAppended) {
	t.Helper()
	got := must[[]store.SpoolAppended](t)(s.Spool().Append(t.Context(), list))
	if len(want) == 0 {
		want = make([]store.SpoolAppended, len(list))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("what became of the records (-want +got):\n%s", diff)
	}
}

// dueRecords claims what is due until a minute later.
func dueRecords(t *testing.T, s store.Store, now time.Time) map[string]store.SpoolRecord {
	t.Helper()
	list := must[[]store.SpoolRecord](t)(s.Spool().Due(t.Context(), now, store.Lease{Node: "n", Until: now.Add(time.Minute)}, upTo(1000)))
	claimed := make(map[string]store.SpoolRecord)
	for _, r := range list {
		claimed[short(r.ID)] = r
	}
	return claimed
}

// short is the number of an id of spooled.
func short(id string) string {
	if id = strings.TrimLeft(id, "0"); id == "" {
		return "0"
	}
	return id
}

func settlement(r store.SpoolRecord, o store.SpoolOutcome, due time.Time) store.SpoolSettlement {
	return store.SpoolSettlement{
		Account: r.Account, ID: r.ID, Revision: r.Revision, Session: r.Session, Outcome: o, DueAt: due,
		Attempt: store.SpoolAttempt{At: noon, Node: "n", Server: "s1", Reason: "no answer"},
	}
}

func settle(t *testing.T, s store.Store, now time.Time, list ...store.SpoolSettlement) {
	t.Helper()
	ok(t, s.Spool().Settle(t.Context(), now, list))
}

// counts checks the ledger of an account by what it says and by the rows.
func counts(t *testing.T, s store.Store, account aaa.AccountID, want store.SpoolCounts) {
	t.Helper()
	got := must[store.SpoolCounts](t)(s.Spool().Counts(t.Context(), account))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ledger (-want +got):\n%s", diff)
	}
	rows, _ := must2[[]store.SpoolRecord, string](t)(s.Spool().List(t.Context(), account, store.SpoolFilter{}, store.Page{}))
	var are store.SpoolCounts
	for _, r := range rows {
		if r.Payload != "" {
			t.Errorf("a list has the payload of %s", r.ID)
		}
		are.Octets += int64(len(must[store.SpoolRecord](t)(s.Spool().Get(t.Context(), account, r.ID)).Payload))
		if r.State == store.SpoolParked {
			are.Parked++
		} else {
			are.Waiting++
		}
	}
	if are.Waiting != got.Waiting || are.Parked != got.Parked || are.Octets != got.Octets {
		t.Errorf("there are %d waiting and %d parked records of %d octets; the ledger says %+v", are.Waiting, are.Parked, are.Octets, got)
	}
	if sum := got.Waiting + got.Parked + got.Delivered + got.Replaced + got.Dropped; sum != got.Acknowledged {
		t.Errorf("%d were acknowledged, and %d accounted for", got.Acknowledged, sum)
	}
}

// must2 is must of two values.
func must2[T, U any](t *testing.T) func(v T, u U, err error) (T, U) {
	return func(v T, u U, err error) (T, U) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v, u
	}
}

// testSpool: a record is as it was stored, is claimed, and is gone when it is delivered.
func testSpool(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	r := spooled(a, 1, store.SpoolStart, "s")
	r.Digest, r.Lease = "d", store.Lease{Node: "holder", Until: noon.Add(10 * time.Second)}
	add(t, s, []store.SpoolRecord{r})
	if diff := cmp.Diff(r, must[store.SpoolRecord](t)(s.Spool().Get(t.Context(), a, r.ID))); diff != "" {
		t.Errorf("the stored record (-want +got):\n%s", diff)
	}
	if got := dueRecords(t, s, noon); len(got) != 0 {
		t.Errorf("a record with a lease is claimed: %v", got)
	}
	counts(t, s, a, store.SpoolCounts{Acknowledged: 1, Waiting: 1, Octets: 8, Oldest: noon})
	now := noon.Add(10 * time.Second)
	got := dueRecords(t, s, now)["1"]
	r.Revision, r.Lease = 2, store.Lease{Node: "n", Until: now.Add(time.Minute)}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("the claimed record (-want +got):\n%s", diff)
	}
	settle(t, s, now, settlement(got, store.SpoolFailed, now.Add(time.Second)))
	got = dueRecords(t, s, now.Add(time.Second))["1"]
	if got.Tries != 1 || len(got.Attempts) != 1 || got.Attempts[0] != (store.SpoolAttempt{At: noon, Node: "n", Server: "s1", Reason: "no answer"}) {
		t.Errorf("after an attempt: %+v", got)
	}
	settle(t, s, now, settlement(got, store.SpoolDelivered, time.Time{}))
	_, err := s.Spool().Get(t.Context(), a, r.ID)
	refused(t, err, store.ErrNotFound)
	counts(t, s, a, store.SpoolCounts{Acknowledged: 1, Delivered: 1})
	settle(t, s, now, settlement(got, store.SpoolDelivered, time.Time{}), settlement(got, store.SpoolRefused, time.Time{}))
	counts(t, s, a, store.SpoolCounts{Acknowledged: 1, Delivered: 1})
	// A long payload does not come with the claim.
	inline, long := spooled(a, 2, store.SpoolOther, ""), spooled(a, 3, store.SpoolOther, "")
	inline.Payload, long.Payload = strings.Repeat("s", store.MaxSpoolInline), strings.Repeat("l", store.MaxSpoolInline+1)
	add(t, s, []store.SpoolRecord{inline, long})
	due := dueRecords(t, s, now)
	if len(due) != 2 || due["2"].Payload != inline.Payload || due["3"].Payload != "" {
		t.Errorf("claimed are payloads of %d and %d octets", len(due["2"].Payload), len(due["3"].Payload))
	}
	if got := must[store.SpoolRecord](t)(s.Spool().Get(t.Context(), a, long.ID)); got.Payload != long.Payload || got.Revision != due["3"].Revision {
		t.Errorf("it has %d octets and revision %d", len(got.Payload), got.Revision)
	}
}

// testSpoolOrder: the records of a session go out one by one in the order of their kinds and ids, whatever comes of each.
func testSpoolOrder(t *testing.T, s store.Store) {
	a := aaa.NewAccountID()
	leased := spooled(a, 3, store.SpoolStop, "s")
	leased.Lease = store.Lease{Node: "holder", Until: noon.Add(10 * time.Second)}
	add(t, s, []store.SpoolRecord{leased, spooled(a, 2, store.SpoolInterim, "s"), spooled(a, 1, store.SpoolStart, "s"), spooled(a, 4, store.SpoolStart, "other"), spooled(a, 5, store.SpoolOther, "")},
		store.SpoolBehind, store.SpoolBehind, store.SpoolStored, store.SpoolStored, store.SpoolStored)
	only := func(now time.Time, want ...string) map[string]store.SpoolRecord {
		t.Helper()
		got := dueRecords(t, s, now)
		for _, id := range want {
			if _, there := got[id]; !there {
				t.Fatalf("at %v record %s is not due, but %v", now.Sub(noon), id, got)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("at %v: %d records are due, want %v", now.Sub(noon), len(got), want)
		}
		return got
	}
	got := only(noon, "1", "4", "5")
	settle(t, s, noon, settlement(got["1"], store.SpoolFailed, noon.Add(2*time.Hour)), settlement(got["4"], store.SpoolWithdrawn, time.Time{}), settlement(got["5"], store.SpoolGone, time.Time{}))
	only(noon.Add(time.Hour))
	now := noon.Add(2 * time.Hour)
	got = only(now, "1")
	settle(t, s, now, settlement(got["1"], store.SpoolRefused, time.Time{}))
	got = only(now, "2")
	settle(t, s, now, settlement(got["2"], store.SpoolReleased, now.Add(time.Second)))
	only(now)
	got = only(now.Add(time.Second), "2")
	settle(t, s, now, settlement(got["2"], store.SpoolDelivered, now))
	got = only(now, "3")
	counts(t, s, a, store.SpoolCounts{Acknowledged: 4, Waiting: 1, Parked: 1, Delivered: 1, Dropped: 1, Octets: 16, Oldest: noon})
	add(t, s, []store.SpoolRecord{spooled(a, 6, store.SpoolStop, "s")}, store.SpoolBehind)
	settle(t, s, now, settlement(got["3"], store.SpoolDelivered, now))
	only(now, "6")
}
