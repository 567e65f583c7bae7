package session

import (
	"testing"

	"aaa-api/internal/aaa"
)

// TestRounds: a login of as many challenges as there may be, each State handed back once, without a password being kept.
func TestRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = nil
	for i := range MaxRounds {
		w.aaa.script = append(w.aaa.script, challenge(string(rune('A'+i))))
	}
	w.aaa.script = append(w.aaa.script, accept(nil))
	a := w.start(m)
	if a.Result != aaa.SessionChallenge || a.Prompt != "code?" || !a.Echo || len(a.SID) != 43 || a.Session.State != aaa.SessionCont {
		t.Fatalf("INIT answers %+v", a)
	}
	for i := range MaxRounds {
		b, err := m.Continue(w.ctx, w.mine, a.SID, map[string]any{"answer": "42"}, "r")
		w.must(err)
		req := w.aaa.last()
		if v := req.Values; v["State"] != string(rune('A'+i)) || v["code"] != "42" || v["login"] != "alice" || v["answer"] != nil || req.ID != "r" {
			t.Fatalf("round %d sends %v", i+1, req)
		}
		want := aaa.SessionChallenge
		if i == MaxRounds-1 {
			want = aaa.SessionAuthenticated
		}
		if b.Result != want || b.SID != "" || b.Session.Rounds != i+1 {
			t.Fatalf("round %d answers %+v", i+1, b)
		}
	}
	w.is(m, a.SID, Completed, "")
}
