package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// answer is the answer to a challenge, with its id where that is not empty.
func answer(challenge, text string) aaa.Values {
	values := aaa.Values{AnswerKey: text}
	if challenge != "" {
		values[ChallengeKey] = challenge
	}
	return values
}

func (w *world) asked() int {
	w.aaa.mu.Lock()
	defer w.aaa.mu.Unlock()
	return len(w.aaa.sent)
}

// TestRepetition: a repeated CONT gets the answer that it had, on any node, and the server hears of it once. One that
// names another challenge than the one that is out, or answers an old one in another way, is refused, and nothing is sent.
func TestRepetition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.manager("a"), w.manager("b")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s1"), challenge("s2"), accept(aaa.Values{"Class": "0x01"})}
	begun := w.start(a)
	sid, first := begun.SID, begun.Challenge
	if first == "" {
		t.Fatal("INIT gives the challenge no id")
	}
	send := func(m *Manager, values aaa.Values) *aaa.SessionAnswer {
		t.Helper()
		got, err := m.ContinueSession(w.ctx, w.mine, sid, values, "r")
		w.must(err)
		return got
	}
	same := func(want *aaa.SessionAnswer, values aaa.Values) {
		t.Helper()
		before := w.asked()
		for _, m := range []*Manager{a, b} {
			if diff := cmp.Diff(want, send(m, values)); diff != "" {
				t.Errorf("a repetition (-before +again):\n%s", diff)
			}
		}
		if w.asked() != before {
			t.Error("the server was asked again")
		}
	}
	refused := func(kind aaa.Kind, values aaa.Values) {
		t.Helper()
		before := w.asked()
		_, err := b.ContinueSession(w.ctx, w.mine, sid, values, "r")
		w.refused(err, kind)
		var e *aaa.Error
		if errors.As(err, &e); len(e.Fields) != 1 || e.Fields[0].Path != ChallengeKey {
			t.Errorf("the error names %v", e.Fields)
		}
		if w.asked() != before {
			t.Error("the server was asked")
		}
	}
	refused(aaa.KindConflict, answer("another", "alice"))
	refused(aaa.KindBadInput, aaa.Values{AnswerKey: "alice", ChallengeKey: 7})
	refused(aaa.KindBadInput, aaa.Values{AnswerKey: "alice", ChallengeKey: ""})

	second := send(a, answer(first, "alice"))
	if second.Result != aaa.SessionChallenge || second.Challenge == "" || second.Challenge == first {
		t.Fatalf("the second challenge is %+v", second)
	}
	if req := w.aaa.last().Values; req["code"] != "alice" || req[ChallengeKey] != nil {
		t.Errorf("sent were %v", req)
	}
	same(second, answer(first, "alice"))
	refused(aaa.KindConflict, answer(first, "wonderland"))

	in := send(b, answer(second.Challenge, "wonderland"))
	if in.Result != aaa.SessionAuthenticated || in.Challenge != "" || in.Keys["ip"] != "192.0.2.7" || in.AVPs.Value("Class") != "0x01" {
		t.Fatalf("the accept is %+v", in)
	}
	same(in, answer(second.Challenge, "wonderland"))
	_, err := a.ContinueSession(w.ctx, w.mine, sid, answer(first, "alice"), "r")
	w.refused(err, aaa.KindConflict)
	_, err = a.ContinueSession(w.ctx, w.mine, sid, answer("", "wonderland"), "r")
	w.refused(err, aaa.KindConflict)
	_, err = a.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	_, err = a.ContinueSession(w.ctx, w.mine, sid, answer(second.Challenge, "wonderland"), "r")
	w.refused(err, aaa.KindConflict) // the session has gone on
}

// TestRepeatedReject: a reject is repeated too, and a disabled account learns nothing any more.
func TestRepeatedReject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), rejects}
	begun := w.start(m)
	for range 2 {
		got, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
		w.must(err)
		if got.Result != aaa.SessionRejected || got.Session.State != aaa.SessionFailed {
			t.Errorf("answered with %+v", got)
		}
	}
	if n := w.asked(); n != 2 {
		t.Errorf("%d requests", n)
	}
	w.aaa.disable()
	_, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
	w.refused(err, aaa.KindForbidden)
}

// TestRepetitionMeanwhile: a repetition that comes while the server is still being asked waits for its answer, on
// another node too; one with another answer does not. Where nothing was sent, the repetition is.
func TestRepetitionMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first func(*aaa.Request) (*aaa.Result, error)
		asked int
	}{
		"answered": {accept(nil), 2},
		"not sent": {fails(aaa.KindBusy), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.manager("a"), w.manager("b")
			atServer, goOn, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), func(req *aaa.Request) (*aaa.Result, error) {
				close(atServer)
				<-goOn
				return c.first(req)
			}, accept(nil)}
			begun := w.start(a)
			values := answer(begun.Challenge, "1")
			go func() {
				defer close(over)
				_, err := a.ContinueSession(w.ctx, w.mine, begun.SID, values, "r1")
				if (err == nil) != (c.asked == 2) {
					t.Errorf("the first is answered by %v", err)
				}
			}()
			<-atServer
			_, err := b.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "2"), "r2")
			w.refused(err, aaa.KindConflict)
			_, err = b.ContinueSession(w.ctx, w.mine, begun.SID, answer("", "1"), "r3")
			w.refused(err, aaa.KindConflict)
			waits := 0
			b.pause = func(context.Context, time.Duration) error {
				if waits++; waits == 1 {
					close(goOn)
					<-over
				}
				return nil
			}
			got, err := b.ContinueSession(w.ctx, w.mine, begun.SID, values, "r4")
			w.must(err)
			if got.Result != aaa.SessionAuthenticated || waits != 1 || w.asked() != c.asked {
				t.Errorf("after %d waits and %d requests: %+v", waits, w.asked(), got)
			}
		})
	}
}

// TestRepetitionGivesUp: a repetition does not wait for ever, nor after its caller has gone.
func TestRepetitionGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s")}
	begun := w.start(m)
	values := answer(begun.Challenge, "1")
	st, err := newStep(begun.SID, values)
	w.must(err)
	s, err := m.get(w.ctx, w.mine, begun.SID)
	w.must(err)
	round := &round{Challenge: begun.Challenge, Request: st.fingerprint}
	s.move(Init, m.now()) // the node that asked the server has fallen
	s.private.Round, s.Until = round, m.now().Add(underWay)
	w.must(m.save(w.ctx, s))
	m.pause = func(context.Context, time.Duration) error { return nil }
	_, err = m.ContinueSession(w.ctx, w.mine, begun.SID, values, "r")
	w.refused(err, aaa.KindBusy)
	ctx, cancel := context.WithCancel(w.ctx)
	m.pause = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return sleep(ctx, time.Hour)
	}
	if _, err = m.ContinueSession(ctx, w.mine, begun.SID, values, "r"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestCallerLeaves: a CONT goes on when its caller goes away, and the repetition gets the answer.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	ctx, cancel := context.WithCancel(w.ctx)
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), func(req *aaa.Request) (*aaa.Result, error) {
		cancel()
		return accept(nil)(req)
	}, rejects}
	begun := w.start(m)
	if _, err := m.ContinueSession(ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r"); err != nil {
		t.Errorf("the caller's departure ended the login: %v", err)
	}
	got, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
	w.must(err)
	if got.Result != aaa.SessionAuthenticated || w.asked() != 2 {
		t.Errorf("after %d requests: %+v", w.asked(), got)
	}
}

// TestAcceptIsKept: what a server answered is written, though nothing more can be looked up: its State is spent.
func TestAcceptIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	away := &aaa.Error{Kind: aaa.KindUnavailable, Message: "the store cannot be reached"}
	inLossOf := func(f func(*aaa.Request) (*aaa.Result, error)) func(*aaa.Request) (*aaa.Result, error) {
		return func(req *aaa.Request) (*aaa.Result, error) {
			w.aaa.lose(away)
			return f(req)
		}
	}
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){inLossOf(challenge("s")), inLossOf(accept(aaa.Values{"class": "no", "Class": "0x01"}))}
	begun := w.start(m)
	w.aaa.lose(nil)
	got, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer("", "1"), "r")
	w.must(err)
	w.aaa.lose(nil)
	s, err := m.get(w.ctx, w.mine, begun.SID)
	w.must(err)
	if got.Result != aaa.SessionAuthenticated || s.place() != Completed || s.private.Class != "0x01" || s.private.State != "" {
		t.Errorf("%+v leaves the session %v", got, s.place())
	}
}

// flaky is a store that is away for the first updates. written says that it does them all the same.
type flaky struct {
	store.Sessions
	away    int
	written bool
}

func (f *flaky) Update(ctx context.Context, r store.SessionRecord, ifRevision int64) (store.SessionRecord, error) {
	if f.away == 0 {
		return f.Sessions.Update(ctx, r, ifRevision)
	}
	f.away--
	if f.written {
		if _, err := f.Sessions.Update(ctx, r, ifRevision); err != nil {
			return r, err
		}
	}
	return store.SessionRecord{}, store.ErrUnavailable
}

// TestStoreAwayAfterAccept: the store is away for a moment when a server has accepted. The accept is written when it is back; where
// the lost answer was that of a write, a repetition gets it.
func TestStoreAwayAfterAccept(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]bool{"not written": false, "written": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f := &flaky{Sessions: w.store.Sessions(), written: written}
			m := w.manager("a", func(o *Options) { o.Store = f })
			waits := 0
			m.pause = func(context.Context, time.Duration) error { waits++; return nil }
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), func(req *aaa.Request) (*aaa.Result, error) {
				if f.away = 3; written {
					f.away = 1
				}
				return accept(nil)(req)
			}}
			begun := w.start(m)
			got, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
			if written {
				w.refused(err, aaa.KindUnavailable)
				got, err = m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
			} else if waits != 3 {
				t.Errorf("%d waits", waits)
			}
			w.must(err)
			if got.Result != aaa.SessionAuthenticated || w.asked() != 2 {
				t.Errorf("after %d requests: %+v", w.asked(), got)
			}
		})
	}
}

// TestPanic: a login that panics fails its session at once.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), func(*aaa.Request) (*aaa.Result, error) { panic("in an action") }}
	sid := w.start(m).SID
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = m.ContinueSession(w.ctx, w.mine, sid, answer("", "1"), "r")
	}()
	w.is(m, sid, Failed, causeLost)
}

// TestFirstWriteUnanswered: the store takes the first write of a CONT and its answer is lost. The login goes on all the same: the
// node knows its own write again. A store that is away before it is written is waited for, but not for ever.
func TestFirstWriteUnanswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		away    int
		written bool
		fails   bool
	}{
		"written":     {away: 1, written: true},
		"not written": {away: 3},
		"away":        {away: 1 << 30, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f := &flaky{Sessions: w.store.Sessions(), written: c.written}
			m, other := w.manager("a", func(o *Options) { o.Store = f }), w.manager("b")
			waits := 0
			m.pause = func(context.Context, time.Duration) error {
				if waits++; waits > 100 {
					return context.DeadlineExceeded
				}
				return nil
			}
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
			begun := w.start(m)
			f.away = c.away
			got, err := m.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
			if c.fails {
				w.refused(err, aaa.KindUnavailable)
				w.is(other, begun.SID, Cont, "")
				got, err = other.ContinueSession(w.ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
			}
			w.must(err)
			if got.Result != aaa.SessionAuthenticated || w.asked() != 2 {
				t.Errorf("after %d requests: %+v", w.asked(), got)
			}
			w.is(other, begun.SID, Completed, "")
		})
	}
}

// TestFirstWriteOfAnother: of two nodes that lose the answer to their write of the same CONT, the one whose write was taken asks the
// server, and the other one waits for the answer.
func TestFirstWriteOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := &flaky{Sessions: w.store.Sessions()}
	a, b := w.manager("a", func(o *Options) { o.Store = f }), w.manager("b")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
	begun := w.start(a)
	values := answer(begun.Challenge, "1")
	f.away = 1
	a.pause = func(context.Context, time.Duration) error { // b is served while a waits for the store
		_, err := b.ContinueSession(w.ctx, w.mine, begun.SID, values, "r2")
		return err
	}
	got, err := a.ContinueSession(w.ctx, w.mine, begun.SID, values, "r1")
	w.must(err)
	if got.Result != aaa.SessionAuthenticated || w.asked() != 2 {
		t.Errorf("after %d requests: %+v", w.asked(), got)
	}
}

// hook is a store that calls before each update.
type hook struct {
	store.Sessions
	before func()
}

func (h *hook) Update(ctx context.Context, r store.SessionRecord, ifRevision int64) (store.SessionRecord, error) {
	h.before()
	return h.Sessions.Update(ctx, r, ifRevision)
}

// TestCallerLeavesAtOnce: a caller who goes away while the first write of a CONT is under way leaves no session behind that waits for
// an answer nobody asks for.
func TestCallerLeavesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	h := &hook{Sessions: w.store.Sessions(), before: func() {}}
	m := w.manager("a", func(o *Options) { o.Store = h })
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
	begun := w.start(m)
	h.before = cancel
	_, err := m.ContinueSession(ctx, w.mine, begun.SID, answer(begun.Challenge, "1"), "r")
	w.must(err)
	w.is(m, begun.SID, Completed, "")
}
