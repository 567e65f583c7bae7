package session

import (
	"encoding/json"
	"testing"

	"aaa-api/internal/aaa"
)

// TestEndIsLeased: while one node delivers the Stop of a session that has just ended, another node leaves it alone, whether
// a caller or the clock ended it.
func TestEndIsLeased(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, m *Manager, sid string){
		"by a caller": func(w *world, m *Manager, sid string) {
			_, err := m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
			w.must(err)
		},
		"by its time": func(w *world, m *Manager, _ string) {
			w.clock.pass(seconds(600))
			m.settle(w.ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m, other := w.manager("a"), w.manager("b")
			sid := w.opened(m, aaa.Values{"Session-Timeout": json.Number("600")})
			w.aaa.acct = func(*aaa.Request) (*aaa.Result, error) {
				w.aaa.mu.Lock()
				first := len(w.aaa.sent) == 1
				w.aaa.mu.Unlock()
				if first {
					other.settle(w.ctx)
				}
				return &aaa.Result{Outcome: aaa.Accept}, nil
			}
			end(w, m, sid)
			if n := len(w.aaa.take()); n != 1 {
				t.Errorf("%d Stops went out", n)
			}
		})
	}
}

// TestEndForgets: a session that has ended keeps neither the State of its challenge nor what its accept brought, whatever
// ended it.
func TestEndForgets(t *testing.T) {
	t.Parallel()
	asks := func(w *world, m *Manager) string {
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s")}
		return w.start(m).SID
	}
	accepted := func(w *world, m *Manager) string {
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(aaa.Values{"Class": "c"})}
		return w.start(m).SID
	}
	opened := func(w *world, m *Manager) string {
		return w.opened(m, aaa.Values{"Session-Timeout": json.Number("60")})
	}
	closes := func(w *world, m *Manager, sid string) {
		_, err := m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
		w.must(err)
	}
	expires := func(w *world, m *Manager, _ string) {
		w.clock.pass(OpenTime)
		m.settle(w.ctx)
	}
	loses := func(w *world, m *Manager, _ string) {
		m.DialogueLost("s", "the server closed the connection")
		m.endLost(w.ctx)
	}
	for name, c := range map[string]struct {
		begin func(*world, *Manager) string
		end   func(*world, *Manager, string)
	}{
		"a challenge, closed":      {asks, closes},
		"a challenge, expired":     {asks, expires},
		"a challenge, lost":        {asks, loses},
		"an accept, closed":        {accepted, closes},
		"an accept, expired":       {accepted, expires},
		"an open session, closed":  {opened, closes},
		"an open session, expired": {opened, expires},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.aaa.keepsDialogues(true)
			m := w.manager("a")
			sid := c.begin(w, m)
			if s, err := m.get(w.ctx, w.mine, sid); err != nil || s.private.State == "" && s.private.AcceptKeys == nil {
				t.Fatalf("there is nothing to forget: %v", err)
			}
			c.end(w, m, sid)
			s, err := m.get(w.ctx, w.mine, sid)
			w.must(err)
			if s.rec.EndedAt.IsZero() {
				t.Fatalf("the session is %v", s.place())
			}
			if p := s.private; p.State != "" || p.Challenge != "" || p.AcceptKeys != nil || p.AcceptAVPs != nil {
				t.Errorf("the session keeps State %q, challenge %q, %v, %v", p.State, p.Challenge, p.AcceptKeys, p.AcceptAVPs)
			}
		})
	}
}
