package session

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestResume: until its cookie_timeout a suspended session is resumed on any node, after a restart too, with the same accounting and
// what the accept configured. Once that time is over it is not, and the session ends with one Stop of that moment.
func TestResume(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		for document, patience := range map[int]time.Duration{0: 300 * time.Second, 40: 40 * time.Second} {
			w.aaa.terms.Documents[0].CookieTimeout = document
			sid := w.opened(w.manager("a"), aaa.Values{"Framed-IP-Address": "192.0.2.9", "Idle-Timeout": number(20)})
			first := w.is(w.manager("a"), sid, Opened, "")
			w.suspend(w.manager("b"), sid)
			s := w.is(w.manager("a"), sid, Suspended, "")
			if !s.SuspendedAt.Equal(w.clock.now()) || !s.ExpiresAt.Equal(w.clock.now().Add(patience)) || !s.Open {
				t.Errorf("a suspended session is %+v", s)
			}
			w.clock.pass(patience - time.Second)
			w.manager("a").settle(w.ctx)
			a, err := w.manager("c").OpenSession(w.ctx, w.mine, sid, aaa.Values{"Acct-Session-Id": "another"})
			w.must(err)
			if a.Result != aaa.SessionResumed || a.Session.AcctSessionID != first.AcctSessionID || a.AVPs.Value("Framed-IP-Address") != "192.0.2.9" || a.Keys["ip"] != "192.0.2.7" || a.Holder == "" {
				t.Errorf("T-1 s: OPEN answers %+v", a)
			}
			if s := w.is(w.manager("a"), sid, Opened, ""); !s.SuspendedAt.IsZero() || !s.ExpiresAt.Equal(w.clock.now().Add(20*time.Second)) || !s.OpenedAt.Equal(first.OpenedAt) {
				t.Errorf("a resumed session is %+v", s)
			}
			if n := len(w.aaa.take()); n > 0 {
				t.Errorf("%d records of a session that goes on", n)
			}

			w.suspend(w.manager("a"), sid)
			away := w.clock.now()
			w.clock.pass(patience + time.Second)
			_, err = w.manager("b").OpenSession(w.ctx, w.mine, sid, nil) // no node has ended it yet
			w.refused(err, aaa.KindConflict)
			w.manager("c").settle(w.ctx)
			_, err = w.manager("b").OpenSession(w.ctx, w.mine, sid, nil)
			w.refused(err, aaa.KindConflict)
			stops := w.aaa.records()
			if s := w.is(w.manager("a"), sid, Closed, "Lost-Carrier"); !s.EndedAt.Equal(away.Add(patience)) || len(stops) != 1 || !stops[0].At.Equal(s.EndedAt) {
				t.Fatalf("T+1 s: ended at %v with %+v", s.EndedAt, stops)
			}
			if v := stops[0].Values; v["Acct-Status-Type"] != "Stop" || v["Acct-Terminate-Cause"] != "Lost-Carrier" || v["Acct-Session-Id"] != first.AcctSessionID {
				t.Errorf("the Stop is %v", v)
			}
		}
	})
}

// TestResumedCounters: each holder's counters begin at 0 and add to what was used before; the clock's Acct-Session-Time leaves out
// the time away. No record shows less than the one before it, and none goes out while the session is suspended.
func TestResumedCounters(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		w.aaa.terms.Documents[0].InterimInterval = 60
		m := w.manager("a")
		sid := w.opened(m, nil)
		report := func(usage aaa.Usage) error {
			_, err := m.ReportSession(w.ctx, w.mine, sid, usage, nil)
			return err
		}
		resume := func() {
			t.Helper()
			m = w.manager("next")
			_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
			w.must(err)
		}
		w.clock.pass(30 * time.Second)
		w.must(report(used(1000, 10)))
		a, err := m.SuspendSession(w.ctx, w.mine, sid, used(1<<32, 20, 3), nil)
		w.must(err)
		if want := (aaa.Counters{InputOctets: 1 << 32, OutputOctets: 20, InputPackets: 3, SessionTime: 30}); a.Result != aaa.SessionSuspended || a.Session.Counters != want {
			t.Errorf("SUSPEND answers %+v", a)
		}
		w.clock.pass(200 * time.Second)
		m.settle(w.ctx)
		if n := len(w.aaa.take()); n > 0 {
			t.Errorf("%d interim records of a suspended session", n)
		}
		resume()
		w.must(report(used(5, 7)))
		err = report(used(4))
		w.refused(err, aaa.KindBadInput)
		var e *aaa.Error
		if !errors.As(err, &e) || e.Fields[0].Target != uint64(5) {
			t.Errorf("a counter that went back: %+v", err)
		}
		err = report(used(math.MaxUint64))
		w.refused(err, aaa.KindBadInput)
		if !errors.As(err, &e) || e.Fields[0].Rule != "maximum" || e.Fields[0].Target != uint64(math.MaxUint64-1<<32) {
			t.Errorf("a sum over 64 bits: %+v", err)
		}
		w.clock.pass(59 * time.Second)
		m.settle(w.ctx)
		w.clock.pass(time.Second)
		m.settle(w.ctx)
		shows := func(what string, octets, sent, packets, seconds uint64) {
			t.Helper()
			records := w.aaa.take()
			if len(records) != 1 {
				t.Fatalf("%s: %d records", what, len(records))
			}
			for key, want := range map[string]uint64{
				"Acct-Input-Octets-64": octets, "Acct-Output-Octets-64": sent, "Acct-Input-Packets": packets, "Acct-Session-Time": seconds,
			} {
				if got := records[0][key]; got != number(want) {
					t.Errorf("%s: %s is %v, want %d", what, key, got, want)
				}
			}
		}
		shows("interim", 1<<32+5, 27, 3, 90)
		// Now the holder counts the time itself, and loses the session to one that doesn't.
		w.must(report(aaa.Usage{aaa.SessionTime: {Count: 70, Path: "time"}}))
		w.clock.pass(10 * time.Second)
		if s := w.is(m, sid, Opened, ""); s.Counters.SessionTime != 100 {
			t.Errorf("the caller's own time makes %d", s.Counters.SessionTime)
		}
		resume()
		w.clock.pass(5 * time.Second)
		_, err = m.CloseSession(w.ctx, w.mine, sid, "", used(1), nil)
		w.must(err)
		shows("Stop", 1<<32+6, 27, 3, 105)
	})
}

// TestSuspendedTimeouts: Session-Timeout counts through a suspension and Idle-Timeout does not, which begins anew with the resumption.
func TestSuspendedTimeouts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, aaa.Values{"Session-Timeout": number(400), "Idle-Timeout": number(100)})
	opened := w.clock.now()
	w.clock.pass(50 * time.Second)
	w.suspend(m, sid)
	w.clock.pass(200 * time.Second)
	m.settle(w.ctx)
	_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	w.clock.pass(99 * time.Second)
	m.settle(w.ctx)
	w.is(m, sid, Opened, "")
	w.suspend(m, sid)
	w.clock.pass(50 * time.Second)
	m.settle(w.ctx)
	w.suspendedFor(m, sid, opened.Add(400*time.Second))
	w.clock.pass(time.Hour)
	m.settle(w.ctx)
	if s := w.is(m, sid, Closed, "Session-Timeout"); !s.EndedAt.Equal(opened.Add(400 * time.Second)) {
		t.Errorf("ended at %v", s.EndedAt)
	}
	stops := w.aaa.records()
	if len(stops) != 1 || stops[0].Values["Acct-Session-Time"] != number(149) {
		t.Errorf("records %+v", stops)
	}
}

func (w *world) suspendedFor(m *Manager, sid string, until time.Time) {
	w.t.Helper()
	s, err := m.Session(w.ctx, w.mine, sid)
	w.must(err)
	if s.SuspendedAt.IsZero() || !s.ExpiresAt.Equal(until) {
		w.t.Fatalf("the session is %+v, want one that is suspended until %v", s, until)
	}
}

// TestResumeAgainstExpiry: where a client comes back on one node as another node, whose clock is ahead, ends the session, one of them has
// its way: the session is open without a Stop, or it is ended with one and the client was refused.
func TestResumeAgainstExpiry(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		a := w.manager("a")
		ahead := &clock{at: w.clock.now()}
		b := w.manager("b", func(o *Options) { o.Now = ahead.now })
		const sessions = 24
		var sids []string
		for range sessions {
			sid := w.opened(a, nil)
			w.suspend(a, sid)
			sids = append(sids, sid)
		}
		w.clock.pass(aaa.DefaultCookieTimeout*time.Second - time.Second)
		ahead.pass(aaa.DefaultCookieTimeout*time.Second + time.Second)
		w.aaa.records()
		errs := make([]error, sessions)
		var under sync.WaitGroup
		under.Go(func() { b.settle(w.ctx) })
		for i, sid := range sids {
			under.Go(func() { _, errs[i] = a.OpenSession(w.ctx, w.mine, sid, nil) })
		}
		under.Wait()
		b.settle(w.ctx)
		stops := map[any]int{}
		for _, r := range w.aaa.records() {
			if r.Kind != store.SpoolStop {
				t.Errorf("a record %+v", r.Values)
			}
			stops[r.Values["Acct-Session-Id"]]++
		}
		resumed := 0
		for i, sid := range sids {
			s, err := a.Session(w.ctx, w.mine, sid)
			w.must(err)
			switch {
			case errs[i] == nil && s.Open && s.SuspendedAt.IsZero() && stops[s.AcctSessionID] == 0:
				resumed++
			case aaa.KindOf(errs[i]) == aaa.KindConflict && !s.Open && s.Cause == "Lost-Carrier" && stops[s.AcctSessionID] == 1:
			default:
				t.Errorf("OPEN gives %v, the session is %+v with %d Stops", errs[i], s, stops[s.AcctSessionID])
			}
		}
		t.Logf("%d of %d were resumed", resumed, sessions)
	})
}

// TestFallenNodeOfASuspended: a suspended session that a node claimed to end, and did not, another node ends when the lease is over.
func TestFallenNodeOfASuspended(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		m := w.manager("a")
		sid := w.opened(m, nil)
		w.suspend(m, sid)
		w.clock.pass(aaa.DefaultCookieTimeout * time.Second)
		if list, err := w.store.Sessions().Due(w.ctx, m.now(), w.manager("fallen").lease(m.now()), func(aaa.AccountID) bool { return true }); err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		m.settle(w.ctx)
		w.is(m, sid, Suspended, "")
		w.clock.pass(leaseTime)
		m.settle(w.ctx)
		w.is(m, sid, Closed, "Lost-Carrier")
		if n := len(w.aaa.take()); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

// TestSuspendedMeanwhile: an interim record that is handed over while the session is suspended and resumed keeps its number: the next
// one is another record and shows no less time.
func TestSuspendedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.terms.Documents[0].InterimInterval = 60
	m := w.manager("a")
	for _, resumed := range []bool{true, false} {
		sid := w.opened(m, nil)
		var once sync.Once
		w.aaa.acct = func(*aaa.Request) (*aaa.Result, error) {
			once.Do(func() {
				w.suspend(m, sid)
				if resumed {
					_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
					w.must(err)
				}
			})
			return &aaa.Result{Outcome: aaa.Accept}, nil
		}
		w.clock.pass(60 * time.Second)
		m.settle(w.ctx)
		if !resumed {
			w.is(m, sid, Suspended, "")
			_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
			w.must(err)
		}
		w.clock.pass(60 * time.Second)
		m.settle(w.ctx)
		var ids []string
		var times []aaa.Value
		for _, r := range w.aaa.records() {
			if s := w.is(m, sid, Opened, ""); s.AcctSessionID == r.Values["Acct-Session-Id"] {
				ids, times = append(ids, r.ID), append(times, r.Values["Acct-Session-Time"])
			}
		}
		if len(ids) != 2 || !slices.IsSorted(ids) || ids[0] == ids[1] || cmp.Diff([]aaa.Value{number(60), number(120)}, times) != "" {
			t.Errorf("resumed %v: records %v with the times %v", resumed, ids, times)
		}
		_, err := m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
		w.must(err)
		w.aaa.records()
	}
}

// TestAdministrator: who closes a session by its derived id, suspended or not, ends it at once, with Admin-Reset unless told otherwise.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	for cause, want := range map[string]string{"": "Admin-Reset", "Port-Error": "Port-Error"} {
		for _, suspended := range []bool{false, true} {
			sid := w.opened(m, nil)
			if suspended {
				w.suspend(m, sid)
			}
			id := w.is(m, sid, map[bool]Place{false: Opened, true: Suspended}[suspended], "").ID
			_, err := m.CloseSessionByID(w.ctx, w.mine, id, cause, aaa.Usage{}, nil)
			w.must(err)
			w.is(m, sid, Closed, want)
			if r := w.aaa.records(); len(r) != 1 || r[0].Values["Acct-Terminate-Cause"] != want {
				t.Errorf("records %+v", r)
			}
			_, err = m.OpenSession(w.ctx, w.mine, sid, nil)
			w.refused(err, aaa.KindConflict)
		}
	}
}
