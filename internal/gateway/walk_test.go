package gateway

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

type answers map[string]func(*engines.Request) (*engines.Reply, error)

// TestWalk shows which servers of which documents are asked, and what ends the walk up the tree.
func TestWalk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		documents map[string]string // by account
		script    answers
		op        aaa.Op
		outcome   aaa.Outcome // empty: an error of kind
		kind      aaa.Kind
		asked     []string
		document  string // account of the document used
	}{
		{name: "no document anywhere", kind: aaa.KindNoAnswer},
		{
			name: "own document", documents: map[string]string{"customer": doc("on", "a")},
			outcome: aaa.Accept, asked: []string{"a"}, document: "customer",
		},
		{
			name: "off asks nobody", documents: map[string]string{"customer": doc("off", "a"), "root": doc("on", "r")},
			outcome: aaa.Off,
		},
		{
			name: "a missing document inherits", documents: map[string]string{"root": doc("on", "r")},
			outcome: aaa.Accept, asked: []string{"r"}, document: "root",
		},
		{
			name:      "inherit without servers",
			documents: map[string]string{"customer": doc("inherit"), "reseller": doc("inherit"), "root": doc("on", "r")},
			outcome:   aaa.Accept, asked: []string{"r"}, document: "root",
		},
		{
			name:      "inherit with a server that is not enabled",
			documents: map[string]string{"customer": doc("inherit", "!a"), "reseller": doc("on", "b")},
			outcome:   aaa.Accept, asked: []string{"b"}, document: "reseller",
		},
		{
			name: "the system configuration is the last", documents: map[string]string{"system": doc("on", "s"), "customer": doc("inherit")},
			outcome: aaa.Accept, asked: []string{"s"}, document: "system",
		},
		{
			name:      "inherit prefers its own server",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("on", "b")},
			outcome:   aaa.Accept, asked: []string{"a"}, document: "customer",
		},
		{
			name:      "own server silent: on to the parent's",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("on", "b")}, script: answers{"a": silent},
			outcome: aaa.Accept, asked: []string{"a", "b"}, document: "reseller",
		},
		{
			name:      "a reject ends the walk",
			documents: map[string]string{"customer": doc("inherit", "a", "a2"), "reseller": doc("on", "b")}, script: answers{"a": rejects},
			outcome: aaa.Reject, asked: []string{"a"}, document: "customer",
		},
		{
			name:      "off on the way up",
			documents: map[string]string{"reseller": doc("off", "b"), "root": doc("on", "r")},
			outcome:   aaa.Off,
		},
		{
			name:      "own servers silent and the parent off: nobody answered",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("off"), "root": doc("on", "r")}, script: answers{"a": silent},
			kind: aaa.KindNoAnswer, asked: []string{"a"},
		},
		{
			name:      "on does not go on to the parent",
			documents: map[string]string{"customer": doc("on", "a"), "reseller": doc("on", "b")}, script: answers{"a": silent},
			kind: aaa.KindNoAnswer, asked: []string{"a"},
		},
		{
			name:      "failover in list order",
			documents: map[string]string{"customer": doc("on", "a", "b", "c")}, script: answers{"a": silent, "b": silent},
			outcome: aaa.Accept, asked: []string{"a", "b", "c"}, document: "customer",
		},
		{
			name:      "a server of an engine that does not exist counts as failed",
			documents: map[string]string{"customer": doc("on", "d@diameter", "b")},
			outcome:   aaa.Accept, asked: []string{"b"}, document: "customer",
		},
		{
			name:      "replies that don't verify",
			documents: map[string]string{"customer": doc("on", "a")}, script: answers{"a": badReply},
			kind: aaa.KindBadReply, asked: []string{"a"},
		},
		{
			name: "authn on an empty list is accepted here", documents: map[string]string{"customer": doc("on")},
			outcome: aaa.Accept, document: "customer",
		},
		{
			name: "so it is through inheritance", documents: map[string]string{"customer": doc("inherit"), "reseller": doc("on")},
			outcome: aaa.Accept, document: "reseller",
		},
		{
			name: "but not where the own servers were silent", documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("on")},
			script: answers{"a": silent}, kind: aaa.KindNoAnswer, asked: []string{"a"},
		},
		{
			name: "nor where the list's servers are not enabled", documents: map[string]string{"customer": doc("on", "!a")},
			kind: aaa.KindNoAnswer,
		},
		{
			name: "nor for authz", documents: map[string]string{"customer": doc("on")}, op: aaa.Authz,
			kind: aaa.KindNoAnswer,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for account, d := range c.documents {
				f.put(account, d)
			}
			for server, answer := range c.script {
				f.engine.set(server, answer)
			}
			res, err := f.ask("customer", c.op, nil)
			if d := cmp.Diff(c.asked, f.engine.take()); d != "" {
				t.Errorf("servers asked (-want +got):\n%s", d)
			}
			if c.outcome == "" {
				if err == nil {
					t.Fatalf("outcome %q, want an error", res.Outcome)
				}
				if k := aaa.KindOf(err); k != c.kind {
					t.Fatalf("kind %d (%v), want %d", k, err, c.kind)
				}
				return
			}
			f.must(err)
			if res.Outcome != c.outcome || res.Document != f.ids[c.document] {
				t.Errorf("%s by the document of %q, want %s by %q's", res.Outcome, res.Document, c.outcome, c.document)
			}
			if want := c.outcome == aaa.Accept || c.outcome == aaa.Off; res.IsAuthorized != want {
				t.Errorf("Is-Authorized is %v", res.IsAuthorized)
			}
		})
	}
}

func TestDeadServersArePassedOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a", "b"))
	f.must(f.warm("customer"))
	a, b := f.engine.client["a"], f.engine.client["b"]
	for range engines.FailuresToDead {
		a.health.Failure()
	}
	_, err := f.ask("customer", aaa.Authn, nil)
	f.must(err)
	if d := cmp.Diff([]string{"b"}, f.engine.take()); d != "" {
		t.Error(d)
	}
	for range engines.FailuresToDead {
		b.health.Failure()
	}
	f.engine.set("a", silent)
	_, err = f.ask("customer", aaa.Authn, nil)
	f.must(err)
	if d := cmp.Diff([]string{"a", "b"}, f.engine.take()); d != "" {
		t.Errorf("all dead: %s", d)
	}
}

func (f *fixture) warm(account string) error {
	_, err := f.tenants.Plan(f.ctx, f.ids[account])
	return err
}

func TestBlockedChannels(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", with(doc("on", "a"), `"block_authz":[{"channel":["inbound","external"]}],"block_accounting":[{"channel":["internal","inbound"]}]`))
	for _, c := range []struct {
		op      aaa.Op
		values  map[string]any
		outcome aaa.Outcome
	}{
		{aaa.Authz, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "external"}, aaa.Bypassed},
		{aaa.Authz, map[string]any{"channel": []any{"external", "inbound"}}, aaa.Bypassed},
		{aaa.Authz, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "internal"}, aaa.Accept},
		{aaa.Authz, map[string]any{"Call-Direction": "inbound"}, aaa.Accept},
		{aaa.Authz, map[string]any{"channel": []any{"inbound", "external", "video"}}, aaa.Accept},
		{aaa.Authz, map[string]any{"channel": []any{"inbound", "external", true}}, aaa.Accept},
		{aaa.Authz, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "external", "channel": "video"}, aaa.Accept},
		{aaa.Authz, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "space", "channel": []any{"external"}}, aaa.Accept},
		{aaa.Authz, map[string]any{"Call-Direction": "Inbound", "Channel-Locality": "EXTERNAL", "channel": []any{}}, aaa.Bypassed},
		{aaa.Accounting, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "internal"}, aaa.Bypassed},
		{aaa.Accounting, map[string]any{"Call-Direction": "outbound", "Channel-Locality": "internal"}, aaa.Accept},
		{aaa.Authn, map[string]any{"Call-Direction": "inbound", "Channel-Locality": "external"}, aaa.Accept},
	} {
		c.values["User-Name"] = "alice"
		res, err := f.ask("customer", c.op, c.values)
		f.must(err)
		calls := f.engine.take()
		if res.Outcome != c.outcome || !res.IsAuthorized || (len(calls) > 0) != (c.outcome == aaa.Accept) {
			t.Errorf("%s %v: %s, asked %v", c.op, c.values, res.Outcome, calls)
		}
	}
}

// TestChallenge shows that the answer to a challenge goes to the server that gave it, with its State.
func TestChallenge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a", "b"))
	f.engine.set("a", silent)
	f.engine.set("b", func(req *engines.Request) (*engines.Reply, error) {
		if strings.HasSuffix(sent(req), "State=\x01\x00\x02") {
			return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
		}
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte("\x01\x00\x02"), Attempts: 1}, nil
	})
	res, err := f.ask("customer", aaa.Authn, nil)
	f.must(err)
	if res.Outcome != aaa.Challenge || res.IsAuthorized || res.State == "" {
		t.Fatalf("%+v", res)
	}
	f.engine.take()
	second, err := f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "User-Password": "123456", "State": res.State})
	f.must(err)
	if second.Outcome != aaa.Accept {
		t.Errorf("outcome %s", second.Outcome)
	}
	if d := cmp.Diff([]string{"b"}, f.engine.take()); d != "" {
		t.Errorf("the answer went elsewhere: %s", d)
	}

	f.put("customer", doc("on", "a"))
	_, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "State": res.State})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("State of a server that is gone: %v", err)
	}
	_, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "State": "c1.%%"})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("State that isn't one: %v", err)
	}
	f.engine.set("a", rejects)
	f.engine.take()
	for _, state := range []any{"C1.abc", "bm90IG91cnM", []any{"c1.abc"}, true} {
		_, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "User-Password": "123456", "State": state})
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != "State" {
			t.Errorf("State %v, which no rule reads: %v", state, err)
		}
	}
	if calls := f.engine.take(); calls != nil {
		t.Errorf("%q were asked", calls)
	}
	if _, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "State": ""}); err != nil {
		t.Errorf("no State: %v", err)
	}
	const section = `"authn_avp_translation":[`
	f.put("customer", strings.Replace(doc("on", "a"), section, section+`{"attribute":"State","request_key":"State","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"},`, 1))
	if _, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "State": "of the caller's own"}); err != nil {
		t.Errorf("State that a rule reads: %v", err)
	}
}
