package httpapi

import (
	"strconv"
	"strings"
	"testing"

	"aaa-api/internal/token"
)

// banning is a document that bans by a key.
func banning(key string) string {
	return strings.Replace(aDocument, "{", `{"bans":{"by":["`+key+`"],"max_score":20},`, 1)
}

// A banned login is a 429 with the word banned and when to come again, in a batch's line and to a session too; it is listed above the account,
// and lifted by its value or by its id.
func TestBans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa"), data(banning("User-Name"))).want(201)
	if e := w.call(w.tenantToken, "GET", at(w.child, "/aaa/effective?op=authn"), "").want(200); e.str("data", "bans", "0", "account_id") != string(w.tenant) || e.str("data", "bans", "0", "by", "0") != "User-Name" {
		t.Error(e.text)
	}
	if e := w.call(w.tenantToken, "GET", at(w.child, "/aaa/effective?op=authz"), "").want(200); e.at("data", "bans") != nil {
		t.Error(e.text)
	}
	login := func(name string) reply {
		return w.call(w.tenantToken, "POST", at(w.child, "/aaa/authn"), data(`{"User-Name":"`+name+`","User-Password":"x"}`))
	}
	banned := func(r reply, most int) {
		t.Helper()
		wait, err := strconv.Atoi(r.refused(429, "banned").header.Get("Retry-After"))
		if ok(t, err); wait <= most-30 || wait > most {
			t.Errorf("%v", r.header)
		}
	}
	for range 2 {
		login("reject").want(200)
	}
	sent := w.backend.requests()
	banned(login("REJECT"), 300)
	banned(w.call(w.tenantToken, "POST", at(w.child, "/aaa/sessions"), data(`{"User-Name":"reject"}`)), 300)
	traced := w.call(w.tenantToken, "POST", at(w.child, "/aaa/authn?trace=true"), data(`{"User-Name":"reject"}`))
	if banned(traced, 300); traced.str("data", "trace", "documents", "1", "note") != "banned" {
		t.Errorf("the trace is %s", traced.text)
	}
	line := w.do(ask{method: "POST", path: at(w.child, "/aaa/batch"), token: w.tenantToken, body: `{"id":"1","op":"authn","data":{"User-Name":"reject"}}`, header: asLines}).want(200)
	if !strings.Contains(line.text, `{"id":"1","status":"error","error":"429","message":"banned"`) || !strings.Contains(line.text, `"retry_after":`) {
		t.Errorf("a line is answered by %s", line.text)
	}
	if w.backend.requests() != sent {
		t.Error("a banned login is sent")
	}
	if !strings.Contains(w.log.String(), `"reason":"banned"`) || !strings.Contains(w.log.String(), `"msg":"a ban begins"`) {
		t.Error("the log does not say so")
	}

	w.bans.Sync(t.Context())
	for path, want := range map[string]int{
		at(w.child, "/aaa/bans"): 1, at(w.tenant, "/aaa/bans"): 0, at(w.tenant, "/aaa/bans?descendants=true"): 1, at(w.sibling, "/aaa/bans?descendants=true"): 0,
		at(w.child, "/aaa/bans?filter_value=reject"): 1, at(w.child, "/aaa/bans?filter_value=eve"): 0,
	} {
		r := w.call(w.rootToken, "GET", path, "").want(200)
		list, _ := r.at("data").([]any)
		if len(list) != want {
			t.Errorf("%s: %s", path, r.text)
		}
		if want > 0 && (r.str("data", "0", "value") != "reject" || r.str("data", "0", "document_id") != string(w.tenant) || r.at("data", "0", "token_id") != nil) {
			t.Errorf("%s: %s", path, r.text)
		}
	}
	lift := at(w.child, "/aaa/bans?key=User-Name&value=Reject")
	if r := w.call(w.tenantToken, "DELETE", lift, "").want(200); r.at("data", "bans") != 1.0 {
		t.Error(r.text)
	}
	if r := w.call(w.tenantToken, "DELETE", lift, "").want(200); r.at("data", "bans") != 0.0 {
		t.Error(r.text)
	}
	login("reject").want(200) // and its points are forgotten

	made := w.call(w.tenantToken, "POST", at(w.child, "/aaa/bans"), data(`{"key":"User-Name","value":"bob","seconds":6e1,"reason":"ticket 4711"}`)).want(201)
	id := made.str("data", "id")
	if made.str("data", "reason") != "ticket 4711" || made.str("data", "token_id") == "" || made.header.Get("Location") != at(w.child, "/aaa/bans/"+id) {
		t.Errorf("%s %v", made.text, made.header)
	}
	banned(login("bob"), 60)
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/aaa/bans/"+id), "").refused(404, "bad_identifier") // it is the child's
	if r := w.call(w.tenantToken, "DELETE", at(w.child, "/aaa/bans/"+id), "").want(200); r.str("data", "value") != "bob" {
		t.Error(r.text)
	}
	login("bob").want(200)
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa/bans/"+id), "").refused(404, "bad_identifier")
	text := w.call("", "GET", "/metrics", "").want(200).text
	for _, line := range []string{`aaa_api_requests_total{op="authn",outcome="banned"} 5`, "aaa_api_banned_requests_total 5", "aaa_api_bans_begun_total 1", "aaa_api_bans 0"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// What is wrong with a ban by hand is told, and nothing is stored.
func TestBadBans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa"), data(banning("User-Name"))).want(201)
	for body, path := range map[string]string{
		`{"value":"x"}`: "key", `{"key":"User-Name"}`: "value", `{"key":"User-Name","value":""}`: "value", `{"key":"User-Name","value":" "}`: "value",
		`{"key":"Calling-Station-Id","value":"x"}`: "key", `{"key":"User-Name","value":"x","seconds":0}`: "seconds",
		`{"key":"User-Name","value":"x","seconds":2592001}`: "seconds", `{"key":"User-Name","value":"x","seconds":1.5}`: "seconds",
		`{"key":"User-Name","value":"x","reason":"a\u0000"}`: "reason", `{"key":"User-Name","value":"x","until":1}`: "until",
		`{"key":"User-Name","value":5}`: "value",
	} {
		r := w.do(ask{method: "POST", path: at(w.child, "/aaa/bans"), token: w.tenantToken, body: data(body), unchecked: true}).refused(400, "validation error")
		if r.at("data", path) == nil {
			t.Errorf("%s: %s", body, r.text)
		}
	}
	for query, path := range map[string]string{"": "key", "?key=User-Name": "value", "?key=x&value=y": "key", "?key=User-Name&value=": "value"} {
		r := w.do(ask{method: "DELETE", path: at(w.child, "/aaa/bans"+query), token: w.tenantToken, unchecked: true}).refused(400, "validation error")
		if r.at("data", path) == nil {
			t.Errorf("%q: %s", query, r.text)
		}
	}
	w.call(w.tenantToken, "POST", at(w.sibling, "/aaa/bans"), data(`{"key":"User-Name","value":"x"}`)).refused(404, "bad_identifier")
	reader := w.token(w.tenant, token.ScopeRead, token.ScopeRequest)
	w.call(reader, "POST", at(w.child, "/aaa/bans"), data(`{"key":"User-Name","value":"x"}`)).refused(403, "forbidden")
	if list, _ := w.call(reader, "GET", at(w.tenant, "/aaa/bans?descendants=true"), "").want(200).at("data").([]any); len(list) != 0 {
		t.Errorf("stored are %v", list)
	}
}
