package router_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const race = `
Start:
	*.+AUTHEN.ACK      RAD2RAD  Race  Xvalue=1 Xstring=authentication
Race:
	*.RAD2RAD.ACK      REPLY    Kill
	*.RAD2RAD.NAK      REPLY    Kill
	*.RAD2RAD.ERROR    PENDING  Race
	*.PENDING.NAK      REPLY    Hold
	*.*.TIMEOUT        REPLY    Hold
Kill:
	*.REPLY.ACK        KILL     Hold
	*.*.TIMEOUT        NULL     End
Hold:
	*.*.TIMEOUT        NULL     End
End:
`

// TestRaceTakesTheFirstAnswer: two servers are asked at once, the faster one's answer
// counts, and the slower one is let go.
func TestRaceTakesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "slow", "fast")
	l.use(race)
	asked := make(chan struct{}, 1)
	l.servers["slow"].forever, l.servers["slow"].has = true, asked
	l.servers["fast"].outcome, l.servers["fast"].until = aaa.Accept, asked
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || !res.IsAuthorized || res.Server != "fast" {
		t.Fatalf("%+v, %v", res, err)
	}
	if n := l.servers["slow"].asked.Load(); n != 1 {
		t.Errorf("the slow server was asked %d times, want once, beside the other", n)
	}
	l.quiet()
}

// TestRaceWaitsForTheLast: errors do not answer while another server may.
func TestRaceWaitsForTheLast(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "dead", "late")
	l.use(race)
	l.servers["late"].outcome, l.servers["late"].after = aaa.Reject, 10*time.Millisecond
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || res.Outcome != aaa.Reject || res.Server != "late" {
		t.Fatalf("%+v, %v", res, err)
	}
	l.quiet()
	l.servers["late"].outcome = ""
	if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != aaa.KindNoAnswer {
		t.Fatalf("with both silent: %v", err)
	}
	l.quiet()
}

// TestReplicateGoesOn: the first answer goes out while the other records are under way still.
func TestReplicateGoesOn(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "first", "second")
	l.use(`
Start:
	*.+ACCT.ACK    ACCT     Copies  Xvalue=1
Copies:
	*.ACCT.ACK     REPLY    Copies
	*.*.TIMEOUT    NULL     End
End:
`)
	asked, answered := make(chan struct{}, 1), make(chan struct{})
	l.servers["first"].outcome, l.servers["first"].until = aaa.Accept, asked
	l.servers["second"].outcome, l.servers["second"].has, l.servers["second"].until = aaa.Accept, asked, answered
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Accounting, Values: map[string]any{"Acct-Status-Type": "Start"}})
	if err != nil || res.Server != "first" {
		t.Fatalf("%+v, %v", res, err)
	}
	if l.servers["second"].busy.Load() != 1 {
		t.Error("the second server's exchange was over, or cancelled, when the first one's answer went out")
	}
	if running, _ := l.plan.Pool.Depth(); running != 1 {
		t.Errorf("%d places of the pool are taken, want 1 until the second server has answered", running)
	}
	close(answered)
	l.quiet()
}

// repeatOnce has the first request that the server gets come again while it has it, and answers after the machine has
// heard of that.
func (l *lab) repeatOnce(server string) {
	has, heard := make(chan struct{}, 2), make(chan struct{})
	l.servers[server].has, l.servers[server].until = has, heard
	go func() {
		<-has
		l.router.Repeat(l.plan.Account, "again")
		for !l.router.Heard(l.plan.Account, "again") {
			runtime.Gosched()
		}
		close(heard)
	}()
}

// TestDuplicate: a repetition is a DUP event, of a device's login too; only a table that says REDO asks again.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	const redo = "\t*.*.DUP  REDO  Same\n"
	for name, lines := range map[string]string{"default": "", "redo": redo, "login": "", "redo login": redo} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "a")
			table := "Start:\n\t*.+ACCT.ACK ACCT Wait\nWait:\n" + lines + "\t*.ACCT.ACK REPLY Hold\n\t*.ACCT.ERROR REPLY Hold\nHold:\n\t*.*.TIMEOUT NULL End\nEnd:\n"
			req := &aaa.Request{Op: aaa.Accounting, RepeatID: "again", Trace: true}
			if strings.HasSuffix(name, "login") {
				table = strings.NewReplacer("+ACCT.ACK ACCT Wait", "+AUTHEN.ACK RAD2RAD Wait Xstring=a", ".ACCT.", ".RAD2RAD.").Replace(table)
				req.Op, req.Device = aaa.Authn, &aaa.Device{AVPs: []aaa.AVP{}}
			}
			l.use(table)
			l.servers["a"].outcome = aaa.Accept
			l.repeatOnce("a")
			res, err := l.ask(t.Context(), req)
			if err != nil || !res.IsAuthorized {
				t.Fatalf("%+v, %v", res, err)
			}
			want := int32(1)
			if lines == redo {
				want = 2
			}
			if n := l.servers["a"].asked.Load(); n != want {
				t.Errorf("the server was asked %d times, want %d", n, want)
			}
			dup := 0
			for _, s := range res.Trace.FSM {
				if strings.HasSuffix(s.Event, "DUP") {
					dup++
				}
			}
			if dup != 1 {
				t.Errorf("%d DUP events in the trace %+v", dup, res.Trace.FSM)
			}
			l.quiet()
		})
	}
}

// TestHeedsDup: nothing listens for repetitions that change nothing and that no trace shows.
func TestHeedsDup(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "a")
	req := &aaa.Request{Op: aaa.Authn, RepeatID: "again"}
	if l.router.HeedsDup(l.plan, req) {
		t.Error("the built-in table heeds them")
	}
	if req.Trace = true; !l.router.HeedsDup(l.plan, req) {
		t.Error("the trace does not show them")
	}
	req.Trace = false
	l.use("Start:\n\t*.+AUTHEN.ACK RAD2RAD Wait Xstring=a\nWait:\n\t*.RAD2RAD.ACK REPLY End\n\t*.*.DUP REDO Same\nEnd:\n")
	if !l.router.HeedsDup(l.plan, req) {
		t.Error("REDO is not told")
	}
}

// TestTimer: an event of its own arrives beside what is pending.
func TestTimer(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "slow", "spare")
	l.use(`
Start:
	*.+AUTHEN.ACK    TIMER    Hedge  Xvalue=20
Hedge:
	*.TIMER.ACK      RAD2RAD  Wait   Xstring=slow
	*.*.TIMEOUT      NULL     End
Wait:
	*.TIMER.TIMER    RAD2RAD  Wait   Xstring=spare
	*.RAD2RAD.ACK    REPLY    Kill
	*.*.TIMEOUT      NULL     End
Kill:
	*.REPLY.ACK      KILL     End
End:
`)
	l.servers["slow"].forever = true
	l.servers["spare"].outcome = aaa.Accept
	start := time.Now()
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || res.Server != "spare" {
		t.Fatalf("%+v, %v", res, err)
	}
	if time.Since(start) < 20*time.Millisecond {
		t.Error("the spare server was asked before the timer was due")
	}
	l.quiet()
}

// TestDeadline: TIMEOUT comes once, and the table may still answer with what it has.
func TestDeadline(t *testing.T) {
	t.Parallel()
	l := newLab(t, 300*time.Millisecond, "slow")
	l.servers["slow"].forever = true
	l.use("Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.RADIUS.ACK REPLY End\n\t*.*.TIMEOUT ACK Late\nLate:\n\t*.ACK.ACK REPLY End\nEnd:\n")
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || !res.IsAuthorized || res.Server != "" {
		t.Fatalf("a table that answers on TIMEOUT: %+v, %v", res, err)
	}
	l.use("Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.RADIUS.ACK REPLY End\n\t*.*.TIMEOUT RAD2RAD Wait slow\nEnd:\n")
	if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != aaa.KindNoAnswer {
		t.Fatalf("a table that begins anew on TIMEOUT: %v", err)
	}
	l.quiet()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, err := l.ask(ctx, &aaa.Request{Op: aaa.Authn}); err == nil {
		t.Fatal("a caller who went away was answered")
	}
	l.quiet()
}

// TestFatalKeepsItsError: what can't be sent is the caller's fault, told as such.
func TestFatalKeepsItsError(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Second, "a", "b")
	bad := aaa.Invalid(aaa.Field{Path: "User-Name", Rule: "maxLength", Message: "is too long"})
	l.servers["a"].err = bad
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if !errors.Is(err, bad) {
		t.Fatalf("%v", err)
	}
	if n := l.servers["b"].asked.Load(); n != 0 {
		t.Error("a request that can't be sent went on to the next server")
	}
	l.quiet()
}

// TestLogDecidesNothing: an action that only helps does not turn a refusal into an accept.
func TestLogDecidesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Second, "a")
	l.servers["a"].outcome = aaa.Reject
	l.use("Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.RADIUS.NAK LOG Tell \"refused\"\n\t*.*.TIMEOUT NULL End\nTell:\n\t*.LOG.ACK PENDING Count\nCount:\n\t*.PENDING.NAK REPLY End\n\t*.PENDING.ACK REPLY End\nEnd:\n")
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || res.Outcome != aaa.Reject || res.IsAuthorized {
		t.Fatalf("%+v, %v", res, err)
	}
	l.quiet()
}

// TestLogDoesNotFillTheLog: a table that logs each request has a line a second, in which its text is no message of the
// service's.
func TestLogDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Second, "a")
	l.use("Start:\n\t*.+AUTHEN.ACK LOG Tell \"stopped\"\nTell:\n\t*.LOG.ACK LOG Again\nAgain:\n\t*.LOG.ACK RADIUS Wait\nWait:\n\t*.RADIUS.ACK REPLY End\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	begun := time.Now()
	for range 200 {
		_, _ = l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	}
	l.quiet()
	seconds := int(time.Since(begun)/time.Second) + 1
	lines := 0
	for line := range strings.Lines(l.log.String()) {
		if strings.Contains(line, `"msg":"stopped"`) {
			t.Fatalf("a line of a table looks like one of the service's: %s", line)
		}
		if strings.Contains(line, `"text":"stopped"`) {
			lines++
		}
	}
	if lines == 0 || lines > seconds {
		t.Errorf("%d lines within %d s", lines, seconds)
	}
}
