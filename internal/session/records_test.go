package session

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestRecordIDs: the records of a session have ids of their own, the later Interim the greater one, and one that is handed over again
// has the id that it had.
func TestRecordIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.terms.Documents[0].InterimInterval = 60
	sid := w.start(m).SID
	_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	for range 12 {
		w.clock.pass(time.Minute)
		m.settle(w.ctx)
	}
	list := w.aaa.records()
	ids := make([]string, 0, len(list))
	for i, r := range list {
		if len(r.ID) != 32 || r.Account != w.mine || r.Session != list[0].Session || (r.Kind == store.SpoolInterim) != (i > 0) {
			t.Errorf("record %d: %+v", i, r)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) != 13 || !slices.IsSorted(ids[1:]) || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 13 {
		t.Errorf("the ids are %v", ids)
	}

	// The node falls after it has handed over an Interim, and again with the Stop.
	w.clock.pass(time.Minute)
	claimed, err := w.store.Sessions().Due(w.ctx, m.now(), m.lease(m.now()), func(aaa.AccountID) bool { return true })
	w.must(err)
	s, err := m.open(w.ctx, claimed[0])
	w.must(err)
	s.Records++
	_, err = m.account(w.ctx, s, store.SpoolInterim, m.now())
	w.must(err)
	w.clock.pass(leaseTime)
	m.settle(w.ctx)
	if again := w.aaa.records(); len(again) != 2 || again[0].ID != again[1].ID || again[0].ID <= ids[12] {
		t.Errorf("an Interim that is handed over again: %+v", again)
	}
	if other := w.opened(m, nil); other == sid {
		t.Fatal("one session twice")
	}
}

// TestAfterTheStop: a session that is closed takes no report and is opened by none, and a Stop without counters has the last ones.
func TestAfterTheStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, aaa.Values{"Acct-Interim-Interval": json.Number("60")})
	_, err := m.ReportSession(w.ctx, w.mine, sid, used(5<<32+7, 11, 13, 17), nil)
	w.must(err)
	_, err = m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
	w.must(err)
	before := w.is(m, sid, Closed, CauseUserRequest)
	stops := w.aaa.take()
	if len(stops) != 1 {
		t.Fatalf("%d records", len(stops))
	}
	for key, want := range map[string]uint64{
		"Acct-Input-Octets": 7, "Acct-Input-Gigawords": 5, "Acct-Output-Octets": 11, "Acct-Input-Packets": 13, "Acct-Output-Packets": 17,
	} {
		if stops[0][key] != number(want) {
			t.Errorf("%s is %v, want %d", key, stops[0][key], want)
		}
	}
	_, err = m.ReportSession(w.ctx, w.mine, sid, used(9<<32), nil)
	w.refused(err, aaa.KindConflict)
	w.clock.pass(time.Hour)
	m.settle(w.ctx)
	after := w.is(m, sid, Closed, CauseUserRequest)
	list, _, err := m.Sessions(w.ctx, w.mine, aaa.SessionFilter{}, store.Page{})
	w.must(err)
	if diff := cmp.Diff(before, after); diff != "" || len(list) != 1 || len(w.aaa.take()) != 0 {
		t.Errorf("an Interim after the Stop leaves %d sessions (-before +after):\n%s", len(list), diff)
	}
}

// TestClassAndIdentity: all Class attributes of the accept and its Chargeable-User-Identity go with every record, in order.
func TestClassAndIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	class := []any{"0x00ff", "0x30", "0x", "0x0102", "0x30"}
	sid := w.opened(m, aaa.Values{"Class": class, "Chargeable-User-Identity": "0x00", "Acct-Interim-Interval": json.Number("60")})
	w.clock.pass(time.Minute)
	m.settle(w.ctx)
	_, err := m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
	w.must(err)
	list := w.aaa.take()
	if len(list) != 2 {
		t.Fatalf("%d records", len(list))
	}
	for _, r := range list {
		if diff := cmp.Diff(class, r["Class"]); diff != "" || r["Chargeable-User-Identity"] != "0x00" {
			t.Errorf("%v with %v (-want +got):\n%s", r["Acct-Status-Type"], r["Chargeable-User-Identity"], diff)
		}
	}
}
