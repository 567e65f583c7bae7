package router_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

var sixteenDigits = regexp.MustCompile(`^[0-9a-f]{16}$`)

// oneRecord checks that all of n requests to servers are of one record, and returns its session identifier.
func (l *lab) oneRecord(n int, since time.Time) string {
	l.t.Helper()
	l.quiet()
	var all []engines.Request
	for _, b := range l.servers {
		all = append(all, b.requests()...)
		b.got = nil
	}
	if len(all) != n {
		l.t.Fatalf("%d requests reached servers, want %d", len(all), n)
	}
	for _, r := range all {
		if r.SessionID != all[0].SessionID || !r.Begun.Equal(all[0].Begun) {
			l.t.Errorf("session %s begun at %v, and %s at %v: two records of one", r.SessionID, r.Begun, all[0].SessionID, all[0].Begun)
		}
		if r.Account != l.plan.Account {
			l.t.Errorf("asked for the account %q, not %q", r.Account, l.plan.Account)
		}
	}
	if at := all[0].Begun; at.Before(since) || at.After(time.Now()) {
		l.t.Errorf("begun at %v", at)
	}
	return all[0].SessionID
}

// TestOneRecordEverywhere: an accounting record is the same at every server that it is tried at, side by
// side and again, and in the next document; the next one is another.
func TestOneRecordEverywhere(t *testing.T) {
	t.Parallel()
	const hold = "\t*.ACCT.ACK REPLY Hold\n\t*.ACCT.ERROR REPLY Hold\nHold:\n\t*.*.TIMEOUT NULL End\nEnd:\n"
	for name, c := range map[string]struct {
		table    string
		silent   []string
		below    bool // each server in a document of its own
		repeated bool
		requests int
	}{
		"failover":           {silent: []string{"a"}, requests: 2},
		"the next document":  {silent: []string{"a"}, below: true, requests: 2},
		"all at once":        {table: "Start:\n\t*.+ACCT.ACK ACCT Wait Xvalue=1\nWait:\n" + hold, requests: 2},
		"issued once more":   {table: "Start:\n\t*.+ACCT.ACK ACCT Wait\nWait:\n\t*.*.DUP REDO Same\n" + hold, repeated: true, requests: 2},
		"one and no failure": {requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "a", "b")
			if c.table != "" {
				l.use(c.table)
			}
			if c.below {
				l.split()
			}
			for server, b := range l.servers {
				if !slices.Contains(c.silent, server) {
					b.outcome = aaa.Accept
				}
			}
			var sessions []string
			for range 2 {
				req := &aaa.Request{Op: aaa.Accounting}
				if c.repeated {
					req.RepeatID = "again"
					l.repeatOnce("a")
				}
				since := time.Now()
				if res, err := l.ask(t.Context(), req); err != nil || !res.IsAuthorized {
					t.Fatalf("%+v, %v", res, err)
				}
				sessions = append(sessions, l.oneRecord(c.requests, since))
			}
			if !sixteenDigits.MatchString(sessions[0]) || sessions[0] == sessions[1] {
				t.Errorf("sessions %q", sessions)
			}
		})
	}
}

// TestOnlyRecordsAreOfSessions: other requests bring the time and no identifier.
func TestOnlyRecordsAreOfSessions(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "a")
	l.servers["a"].outcome = aaa.Accept
	for _, op := range []aaa.Op{aaa.Authn, aaa.Authz, aaa.Custom} {
		since := time.Now()
		if _, err := l.ask(t.Context(), &aaa.Request{Op: op}); err != nil {
			t.Fatal(err)
		}
		if id := l.oneRecord(1, since); id != "" {
			t.Errorf("%s is of session %s", op, id)
		}
	}
}

// split gives each server a document of its own, one above the other.
func (l *lab) split() {
	var levels []*plans.CompiledDocument
	for i, s := range l.level.Servers {
		level := &plans.CompiledDocument{Account: aaa.AccountID(string(l.level.Account[:31]) + string(rune('0'+i))), Mode: aaa.ModeInherit, Seldom: &plans.Seldom{}}
		level.Servers = []*plans.Server{s}
		for op := range level.Lists {
			level.Lists[op] = level.Servers
		}
		levels = append(levels, level)
	}
	for op := range l.plan.Routes {
		l.plan.Routes[op] = plans.Route{Levels: levels}
		for _, level := range levels {
			l.plan.Routes[op].Walk = append(l.plan.Routes[op].Walk, plans.Step{Level: level, Note: "used"})
		}
	}
}
