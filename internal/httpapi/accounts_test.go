package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

func TestAccountLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call(w.tenantToken, "PUT", "/v2/accounts", data(`{"name":"shop","realm":"shop.example"}`)).want(201)
	id := aaa.AccountID(made.str("data", "id"))
	if made.str("data", "parent_id") != string(w.tenant) || made.at("data", "enabled") != true || made.header.Get("Location") != at(id, "") {
		t.Errorf("%v %s", made.header, made.text)
	}
	w.call(w.tenantToken, "PUT", at(id, ""), data(`{"name":"grandchild","realm":"shop.example"}`)).refused(409, web.SlugConflict)
	grandchild := w.call(w.tenantToken, "PUT", at(id, ""), data(`{"name":"grandchild","enabled":false}`)).want(201)
	if grandchild.str("data", "parent_id") != string(id) || grandchild.at("data", "enabled") != false {
		t.Errorf("%s", grandchild.text)
	}
	// Strangers neither learn of the realm nor are kept from having it, and nobody probes those beside him.
	stranger := w.token(w.sibling, token.Scopes()...)
	w.call(stranger, "PUT", "/v2/accounts", data(`{"name":"theirs","realm":"shop.example"}`)).want(201)
	own := w.token(id, token.Scopes()...)
	for _, realm := range []string{`"shop.example.org"`, `"free.example"`, `null`} {
		w.call(own, "PATCH", at(id, ""), data(`{"realm":`+realm+`}`)).refused(403, web.SlugForbidden)
	}
	w.call(own, "PATCH", at(id, ""), data(`{"name":"shop","realm":"shop.example"}`)).want(200)
	if r := w.call(own, "POST", at(id, ""), data(`{"name":"shop"}`)).want(200); r.str("data", "realm") != "shop.example" {
		t.Errorf("a replacement that names no realm: %s", r.text)
	}
	if r := w.call(w.tenantToken, "PATCH", at(id, ""), data(`{"realm":null}`)).want(200); r.at("data", "realm") != nil || r.at("data", "name") != "shop" {
		t.Errorf("%s", r.text)
	}
	// What was read may be written back.
	read := w.call(w.tenantToken, "GET", at(id, ""), "").want(200)
	_, rest, _ := strings.Cut(read.text, `{"data":`)
	body, _, _ := strings.Cut(rest, `,"request_id"`)
	w.call(w.tenantToken, "POST", at(id, ""), data(body)).want(200)
	w.call(w.tenantToken, "POST", at(id, ""), data(strings.Replace(body, string(w.tenant), string(w.child), 1))).refused(400, web.SlugInvalid)

	for _, bad := range []string{`{}`, `{"name":""}`, `{"name":null}`, `{"name":"a\nb"}`, `{"name":"a","realm":"-x-"}`, `{"name":"` + strings.Repeat("x", 129) + `"}`} {
		w.call(w.tenantToken, "POST", at(id, ""), data(bad)).refused(400, web.SlugInvalid)
		w.call(w.tenantToken, "PUT", at(id, ""), data(bad)).refused(400, web.SlugInvalid)
	}
	w.call(w.tenantToken, "DELETE", at(id, ""), "").refused(409, web.SlugConflict)
	w.call(w.tenantToken, "DELETE", at(aaa.AccountID(grandchild.str("data", "id")), ""), "").want(200)
	text := w.token(id, "read")
	w.call(text, "GET", at(id, ""), "").want(200)
	w.call(w.tenantToken, "DELETE", at(id, ""), "").want(200)
	w.call(w.tenantToken, "GET", at(id, ""), "").refused(404, web.SlugIdentifier)
	w.call(text, "GET", at(id, ""), "").refused(401, web.SlugToken) // it went with its account
	w.call(w.rootToken, "DELETE", at(w.root, ""), "").refused(403, web.SlugForbidden)
}

// A new account keeps the id that it brings, if that is one and no other account has it.
func TestAccountBringsItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "0123456789abcdef0123456789abcdef"
	made := w.call(w.tenantToken, "PUT", "/v2/accounts", data(`{"name":"shop","id":"`+id+`"}`)).want(201)
	if made.at("data", "id") != id || made.header.Get("Location") != at(id, "") {
		t.Errorf("%v %s", made.header, made.text)
	}
	for body, status := range map[string]int{
		`{"name":"x","id":"` + id + `"}`:                  409,
		`{"name":"x","id":"` + string(w.sibling) + `"}`:   409,
		`{"name":"x","id":"` + strings.ToUpper(id) + `"}`: 400,
		`{"name":"x","id":"system_config"}`:               400,
		`{"name":"x","id":""}`:                            400,
		`{"name":"x","id":null}`:                          400,
		`{"name":"x","id":7}`:                             400,
	} {
		for _, path := range []string{"/v2/accounts", at(w.tenant, "")} {
			r := w.call(w.tenantToken, "PUT", path, data(body)).want(status)
			if r.at("data", "id") == nil {
				t.Errorf("%s: id is not named: %s", body, r.text)
			}
		}
	}
	// Once it is gone, its id is free, and nothing of the old account is the new one's.
	w.document(id)
	w.call(w.tenantToken, "GET", at(id, "/aaa"), "").want(200)
	old := w.token(id, "read")
	w.call(old, "GET", at(id, ""), "").want(200)
	w.call(w.tenantToken, "DELETE", at(id, ""), "").want(200)
	w.call(w.tenantToken, "PUT", at(w.child, ""), data(`{"name":"again","id":"`+id+`"}`)).want(201)
	w.call(old, "GET", at(id, ""), "").refused(401, web.SlugToken)
	w.call(w.tenantToken, "GET", at(id, "/aaa"), "").refused(404, web.SlugIdentifier)
	w.document(id)
	w.call(w.tenantToken, "POST", at(id, "/aaa/authn"), data(`{"User-Name":"bob","User-Password":"sesame"}`)).want(200)
}

func TestTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	grandchild := w.account("grandchild", w.child)
	names := func(r reply) string {
		t.Helper()
		r.want(200)
		var all []string
		list, _ := r.at("data").([]any)
		for _, v := range list {
			name, _ := v.(map[string]any)["name"].(string)
			all = append(all, name)
		}
		if r.at("page_size") != float64(len(all)) {
			t.Errorf("page_size is %v of %d", r.at("page_size"), len(all))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for path, want := range map[string]string{
		at(w.tenant, "/children"):                                                      "child",
		at(w.tenant, "/descendants"):                                                   "child grandchild",
		at(w.tenant, "/ancestors"):                                                     "", // the token does not reach them
		at(grandchild, "/ancestors"):                                                   "child tenant",
		at(w.tenant, "/descendants?filter_name=grandchild"):                            "grandchild",
		at(w.tenant, "/descendants?filter_enabled=false"):                              "",
		at(w.tenant, "/descendants?paginate=false"):                                    "child grandchild",
		at(w.tenant, "/descendants?filter_enabled=true&filter_name=child&page_size=1"): "child",
	} {
		if got := names(w.call(w.tenantToken, "GET", path, "")); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := names(w.call(w.rootToken, "GET", at(grandchild, "/ancestors"), "")); got != "child root tenant" {
		t.Errorf("%q", got)
	}
	r := w.call(w.tenantToken, "GET", at(w.tenant, "/tree"), "").want(200)
	if r.at("data", "children", "0", "children", "0", "name") != "grandchild" {
		t.Errorf("%s", r.text)
	}
}

// Pages, with and without a filter, give each entry once.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 23 {
		w.account(fmt.Sprintf("n%d", i%2), w.child)
	}
	for query, want := range map[string]int{"page_size=5": 23, "page_size=23": 23, "page_size=5&filter_name=n0": 12, "page_size=1&filter_name=n1": 11, "": 23} {
		seen := make(map[string]bool)
		start := ""
		for {
			r := w.call(w.tenantToken, "GET", at(w.child, "/children?"+query+start), "").want(200)
			list, _ := r.at("data").([]any)
			for _, v := range list {
				id, _ := v.(map[string]any)["id"].(string)
				if seen[id] {
					t.Fatalf("%s: %s is there twice", query, id)
				}
				seen[id] = true
			}
			next, more := r.at("next_start_key").(string)
			if !more {
				break
			}
			start = "&start_key=" + url.QueryEscape(next)
		}
		if len(seen) != want {
			t.Errorf("%s: %d entries, want %d", query, len(seen), want)
		}
	}
}

// A filter is the text of a string and the JSON of anything else, null too.
func TestFiltersOfOtherValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, want := range map[string]string{
		"filter_parent_id=null": "root", "filter_parent_id=": "", "filter_parent_id=" + string(w.root): "tenant",
		"filter_enabled=true&filter_name=root": "root", "filter_enabled=": "", "filter_realm=null": "", "filter_name=%22root%22": "",
	} {
		r := w.call(w.rootToken, "GET", at(w.child, "/ancestors?"+query), "").want(200)
		list, _ := r.at("data").([]any)
		if name, _ := r.at("data", "0", "name").(string); name != want || len(list) > 1 {
			t.Errorf("%s: %s", query, r.text)
		}
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.account("other", w.tenant)
	move := func(token string, id, to aaa.AccountID) reply {
		t.Helper()
		return w.call(token, "POST", at(id, "/move"), data(`{"to":"`+string(to)+`"}`))
	}
	if r := move(w.tenantToken, w.child, other).want(200); r.str("data", "parent_id") != string(other) {
		t.Errorf("%s", r.text)
	}
	// Seen at once by the token that now reaches it in another way, and no longer by the one that doesn't.
	w.call(w.token(other, "read"), "GET", at(w.child, ""), "").want(200)
	move(w.tenantToken, other, w.child).refused(409, web.SlugConflict)
	move(w.tenantToken, other, other).refused(409, web.SlugConflict)
	for _, to := range []aaa.AccountID{w.root, w.sibling, aaa.NewAccountID()} { // out of reach: all alike
		move(w.tenantToken, w.child, to).refused(404, web.SlugIdentifier)
	}
	move(w.tenantToken, w.tenant, other).refused(403, web.SlugForbidden)
	move(w.tenantToken, w.child, "nonsense").refused(400, web.SlugInvalid)
	move(w.rootToken, w.child, w.sibling).want(200)
	w.call(w.tenantToken, "GET", at(w.child, ""), "").refused(404, web.SlugIdentifier)
}
