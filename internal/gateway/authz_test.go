package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

func TestAuthzApps(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("system", with(doc("inherit"), `"authz_providers":{"jonny5":{"url":"http://192.0.2.9/authz","secret":"k3y"}}`))
	for _, c := range []struct {
		apps      string
		yes       bool
		reject    bool
		outcome   aaa.Outcome
		refusedBy string
		calls     int
	}{
		{`["circlemaker","jonny5"]`, true, false, aaa.Accept, "", 1},
		{`["circlemaker","jonny5"]`, false, false, aaa.Reject, "jonny5", 1},
		{`["circlemaker","jonny5"]`, true, true, aaa.Reject, "", 1},
		{`["jonny5","circlemaker"]`, false, false, aaa.Reject, "jonny5", 0},
		{`["jonny5"]`, true, false, aaa.Accept, "", 0},
		{`["circlemaker","nobody"]`, true, false, aaa.Reject, "nobody", 1},
		{`[]`, false, false, aaa.Accept, "", 1},
	} {
		f.put("customer", with(doc("on", "a"), `"authz_apps":`+c.apps))
		f.asked.yes = map[string]bool{"jonny5": c.yes}
		f.engine.set("a", nil)
		if c.reject {
			f.engine.set("a", rejects)
		}
		res, err := f.ask("customer", aaa.Authz, nil)
		f.must(err)
		calls := f.engine.take()
		if res.Outcome != c.outcome || res.RefusedBy != c.refusedBy || res.IsAuthorized != (c.outcome == aaa.Accept) || len(calls) != c.calls {
			t.Errorf("%s, jonny5 %v: %s refused by %q, own servers asked %v", c.apps, c.yes, res.Outcome, res.RefusedBy, calls)
		}
	}
}

// TestRefusalKeepsNothingOfTheAccept: whoever is refused gets no key and no attribute of the accept that came before.
func TestRefusalKeepsNothingOfTheAccept(t *testing.T) {
	t.Parallel()
	system, err := systemDictionaries()
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.put("customer", with(doc("on", "a"), `"authz_apps":["circlemaker","nobody"]`))
	f.engine.set("a", func(*engines.Request) (*engines.Reply, error) {
		const userName, sessionTimeout = 1, 27
		return &engines.Reply{Outcome: aaa.Accept, Attempts: 2, AVPs: []aaa.AVP{
			{Attr: system.Default().Standard(userName), Value: []byte("alice")},
			{Attr: system.Default().Standard(sessionTimeout), Value: []byte{0, 0, 0, 60}},
		}}, nil
	})
	res, err := f.ask("customer", aaa.Authz, nil)
	f.must(err)
	if res.Outcome != aaa.Reject || res.IsAuthorized || len(res.Keys)+len(res.AVPs) > 0 || res.State != "" {
		t.Errorf("refused with %+v", res)
	}
	if res.Server != "a" || res.Attempts != 2 || res.RefusedBy != "nobody" || res.Document != f.ids["customer"] || res.Trace == nil {
		t.Errorf("the answer does not tell how it came about: %+v", res)
	}
}

// ruled puts a rule before those of an operation, and the dictionary own before the others.
func ruled(document, op, key, attribute string) string {
	document = strings.ReplaceAll(document, `["dictionary"]`, `["own","dictionary"]`)
	section := `"` + op + `_avp_translation":[`
	return strings.Replace(document, section, section+
		fmt.Sprintf(`{"attribute":%q,"request_key":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"},`, attribute, key), 1)
}

// TestAuthorizersLearnNoPassword: a key that a rule puts into a password is not handed on, whichever way the
// rule says so and whether or not a server is in use.
func TestAuthorizersLearnNoPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("system", with(doc("inherit"), `"authz_providers":{"jonny5":{"url":"http://192.0.2.9/authz","secret":"k3y"}}`))
	f.dictionary("customer", "own", `[{"attr":{"id":2,"type":"string","name":"Kennwort"}}]`)
	f.asked.yes = map[string]bool{"jonny5": true}
	for _, attribute := range []string{"User-Password", "Attr-2", "Kennwort", "MS-CHAP2-Response", "Digest-HA1", "user_msg"} {
		for servers, list := range map[string][]string{"none": nil, "not enabled": {"!a"}, "enabled": {"a"}} {
			if attribute == "Kennwort" && list == nil {
				continue // no server names the dictionary that knows it
			}
			for _, section := range []string{"authz", "authn"} {
				f.put("customer", with(ruled(doc("on", list...), section, "Mot", attribute), `"authz_apps":["jonny5"]`))
				f.asked.got = nil
				_, err := f.ask("customer", aaa.Authz, map[string]any{"Mot": "pw", "User-Name": "bob"})
				f.must(err)
				hidden := f.asked.got[0].Hidden
				if !slices.Contains(hidden, "Mot") || slices.Contains(hidden, "User-Name") {
					t.Errorf("%s rule for %s, servers %s: kept back is %v", section, attribute, servers, hidden)
				}
			}
		}
	}
	// What a dictionary of a server that is not in use says of an attribute counts from the moment that it says so.
	f.dictionary("customer", "own", `[{"vendor":{"Acme":99999}},{"attr":{"vid":99999,"id":7,"type":"string","name":"Acme-Mot"}}]`)
	text := ruled(doc("on", "!a"), "authz", "Mot", "Acme-Mot")
	f.put("customer", with(text, `"authz_apps":["jonny5"]`))
	for _, c := range []struct {
		enc  string
		want bool
	}{{"no", false}, {"salt_crypt", true}} {
		f.dictionary("customer", "own", `[{"vendor":{"Acme":99999}},{"attr":{"vid":99999,"id":7,"type":"string","name":"Acme-Mot","enc":"`+c.enc+`"}}]`)
		f.asked.got = nil
		_, err := f.ask("customer", aaa.Authz, map[string]any{"Mot": "pw"})
		f.must(err)
		if got := slices.Contains(f.asked.got[0].Hidden, "Mot"); got != c.want {
			t.Errorf("enc %s: kept back is %v", c.enc, f.asked.got[0].Hidden)
		}
	}
}

func TestAuthzCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", with(doc("on", "a"), `"authz_username":"gateway","authz_password":"p4ss"`))
	for _, c := range []struct {
		values map[string]any
		want   string
	}{
		{map[string]any{}, "User-Name=gateway User-Password=p4ss"},
		{map[string]any{"User-Name": "bob"}, "User-Name=bob User-Password=p4ss"},
		{map[string]any{"User-Name": "bob", "User-Password": "own"}, "User-Name=bob User-Password=own"},
	} {
		_, err := f.ask("customer", aaa.Authz, c.values)
		f.must(err)
		if got := sent(f.engine.last()); got != c.want {
			t.Errorf("%v: sent %q, want %q", c.values, got, c.want)
		}
	}
}

// TestAuthzCredentialsGoByNumber: what an attribute is called is the tenant's business, and so is whether both are there.
func TestAuthzCredentialsGoByNumber(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.dictionary("customer", "own", `[{"attr":{"id":1,"type":"string","name":"Login"}},{"attr":{"id":3,"type":"octets","name":"Chap"}},
		{"vendor":{"Acme":99999}},{"attr":{"vid":99999,"id":1,"type":"string","name":"User-Name"}},{"attr":{"vid":99999,"id":2,"type":"string","name":"Acme-Secret"}}]`)
	const both = `"authz_username":"gateway","authz_password":"p4ss"`
	for _, c := range []struct {
		attribute, credentials string
		want                   string
	}{
		{"Login", both, "Login=bob User-Password=p4ss"},
		{"Attr-1", both, "Login=bob User-Password=p4ss"},
		{"Acme-Secret", both, "Acme-Secret=bob User-Name=gateway User-Password=p4ss"},
		{"User-Name", both, "User-Name=bob User-Name=gateway User-Password=p4ss"}, // the first of them is Acme's
		{"Chap", both, "Chap=bob User-Name=gateway"},
		{"Login", `"authz_password":"p4ss"`, "Login=bob User-Password=p4ss"},
		{"Login", `"authz_username":"gateway"`, "Login=bob"},
		{"Class", `"authz_password":"p4ss"`, "Class=bob User-Password=p4ss"},
		{"Class", `"authz_username":"gateway"`, "Class=bob User-Name=gateway"},
	} {
		text := ruled(doc("on", "a"), "authz", "login", c.attribute)
		f.put("customer", with(strings.Replace(text, `"avp":"strict"`, `"avp":"custom"`, 1), c.credentials))
		_, err := f.ask("customer", aaa.Authz, map[string]any{"login": "bob"})
		f.must(err)
		if got := sent(f.engine.last()); got != c.want {
			t.Errorf("rule for %s, %s: sent %q, want %q", c.attribute, c.credentials, got, c.want)
		}
		_, err = f.ask("customer", aaa.Authn, map[string]any{"login": "bob"})
		f.must(err)
		if got := sent(f.engine.last()); got != "" {
			t.Errorf("authn was sent with %q", got)
		}
	}
}

func sent(req *engines.Request) string {
	var parts []string
	for _, a := range req.AVPs {
		parts = append(parts, a.Attr.Name+"="+string(a.Value))
	}
	return strings.Join(parts, " ")
}
