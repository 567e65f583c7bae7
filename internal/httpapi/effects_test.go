package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/web"
)

const offDocument = `{"aaa_mode":"off","servers":[],"authentication":[],"authorization":[],"accounting":[],"nas_address":"127.0.0.1","nas_port":"0","workers":1}`

// outcomeWarnings are the warnings of an answer about other accounts, each as operation, change and accounts.
func (r reply) outcomeWarnings() (list []string) {
	r.t.Helper()
	all, _ := r.at("warnings").([]any)
	for _, v := range all {
		m, _ := v.(map[string]any)
		if m["rule"] != "outcome" {
			continue
		}
		message, _ := m["message"].(string)
		change, _, _ := strings.Cut(message, " for ")
		if op, _, _ := strings.Cut(message, ":"); op != m["path"] {
			r.t.Errorf("the path of %q is %v", message, m["path"])
		}
		list = append(list, fmt.Sprint(change, " ", m["total"], " ", m["accounts"]))
	}
	return list
}

func (w *world) outcomes(r reply, status int, want ...string) {
	w.t.Helper()
	if got := r.want(status).outcomeWarnings(); !slices.Equal(got, want) {
		w.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// changes are the warnings of a change of every operation for accounts.
func changes(from, to string, accounts ...aaa.AccountID) (list []string) {
	slices.Sort(accounts)
	for _, op := range []string{"authn", "authz", "accounting", "custom"} {
		list = append(list, fmt.Sprintf("%s: %s → %s %d %v", op, from, to, len(accounts), accounts))
	}
	return list
}

// TestWarnHeirs: each write that changes what requests of other accounts meet names the change and the accounts.
func TestWarnHeirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	grandchild := w.account("grandchild", w.child)
	own := w.account("own", w.tenant)
	w.call(w.tenantToken, "PUT", at(own, "/aaa"), data(aDocument)).want(201)
	path := at(w.tenant, "/aaa")
	call := func(method, rest, body string) reply {
		t.Helper()
		return w.call(w.tenantToken, method, path+rest, body)
	}
	on, off := changes("no_servers", "servers", w.child, grandchild), changes("servers", "off", w.child, grandchild)

	w.outcomes(call("PUT", "", data(aDocument)), 201, on...)
	w.outcomes(call("PATCH", "", data(`{"workers":3}`)), 200)
	w.outcomes(call("PATCH", "", data(`{"aaa_mode":"off"}`)), 200, off...)
	w.outcomes(call("POST", "", data(aDocument)), 200, changes("off", "servers", w.child, grandchild)...)
	w.outcomes(call("PATCH", "", data(`{"authentication":[]}`)), 200,
		fmt.Sprintf("authn: servers → local_accept 2 %v", sorted(w.child, grandchild)))
	w.outcomes(call("POST", "/revisions/1", ""), 200,
		fmt.Sprintf("authn: local_accept → servers 2 %v", sorted(w.child, grandchild)))
	w.outcomes(call("DELETE", "", ""), 200, changes("servers", "no_servers", w.child, grandchild)...)
	w.outcomes(call("POST", "/revisions/1", ""), 201, on...)

	// The system configuration's document is the last that everybody inherits.
	w.outcomes(w.call(w.rootToken, "PUT", atSystem, data(aDocument)), 201, changes("no_servers", "servers", w.root, w.sibling)...)
	w.outcomes(w.call(w.rootToken, "PATCH", atSystemV1, data(`{"aaa_mode":"off"}`)), 200, changes("servers", "off", w.root, w.sibling)...)
	w.outcomes(call("DELETE", "", ""), 200, changes("servers", "off", w.child, grandchild)...)
	w.outcomes(call("POST", "/revisions/1", ""), 201, changes("off", "servers", w.child, grandchild)...)

	// An account that is disabled takes with it what each one below meets.
	w.outcomes(w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)), 200, changes("servers", "disabled", w.child, grandchild, own)...)
	w.outcomes(w.call(w.rootToken, "PATCH", at(w.child, ""), data(`{"enabled":false}`)), 200)
	w.outcomes(w.call(w.rootToken, "PATCH", path, data(`{"aaa_mode":"off"}`)), 200)
	w.outcomes(w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"name":"renamed"}`)), 200)
	w.outcomes(w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":true}`)), 200, changes("disabled", "servers", own)...)
	w.outcomes(w.call(w.rootToken, "PATCH", at(w.child, ""), data(`{"enabled":true}`)), 200, changes("disabled", "off", grandchild)...)
	w.outcomes(w.call(w.rootToken, "DELETE", at(grandchild, ""), ""), 200)
}

func sorted(ids ...aaa.AccountID) []aaa.AccountID {
	slices.Sort(ids)
	return ids
}

// TestMoveIntoOff: an account that had servers is not moved to where everybody is let in, unless that is confirmed.
func TestMoveIntoOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	grandchild := w.account("grandchild", w.child)
	open, accepts, shut := w.account("open", w.tenant), w.account("accepts", w.tenant), w.account("shut", w.tenant)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa"), data(aDocument)).want(201)
	w.call(w.tenantToken, "PUT", at(open, "/aaa"), data(offDocument)).want(201)
	w.call(w.tenantToken, "PUT", at(accepts, "/aaa"), data(strings.Replace(aDocument, `"authentication":["server1"]`, `"authentication":[]`, 1))).want(201)
	w.call(w.tenantToken, "PUT", at(shut, "/aaa"), data(`{"aaa_mode":"on","servers":[],"authentication":["x"]}`)).refused(400, web.SlugInvalid)
	move := func(query string, id, to aaa.AccountID) reply {
		t.Helper()
		return w.call(w.tenantToken, "POST", at(id, "/move"+query), data(`{"to":"`+string(to)+`"}`))
	}
	for _, query := range []string{"", "?confirm=false"} {
		r := move(query, w.child, open).refused(409, web.SlugConflict)
		message, _ := r.at("data", "to", "outcome", "message").(string)
		if !strings.Contains(message, "authn: servers → off for 2 accounts: ") || !strings.Contains(message, string(w.child)) ||
			!strings.Contains(message, string(grandchild)) || !strings.Contains(message, "?confirm=true") {
			t.Errorf("%s", r.text)
		}
	}
	move("", w.child, accepts).refused(409, web.SlugConflict)
	move("?confirm=maybe", w.child, open).refused(400, web.SlugInvalid)
	if r := w.call(w.tenantToken, "GET", at(w.child, ""), ""); r.str("data", "parent_id") != string(w.tenant) {
		t.Errorf("a move that was refused was made: %s", r.text)
	}
	w.outcomes(move("?confirm=true", w.child, open), 200, changes("servers", "off", w.child, grandchild)...)
	w.outcomes(move("", w.child, w.tenant), 200, changes("off", "servers", w.child, grandchild)...)
	w.outcomes(move("", w.child, shut), 200) // the same servers, one level further down

	// An account with a document of its own goes on by it; one below it that has none, too.
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(aDocument)).want(201)
	w.outcomes(move("", w.child, open), 200)
	// What is disabled lets nobody in, and is not asked about.
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	w.outcomes(move("", w.child, w.tenant), 200, changes("off", "servers", w.child, grandchild)...)
	w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"enabled":false}`)).want(200)
	w.outcomes(move("", w.child, open), 200)
	// Cycles are told as such.
	if r := move("", w.tenant, open); r.status != 403 {
		t.Errorf("%s", r.text)
	}
	if r := move("", w.child, grandchild).refused(409, web.SlugConflict); r.at("data", "to", "cycle") == nil {
		t.Errorf("%s", r.text)
	}
}

// TestManyHeirs: twenty accounts are named, and how many there are.
func TestManyHeirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		w.account(fmt.Sprint("child", i), w.tenant)
	}
	r := w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa"), data(offDocument)).want(201)
	accounts, _ := r.at("warnings", "0", "accounts").([]any)
	if message, _ := r.at("warnings", "0", "message").(string); len(accounts) != 20 || r.at("warnings", "0", "total") != 31.0 || !strings.HasSuffix(message, " and 11 more") {
		t.Errorf("%s", r.text)
	}
}
