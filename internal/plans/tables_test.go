package plans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// found tells which table an account's authentications run by.
func (f *fixture) found(account string) string {
	f.t.Helper()
	table := f.level(account).Tables[aaa.Authn]
	if table == nil {
		return "built-in"
	}
	owner := string(table.Owner)
	for name, id := range f.ids {
		if id == table.Owner {
			owner = name
		}
	}
	return fmt.Sprintf("%s of %s, revision %d, %s", table.Name, owner, table.Revision, table.FSM.ID())
}

func (f *fixture) wantFound(what, account, want string) {
	f.t.Helper()
	if got := f.found(account); got != want {
		f.t.Errorf("%s: %s runs by %s, want %s", what, account, got, want)
	}
}

// TestTableOfTheDocument: a table's name is looked up from the account whose document it is, nearest
// first, and a document without one runs by the built-in table whatever stands above it.
func TestTableOfTheDocument(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("of-root"))
	f.text("sibling", store.TextFSM, "mine", tableOf("of-sibling"))
	f.put("reseller", `"fsm":"mine"`)
	f.wantFound("up the tree", "reseller", "mine of root, revision 1, of-root")
	f.wantFound("inherited", "customer", "mine of root, revision 1, of-root")
	f.wantFound("the document's account counts", "sibling", "mine of root, revision 1, of-root")

	f.put("customer", `"aaa_mode":"inherit"`)
	f.wantFound("an own document without a table", "customer", "built-in")
	f.put("customer", `"fsm":"race"`)
	f.wantFound("a built-in one by name", "customer", "race of system, revision 0, race")
	f.put("customer", `"fsm":"sequential"`)
	f.wantFound("the default by name", "customer", "built-in")

	f.put("customer", `"fsm":{"accounting":"mine","custom":"mine"}`)
	l := f.level("customer")
	if l.Tables[aaa.Authn] != nil || l.Tables[aaa.Authz] != nil || l.Tables[aaa.Accounting] == nil || l.Tables[aaa.Accounting] != l.Tables[aaa.Custom] {
		t.Errorf("tables of the operations: %v", l.Tables)
	}
	for op := range aaa.Op(aaa.NumOps) {
		if l.Server("a").Rules[op] == nil {
			t.Errorf("the rules of %s are not bound to a server that a table may ask", op)
		}
	}
	if a, b := l.Tables[aaa.Custom].FSM, f.level("sibling").Tables[aaa.Authn].FSM; a != b {
		t.Error("equal tables are held twice")
	}
}

func TestRealmRules(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"realms":{"home":{"Example.COM":"a","*":"accounting","":"b"}}`)
	want := map[string]map[string]string{"home": {"example.com": "a", "*": "accounting", "": "b"}}
	if diff := cmp.Diff(want, f.level("customer").Realms); diff != "" {
		t.Error(diff)
	}
}

// TestRouteOfATable: a document with a table of its own is used though its list is empty, and is then not accepted locally.
func TestRouteOfATable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("x"))
	f.put("reseller", `"fsm":null`)
	const empty = `"authentication":[]`
	for members, want := range map[string]struct {
		levels int
		local  bool
	}{
		`"aaa_mode":"on",` + empty:                        {1, true},
		`"aaa_mode":"on","fsm":"mine",` + empty:           {1, false},
		`"aaa_mode":"on","fsm":"sequential",` + empty:     {1, true},
		`"aaa_mode":"on","fsm":{"authz":"mine"},` + empty: {1, true},
		`"aaa_mode":"inherit",` + empty:                   {1, false},
		`"aaa_mode":"inherit","fsm":"mine",` + empty:      {2, false},
		`"aaa_mode":"inherit","fsm":{"authn":"mine"},"servers":[],"authorization":[],` + //
			`"accounting":[],"custom":[],` + empty: {2, false},
	} {
		f.put("customer", members)
		r := f.plan("customer").Routes[aaa.Authn]
		if len(r.Levels) != want.levels || r.LocalAccept() != want.local {
			t.Errorf("%s: %d levels, local %v", members, len(r.Levels), r.LocalAccept())
		}
		if own := r.Levels[0].Tables[aaa.Authn] != nil; own && r.Bounded != 0 {
			t.Errorf("%s: bounded by %v", members, r.Bounded)
		}
	}
	if p := f.plan("reseller"); p.Routes[aaa.Authn].Bounded == 0 {
		t.Error("without a table the route is not bounded any more")
	}
}

// TestTableChange: what is stored is used from the next request on, what began goes on with what it had.
func TestTableChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("one"))
	f.put("reseller", `"fsm":"mine"`)
	began := f.plan("customer")
	f.text("root", store.TextFSM, "mine", tableOf("two"))
	f.wantFound("changed", "customer", "mine of root, revision 2, two")
	if id := began.Routes[aaa.Authn].Levels[0].Tables[aaa.Authn].FSM.ID(); id != "one" {
		t.Errorf("the plan of before runs by %s now", id)
	}
	f.text("reseller", store.TextFSM, "mine", tableOf("near"))
	f.wantFound("a nearer one", "customer", "mine of reseller, revision 1, near")
	f.text("customer", store.TextFSM, "mine", tableOf("nearest"))
	f.wantFound("nearer than the document's account", "customer", "mine of reseller, revision 1, near")

	// What does not compile never replaces what works; the API refuses it before it gets here.
	level := f.level("reseller")
	f.text("reseller", store.TextFSM, "mine", "Start:\n\tnonsense\n")
	f.wantFound("a broken one", "customer", "mine of reseller, revision 1, near")
	if log := f.log.String(); !strings.Contains(log, "does not compile") || !strings.Contains(log, "table=mine") {
		t.Errorf("the log tells nothing of the broken table:\n%s", log)
	}
	if f.level("reseller") == level {
		t.Error("the level was not made anew")
	}
	level = f.level("reseller")
	f.text("reseller", store.TextFSM, "other", tableOf("other"))
	f.text("sibling", store.TextFSM, "mine", tableOf("other"))
	f.text("root", store.TextUsers, "people", "")
	if f.level("reseller") != level {
		t.Error("a text that the document does not name cost its level")
	}
}

// TestTableThatIsGone: a restored backup may lack a table that a document names.
func TestTableThatIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("one", "people"))
	p, err := f.preparer.Prepare(f.ctx, f.ids["customer"], documentWith(t, `"fsm":"mine"`), nil)
	f.must(err)
	want := []store.Ref{
		{Kind: store.RefDictionary, Account: aaa.SystemConfig, Name: "dictionary"}, {Kind: store.RefFSM, Account: f.ids["root"], Name: "mine"},
	}
	if diff := cmp.Diff(want, p.Uses); diff != "" {
		t.Errorf("uses:\n%s", diff)
	}
	f.putAs("customer", p.Body, p.Uses)
	f.wantFound("at first", "customer", "mine of root, revision 1, one")
	var inUse *store.InUseError
	if err := f.store.Texts().Delete(f.ctx, f.ids["root"], store.TextFSM, "mine", store.AnyRevision); !errors.As(err, &inUse) {
		t.Errorf("the deletion of a table in use: %v", err)
	}
	f.putAs("customer", p.Body, nil) // the store is not told
	f.remove("root", store.TextFSM, "mine")
	f.wantFound("gone", "customer", "built-in")
	if name := f.level("customer").TableNames[aaa.Authn]; name != "mine" {
		t.Errorf("the document is said to name %q", name)
	}
	if !strings.Contains(f.log.String(), "table that is gone") {
		t.Errorf("the log tells nothing of it:\n%s", f.log)
	}
	f.text("reseller", store.TextFSM, "mine", tableOf("back"))
	f.wantFound("there again", "customer", "mine of reseller, revision 1, back")
}

// TestTablesWithoutActions: a service that was given no actions refuses tables, and runs on.
func TestTablesWithoutActions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("one"))
	f.put("customer", `"fsm":"mine"`)
	f.tenants = f.cache(nil)
	f.wantFound("a stored one", "customer", "built-in")
	for _, name := range []string{"mine", "race"} {
		if _, _, err := f.tenants.Table(f.ctx, f.ids["customer"], name); !errors.Is(err, errNoActions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLookupOfTexts: what decides over a write comes from the store, nearest first.
func TestLookupOfTexts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("of-root"))
	f.text("root", store.TextFSM, "b", tableOf("b"))
	f.text("reseller", store.TextFSM, "mine", tableOf("of-reseller"))
	f.text("sibling", store.TextFSM, "theirs", tableOf("x"))
	f.text("root", store.TextUsers, "people", "")
	table, ref, err := f.tenants.Table(f.ctx, f.ids["customer"], "mine")
	if err != nil || table.ID() != "of-reseller" || ref == nil || *ref != (store.Ref{Kind: store.RefFSM, Account: f.ids["reseller"], Name: "mine"}) {
		t.Errorf("%v, %v, %v", table.ID(), ref, err)
	}
	if table, ref, err := f.tenants.Table(f.ctx, aaa.SystemConfig, "race"); err != nil || table.ID() != "race" ||
		ref == nil || *ref != (store.Ref{Kind: store.RefFSM, Account: aaa.SystemConfig, Name: "race"}) {
		t.Errorf("built-in: %v, %v", ref, err)
	}
	for account, name := range map[string]string{"customer": "theirs", "system": "mine", "root": "people"} {
		if _, _, err := f.tenants.Table(f.ctx, f.ids[account], name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of %s: %v", name, account, err)
		}
	}
	for account, want := range map[string]bool{"customer": true, "root": true, "system": false} {
		if sees, err := f.tenants.UsersFile(f.ctx, f.ids[account], "people"); err != nil || sees != want {
			t.Errorf("users file of %s: %v, %v", account, sees, err)
		}
	}
	list, err := f.tenants.Tables(f.ctx, f.ids["customer"])
	f.must(err)
	var names []string
	for _, text := range list {
		names = append(names, fmt.Sprintf("%s of root: %v", text.Name, text.Account == f.ids["root"]))
	}
	if diff := cmp.Diff([]string{"b of root: true", "mine of root: false"}, names); diff != "" {
		t.Error(diff)
	}
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, _, err := f.tenants.Table(ctx, f.ids["customer"], "mine"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("a store that does not answer: %v", err)
	}
}

// TestCredentialsOfNobodyElse: an authz request that brings a name or a password which is not taken has not that of the document.
func TestCredentialsOfNobodyElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const credentials = `"authz_username":"gateway","authz_password":"p4ss"`
	f.put("customer", credentials)
	f.put("root", credentials+`,"authz_avp_translation":[
		{"attribute":"User-Name","request_key":"login","request_value_regexp":"^([a-z]+)$","attr_value_regexp":"^(.*)$"},
		{"attribute":"user","request_key":"name","request_value_regexp":"^([a-z]+)$","attr_value_regexp":"^(.*)$"},
		{"attribute":"User-Password","request_key":"pin","request_value_regexp":"^([0-9]+)$","attr_value_regexp":"^(.*)$"}]`)
	for _, c := range []struct {
		account        string
		values         map[string]any
		name, password string
	}{
		{"customer", map[string]any{"User-Name": []any{"a", "b"}, "User-Password": []any{"a", "b"}}, "", ""},
		{"customer", map[string]any{"User-Name": "", "User-Password": ""}, "", ""},
		{"customer", map[string]any{"User-Name": []any{}}, "", "p4ss"},
		{"customer", map[string]any{"User-Name": []any{"a"}, "User-Password": []any{"b"}}, "a", "b"},
		{"root", map[string]any{"login": "Bob", "pin": "x"}, "", ""},
		{"root", map[string]any{"name": "bob"}, "bob", "p4ss"},
		{"root", map[string]any{"User-Name": "bob"}, "gateway", "p4ss"}, // no rule reads it
	} {
		l := f.level(c.account)
		if _, name, password := login(t, l, aaa.Authz, c.values); name != c.name || password != c.password {
			t.Errorf("%s, %v: %q, %q", c.account, c.values, name, password)
		}
	}
}

// TestCredentialsStandAlone: an authz request that lacks one has that of the document, whether or not it has the other.
func TestCredentialsStandAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []struct{ members, name, password string }{
		{`"authz_username":"gateway"`, "gateway", ""},
		{`"authz_password":"p4ss"`, "", "p4ss"},
		{`"authz_username":"gateway","authz_password":"p4ss"`, "gateway", "p4ss"},
	} {
		f.put("customer", c.members)
		l := f.level("customer")
		if _, name, password := login(t, l, aaa.Authz, nil); name != c.name || password != c.password {
			t.Errorf("%s: %q, %q", c.members, name, password)
		}
		if _, name, password := login(t, l, aaa.Authn, nil); name != "" || password != "" {
			t.Errorf("%s: authn has them too", c.members)
		}
	}
}

// TestCredentialsOfNoDevice: an authz request of a device that names nobody is nobody's.
func TestCredentialsOfNoDevice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, rules := range []string{"", `,"client_rules":true`} {
		f.put("customer", `"authz_username":"gateway"`+rules)
		req := &aaa.Request{Op: aaa.Authz, Values: aaa.Values{"service": "shell"}, Device: &aaa.Device{Protocol: aaa.ClientTACACS}}
		raw, sent, err := f.level("customer").UserName(t.Context(), req, nil)
		if raw != "" || sent != "" || err != nil {
			t.Errorf("%s: %q, %q, %v", rules, raw, sent, err)
		}
	}
}

// TestStoredBlocks: an entry of what nobody knows blocks nothing, be it stored by an import.
func TestStoredBlocks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.putAs("customer", []byte(`{"aaa_mode":"on","block_authz":[{"channel":["inbound","video"]},{"channel":[]},{"channel":["internal","outbound"]}]}`), nil)
	if got := f.level("customer").BlockAuthz; len(got) != 1 || got[0] != Outbound|Internal {
		t.Errorf("%v", got)
	}
}
