package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/web"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	post := func(id aaa.AccountID, op, user string) reply {
		t.Helper()
		return w.call(w.tenantToken, "POST", at(id, "/aaa/"+op), data(`{"User-Name":"`+user+`","User-Password":"sesame","unmapped":[1,true,"x"]}`))
	}
	for _, op := range []string{"authn", "authz", "accounting", "custom"} {
		r := post(w.tenant, op, "bob").want(200)
		if r.at("data", "AAA-Result") != "accept" || r.at("data", "Is-Authorized") != true || r.at("data", "server") != "server1" ||
			r.at("data", "account_id") != string(w.tenant) || r.at("data", "attempts") != 1.0 || r.at("data", "Reply-Message") != "hello bob" {
			t.Errorf("%s: %s", op, r.text)
		}
		if r.at("data", "trace") != nil || r.at("revision") != nil || r.header.Get("Etag") != "" {
			t.Errorf("%s: too much: %s", op, r.text)
		}
	}
	if r := post(w.child, "authn", "reject").want(200); r.at("data", "AAA-Result") != "reject" || r.at("data", "Is-Authorized") != false || r.at("data", "account_id") != string(w.tenant) {
		t.Errorf("%s", r.text)
	}
	challenge := post(w.tenant, "authn", "challenge").want(200)
	if challenge.at("data", "AAA-Result") != "challenge" {
		t.Errorf("%s", challenge.text)
	}
	state := challenge.str("data", "State")
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob","State":"`+state+`"}`)).want(200)
	post(w.tenant, "authn", "silent").refused(504, "gateway_timeout")
	post(w.tenant, "authn", "nonsense").refused(502, "bad_gateway")

	traced := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn?trace=true"), data(`{"User-Name":"bob","User-Password":"sesame"}`)).want(200)
	if traced.at("data", "trace", "servers", "0", "name") != "server1" || strings.Contains(traced.text, "sesame") {
		t.Errorf("%s", traced.text)
	}
	failed := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn?trace=true"), data(`{"User-Name":"silent"}`)).refused(504, "gateway_timeout")
	if failed.at("data", "trace", "servers", "0", "name") != "server1" {
		t.Errorf("%s", failed.text)
	}
	for _, bad := range []string{`{"User-Name":null}`, `{"User-Name":{"a":1}}`, `{"User-Name":[[1]]}`, `{"":"x"}`, `[]`, `"x"`, `{"User-Name":"` + strings.Repeat("x", 300) + `"}`} {
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(bad)).refused(400, web.SlugInvalid)
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/translate?op=authn"), data(bad))
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn?trace=1"), data(`{}`)).refused(400, web.SlugInvalid)

	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"aaa_mode":"off"}`)).want(200)
	if r := post(w.tenant, "authz", "bob").want(200); r.at("data", "AAA-Result") != "off" {
		t.Errorf("%s", r.text)
	}
	if strings.Contains(w.log.String(), "sesame") || strings.Contains(w.log.String(), "bob") {
		t.Error("what was sent is in the log")
	}
}

func TestDryRunAndEffective(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	sent := w.backend.requests()
	r := w.call(w.tenantToken, "POST", at(w.child, "/aaa/translate?op=authn"), data(`{"User-Name":"bob","User-Password":"sesame"}`)).want(200)
	if r.at("data", "packets", "0", "avps", "0", "value") != "bob" || r.str("data", "packets", "0", "packet") == "" || strings.Contains(r.text, "sesame") {
		t.Errorf("%s", r.text)
	}
	if w.backend.requests() != sent {
		t.Error("a dry run was sent")
	}
	e := w.call(w.tenantToken, "GET", at(w.child, "/aaa/effective?op=authz"), "").want(200)
	if e.at("data", "levels", "0", "account_id") != string(w.tenant) || e.at("data", "outcome") != "servers" {
		t.Errorf("%s", e.text)
	}
	w.call(w.token(w.tenant, "read"), "POST", at(w.child, "/aaa/translate?op=authn"), data(`{}`)).refused(403, web.SlugForbidden)
}

// TestNoPasswordInATrace: a value that goes into a hidden attribute is masked where it is dropped, be the attribute
// written by number or known to another server of the document alone.
func TestNoPasswordInATrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	rule := func(key, attribute string) string {
		return `{"request_key":"` + key + `","attribute":"` + attribute + `","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	}
	server := func(name, dicts string) string {
		return `{"enabled":true,"name":"` + name + `","address":"127.0.0.1","port":1812,"secret":"sesame","aaa_engine":"radius","dicts":[` + dicts + `]}`
	}
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"authentication":["one","two"],"authorization":[],"accounting":[],"custom":[],"servers":[`+
		server("one", `"dictionary"`)+`,`+server("two", `"dictionary","dictionary_microsoft"`)+`],"authn_avp_translation":[`+
		rule("User-Name", "User-Name")+`,`+rule("k", "Attr-2")+`,`+rule("key", "MS-MPPE-Send-Key")+`,`+rule("key", "Class")+`]}`)).want(200)
	for _, path := range []string{"/aaa/authn?trace=true", "/aaa/translate?op=authn"} {
		r := w.call(w.tenantToken, "POST", at(w.tenant, path), data(`{"User-Name":"bob","k":"hunter2","key":"hunter3"}`)).want(200)
		if strings.Contains(r.text, "hunter") {
			t.Errorf("%s: %s", path, r.text)
		}
		for i, note := range []string{"matched", "dropped", "dropped", "matched"} {
			n := strconv.Itoa(i)
			value, want := r.at("data", "trace", "rules", n, "value"), any(aaa.Mask)
			if i == 0 {
				want = "bob"
			}
			if r.at("data", "trace", "rules", n, "note") != note || value != want {
				t.Errorf("%s: rule %d: %s", path, i, r.text)
			}
		}
	}
}

// TestFaultsOfEngines name what the caller sent, not what became of it.
func TestFaultsOfEngines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"authn_avp_translation":[{"request_key":"who","attribute":"User-Name","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}]}`)).want(200)
	r := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"who":"unfit"}`)).refused(400, web.SlugInvalid)
	if r.at("data", "who", "maxLength") == nil {
		t.Errorf("%s", r.text)
	}
}

// TestReservedKeys: what a rule can't map back, since answers have such a member, is in avps.
func TestReservedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	rule := func(key, attribute string) string {
		return `{"request_key":"` + key + `","attribute":"` + attribute + `","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	}
	wrote := w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"authn_avp_translation":[`+rule("User-Name", "User-Name")+`,`+rule("server", "Reply-Message")+`]}`)).want(200)
	if wrote.at("warnings", "0", "path") != "authn_avp_translation.1.request_key" || wrote.at("warnings", "0", "rule") != "reserved" {
		t.Errorf("%s", wrote.text)
	}
	r := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	if r.at("data", "server") != "server1" || r.at("data", "avps", "Reply-Message") != "hello bob" {
		t.Errorf("%s", r.text)
	}
}

// A backend can't overrule the members that say what the answer is.
func TestMappedKeysReplaceNothing(t *testing.T) {
	t.Parallel()
	res := &aaa.Result{
		Outcome: aaa.Reject, Attempts: 1, Server: "s",
		Keys: map[string]any{"Is-Authorized": true, "AAA-Result": "accept", "server": "x", "mine": []any{"a", json.Number("1"), int64(-2), uint64(3), true}, "q\"<é": "v\n"},
		AVPs: aaa.AVPs{
			{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "A", Type: aaa.TypeInteger}, Value: []byte{0, 0, 0, 7}}, As: "A"},
			{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "B", Type: aaa.TypeOctets}, Value: []byte{1}}, As: "B"},
		},
	}
	text, err := appendResult(nil, res)
	ok(t, err)
	var got map[string]any
	ok(t, json.Unmarshal(text, &got))
	want := map[string]any{
		"AAA-Result": "reject", "Is-Authorized": false, "server": "s", "attempts": 1.0, "mine": []any{"a", 1.0, -2.0, 3.0, true},
		"q\"<é": "v\n", "avps": map[string]any{"A": 7.0, "B": "0x01"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.document(w.child)
	post := func(id aaa.AccountID, op, key, user string) reply {
		t.Helper()
		return w.do(ask{method: "POST", path: at(id, "/aaa/"+op), token: w.tenantToken, body: data(`{"User-Name":"` + user + `"}`), header: map[string]string{"Idempotency-Key": key}})
	}
	first := post(w.tenant, "accounting", "k1", "bob").want(200)
	again := post(w.tenant, "accounting", "k1", "bob").want(200)
	if w.backend.requests() != 1 || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("%d requests, %v", w.backend.requests(), again.header)
	}
	if again.str("request_id") == first.str("request_id") || fmt.Sprint(again.at("data")) != fmt.Sprint(first.at("data")) {
		t.Errorf("%s\n%s", first.text, again.text)
	}
	post(w.tenant, "accounting", "k1", "eve").refused(409, web.SlugConflict) // another body
	post(w.child, "accounting", "k1", "bob").want(200)                       // another account
	post(w.tenant, "accounting", "k2", "bob").want(200)                      // another key
	post(w.tenant, "authn", "k1", "bob").want(200)                           // not accounting
	post(w.tenant, "accounting", "k3", "silent").want(504)                   // a failure is not kept
	post(w.tenant, "accounting", "k3", "silent").want(504)
	if got := w.backend.requests(); got != 6 {
		t.Errorf("%d requests", got)
	}
	post(w.tenant, "accounting", strings.Repeat("k", 256), "bob").refused(400, web.SlugInvalid)

	// The first answer alone has the trace.
	traced := post(w.tenant, "accounting?trace=true", "k5", "bob").want(200)
	again = post(w.tenant, "accounting?trace=true", "k5", "bob").want(200)
	if traced.at("data", "trace") == nil || again.at("data", "trace") != nil || again.at("data", "AAA-Result") != "accept" {
		t.Errorf("%s\n%s", traced.text, again.text)
	}

	// Duplicates that come at the same time wait for the first.
	hold := make(chan struct{})
	w.backend.mu.Lock()
	w.backend.hold = hold
	w.backend.mu.Unlock()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { post(w.tenant, "accounting", "k4", "bob").want(200) })
	}
	<-hold // the first is at the backend; the others come while it is there, or are replayed
	hold <- struct{}{}
	wg.Wait()
	if got := w.backend.requests(); got != 8 {
		t.Errorf("%d requests", got)
	}
}

// repeatable is a service whose one request runs until it is told that it has come again.
type repeatable struct {
	gateway.Service
	began chan string // its RepeatID
	again chan string // the account and the id that were told
}

func (r *repeatable) Handle(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	r.began <- string(req.Account) + req.RepeatID
	return &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Server: <-r.again}, nil
}

func (r *repeatable) Repeat(_ context.Context, account aaa.AccountID, id string) error {
	r.again <- string(account) + id
	return nil
}

// TestRepetitionIsTold: a request that comes again while it runs is told so by the id that it runs under.
func TestRepetitionIsTold(t *testing.T) {
	t.Parallel()
	s := &repeatable{began: make(chan string, 2), again: make(chan string, 2)}
	w := newWorld(t, func(o *worldOptions) { s.Service, o.Service = o.Service, s })
	post := func() reply {
		return w.do(ask{method: "POST", path: at(w.tenant, "/aaa/accounting"), token: w.tenantToken, body: data(`{"User-Name":"bob"}`), header: map[string]string{"Idempotency-Key": "k"}}).want(200)
	}
	var first reply
	var wg sync.WaitGroup
	wg.Go(func() { first = post() })
	id := <-s.began
	second := post()
	wg.Wait()
	if id == string(w.tenant) || first.at("data", "server") != id || second.at("data", "server") != id || len(s.began) != 0 {
		t.Errorf("ran as %q\n%s\n%s", id, first.text, second.text)
	}
	if post(); len(s.again) != 0 {
		t.Error("a request that has ended is told of a repetition")
	}
}
