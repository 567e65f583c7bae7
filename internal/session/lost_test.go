package session

import (
	"context"
	"strconv"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestDialogueLost: a session whose dialogue is lost fails at once, in the store, so that every node says so; one that
// went on, or waits for another challenge, does not.
func TestDialogueLost(t *testing.T) {
	w := newWorld(t)
	w.aaa.keepsDialogues(true)
	holder, other := w.manager("one"), w.manager("two")
	script := func(f ...func(*aaa.Request) (*aaa.Result, error)) { w.aaa.script = f }

	script(challenge("s1"))
	sid := w.start(holder).SID
	holder.DialogueLost("of nobody", "x")
	holder.endLost(w.ctx)
	w.is(other, sid, Cont, "")
	holder.DialogueLost("s1", "the server closed the connection")
	holder.endLost(w.ctx)
	w.is(other, sid, Failed, causeLost)
	_, err := other.ContinueSessionHere(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindConflict)

	script(challenge("s2"), challenge("s3"))
	sid = w.start(holder).SID
	_, err = holder.ContinueSessionHere(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.must(err)
	holder.DialogueLost("s2", "late")
	holder.endLost(w.ctx)
	w.is(other, sid, Cont, "")

	script(challenge("s4"), fails(aaa.KindBusy))
	sid = w.start(holder).SID
	_, err = holder.ContinueSessionHere(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindBusy)
	w.is(other, sid, Cont, "")
	holder.DialogueLost("s4", "lost after it went back")
	holder.endLost(w.ctx)
	w.is(other, sid, Failed, causeLost)

	holder.DialogueLost("s5", "lost before it was written")
	script(challenge("s5"))
	sid = w.start(holder).SID
	holder.endLost(w.ctx)
	w.is(other, sid, Failed, causeLost)
	if n := len(holder.dialogues.of) + len(holder.dialogues.ended); n != 1 { // s3's
		t.Errorf("%d sessions are remembered", n)
	}

	script(challenge("s6"), fails(aaa.KindBadInput, aaa.Field{Path: "State", Message: "the login is lost"}))
	sid = w.start(holder).SID
	_, err = holder.ContinueSessionHere(w.ctx, w.mine, sid, aaa.Values{"answer": "1"}, "r")
	w.refused(err, aaa.KindConflict)
	w.is(other, sid, Failed, causeLost)
}

// TestManyDialoguesLost: they fail a part at a time, between which timers have their turn, and all of them without waiting.
func TestManyDialoguesLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.keepsDialogues(true)
	m := w.manager("a")
	const many = 2*lostAtOnce + 1
	for n := range many {
		state := strconv.Itoa(n)
		w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge(state)}
		w.start(m)
		m.DialogueLost(state, "the server closed the connection")
	}
	for _, left := range []int{many - lostAtOnce, many - 2*lostAtOnce, 0} {
		select {
		case <-m.dialogues.kick:
		default:
			t.Fatal("nobody looks at what is left")
		}
		m.endLost(w.ctx)
		if n := len(m.dialogues.ended); n != left {
			t.Fatalf("%d are left, want %d", n, left)
		}
	}
}

// TestDialogueLostAfterAnUnwrittenStep: a CONT that the store did not take leaves the session waiting, and its dialogue watched.
func TestDialogueLostAfterAnUnwrittenStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.keepsDialogues(true)
	f := &flaky{Sessions: w.store.Sessions()}
	m := w.manager("a", func(o *Options) { o.Store = f })
	m.pause = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s")}
	sid := w.start(m).SID
	f.away = 1
	_, err := m.ContinueSession(w.ctx, w.mine, sid, answer("", "1"), "r")
	w.refused(err, aaa.KindUnavailable)
	w.is(m, sid, Cont, "")
	m.DialogueLost("s", "the server closed the connection")
	m.endLost(w.ctx)
	w.is(m, sid, Failed, causeLost)
}
