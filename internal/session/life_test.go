package session

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func number(n uint64) json.Number { return json.Number(strconv.FormatUint(n, 10)) }

// TestAccounting: Start, interim updates at their interval and Stop, each with what it must hold, counters beyond 32 bits split.
func TestAccounting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(aaa.Values{
		"Class": "0x0102", "User-Name": "alice@example.com", "Acct-Interim-Interval": json.Number("300"), "Reply-Message": "hello",
	})}
	sid := w.start(m).SID
	w.aaa.take()
	opening := w.clock.now()
	a, err := m.OpenSession(w.ctx, w.mine, sid, aaa.Values{"Acct-Session-Id": "s-1", "nas": "ws1"})
	w.must(err)
	if a.Result != aaa.SessionOpened || a.AVPs.Value("Reply-Message") != "hello" || a.Keys["ip"] != "192.0.2.7" || a.Session.InterimInterval != 300 {
		t.Errorf("OPEN answers %+v", a)
	}
	base := aaa.Values{
		"login": "alice", "port": "tty1", "nas": "ws1", "Acct-Session-Id": "s-1", "Class": "0x0102", "User-Name": "alice@example.com",
	}
	with := func(more aaa.Values) []aaa.Values {
		for k, v := range base {
			more[k] = v
		}
		return []aaa.Values{more}
	}
	check := func(what string, want []aaa.Values) {
		t.Helper()
		if diff := cmp.Diff(want, w.aaa.take()); diff != "" {
			t.Fatalf("%s (-want +sent):\n%s", what, diff)
		}
	}
	check("Start", with(aaa.Values{"Acct-Status-Type": "Start", "Event-Timestamp": number(uint64(opening.Unix()))}))

	w.clock.pass(299 * time.Second)
	m.settle(w.ctx)
	check("before the interval is over", nil)
	_, err = m.ReportSession(w.ctx, w.mine, sid, used(5<<32+7, math.MaxUint64, 3), nil)
	w.must(err)
	check("a report", nil)
	w.clock.pass(time.Second)
	m.settle(w.ctx)
	m.settle(w.ctx)
	used := aaa.Values{
		"Acct-Input-Octets": number(7), "Acct-Input-Gigawords": number(5), "Acct-Input-Octets-64": number(5<<32 + 7),
		"Acct-Output-Octets": number(math.MaxUint32), "Acct-Output-Gigawords": number(math.MaxUint32), "Acct-Output-Octets-64": number(math.MaxUint64),
		"Acct-Input-Packets": number(3), "Acct-Output-Packets": number(0),
	}
	more := func(more aaa.Values) []aaa.Values {
		for k, v := range used {
			more[k] = v
		}
		return with(more)
	}
	check("interim", more(aaa.Values{
		"Acct-Status-Type": "Interim-Update", "Event-Timestamp": number(uint64(opening.Unix() + 300)), "Acct-Session-Time": number(300),
	}))
	// No node for an hour: one update tells all that was missed.
	w.clock.pass(time.Hour)
	m.settle(w.ctx)
	check("catching up", more(aaa.Values{
		"Acct-Status-Type": "Interim-Update", "Event-Timestamp": number(uint64(opening.Unix() + 3900)), "Acct-Session-Time": number(3900),
	}))
	used["Acct-Output-Packets"] = number(9)
	c, err := m.CloseSession(w.ctx, w.mine, sid, "Lost-Carrier", aaa.Usage{aaa.OutputPackets: {Count: 9, Path: "last"}}, nil)
	w.must(err)
	if c.Result != aaa.SessionClosed || c.Session.Counters.OutputPackets != 9 || c.Session.Cause != "Lost-Carrier" {
		t.Errorf("CLOSE answers %+v", c)
	}
	check("Stop", more(aaa.Values{
		"Acct-Status-Type": "Stop", "Event-Timestamp": number(uint64(opening.Unix() + 3900)), "Acct-Session-Time": number(3900), "Acct-Terminate-Cause": "Lost-Carrier",
	}))
	w.clock.pass(24 * time.Hour)
	m.settle(w.ctx)
	check("after the end", nil)
}

// TestCounters: a counter that goes back, or is none, is named, and nothing of its report is taken.
func TestCounters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, nil)
	_, err := m.ReportSession(w.ctx, w.mine, sid, aaa.Usage{aaa.InputOctets: {Count: 100, Path: "in"}, aaa.SessionTime: {Count: 60, Path: "time"}}, nil)
	w.must(err)
	want := aaa.Counters{InputOctets: 100, SessionTime: 60}
	for _, back := range []aaa.Usage{
		{aaa.InputOctets: {Count: 99, Path: "in"}, aaa.OutputPackets: {Count: 7, Path: "out"}},
		{aaa.SessionTime: {Count: 59, Path: "in"}, aaa.InputPackets: {Count: 7, Path: "out"}},
		{aaa.InputOctets: {Path: "in"}},
	} {
		for _, call := range []func() error{
			func() error { _, err := m.ReportSession(w.ctx, w.mine, sid, back, nil); return err },
			func() error { _, err := m.CloseSession(w.ctx, w.mine, sid, "", back, nil); return err },
		} {
			err := call()
			w.refused(err, aaa.KindBadInput)
			var e *aaa.Error
			if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Path != "in" || e.Fields[0].Rule != "minimum" {
				t.Errorf("%+v", err)
			}
		}
		if got := w.is(m, sid, Opened, "").Counters; got != want {
			t.Fatalf("after %v: %+v", back, got)
		}
	}
	_, err = m.ReportSession(w.ctx, w.mine, sid, used(100), nil) // no less
	w.must(err)
	_, err = m.CloseSession(w.ctx, w.mine, sid, "Boredom", aaa.Usage{}, nil)
	w.refused(err, aaa.KindBadInput)
}

// TestTimeouts: what ends a session by itself, exactly when, and of which cause; late where no node was up.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	limits := func(session, idle string) aaa.Values {
		return aaa.Values{"Session-Timeout": json.Number(session), "Idle-Timeout": json.Number(idle)}
	}
	for name, c := range map[string]struct {
		avps     aaa.Values
		document int           // its session_timeout
		report   time.Duration // when octets are reported, 0: never
		same     bool          // the report tells nothing new
		after    time.Duration // the end
		cause    string
	}{
		"the accept's limit":               {avps: limits("600", "0"), after: 600 * time.Second, cause: "Session-Timeout"},
		"the document's limit":             {document: 700, after: 700 * time.Second, cause: "Session-Timeout"},
		"the accept's before the document": {avps: limits("800", "0"), document: 700, after: 800 * time.Second, cause: "Session-Timeout"},
		"idle from the beginning":          {avps: limits("600", "60"), after: 60 * time.Second, cause: "Idle-Timeout"},
		"idle since a report":              {avps: limits("600", "60"), report: 50 * time.Second, after: 110 * time.Second, cause: "Idle-Timeout"},
		"a report of nothing":              {avps: limits("600", "60"), report: 50 * time.Second, same: true, after: 60 * time.Second, cause: "Idle-Timeout"},
		"the limit of one that is busy":    {avps: limits("100", "60"), report: 50 * time.Second, after: 100 * time.Second, cause: "Session-Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.manager("a")
			w.aaa.terms.Documents[0].SessionTimeout = c.document
			sid := w.opened(m, c.avps)
			opened := w.clock.now()
			if c.report > 0 {
				w.clock.pass(c.report)
				n := uint64(1)
				if c.same {
					n = 0
				}
				_, err := m.ReportSession(w.ctx, w.mine, sid, used(n), nil)
				w.must(err)
			}
			w.clock.pass(c.after - c.report - time.Second)
			m.settle(w.ctx)
			if s := w.is(m, sid, Opened, ""); !s.ExpiresAt.Equal(opened.Add(c.after)) {
				t.Fatalf("is to end at %v", s.ExpiresAt)
			}
			w.clock.pass(time.Second + time.Hour) // nobody was there to see it
			w.manager("b").settle(w.ctx)
			s := w.is(m, sid, Closed, c.cause)
			stops := w.aaa.records()
			if !s.EndedAt.Equal(opened.Add(c.after)) || len(stops) != 1 || !stops[0].At.Equal(s.EndedAt) {
				t.Fatalf("ended at %v with %d records", s.EndedAt, len(stops))
			}
			for key, want := range map[string]any{
				"Acct-Status-Type": "Stop", "Acct-Terminate-Cause": c.cause, "Acct-Session-Time": number(uint64(c.after / time.Second)),
				"Event-Timestamp": number(uint64(s.EndedAt.Unix())),
			} {
				if got := stops[0].Values[key]; got != want {
					t.Errorf("%s is %v, want %v", key, got, want)
				}
			}
		})
	}
}

// TestUnopened: a challenge, a login that never ended and a session that nobody opens end by themselves, without accounting.
func TestUnopened(t *testing.T) {
	t.Parallel()
	for from, c := range map[Place]struct {
		after time.Duration
		to    Place
		cause string
	}{
		Init:      {underWay, Failed, "Lost-Service"},
		Cont:      {AnswerTime, Failed, "Idle-Timeout"},
		Completed: {OpenTime, Closed, "Idle-Timeout"},
	} {
		w := newWorld(t)
		m := w.manager("a")
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(nil)}
		sid := w.reach(m, from)
		if from == Init {
			s, err := m.get(w.ctx, w.mine, sid)
			w.must(err)
			s.Until = m.now().Add(underWay)
			w.must(m.save(w.ctx, s))
		}
		w.aaa.take()
		w.clock.pass(c.after - time.Second)
		m.settle(w.ctx)
		w.is(m, sid, from, "")
		w.clock.pass(time.Second)
		m.settle(w.ctx)
		w.is(m, sid, c.to, c.cause)
		if n := len(w.aaa.take()); n > 0 {
			t.Errorf("%v: %d records", from, n)
		}
		w.clock.pass(retention + time.Second)
		m.sweep(w.ctx)
		_, err := m.Session(w.ctx, w.mine, sid)
		w.refused(err, aaa.KindNotFound)
	}
}

// TestStopAgain: a Stop that can't be kept is handed over again, over a restart and for as long as it takes, as one and the same record.
func TestStopAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sid := w.opened(w.manager("a"), nil)
	w.aaa.acct = fails(aaa.KindUnavailable)
	a, err := w.manager("a").CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, aaa.Values{"last": "word"})
	w.must(err)
	ended := w.clock.now()
	first := w.aaa.records()
	if a.Result != aaa.SessionClosed || len(first) != 1 {
		t.Fatalf("CLOSE answers %+v with %d records", a, len(first))
	}
	for day := range 4 {
		m := w.manager("n" + strconv.Itoa(day))
		w.clock.pass(24 * time.Hour)
		m.sweep(w.ctx)
		m.settle(w.ctx)
		sent := w.aaa.records()
		if len(sent) != 1 {
			t.Fatalf("%d records on day %d", len(sent), day)
		}
		r := sent[0]
		if r.ID != first[0].ID || r.Kind != store.SpoolStop || !r.At.Equal(ended) || r.Values["last"] != "word" || r.Values["Acct-Session-Time"] != json.Number("0") {
			t.Fatalf("day %d: %+v", day, r)
		}
		m.settle(w.ctx)
		if n := len(w.aaa.records()); n > 0 {
			t.Errorf("%d records without a pause", n)
		}
	}
	w.aaa.acct = nil
	w.clock.pass(stopPause)
	w.manager("b").settle(w.ctx)
	w.clock.pass(time.Hour)
	w.manager("b").settle(w.ctx)
	if n := len(w.aaa.records()); n != 1 {
		t.Errorf("%d records once they are kept", n)
	}
}

// TestTwoNodes: two nodes that look at the same store at the same time send each interim update once.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.terms.Documents[0].InterimInterval = 30
	a, b := w.manager("a"), w.manager("b")
	var sids []string
	for range 20 {
		sids = append(sids, w.opened(a, nil))
	}
	for range 3 {
		w.clock.pass(30 * time.Second)
		var nodes sync.WaitGroup
		for _, m := range []*Manager{a, b, a, b} {
			nodes.Go(func() { m.settle(w.ctx) })
		}
		for _, sid := range sids {
			nodes.Go(func() { // reports in between lose nothing and repeat nothing
				if _, err := b.ReportSession(w.ctx, w.mine, sid, aaa.Usage{}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		a.settle(w.ctx) // what a report came before
		seen := map[any]int{}
		for _, r := range w.aaa.take() {
			seen[r["Acct-Session-Id"]]++
		}
		if len(seen) != len(sids) {
			t.Fatalf("%d of %d sessions had their update", len(seen), len(sids))
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("session %v had %d updates", id, n)
			}
		}
	}
}

// TestFallenNode: what a node claimed and did not do, another does when the lease is over.
func TestFallenNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, aaa.Values{"Session-Timeout": json.Number("600")})
	w.clock.pass(600 * time.Second)
	if list, err := w.store.Sessions().Due(w.ctx, m.now(), w.manager("fallen").lease(m.now()), func(aaa.AccountID) bool { return true }); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	m.settle(w.ctx)
	w.is(m, sid, Opened, "")
	w.clock.pass(leaseTime)
	m.settle(w.ctx)
	w.is(m, sid, Closed, "Session-Timeout")
	if n := len(w.aaa.take()); n != 1 {
		t.Errorf("%d records", n)
	}
}
