package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// session begins a session and returns its SID.
func (w *world) session(account aaa.AccountID, user string) string {
	w.t.Helper()
	return w.call(w.rootToken, "POST", at(account, "/aaa/sessions"), data(`{"User-Name":"`+user+`","User-Password":"sesame"}`)).want(201).str("data", "sid")
}

func TestSessionFromChallengeToStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	base := at(w.tenant, "/aaa/sessions")
	call := func(method, rest, body string) reply {
		t.Helper()
		return w.call(w.tenantToken, method, base+rest, body)
	}
	begun := call("POST", "", data(`{"User-Name":"twice","User-Password":"sesame"}`)).want(201)
	sid, id := begun.str("data", "sid"), begun.str("data", "session", "id")
	if begun.at("data", "result") != "challenge" || begun.at("data", "prompt") != "Code?" || begun.at("data", "echo") != true ||
		begun.at("data", "session", "state") != "cont" || begun.at("data", "session", "user") != "twice" ||
		len(sid) != sidLength || begun.header.Get("Location") != base+"/"+sid {
		t.Fatalf("%v %s", begun.header, begun.text)
	}
	call("POST", "/"+sid+"/open", "").refused(409, web.SlugConflict)
	challenge := begun.str("data", "challenge")
	other := call("POST", "/"+sid+"/continue", data(`{"answer":"424242","challenge":"another"}`)).refused(409, web.SlugConflict)
	if other.at("data", "challenge") == nil {
		t.Errorf("challenge is not named: %s", other.text)
	}
	call("POST", "/"+sid+"/continue", data(`{"answer":"424242","challenge":null}`)).refused(400, web.SlugInvalid)
	in := call("POST", "/"+sid+"/continue", data(`{"answer":"424242","challenge":"`+challenge+`"}`)).want(200)
	if in.at("data", "result") != "authenticated" || in.at("data", "keys", "Reply-Message") != "hello twice" ||
		in.at("data", "session", "rounds") != 1.0 || in.at("data", "prompt") != nil || in.at("data", "sid") != nil {
		t.Fatalf("%s", in.text)
	}
	requests := w.backend.requests()
	again := call("POST", "/"+sid+"/continue", data(`{"challenge":"`+challenge+`","answer":"424242"}`)).want(200)
	if fmt.Sprint(again.at("data")) != fmt.Sprint(in.at("data")) || w.backend.requests() != requests {
		t.Errorf("a repetition after %d requests gets\n%s, it was\n%s", w.backend.requests()-requests, again.text, in.text)
	}
	call("POST", "/"+sid+"/continue", data(`{"answer":"424242"}`)).refused(409, web.SlugConflict)
	open := call("POST", "/"+sid+"/open", data(`{"Acct-Session-Id":"mine"}`)).want(200)
	if open.at("data", "result") != "opened" || open.at("data", "session", "open") != true || open.at("data", "session", "acct_session_id") != "mine" ||
		open.at("data", "keys", "Reply-Message") != "hello twice" || open.str("data", "session", "opened_at") == "" {
		t.Fatalf("%s", open.text)
	}
	call("POST", "/"+sid+"/interim", data(`{"counters":{"input_octets":18446744073709551615,"session_time":70e-1},"NAS-Port":3}`)).want(200)
	one := call("GET", "/"+sid, "").want(200)
	if !strings.Contains(one.text, `"input_octets":18446744073709551615,"output_octets":0`) || one.at("data", "counters", "session_time") != 7.0 || one.at("data", "id") != id {
		t.Errorf("%s", one.text)
	}
	rejected := call("POST", "", data(`{"User-Name":"reject"}`)).want(201)
	if rejected.at("data", "result") != "rejected" || rejected.at("data", "session", "state") != "failed" {
		t.Errorf("%s", rejected.text)
	}
	list := call("GET", "?filter_open=true", "").want(200)
	if list.at("data", "0", "id") != id || list.at("data", "1") != nil {
		t.Errorf("%s", list.text)
	}
	for _, r := range []reply{one, list, call("GET", "?page_size=1", "").want(200)} {
		if strings.Contains(r.text, sid) || strings.Contains(r.text, "sesame") {
			t.Errorf("shown: %s", r.text)
		}
	}
	w.call(w.tenantToken, "DELETE", base+"/"+sid+"?cause=Boredom", "").refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "DELETE", base+"/"+sid, data(`{"counters":{"output_octets":9,"session_time":6}}`)).refused(400, web.SlugInvalid)
	over := w.call(w.tenantToken, "DELETE", base+"/"+sid+"?cause=NAS-Request", data(`{"counters":{"output_octets":9}}`)).want(200)
	if over.at("data", "result") != "closed" || over.at("data", "session", "cause") != "NAS-Request" || over.at("data", "session", "open") != false ||
		over.at("data", "session", "counters", "output_octets") != 9.0 {
		t.Errorf("%s", over.text)
	}
	if r := call("DELETE", "/"+sid, "").refused(409, web.SlugConflict); !strings.Contains(r.text, "closed") {
		t.Errorf("the state is not named: %s", r.text)
	}
}

func TestCountersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	base := at(w.tenant, "/aaa/sessions/"+w.session(w.tenant, "bob"))
	w.call(w.tenantToken, "POST", base+"/open", "").want(200)
	w.call(w.tenantToken, "POST", base+"/interim", data(`{"counters":{"input_octets":10,"input_packets":2}}`)).want(200)
	for counters, path := range map[string]string{
		`{"input_octets":9}`:                     "counters.input_octets", // back
		`{"input_packets":1,"output_octets":99}`: "counters.input_packets",
		`{"input_octets":-1}`:                    "counters.input_octets",
		`{"input_octets":1.5}`:                   "counters.input_octets",
		`{"input_octets":9.0}`:                   "counters.input_octets",
		`{"input_octets":1e-3}`:                  "counters.input_octets",
		`{"output_octets":18446744073709551616}`: "counters.output_octets",
		`{"output_packets":"7"}`:                 "counters.output_packets",
		`{"session_time":null}`:                  "counters.session_time",
		`{"octets":1}`:                           "counters.octets",
		`7`:                                      "counters",
		`null`:                                   "counters",
	} {
		r := w.call(w.tenantToken, "POST", base+"/interim", data(`{"counters":`+counters+`}`)).refused(400, web.SlugInvalid)
		if r.at("data", path) == nil {
			t.Errorf("%s: %s is not named: %s", counters, path, r.text)
		}
	}
	for keys, path := range map[string]string{
		`"Acct-Input-Packets":"-1"`:                       "Acct-Input-Packets",
		`"Acct-Output-Packets":1.5`:                       "Acct-Output-Packets",
		`"Acct-Output-Octets":"18446744073709551616"`:     "Acct-Output-Octets",
		`"Acct-Input-Gigawords":0`:                        "Acct-Input-Gigawords",
		`"Acct-Session-Time":[1]`:                         "Acct-Session-Time",
		`"counters":{"octets":1},"Acct-Input-Octets":9.5`: "Acct-Input-Octets",
	} {
		for method, at := range map[string]string{"POST": base + "/interim", "DELETE": base} {
			r := w.call(w.tenantToken, method, at, data("{"+keys+"}")).refused(400, web.SlugInvalid)
			if r.at("data", path) == nil {
				t.Errorf("%s: %s is not named: %s", keys, path, r.text)
			}
		}
	}
	// Under the name of its attribute it is named by that.
	if r := w.call(w.tenantToken, "POST", base+"/interim", data(`{"counters":{"output_octets":1},"Acct-Input-Octets":9}`)).refused(400, web.SlugInvalid); r.at("data", "Acct-Input-Octets") == nil {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "POST", base+"/interim", data(`{"counters":{"input_octets":11},"Acct-Input-Octets":12}`)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", base+"/interim", data(`{"counters":{},"x":{"y":1}}`)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", base+"/interim", `{"data":[]}`).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", base+"/interim", "").want(200)
	r := w.call(w.tenantToken, "GET", base, "").want(200)
	if got := fmt.Sprint(r.at("data", "counters", "input_octets"), r.at("data", "counters", "output_octets")); got != "10 0" {
		t.Errorf("a report that was refused was taken: %s", got)
	}
}

// The sessions of a disabled account are reported and closed by those above it; nothing is begun, gone on with or opened.
func TestSessionsOfADisabledAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.child)
	base := at(w.child, "/aaa/sessions")
	login := func(user string) reply {
		return w.call(w.rootToken, "POST", base, data(`{"User-Name":"`+user+`","User-Password":"sesame"}`))
	}
	own := w.token(w.child, token.Scopes()...)
	open, idle, asked := w.session(w.child, "bob"), w.session(w.child, "bob"), w.session(w.child, "twice")
	w.call(w.rootToken, "POST", base+"/"+open+"/open", "").want(200)
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).want(200) // the account's parent
	before := w.backend.requests()

	login("bob").refused(403, web.SlugForbidden)
	w.call(w.rootToken, "POST", base+"/"+idle+"/open", "").refused(403, web.SlugForbidden)
	w.call(w.rootToken, "POST", base+"/"+asked+"/continue", data(`{"answer":"424242"}`)).refused(403, web.SlugForbidden)
	w.call(w.rootToken, "POST", at(w.child, "/aaa/accounting"), data(`{"User-Name":"bob"}`)).refused(403, web.SlugForbidden)
	for _, text := range []string{own, w.tenantToken} {
		w.call(text, "DELETE", base+"/"+open, "").refused(403, web.SlugForbidden)
	}
	if n := w.backend.requests() - before; n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	w.call(w.rootToken, "POST", base+"/"+open+"/interim", data(`{"counters":{"input_octets":10}}`)).want(200)
	over := w.call(w.rootToken, "DELETE", base+"/"+open+"?cause=Admin-Reset", data(`{"counters":{"input_octets":12}}`)).want(200)
	if over.at("data", "result") != "closed" || over.at("data", "session", "cause") != "Admin-Reset" || over.at("data", "session", "counters", "input_octets") != 12.0 {
		t.Errorf("%s", over.text)
	}
	if n := w.backend.requests() - before; n != 1 {
		t.Errorf("%d requests were sent, want the Stop", n)
	}
	for sid, state := range map[string]string{idle: "completed", asked: "failed"} {
		if r := w.call(w.rootToken, "DELETE", base+"/"+sid, "").want(200); r.at("data", "session", "state") != state {
			t.Errorf("%s", r.text)
		}
	}
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":true}`)).want(200)
	login("bob").want(201)
}

// Neither the log nor the metrics ever hold a SID, whatever becomes of the request.
func TestSIDsAreNotLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	begun := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/sessions"), data(`{"User-Name":"bob","User-Password":"hunter2"}`)).want(201)
	sid, id := begun.str("data", "sid"), begun.str("data", "session", "id")
	base := at(w.tenant, "/aaa/sessions/"+sid)
	w.call(w.tenantToken, "GET", base, "").want(200)
	w.call(w.tenantToken, "POST", base+"/open", "").want(200)
	w.call(w.tenantToken, "POST", base+"/continue", data(`{"answer":"hunter2"}`)).want(409)
	w.call(w.tenantToken, "POST", base+"/interim?sid="+sid, "").want(400)
	w.call(w.token(w.tenant, token.ScopeRead), "DELETE", base, "").want(403)
	w.call(w.token(w.sibling, token.ScopeRead), "GET", base, "").want(404)
	w.call("", "GET", base, "").want(401)
	w.do(ask{method: "PUT", path: base, token: w.tenantToken, unchecked: true}).want(405)
	w.do(ask{method: "GET", path: base + "/nothing/" + sid, token: w.tenantToken, unchecked: true}).want(404)
	w.do(ask{method: "GET", path: "/" + sid, unchecked: true}).want(404)
	w.do(ask{method: "POST", path: base + "?verb=DELETE", token: w.tenantToken}).want(200)
	ok(t, w.store.Close())
	w.call(w.tenantToken, "GET", base, "").want(503)
	log := w.log.String()
	if strings.Contains(log, sid) || strings.Contains(log, "hunter2") {
		t.Errorf("a SID or password is in the log:\n%s", log)
	}
	if n := strings.Count(log, "/aaa/sessions/"+id); n < 8 {
		t.Errorf("the derived id is in %d lines:\n%s", n, log)
	}
	if m := w.call("", "GET", "/metrics", ""); strings.Contains(m.text, sid) || !strings.Contains(m.text, `aaa_api_sessions_total{result="opened"} 1`) {
		t.Errorf("metrics: %s", m.text)
	}
}

// peersOf answers messages of which the body is "good".
type peersOf struct{}

func (peersOf) Check(context.Context, string, string) bool { return true }

func (peersOf) Answer(_ context.Context, _, _, body string) (string, bool) { return "", body == "good" }

// The address at which nodes speak to each other is no part of the contract, and to all others
// nothing is there, whatever the method.
func TestPeersHaveAnAddressThatNobodySees(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Peers = peersOf{} })
	for path := range w.contract.doc.Paths.Map() {
		if strings.HasPrefix(path, "/internal/") {
			t.Errorf("the contract has %s", path)
		}
	}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("X-Request-Id", "same")
		w.api.ServeHTTP(rec, r)
		return rec
	}
	nothing := ask("POST", "/no/such/path", "x")
	withoutTime := func(r *httptest.ResponseRecorder) string {
		before, rest, _ := strings.Cut(r.Body.String(), `"timestamp"`)
		_, after, _ := strings.Cut(rest, ",")
		return fmt.Sprint(r.Code, r.Header(), before, after)
	}
	for _, tc := range []struct{ method, path, body string }{
		{"POST", "/internal/continue", "bad one"},
		{"GET", "/internal/continue", "good"},
		{"POST", "/internal/continue?verb=GET", "bad one"},
		{"PUT", "/internal/", ""},
		{"HEAD", "/internal/continue", ""},
		{"POST", "/internal/continue", `{"verb":"GET"}`},
	} {
		if got := ask(tc.method, tc.path, tc.body); withoutTime(got) != withoutTime(nothing) {
			t.Errorf("%v: got %s, want what there is at no address: %s", tc, withoutTime(got), withoutTime(nothing))
		}
	}
	if got := ask("POST", "/internal/continue", "good"); got.Code != http.StatusOK || got.Body.Len() > 0 {
		t.Errorf("a good message: %d %s", got.Code, got.Body)
	}
}

// By its derived id a session is read and closed with the scope write, and nothing else is done to it. The id is good in its
// own account alone.
func TestSessionsByID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.document(w.child)
	base := at(w.tenant, "/aaa/sessions/")
	begun := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/sessions"), data(`{"User-Name":"bob","User-Password":"sesame"}`)).want(201)
	sid, id := begun.str("data", "sid"), begun.str("data", "session", "id")
	w.call(w.tenantToken, "POST", base+sid+"/open", "").want(200)
	writer, reader, requester := w.token(w.tenant, token.ScopeWrite), w.token(w.tenant, token.ScopeRead), w.token(w.tenant, token.ScopeRequest)
	sent := w.backend.requests()
	for _, method := range []string{"GET", "DELETE"} {
		for _, text := range []string{reader, requester} {
			w.call(text, method, base+id, "").refused(403, web.SlugForbidden)
		}
		w.call(writer, method, base+sid, "").refused(403, web.SlugForbidden)
		w.call(writer, method, at(w.child, "/aaa/sessions/"+id), "").refused(404, web.SlugIdentifier)
		w.call(w.token(w.sibling, token.ScopeWrite), method, base+id, "").refused(404, web.SlugIdentifier)
		w.call(writer, method, base+"0123456789ab", "").refused(404, web.SlugIdentifier)
		w.call(w.tenantToken, method, base+strings.ToUpper(id)+"A", "").refused(404, web.SlugIdentifier) // nor a SID
	}
	w.do(ask{method: "POST", path: base + id + "?verb=DELETE", token: requester}).refused(403, web.SlugForbidden)
	for _, verb := range []string{"continue", "open", "interim", "suspend"} {
		w.call(w.tenantToken, "POST", base+id+"/"+verb, data(`{"answer":"1"}`)).refused(404, web.SlugIdentifier)
	}
	if n := w.backend.requests() - sent; n > 0 {
		t.Fatalf("%d requests were sent", n)
	}
	w.call(requester, "GET", base+sid, "").refused(403, web.SlugForbidden)
	w.call(reader, "GET", base+sid, "").want(200)
	if r := w.call(writer, "GET", base+id, "").want(200); r.at("data", "id") != id || r.at("data", "account_id") != string(w.tenant) || r.at("data", "open") != true {
		t.Errorf("%s", r.text)
	}
	over := w.call(writer, "DELETE", base+id+"?cause=Admin-Reset", data(`{"counters":{"input_octets":5}}`)).want(200)
	if over.at("data", "session", "cause") != "Admin-Reset" || over.at("data", "session", "counters", "input_octets") != 5.0 || w.backend.requests()-sent != 1 {
		t.Errorf("%d requests: %s", w.backend.requests()-sent, over.text)
	}
	w.call(w.tenantToken, "POST", base+sid+"/interim", "").refused(409, web.SlugConflict)
}

// A token of an account above suspends, resumes and closes a session as the account's own does. The former holder is refused by name, and
// what closes the session by its derived id is an administrator.
func TestSessionsAreSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.child)
	base := at(w.child, "/aaa/sessions")
	own := w.token(w.child, token.Scopes()...)
	sid := w.session(w.child, "bob")
	verb := func(text, verb, body string) reply {
		t.Helper()
		return w.call(text, "POST", base+"/"+sid+"/"+verb, body)
	}
	verb(own, "suspend", "").refused(409, web.SlugConflict)
	open := verb(own, "open", "").want(200)
	holder := open.str("data", "holder")
	verb(own, "suspend", data(`{"counters":{"octets":1}}`)).refused(400, web.SlugInvalid)
	verb(own, "suspend", data(`{"holder":{}}`)).refused(400, web.SlugInvalid)
	if r := verb(own, "suspend", data(`{"holder":false}`)).refused(400, web.SlugInvalid); r.at("data", "holder") == nil {
		t.Errorf("%s", r.text)
	}
	away := verb(w.tenantToken, "suspend", data(`{"counters":{"input_octets":7},"holder":"`+holder+`"}`)).want(200)
	if away.at("data", "result") != "suspended" || away.at("data", "session", "suspended") != true || away.at("data", "session", "open") != true ||
		away.str("data", "session", "suspended_at") == "" || away.str("data", "session", "expires_at") == "" || away.at("data", "holder") != nil {
		t.Errorf("%s", away.text)
	}
	verb(own, "interim", "").refused(409, web.SlugConflict)
	for state, want := range map[string]any{"suspended": 1.0, "open": 0.0, "completed": 1.0} {
		if r := w.call(w.rootToken, "GET", at(w.tenant, "/aaa/sessions?descendants=true&filter_user=bob&filter_state="+state), "").want(200); r.at("page_size") != want {
			t.Errorf("%s: %s", state, r.text)
		}
	}
	back := verb(w.tenantToken, "open", "").want(200)
	if back.at("data", "result") != "resumed" || back.at("data", "keys", "Reply-Message") != "hello bob" || back.at("data", "session", "suspended") != nil ||
		back.at("data", "session", "acct_session_id") != open.at("data", "session", "acct_session_id") || back.str("data", "holder") == holder {
		t.Errorf("%s", back.text)
	}
	for _, r := range []reply{
		verb(own, "interim", data(`{"holder":"`+holder+`"}`)), verb(own, "suspend", data(`{"holder":"`+holder+`"}`)), verb(own, "open", data(`{"holder":"`+holder+`"}`)),
		w.call(own, "DELETE", base+"/"+sid, data(`{"holder":"`+holder+`"}`)),
	} {
		if r.refused(409, web.SlugConflict); r.at("data", "holder", "superseded") == nil {
			t.Errorf("%s", r.text)
		}
	}
	if r := verb(own, "interim", data(`{"counters":{"input_octets":5},"holder":"`+back.str("data", "holder")+`"}`)).want(200); r.at("data", "session", "counters", "input_octets") != 12.0 {
		t.Errorf("%s", r.text)
	}
	if r := w.call(w.tenantToken, "DELETE", base+"/"+back.str("data", "session", "id"), "").want(200); r.at("data", "session", "cause") != "Admin-Reset" {
		t.Errorf("%s", r.text)
	}
	for _, secret := range []string{sid, holder, back.str("data", "holder")} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, w.log)
		}
	}
}

// A provider lists the sessions of the accounts below with its own, by account and id, in pages and with filters; nobody
// lists those of an account above or beside.
func TestSessionsOfDescendants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := make(map[aaa.AccountID]int)
	for i, id := range []aaa.AccountID{w.root, w.tenant, w.child, w.sibling} {
		w.document(id)
		for range i + 1 {
			w.session(id, []string{"bob", "twice"}[want[id]%2])
			want[id]++
		}
	}
	delete(want, w.root)
	delete(want, w.sibling)
	list := func(query string) map[aaa.AccountID]int {
		t.Helper()
		got, last := make(map[aaa.AccountID]int), ""
		start := ""
		for {
			r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/sessions?descendants=true"+query+start), "").want(200)
			rows, _ := r.at("data").([]any)
			for i := range rows {
				account := r.str("data", fmt.Sprint(i), "account_id")
				if key := account + r.str("data", fmt.Sprint(i), "id"); key <= last {
					t.Errorf("%s comes after %s", key, last)
				} else {
					last = key
				}
				got[aaa.AccountID(account)]++
			}
			next, more := r.at("next_start_key").(string)
			if !more {
				return got
			}
			start = "&start_key=" + url.QueryEscape(next)
		}
	}
	for _, query := range []string{"", "&page_size=1", "&page_size=2", "&page_size=5", "&paginate=false"} {
		if got := list(query); !maps.Equal(got, want) {
			t.Errorf("%q lists %v, want %v", query, got, want)
		}
	}
	if got := list("&page_size=1&filter_user=twice&filter_state=cont"); got[w.tenant] != 1 || got[w.child] != 1 || len(got) != 2 {
		t.Errorf("of twice: %v", got)
	}
	for query, want := range map[string]int{
		"filter_user=bob": 3, "filter_user=nobody": 0, "filter_user=": 0, "filter_state=": 0, "filter_state=completed": 3, "filter_state=cont": 2,
		"filter_state=open": 0, "filter_user=bob&filter_open=false": 3, "filter_user=twice&filter_rounds=1": 0,
	} {
		if got := list("&page_size=2&" + query); got[w.tenant]+got[w.child] != want {
			t.Errorf("%s lists %v, want %d", query, got, want)
		}
	}
	if r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/sessions?filter_state=away"), "").refused(400, web.SlugInvalid); r.at("data", "filter_state") == nil {
		t.Errorf("%s", r.text)
	}
	if got := list("&filter_account_id=" + string(w.child)); got[w.child] != want[w.child] || len(got) != 1 {
		t.Errorf("of the child: %v", got)
	}
	if r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/sessions?descendants=false"), "").want(200); r.at("page_size") != float64(want[w.tenant]) {
		t.Errorf("its own: %s", r.text)
	}
	w.call(w.tenantToken, "GET", at(w.sibling, "/aaa/sessions?descendants=true"), "").refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/sessions?descendants=yes"), "").refused(400, web.SlugInvalid)
	if r := w.call(w.token(w.child, token.ScopeRead), "GET", at(w.child, "/aaa/sessions?descendants=true"), "").want(200); r.at("page_size") != float64(want[w.child]) {
		t.Errorf("of the child alone: %s", r.text)
	}
}
