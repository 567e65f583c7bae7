package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/secmod"
	"aaa-api/internal/web"
)

// grantClients lets an account have clients in networks.
func (w *world) grantClients(id aaa.AccountID, networks string) {
	w.t.Helper()
	w.call(w.rootToken, "PATCH", at(id, ""), data(`{"client_networks":`+networks+`}`)).want(200)
}

// openedClient is what the store holds of a client, in the clear.
func (w *world) openedClient(id aaa.AccountID, name string) *aaa.Client {
	w.t.Helper()
	row, err := w.store.Clients().Get(w.t.Context(), id, name)
	ok(w.t, err)
	c, err := document.DecodeClient(row.Body)
	ok(w.t, err)
	ok(w.t, document.OpenClient(w.t.Context(), id, name, c, secmod.New(memoryKEK{}, w.store.Keys())))
	return c
}

// Secrets go in and never come out; written back masked they stay what they were.
func TestClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.grantClients(w.tenant, `["192.0.2.0/24","2001:db8::/32"]`)
	base := at(w.tenant, "/aaa/clients")
	path := base + "/office-ap"
	w.call(w.tenantToken, "GET", path, "").refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "POST", path, data(`{}`)).refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "DELETE", path, "").refused(404, web.SlugIdentifier)

	const first = `{"address":"192.0.2.0/28","secret":"hush, the first one","coa":{"enabled":true,"secret":"hush, that of CoA"},"quirks":["short-body"]}`
	made := w.call(w.tenantToken, "PUT", path, data(first)).want(201)
	if made.header.Get("Location") != path || made.str("data", "name") != "office-ap" || made.header.Get("Etag") != `"1"` || made.at("warnings") != nil {
		t.Errorf("%v %s", made.header, made.text)
	}
	w.call(w.tenantToken, "PUT", path, data(first)).refused(409, web.SlugConflict)
	if strings.Contains(made.text, "hush") || strings.Count(made.text, aaa.Mask) != 2 {
		t.Errorf("%s", made.text)
	}
	if c := w.openedClient(w.tenant, "office-ap"); c.Secret.Reveal() != "hush, the first one" || c.CoA.Secret.Reveal() != "hush, that of CoA" || c.Disabled {
		t.Errorf("stored is %+v", c)
	}
	got := w.call(w.tenantToken, "GET", path, "").want(200)
	w.do(ask{method: "GET", path: path, token: w.tenantToken, header: map[string]string{"If-None-Match": `"1"`}}).want(304)

	// All that was read can be written back.
	whole := got.text[strings.Index(got.text, `{"data":`)+len(`{"data":`) : strings.Index(got.text, `,"request_id"`)]
	w.call(w.tenantToken, "POST", path, data(whole)).want(200)
	if c := w.openedClient(w.tenant, "office-ap"); c.Secret.Reveal() != "hush, the first one" || c.CoA.Secret.Reveal() != "hush, that of CoA" {
		t.Errorf("stored is %+v", c)
	}
	// The secret changes: the old one is written as the previous one.
	r := w.call(w.tenantToken, "PATCH", path, data(`{"secret":"hush, second","previous_secret":"hush, the first one","enabled":false,"coa":null}`)).want(200)
	if r.str("revision") != "3" || r.str("warnings", "0", "path") != "secret" || r.str("warnings", "0", "rule") != "weak" || strings.Contains(r.text, "hush") {
		t.Errorf("%s", r.text)
	}
	if c := w.openedClient(w.tenant, "office-ap"); c.Secret.Reveal() != "hush, second" || c.PreviousSecret.Reveal() != "hush, the first one" || !c.Disabled || c.CoA != (aaa.ClientCoA{}) {
		t.Errorf("stored is %+v", c)
	}
	r = w.call(w.tenantToken, "PATCH", path, data(`{"previous_secret":null,"enabled":null}`)).want(200)
	if strings.Contains(r.text, "previous_secret") || w.openedClient(w.tenant, "office-ap").Disabled {
		t.Errorf("%s", r.text)
	}
	conditional := func(method, tag string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: data(`{"address":"192.0.2.1","secret":"********"}`), header: map[string]string{"If-Match": tag}})
	}
	conditional("POST", `"3"`).refused(412, "precondition_failed")
	conditional("PATCH", `"3"`).refused(412, "precondition_failed")
	conditional("POST", `"4"`).want(200)

	w.call(w.tenantToken, "PUT", base+"/vpn", data(`{"certificate":{"san":"VPN.example.net"},"protocols":["radius"],"description":"the gateway"}`)).want(201)
	list := w.call(w.tenantToken, "GET", base, "").want(200)
	if list.str("data", "0", "name") != "office-ap" || list.str("data", "0", "address") != "192.0.2.1" || list.at("data", "0", "protocols", "1") != "tacacs" ||
		list.str("data", "1", "certificate", "san") != "VPN.example.net" || list.at("data", "1", "protocols", "1") != nil || strings.Contains(list.text, aaa.Mask) {
		t.Errorf("%s", list.text)
	}
	page := w.call(w.tenantToken, "GET", base+"?page_size=1", "").want(200)
	if page.str("next_start_key") != "vpn" {
		t.Errorf("%s", page.text)
	}
	used := w.call(w.tenantToken, "GET", at(w.tenant, "/limits"), "").want(200)
	if used.at("data", "limits", "clients", "used") != 2.0 || used.str("data", "client_networks", "0") != "192.0.2.0/24" {
		t.Errorf("%s", used.text)
	}
	w.do(ask{method: "DELETE", path: path, token: w.tenantToken, header: map[string]string{"If-Match": `"4"`}}).refused(412, "precondition_failed")
	if gone := w.call(w.tenantToken, "DELETE", path, "").want(200); gone.str("data", "secret") != aaa.Mask {
		t.Errorf("%s", gone.text)
	}
	w.call(w.tenantToken, "GET", path, "").refused(404, web.SlugIdentifier)
}

// A client is where accounts above let it be, and what another account claims is refused without a word on whose it is.
func TestClientsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := func(token string, id aaa.AccountID, name, members string) reply {
		t.Helper()
		return w.call(token, "PUT", at(id, "/aaa/clients/"+name), data(members))
	}
	host := func(address string) string { return `{"address":"` + address + `","secret":"a long shared secret"}` }
	faulty := func(r reply, path string) {
		t.Helper()
		r.refused(400, web.SlugInvalid)
		if !strings.Contains(r.text, path) {
			t.Errorf("%s, want %s", r.text, path)
		}
	}
	faulty(put(w.tenantToken, w.tenant, "ap", host("192.0.2.1")), `"address":{"granted":`)
	put(w.rootToken, w.root, "all", host("0.0.0.0/0")).want(201) // the root account has all networks
	w.grantClients(w.tenant, `["192.0.2.0/24"]`)
	w.grantClients(w.sibling, `["192.0.2.0/24"]`)
	put(w.tenantToken, w.tenant, "ap", host("192.0.2.1")).want(201)
	put(w.tenantToken, w.tenant, "behind-nat", host("192.0.2.1")).want(201)
	faulty(put(w.tenantToken, w.tenant, "wide", host("192.0.0.0/16")), `"address":{"granted":`)
	faulty(put(w.tenantToken, w.child, "ap", host("192.0.2.1")), `"address":{"granted":`)
	faulty(w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"client_networks":["198.51.100.0/24"]}`)), `"client_networks.0":{"granted":`)
	w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"client_networks":["192.0.2.0/25"]}`)).want(200)
	put(w.tenantToken, w.child, "ap", host("192.0.2.1")).want(201)

	sibling := w.token(w.sibling, "read", "write")
	for _, address := range []string{"192.0.2.1", "192.0.2.0/24", "192.0.2.0/30"} {
		r := put(sibling, w.sibling, "theirs", host(address))
		r.refused(409, web.SlugConflict)
		if !strings.Contains(r.text, `"address":{"taken":`) || strings.Contains(r.text, string(w.tenant)) || strings.Contains(r.text, `"ap`) {
			t.Errorf("%s", r.text)
		}
	}
	put(sibling, w.sibling, "free", host("192.0.2.2")).want(201)
	put(sibling, w.sibling, "tls", `{"certificate":{"san":"tls.example.net"}}`).want(201)
	r := put(w.tenantToken, w.tenant, "tls", `{"certificate":{"san":"TLS.example.net."}}`)
	r.refused(409, web.SlugConflict)
	if !strings.Contains(r.text, `"certificate":{"taken":`) || strings.Contains(r.text, string(w.sibling)) {
		t.Errorf("%s", r.text)
	}

	// Networks with clients in them stay granted, and no account grants itself some.
	w.call(w.tenantToken, "PATCH", at(w.tenant, ""), data(`{"client_networks":["0.0.0.0/0"]}`)).refused(403, web.SlugForbidden)
	w.call(w.rootToken, "PATCH", at(w.root, ""), data(`{"client_networks":["0.0.0.0/0"]}`)).refused(403, web.SlugForbidden)
	r = w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"client_networks":null}`))
	r.refused(409, web.SlugConflict)
	if !strings.Contains(r.text, `"client_networks":{"clients":`) || !strings.Contains(r.text, string(w.child)) {
		t.Errorf("%s", r.text)
	}
	w.call(w.rootToken, "POST", at(w.child, "/move"), data(`{"to":"`+string(w.sibling)+`"}`)).refused(409, web.SlugConflict)
	if r := w.call(w.tenantToken, "POST", at(w.tenant, ""), data(`{"name":"renamed"}`)).want(200); r.str("data", "client_networks", "0") != "192.0.2.0/24" {
		t.Errorf("%s", r.text)
	}
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"limits":{"clients":2}}`)).want(200)
	r = put(w.tenantToken, w.tenant, "third", host("192.0.2.3"))
	r.refused(409, web.SlugConflict)
	if !strings.Contains(r.text, `limits.clients`) {
		t.Errorf("%s", r.text)
	}
}

func TestBadClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.grantClients(w.tenant, `["192.0.2.0/24"]`)
	base := at(w.tenant, "/aaa/clients/")
	w.call(w.tenantToken, "PUT", base+"ap", data(`{"address":"192.0.2.1","secret":"hush, the first one"}`)).want(201)
	for i, c := range []struct{ body, path string }{
		{`{"address":"192.0.2.2"}`, `"secret":{"required"`},
		{`{"address":"192.0.2.2","secret":""}`, `"secret":{"minLength"`},
		{`{"address":"192.0.2.2","secret":"********"}`, `"secret":{"secret"`},
		{`{"address":"192.0.2.2","secret":"hush","colour":"hush"}`, `"colour":{"unknown"`},
		{`{"address":"192.0.2.2","secret":{"hush":1}}`, `"secret":{"type"`},
		{`{"name":"other","address":"192.0.2.2","secret":"hush"}`, `"name":{"conflict"`},
		{`{"secret":"hush"}`, `"address":{"required"`},
		{`{"certificate":{"san":"hush, hush"}}`, `"certificate.san":{"pattern"`},
	} {
		for _, r := range []reply{
			w.do(ask{method: "PUT", path: base + fmt.Sprint("c", i), token: w.tenantToken, body: data(c.body), unchecked: true}),
			w.do(ask{method: "POST", path: base + "ap", token: w.tenantToken, body: data(c.body), unchecked: true}),
		} {
			if c.path == `"secret":{"secret"` && r.status == 200 { // the stored one is kept
				continue
			}
			r.refused(400, web.SlugInvalid)
			if !strings.Contains(r.text, c.path) || strings.Contains(r.text, "hush") && !strings.Contains(c.path, "san") {
				t.Errorf("%s: %s", c.body, r.text)
			}
		}
	}
	for _, name := range []string{"-x", "a%20b", strings.Repeat("x", 65)} {
		r := w.do(ask{method: "PUT", path: base + name, token: w.tenantToken, body: data(`{"address":"192.0.2.2","secret":"a long shared secret"}`), unchecked: true})
		r.refused(400, web.SlugInvalid)
	}
}
