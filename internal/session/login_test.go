package session

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
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
		b, err := m.ContinueSession(w.ctx, w.mine, a.SID, aaa.Values{"answer": "42"}, "r")
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

// TestTooManyRounds: one challenge more than may be answered fails the session.
func TestTooManyRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s")}
	sid := w.start(m).SID
	for i := range MaxRounds {
		_, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
		if i < MaxRounds-1 {
			w.must(err)
		} else {
			w.refused(err, aaa.KindConflict)
		}
	}
	w.is(m, sid, Failed, "User-Error")
}

// TestChallengeTime: a challenge waits as long as it says itself, within bounds.
func TestChallengeTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	for said, want := range map[string]time.Duration{"": AnswerTime, "0": AnswerTime, "30": 30 * time.Second, "86400": maxAnswerTime} {
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){func(*aaa.Request) (*aaa.Result, error) {
			return &aaa.Result{Outcome: aaa.Challenge, AVPs: reply(aaa.Values{"Session-Timeout": json.Number(said)})}, nil
		}}
		if s := w.start(m).Session; s.ExpiresAt.Sub(s.CreatedAt) != want {
			t.Errorf("a challenge of %q waits %v", said, s.ExpiresAt.Sub(s.CreatedAt))
		}
	}
}

// TestInterval: whose interval holds, and how short it may be.
func TestInterval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	for _, c := range []struct {
		accept         string
		document, want int
	}{{"", 0, 0}, {"", 10, 10}, {"", 600, 600}, {"300", 10, 300}, {"20", 0, 60}, {"20", 600, 60}, {"20", 30, 30}, {"40", 30, 40}, {"nonsense", 30, 30}} {
		w.aaa.terms.Documents[0].InterimInterval = c.document
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(aaa.Values{"Acct-Interim-Interval": c.accept})}
		if got := w.start(m).Session.InterimInterval; got != c.want {
			t.Errorf("accept %q, document %d: %d s, want %d", c.accept, c.document, got, c.want)
		}
	}
}

// TestTwoContinues: of many callers who answer one challenge at once, one is served.
func TestTwoContinues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nodes := []*Manager{w.manager("a"), w.manager("b")}
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
	sid := w.start(nodes[0]).SID
	var mu sync.Mutex
	served := 0
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := nodes[i%2].ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				served++
			} else if aaa.KindOf(err) != aaa.KindConflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked := len(w.aaa.sent) - 1; served != 1 || asked != 1 {
		t.Errorf("%d were served, the server was asked %d times", served, asked)
	}
}

// TestContinueFails: what can be tried again goes back to the challenge, all else is the end of the session.
func TestContinueFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(*aaa.Request) (*aaa.Result, error)
		kind   aaa.Kind
		to     Place
	}{
		"busy":                 {fails(aaa.KindBusy), aaa.KindBusy, Cont},
		"the store was away":   {fails(aaa.KindUnavailable), aaa.KindUnavailable, Cont},
		"a key that is wrong":  {fails(aaa.KindBadInput, aaa.Field{Path: "code"}), aaa.KindBadInput, Cont},
		"the dialogue is gone": {fails(aaa.KindBadInput, aaa.Field{Path: "State"}), aaa.KindConflict, Failed},
		"bad without a key":    {fails(aaa.KindBadInput), aaa.KindBadInput, Failed},
		"no answer":            {fails(aaa.KindNoAnswer), aaa.KindNoAnswer, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.manager("a")
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), c.answer, accept(nil)}
			sid := w.start(m).SID
			_, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
			w.refused(err, c.kind)
			if c.to == Failed {
				w.is(m, sid, Failed, "Lost-Service")
				return
			}
			if s := w.is(m, sid, Cont, ""); s.Rounds != 0 {
				t.Errorf("%d rounds", s.Rounds)
			}
			a, err := w.manager("b").ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "2"}, "r")
			w.must(err)
			if a.Result != aaa.SessionAuthenticated || w.aaa.last().Values["State"] != "s" {
				t.Errorf("the second try sends %v and answers %+v", w.aaa.last().Values, a)
			}
		})
	}
}

// TestStartFails: a login that fails leaves a failed session behind; a rejected one is told so.
func TestStartFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){rejects, fails(aaa.KindNoAnswer)}
	if a := w.start(m); a.Result != aaa.SessionRejected || a.Session.State != aaa.SessionFailed || a.Session.EndedAt.IsZero() {
		t.Errorf("a rejected login answers %+v", a)
	}
	_, err := m.StartSession(w.ctx, &aaa.Request{Account: w.mine})
	w.refused(err, aaa.KindNoAnswer)
	list, _, err := m.Sessions(w.ctx, w.mine, aaa.SessionFilter{}, store.Page{})
	w.must(err)
	if len(list) != 2 || list[0].State != aaa.SessionFailed || list[1].State != aaa.SessionFailed {
		t.Errorf("left are %+v", list)
	}
	_, err = m.StartSession(w.ctx, &aaa.Request{Account: aaa.NewAccountID()})
	w.refused(err, aaa.KindNotFound)
	_, err = m.StartSession(w.ctx, &aaa.Request{Account: w.mine, Values: aaa.Values{"long": strings.Repeat("x", maxKept)}})
	w.refused(err, aaa.KindBadInput)
}

// TestOpenFails: a session whose Start is refused, or can't be kept, is as it was, and may be opened again, with a record of its own.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.start(m).SID
	for _, kind := range []aaa.Kind{aaa.KindUnavailable, aaa.KindLimited, aaa.KindBadInput} {
		w.aaa.acct = fails(kind)
		_, err := m.OpenSession(w.ctx, w.mine, sid, aaa.Values{"once": "x"})
		w.refused(err, kind)
		w.is(m, sid, Completed, "")
	}
	w.aaa.acct = rejects
	a, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	if a.Result != aaa.SessionRejected || a.Session.Open {
		t.Errorf("a refused Start answers %+v", a)
	}
	w.aaa.acct = nil
	_, err = m.OpenSession(w.ctx, w.mine, sid, aaa.Values{"Acct-Session-Id": strings.Repeat("x", 254)})
	w.refused(err, aaa.KindBadInput)
	a, err = m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	if start := w.aaa.last().Values; a.Keys["ip"] != "192.0.2.7" || start["once"] != nil || len(start["Acct-Session-Id"].(string)) != 32 {
		t.Errorf("the last OPEN sends %v and answers %+v", start, a)
	}
	ids := map[string]bool{}
	for _, r := range w.aaa.records() {
		ids[r.ID] = true
	}
	if len(ids) != 5 {
		t.Errorf("5 Starts have the ids %v", ids)
	}
}

// peerFunc is the other node.
type peerFunc func(url, sid string, values aaa.Values) (*aaa.SessionAnswer, error)

func (f peerFunc) Continue(_ context.Context, url string, _ aaa.AccountID, sid string, values aaa.Values, _ string) (*aaa.SessionAnswer, error) {
	return f(url, sid, values)
}

// TestPeers: a dialogue in another node's memory is continued there, and only such a one; here where that node is away.
func TestPeers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dialogue bool
		node     string
		away     bool
		asked    int
	}{
		"a dialogue elsewhere":         {dialogue: true, node: "b", asked: 1},
		"no dialogue":                  {node: "b"},
		"here":                         {dialogue: true, node: "a"},
		"the other node does not live": {dialogue: true, node: "b", away: true, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.aaa.keepsDialogues(c.dialogue)
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
			a := w.manager("a")
			sid := w.start(a).SID
			asked := 0
			m := w.manager(c.node, func(o *Options) {
				o.Peers = peerFunc(func(url, sid string, values aaa.Values) (*aaa.SessionAnswer, error) {
					asked++
					if url != "https://a" || values["answer"] != "1" {
						t.Errorf("asks %s with %v", url, values)
					}
					if c.away {
						return nil, errors.Join(ErrPeerAway, errors.New("refused"))
					}
					return a.ContinueSessionHere(w.ctx, w.mine, sid, values, "r")
				})
			})
			b, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
			w.must(err)
			if b.Result != aaa.SessionAuthenticated || asked != c.asked || len(w.aaa.sent) != 2 {
				t.Errorf("%d times asked, %d requests, answer %+v", asked, len(w.aaa.sent), b)
			}
		})
	}
}

// hanging is another node that takes a message and says nothing for as long as it may.
type hanging struct{ t *testing.T }

func (h hanging) Continue(ctx context.Context, _ string, _ aaa.AccountID, _ string, _ aaa.Values, _ string) (*aaa.SessionAnswer, error) {
	if _, ok := ctx.Deadline(); !ok {
		h.t.Error("the other node may take as long as it likes")
		return nil, errors.New("it hangs")
	}
	<-ctx.Done()
	return nil, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the node that holds this login gave no answer", Err: ctx.Err()}
}

// TestPeerHangs: a node that holds a dialogue and hangs costs a caller the deadline of a request, and not more. The login can go on
// when that node is itself again.
func TestPeerHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.keepsDialogues(true)
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
	a := w.manager("a")
	sid := w.start(a).SID
	b := w.manager("b", func(o *Options) { o.Peers, o.Deadline = hanging{t}, time.Nanosecond })
	_, err := b.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindNoAnswer)
	w.is(a, sid, Cont, "")
	_, err = a.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.must(err)
}

// TestPeerLost: another node takes a step and its answer is lost. The caller gets that answer and the step is taken once, whether or
// not the caller names the challenge. A repetition, whose answer is in the store, asks no other node.
func TestPeerLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.keepsDialogues(true)
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s1"), challenge("s2"), accept(nil)}
	a := w.manager("a")
	begun := w.start(a)
	asked := 0
	b := w.manager("b", func(o *Options) {
		o.Peers = peerFunc(func(_, sid string, values aaa.Values) (*aaa.SessionAnswer, error) {
			asked++
			_, err := a.ContinueSessionHere(w.ctx, w.mine, sid, values, "r")
			w.must(err)
			return nil, ErrPeerAway
		})
	})
	got, err := b.ContinueSession(w.ctx, w.mine, begun.SID, answer("", "alice"), "r")
	w.must(err)
	if got.Result != aaa.SessionChallenge || got.Challenge == begun.Challenge || w.asked() != 2 {
		t.Errorf("after %d requests: %+v", w.asked(), got)
	}
	again, err := b.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "alice"), "r")
	w.must(err)
	if again.Challenge != got.Challenge || asked != 1 || w.asked() != 2 {
		t.Errorf("the other node was asked %d times, the server %d times: %+v", asked, w.asked(), again)
	}
}

// TestNothingSecret: neither rows nor logs hold a password, a State, a Class, a Chargeable-User-Identity, the SID or its hash in the clear.
func TestNothingSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("st4te"), accept(aaa.Values{"Class": "cl4ss", "Filter-Id": "f1lter", "Chargeable-User-Identity": "cu1"}), fails(aaa.KindNoAnswer)}
	w.aaa.acct = fails(aaa.KindUnavailable)
	start := func() (*aaa.SessionAnswer, error) {
		return m.StartSession(w.ctx, &aaa.Request{Account: w.mine, Values: aaa.Values{"login": "alice", "code": "h1dden", "api-token": "t0ken", "port": "tty1"}})
	}
	a, err := start()
	w.must(err)
	sid := a.SID
	text := w.rows()
	_, err = m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "0tp", "my pin": "p1n"}, "r")
	w.must(err)
	text += w.rows()
	_, err = start()
	w.refused(err, aaa.KindNoAnswer)
	_, err = m.OpenSession(w.ctx, w.mine, sid, nil)
	w.refused(err, aaa.KindUnavailable)
	w.aaa.acct = nil
	_, err = m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	text += w.rows()
	w.aaa.acct = fails(aaa.KindUnavailable)
	_, err = m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, aaa.Values{"code": "h1dden"})
	w.must(err)
	text += w.rows() + w.log.String()
	for _, secret := range []string{"h1dden", "t0ken", "st4te", "0tp", "p1n", "cl4ss", "cu1", "f1lter", "tty1", sid} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in a row or in the log:\n%s", secret, text)
		}
	}
	hash, _ := hashOf(sid)
	if strings.Contains(w.log.String(), hex.EncodeToString(hash[:])) || !strings.Contains(w.log.String(), aaa.SessionID(hash)) {
		t.Errorf("the log does not go by derived ids:\n%s", w.log)
	}
	s, err := m.get(w.ctx, w.mine, sid)
	w.must(err)
	want := aaa.Values{"login": "alice", "port": "tty1"}
	if diff := cmp.Diff(want, s.private.Keys); diff != "" {
		t.Errorf("kept keys (-want +got):\n%s", diff)
	}
}
