package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
	"aaa-api/internal/tail"
)

// tailed are the summaries of an account's requests: operation, user, outcome, server, reason.
func (f *fixture) tailed(account string) []string {
	var list []string
	for _, e := range f.gateway.tail.Last(&tail.Filter{Account: func(id aaa.AccountID) bool { return id == f.ids[account] }}, 100) {
		if e.At.IsZero() || e.Took <= 0 {
			f.t.Errorf("an entry without a time: %+v", e)
		}
		list = append(list, fmt.Sprintf("%v %s %s %s: %s", e.Op, e.User, e.Outcome, e.Server, e.Reason))
	}
	return list
}

// TestTail: whatever becomes of a request, its summary says so, with a reason and without a secret.
func TestTail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "a"))
	f.put("sibling", doc("off"))
	renamed := strings.ReplaceAll(doc("on", "a"), `"request_key":"User-Name"`, `"request_key":"login"`)
	reply := func(o aaa.Outcome) { // of the server, from now on
		f.engine.set("a", func(*engines.Request) (*engines.Reply, error) {
			return &engines.Reply{Outcome: o, Attempts: 1, Prompt: "?"}, nil
		})
	}
	alice := map[string]any{"User-Name": "alice", "User-Password": "s3cr3t-user"}
	f.mustAsk("customer", aaa.Authn, alice)
	reply(aaa.Reject)
	f.mustAsk("customer", aaa.Authn, alice)
	reply(aaa.Challenge)
	f.mustAsk("customer", aaa.Authn, alice)
	f.engine.set("a", silent)
	for _, values := range []map[string]any{alice, {"User-Name": []any{"alice", "bob"}, "User-Password": "s3cr3t-user"}} {
		if _, err := f.ask("customer", aaa.Authn, values); err == nil {
			t.Error("no error")
		}
	}
	f.mustAsk("sibling", aaa.Authz, map[string]any{"user": "bob"})
	reply(aaa.Accept)
	f.put("customer", renamed)
	f.mustAsk("customer", aaa.Accounting, map[string]any{"login": "carol", "User-Name": "nobody", "Acct-Status-Type": "Start", "Acct-Session-Id": "1"})
	gone, leave := context.WithCancel(f.ctx)
	leave()
	if _, err := f.gateway.Handle(gone, &aaa.Request{Account: f.ids["customer"], Op: aaa.Authn, Values: map[string]any{"login": "dave"}}); err == nil {
		t.Error("no error for a caller that went away")
	}
	got := strings.Join(append(f.tailed("customer"), f.tailed("sibling")...), "\n")
	want := strings.Join([]string{
		"authn alice accept a: ",
		"authn alice reject a: the server rejects",
		"authn alice challenge a: the server asks for more",
		"authn alice no_answer a: no AAA server answered: a (inherited): silent, 1 attempt (a wrong secret looks the same)",
		"authn  bad_input : validation error: User-Name.1: rule authn_avp_translation.0, attribute User-Name: a request has one value of this attribute",
		"accounting carol accept a: ",
		"authn dave cancelled : the caller went away",
		"authz bob off : aaa_mode is off",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestServersInMemory: what is known of servers is there without asking them: exchanges under way, and the last one without an answer, which
// outlasts an edit that keeps the server.
func TestServersInMemory(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "a", "!off"))
	asked, answer := make(chan struct{}), make(chan struct{})
	f.engine.set("a", func(*engines.Request) (*engines.Reply, error) {
		close(asked)
		<-answer
		return silent(nil)
	})
	known := func() string {
		var list []string
		f.tenants.Servers(func(document aaa.AccountID, s *plans.Server) {
			line := fmt.Sprintf("%s %d", s.Name, s.InFlight())
			if document != f.ids["reseller"] {
				line += " of another"
			}
			if trouble := s.Trouble(); trouble != nil && !trouble.At.IsZero() {
				line += " " + trouble.Failure.Error()
			}
			list = append(list, line)
		})
		return strings.Join(list, ", ")
	}
	if got := known(); got != "" {
		t.Errorf("before the document is used: %s", got)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice"})
	}()
	<-asked
	if got := known(); got != "a 1" {
		t.Errorf("while it is asked: %s", got)
	}
	close(answer)
	<-done
	if got := known(); got != "a 0 no answer" {
		t.Errorf("after its silence: %s", got)
	}
	f.put("reseller", with(doc("on", "a"), `"session_timeout":7`))
	f.must(f.warm("customer"))
	if got := known(); got != "a 0 no answer" {
		t.Errorf("after an edit that keeps it: %s", got)
	}
}
