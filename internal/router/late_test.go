package router_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// late is an action whose job accepts at the deadline and not before.
type late struct{}

func (late) Spec() fsm.Spec {
	return fsm.Spec{Name: "LATE", Does: "accepts too late", Later: []fsm.Event{fsm.ACK}, Decides: true}
}

func (late) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	return m.Do(func(ctx context.Context) router.Answer {
		<-ctx.Done()
		return router.Answer{Event: fsm.ACK, Result: &aaa.Result{Server: "late"}}
	})
}

// busy is an action that keeps the machine itself at work until an entry has answered after the deadline.
type busy struct{}

func (busy) Spec() fsm.Spec {
	return fsm.Spec{Name: "BUSY", Does: "takes its time", Silent: true}
}

func (busy) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	<-m.Context().Done()
	for m.Arrived() == 0 {
		runtime.Gosched()
	}
	return fsm.None
}

// TestAnswerAfterTheEnd: an answer that arrives after the deadline is no event, even if the machine finds both at once
// because it was busy: the table has its TIMEOUT.
func TestAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := newLabOf(t, router.NewActions(
		actions.RADIUS{}, actions.TACACS{}, actions.Realm{}, actions.Reply{}, actions.Null{}, actions.Log{}, actions.Timeout{},
		actions.Timer{}, late{}, busy{},
	), 20*time.Millisecond)
	l.use(`
Start:
	*.+AUTHEN.ACK  LATE   Wait
Wait:
	*.LATE.WAIT    TIMER  Wait  Xvalue=0
	*.TIMER.TIMER  BUSY   Wait
	*.LATE.ACK     REPLY  End
	*.*.TIMEOUT    NULL   End
End:
`)
	for range 40 { // of several things that are ready, select takes any
		if res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != aaa.KindNoAnswer {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	l.quiet()
}
