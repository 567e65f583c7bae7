package router_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// TestCutOffByTheDeadline: what the end of the request's time cuts off is told with what the server had been sent and
// had answered by then, whether the server is asked alone, beside others or in a request that may be repeated.
func TestCutOffByTheDeadline(t *testing.T) {
	t.Parallel()
	const all = "Start:\n\t*.+ACCT.ACK ACCT Wait Xvalue=1\nWait:\n\t*.ACCT.ERROR NULL Same\n\t*.ACCT.ACK REPLY End\n\t*.*.TIMEOUT REPLY End\nEnd:\n"
	for way, c := range map[string]struct {
		table    string
		repeated bool
	}{"alone": {}, "beside another": {table: all}, "may be repeated": {repeated: true}} {
		for _, cut := range []struct {
			reason   engines.Reason
			kind     aaa.Kind
			outcome  string
			attempts int
		}{
			{engines.BadReply, aaa.KindBadReply, "bad reply", 3},
			{engines.NoAnswer, aaa.KindNoAnswer, "no answer", 3},
			{0, aaa.KindNoAnswer, "no answer", 0},
		} {
			t.Run(way+", "+cut.outcome, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, 500*time.Millisecond, "a")
				if c.table != "" {
					l = newLab(t, 500*time.Millisecond, "a", "b") // b fails at once
					l.use(c.table)
				}
				l.servers["a"].forever, l.servers["a"].cut = true, cut.reason
				req := &aaa.Request{Op: aaa.Accounting, Trace: true}
				if c.repeated {
					req.RepeatID = "again"
				}
				_, err := l.ask(t.Context(), req)
				var e *aaa.Error
				if !errors.As(err, &e) || e.Kind != cut.kind {
					t.Fatalf("%v", err)
				}
				servers := slices.DeleteFunc(e.Trace.Servers, func(s aaa.TraceServer) bool { return s.Name != "a" })
				if len(servers) != 1 || servers[0].Outcome != cut.outcome || servers[0].Attempts != cut.attempts {
					t.Errorf("server %+v, want %s after %d", servers, cut.outcome, cut.attempts)
				}
				if d := cmp.Diff(map[string]uint64{cut.outcome: 1}, l.tallied("a")); d != "" {
					t.Errorf("counted of the server (-want +got):\n%s", d)
				}
				l.quiet()
			})
		}
	}
}

// TestBadRepliesAreTold: a reply that could not be used is not forgotten over the silence of another server; one
// that says that it can't serve has been understood.
func TestBadRepliesAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, second engines.Reason
		below         bool
		kind          aaa.Kind
	}{
		{first: engines.BadReply, second: engines.NoAnswer, kind: aaa.KindBadReply},
		{first: engines.BadReply, second: engines.Unreachable, below: true, kind: aaa.KindBadReply},
		{first: engines.NoAnswer, second: engines.BadReply, kind: aaa.KindBadReply},
		{first: engines.BadReply, second: engines.ServerError, kind: aaa.KindNoAnswer},
		{first: engines.NoAnswer, second: engines.Unreachable, kind: aaa.KindNoAnswer},
	} {
		l := newLab(t, 10*time.Second, "a", "b")
		if c.below {
			l.split()
		}
		l.servers["a"].err, l.servers["b"].err = &engines.Failure{Reason: c.first}, &engines.Failure{Reason: c.second}
		if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != c.kind {
			t.Errorf("%s, then %s: %v", c.first, c.second, err)
		}
	}
}

// TestNobodyWaits: an exchange that ended since the caller went away, or since another server was first, is no failure
// of the server.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	for _, cut := range []engines.Reason{0, engines.NoAnswer, engines.BadReply} {
		l := newLab(t, 10*time.Second, "a")
		has := make(chan struct{}, 1)
		l.servers["a"].forever, l.servers["a"].cut, l.servers["a"].has = true, cut, has
		ctx, leave := context.WithCancel(t.Context())
		go func() { <-has; leave() }()
		_, err := l.ask(ctx, &aaa.Request{Op: aaa.Authn})
		if !errors.Is(err, context.Canceled) || aaa.KindOf(err) != aaa.KindNoAnswer {
			t.Errorf("the caller went away: %v", err)
		}
		if d := cmp.Diff(map[string]uint64{"cancelled": 1}, l.tallied("a")); d != "" {
			t.Errorf("counted of the server (-want +got):\n%s", d)
		}
		l.quiet()

		l = newLab(t, 10*time.Second, "slow", "fast")
		l.use(race)
		asked := make(chan struct{}, 1)
		l.servers["slow"].forever, l.servers["slow"].cut, l.servers["slow"].has = true, cut, asked
		l.servers["fast"].outcome, l.servers["fast"].until = aaa.Accept, asked
		if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); err != nil {
			t.Fatal(err)
		}
		l.quiet()
		if d := cmp.Diff(map[string]uint64{"cancelled": 1}, l.tallied("slow")); d != "" {
			t.Errorf("counted of the slower server (-want +got):\n%s", d)
		}
	}
}
