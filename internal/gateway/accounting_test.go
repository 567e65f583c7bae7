package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/session"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// noting is a Spool that notes what it is given. An attempt that comes to nothing is kept, as the one of the service does.
type noting struct {
	mu            sync.Mutex
	stored, taken []*spool.Record
	err           error
}

func (n *noting) note(list *[]*spool.Record, r *spool.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	if r.ID == "" {
		r.ID = aaa.NewID()
	}
	*list = append(*list, r)
	return nil
}

func (n *noting) Store(_ context.Context, r *spool.Record) error { return n.note(&n.stored, r) }

func (n *noting) Take(ctx context.Context, r *spool.Record, run spool.Run) (*aaa.Result, bool, error) {
	if err := n.note(&n.taken, r); err != nil {
		return nil, false, err
	}
	res, err := run(ctx, r.Values)
	return res, err != nil && aaa.KindOf(err) != aaa.KindBadInput, err
}

// counts are how many records were stored and how many taken since the last call.
func (n *noting) counts() [2]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := [2]int{len(n.stored), len(n.taken)}
	n.stored, n.taken = nil, nil
	return c
}

// TestAccountingIsStoredFirst: which requests become records, and what their callers are told.
func TestAccountingIsStoredFirst(t *testing.T) {
	t.Parallel()
	rules := []string{"User-Name", "User-Name", "when", "Event-Timestamp", "status", "Acct-Status-Type"}
	stored, taken, none := [2]int{1, 0}, [2]int{0, 1}, [2]int{}
	for name, c := range map[string]struct {
		document string // members
		servers  string // default: one
		request  aaa.Request
		answer   func(*engines.Request) (*engines.Reply, error)
		err      error // of the spool
		outcome  aaa.Outcome
		kind     aaa.Kind
		reason   string
		counts   [2]int
		asked    bool
	}{
		"answered":                 {outcome: aaa.Accept, counts: taken, asked: true},
		"rejected":                 {answer: rejects, outcome: aaa.Reject, counts: taken, asked: true},
		"silence":                  {answer: silent, outcome: aaa.Stored, reason: "no AAA server answered", counts: taken, asked: true},
		"a bad reply":              {answer: badReply, outcome: aaa.Stored, reason: "one", counts: taken, asked: true},
		"stored by the caller":     {request: aaa.Request{Stored: true}, outcome: aaa.Stored, counts: stored},
		"stored by the document":   {document: `"accounting_delivery": "stored"`, outcome: aaa.Stored, counts: stored},
		"answered by the document": {document: `"accounting_delivery": "answered"`, outcome: aaa.Accept, counts: taken, asked: true},
		"bad input":                {request: aaa.Request{Values: aaa.Values{"when": "yesterday"}}, kind: aaa.KindBadInput, counts: taken},
		"bad input, stored":        {request: aaa.Request{Stored: true, Values: aaa.Values{"when": "yesterday"}}, kind: aaa.KindBadInput, counts: none},
		"a bad status, stored":     {request: aaa.Request{Stored: true, Values: aaa.Values{"status": "no such"}}, kind: aaa.KindBadInput, counts: none},
		"the mode is off":          {document: `"aaa_mode": "off"`, request: aaa.Request{Stored: true}, outcome: aaa.Off, counts: none},
		"no server":                {document: `"accounting": []`, request: aaa.Request{Stored: true}, kind: aaa.KindNoAnswer, counts: none},
		"no enabled server":        {servers: "!one", kind: aaa.KindNoAnswer, counts: none},
		"a blocked channel": {
			document: `"block_accounting": [{"channel": ["inbound", "internal"]}]`,
			request:  aaa.Request{Stored: true, Values: aaa.Values{"channel": []any{"inbound", "internal"}}},
			outcome:  aaa.Bypassed, counts: none,
		},
		"the spool is away":         {err: aaa.Errorf(aaa.KindUnavailable, "away"), kind: aaa.KindUnavailable, counts: none},
		"the spool is away, stored": {request: aaa.Request{Stored: true}, err: aaa.Errorf(aaa.KindUnavailable, "away"), kind: aaa.KindUnavailable, counts: none},
		"the spool is full":         {err: aaa.Errorf(aaa.KindLimited, "full"), kind: aaa.KindLimited, counts: none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &noting{err: c.err}
			f := newFixture(t, func(o *Options) { o.Spool = n })
			server := "one"
			if c.servers != "" {
				server = c.servers
			}
			f.put("customer", f.acctDoc(c.document, server, rules...))
			f.engine.set("one", c.answer)
			req := c.request
			req.ID, req.Account, req.Op, req.Trace = "r", f.ids["customer"], aaa.Accounting, true
			if req.Values == nil {
				req.Values = aaa.Values{"User-Name": "bob"}
			}
			res, err := f.gateway.Handle(f.ctx, &req)
			if c.outcome == "" {
				if aaa.KindOf(err) != c.kind {
					t.Fatalf("the error is %v, want kind %d", err, c.kind)
				}
			} else if err != nil || res.Outcome != c.outcome || !strings.Contains(res.Reason, c.reason) || (res.Reason == "") != (c.reason == "") {
				t.Fatalf("%+v, %v", res, err)
			}
			if c.reason != "" && (res.Trace == nil || res.Attempts != 1) {
				t.Errorf("of the attempt the answer has the trace %v and %d packets", res.Trace, res.Attempts)
			}
			if got := n.counts(); got != c.counts {
				t.Errorf("stored and taken are %v, want %v", got, c.counts)
			}
			if asked := len(f.engine.take()) > 0; asked != c.asked {
				t.Errorf("a server was asked: %v", asked)
			}
			outcome := string(c.outcome)
			if outcome == "" {
				outcome = kindOutcomes[c.kind]
			}
			if got := f.counted("aaa_api_requests_total", map[string]string{"op": "accounting"}); got[outcome] != 1 || len(got) != 1 {
				t.Errorf("counted are %v", got)
			}
		})
	}
}

// TestDisabledAccounting: a disabled account's accounting is refused, and what it has stored before is delivered.
func TestDisabledAccounting(t *testing.T) {
	t.Parallel()
	n := &noting{}
	f := newFixture(t, func(o *Options) { o.Spool = n })
	f.put("customer", f.acctDoc(`"accounting_keep": 60`, "one", "User-Name", "User-Name"))
	ask := func() error {
		_, err := f.gateway.Handle(f.ctx, &aaa.Request{ID: "r", Account: f.ids["customer"], Op: aaa.Accounting, Stored: true, Values: aaa.Values{"User-Name": "bob"}})
		return err
	}
	f.must(ask())
	r := n.stored[0]
	if r.Keep != time.Minute || r.Account != f.ids["customer"] || r.RequestID != "r" {
		t.Errorf("%+v", r)
	}
	a, err := f.store.Accounts().Get(f.ctx, f.ids["reseller"])
	f.must(err)
	a.Enabled = false
	_, err = f.store.Accounts().Update(f.ctx, a.ID, a.Revision, a)
	f.must(err)
	f.sync()
	if err := ask(); aaa.KindOf(err) != aaa.KindForbidden {
		t.Errorf("a disabled account is answered by %v", err)
	}
	res, err := f.gateway.Deliver(f.ctx, r, r.Values)
	if err != nil || res.Outcome != aaa.Accept {
		t.Errorf("its record is answered by %+v, %v", res, err)
	}
}

// TestDeliver: each attempt says the same time and the same session, also where the record brings none, and a record waits while its
// account's servers are off.
func TestDeliver(t *testing.T) {
	t.Parallel()
	n := &noting{}
	f := newFixture(t, func(o *Options) { o.Spool = n })
	f.put("customer", doc("on", "one"))
	f.engine.set("one", silent)
	res, err := f.gateway.Handle(f.ctx, &aaa.Request{Account: f.ids["customer"], Op: aaa.Accounting, Values: aaa.Values{"User-Name": "bob"}})
	if err != nil || res.Outcome != aaa.Stored || len(n.taken) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	r, first := n.taken[0], f.engine.last()
	f.engine.set("one", nil)
	res, err = f.gateway.Deliver(f.ctx, r, r.Values)
	again := f.engine.last()
	if err != nil || res.Outcome != aaa.Accept || !again.Happened.Equal(r.EventAt) || !again.Happened.Equal(first.Happened) || again.SessionID != first.SessionID || len(again.SessionID) != 16 {
		t.Errorf("%+v, %v: first %v of %q, then %v of %q", res, err, first.Happened, first.SessionID, again.Happened, again.SessionID)
	}
	other := *r
	other.ID = aaa.NewID()
	if _, err = f.gateway.Deliver(f.ctx, &other, r.Values); err != nil || f.engine.last().SessionID == first.SessionID {
		t.Errorf("another record has the same session identifier, %v", err)
	}
	f.engine.take()
	for name, d := range map[string]string{"off": doc("off", "one"), "no enabled server": doc("on", "!one")} {
		f.put("customer", d)
		if res, err := f.gateway.Deliver(f.ctx, r, r.Values); aaa.KindOf(err) != aaa.KindNoAnswer || len(f.engine.take()) > 0 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	gone := *r
	gone.Account = aaa.NewAccountID()
	if _, err := f.gateway.Deliver(f.ctx, &gone, r.Values); aaa.KindOf(err) != aaa.KindNotFound {
		t.Errorf("a record of no account: %v", err)
	}
}

// TestWidth: some of an account's workers are left to its other requests.
func TestWidth(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for workers, want := range map[string]int{"1": 1, "2": 1, "8": 6, "100": 75} {
		f.put("customer", strings.Replace(doc("on", "one"), `"workers":32`, `"workers":`+workers, 1))
		if got := f.gateway.Width(f.ids["customer"]); got != want {
			t.Errorf("%d of %s workers", got, workers)
		}
	}
	if got := f.gateway.Width(aaa.NewAccountID()); got != 1 {
		t.Errorf("%d of an account that is not there", got)
	}
}

// TestSessionRecords: a session's Start is answered by a server unless the document says otherwise, and what follows is stored.
func TestSessionRecords(t *testing.T) {
	t.Parallel()
	for delivery, want := range map[string][2]int{"answered": {2, 1}, "stored": {3, 0}} {
		n := &noting{}
		f := newFixture(t, func(o *Options) { o.Spool = n })
		f.put("customer", f.acctDoc(`"accounting_delivery": "`+delivery+`"`, "one", "User-Name", "User-Name"))
		f.engine.set("one", silent)
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var list []*spool.Record
		for _, kind := range []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop} {
			res, err := sessionAAA{f.gateway}.Account(f.ctx, &session.Record{
				ID: strings.Repeat("0", 32), Account: f.ids["customer"], Session: "abc", Kind: kind, At: at,
				Values: aaa.Values{"Acct-Session-Id": "s1", "User-Name": "bob", "Event-Timestamp": "x"},
			})
			if err != nil || res.Outcome != aaa.Stored {
				t.Errorf("%s: %+v, %v", kind, res, err)
			}
			list = append(list, slices.Concat(n.stored, n.taken)[len(list):]...)
		}
		for _, r := range list {
			if r.ID != strings.Repeat("0", 32) || r.Session == "" || r.Session != list[0].Session || !r.EventAt.Equal(at) || r.AcctSessionID != "s1" || r.User != "bob" || r.TimeKey != "Event-Timestamp" {
				t.Errorf("%+v", r)
			}
		}
		if got := n.counts(); got != want {
			t.Errorf("%s: stored and taken are %v, want %v", delivery, got, want)
		}
		n.err = aaa.Errorf(aaa.KindUnavailable, "away")
		if _, err := (sessionAAA{f.gateway}).Account(f.ctx, &session.Record{Account: f.ids["customer"], Kind: store.SpoolStop, At: at}); !errors.Is(err, n.err) {
			t.Errorf("a spool that is away: %v", err)
		}
	}
}

// TestRebootOfTheNAS: an Accounting-On, which names no user, closes the sessions that its account opened through that NAS, each with a
// Stop, and those of no other account that has a NAS of the same address.
func TestRebootOfTheNAS(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
	rules := []string{
		"User-Name", "User-Name", "nas", "NAS-IP-Address", "Acct-Status-Type", "Acct-Status-Type", "Acct-Session-Id", "Acct-Session-Id",
		"Acct-Terminate-Cause", "Acct-Terminate-Cause",
	}
	sids := map[string][]string{}
	for _, account := range []string{"customer", "sibling"} {
		f.put(account, f.acctDoc("", "one", rules...))
		for _, nas := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"} {
			a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids[account], Values: aaa.Values{"User-Name": "alice", "User-Password": "w", "nas": nas}})
			f.must(err)
			_, err = f.gateway.OpenSession(f.ctx, f.ids[account], a.SID, nil)
			f.must(err)
			sids[account] = append(sids[account], a.SID)
		}
	}
	now = now.Add(time.Minute)
	late, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: f.ids["customer"], Values: aaa.Values{"User-Name": "alice", "User-Password": "w", "nas": "192.0.2.1"}})
	f.must(err)
	_, err = f.gateway.OpenSession(f.ctx, f.ids["customer"], late.SID, nil)
	f.must(err)
	f.engine.take()
	res, err := f.gateway.Handle(f.ctx, &aaa.Request{
		Account: f.ids["customer"], Op: aaa.Accounting, Values: aaa.Values{"Acct-Status-Type": "Accounting-On", "nas": "192.0.2.1", "Acct-Session-Id": "boot-1"},
	})
	if err != nil || res.Outcome != aaa.Accept {
		t.Fatalf("%+v, %v", res, err)
	}
	if sent := f.sent(); sent["Acct-Status-Type"] != "Accounting-On" || sent["User-Name"] != nil {
		t.Errorf("the record goes out last, as %v", sent)
	}
	for account, list := range sids {
		for i, sid := range list {
			s, err := f.gateway.Session(f.ctx, f.ids[account], sid)
			f.must(err)
			if gone := account == "customer" && i < 2; s.Open == gone || gone && (s.Cause != "NAS-Reboot" || !s.EndedAt.Equal(now)) {
				t.Errorf("session %d of %s: %+v", i, account, s)
			}
		}
	}
	if s, err := f.gateway.Session(f.ctx, f.ids["customer"], late.SID); err != nil || !s.Open {
		t.Errorf("a session of the new life: %+v, %v", s, err)
	}
	if n := len(f.engine.take()); n != 3 { // two Stops and the record
		t.Errorf("%d requests", n)
	}
}
