package session

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// between is a store in which something happens right before the next update.
type between struct {
	store.Sessions
	happens func()
}

func (b *between) Update(ctx context.Context, r store.SessionRecord, ifRevision int64) (store.SessionRecord, error) {
	if f := b.happens; f != nil {
		b.happens = nil
		f()
	}
	return b.Sessions.Update(ctx, r, ifRevision)
}

// overtakable is a node, and the store by which its updates are overtaken.
func (w *world) overtakable(node string) (*Manager, *between) {
	b := &between{Sessions: w.store.Sessions()}
	return w.manager(node, func(o *Options) { o.Store = b }), b
}

// TestClaimOvertaken: a caller's report comes between a node's claim and its write. The session then ends when it is due, not
// when the claim's lease is over.
func TestClaimOvertaken(t *testing.T) {
	t.Parallel()
	limits := aaa.Values{"Session-Timeout": json.Number("600"), "Idle-Timeout": json.Number("60")}
	for name, c := range map[string]struct {
		report uint64
		before time.Duration // from the claim to when the session is due
	}{
		"due as before": {report: 0},
		"due later":     {report: 1, before: 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m, b := w.overtakable("a")
			sid := w.opened(m, limits)
			w.clock.pass(60 * time.Second)
			b.happens = func() {
				_, err := w.manager("b").ReportSession(w.ctx, w.mine, sid, used(c.report), nil)
				w.must(err)
			}
			m.settle(w.ctx)
			if b.happens != nil {
				t.Fatal("nothing was written")
			}
			if c.before > 0 {
				w.clock.pass(c.before - time.Second)
				m.settle(w.ctx)
				w.is(m, sid, Opened, "")
				w.clock.pass(time.Second)
				m.settle(w.ctx)
			}
			w.is(m, sid, Closed, causeIdle)
			if n := len(w.aaa.take()); n != 1 {
				t.Errorf("%d records", n)
			}
		})
	}
}

// TestClaimOvertakenByContinue: a challenge is answered when its time is just over. The claim does not outlast it, whether the
// answer is sent or the session goes back to its challenge, and what the server says is written.
func TestClaimOvertakenByContinue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(*aaa.Request) (*aaa.Result, error)
		to     Place
		cause  string
	}{
		"accepted": {accept(nil), Completed, ""},
		"not sent": {fails(aaa.KindBusy), Failed, causeIdle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m, b := w.overtakable("a")
			atServer, goOn, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
			w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), func(req *aaa.Request) (*aaa.Result, error) {
				close(atServer)
				<-goOn
				return c.answer(req)
			}}
			sid := w.start(m).SID
			w.clock.pass(AnswerTime)
			b.happens = func() {
				go func() {
					defer close(over)
					_, err := w.manager("b").ContinueSession(w.ctx, w.mine, sid, answer("", "1"), "r")
					if (err == nil) != (c.to == Completed) {
						t.Errorf("answered with %v", err)
					}
				}()
				<-atServer
			}
			m.settle(w.ctx)
			close(goOn)
			<-over
			m.settle(w.ctx)
			w.is(m, sid, c.to, c.cause)
		})
	}
}

// TestDuePanics: a panic while a due session is accounted ends neither the node nor the work on others, and the session
// has its Stop when the lease is over.
func TestDuePanics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	limit := aaa.Values{"Session-Timeout": json.Number("600")}
	sids := []string{w.opened(m, limit), w.opened(m, limit)}
	records := 0
	w.aaa.acct = func(*aaa.Request) (*aaa.Result, error) {
		w.aaa.mu.Lock()
		records++
		first := records == 1
		w.aaa.mu.Unlock()
		if first {
			panic("in an action")
		}
		return &aaa.Result{Outcome: aaa.Accept}, nil
	}
	w.clock.pass(600 * time.Second)
	m.settle(w.ctx)
	for _, sid := range sids {
		w.is(m, sid, Closed, causeTimeout)
	}
	if records != 2 || !strings.Contains(w.log.String(), "in an action") {
		t.Errorf("%d records, the log has\n%s", records, w.log)
	}
	w.clock.pass(lease)
	m.settle(w.ctx)
	m.settle(w.ctx)
	if records != 3 {
		t.Errorf("%d records after the lease", records)
	}
}
