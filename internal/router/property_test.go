package router_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
)

// deadline of a random request. What a table does past it is cut off.
const randomDeadline = 40 * time.Millisecond

// TestRandomTables holds what no table may break: every request ends, soon after its
// deadline at the latest and within a number of lines; it is answered once; nothing is
// pending after its end; no server of another tenant hears of it.
func TestRandomTables(t *testing.T) {
	t.Parallel()
	compiled := 0
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(t, randomDeadline, "a", "b", "c")
		other := newLab(t, randomDeadline, "foreign")
		other.servers["foreign"].outcome = aaa.Accept
		text := randomTable(rt)
		table, faults, _ := fsm.Check([]byte(text), l.actions.Specs())
		if len(faults) > 0 {
			rt.Skip("not a table")
		}
		compiled++
		l.use(text)
		for name, b := range l.servers {
			randomBackend(rt, name, b)
		}
		repeated := rapid.Bool().Draw(rt, "repeated")
		req := &aaa.Request{
			Op: aaa.Op(rapid.IntRange(0, aaa.NumOps-1).Draw(rt, "op")), Trace: true, RepeatID: "again",
			Values: map[string]any{"User-Name": "alice@example.com", "Acct-Status-Type": "Stop"},
		}
		type ended struct {
			res *aaa.Result
			err error
		}
		end := make(chan ended, 2)
		go func() {
			res, err := l.ask(t.Context(), req)
			end <- ended{res, err}
		}()
		if repeated {
			l.router.Repeat(l.plan.Account, "again")
		}
		var got ended
		select {
		case got = <-end:
		case <-time.After(10 * time.Second):
			rt.Fatalf("the request did not end\n%s", text)
		}
		l.quiet()
		if len(end) != 0 {
			rt.Fatalf("answered twice")
		}
		if (got.res == nil) == (got.err == nil) {
			rt.Fatalf("answer %+v with error %v", got.res, got.err)
		}
		trace := traceOf(got.res, got.err)
		if trace != nil && len(trace.FSM) > 2*1000 {
			rt.Fatalf("%d lines taken", len(trace.FSM))
		}
		if got.res != nil {
			checkAnswer(rt, got.res, trace)
		}
		if other.servers["foreign"].asked.Load() != 0 {
			rt.Fatal("another tenant's server heard of the request")
		}
		_ = table
	})
	if compiled < 20 {
		t.Fatalf("only %d of the random tables compile", compiled)
	}
}

// checkAnswer: there is a REPLY in the walk, and an accept comes of something that accepted.
func checkAnswer(rt *rapid.T, res *aaa.Result, trace *aaa.Trace) {
	replies, accepted := 0, false
	for _, s := range trace.FSM {
		if s.Action == "REPLY" {
			replies++
		}
		accepted = accepted || s.Action == "ACK" || s.Action == "SRV_STATUS"
	}
	for _, s := range trace.Servers {
		accepted = accepted || s.Outcome == string(aaa.Accept)
	}
	if replies == 0 {
		rt.Fatalf("an answer %+v without REPLY in %+v", res, trace.FSM)
	}
	if res.IsAuthorized != (res.Outcome == aaa.Accept) || res.IsAuthorized && !accepted {
		rt.Fatalf("accepted by nobody: %+v, %+v", res, trace)
	}
}

func traceOf(res *aaa.Result, err error) *aaa.Trace {
	if res != nil {
		return res.Trace
	}
	var e *aaa.Error
	if errors.As(err, &e) {
		return e.Trace
	}
	return nil
}

func randomBackend(rt *rapid.T, name string, b *backend) {
	switch rapid.IntRange(0, 5).Draw(rt, "server "+name) {
	case 0:
		b.outcome = aaa.Accept
	case 1:
		b.outcome = aaa.Reject
	case 2:
		b.outcome = aaa.Challenge
	case 3:
		b.forever = true
	case 4:
		b.err = &engines.Failure{Reason: engines.Unreachable}
	case 5:
		b.err = aaa.Invalid(aaa.Field{Path: "x", Message: "can't be sent"})
	}
	b.after = time.Duration(rapid.IntRange(0, 8).Draw(rt, "after "+name)) * time.Millisecond
}

// randomTable writes a table of some states. Many compile: every state has a way out.
func randomTable(rt *rapid.T) string {
	n := rapid.IntRange(1, 5).Draw(rt, "states")
	next := func() string {
		i := rapid.IntRange(-1, n-1).Draw(rt, "next")
		if i < 0 {
			return "End"
		}
		return fmt.Sprintf("S%d", i)
	}
	do := []string{
		"RADIUS", "RAD2RAD", "AUTHENTICATE", "ACCT", "REPLY", "REPLY", "REPLY", "ACK", "NULL", "KILL", "REDO", "PENDING",
		"TIMER", "LOG", "TIMEOUT", "SRV_STATUS", "END", "TACACS",
	}
	event := []string{
		"*.RADIUS.ACK", "*.RADIUS.NAK", "*.RADIUS.ERROR", "*.RADIUS.RC1", "*.RAD2RAD.ACK", "*.RAD2RAD.ERROR", "*.ACCT.ACK",
		"*.AUTHENTICATE.NAK", "*.*.ACK", "*.*.NAK", "*.*.ERROR", "*.*.WAIT", "*.*.DUP", "*.*.TIMER", "*.TIMER.ACK", "*.REPLY.ACK",
		"*.PENDING.ACK", "*.PENDING.NAK", "*.*.FATAL", "*.*.ACC_CHAL", "*.*.TIMEOUT", "*.*.RC1", "*.LOG.ACK",
	}
	var b strings.Builder
	for s := range n {
		fmt.Fprintf(&b, "S%d:\n", s)
		if s == 0 {
			for _, kind := range []string{"AUTHEN", "AUTHZ", "ACCT", "CUSTOM"} {
				action := rapid.SampledFrom(do).Draw(rt, "first")
				fmt.Fprintf(&b, "\t*.+%s.ACK %s %s%s\n", kind, action, next(), extras(rt, action))
			}
		}
		for range rapid.IntRange(0, 5).Draw(rt, "lines") {
			action := rapid.SampledFrom(do).Draw(rt, "do")
			fmt.Fprintf(&b, "\t%s %s %s%s\n", rapid.SampledFrom(event).Draw(rt, "event"), action, next(), extras(rt, action))
		}
		// The way out, and a reference of the next state.
		fmt.Fprintf(&b, "\t*.*.TIMEOUT NULL End\n\t*.*.RC%d NULL S%d\n", 12, (s+1)%n)
	}
	return b.String() + "End:\n"
}

func extras(rt *rapid.T, action string) string {
	switch action {
	case "RAD2RAD":
		return fmt.Sprintf(" Xvalue=%d Xstring=%s", rapid.IntRange(0, 1).Draw(rt, "xvalue"),
			rapid.SampledFrom([]string{"a", "b", "authentication", "accounting", "nobody"}).Draw(rt, "xstring"))
	case "AUTHENTICATE", "ACCT":
		return fmt.Sprintf(" Xvalue=%d", rapid.IntRange(0, 1).Draw(rt, "xvalue"))
	case "TIMER":
		return fmt.Sprintf(" Xvalue=%d", rapid.IntRange(0, 5).Draw(rt, "ms"))
	}
	return ""
}
