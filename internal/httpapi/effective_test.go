package httpapi

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// What an account inherits is shown to it, but nothing else of a document that its token could not read.
func TestEffectiveOfOthersDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	extras := `{"x-note":"only-ours","authz_username":"only-ours","realms":{"x-rule":{"x-ray.example":"server1"}},"fsm":{"x-note":"only-ours"}}`
	w.call(w.rootToken, "PUT", atSystem, data(aDocument)).want(201)
	w.call(w.rootToken, "PATCH", atSystem, data(`{"authz_providers":{"jonny5":{"url":"https://jonny5.example/?key=only-ours","secret":"s3cret"}}}`)).want(200)
	w.call(w.rootToken, "PATCH", atSystem, data(extras)).want(200)
	path := at(w.child, "/aaa/effective?op=authn")
	childToken := w.token(w.child, "read")
	show := func(token, document, mode string, whole bool) reply {
		t.Helper()
		r := w.call(token, "GET", path, "").want(200)
		level := func(p ...string) any { return r.at(append([]string{"data", "levels", "0"}, p...)...) }
		if level("account_id") != document || level("aaa_mode") != mode || level("document", "aaa_mode") != mode || r.at("data", "levels", "1") != nil {
			t.Errorf("%s", r.text)
		}
		if strings.Contains(r.text, "only-ours") == !whole || (level("document", "x-note") != nil) != whole || (level("sources", "x-note") != nil) != whole {
			t.Errorf("the whole document: want %v, got %s", whole, r.text)
		}
		for _, member := range []string{"servers", "authn_avp_translation", "realms"} {
			if inForce := whole || mode != "off"; (level("document", member) != nil) != inForce || (level("sources", member) != nil) != inForce {
				t.Errorf("%s: %s", member, r.text)
			}
		}
		return r
	}
	system := string(aaa.SystemConfig)
	show(w.rootToken, system, "on", true)
	show(w.tenantToken, system, "on", false)
	if r := show(childToken, system, "on", false); r.at("data", "levels", "0", "document", "realms", "x-rule", "x-ray.example") != "server1" {
		t.Errorf("%s", r.text)
	}
	w.document(w.tenant)
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(extras)).want(200)
	show(w.rootToken, string(w.tenant), "on", true)
	show(w.tenantToken, string(w.tenant), "on", true)
	show(childToken, string(w.tenant), "on", false)
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"aaa_mode":"off"}`)).want(200)
	show(w.tenantToken, string(w.tenant), "off", true)
	if r := show(childToken, string(w.tenant), "off", false); strings.Contains(r.text, "server1") || strings.Contains(r.text, "dictionary") {
		t.Errorf("%s", r.text)
	}
}
