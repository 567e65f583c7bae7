package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// allow sets limits of an account, as the root account's token does.
func (w *world) allow(id aaa.AccountID, limits string) {
	w.t.Helper()
	w.call(w.rootToken, "PATCH", at(id, ""), data(`{"limits":`+limits+`}`)).want(http.StatusOK)
}

// limited checks an answer that refuses by a limit: what it says of it, and whose it names.
func (r reply) limited(status int, slug, limit string, allowed int, says ...string) {
	r.t.Helper()
	r.refused(status, slug)
	if r.at("data", "limits."+limit, "limit", "target") != float64(allowed) {
		r.t.Errorf("%s", r.text)
	}
	message := r.str("data", "limits."+limit, "limit", "message")
	for _, want := range says {
		if not, absent := strings.CutPrefix(want, "!"); strings.Contains(message, not) == absent {
			r.t.Errorf("%q: %s", want, message)
		}
	}
	if retry := r.header.Get("Retry-After"); (retry != "") != (status == http.StatusTooManyRequests) {
		r.t.Errorf("Retry-After is %q", retry)
	}
}

// A tenant makes as much as it may of everything, and one more.
func TestTenantAtItsLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(w.tenant, `{"tokens":3,"dictionaries":2,"tables":2,"users_files":2,"accounts":3}`)
	own := string(w.tenant)
	made := func(i int, text string) string { return strings.ReplaceAll(text, "{i}", fmt.Sprint(i)) }
	for limit, add := range map[string]struct {
		ask
		most, had int
	}{
		"tokens":       {ask{method: "PUT", path: at(w.tenant, "/tokens")}, 3, 1},
		"dictionaries": {ask{method: "PUT", path: at(w.tenant, "/aaa/dictionary"), body: data(fmt.Sprintf(aDictionary, "d{i}"))}, 2, 0},
		"tables":       {ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/t{i}"), body: aTable, header: asText}, 2, 0},
		"users_files":  {ask{method: "PUT", path: at(w.tenant, "/aaa/users/u{i}"), body: aUsersFile, header: asText}, 2, 0},
		"accounts":     {ask{method: "PUT", path: at(w.child, ""), body: data(`{"name":"below"}`)}, 3, 1},
	} {
		for i := add.had; i <= add.most; i++ {
			a := add.ask
			a.token, a.path, a.body = w.tenantToken, made(i, a.path), made(i, a.body)
			if limit == "tokens" && i == add.most-1 {
				a.path = at(w.tenant, "/api_key") // counted as one of them
			}
			r := w.do(a)
			if i < add.most {
				r.want(http.StatusCreated)
				continue
			}
			r.limited(http.StatusConflict, web.SlugConflict, limit, add.most, "account "+own+" is at its limit", "set on account "+own, "delete some, or an account above can raise it", "!PATCH")
			a.token = w.rootToken
			w.do(a).limited(http.StatusConflict, web.SlugConflict, limit, add.most, `PATCH /v2/accounts/`+own+` {"data": {"limits": {"`+limit)
		}
		// Another account has its own.
		a := add.ask
		a.path, a.body, a.token = strings.NewReplacer(string(w.tenant), string(w.sibling), string(w.child), string(w.sibling)).Replace(made(9, a.path)), made(9, a.body), w.rootToken
		w.do(a).want(http.StatusCreated)
		if got := metric(w, `aaa_api_limited_total{limit="`+limit+`"}`); got != "2" {
			t.Errorf("%s: counted %s refusals", limit, got)
		}
	}
	if got := metric(w, `aaa_api_limited_total{limit="sessions"}`); got != "0" {
		t.Errorf("counted %s refusals of sessions", got)
	}
	// The child hears nothing of who is above it.
	childToken := w.token(w.child, token.Scopes()...)
	w.call(childToken, "PUT", at(w.child, ""), data(`{"name":"below"}`)).limited(http.StatusConflict, web.SlugConflict, "accounts", 3,
		"an account above is at its limit", "set by an account above", "!"+own)
	w.allow(w.tenant, `{"tokens":1}`)
	w.call(childToken, "PUT", at(w.child, "/tokens"), "").limited(http.StatusConflict, web.SlugConflict, "tokens", 1,
		"account "+string(w.child)+" is at its limit", "set by an account above", "!"+own)
	p := w.do(ask{method: "PUT", path: at(w.child, "/tokens"), token: childToken, header: map[string]string{"Accept": "application/problem+json"}}).want(http.StatusConflict)
	if p.at("errors", "0", "path") != "limits.tokens" || p.at("errors", "0", "rule") != "limit" || strings.Contains(p.text, own) {
		t.Errorf("%s", p.text)
	}
	// An account that came to it by its key is told the same.
	key := w.call(w.rootToken, "PUT", at(w.sibling, "/api_key"), "").want(http.StatusCreated).str("data", "api_key")
	w.allow(w.sibling, `{"tokens":0}`)
	w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).limited(http.StatusTooManyRequests, web.SlugTooMany, "tokens", 0, "account "+string(w.sibling))
}

// metric is the value of a series on /metrics.
func metric(w *world, series string) string {
	w.t.Helper()
	for line := range strings.Lines(w.do(ask{method: "GET", path: "/metrics"}).want(http.StatusOK).text) {
		if v, found := strings.CutPrefix(line, series+" "); found {
			return strings.TrimSpace(v)
		}
	}
	w.t.Errorf("there is no series %s", series)
	return ""
}

// A move counts what comes along.
func TestMoveOverTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(w.tenant, `{"accounts":2}`)
	w.account("below sibling", w.sibling)
	w.call(w.rootToken, "POST", at(w.sibling, "/move"), data(`{"to":"`+string(w.child)+`"}`)).limited(http.StatusConflict, web.SlugConflict, "accounts", 2)
	w.allow(w.tenant, `{"accounts":3}`)
	w.call(w.rootToken, "POST", at(w.sibling, "/move"), data(`{"to":"`+string(w.child)+`"}`)).want(http.StatusOK)
}

// A document that is too long is refused however it comes, and what is stored stays.
func TestDocumentOverItsSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	path := at(w.tenant, "/aaa")
	size := int(w.limit(w.tenantToken, w.tenant, "document_octets")["used"].(float64))
	if size < 1000 || size > 5000 {
		t.Errorf("the document has %d octets", size)
	}
	w.allow(w.tenant, fmt.Sprintf(`{"document_octets":%d}`, size+100))
	w.call(w.tenantToken, "PATCH", path, data(`{"x-note":"<<<>>>&&&"}`)).want(http.StatusOK) // no escapes are counted
	long := data(`{"x-note":"` + strings.Repeat("n", 100) + `"}`)
	w.call(w.tenantToken, "PATCH", path, long).limited(http.StatusBadRequest, web.SlugInvalid, "document_octets", size+100, "octets of the AAA document", "shorten it, or ", "set on account "+string(w.tenant))
	w.call(w.tenantToken, "POST", path, data(strings.Replace(aDocument, `{`, `{"x-note":"`+strings.Repeat("n", 200)+`",`, 1))).
		limited(http.StatusBadRequest, web.SlugInvalid, "document_octets", size+100)
	w.allow(w.child, `{"document_octets":50}`)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(aDocument)).limited(http.StatusBadRequest, web.SlugInvalid, "document_octets", 50)
	w.allow(w.tenant, `{"document_octets":50}`)
	w.call(w.tenantToken, "POST", path+"/revisions/1", "").limited(http.StatusBadRequest, web.SlugInvalid, "document_octets", 50)
	w.call(w.tenantToken, "POST", path+"/authn", data(`{"User-Name":"bob"}`)).want(http.StatusOK)
	w.call(w.rootToken, "PUT", "/v2/system_configs/circlemaker", data(`{"x-note":"`+strings.Repeat("n", 100)+`","aaa_mode":"off","servers":[],"authentication":[],"authorization":[],"accounting":[],"workers":10,"nas_address":"192.0.2.1","nas_port":"1"}`)).
		want(http.StatusCreated) // it belongs to no account
}

// A tenant over its rate gets 429 with the limit, and nobody else does.
func TestRequestsOverTheRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.document(w.sibling)
	w.allow(w.tenant, `{"requests_per_second":0}`)
	body := data(`{"User-Name":"bob"}`)
	before := w.backend.requests()
	for _, path := range []string{"/aaa/authn", "/aaa/accounting", "/aaa/translate?op=authn", "/aaa/sessions"} {
		for _, id := range []aaa.AccountID{w.tenant, w.child} {
			w.call(w.tenantToken, "POST", at(id, path), body).limited(http.StatusTooManyRequests, web.SlugTooMany, "requests_per_second", 0, "set on account "+string(w.tenant))
		}
	}
	if w.backend.requests() != before {
		t.Error("a server was asked")
	}
	w.call(w.rootToken, "POST", at(w.sibling, "/aaa/authn"), body).want(http.StatusOK)
	w.call(w.tenantToken, "GET", at(w.tenant, "/limits"), "").want(http.StatusOK)
}

// limit is what …/limits tells of one limit of an account.
func (w *world) limit(token string, id aaa.AccountID, name string) map[string]any {
	w.t.Helper()
	r := w.call(token, "GET", at(id, "/limits"), "").want(http.StatusOK)
	row, found := r.at("data", "limits", name).(map[string]any)
	if !found {
		w.t.Fatalf("%s is not told: %s", name, r.text)
	}
	return row
}

// Each sees what it may use and uses; of those above, no more than that there are some.
func TestLimitsAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.allow(w.tenant, `{"tokens":20,"tables":0}`)
	w.allow(w.child, `{"tokens":30,"sessions":5}`)
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"server_networks":["10.0.0.0/8"]}`)).want(http.StatusOK)
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/sessions"), data(`{"User-Name":"bob"}`)).want(http.StatusCreated)
	w.do(ask{method: "PUT", path: at(w.tenant, "/aaa/users/u"), token: w.tenantToken, body: aUsersFile, header: asText}).want(http.StatusCreated)
	childToken := w.token(w.child, "read")
	check := func(token string, id aaa.AccountID, limit string, want map[string]any) {
		t.Helper()
		got := w.limit(token, id, limit)
		if got["bounds"] == "" {
			t.Errorf("%s bounds nothing", limit)
		}
		delete(got, "bounds")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", limit, got, want)
		}
	}
	row := func(allowed any, source string, from aaa.AccountID, used any) map[string]any {
		m := map[string]any{"allowed": allowed, "source": source}
		if from != "" {
			m["account_id"] = from
		}
		if used != nil {
			m["used"] = used
		}
		return m
	}
	check(w.tenantToken, w.tenant, "tokens", row(20, "account", w.tenant, 1))
	check(w.tenantToken, w.child, "tokens", row(20, "account", w.tenant, 1))
	check(childToken, w.child, "tokens", row(20, "above", "", 1))
	check(childToken, w.child, "sessions", row(5, "account", w.child, 0))
	check(w.tenantToken, w.tenant, "sessions", row(100000, "default", "", 1))
	check(w.tenantToken, w.tenant, "accounts", row(10000, "default", "", 1))
	check(w.tenantToken, w.tenant, "packets_per_request", row(64, "default", "", nil))
	check(w.tenantToken, w.child, "document_octets", row(262144, "default", "", 0))
	check(w.rootToken, w.root, "tokens", row(nil, "default", "", 1))
	check(w.rootToken, w.root, "accounts", row(nil, "default", "", 3))
	check(w.rootToken, w.root, "packets_per_request", row(64, "default", "", nil))
	check(w.tenantToken, w.tenant, "users_files", row(100, "default", "", 1))
	w.allow(w.root, `{"dictionaries":4}`)
	check(w.rootToken, w.sibling, "dictionaries", row(4, "account", w.root, 0))
	check(w.tenantToken, w.tenant, "dictionaries", row(4, "above", "", 0))
	for id, want := range map[aaa.AccountID]string{w.root: `["0.0.0.0/0","::/0"]`, w.tenant: `["10.0.0.0/8"]`, w.child: `[]`} {
		if r := w.call(w.rootToken, "GET", at(id, "/limits"), ""); !strings.Contains(r.text, `"server_networks":`+want) {
			t.Errorf("%s: %s", want, r.text)
		}
	}
	w.call(w.tenantToken, "GET", at(w.sibling, "/limits"), "").refused(http.StatusNotFound, web.SlugIdentifier)
}

// A tenant over its rate of other requests hears so, and its AAA requests go on, as do those of others for it.
func TestOtherRequestsOverTheRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.allow(w.tenant, `{"api_requests_per_second":0}`)
	childToken := w.token(w.child, token.Scopes()...)
	for path, text := range map[string]string{at(w.tenant, ""): w.tenantToken, at(w.child, "/tokens"): w.tenantToken, "/v2/whoami": childToken} {
		w.call(text, "GET", path, "").limited(http.StatusTooManyRequests, web.SlugTooMany, "api_requests_per_second", 0)
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(http.StatusOK)
	w.call(w.rootToken, "GET", at(w.tenant, ""), "").want(http.StatusOK)
}
