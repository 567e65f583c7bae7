package session

import (
	"encoding/json"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestDisabledAccount: a disabled account's sessions are accounted, suspended and ended, by their callers and by themselves; none begins,
// continues or is opened, and what is refused changes nothing.
func TestDisabledAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s")}
	asked := w.start(m).SID
	limits := aaa.Values{"Session-Timeout": json.Number("600"), "Acct-Interim-Interval": json.Number("60")}
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(limits)}
	idle := w.start(m).SID
	closed, expired := w.opened(m, limits), w.opened(m, limits)
	away := w.opened(m, nil)
	revision := func(sid string) int64 {
		s, err := m.get(w.ctx, w.mine, sid)
		w.must(err)
		return s.rec.Revision
	}
	before := []int64{revision(asked), revision(idle)}
	w.aaa.disable()

	_, err := m.StartSession(w.ctx, &aaa.Request{Account: w.mine, Values: aaa.Values{"login": "alice"}})
	w.refused(err, aaa.KindForbidden)
	_, err = m.ContinueSession(w.ctx, w.mine, asked, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindForbidden)
	_, err = m.ContinueSessionHere(w.ctx, w.mine, asked, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindForbidden)
	_, err = m.OpenSession(w.ctx, w.mine, idle, nil)
	w.refused(err, aaa.KindForbidden)
	list, _, err := m.Sessions(w.ctx, w.mine, aaa.SessionFilter{}, store.Page{})
	w.must(err)
	if len(list) != 5 || revision(asked) != before[0] || revision(idle) != before[1] || len(w.aaa.take()) > 0 {
		t.Errorf("a refused verb wrote or sent something: %+v", list)
	}

	w.suspend(m, away)
	_, err = m.OpenSession(w.ctx, w.mine, away, nil)
	w.refused(err, aaa.KindForbidden)
	w.is(m, away, Suspended, "")
	_, err = m.ReportSession(w.ctx, w.mine, closed, used(5), aaa.Values{"code": "h1dden"})
	w.must(err)
	w.clock.pass(60 * time.Second)
	m.settle(w.ctx)
	if sent := w.aaa.take(); len(sent) != 2 || sent[0]["Acct-Status-Type"] != "Interim-Update" || sent[1]["Acct-Status-Type"] != "Interim-Update" {
		t.Errorf("interim updates: %v", sent)
	}
	for sid, to := range map[string]Place{asked: Failed, idle: Closed, closed: Closed} {
		_, err = m.CloseSession(w.ctx, w.mine, sid, "Admin-Reset", aaa.Usage{}, nil)
		w.must(err)
		w.is(m, sid, to, "Admin-Reset")
	}
	sent := w.aaa.take()
	if len(sent) != 1 || sent[0]["Acct-Status-Type"] != "Stop" || sent[0]["Acct-Input-Octets"] != number(5) || sent[0]["code"] != nil {
		t.Errorf("by the callers: %v", sent)
	}
	w.clock.pass(540 * time.Second)
	m.settle(w.ctx)
	w.is(m, expired, Closed, "Session-Timeout")
	w.is(m, away, Closed, "Lost-Carrier")
	if sent = w.aaa.take(); len(sent) != 2 || sent[0]["Acct-Status-Type"] != "Stop" || sent[1]["Acct-Status-Type"] != "Stop" {
		t.Errorf("by themselves: %v", sent)
	}
}
