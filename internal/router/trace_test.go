package router_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// A table that asks again and again with a long list of values fills the trace, which says so and tells of servers and
// lines all the same.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Minute, "a")
	l.use(`
Start:
	*.+AUTHEN.ACK    RAD2RAD  Again  Xstring=a
Again:
	*.RAD2RAD.ERROR  RAD2RAD  Again  Xstring=a
	*.*.TIMEOUT      NULL     End
End:
`)
	values := make([]any, 200)
	for i := range values {
		values[i] = strings.Repeat("<", 250)
	}
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Trace: true, Values: map[string]any{"User-Name": "alice", "classes": values}})
	var e *aaa.Error
	if !errors.As(err, &e) || e.Trace == nil {
		t.Fatalf("%v", err)
	}
	text, err := json.Marshal(e.Trace)
	if err != nil || len(text) > 1200<<10 {
		t.Errorf("the trace has %d octets, %v", len(text), err)
	}
	if e.Trace.LeftOut == 0 || len(e.Trace.Rules) == 0 || len(e.Trace.Servers) < 500 || len(e.Trace.FSM) != 1000 {
		t.Errorf("%d left out, %d rules, %d servers, %d lines", e.Trace.LeftOut, len(e.Trace.Rules), len(e.Trace.Servers), len(e.Trace.FSM))
	}
	l.quiet()
}

// Traces of entries that run side by side share one bound.
func TestTracesShareTheirRoom(t *testing.T) {
	t.Parallel()
	all := &aaa.Tracing{}
	for range 10 {
		part := all.Room().Tracing()
		for range 1000 {
			part.AddDropped(aaa.TraceDropped{Server: "a", Attribute: "b", Reason: "c"})
		}
		all.Take(part)
	}
	all.End(time.Now())
	if n := int64(len(all.Dropped)); n >= 5000 || n+all.LeftOut != 10_000 {
		t.Errorf("%d entries, %d left out", n, all.LeftOut)
	}
}
