package gateway

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// kill marks servers dead.
func (f *fixture) kill(account string, servers ...string) {
	f.t.Helper()
	f.must(f.warm(account))
	for _, name := range servers {
		for range engines.FailuresToDead {
			f.engine.client[name].health.Failure()
		}
	}
}

// TestDeadServersOfAnInheritingAccount: they are passed over while a document that is asked after the account's own
// has a live one, and tried all the same where none has.
func TestDeadServersOfAnInheritingAccount(t *testing.T) {
	t.Parallel()
	const external = `"authz_apps":["jonny5"]`
	for _, c := range []struct {
		name      string
		documents map[string]string // by account
		dead      []string
		silent    []string
		op        aaa.Op
		outcome   aaa.Outcome // empty: nobody answered
		asked     []string
	}{
		{
			name:      "the parent's server lives",
			documents: map[string]string{"customer": doc("inherit", "a", "a2"), "reseller": doc("on", "b")},
			dead:      []string{"a", "a2"}, outcome: aaa.Accept, asked: []string{"b"},
		},
		{
			name:      "that of the parent's parent",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("inherit", "b"), "root": doc("on", "r")},
			dead:      []string{"a", "b"}, outcome: aaa.Accept, asked: []string{"r"},
		},
		{
			name:      "that of the parent's parent, past a document without servers",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("inherit"), "root": doc("on", "r")},
			dead:      []string{"a"}, outcome: aaa.Accept, asked: []string{"r"},
		},
		{
			name:      "one of the own lives",
			documents: map[string]string{"customer": doc("inherit", "a", "a2"), "reseller": doc("on", "b")},
			dead:      []string{"a"}, silent: []string{"a2"}, outcome: aaa.Accept, asked: []string{"a2", "b"},
		},
		{
			name:      "dead all the way up",
			documents: map[string]string{"customer": doc("inherit", "a", "a2"), "reseller": doc("on", "b")},
			dead:      []string{"a", "a2", "b"}, silent: []string{"a", "a2"}, outcome: aaa.Accept, asked: []string{"a", "a2", "b"},
		},
		{
			name:      "mode on ends the way up",
			documents: map[string]string{"customer": doc("on", "a"), "reseller": doc("on", "b")},
			dead:      []string{"a"}, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "the parent is off",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("off", "b")},
			dead:      []string{"a"}, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "the parent accepts without servers, though not for those who have some",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": doc("on")},
			dead:      []string{"a"}, silent: []string{"a"}, asked: []string{"a"},
		},
		{
			name:      "the parent's servers are not asked for authz",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": with(doc("on", "b"), external)},
			dead:      []string{"a"}, op: aaa.Authz, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "the parent bypasses the channel",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": with(doc("on", "b"), `"block_accounting":[{"channel":["inbound","external"]}]`)},
			dead:      []string{"a"}, op: aaa.Accounting, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "a table of the account's own has the word first",
			documents: map[string]string{"customer": with(doc("inherit", "a"), `"fsm":"fallback"`), "reseller": doc("on", "b")},
			dead:      []string{"a"}, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "a table of the parent's may have an answer of its own",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": with(doc("inherit", "b"), `"fsm":"fallback"`), "root": doc("on", "r")},
			dead:      []string{"a", "b"}, silent: []string{"a"}, outcome: aaa.Accept, asked: []string{"a", "b"},
		},
		{
			name:      "or ask nobody, though it has a live server",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": with(doc("inherit", "b"), `"fsm":"fallback"`)},
			dead:      []string{"a"}, outcome: aaa.Accept, asked: []string{"a"},
		},
		{
			name:      "an authoriser of the parent's may refuse before its server is asked",
			documents: map[string]string{"customer": doc("inherit", "a"), "reseller": with(doc("on", "b"), `"authz_apps":["jonny5","circlemaker"]`)},
			dead:      []string{"a"}, op: aaa.Authz, outcome: aaa.Accept, asked: []string{"a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for account, d := range c.documents {
				f.put(account, d)
			}
			f.kill("customer", c.dead...)
			for _, name := range c.silent {
				f.engine.set(name, silent)
			}
			res, err := f.ask("customer", c.op, map[string]any{"User-Name": "alice", "Call-Direction": "inbound", "Channel-Locality": "external"})
			asked := f.engine.take()
			if d := cmp.Diff(c.asked, asked); d != "" {
				t.Errorf("servers asked (-want +got):\n%s", d)
			}
			if c.outcome == "" {
				if aaa.KindOf(err) != aaa.KindNoAnswer {
					t.Errorf("%+v, %v: want no answer", res, err)
				}
				return
			}
			f.must(err)
			if res.Outcome != c.outcome || res.Server != asked[len(asked)-1] {
				t.Errorf("%s of %q", res.Outcome, res.Server)
			}
			for _, name := range c.dead {
				over := slices.ContainsFunc(res.Trace.Servers, func(s aaa.TraceServer) bool { return s.Name == name && s.Outcome == "dead, passed over" })
				if over == slices.Contains(asked, name) {
					t.Errorf("server %s: %+v", name, res.Trace.Servers)
				}
			}
		})
	}
}
