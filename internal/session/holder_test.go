package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// superseded checks that an error tells a former holder that it is one.
func (w *world) superseded(what string, err error) {
	w.t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindConflict || !strings.Contains(e.Message, "superseded") || len(e.Fields) != 1 || e.Fields[0].Path != HolderKey || e.Fields[0].Rule != "superseded" {
		w.t.Errorf("%s by a former holder: %+v", what, err)
	}
}

// TestSuperseded: OPEN makes its caller the holder. Each verb of the holder before it is refused and changes nothing, in the
// session's every place; a caller that names no holder goes on as before.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		a, b := w.manager("a"), w.manager("b")
		sid := w.start(a).SID
		as := func(holder string) aaa.Values { return aaa.Values{HolderKey: holder, "seen": holder} }
		open := func(m *Manager, values aaa.Values) *aaa.SessionAnswer {
			t.Helper()
			got, err := m.OpenSession(w.ctx, w.mine, sid, values)
			w.must(err)
			return got
		}
		first := open(a, nil).Holder
		if again := open(a, as(first)); again.Holder == first || again.Result != aaa.SessionResumed {
			t.Errorf("OPEN of its own session: %+v", again)
		}
		second := open(b, nil).Holder
		if second == first || second == "" {
			t.Fatalf("holders %q, %q", first, second)
		}
		for _, suspended := range []bool{false, true} {
			if suspended {
				_, err := b.SuspendSession(w.ctx, w.mine, sid, aaa.Usage{}, as(second))
				w.must(err)
			}
			before, err := a.get(w.ctx, w.mine, sid)
			w.must(err)
			_, err = a.OpenSession(w.ctx, w.mine, sid, as(first))
			w.superseded("OPEN", err)
			_, err = a.ReportSession(w.ctx, w.mine, sid, used(9), as(first))
			w.superseded("INTERIM", err)
			_, err = a.SuspendSession(w.ctx, w.mine, sid, used(9), as(first))
			w.superseded("SUSPEND", err)
			_, err = a.CloseSession(w.ctx, w.mine, sid, "", used(9), as(first))
			w.superseded("CLOSE", err)
			if after, err := a.get(w.ctx, w.mine, sid); err != nil || after.rec.Revision != before.rec.Revision {
				t.Errorf("a former holder wrote the session: %v", err)
			}
		}
		third := open(b, as(second)).Holder
		_, err := b.ReportSession(w.ctx, w.mine, sid, used(1), as(third))
		w.must(err)
		_, err = b.ReportSession(w.ctx, w.mine, sid, used(2), nil)
		w.must(err)
		_, err = b.ReportSession(w.ctx, w.mine, sid, used(2), aaa.Values{HolderKey: 3})
		w.refused(err, aaa.KindBadInput)
		w.aaa.records()
		c, err := b.CloseSession(w.ctx, w.mine, sid, "", used(3), as(third))
		w.must(err)
		stop := w.aaa.records()
		if c.Holder != "" || len(stop) != 1 || stop[0].Values["seen"] != third || stop[0].Values[HolderKey] != nil {
			t.Errorf("CLOSE answers %+v with the record %+v", c, stop)
		}
	})
}

// TestHolderIsSealed: the store and the log hold no holder in clear.
func TestHolderIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.start(m).SID
	a, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	b, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	_, err = m.ReportSession(w.ctx, w.mine, sid, aaa.Usage{}, aaa.Values{HolderKey: a.Holder})
	w.superseded("INTERIM", err)
	for _, holder := range []string{a.Holder, b.Holder} {
		if strings.Contains(w.rows(), holder) || strings.Contains(w.log.String(), holder) || strings.Contains(err.Error(), holder) {
			t.Errorf("the holder %q is shown", holder)
		}
	}
}

// TestOpenedTwiceAtOnce: an OPEN that comes while another one waits for the answer to the Start waits too. It resumes the session if the
// Start is taken; if the Start is refused, it begins with one of its own.
func TestOpenedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]bool{"taken": true, "refused": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.manager("a"), w.manager("b")
			sid := w.start(a).SID
			waiting, asked := make(chan struct{}), make(chan struct{})
			var starts atomic.Int32
			w.aaa.acct = func(*aaa.Request) (*aaa.Result, error) {
				if starts.Add(1) > 1 {
					return &aaa.Result{Outcome: aaa.Accept}, nil
				}
				close(asked)
				<-waiting
				if taken {
					return &aaa.Result{Outcome: aaa.Accept}, nil
				}
				return &aaa.Result{Outcome: aaa.Reject}, nil
			}
			var under sync.WaitGroup
			var once sync.Once
			first := make(chan *aaa.SessionAnswer, 1)
			under.Go(func() {
				got, err := a.OpenSession(w.ctx, w.mine, sid, nil)
				if err != nil {
					t.Error(err)
				}
				first <- got
			})
			<-asked
			var one *aaa.SessionAnswer
			b.pause = func(context.Context, time.Duration) error {
				once.Do(func() { close(waiting); one = <-first })
				return nil
			}
			two, err := b.OpenSession(w.ctx, w.mine, sid, nil)
			once.Do(func() {
				t.Error("the second OPEN did not wait")
				close(waiting)
				one = <-first
			})
			w.must(err)
			under.Wait()
			want := []any{aaa.SessionOpened, aaa.SessionResumed, int32(1)}
			if !taken {
				want = []any{aaa.SessionRejected, aaa.SessionOpened, int32(2)}
			}
			if diff := cmp.Diff(want, []any{one.Result, two.Result, starts.Load()}); diff != "" {
				t.Errorf("the answers and the Starts (-want +got):\n%s", diff)
			}
			w.is(a, sid, Opened, "")
		})
	}
}

// TestStartWithoutItsNode: a session whose node fell before it wrote that the Start was taken is resumed after a while.
func TestStartWithoutItsNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, nil)
	s, err := m.get(w.ctx, w.mine, sid)
	w.must(err)
	s.Starting = true
	w.must(m.save(w.ctx, s))
	m.pause = func(context.Context, time.Duration) error { return nil }
	_, err = m.OpenSession(w.ctx, w.mine, sid, nil)
	w.refused(err, aaa.KindBusy)
	w.clock.pass(underWay)
	a, err := m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	if a.Result != aaa.SessionResumed || len(w.aaa.take()) > 0 {
		t.Errorf("OPEN answers %+v", a)
	}
}

// TestResumeOfAnEarlierVersion: a session that was opened by a version without holders is suspended and resumed as any other.
func TestResumeOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, nil)
	s, err := m.get(w.ctx, w.mine, sid)
	w.must(err)
	s.HeldAt, s.private.Holder = time.Time{}, ""
	w.must(m.save(w.ctx, s))
	w.clock.pass(100 * time.Second)
	_, err = m.SuspendSession(w.ctx, w.mine, sid, used(7), nil)
	w.must(err)
	w.clock.pass(50 * time.Second)
	_, err = m.OpenSession(w.ctx, w.mine, sid, nil)
	w.must(err)
	w.clock.pass(3 * time.Second)
	a, err := m.CloseSession(w.ctx, w.mine, sid, "", used(2), nil)
	w.must(err)
	if want := (aaa.Counters{InputOctets: 9, SessionTime: 103}); a.Session.Counters != want {
		t.Errorf("the counters are %+v, want %+v", a.Session.Counters, want)
	}
}
