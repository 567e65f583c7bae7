package plans

import (
	"slices"
	"testing"

	"aaa-api/internal/aaa"
)

// TestBansInForce: each document that the walk goes by bans for itself, whether it has servers or not; above a document that asks by
// itself none does.
func TestBansInForce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const inherit, servers = `"aaa_mode":"inherit","servers":[],"authentication":[],"authorization":[],"accounting":[],"custom":[]`, `"aaa_mode":"inherit"`
	by := func(key string) string { return `,"bans":{"by":["` + key + `"]}` }
	check := func(what string, account string, want ...string) {
		t.Helper()
		plan, err := f.tenants.Plan(f.ctx, f.ids[account])
		f.must(err)
		var got []string
		for _, p := range plan.Routes[aaa.Authn].Bans {
			for name, id := range f.ids {
				if id == p.Document {
					got = append(got, name+" "+p.By[0])
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		for _, op := range []aaa.Op{aaa.Authz, aaa.Accounting, aaa.Custom} {
			if plan.Routes[op].Bans != nil {
				t.Errorf("%s: bans of %s", what, op)
			}
		}
	}
	f.put("reseller", `"aaa_mode":"on"`+by("Calling-Station-Id"))
	check("without a document", "customer", "reseller Calling-Station-Id")
	f.put("customer", inherit+by("user"))
	check("bans alone", "customer", "customer user", "reseller Calling-Station-Id")
	f.put("customer", servers+by("user"))
	check("a server of its own", "customer", "customer user", "reseller Calling-Station-Id")
	f.put("customer", `"aaa_mode":"on"`+by("user"))
	check("no inheritance", "customer", "customer user")
	f.put("customer", `"aaa_mode":"off"`+by("user"))
	check("off", "customer")
	f.put("customer", servers)
	f.put("reseller", `"aaa_mode":"off"`+by("user"))
	check("off above", "customer")

	f.put("customer", inherit+by("phrase"))
	f.put("reseller", `"aaa_mode":"on","authn_avp_translation":[{"request_key":"phrase","attribute":"User-Password","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}]`+by("user"))
	check("a password to a document above", "customer", "reseller user")
}
