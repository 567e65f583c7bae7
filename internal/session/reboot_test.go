package session

import (
	"fmt"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestRebooted: a NAS that begins its accounting anew ends the sessions that one account opened through it before, each with a Stop of
// that time. Those of another NAS, of another account, and those begun since are left alone, and the second time nothing is left to do.
func TestRebooted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.terms.NAS = []string{"ident", "NAS-IP-Address", "NAS-IPv6-Address"}
	open := func(account aaa.AccountID, key, nas string) string {
		t.Helper()
		a, err := m.StartSession(w.ctx, &aaa.Request{ID: aaa.NewID(), Account: account, Values: aaa.Values{"login": "alice", key: nas}})
		w.must(err)
		_, err = m.OpenSession(w.ctx, account, a.SID, nil)
		w.must(err)
		return a.SID
	}
	gone := map[string]bool{}
	for range 3 {
		gone[open(w.mine, "NAS-IP-Address", "192.0.2.1")] = true
	}
	gone[open(w.mine, "NAS-IP-Address", "::ffff:192.0.2.1")] = true
	left := []string{
		open(w.mine, "NAS-IP-Address", "192.0.2.2"), open(w.mine, "ident", "192.0.2.1"), open(w.mine, "port", "192.0.2.1"),
	}
	theirs := open(w.foreign, "NAS-IP-Address", "192.0.2.1")
	w.clock.pass(time.Minute)
	at := m.now()
	left = append(left, open(w.mine, "NAS-IP-Address", "192.0.2.1"))
	w.clock.pass(time.Minute)
	left = append(left, open(w.mine, "NAS-IP-Address", "192.0.2.1"))
	w.aaa.records()

	nas := NASOf(w.aaa.terms.NAS, aaa.Values{"NAS-IP-Address": "192.0.2.1", "NAS-IPv6-Address": "2001:db8::1"})
	w.must(m.Rebooted(w.ctx, w.mine, nas, at))
	for sid := range gone {
		if s := w.is(m, sid, Closed, causeReboot); !s.EndedAt.Equal(at) {
			t.Errorf("ended at %v, want %v", s.EndedAt, at)
		}
	}
	for _, sid := range left {
		w.is(m, sid, Opened, "")
	}
	if s, err := m.Session(w.ctx, w.foreign, theirs); err != nil || !s.Open {
		t.Errorf("another account's session: %+v, %v", s, err)
	}
	stops := w.aaa.records()
	for _, r := range stops {
		if r.Kind != store.SpoolStop || r.Values["Acct-Terminate-Cause"] != causeReboot || !r.At.Equal(at) || r.Values["Acct-Session-Time"] != number(60) {
			t.Errorf("%+v", r)
		}
	}
	if len(stops) != len(gone) {
		t.Errorf("%d Stops for %d sessions", len(stops), len(gone))
	}
	w.must(m.Rebooted(w.ctx, w.mine, nas, at))
	w.must(m.Rebooted(w.ctx, w.mine, NASOf(w.aaa.terms.NAS, nil), at.Add(time.Hour)))
	if n := len(w.aaa.records()); n > 0 {
		t.Errorf("%d records the second time", n)
	}
}

// TestRebootedWhileSuspended: a NAS that reboots ends the suspended sessions that it had, and no session that was resumed through it since.
func TestRebootedWhileSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.terms.NAS = []string{"port"} // that of alice's sessions
	away, back, elsewhere := w.opened(m, nil), w.opened(m, nil), w.opened(m, nil)
	for _, sid := range []string{away, back, elsewhere} {
		w.suspend(m, sid)
	}
	_, err := m.OpenSession(w.ctx, w.mine, elsewhere, aaa.Values{"port": "tty2"})
	w.must(err)
	w.clock.pass(time.Minute)
	at := m.now()
	w.clock.pass(time.Second)
	_, err = m.OpenSession(w.ctx, w.mine, back, nil)
	w.must(err)
	w.must(m.Rebooted(w.ctx, w.mine, NASOf(w.aaa.terms.NAS, aaa.Values{"port": "tty1"}), at))
	w.is(m, away, Closed, causeReboot)
	w.is(m, back, Opened, "")
	w.is(m, elsewhere, Opened, "")
	if n := len(w.aaa.records()); n != 1 {
		t.Errorf("%d records", n)
	}
}

// TestRebootedMany: what does not fit into one page of the store is ended too, and a Stop that can't be kept keeps no session open.
func TestRebootedMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.terms.NAS = []string{"nas"}
	_, err := m.StartSession(w.ctx, &aaa.Request{Account: w.mine, Values: aaa.Values{"login": "alice", "nas": "x"}})
	w.must(err)
	const many = rebootPage + 3
	for n := range many {
		rec := store.SessionRecord{
			Account: w.mine, Hash: [32]byte{byte(n), byte(n >> 8), 1}, ID: fmt.Sprintf("many%04d", n), Revision: 1,
			State: aaa.SessionCompleted, Open: true, NAS: NASOf(w.aaa.terms.NAS, aaa.Values{"nas": "x"}), CreatedAt: m.now(), UpdatedAt: m.now(),
		}
		s := &session{rec: rec}
		s.OpenedAt = m.now()
		w.must(m.pack(w.ctx, s))
		w.must(w.store.Sessions().Create(w.ctx, s.rec, store.MostSessions{Live: 1 << 20, Stored: 1 << 20}))
	}
	w.clock.pass(time.Minute)
	w.aaa.acct = fails(aaa.KindUnavailable)
	err = m.Rebooted(w.ctx, w.mine, NASOf(w.aaa.terms.NAS, aaa.Values{"nas": "x"}), m.now())
	for aaa.KindOf(err) == aaa.KindBusy { // a slow machine
		err = m.Rebooted(w.ctx, w.mine, NASOf(w.aaa.terms.NAS, aaa.Values{"nas": "x"}), m.now())
	}
	w.must(err)
	if n := len(w.aaa.records()); n != many {
		t.Errorf("%d Stops", n)
	}
	w.aaa.acct = nil
	for range 60 {
		w.clock.pass(time.Minute)
		m.settle(w.ctx)
	}
	if n := len(w.aaa.records()); n < many {
		t.Errorf("%d Stops once they are kept", n)
	}
	if list, _, err := w.store.Sessions().OfNAS(w.ctx, w.mine, NASOf(w.aaa.terms.NAS, aaa.Values{"nas": "x"}), store.Page{}); err != nil || len(list) > 0 {
		t.Errorf("%d are left: %v", len(list), err)
	}
}
