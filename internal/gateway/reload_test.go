package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

func (f *fixture) mustAsk(account string, op aaa.Op, values map[string]any) *aaa.Result {
	f.t.Helper()
	res, err := f.ask(account, op, values)
	if err != nil {
		f.t.Fatal(describe(err))
	}
	return res
}

// TestDocumentChange shows that a change reaches the accounts below, and
// that a server which did not change keeps its client, with its sockets and health.
func TestDocumentChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "a", "b"))
	if s := f.mustAsk("customer", aaa.Authn, nil).Server; s != "a" {
		t.Fatalf("asked %s", s)
	}
	before := f.engine.client["a"]

	f.put("reseller", doc("on", "b"))
	if s := f.mustAsk("customer", aaa.Authn, nil).Server; s != "b" {
		t.Errorf("after the change %s was asked", s)
	}
	if n := f.engine.opened["b"]; n != 1 {
		t.Errorf("the unchanged server was opened %d times", n)
	}
	if !before.retired || f.engine.client["b"].retired {
		t.Errorf("retired: a %v, b %v; want true, false", before.retired, f.engine.client["b"].retired)
	}

	f.put("customer", doc("off"))
	if o := f.mustAsk("customer", aaa.Authn, nil).Outcome; o != aaa.Off {
		t.Errorf("own document: %s", o)
	}
	if o := f.mustAsk("sibling", aaa.Authn, nil).Outcome; o != aaa.Accept {
		t.Errorf("the sibling saw it: %s", o)
	}
	f.must(f.store.Documents().Delete(f.ctx, f.ids["customer"], store.AnyRevision, ""))
	f.sync()
	if o := f.mustAsk("customer", aaa.Authn, nil).Outcome; o != aaa.Accept {
		t.Errorf("after the deletion: %s", o)
	}
}

func (f *fixture) dictionary(account, name, entries string) {
	f.t.Helper()
	d, err := f.store.Dictionaries().ByName(f.ctx, f.ids[account], name)
	if err != nil {
		_, err = f.store.Dictionaries().Create(f.ctx, store.Dictionary{Account: f.ids[account], ID: aaa.NewID(), Name: name, Body: json.RawMessage(entries)})
	} else {
		d.Body = json.RawMessage(entries)
		_, err = f.store.Dictionaries().Replace(f.ctx, d, store.AnyRevision)
	}
	f.must(err)
	f.sync()
}

// TestDictionaryChange shows the order in which dictionary names are looked
// up, and that a change of one reaches the documents that name it.
func TestDictionaryChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	number := func(n int) string {
		return fmt.Sprintf(`[{"vendor":{"Acme":99999}},{"attr":{"vid":99999,"id":%d,"type":"string","name":"Acme-Colour"}}]`, n)
	}
	f.dictionary("root", "acme", number(1))
	d := strings.Replace(doc("on", "a"), `"dicts":["dictionary"]`, `"dicts":["acme","dictionary"]`, 1)
	d = strings.Replace(d, `"authn_avp_translation":[`, `"authn_avp_translation":[{"attribute":"Acme-Colour","request_key":"colour","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"},`, 1)
	f.put("customer", d)
	check := func(what string, want uint32) {
		t.Helper()
		f.mustAsk("customer", aaa.Authn, map[string]any{"colour": "red"})
		if avps := f.engine.last().AVPs; len(avps) != 1 || avps[0].Attr.Number != want {
			t.Errorf("%s: sent %v, want attribute %d", what, sent(f.engine.last()), want)
		}
	}
	check("the root's", 1)
	f.dictionary("root", "acme", number(2))
	check("changed", 2)
	f.dictionary("customer", "acme", number(3))
	check("the account's own goes before", 3)
	f.dictionary("sibling", "acme", number(4))
	check("the sibling's is nothing to it", 3)
	// What does not compile never replaces what works; the API refuses it before it gets here.
	f.dictionary("customer", "acme", `[{"attr":{"id":1,"type":"no such type","name":"X"}}]`)
	check("a broken one", 3)
	if n := f.engine.opened["a"]; n != 1 {
		t.Errorf("the server was opened %d times over dictionary changes", n)
	}
}

func TestAccountChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.account("other", "root")
	f.put("reseller", doc("on", "a"))
	f.put("other", doc("on", "b"))
	if s := f.mustAsk("customer", aaa.Authn, nil).Server; s != "a" {
		t.Fatalf("asked %s", s)
	}
	_, err := f.store.Accounts().Move(f.ctx, f.ids["customer"], f.ids["other"])
	f.must(err)
	f.sync()
	if s := f.mustAsk("customer", aaa.Authn, nil).Server; s != "b" {
		t.Errorf("after the move %s was asked", s)
	}
	if in, err := f.tenants.Within(f.ctx, f.ids["reseller"], f.ids["customer"]); in || err != nil {
		t.Errorf("still within the former parent: %v %v", in, err)
	}
	a, err := f.tenants.Account(f.ctx, f.ids["customer"])
	f.must(err)
	if len(a.Path) != 2 || a.Path[0] != f.ids["root"] || a.Path[1] != f.ids["other"] {
		t.Errorf("path %v", a.Path)
	}

	o, err := f.store.Accounts().Get(f.ctx, f.ids["other"])
	f.must(err)
	o.Enabled = false
	_, err = f.store.Accounts().Update(f.ctx, o.ID, store.AnyRevision, o)
	f.must(err)
	f.sync()
	if _, err = f.ask("customer", aaa.Authn, nil); aaa.KindOf(err) != aaa.KindForbidden {
		t.Errorf("below a disabled account: %v", err)
	}

	f.must(f.store.Accounts().Delete(f.ctx, f.ids["customer"], store.AnyRevision))
	f.sync()
	if _, err = f.ask("customer", aaa.Authn, nil); aaa.KindOf(err) != aaa.KindNotFound {
		t.Errorf("after the deletion: %v", err)
	}
}

// TestWorkersAreTheAskersOwn: a document used by inheritance brings everything but its workers.
func TestWorkersAreTheAskersOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", strings.Replace(doc("on", "a"), `"workers":32`, `"workers":7`, 1))
	f.put("customer", strings.Replace(doc("inherit"), `"workers":32`, `"workers":3`, 1))
	for account, want := range map[string]int{"customer": 3, "reseller": 7, "sibling": 32} {
		p, err := f.tenants.Plan(f.ctx, f.ids[account])
		f.must(err)
		if p.Workers != want {
			t.Errorf("%s has %d workers, want %d", account, p.Workers, want)
		}
	}
}

// TestReloadUnderLoad writes while requests run: every request is answered by a
// whole document, the old or the new one, never by a mixture.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	version := func(n int) string {
		d := strings.Replace(doc("on", "a"), `"authn_avp_translation":[`, fmt.Sprintf(
			`"authn_avp_translation":[{"attribute":"Filter-Id","request_key":"v","request_value_regexp":"^(%d)$","attr_value_regexp":"^(.*)$"},{"attribute":"Class","request_key":"v","request_value_regexp":"^(%d)$","attr_value_regexp":"^(.*)$"},`, n, n), 1)
		return d
	}
	f.allow("root", aaa.LimitRequestsPerSecond, aaa.LimitTable[aaa.LimitRequestsPerSecond].Max)
	var torn atomic.Int64
	f.engine.set("a", func(req *engines.Request) (*engines.Reply, error) {
		if len(req.AVPs) != 0 && len(req.AVPs) != 2 {
			torn.Add(1)
		}
		return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
	})
	f.put("reseller", version(0))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var failed atomic.Value
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.gateway.Handle(f.ctx, &aaa.Request{
					Account: f.ids["customer"], Op: aaa.Authn, Values: map[string]any{"v": fmt.Sprint(i % 50)},
				}); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	for n := 1; n <= 50; n++ {
		f.put("reseller", version(n))
		f.engine.take()
		f.mustAsk("customer", aaa.Authn, map[string]any{"v": fmt.Sprint(n)})
		p, err := f.tenants.Plan(f.ctx, f.ids["customer"])
		f.must(err)
		if got := p.Routes[aaa.Authn].Levels[0].Revision; got != int64(n+1) {
			t.Errorf("revision %d in use after revision %d was written", got, n+1)
		}
	}
	close(stop)
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Errorf("a request failed: %v", err)
	}
	if torn.Load() > 0 {
		t.Errorf("%d requests saw half of a change", torn.Load())
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", with(doc("on", "a"), `"authz_username":"u","authz_password":"s3cr3t-authz"`))
	p, err := f.tenants.Plan(f.ctx, f.ids["customer"])
	f.must(err)
	level := p.Routes[aaa.Authn].Levels[0]
	res := f.mustAsk("customer", aaa.Authn, map[string]any{"User-Name": "alice", "User-Password": "s3cr3t-user"})
	dry, err := f.gateway.DryRun(f.ctx, &aaa.Request{Account: f.ids["customer"], Op: aaa.Authn, Values: map[string]any{"User-Password": "s3cr3t-user"}})
	f.must(err)
	eff, err := f.gateway.Effective(f.ctx, f.ids["customer"], aaa.Authn)
	f.must(err)
	for what, v := range map[string]any{"plan": *p, "level": *level, "server": level.Servers[0], "trace": *res.Trace, "dry run": *dry, "effective": *eff} {
		asJSON, _ := json.Marshal(v) // a type with functions in it does not marshal: nothing to see then
		if text := fmt.Sprintf("%v %+v %#v", v, v, v) + string(asJSON); strings.Contains(text, "s3cr3t") {
			t.Errorf("%s shows a secret: %s", what, text)
		}
	}
	if len(dry.Packets) != 1 || len(dry.Packets[0].Packet) == 0 || len(dry.Packets[0].AVPs) != 1 || dry.Packets[0].AVPs[0].JSON() != aaa.Mask || dry.Packets[0].AVPs[0].Value != nil {
		t.Errorf("dry run: %+v", dry)
	}
}
