package plans

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/usersfile"
)

// userLine is an entry whose password is wonderland.
func userLine(name string) string {
	return name + ":$5$rounds=1000$saltstring$h/MRXFBWlCHxtsUgJox0IaZxGiymmMWBCcsmIuZgjD9\n"
}

func (f *fixture) verdict(account, file, name string) string {
	f.t.Helper()
	users, ok := f.level(account).Files[file]
	if !ok {
		return "no file"
	}
	_, verdict, err := users.Verify(name, "wonderland", func(work func()) error { work(); return nil })
	f.must(err)
	return verdict.String()
}

// login is the name and the password that a CompiledDocument takes from a request.
func login(t *testing.T, l *CompiledDocument, op aaa.Op, values map[string]any) (raw, sent, password string) {
	t.Helper()
	raw, sent, err := l.UserName(t.Context(), &aaa.Request{Op: op, Values: values}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password, err = l.Password(t.Context(), &aaa.Request{Op: op, Values: values}, nil); err != nil {
		t.Fatal(err)
	}
	return raw, sent, password
}

// TestUsersFilesOfATable: the files that a document's tables name are found up the tree, nearest first,
// and follow what is stored; what is damaged keeps its predecessor.
func TestUsersFilesOfATable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("one", "", "people"))
	f.put("reseller", `"fsm":{"authn":"mine"}`)
	check := func(what, file, name, want string) {
		t.Helper()
		if got := f.verdict("customer", file, name); got != want {
			t.Errorf("%s: %s of %s is %s, want %s", what, name, file, got, want)
		}
	}
	accepted, refused := usersfile.Accepted.String(), usersfile.Refused.String()
	check("none yet", "people", "alice", "no file")
	f.text("root", store.TextUsers, "people", userLine("alice"))
	check("appeared", "people", "alice", accepted)
	f.text("root", store.TextUsers, "people", userLine("bob"))
	check("changed", "people", "alice", refused)
	check("changed", "people", "bob", accepted)
	began := f.plan("customer")
	f.text("reseller", store.TextUsers, "people", userLine("carol"))
	check("nearer", "people", "carol", accepted)
	if _, v, _ := began.Routes[aaa.Authn].Levels[0].Files["people"].Verify("bob", "wonderland", func(work func()) error { work(); return nil }); v != usersfile.Accepted {
		t.Error("what began before looks into another file now")
	}
	f.text("customer", store.TextUsers, "people", userLine("dave"))
	check("nearer than the document's account", "people", "dave", refused)

	f.raw(store.Text{Account: f.ids["reseller"], Kind: store.TextUsers, Name: "people", Body: "$aaa$not sealed"})
	check("damaged", "people", "carol", accepted)
	f.text("reseller", store.TextUsers, "people", userLine("eve")+"mallory:wonderland\n")
	check("with faults", "people", "carol", accepted)
	if log := f.log.String(); !strings.Contains(log, "users file has faults") || strings.Contains(log, "mallory") || strings.Contains(log, "wonderland") {
		t.Errorf("the log:\n%s", log)
	}
	f.remove("reseller", store.TextUsers, "people")
	check("the nearer one gone", "people", "bob", accepted)

	check("none yet", DefaultUsersFile, "frank", "no file")
	f.text("reseller", store.TextUsers, DefaultUsersFile, userLine("frank"))
	check("the one that needs no name", DefaultUsersFile, "frank", accepted)

	// A cold cache has no predecessors: entries without faults count.
	f.text("reseller", store.TextUsers, DefaultUsersFile, userLine("grace")+"mallory:wonderland\n")
	f.tenants = f.cache(actions())
	check("cold, with faults", DefaultUsersFile, "grace", accepted)
	check("cold, with faults", DefaultUsersFile, "mallory", refused)
}

// TestUnchangedFilesStay: hashes are not read again over every change of the account.
func TestUnchangedFilesStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("one", "people"))
	f.text("root", store.TextUsers, "people", userLine("alice"))
	f.put("root", `"fsm":"mine"`)
	before := f.level("root")
	f.text("root", store.TextUsers, "others", userLine("bob"))
	f.text("root", store.TextFSM, "mine", tableOf("two", "people"))
	after := f.level("root")
	if before == after || before.Files["people"] != after.Files["people"] {
		t.Error("the unchanged file was parsed again")
	}
}

func TestUserNameAndPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"authz_username":"nas","authz_password":"nas-password","fsm":"race",
		"authn_avp_translation":[
			{"attribute":"user-NAME","request_key":"login","request_value_regexp":"^([^@]+)","attr_value_regexp":"^(.*)$"},
			{"attribute":"User-Password","request_key":"pin","request_value_regexp":"^p(.*)$","attr_value_regexp":"^(.*)$"}]`)
	l := f.level("customer")
	values := map[string]any{"login": []any{"bob@x"}, "pin": "p123", "User-Name": "alice", "User-Password": "wonderland"}
	check := func(op aaa.Op, values map[string]any, raw, sent, password string) {
		t.Helper()
		r, s, p := login(t, l, op, values)
		if r != raw || s != sent || p != password {
			t.Errorf("%s: %q, %q, %q, want %q, %q, %q", op, r, s, p, raw, sent, password)
		}
	}
	check(aaa.Authn, values, "bob@x", "bob", "123")
	check(aaa.Authn, map[string]any{"login": "@x", "User-Name": "alice", "User-Password": "wonderland"}, "@x", "", "")
	check(aaa.Accounting, values, "alice", "alice", "wonderland")
	check(aaa.Authz, values, "alice", "alice", "wonderland")
	check(aaa.Authz, nil, "nas", "nas", "nas-password")
	check(aaa.Custom, nil, "", "", "")
}

// TestClosedUsersFiles: a file that is not shared serves the account's own document, for whoever inherits that, and no document
// of an account below.
func TestClosedUsersFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	people := func(account, name string, closed bool) {
		t.Helper()
		sealed, err := f.vault.Seal(f.ctx, f.ids[account], "users/people", userLine(name))
		f.must(err)
		f.raw(store.Text{Account: f.ids[account], Kind: store.TextUsers, Name: "people", Body: sealed, Closed: closed})
	}
	check := func(what, account, name, want string) {
		t.Helper()
		if got := f.verdict(account, "people", name); got != want {
			t.Errorf("%s: %s of %s is %s, want %s", what, name, account, got, want)
		}
		if sees, err := f.tenants.UsersFile(f.ctx, f.ids[account], "people"); err != nil || sees != (want != "no file") {
			t.Errorf("%s: a document of %s would see the file: %v, %v", what, account, sees, err)
		}
	}
	accepted, refused := usersfile.Accepted.String(), usersfile.Refused.String()
	f.text("root", store.TextFSM, "mine", tableOf("one", "", "people"))
	f.put("reseller", `"fsm":{"authn":"mine"}`)
	f.put("customer", `"fsm":{"authn":"mine"}`)
	people("reseller", "staff", false)
	check("shared", "reseller", "staff", accepted)
	check("shared", "customer", "staff", accepted)
	people("reseller", "staff", true)
	check("closed", "reseller", "staff", accepted)
	check("closed", "customer", "staff", "no file")
	people("root", "everybody", false)
	check("one further up", "customer", "staff", refused)
	check("one further up", "customer", "everybody", accepted)
	f.remove("root", store.TextUsers, "people")
	f.must(f.store.Documents().Delete(f.ctx, f.ids["customer"], store.AnyRevision, ""))
	f.sync()
	if got := f.verdict("reseller", "people", "staff"); got != accepted {
		t.Errorf("the document's own account: %s", got)
	}
	if _, v, _ := f.plan("customer").Routes[aaa.Authn].Levels[0].Files["people"].Verify("staff", "wonderland", func(work func()) error { work(); return nil }); v != usersfile.Accepted {
		t.Errorf("who inherits the document: %v", v)
	}
	people("reseller", "staff", false)
	f.put("customer", `"fsm":{"authn":"mine"}`)
	check("opened again", "customer", "staff", accepted)
}
