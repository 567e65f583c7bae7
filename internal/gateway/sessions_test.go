package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/store"
)

// sessionDoc is a document whose rules name keys of their own, with accounting by the keys that sessions provide.
func sessionDoc(t *testing.T, members string) string {
	t.Helper()
	type rule struct {
		Key       string `json:"request_key"`
		Attribute string `json:"attribute"`
		Value     string `json:"request_value_regexp"`
		Back      string `json:"attr_value_regexp"`
	}
	authn := []rule{{"login", "User-Name", "^(.*)$", "^(.*)$"}, {"code", "User-Password", "^(.*)$", "^(.*)$"}, {"class", "Class", "^(.*)$", "^(.*)$"}}
	acct := []rule{{"login", "User-Name", "^(.*)$", "^(.*)$"}}
	for _, name := range []string{
		"Class", "Acct-Status-Type", "Acct-Session-Id", "Acct-Session-Time", "Acct-Input-Octets", "Acct-Input-Gigawords",
		"Acct-Terminate-Cause", "Event-Timestamp", "Acct-Delay-Time",
	} {
		acct = append(acct, rule{name, name, "^(.*)$", "^(.*)$"})
	}
	var d map[string]any
	if err := json.Unmarshal([]byte(with(doc("on", "one"), members)), &d); err != nil {
		t.Fatal(err)
	}
	d["authn_avp_translation"], d["accounting_avp_translation"] = authn, acct
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sent is the last request's attributes by name, in words.
func (f *fixture) sent() map[string]any {
	f.t.Helper()
	plan, err := f.tenants.Plan(f.ctx, f.ids["customer"])
	f.must(err)
	d := plan.Routes[aaa.Authn].Levels[0].Servers[0].Dict
	values := map[string]any{}
	for _, avp := range f.engine.last().AVPs {
		values[avp.Attr.Name] = d.Text(avp.Attr, avp.Value)
	}
	return values
}

// attribute makes an attribute of a reply.
func (f *fixture) attribute(name string, value ...byte) aaa.AVP {
	f.t.Helper()
	system, err := systemDictionaries()
	f.must(err)
	a := system.Default().ByName(name)
	if a == nil {
		f.t.Fatalf("no attribute %s", name)
	}
	return aaa.AVP{Attr: a, Value: value}
}

// TestSession takes a session through the real line: challenge, accept, Start, interim update, suspension, resumption, Stop, each with
// its attributes.
func TestSession(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
	f.put("customer", sessionDoc(t, `"session_timeout": 3600, "cookie_timeout": 90, "local_interim_update_interval": 30`))
	id := f.ids["customer"]
	f.engine.set("one", func(req *engines.Request) (*engines.Reply, error) {
		for _, a := range req.AVPs {
			if a.Attr.Name == "State" {
				if string(a.Value) != "st" {
					t.Errorf("State %q goes back", a.Value)
				}
				return &engines.Reply{Outcome: aaa.Accept, Attempts: 1, AVPs: []aaa.AVP{f.attribute("Class", 1, 2), f.attribute("Idle-Timeout", 0, 0, 0, 200)}}, nil
			}
		}
		if req.Op == aaa.Accounting {
			return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
		}
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte("st"), Attempts: 1}, nil
	})
	a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: id, Values: map[string]any{"login": "alice", "code": "wonderland"}})
	f.must(err)
	if a.Result != aaa.SessionChallenge || a.Session.User != "alice" || a.Session.Server != "one" {
		t.Fatalf("INIT answers %+v", a)
	}
	b, err := f.gateway.ContinueSession(f.ctx, id, a.SID, map[string]any{"answer": "123456"}, "r")
	f.must(err)
	if sent := f.sent(); b.Result != aaa.SessionAuthenticated || sent["User-Name"] != "alice" || sent["User-Password"] != "123456" {
		t.Fatalf("CONT sends %v and answers %+v", sent, b)
	}
	if s := b.Session; s.SessionTimeout != 3600 || s.InterimInterval != 30 || s.IdleTimeout != 200 {
		t.Errorf("the accept makes %+v", s)
	}
	check := func(what string, want map[string]any) {
		t.Helper()
		sent := f.sent()
		for key, value := range want {
			if sent[key] != value {
				t.Errorf("%s: %s is %v, want %v", what, key, sent[key], value)
			}
		}
	}
	c, err := f.gateway.OpenSession(f.ctx, id, a.SID, nil)
	f.must(err)
	acctID := c.Session.AcctSessionID
	check("Start", map[string]any{"Acct-Status-Type": "Start", "Acct-Session-Id": acctID, "Class": "0x0102", "User-Name": "alice"})
	_, err = f.gateway.ReportSession(f.ctx, id, a.SID, aaa.Usage{aaa.InputOctets: {Count: 4294967297, Path: "in"}}, nil)
	f.must(err)
	now = now.Add(30 * time.Second)
	f.runSessions()
	// Alive is the dictionary's other name of Interim-Update.
	check("interim", map[string]any{
		"Acct-Status-Type": "Alive", "Acct-Session-Time": "30", "Acct-Input-Octets": "1", "Acct-Input-Gigawords": "1",
	})
	f.engine.take()
	away, err := f.gateway.SuspendSession(f.ctx, id, a.SID, aaa.Usage{}, nil)
	f.must(err)
	if !away.Session.SuspendedAt.Equal(now) || !away.Session.ExpiresAt.Equal(now.Add(90*time.Second)) {
		t.Errorf("SUSPEND answers %+v", away)
	}
	now = now.Add(89 * time.Second)
	back, err := f.gateway.OpenSession(f.ctx, id, a.SID, nil)
	f.must(err)
	if back.Session.AcctSessionID != acctID || back.Result != aaa.SessionResumed || cmp.Diff(c.Keys, back.Keys) != "" || len(f.engine.take()) > 0 {
		t.Errorf("OPEN answers %+v, then %+v", c, back)
	}
	_, err = f.gateway.CloseSession(f.ctx, id, a.SID, "", aaa.Usage{aaa.InputOctets: {Count: 2, Path: "in"}}, nil)
	f.must(err)
	check("Stop", map[string]any{"Acct-Status-Type": "Stop", "Acct-Terminate-Cause": "User-Request", "Class": "0x0102", "Acct-Session-Id": acctID, "Acct-Input-Octets": "3"})

	s, err := f.gateway.Session(f.ctx, id, a.SID)
	f.must(err)
	list, next, err := f.gateway.Sessions(f.ctx, id, aaa.SessionFilter{User: "alice", State: "closed"}, store.Page{Limit: 1})
	f.must(err)
	if len(list) != 1 || next != "" || list[0] != *s || s.State != aaa.SessionCompleted || s.EndedAt != now {
		t.Errorf("the session is %+v, the list %+v", s, list)
	}
	if _, err = f.gateway.Session(f.ctx, f.ids["sibling"], a.SID); aaa.KindOf(err) != aaa.KindNotFound {
		t.Errorf("a sibling gets %v", err)
	}
}

// runSessions does what is due.
func (f *fixture) runSessions() {
	f.t.Helper()
	before := len(f.engine.callsSoFar())
	f.runSessionsUntil("a request of a session's own", func() bool { return len(f.engine.callsSoFar()) > before })
}

// runSessionsUntil does what is due until something has happened.
func (f *fixture) runSessionsUntil(what string, happened func() bool) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.gateway.RunSessions(ctx)
	}()
	enginetest.Eventually(f.t, what, happened)
	cancel()
	<-done
}

// TestSessionKeys: what is stored of a request holds no value of a key that a rule takes to a hidden attribute,
// and a tenant without accounting servers has sessions all the same.
func TestSessionKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", strings.Replace(sessionDoc(t, `"session_timeout": 60`), `"accounting":["one"]`, `"accounting":[]`, 1))
	id := f.ids["customer"]
	terms, err := sessionAAA{f.gateway}.Terms(f.ctx, id)
	f.must(err)
	want := map[string]string{"User-Name": "login", "User-Password": "code", "Class": "class"}
	if d := terms.Documents[0]; !slices.Equal(terms.Hidden, []string{"code"}) || d.Account != id || d.SessionTimeout != 60 || cmp.Diff(want, d.Keys) != "" {
		t.Errorf("terms %+v", terms)
	}
	a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: id, Values: map[string]any{"login": "alice", "code": "wonderland"}})
	f.must(err)
	f.engine.take()
	if _, err = f.gateway.OpenSession(f.ctx, id, a.SID, nil); err != nil {
		t.Fatal(err)
	}
	if _, err = f.gateway.CloseSession(f.ctx, id, a.SID, "", aaa.Usage{}, nil); err != nil {
		t.Fatal(err)
	}
	if asked := f.engine.take(); len(asked) > 0 {
		t.Errorf("accounting goes to %v", asked)
	}
}

// callsSoFar is the servers asked since the last take.
func (s *scripted) callsSoFar() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}
